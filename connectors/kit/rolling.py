"""Budgets without a midnight: so much in any span of time, counted in the cursor like those of `budget`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.kit.rest import when
from monitor.model import Json

_NEARLY = 0.2
"""With this share left or less, people are told."""
_BUCKETS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """So many requests in any span of `within`. Pure: what is spent is a value of the cursor, `None` at first: by the
    beginning of a twenty-fourth of the span, in seconds since 1970, how many. It is spent before it is asked, see `Budget`.
    """

    name: str
    limit: int
    within: timedelta

    def left(self, spent: Json, now: datetime) -> int:
        """How many requests are left now."""
        return max(self.limit - sum(self._counting(spent, now).values()), 0)

    def spend(self, spent: Json, now: datetime, count: int = 1) -> Json:
        """What is to be kept once `count` requests are made; less than none where they turned out to be free."""
        counting, bucket = self._counting(spent, now), str(int(now.timestamp()) // self._bucket * self._bucket)
        return counting | {bucket: max(counting.get(bucket, 0) + count, 0)}

    def wait(self, spent: Json, now: datetime) -> timedelta:
        """How long until some of it is free again, where it is used up."""
        oldest = min(map(int, self._counting(spent, now)), default=int(now.timestamp()))
        return datetime.fromtimestamp(oldest + self._bucket, UTC) + self.within - now

    def warning(self, spent: Json, now: datetime) -> str | None:
        """The sentence for people where it is gone or nearly so."""
        left = self.left(spent, now)
        if left > self.limit * _NEARLY:
            return None
        hours = round(self.wait(spent, now) / timedelta(hours=1)) or 1
        return f"{self.name}: {left} of {self.limit} are left, more in about {hours} h"

    @property
    def _bucket(self) -> int:
        return int(self.within.total_seconds()) // _BUCKETS

    def _counting(self, spent: Json, now: datetime) -> dict[str, int]:
        """What still counts: a bucket until its last second is past."""
        begins = now.timestamp() - self.within.total_seconds() - self._bucket
        return {begun: used for begun, used in (spent or {}).items() if int(begun) > begins}


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct:
    """So many different names in any span of `within`. A name counts from when it was first asked for; asking for it again
    costs nothing and does not make it count longer. Pure: what is spent is by name when that was."""

    name: str
    limit: int
    within: timedelta

    def counting(self, spent: Json, now: datetime) -> dict[str, str]:
        """The names that count now."""
        return {name: at for name, at in (spent or {}).items() if now - when(at) < self.within}

    def spend(self, spent: Json, name: str, now: datetime) -> Json:
        """What is to be kept once `name` is asked for, None where that may not be."""
        counting = self.counting(spent, now)
        if name not in counting and len(counting) >= self.limit:
            return None
        return {name: now.isoformat()} | counting

    def free_at(self, spent: Json, now: datetime) -> datetime:
        """When a new name may be asked for, where that may not be now."""
        return min(map(when, self.counting(spent, now).values()), default=now - self.within) + self.within

    def warning(self, spent: Json, now: datetime) -> str | None:
        """The sentence for people where it is gone or nearly so."""
        left = self.limit - len(self.counting(spent, now))
        if left > self.limit * _NEARLY:
            return None
        return f"{self.name}: {left} of {self.limit} different ones in {self.within.days} days are left"
