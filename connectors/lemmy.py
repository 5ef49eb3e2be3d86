"""Lemmy: posts and comments that a search finds on an instance, a community's posts, and the comments under them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

import httpx
from pydantic import BaseModel, field_validator, model_validator

from connectors.kit import lemmy as api
from connectors.kit import lookup
from connectors.kit.auth import Bearer
from connectors.kit.late import Late
from connectors.kit.rest import STRICT, UNREADABLE, Listings, Rest, origin, text, text_or_none, total
from connectors.kit.text import https, plain
from connectors.kit.tried import tried, words
from monitor.connector import (
    Access,
    Answers,
    Ask,
    Connect,
    Cursor,
    Found,
    Malformed,
    Page,
    PollError,
    Secret,
)
from monitor.model import Json, Kind, Mention

_LATE = Late(window=timedelta(days=14), reads=2, most=50)
_DEEP, _SHALLOW = 3600, timedelta(hours=23, minutes=45)
"""Seconds between two walks that go back a day; by how much less the others go back."""


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    options = {"instance": answers["instance"], "queries": words(answers, "queries"), "own": words(answers, "own")}
    name = f"lemmy-{httpx.URL(origin(str(answers['instance']))).host}"
    async for found in tried(Lemmy, options, client, name=name, shown=f"searches on {name[6:]}", kept=("instance",)):
        yield found


class Lemmy(Rest):
    """Listings run by when a post was published where it came from, and federation brings some of it late: a day is read
    again, and the cursor holds the newest time, never one that has not come yet.

    The posts that were found are remembered, and two of them a poll have their comments read again: see `Late`."""

    platform = "lemmy"
    access = Access(
        kind="official",
        sees="posts and comments that a search finds on one instance, posts of communities, and comments under either",
        blind_to="what the instance never received, or more than a day late; private messages; deletions until the recheck",
        own_replies=True,
        needs="nothing for most instances; a token of an account where the instance is closed",
        limits="set by the instance, usually 60 searches in 10 minutes",
        terms="the rules of the instance apply",
        unconfirmed=("all of the API v4 beyond the names of its fields", "how PieFed and Mbin differ"),
        recheck=timedelta(days=7),
    )
    connect = Connect(
        before="1. Choose an instance where people talk about you, such as a regional one. 2. Most can be read without an"
        " account; for a closed one log in there, and copy the value of its cookie `jwt` as token.",
        asks=(
            Ask(key="instance", prompt="Instance, such as social.example"),
            Ask(key="queries", prompt="Searches, separated by commas"),
            Ask(key="own", prompt="Our accounts, such as practice@social.example, separated by commas", default=""),
        ),
        keeps=("instance",),
        find=_find,
    )
    paging = api.Onward()
    overlap = timedelta(days=1)

    class Options(BaseModel):
        """Which instance, and what on it. `communities` are names such as `health` or `health@social.example`."""

        model_config = STRICT
        instance: str
        queries: tuple[str, ...] = ()
        communities: tuple[str, ...] = ()
        own: tuple[str, ...] = ()
        token: Secret | None = None

        _origin = field_validator("instance")(origin)

        @model_validator(mode="after")
        def _follows_something(self) -> Self:
            if not (self.queries or self.communities):
                raise ValueError("nothing is followed: set queries or communities")
            return self

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.own = {name.removeprefix("@").lower() for name in options.own}
        self.version = ""
        self.languages: dict[int, str] = {}
        self.deep = True
        self.found: dict[str, tuple[datetime, int | None]] = {}  # posts by local id, of what this poll saw
        self.comments: dict[int, str] = {}  # what comments are called everywhere, by local id

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk the listings, then the comments under the posts whose turn it is."""
        self.found.clear()
        self.comments.clear()
        self.version = self.version or await self._probe()
        started, kept = self.now(), cursor if cursor.get("instance") == self.options.instance else {}
        self.deep = kept.get("deep", 0) + _DEEP <= started.timestamp()
        seen = kept
        async for page in super().poll(kept, floor):
            seen = page.cursor or seen
            yield replace(page, cursor=None)
        late = _LATE.seen(kept.get("late"), self.found, started)
        for post in _LATE.due(late, now=started, first=not kept):
            under = self._url("comment/list", post_id=post)
            async for items in self.back(under, _LATE.since(late, post) or floor):
                yield self.page(items, floor)
            late = _LATE.read(late, post, started)
        warning, deep = _LATE.warning(late, started), int(started.timestamp()) if self.deep else kept["deep"]
        yield Page(
            cursor={**seen, "instance": self.options.instance, "deep": deep, "late": late},
            warnings=(warning,) if warning else (),
        )

    def since(self, newest: datetime | None, floor: datetime) -> datetime:
        """Return how far back a walk goes: a day, but only once an hour."""
        return super().since(newest + _SHALLOW if newest and not self.deep else newest, floor)

    async def _probe(self) -> str:
        """Ask which API the instance speaks, and how it numbers languages."""
        for version in ("v4", "v3"):
            site = await lookup.lookup(self, httpx.URL(f"{self.options.instance}/api/{version}/site"))
            if isinstance(site, dict):
                self.languages = api.languages(site)
                return version
        host = httpx.URL(self.options.instance).host
        raise Malformed(f"{host} speaks neither API of Lemmy: check instance in the source's options")

    def sign(self) -> httpx.Auth | None:
        return Bearer(self.options.token) if self.options.token else None

    def listings(self) -> Listings:
        found = {f"search:{query}": partial(self._search, query) for query in self.options.queries}
        return found | {f"community:{name}": partial(self._community, name) for name in self.options.communities}

    def _search(self, query: str, _: datetime) -> httpx.URL:
        if self.version == "v4":
            return self._url("search", search_term=query)
        return self._url("search", q=query, listing_type="All")

    def _community(self, name: str, _: datetime) -> httpx.URL:
        return self._url("post/list", **{"community_name" if self.version == "v3" else "community_name_or_id": name})

    def _url(self, path: str, **params: str) -> httpx.URL:
        old = self.version == "v3"
        usual = {"type_": "All" if old else "all", "sort": "New" if old else "new", "limit": "50"}
        return httpx.URL(f"{self.options.instance}/api/{self.version}/{path}", params=usual | params)

    def explain(self, response: httpx.Response) -> PollError | None:
        return api.explain(response)

    def listed(self, response: httpx.Response) -> list[Json]:
        return api.listed(response)

    def page(self, items: Sequence[Json], floor: datetime) -> Page:
        """Read a page. What was deleted or removed is still listed for a while, blanked: it is gone."""
        gone = []
        for item in items:
            with suppress(*UNREADABLE):
                thing = api.thing(item)
                id_ = text(thing, "ap_id")
                self.comments |= {thing["id"]: id_} if "comment" in item else {}
                gone += [id_] if api.is_gone(thing) else []
        return replace(super().page(items, floor), gone=gone)

    def arrived(self, item: Json) -> datetime:
        return min(api.published(api.thing(item)), self.now())

    def mention(self, item: Json) -> Mention | None:
        if item.get("type_", "post") not in ("post", "comment"):
            return None  # a search in the new API finds people and communities, too
        thing, creator = api.thing(item), item.get("creator") or {}
        if api.is_gone(thing):
            return None
        comment, counts = "comment" in item, item.get("counts") or thing
        if not comment:
            self.found[str(int(thing["id"]))] = self.arrived(item), total(counts, "comments")
        author = api.address(creator)
        id_ = text(thing, "ap_id")
        return Mention(
            external_id=id_,
            kind=Kind.COMMENT if comment else Kind.POST,
            text=plain(text_or_none(thing, "content" if comment else "body") or ""),
            title="" if comment else plain(text(thing, "name")),
            url=https(id_),
            published_at=api.published(thing),
            author=author,
            lang=self.languages.get(thing.get("language_id")),
            parent_id=self._parent(item) if comment else None,
            ours=author is not None and author.lower() in self.own,
            engagement=total(counts, "upvotes", "downvotes", "comments"),
        )

    def _parent(self, item: Json) -> str | None:
        """Return what a comment answers. Of a comment above it, only the instance's number is given: it is known if this
        poll saw it, else it is an address on the instance that leads there, but may be nobody's `external_id`."""
        above = text(item["comment"], "path").split(".")[1:-1]
        if not above:
            return text_or_none(item.get("post") or {}, "ap_id")
        return self.comments.get(int(above[-1]), f"{self.options.instance}/comment/{above[-1]}")

    async def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look up again what the instance itself is home to, one request each; others keep their own numbers."""
        self.version = self.version or await self._probe()
        async for page in lookup.recheck(self, ids, self._lookup, _single):
            yield page

    def _lookup(self, id_: str) -> httpx.URL | None:
        sort, _, number = id_.removeprefix(f"{self.options.instance}/").partition("/")
        there = sort in ("post", "comment") and number.isdecimal()
        return httpx.URL(f"{self.options.instance}/api/{self.version}/{sort}", params={"id": number}) if there else None


def _single(said: Json) -> list[Json]:
    return [said.get("post_view") or said.get("comment_view")]
