"""Whose turn it is: how many requests run at once, how soon one host is asked again, which hosts want to be left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Host:
    """One host's queue. Both primitives serve first come, first served; times are on the monotonic clock."""

    slots: asyncio.Semaphore
    start: asyncio.Lock = field(default_factory=asyncio.Lock)
    next_at: float = 0.0
    paused_until: float = 0.0
    inside: int = 0


class Gate:
    """Lets requests through: at most `total` at once, `per_host` of them to one host, their starts `gap` seconds apart.

    A request waits for its host first and takes one of the `total` places only when it may start at once, so a slow
    host keeps none but its own waiting. The clock and the sleep are handed in.
    """

    def __init__(
        self,
        *,
        gap: float,
        per_host: int,
        total: int,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._gap, self._per_host = gap, per_host
        self._places = asyncio.Semaphore(total)
        self._monotonic, self._sleep = monotonic, sleep
        self._hosts: dict[str, _Host] = {}
        self._sweep_at = 1024

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[float]:
        """Waits for a turn at host `name`. Yields 0.0: go; or the seconds for which the host wants to be left alone."""
        host = self._host(name)
        host.inside += 1
        try:
            if left := self._left(host):
                yield left
                return
            async with host.slots:
                if left := await self._wait(host):
                    yield left
                    return
                try:
                    yield 0.0
                finally:
                    self._places.release()
        finally:
            host.inside -= 1

    def pause(self, name: str, seconds: float) -> None:
        """Nobody gets a turn at host `name` for so many seconds; a longer pause that already holds is kept."""
        host = self._host(name)
        host.paused_until = max(host.paused_until, self._monotonic() + seconds)

    def _left(self, host: _Host) -> float:
        return max(0.0, host.paused_until - self._monotonic())

    async def _wait(self, host: _Host) -> float:
        """Takes a place, at the earliest `gap` after the last one; or none, if the host is paused meanwhile."""
        async with host.start:
            if left := self._left(host):
                return left
            if (soon := host.next_at - self._monotonic()) > 0:
                await self._sleep(soon)
            await self._places.acquire()
            if left := self._left(host):
                self._places.release()
                return left
            host.next_at = self._monotonic() + self._gap
            return 0.0

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= self._sweep_at:
                self._sweep()
            host = self._hosts[name] = _Host(asyncio.Semaphore(self._per_host))
        return host

    def _sweep(self) -> None:
        """Forgets hosts that nobody waits for: redirects may name any number of them."""
        now = self._monotonic()
        self._hosts = {
            name: host
            for name, host in self._hosts.items()
            if host.inside or max(host.next_at, host.paused_until) > now
        }
        self._sweep_at = max(1024, 2 * len(self._hosts))
