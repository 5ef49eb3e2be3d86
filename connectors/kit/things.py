"""Reddit's things: what its listings and comment trees hold, whatever they are wrapped in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from connectors.kit import answer
from connectors.kit.rest import UNREADABLE, text, text_or_none, total
from connectors.kit.text import https, plain, tidy
from monitor.model import Json, Kind, Mention

KINDS = {"t3": Kind.POST, "t1": Kind.COMMENT}
"""What is read: links and comments. Messages (t4), accounts (t2) and subreddits (t5) are not."""

_SITE = "https://www.reddit.com"
_REMOVED = {"[deleted]", "[removed]", "[deleted by user]", "[ removed by reddit ]"}
_NOBODY = "[deleted]"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class After:
    """A listing names the last fullname of a page under `data`, none where it ends."""

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:  # noqa: ARG002
        """Return the page below."""
        name = answer.read(response)["data"]["after"]
        return url.copy_set_param("after", name) if name else None


def things(said: Json) -> list[Json]:
    """All things in an answer, in the order in which they are shown. Raises one of UNREADABLE where it is no listing, no
    list of them (a post with its comments) and no `things` (what was left out of a tree)."""
    said = said["json"]["data"]["things"] if isinstance(said, dict) and "json" in said else said
    if not isinstance(said, list) and said["kind"] != "Listing":
        raise TypeError("no listing")
    return list(_unwrapped(said))


def _unwrapped(said: Json) -> Iterator[Json]:
    waiting = [said]  # threads may be deeper than a recursion
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, dict) and one.get("kind") == "Listing":
            waiting.append(one["data"]["children"])
        else:
            yield one
            with suppress(*UNREADABLE):  # replies are a listing, or "" where there are none
                waiting += [replies] if isinstance(replies := one["data"].get("replies"), dict) else []


def left_out(found: Sequence[Json]) -> list[str]:
    """The ids of the comments that a tree names and does not show."""
    ids: list[str] = []
    for thing in found:
        with suppress(*UNREADABLE):
            ids += [text(thing["data"]["children"], n) for n in range(len(thing["data"]["children"]))]
    return ids


def fullname(thing: Json) -> str:
    """What a thing is called everywhere, such as t1_ekftbox. Raises one of UNREADABLE."""
    return text_or_none(thing["data"], "name") or f"{text(thing, 'kind')}_{text(thing['data'], 'id')}"


def fullnames(found: Sequence[Json]) -> list[str]:
    """The names of the posts and comments, as far as they have one."""
    names = []
    for thing in found:
        with suppress(*UNREADABLE):
            names += [fullname(thing)] if thing["kind"] in KINDS else []
    return names


def gone(thing: Json) -> bool:
    """Whether a post or comment was deleted by its author, or removed by a moderator, a filter or Reddit. Raises one of
    UNREADABLE. A name of "[deleted]" alone says that the account is gone: what it said stays."""
    said = thing["data"]
    words = (said.get("body"), said.get("selftext"), said.get("title"))
    return bool(said.get("removed_by_category")) or any(str(one).strip().lower() in _REMOVED for one in words)


def unsigned(thing: Json) -> bool:
    """Whether its author deleted the account. Raises one of UNREADABLE."""
    return bool(thing["data"].get("author") == _NOBODY)


def created(thing: Json) -> datetime:
    """When a thing came: `created` beside it is shifted by a local offset. Raises one of UNREADABLE."""
    return _EPOCH + timedelta(seconds=float(thing["data"]["created_utc"]))


def mention(thing: Json, own: set[str]) -> Mention | None:
    """Read a post or comment; `own` are the names of our accounts, in lower case. Raises one of UNREADABLE."""
    kind, said = KINDS.get(text(thing, "kind")), thing["data"]
    if kind is None or gone(thing):
        return None
    words = "selftext" if kind is Kind.POST else "body"
    shown, author = text_or_none(said, f"{words}_html"), text_or_none(said, "author")
    return Mention(
        external_id=fullname(thing),
        kind=kind,
        text=plain(shown) if shown else tidy(text_or_none(said, words) or ""),
        title=tidy(text(said, "title")) if kind is Kind.POST else "",
        url=https(_path(said), _SITE),
        published_at=created(thing),
        author=None if author == _NOBODY else author,
        parent_id=text_or_none(said, "parent_id"),
        ours=(author or "").lower() in own,
        engagement=total(said, "score", "num_comments"),
    )


def _path(said: Json) -> str:
    """Where it is shown. In the inbox that is its `context`; old comments have neither."""
    path = text_or_none(said, "permalink") or (text_or_none(said, "context") or "").partition("?")[0]
    link = text_or_none(said, "link_id") or text_or_none(said, "parent_id") or ""
    return path or (f"/comments/{link[3:]}/_/{text(said, 'id')}/" if link.startswith("t3_") else "")
