"""The frame of a connector to a REST platform: what is left to it is where its listings are and how one item reads."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, ClassVar

import httpx
from pydantic import ConfigDict

from connectors.kit import answer
from connectors.kit.paging import LinkHeader, Paging
from monitor.connector import Access, Cursor, Malformed, Page, PollError
from monitor.model import Json, Mention, aware

STRICT = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)
"""How Options are read: unknown keys are refused, and no error repeats a value, which may be a secret."""

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading an item raises where it is not what it was known to be."""

_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_HOST = re.compile(rb"[a-z0-9.:-]+")

Listings = Mapping[str, Callable[[datetime], httpx.URL]]
"""The listings of a source by a name that stays the same: where each begins, given since when it is wanted."""


class Rest:
    """Walks listings that run from new to old. A platform gives `url` and `mention`, and what of the rest it needs.

    The cursor is, for each listing, the newest `arrived` that was seen: the platform's own clock, never the author's.
    Every poll reads `overlap` further back than that, for what arrives out of order. A page is no reason to stop unless
    everything on it is older than the walk goes: a pinned or back-dated item ends nothing.
    """

    platform: ClassVar[str]
    access: ClassVar[Access]
    Options: ClassVar[type[Any]]
    items: ClassVar[tuple[str, ...]] = ()
    """The keys under one of which an answer has its list; none: the answer is the list."""
    paging: ClassVar[Paging] = LinkHeader()
    overlap: ClassVar[timedelta] = timedelta(minutes=15)

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.options = options
        self.client = client
        self.now = now

    # What a platform says of itself

    def url(self, since: datetime) -> httpx.URL:
        """Return where the listing begins. A platform with several overrides `listings`."""
        raise NotImplementedError

    def listings(self) -> Listings:
        """Return all that is walked."""
        return {"": self.url}

    def mention(self, item: Json) -> Mention | None:
        """Read an item. None: it is no mention. Raises one of UNREADABLE where it cannot be read."""
        raise NotImplementedError

    def arrived(self, item: Json) -> datetime:
        """Return by which time the listing is sorted. Raises one of UNREADABLE."""
        raise NotImplementedError

    def sign(self) -> httpx.Auth | None:
        """Return how requests are signed."""
        return None

    def explain(self, response: httpx.Response) -> PollError | None:  # noqa: ARG002  # for a platform to look at
        """Return what a refusal means where its status code does not say it."""
        return None

    # How it is walked

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk every listing back to where the last walk began."""
        listings = self.listings()
        seen = {name: when(cursor[name]) for name in listings if name in cursor}
        for name, url in listings.items():
            newest = seen.get(name, floor)
            since = self.since(seen.get(name), floor)
            async for items, arrivals in self._dated(url(since), since):
                newest = max([newest, *arrivals])
                yield self.page(items, floor)
            seen[name] = newest
            yield Page(cursor=written(seen) if cursor or name == list(listings)[-1] else None)

    def since(self, newest: datetime | None, floor: datetime) -> datetime:
        """Return how far back a walk goes."""
        return floor if newest is None else max(floor, newest - self.overlap)

    async def back(self, url: httpx.URL, since: datetime) -> AsyncIterator[list[Json]]:
        """Yield the pages of a listing until everything on one arrived before `since`."""
        async for items, _ in self._dated(url, since):
            yield items

    async def _dated(self, url: httpx.URL, since: datetime) -> AsyncIterator[tuple[list[Json], list[datetime]]]:
        """Yield the pages with their items' arrivals: reading those is a fifth of reading the items, and done once."""
        async for items in self.pages(url, self.paging):
            yield items, (arrivals := self.arrivals(items))
            if arrivals and max(arrivals) < since:
                return

    async def pages(self, url: httpx.URL, paging: Paging) -> AsyncIterator[list[Json]]:
        """Yield the pages of a listing to its end. Raises Malformed where it goes in a circle."""
        walked = set()
        following: httpx.URL | None = url
        while following is not None:
            if following in walked:
                raise Malformed(
                    f"{url.host} sends the walk in a circle: nothing can be done here but wait or report it"
                )
            walked.add(following)
            response = await self.ask(following)
            items = self.listed(response)
            yield items
            try:
                following = paging.after(following, response, items)
            except (httpx.InvalidURL, *UNREADABLE):
                raise Malformed(f"{url.host} names a next page that cannot be read: its API has changed") from None

    async def ask(self, url: httpx.URL) -> httpx.Response:
        """Get `url`, signed. Raises PollError."""
        return await answer.ask(self.client, "GET", url, auth=self.sign(), explain=self.explain)

    def listed(self, response: httpx.Response) -> list[Json]:
        """Return the items of an answer. Raises Malformed where there is no list: that is no empty listing."""
        items = answer.read(response)
        if self.items:
            items = next((items[key] for key in self.items if key in items), None) if isinstance(items, dict) else None
        if not isinstance(items, list):
            raise Malformed(f"{response.request.url.host} sent no list where one was known to be: its API has changed")
        return items

    def page(self, items: Sequence[Json], floor: datetime) -> Page:
        """Read the items. One that cannot be read is skipped and counted."""
        mentions, skipped = [], 0
        for item in items:
            try:
                mention = self.mention(item)
            except UNREADABLE:
                skipped += 1
                continue
            if mention is not None and mention.published_at >= floor:
                mentions.append(mention)
        return Page(mentions=mentions, skipped=skipped)

    def arrivals(self, items: Sequence[Json]) -> list[datetime]:
        """Return when the items arrived, as far as they say it."""
        return [at for at in map(self._arrived, items) if at is not None]

    def _arrived(self, item: Json) -> datetime | None:
        try:
            return self.arrived(item)
        except UNREADABLE:
            return None


def when(text: str) -> datetime:
    """Read an ISO 8601 time. Raises ValueError where it has no zone, TypeError where it is no text."""
    return aware(datetime.fromisoformat(text))


def zoned(text: str, zone: tzinfo = UTC) -> datetime:
    """Read an ISO 8601 time that is one of `zone` where it names none. Raises as `when` does."""
    at = datetime.fromisoformat(text)
    return aware(at if at.tzinfo else at.replace(tzinfo=zone))


def epoch(seconds: float) -> datetime:
    """Read a time in seconds since 1970. Raises one of UNREADABLE where it is none."""
    return _1970 + timedelta(seconds=seconds)


def moments(items: Sequence[Json], read: Callable[[Json], datetime]) -> list[datetime]:
    """Read a time of each item, where it can be read."""
    found = []
    for item in items:
        with suppress(*UNREADABLE):
            found.append(read(item))
    return found


def text(item: Json, key: str | int) -> str:
    """Read the text under `key`, without what no database takes. Raises one of UNREADABLE where there is none."""
    value = item[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    if value.isascii():  # which a text knows of itself
        return value.replace("\0", "")
    return value.replace("\0", "").encode("utf-8", "replace").decode()  # JSON can spell half a surrogate pair


def text_or_none(item: Json, key: str) -> str | None:
    """Read the text under `key` where there is one that is not empty. Raises one of UNREADABLE for anything else."""
    return text(item, key) if item.get(key) else None


def total(item: Json, *keys: str) -> int | None:
    """Add up the numbers under `keys`, None where there is none of them."""
    counts = [count for count in map(item.get, keys) if type(count) is int and 0 <= count < 2**53]
    return sum(counts) if counts else None


def written(seen: Mapping[str, datetime]) -> Cursor:
    """Return times by name as a cursor."""
    return {name: at.isoformat() for name, at in seen.items()}


def origin(address: str) -> str:
    """Return the `https://host` that is meant by a host or an address. Raises ValueError.

    Plain http is taken for a server on this machine only."""
    try:
        url = httpx.URL(address if "://" in address else f"https://{address}")
    except httpx.InvalidURL:
        url = httpx.URL()
    schemes = ("https", "http") if url.host in ("localhost", "127.0.0.1", "::1") else ("https",)
    if url.scheme not in schemes or url.userinfo or not _HOST.fullmatch(url.raw_host):
        raise ValueError("is no address of a server: write its name, such as social.example")
    return f"{url.scheme}://{url.netloc.decode()}"
