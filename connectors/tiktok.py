"""TikTok, by its Research API: videos with our words, our own, and the comments under them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Self

import httpx
from pydantic import BaseModel, Field, model_validator

from connectors.kit import answer, tiktok
from connectors.kit.auth import ClientCredentials
from connectors.kit.budget import Budget
from connectors.kit.late import Late
from connectors.kit.rest import STRICT, UNREADABLE, Rest, total
from monitor.connector import Access, Answers, Ask, Connect, Cursor, Found, Malformed, Page, Secret
from monitor.model import Json, Mention

_HOST, _TOKENS = "open.tiktokapis.com", "https://open.tiktokapis.com/v2/oauth/token/"
_VIDEO = "id,create_time,username,region_code,video_description,voice_to_text,like_count,comment_count,share_count"
_COMMENT = "id,video_id,text,like_count,reply_count,parent_comment_id,create_time"
_COUNT, _DEEPEST = 100, 1000
_SPAN, _LAG = timedelta(days=29), timedelta(days=3)
"""A search spans 30 days at most, and videos are found up to 48 hours after they were made."""


class TikTok(Rest):
    """The cursor is the day (UTC) up to which videos were searched; a walk begins three days before, since they are found
    late. `walk` is a search that was cut, with TikTok's `search_id` and place: it goes on there on the same day, and from
    its beginning where TikTok knows it no longer. Comments are read as `Late` says, `spent` are the requests of the day."""

    platform = "tiktok"
    access = Access(
        kind="official",
        sees="public videos with the keywords or hashtags, or by the accounts, and up to 1,000 comments under each",
        blind_to="videos for up to 2 days; who wrote a comment, so that our own replies are not known as ours; accounts of"
        " minors; regions that the project is not approved for",
        own_replies=False,
        needs="an approved research project: non-profit academic or independent researchers in the US, EEA, UK or"
        " Switzerland; a hospital or a company is not eligible",
        limits="1,000 requests a day, until midnight UTC",
        terms="Research Tools Terms: no commercial use; data is refreshed every 15 days, and what is gone there removed",
        unconfirmed=("that a search_id is good for the day on which it was given",),
        refresh=timedelta(days=15),
    )
    connect: ClassVar[Connect]
    late = Late(reads=5)

    class Options(BaseModel):
        """The project's client, and what is searched: words, hashtags and accounts, any of them; `own` are ours."""

        model_config = STRICT
        client_key: str
        client_secret: Secret
        keywords: tuple[str, ...] = ()
        hashtags: tuple[str, ...] = ()
        usernames: tuple[str, ...] = ()
        own: tuple[str, ...] = ()
        regions: tuple[str, ...] = ()
        comments: bool = True
        requests_per_day: int = Field(1000, gt=0)

        @model_validator(mode="after")
        def _searches_something(self) -> Self:
            if not (self.keywords or self.hashtags or self.usernames or self.own):
                raise ValueError("nothing is searched: set keywords, hashtags, usernames or own")
            return self

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.own = {tiktok.plain_name(name) for name in options.own}
        names = tuple(tiktok.plain_name(name) for name in (*options.usernames, *options.own))
        tags = tuple(tag.removeprefix("#") for tag in options.hashtags)
        wanted = {"keyword": options.keywords, "hashtag_name": tags, "username": names}
        self.query = tiktok.query(wanted, options.regions)
        self.budget = Budget(name=f"{_HOST}: requests", limit=options.requests_per_day)
        self.credential = _credential(options.client_key, options.client_secret)

    # How it is walked

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Search from three days before the last search until today, then read the comments that are due."""
        now = self.now()
        seen: Cursor = {key: cursor[key] for key in ("through", "walk", "late", "spent") if key in cursor}
        try:
            async for page in self.videos(seen, now, floor):
                yield page
            for video in self.late.due(seen.get("late"), first="through" not in cursor):
                async for page in self.under(video, seen, now, floor):
                    yield page
        except _Spent:
            yield Page(warnings=[f"{_HOST}: the requests of the day are used up, the rest is read after midnight UTC"])
        if warning := self.budget.warning(seen.get("spent"), now):
            yield Page(warnings=[warning])

    async def videos(self, seen: Cursor, now: datetime, floor: datetime) -> AsyncIterator[Page]:
        """Search in spans of 30 days; where one is cut, the next poll of the same day goes on in it."""
        today, walk = now.date(), seen.get("walk") or {}
        last = date.fromisoformat(seen["through"]) - _LAG if "through" in seen else floor.date()
        start = date.fromisoformat(walk["start"]) if walk.get("day") == f"{today}" else max(last, floor.date())
        while start <= today:
            end = min(start + _SPAN, today)
            async for page in self.search(start, end, seen, now, floor):
                yield page
            seen["through"] = f"{end}"
            yield Page(cursor=dict(seen))
            start = end + timedelta(days=1)

    async def search(self, start: date, end: date, seen: Cursor, now: datetime, floor: datetime) -> AsyncIterator[Page]:
        """Walk one search to its end, from its beginning again where TikTok has forgotten it."""
        begun = {"day": f"{now.date()}", "start": f"{start}", "more": True}
        walk = seen.get("walk") or {}
        walk = walk if walk.get("day") == begun["day"] else begun
        while walk["more"]:
            place = {key: walk[key] for key in ("search_id", "cursor") if key in walk}
            yield self.charged(seen, now)
            span = {"start_date": f"{start:%Y%m%d}", "end_date": f"{end:%Y%m%d}"}
            try:
                body = {"query": self.query, "max_count": _COUNT, **span, **place}
                said = await self.asked("video/query", _VIDEO, body, now)
            except tiktok.Stale:
                if not place:
                    raise
                walk = begun
                continue
            videos, walk = self.of(said, "videos"), {**begun, **tiktok.place(said, place)}
            seen |= {"walk": walk, "late": self.late.seen(seen.get("late"), self.counts(videos), now)}
            yield replace(self.page(videos, floor), cursor=dict(seen) if walk["more"] else None)
        seen.pop("walk", None)

    async def under(self, video: str, seen: Cursor, now: datetime, floor: datetime) -> AsyncIterator[Page]:
        """Read the comments under a video, as many as TikTok shows."""
        place: dict[str, Json] = {"more": True, "cursor": 0}
        with suppress(tiktok.Invalid):  # the video is gone
            while place["more"] and place["cursor"] < _DEEPEST:
                yield self.charged(seen, now)
                size = min(_COUNT, _DEEPEST - place["cursor"])
                body = {"video_id": int(video), "max_count": size, "cursor": place["cursor"]}
                said = await self.asked("video/comment/list", _COMMENT, body, now)
                yield replace(self.page(self.of(said, "comments"), floor), cursor=dict(seen))
                place = tiktok.place(said, place)
        seen["late"] = self.late.read(seen["late"], video, now)
        yield Page(cursor=dict(seen))

    def charged(self, seen: Cursor, now: datetime) -> Page:
        """Return what keeps that a request will be made. Raises _Spent where it may not."""
        if not self.budget.left(seen.get("spent"), now):
            raise _Spent
        seen["spent"] = self.budget.spend(seen.get("spent"), now)
        return Page(cursor=dict(seen))

    def counts(self, videos: Sequence[Json]) -> dict[str, tuple[datetime, int | None]]:
        """Return the videos whose comments are wanted, with how many they have."""
        found: dict[str, tuple[datetime, int | None]] = {}
        for video in videos if self.options.comments else ():
            with suppress(*UNREADABLE):
                found[tiktok.id_of(video)] = (self.arrived(video), total(video, "comment_count"))
        return found

    async def asked(self, path: str, fields: str, body: Json, now: datetime) -> Json:
        """Ask for something and return its `data`. Raises PollError: also a 200 may carry an error."""
        url = httpx.URL(f"https://{_HOST}/v2/research/{path}/", params={"fields": fields})
        patience = self.budget.wait(now)
        response = await answer.ask(
            self.client,
            "POST",
            url,
            auth=self.credential,
            json=body,
            explain=lambda told: tiktok.explain(told, patience),
        )
        said = answer.read(response)
        if error := tiktok.explain(response, patience):
            raise error
        if not (isinstance(said, dict) and isinstance(said.get("data"), dict)):
            raise Malformed(f"{_HOST} sent no data where some was known to be: its API has changed")
        return said["data"]

    def of(self, said: Json, key: str) -> list[Json]:
        """Return the items of an answer, of which an empty page may have none."""
        items = said.get(key)
        if items is None and "has_more" in said:
            return []
        if not isinstance(items, list):
            raise Malformed(f"{_HOST} sent no {key} where some were known to be: its API has changed")
        return items

    # How it is read

    def arrived(self, item: Json) -> datetime:
        return tiktok.made(item)

    def mention(self, item: Json) -> Mention | None:
        return tiktok.mention(item, self.own)


class _Spent(Exception):
    """The requests of the day are used up."""


def _credential(key: str, secret: Secret) -> ClientCredentials:
    """TikTok calls the client's id a key."""
    named = {"client_key": key}
    return ClientCredentials(
        _TOKENS, platform="tiktok", client_id=key, client_secret=secret, client="body", parameters=named
    )


async def _found(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The account whose videos are ours, where the project's client is let in."""
    secret, name = answers["client_secret"], tiktok.plain_name(str(answers["username"]))
    assert isinstance(secret, Secret)
    credential = _credential(str(answers["client_key"]), secret)
    url = httpx.URL(f"https://{_HOST}/v2/research/user/info/", params={"fields": "display_name"})
    response = await answer.ask(
        client,
        "POST",
        url,
        auth=credential,
        json={"username": name},
        explain=lambda told: tiktok.explain(told, timedelta()),
    )
    if error := tiktok.explain(response, timedelta()):
        raise error
    yield Found(name=f"tiktok-{name}", shown=f"@{name}", options={"own": [name]})


TikTok.connect = Connect(
    before="1. Apply at developers.tiktok.com for access to the Research Tools: only non-profit researchers are let in, and"
    " no hospital or company for its own monitoring. 2. Once the project is approved its page shows the client key and the"
    " client secret.",
    asks=(
        Ask(key="client_key", prompt="Client key of the project"),
        Ask(key="client_secret", prompt="Client secret", secret=True),
        Ask(key="username", prompt="Account whose videos are ours, such as practicehospital"),
    ),
    keeps=("client_key", "client_secret"),
    find=_found,
)
