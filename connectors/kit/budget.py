"""How often a platform lets us ask: counted in the cursor, so that a restart forgets nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.model import Json

_NEARLY = 0.2
"""With less than this share left, people are told; and this share may be spent before its time, see `ahead`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """So many requests in a calendar day of `zone`. Pure: what is spent is a value of the cursor, `None` at first.

    Spend before asking: hand over `Page(cursor=cursor | {"budget": budget.spend(...)})` and ask afterwards, so that a
    crash in between costs one request of the budget and never goes over it."""

    name: str
    limit: int
    zone: str = "UTC"

    def left(self, spent: Json, now: datetime) -> int:
        """How many requests are left today."""
        return max(self.limit - self._used(spent, now), 0)

    def spend(self, spent: Json, now: datetime, count: int = 1) -> Json:
        """What is to be kept once `count` requests are made."""
        return {"day": self._day(now), "used": self._used(spent, now) + count}

    def ahead(self, spent: Json, now: datetime) -> bool:
        """Whether more is spent than the day has passed, a fifth aside: who waits then still asks in the evening."""
        begun, end = self._day_of(now)
        passed = (now - begun) / (end - begun)
        return self._used(spent, now) >= self.limit * (_NEARLY + (1 - _NEARLY) * passed)

    def wait(self, now: datetime) -> timedelta:
        """How long until it is whole again: 23 to 25 hours after it was, where the clocks change."""
        return self._day_of(now)[1] - now

    def warning(self, spent: Json, now: datetime) -> str | None:
        """The sentence for people where it is gone or nearly so."""
        left = self.left(spent, now)
        if left > self.limit * _NEARLY:
            return None
        hours = round(self.wait(now).total_seconds() / 3600) or 1
        return f"{self.name}: {left} of {self.limit} left for today, renewed in about {hours} h"

    def _used(self, spent: Json, now: datetime) -> int:
        return int(spent["used"]) if spent and spent.get("day") == self._day(now) else 0

    def _day_of(self, now: datetime) -> tuple[datetime, datetime]:
        """When the day begins and ends. Spans are taken between times in UTC: within a zone they ignore its changes."""
        today = now.astimezone(ZoneInfo(self.zone)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return today.astimezone(UTC), (today + timedelta(days=1)).astimezone(UTC)

    def _day(self, now: datetime) -> str:
        return now.astimezone(ZoneInfo(self.zone)).date().isoformat()
