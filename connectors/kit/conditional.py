"""Asking again for what may not have changed: what a site said of its answer, and a hash for those that say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import httpx

from connectors.kit.answer import refusal, unreachable
from monitor.connector import PollError
from monitor.model import Json

_LONGEST = 1_000
_ASKED = {"etag": "if-none-match", "last-modified": "if-modified-since"}


async def ask(
    client: httpx.AsyncClient,
    url: httpx.URL,
    known: Mapping[str, Json],
    *,
    accept: str,
    meanings: Mapping[int, tuple[type[PollError], str]],
) -> httpx.Response:
    """Gets `url` if it has changed: a good answer, or a 304. `meanings` are what this platform means by a refusal,
    where it is not the usual. Raises PollError."""
    try:
        response = await client.get(url, headers={"accept": accept, **conditions(known)})
    except httpx.HTTPError as error:
        raise unreachable(error) from None
    if response.is_success or unchanged(response, known):
        return response
    raise refusal(response, *meanings.get(response.status_code, ()))


def conditions(known: Mapping[str, Json]) -> dict[str, str]:
    """The headers of a request for what is `known`."""
    return {asked: known[said] for said, asked in _ASKED.items() if known.get(said)}


def remembered(response: httpx.Response) -> dict[str, Json]:
    """What to keep of an answer."""
    said = {name: value for name in _ASKED if _sendable(value := response.headers.get(name, ""))}
    return {"body": digest(response.content), **said}


def unchanged(response: httpx.Response, known: Mapping[str, Json]) -> bool:
    """Whether an answer says that nothing has changed, or has the same body."""
    if response.status_code == httpx.codes.NOT_MODIFIED:
        return bool(conditions(known))
    return response.is_success and known.get("body") == digest(response.content)


def digest(content: bytes | str) -> str:
    """A short hash, to know something again by."""
    return blake2b(content.encode() if isinstance(content, str) else content, digest_size=12).hexdigest()


def _sendable(header: str) -> bool:
    """Whether it can be sent back verbatim: httpx refuses what is not ASCII, and a cursor is no place for much."""
    return header.isascii() and header.isprintable() and 0 < len(header) <= _LONGEST
