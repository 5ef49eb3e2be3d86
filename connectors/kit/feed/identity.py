"""Which entries are the same: ids that hold across feeds, polls and publishers' habits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from typing import NamedTuple

from connectors.kit.feed.entry import Entry

_TRACKING = re.compile(
    r"(?<=[?&])(?:utm_\w+|fbclid|gclid|igshid|mc_[ce]id|cmpid|at_(?:medium|campaign|custom\d+))=[^&#]*(?:&|(?=#)|$)"
)
_EMPTY_QUERY = re.compile(r"[?&](?=#|$)")
_REDDIT = re.compile(r"t[1-6]_[0-9a-z]{1,20}")
_NAMED = ("tag:", "urn:", "yt:", "uuid:", "doi:")
_UNIQUE = 20
"""Characters from which on an opaque id is taken to be unique in the world: base64 or hex of 80 bits and more."""
_LONGEST = 400
_MOST_OWNERS = 200

Owners = dict[str, str]
"""Of guids that several entries carry, which link has the guid for itself; hashes, oldest first, as JSON."""


class Known(NamedTuple):
    """An entry, where it leads and the id it goes by."""

    entry: Entry
    link: str | None
    id: str


def canonical(url: str) -> str:
    """An address as an id: always https, host in lower case, without default port and tracking parameters."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in ("http", "https"):
        return url
    host, _, path = rest.partition("/")
    host = host.lower().removesuffix(":80").removesuffix(":443")
    if "?" in path:
        path = _EMPTY_QUERY.sub("", _TRACKING.sub("", path))
    return f"https://{host}/{path}"


def host(link: str | None) -> str:
    """The host of an absolute address, without port."""
    return link.split("/", 3)[2].rpartition("@")[2].partition(":")[0].lower() if link else ""


def identity(ident: str, link: str | None, site: str, *said: str) -> str:
    """The id of an entry over all feeds: its own where that is unique in the world, else within its site; where it has
    none its link, else a hash of what it says. `site` is the host to fall back on where there is no link."""
    if not ident:
        ident = link or sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()
    if "://" in ident:
        ident = canonical(ident)
    elif not (ident.startswith(_NAMED) or (len(ident) >= _UNIQUE and " " not in ident) or _REDDIT.fullmatch(ident)):
        ident = f"{host(link) or site}:{ident}"
    return ident if len(ident) <= _LONGEST else sha256(ident.encode("utf-8", "surrogatepass")).hexdigest()


def distinct(found: Sequence[Known], owners: Owners) -> tuple[list[Known], Owners]:
    """The entries under ids that tell them apart, and the owners to remember.

    Where entries share an id, all but the oldest get their link beside it; which one was the oldest is remembered, so
    that each keeps its id when others leave the window. Of entries that share the link too, the first one counts."""
    if not owners and len({known.id for known in found}) == len(found):
        return list(found), owners
    count = Counter(known.id for known in found)
    owners = dict(owners)
    for known in sorted(found, key=_age) if len(count) < len(found) else ():
        if count[known.id] > 1:
            owners.setdefault(_hash(known.id), _hash(known.link or ""))
    apart: dict[str, Known] = {}
    for known in found:
        owner = owners.get(_hash(known.id))
        if owner not in (None, _hash(known.link or "")):
            known = known._replace(id=identity(f"{known.id} {known.link}", None, ""))  # noqa: PLW2901 - the same entry
        apart.setdefault(known.id, known)
    return list(apart.values()), dict(list(owners.items())[-_MOST_OWNERS:])


def _age(known: Known) -> datetime:
    return known.entry.published or known.entry.updated or datetime.max.replace(tzinfo=UTC)


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
