"""Requests kept further apart than those to any other host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

Sleep = Callable[[float], Awaitable[object]]
"""Waits for so many seconds, as `asyncio.sleep` does."""


class Pace:
    """When the next request may go out: `gap` after the last, for all sources that share it, and after every `hold`."""

    def __init__(self, gap: timedelta = timedelta()) -> None:
        self._gap = gap
        self._free_at: datetime | None = None

    def left(self, now: datetime) -> timedelta:
        """How long until a request may go out."""
        return max(self._free_at - now, timedelta()) if self._free_at else timedelta()

    def hold(self, now: datetime, wait: timedelta) -> None:
        """Nothing goes out for `wait`."""
        self._free_at = now + max(wait, self.left(now))

    async def turn(self, now: datetime, sleep: Sleep) -> None:
        """Take the next turn, and wait for it."""
        left = self.left(now)
        self._free_at = now + left + self._gap  # taken before the wait, so that who comes meanwhile comes after
        if left:
            await sleep(left.total_seconds())
