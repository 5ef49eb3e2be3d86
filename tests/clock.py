"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday noon, in no zone's hour of change."""


class Clock:
    """Hand `clock.now` and `clock.sleep` to what would read the time or wait: a test of a week takes a millisecond.

    `slept` lists the seconds of every wait, in order."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The time it is, aware, in UTC."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Jumps to `moment`, also backwards, as clocks do. Raises ValueError for a naive one."""
        if moment.tzinfo is None:
            raise ValueError("the moment has no time zone")
        self._now = moment.astimezone(UTC)

    def advance(self, by: timedelta) -> datetime:
        """Lets `by` pass and returns the new time."""
        self._now += by
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Waits for no time at all, moves the clock, and gives way to other tasks as a real wait would."""
        self.slept.append(seconds)
        self._now += timedelta(seconds=seconds)
        await asyncio.sleep(0)
