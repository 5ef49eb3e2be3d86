"""Discourse: every public post of a forum, or those that a search finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel, field_validator

from connectors.kit import answer, lookup
from connectors.kit import discourse as forum
from connectors.kit.rest import STRICT, UNREADABLE, Rest, origin, text, text_or_none, when
from connectors.kit.text import plain
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
)  # fmt: skip
from monitor.model import Json, Kind, Mention

_A_PAGE = 50
_OVERLAP = 200
_DEEPEST = 5
_REGULAR = 1  # not what moderators do (2, 3) nor what they whisper (4)


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    url, options = str(answers["url"]), {"url": answers["url"], "own": words(answers, "own")}
    name = httpx.URL(url if "://" in url else f"https://{url}").host
    async for found in tried(
        Discourse, options, client, name=f"discourse-{name}", shown=f"the forum {name}", kept=("url",)
    ):
        yield found


class Discourse(Rest):
    """The cursor holds the highest post id; posts run from the newest id down, in whatever topic they are.

    Ids only grow, but a post that waited for approval or was moved here shows up below the highest. So each poll reads the
    newest page, and in turn one more of the 200 ids below the cursor: that shows edits and late arrivals."""

    platform = "discourse"
    access = Access(
        kind="official",
        sees="every public post of the forum, or the newest post in each topic that a search finds",
        blind_to="private messages, categories with restricted readers, whispers; edits more than 200 posts back, until the"
        " recheck; other posts in a topic that a search finds",
        own_replies=True,
        needs="nothing for most forums; a key from the forum's admin where it wants a log-in",
        limits="200 requests a minute without a key, 60 with one of an admin",
        terms="the forum's own; ask its admin where a crawler is not welcome",
        unconfirmed=("409 and 503 of a search that is busy",),
        recheck=timedelta(days=7),
    )
    connect = Connect(
        before="1. Open the forum without logging in. 2. Where it shows posts, no key is needed; else ask its admin for an API"
        " key with the scope posts:list for a user who sees no more than every member does.",
        asks=(
            Ask(key="url", prompt="Address of the forum, such as forum.example"),
            Ask(key="own", prompt="Our accounts there, separated by commas", default=""),
        ),
        keeps=("url",),
        find=_find,
    )
    items = ("latest_posts", "posts")

    class Options(BaseModel):
        """Which forum. `own` are our accounts; `own_staff`: on a forum of ours, whoever moderates it is us, too. `queries`
        reads only what these searches find, for a forum with thousands of posts a day."""

        model_config = STRICT
        url: str
        queries: tuple[str, ...] = ()
        own: tuple[str, ...] = ()
        own_staff: bool = False
        key: Secret | None = None
        username: str = "system"

        _origin = field_validator("url")(origin)

    def __init__(self, options: Any, client: httpx.AsyncClient) -> None:
        super().__init__(options, client)
        self.host = httpx.URL(options.url).host
        self.own = {name.removeprefix("@").lower() for name in options.own}
        self.restricted: set[int] | None = None

    def sign(self) -> httpx.Auth | None:
        return forum.Key(self.options.key, self.options.username) if self.options.key else None

    def explain(self, response: httpx.Response) -> PollError | None:
        return forum.explain(response, with_key=self.options.key is not None)

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk the posts, or each search, down to the highest id of the last walk."""
        kept = cursor if cursor.get("url") == self.options.url else {}  # ids mean nothing elsewhere
        names = [f"search:{query}" for query in self.options.queries] or [""]
        seen: Cursor = {"url": self.options.url} | {name: kept[name] for name in names if name in kept}
        if self.options.key and self.restricted is None:
            self.restricted = await self._restricted()
        for name in names:
            known, turn = seen.get(name, (0, None))
            newest = known
            walk = self.found(name.removeprefix("search:"), known, floor) if name else self.down(known, floor)
            async for items in walk:
                newest = max([newest, *forum.ids(items)])
                yield self.page(items, floor)
            if known > _A_PAGE and not name:
                items, turn = await self._again(known, turn)
                yield self.page(items, floor)
            seen[name] = [newest, turn]
            yield Page(cursor=dict(seen) if kept or name == names[-1] else None)

    async def down(self, known: int, floor: datetime) -> AsyncIterator[list[Json]]:
        """Yield the pages of posts. Older forums take out what we may not see after a page was filled: one may be short or
        empty long before the first post."""
        before = 0
        while True:
            items = await self.posts(before)
            yield items
            lowest = min(forum.ids(items), default=before)
            lowest = before - _A_PAGE if lowest >= before > 0 else lowest
            arrivals = self.arrivals(items)
            if lowest <= max(known, 1) or (arrivals and max(arrivals) < floor):
                return
            before = lowest

    async def posts(self, before: int) -> list[Json]:
        """Return the page of posts below an id, the newest for 0."""
        params = {"before": before} if before else {}
        return self.listed(await self.ask(httpx.URL(f"{self.options.url}/posts.json", params=params)))

    async def found(self, query: str, known: int, floor: datetime) -> AsyncIterator[list[Json]]:
        """Yield the new posts that a search finds. It gives excerpts only: each is then asked for itself."""
        after = (floor - timedelta(days=1)).date()
        for number in range(1, _DEEPEST + 1):
            params = {"q": f"{query} order:latest after:{after}", "page": number}
            response = await self.ask(httpx.URL(f"{self.options.url}/search.json", params=params))
            hits = forum.ids(self.listed(response))
            posts = [await lookup.lookup(self, self._post(id_)) for id_ in hits if id_ > known]
            yield forum.titled(posts, answer.read(response).get("topics"))
            if not hits or min(hits) <= known:
                return

    async def _again(self, known: int, turn: int | None) -> tuple[list[Json], int | None]:
        """Return a page of posts below the newest one, and from where the next poll reads."""
        before = turn or max(known - _A_PAGE, 1)
        items = await self.posts(before)
        lower = before - _A_PAGE
        return items, lower if lower > max(known - _OVERLAP, 0) else None

    async def _restricted(self) -> set[int]:
        """Return the categories that not everybody may read: a key may show more than the public sees."""
        site = answer.read(await self.ask(httpx.URL(f"{self.options.url}/site.json")))
        try:
            return {one["id"] for one in site["categories"] if one.get("read_restricted")}
        except UNREADABLE:
            raise Malformed(f"{self.host} sent no list of categories: is this a Discourse forum?") from None

    def _post(self, id_: int) -> httpx.URL:
        return httpx.URL(f"{self.options.url}/posts/{id_}.json")

    def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look posts up again by topic and number, one request each: only a topic knows its title."""
        return lookup.recheck(self, ids, self._address, forum.stream)

    def _address(self, id_: str) -> httpx.URL | None:
        host, _, place = id_.partition("/t/")
        ours = host == self.host and place.replace("/", "").isdecimal()
        return httpx.URL(f"{self.options.url}/t/{place}.json") if ours else None

    def arrived(self, item: Json) -> datetime:
        return when(item["created_at"])

    def mention(self, item: Json) -> Mention | None:
        if (item.get("post_type") or _REGULAR) != _REGULAR or item.get("category_id") in (self.restricted or ()):
            return None
        if "category_id" in item and item["category_id"] is None:
            return None  # a private message
        if item.get("deleted_at") or item.get("user_deleted") or item.get("hidden"):
            return None
        number, topic = int(item["post_number"]), int(item["topic_id"])
        parent = item.get("reply_to_post_number") or (1 if number > 1 else None)
        author = text(item, "username")
        return Mention(
            external_id=f"{self.host}/t/{topic}/{number}",
            kind=Kind.COMMENT if parent else Kind.POST,
            text=plain(text_or_none(item, "cooked") or text(item, "blurb")),
            title="" if parent else text_or_none(item, "topic_title") or "",
            url=f"{self.options.url}/t/{text_or_none(item, 'topic_slug') or '-'}/{topic}/{number}",
            published_at=when(item["created_at"]),
            author=author,
            parent_id=f"{self.host}/t/{topic}/{int(parent)}" if parent else None,
            ours=author.lower() in self.own or (self.options.own_staff and forum.is_staff(item)),
            engagement=forum.likes(item),
        )
