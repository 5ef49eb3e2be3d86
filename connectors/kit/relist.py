"""Listings that are silent about what was deleted: what is known is listed again from time to time, and what is missing
then, and again the next time, is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from connectors.kit.rest import UNREADABLE, Rest, when
from monitor.connector import Cursor, Page
from monitor.model import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Relist:
    """Every `every`, a walk goes to the end of the listing. Pure: what is remembered is a value of the cursor, `None` at
    first: `at`, when that was last done, the `ids` that were handed over, and those `missing` the last time.

    Two misses make a loss, because one does not: what changes while a listing is read moves from a page not yet read to
    one that is, a platform in trouble answers with half a listing, and a spam filter gives back what it took.

    `window`: the listing shows only what is new, so what is missing has grown old, and nothing of it is known to be gone."""

    every: timedelta = timedelta(hours=24)
    window: bool = False

    def due(self, kept: Json, now: datetime) -> bool:
        """Whether it is time to go to the end; a clock that was set back is no reason to wait for years."""
        return not kept or not timedelta() <= now - datetime.fromtimestamp(kept["at"], UTC) < self.every

    def told(self, kept: Json, ids: Iterable[str]) -> Json:
        """What is to be kept once `ids` were handed over."""
        kept = kept or {"at": 0, "ids": [], "missing": []}
        return kept | {"ids": list(dict.fromkeys([*kept["ids"], *ids]))}

    def gone(self, kept: Json, there: Collection[str]) -> list[str]:
        """What was missing the last time and is so again, once a walk that went to the end found `there`."""
        return [id_ for id_ in (kept or {}).get("missing", ()) if id_ not in there]

    def listed(self, kept: Json, there: Collection[str], now: datetime) -> Json:
        """What is to be kept after such a walk; what is `gone` is forgotten."""
        known = self.told(kept, ())["ids"]
        if self.window:
            return {"at": int(now.timestamp()), "ids": [id_ for id_ in known if id_ in there], "missing": []}
        gone = set(self.gone(kept, there))
        ids = [id_ for id_ in known if id_ not in gone]
        return {"at": int(now.timestamp()), "ids": ids, "missing": [id_ for id_ in ids if id_ not in there]}


class Relisted(Rest):
    """A listing from the latest change to the oldest. A poll goes down to a page that reaches behind the last walk, less
    the overlap, and holds nothing unknown; where it is due, to the end.

    The cursor is the newest `arrived`, what `Relist` knows, and of which `places` that is the listing."""

    relist: ClassVar[Relist] = Relist()

    def places(self) -> list[str]:
        """Return what the ids of this listing begin with: what is taken out of the options is not gone there."""
        return [""]

    def identity(self, item: Json) -> str:
        """Return the `external_id` of an item that need not be readable otherwise. Raises one of UNREADABLE."""
        raise NotImplementedError

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk down to what is known, and where that is due to the end."""
        known = self._here(self.relist.told(cursor.get("known"), ()))
        whole = cursor.get("places") != self.places() or self.relist.due(known, self.now())
        newest = floor if whole else when(cursor["newest"])
        since, sound = max(floor, newest - self.overlap), True
        there: set[str] = set()
        async for items in self.pages(self.url(since), self.paging):
            page, arrivals = self.page(items, floor), self.arrivals(items)
            told = [mention.external_id for mention in page.mentions]
            is_new = not set(told) <= set(known["ids"])
            known, newest = self.relist.told(known, told), max([newest, *arrivals])
            there, sound = there | self._ids(items), sound and not page.skipped
            yield page
            if not whole and arrivals and min(arrivals) < since and not is_new:
                break
        there = there if sound else set(known["ids"])  # what could not be read is not missing
        gone = self.relist.gone(known, there) if whole else []
        known = self.relist.listed(known, there, self.now()) if whole else known
        yield Page(cursor={"places": self.places(), "newest": newest.isoformat(), "known": known}, gone=gone)

    def _here(self, known: Json) -> Json:
        begins = tuple(self.places())
        kept = {key: [id_ for id_ in known[key] if id_.startswith(begins)] for key in ("ids", "missing")}
        return {**known, **kept}

    def _ids(self, items: Iterable[Json]) -> set[str]:
        found = set()
        for item in items:
            with suppress(*UNREADABLE):
                found.add(self.identity(item))
        return found
