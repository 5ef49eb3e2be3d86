"""Reviews: listings that run from new to old by the platform's own clock, and change after they were listed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

import httpx

from connectors.kit.rest import UNREADABLE, Rest, when
from monitor.connector import Cursor, Malformed, NotPermitted, Page, Unavailable
from monitor.model import Json, Mention


class Reviews(Rest):
    """Stars are changed, texts edited and replies of ours written months after a review was listed, and nothing in the
    order of the listing shows it. So each poll reads the newest pages, and in turn one older page again, back to `again`
    ago: a change is seen after as many polls as there are pages.

    The cursor holds by listing `newest`, the time of the newest review, and `again`, the page whose turn is next. Nothing
    older ends a walk but the last review of a page: none is pinned here."""

    again: ClassVar[timedelta] = timedelta(days=90)

    def reply(self, item: Json) -> Mention | None:  # noqa: ARG002  # for a platform that has some
        """Read our reply that an item carries, None where there is none. Raises one of UNREADABLE."""
        return None

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk every listing back to where the last walk began; then read one older page of it again."""
        listings = self.listings()
        kept = {name: cursor[name] for name in listings if name in cursor}
        for name, begin in listings.items():
            whole = bool(cursor) or name == list(listings)[-1]
            async for page, standing in self._walk(name, begin, kept.get(name), floor):
                kept |= {name: standing} if standing else {}
                yield replace(page, cursor=dict(kept)) if standing and whole else page

    async def _walk(
        self, name: str, begin: Callable[[datetime], httpx.URL], known: Json, floor: datetime
    ) -> AsyncIterator[tuple[Page, Json]]:
        """Yield the pages of a listing, and with some of them what is to be kept from then on."""
        newest = when(known["newest"]) if known and known["newest"] else None
        since, walked = self.since(newest, floor), set[httpx.URL]()
        following: httpx.URL | None = begin(since)
        while following is not None:
            if following in walked:
                raise Malformed(
                    f"{following.host} sends the walk in a circle: nothing can be done but wait or report it"
                )
            walked.add(following)
            items, after = await self.step(following)
            if not items and newest and len(walked) == 1:
                yield Page(warnings=(_silent(following.host, name),)), known
                return
            newest = max((at for at in (newest, *self.arrivals(items)) if at), default=None)
            newest = newest and min(newest, self.now())
            yield self.page(items, floor), None
            following = after
            if self._is_below(items, since, otherwise=known is not None):
                break
        page, turn = Page(), None
        if known and following:
            page, turn = await self._read_again(following, known["again"], floor)
        yield page, _standing(newest, turn)

    async def step(self, url: httpx.URL) -> tuple[list[Json], httpx.URL | None]:
        """Return the page at `url`, and where the next one is. Raises PollError."""
        response = await self.ask(url)
        items = self.listed(response)
        try:
            return items, self.paging.after(url, response, items)
        except (httpx.InvalidURL, *UNREADABLE):
            raise Malformed(f"{url.host} names a next page that cannot be read: its API has changed") from None

    def page(self, items: Sequence[Json], floor: datetime) -> Page:
        """Read the reviews, and our replies to them."""
        page, replies, skipped = super().page(items, floor), [], 0
        for item in items:
            try:
                reply = self.reply(item)
            except UNREADABLE:
                skipped += 1
                continue
            if reply is not None and reply.published_at >= floor:
                replies.append(reply)
        return replace(page, mentions=[*page.mentions, *replies], skipped=page.skipped or skipped)

    async def _read_again(self, following: httpx.URL, turn: str | None, floor: datetime) -> tuple[Page, str | None]:
        """Read the page whose turn it is; return it and whose turn is next, None for the first below the newest.

        The newest page was just read with the same credential: what is wrong now is this page, and no reason to stop."""
        url = following.copy_with(raw_path=turn.encode()) if turn else following
        try:
            items, after = await self.step(url)
        except (Malformed, NotPermitted, Unavailable):
            return Page(
                warnings=(f"{url.host} did not give an older page: changes in old reviews are seen later",)
            ), None
        over = after is None or self._is_below(items, self.now() - self.again, otherwise=False)
        return self.page(items, floor), None if over or after is None else after.raw_path.decode()

    def _is_below(self, items: Sequence[Json], since: datetime, *, otherwise: bool) -> bool:
        arrivals = self.arrivals(items)
        return arrivals[-1] < since if arrivals else otherwise


def _silent(host: str, name: str) -> str:
    of = f" for {name}" if name else ""
    return f"{host} sent an empty list{of} where there were reviews: it is asked again at the next poll"


def _standing(newest: datetime | None, turn: str | None) -> Json:
    return {"newest": newest.isoformat() if newest else None, "again": turn}
