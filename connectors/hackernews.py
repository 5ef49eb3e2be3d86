"""Hacker News: stories and comments that a search finds, and every comment under the stories it found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

import httpx
from pydantic import BaseModel, model_validator

from connectors.kit import answer, lookup
from connectors.kit.rest import STRICT, Listings, Rest, epoch, moments, text, text_or_none, total
from connectors.kit.text import https, plain
from connectors.kit.tried import tried, words
from monitor.connector import Access, Answers, Ask, Connect, Cursor, Found, Page
from monitor.model import Json, Kind, Mention

_SEARCH = httpx.URL("https://hn.algolia.com/api/v1/search_by_date")
_TRUTH = "https://hacker-news.firebaseio.com/v0/item"
_MOST_STORIES = 50
_EXACT = {  # without them a search for Mayo finds Maya
    "typoTolerance": "false",
    "queryType": "prefixNone",
    "advancedSyntax": "true",
    "restrictSearchableAttributes": "title,url,story_text,comment_text",
}


@dataclass(frozen=True, slots=True)
class _Slices:
    """A search shows its newest thousand only: what is older is asked for as a slice of its own, which ends at the oldest
    second that was seen. A page that is not full is the last."""

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:
        if not items or len(items) < answer.read(response)["hitsPerPage"]:
            return None
        since, _, until = url.params["numericFilters"].partition(",created_at_i<=")
        oldest = int(min(moments(items, _created)).timestamp())
        oldest -= str(oldest) == until  # a second fuller than a page: what did not fit is lost, the walk is not
        return url.copy_set_param("numericFilters", f"{since},created_at_i<={oldest}")


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    queries = words(answers, "queries")
    async for found in tried(
        HackerNews, {"queries": queries}, client, name="hackernews", shown=f"searches for {', '.join(queries)}"
    ):
        yield found


class HackerNews(Rest):
    """The cursor holds the time of the newest hit of each search, and the newest 50 stories that were found: what is said
    under those is asked for in one request, whether or not it names us.

    Two hours are read again: so long may an author edit, and a moderator's second chance moves a story up."""

    platform = "hackernews"
    access = Access(
        kind="official",
        sees="stories and comments that a search finds; all comments under the newest 50 stories found",
        blind_to="edits and other comments elsewhere; what was deleted, until the recheck; what only a linked page says",
        own_replies=True,
        limits="10,000 requests an hour",
        terms="free; what its author deletes is to be deleted",
        unconfirmed=("the limit of requests", "that a moderator's second chance changes created_at_i"),
        recheck=timedelta(days=7),
    )
    connect = Connect(
        before="1. Nothing to do at Hacker News. 2. Think of the names that people would write, each in quotation marks.",
        asks=(Ask(key="queries", prompt='Searches, separated by commas, such as "Practice Hospital"'),),
        find=_find,
    )
    items = ("hits",)
    paging = _Slices()
    overlap = timedelta(hours=2)

    class Options(BaseModel):
        """What is searched for; `own` are our accounts there."""

        model_config = STRICT
        queries: tuple[str, ...] = ()
        own: tuple[str, ...] = ()

        @model_validator(mode="after")
        def _searches_something(self) -> Self:
            if not any(query.strip() for query in (*self.queries, *self.own)):
                raise ValueError("nothing is searched for: set queries")
            return self

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.stories: dict[str, None] = {}  # those this poll found, in the order of finding

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk the searches, then what was said under the stories they found."""
        self.stories.clear()
        known, since = list(cursor.get("stories", ())), self.since(_moment(cursor.get("said")), floor)
        seen, started = cursor, self.now()
        async for page in super().poll(cursor, floor):
            seen = page.cursor or seen
            yield replace(page, cursor=None)  # a story's comments are read before it counts as known
        new = [story for story in self.stories if story not in known]
        for stories, back_to in ((known, since), (new, floor)):
            if stories:
                async for items in self.back(self._under(stories, back_to), back_to):
                    yield self.page(items, floor)
        stories = [*new, *known][:_MOST_STORIES]
        yield Page(cursor={**seen, "stories": stories, "said": started.isoformat()})

    def listings(self) -> Listings:
        found = {f"search:{query}": partial(self._search, query) for query in self.options.queries}
        return found | {f"by:{name}": partial(self._by, name) for name in self.options.own}

    def _search(self, query: str, since: datetime) -> httpx.URL:
        return _slice("(story,comment,poll)", since).copy_merge_params({"query": query, **_EXACT})

    def _by(self, name: str, since: datetime) -> httpx.URL:
        return _slice(f"author_{name},(story,comment)", since)

    def _under(self, stories: Sequence[str], since: datetime) -> httpx.URL:
        return _slice(f"comment,({','.join(f'story_{id_}' for id_ in stories)})", since)

    def arrived(self, item: Json) -> datetime:
        return min(_created(item), self.now())

    def mention(self, item: Json) -> Mention | None:
        id_, author = text(item, "objectID"), text_or_none(item, "author")
        is_comment = "comment" in (item.get("_tags") or ()) or item.get("comment_text") is not None
        if is_comment and not item.get("comment_text"):
            return None  # what is left of a deleted one
        if not is_comment and text(item, "title"):
            self.stories[id_] = None
        parent = item.get("parent_id") or item.get("story_id") if is_comment else None
        said = text_or_none(item, "comment_text" if is_comment else "story_text") or ""
        linked = None if is_comment else https(text_or_none(item, "url"))
        return Mention(
            external_id=id_,
            kind=Kind.COMMENT if is_comment else Kind.POST,
            text=plain(said) or linked or "",
            title="" if is_comment else plain(text(item, "title")),
            url=f"https://news.ycombinator.com/item?id={id_}",
            published_at=_created(item),
            author=author,
            parent_id=None if parent is None else str(parent),
            ours=author in self.options.own,
            engagement=total(item, "points", "num_comments"),
        )

    def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Ask Hacker News itself, one request each: the search keeps for a while what was deleted."""
        return lookup.recheck(self, ids, lambda id_: httpx.URL(f"{_TRUTH}/{id_}.json"), lambda found: [hit(found)])

    def page(self, items: Sequence[Json], floor: datetime) -> Page:
        """Read the items that are still there."""
        there = [item for item in items if not (isinstance(item, dict) and (item.get("deleted") or item.get("dead")))]
        return super().page(there, floor)


def _created(item: Json) -> datetime:
    return epoch(item["created_at_i"])


def _slice(tags: str, since: datetime) -> httpx.URL:
    limits: dict[str, str | int] = {
        "tags": tags,
        "numericFilters": f"created_at_i>={int(since.timestamp())}",
        "hitsPerPage": 500,
    }
    return _SEARCH.copy_merge_params(limits)


def _moment(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


def hit(item: Json) -> Json:
    """An item of Hacker News as the search has it."""
    return item | {
        "objectID": str(item["id"]),
        "_tags": [item.get("type")],
        "created_at_i": item.get("time"),
        "author": item.get("by"),
        "comment_text": item.get("text"),
        "story_text": item.get("text"),
        "parent_id": item.get("parent"),
        "points": item.get("score"),
        "num_comments": item.get("descendants"),
    }
