"""YouTube: our channel's videos, what is said under them and what we answer, and videos that a search finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
from pydantic import BaseModel, Field, field_validator, model_validator

from connectors.kit import google, youtube
from connectors.kit.auth import ApiKey
from connectors.kit.late import Late
from connectors.kit.lookup import EVER
from connectors.kit.paging import Token
from connectors.kit.paid import Paid, Spent
from connectors.kit.rest import STRICT, text, when
from monitor.connector import (
    Access,
    Answers,
    Ask,
    Connect,
    Cursor,
    Found,
    NotPermitted,
    Page,
    PollError,
    Secret,
)
from monitor.model import Json, Mention

_HOST = "www.googleapis.com"
_API = f"https://{_HOST}/youtube/v3"
_BATCH = 50
_ROUND = Late(reads=_BATCH, rounds=_BATCH, again=timedelta(hours=6))
_MOST_READS = 20
_SEARCHED_AGAIN = timedelta(hours=24)
_FOR_RECHECKS = 0.1


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The channel of a handle or an id."""
    key, channel = answers["api_key"], str(answers["channel"]).strip()
    which = {"id": channel} if channel.startswith("UC") else {"forHandle": channel}
    options = YouTube.Options(api_key=key if isinstance(key, Secret) else Secret(key), queries=("x",))
    asking = YouTube(options, client)
    found = asking.listed(await asking.ask(asking.address("channels", "snippet", **which)))
    if not found:
        raise NotPermitted(f"{_HOST} knows no channel of this name: look at its address, behind youtube.com/")
    for one in found:
        title = google.inner(one, "snippet", "title") or channel
        yield Found(
            name=google.source_name("youtube", title, text(one, "id")),
            shown=title,
            options={"channel": text(one, "id")},
        )


class YouTube(Paid):
    """Every request is paid from a budget before it is asked; what is left of it travels in the cursor, beside the newest
    thing of every listing.

    A new comment begins a thread, and the newest threads of all our videos are one listing. A reply moves nothing: so the
    threads of 90 days are looked up again, 50 in a request, and where one has more replies than it shows, all of them are
    read. A search misses what is indexed late: it goes back a day behind the newest video that it found."""

    platform = "youtube"
    access = Access(
        kind="official",
        sees="our channel's videos, comments and replies under them for 90 days, and videos that a search finds",
        blind_to="what is said under others' videos, comments held for review, community posts, replies in older threads",
        own_replies=True,
        terms="the API Services terms: what is stored is refreshed or deleted within 30 days, and deleted when it is there",
        needs="an API key of a Cloud project",
        limits="100 searches and 10,000 other requests a day, until midnight Pacific",
        unconfirmed=("which replies a thread shows where it has more than it shows",),
        recheck=timedelta(days=7),
        refresh=timedelta(days=30),
    )
    connect = Connect(
        before=(
            "1. Make a project in the Google Cloud console. "
            "2. Enable 'YouTube Data API v3' in it. "
            "3. Make an API key under 'Credentials' and restrict it to this API."
        ),
        asks=(
            Ask(key="api_key", prompt="API key", secret=True),
            Ask(key="channel", prompt="Handle of your channel, such as @practicehosp, or its id"),
        ),
        keeps=("api_key",),
        find=_find,
    )
    paging = Token("nextPageToken", "pageToken")
    overlap = timedelta(hours=1)

    class Options(BaseModel):
        """Whose key; our `channel` by its id, and what to search for. `searches` and `units` are the project's share of
        requests a day for this source, where several share a key."""

        model_config = STRICT
        api_key: Secret
        channel: str | None = None
        queries: tuple[str, ...] = ()
        searches: int = Field(default=100, ge=1)
        units: int = Field(default=10_000, ge=100)

        @field_validator("channel")
        @classmethod
        def _channel(cls, channel: str | None) -> str | None:
            if channel is not None and not (channel.startswith("UC") and len(channel) == 24):
                raise ValueError("is no id of a channel, which begins with UC: `wellheard connect youtube` finds it")
            return channel

        @model_validator(mode="after")
        def _follows_something(self) -> Self:
            if not (self.channel or self.queries):
                raise ValueError("nothing is followed: set channel or queries")
            return self

    def __init__(self, options: Any, client: httpx.AsyncClient, *, now: Any = lambda: datetime.now(UTC)) -> None:
        super().__init__(options, client, now=now)
        self.auth = ApiKey("X-Goog-Api-Key", options.api_key)
        self.searches = google.daily("searches", options.searches)
        self.units = google.daily("requests", int(options.units * (1 - _FOR_RECHECKS)))
        self.under: dict[str, str | None] = {}  # the videos of the threads that this poll saw

    @property
    def host(self) -> str:
        return _HOST

    def sign(self) -> httpx.Auth:
        return self.auth

    def explain(self, response: httpx.Response) -> PollError | None:
        return google.explain(response)

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Read what is new on our channel, then threads again, then search, as far as the budgets go."""
        searched = {f"search:{query}" for query in self.options.queries}
        self.kept = {name: kept for name, kept in cursor.items() if not name.startswith("search:") or name in searched}
        self.under.clear()
        self.warned: list[str] = []
        if self.options.channel:
            async for page in self.channel(self.options.channel, floor):
                yield page
        for query in sorted(self.options.queries, key=lambda query: self.kept.get(f"search:{query}", [""])[-1]):
            if not self.searches.ahead(self.kept.get("searches"), self.now()):
                async for page in self.search(query, floor):
                    yield page
        budgets = (self.searches, self.units)
        self.warned += filter(None, (one.warning(self.kept.get(one.name), self.now()) for one in budgets))
        yield Page(cursor=dict(self.kept), warnings=self.warned)

    # Our channel

    async def channel(self, channel: str, floor: datetime) -> AsyncIterator[Page]:
        """Read our videos and what is said under them."""
        if f"threads:{channel}" not in self.kept:  # a first walk, or another channel's cursor
            self.kept = {name: kept for name, kept in self.kept.items() if name not in ("late", "read")}
        uploads = self.address("playlistItems", "snippet,contentDetails", playlistId=f"UU{channel[2:]}", maxResults=50)
        threads = self.threads(allThreadsRelatedToChannelId=channel, order="time", maxResults=100)
        try:
            async for page in self.walk(f"videos:{channel}", uploads, floor):
                yield page
        except google.NotFound:  # a wrong id is not found below, too
            self.warned.append(f"{_HOST} knows no videos of this channel")
        async for page in self.walk(f"threads:{channel}", threads, floor):
            yield page
        async for page in self.again(floor):
            yield page
        self.warned += filter(None, [youtube.LATE.warning(self.kept.get("late"), self.now())])

    async def walk(self, name: str, url: httpx.URL | None, floor: datetime) -> AsyncIterator[Page]:
        """Walk a listing until most of a page is older than the walk goes: one old thing on top ends nothing."""
        known = when(self.kept[name]) if name in self.kept else None
        since, newest = self.since(known, floor), known or floor
        while url:
            yield self.paid(self.units)
            items, url = await self.read(url)
            self.note(items)
            arrivals = sorted(self.arrivals(items))
            newest = self.newest(newest, arrivals)
            yield replace(self.page(items, floor), cursor=dict(self.kept))
            if arrivals and arrivals[len(arrivals) // 2] < since:
                break
        self.kept[name] = newest.isoformat()
        yield Page(cursor=dict(self.kept))

    async def again(self, floor: datetime) -> AsyncIterator[Page]:
        """Look threads up again, those that were not for longest, and read those that have more than they show."""
        due = [*self.unread(), *_ROUND.due(self.kept.get("late"), now=self.now())]
        ids = [id_ for id_ in dict.fromkeys(due) if id_ not in self.under]
        for some in _batches(ids):
            yield self.paid(self.units)
            items, _ = await self.read(self.threads(id=",".join(some)))
            self.note(items, again=True)
            page = replace(self.page(items, floor), gone=_missing(some, items))
            for id_ in page.gone:
                self.kept["late"] = youtube.LATE.gone(self.kept["late"], id_)
            yield replace(page, cursor=dict(self.kept))
        first = "read" not in self.kept  # what is read only later would be taken for new
        for id_ in self.unread()[: None if first else _MOST_READS]:
            async for page in self.replies(id_, floor):
                yield page
        self.kept["read"] = True

    async def replies(self, id_: str, floor: datetime) -> AsyncIterator[Page]:
        """Read all replies of a thread."""
        now, url = self.now(), self.address("comments", "snippet", parentId=id_, textFormat="plainText", maxResults=100)
        following: httpx.URL | None = url
        try:
            while following:
                yield self.paid(self.units)
                items, following = await self.read(following)
                yield self.page([youtube.under(self.under.get(id_), one) for one in items], floor)
        except (google.NotFound, google.CommentsDisabled):
            pass  # it went meanwhile, or may not be read any more
        self.kept["late"] = youtube.LATE.read(self.kept["late"], id_, now)
        yield Page(cursor=dict(self.kept))

    def note(self, items: Sequence[Json], *, again: bool = False) -> None:
        """Remember the threads among `items`, and their videos, which replies do not tell."""
        self.under |= youtube.videos(items)
        self.kept["late"] = youtube.noted(self.kept.get("late"), items, self.now(), again=again)

    def unread(self) -> list[str]:
        """Return the threads of which there are more replies than were read."""
        return youtube.LATE.due(self.kept.get("late"))

    # What others show

    async def search(self, query: str, floor: datetime) -> AsyncIterator[Page]:
        """Search, and look up what is found: a search cuts descriptions off and escapes titles."""
        name = f"search:{query}"
        known = when(self.kept[name][0]) if name in self.kept else None
        newest = known or floor
        since = max(floor, newest - _SEARCHED_AGAIN)
        after = since.isoformat(timespec="seconds").replace("+00:00", "Z")
        url: httpx.URL | None = self.address(
            "search", "snippet", type="video", order="date", maxResults=_BATCH, q=query, publishedAfter=after
        )
        try:
            while url:
                yield self.paid(self.searches, self.units)
                found, url = await self.read(url)
                ids = [id_ for one in found if (id_ := google.inner(one, "id", "videoId"))]
                videos = await self.get("videos", "snippet,statistics", ids) if ids else []
                newest = self.newest(newest, self.arrivals(videos))
                page = self.page(videos, floor)
                yield replace(page, skipped=page.skipped + len(found) - len(ids), cursor=dict(self.kept))
            self.kept[name] = [newest.isoformat(), self.now().isoformat()]
        except Spent as spent:
            left = self.searches.left(self.kept.get("searches"), self.now())
            self.kept["searches"] = self.searches.spend(self.kept.get("searches"), self.now(), left)
            self.warned.append(f"{spent}: nothing more is searched until then")
        yield Page(cursor=dict(self.kept))

    # Looking things up

    async def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look videos and comments up again, 50 at a time: those that are not among the answers are gone."""
        for some in _batches([id_ for id_ in ids if _is_video(id_)]):
            yield self.there(some, await self.get("videos", "snippet,statistics", some))
        comments = [id_ for id_ in ids if not _is_video(id_)]
        for some in _batches(list(dict.fromkeys(map(_thread, comments)))):
            threads = await self.get("commentThreads", "snippet", some)
            under, first = youtube.videos(threads), [id_ for id_ in some if id_ in comments]
            yield self.there(first, [one for one in threads if google.inner(one, "id") in first])
            for replies in _batches([id_ for id_ in comments if id_ not in some and _thread(id_) in some]):
                found = await self.get("comments", "snippet", replies)
                told = [youtube.under(under.get(_thread(google.inner(one, "id") or "")), one) for one in found]
                yield self.there(replies, told)

    def there(self, ids: Sequence[str], items: Sequence[Json]) -> Page:
        """Return what is there of `ids`, and what is gone."""
        return replace(self.page(items, EVER), gone=_missing(ids, items))

    def address(self, method: str, part: str, **params: Any) -> httpx.URL:
        return httpx.URL(f"{_API}/{method}", params={"part": part, **params})

    def threads(self, **params: Any) -> httpx.URL:
        return self.address("commentThreads", "snippet,replies", textFormat="plainText", **params)

    async def get(self, method: str, part: str, ids: Sequence[str]) -> list[Json]:
        """Return the things that have these ids, at most 50."""
        form = {"textFormat": "plainText"} if method.startswith("comment") else {}
        return self.listed(await self.ask(self.address(method, part, id=",".join(ids), **form)))

    # How it reads

    def listed(self, response: httpx.Response) -> list[Json]:
        return google.listed(response, "items")

    def newest(self, newest: datetime, arrivals: Sequence[datetime]) -> datetime:
        """Return the newest time; a premiere is dated when it will be."""
        return max([newest, *(at for at in arrivals if at <= self.now())])

    def page(self, items: Sequence[Json], floor: datetime) -> Page:
        return super().page([said for item in items for said in youtube.said(item)], floor)

    def arrived(self, item: Json) -> datetime:
        return youtube.published(item)

    def mention(self, item: Json) -> Mention | None:
        return youtube.mention(item, self.options.channel)


def _missing(ids: Sequence[str], items: Sequence[Json]) -> list[str]:
    there = {google.inner(item, "id") for item in items}
    return [id_ for id_ in ids if id_ not in there]


def _thread(id_: str) -> str:
    return id_.partition(".")[0]


def _is_video(id_: str) -> bool:
    return len(id_) == 11


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
