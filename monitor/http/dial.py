"""Connections for what is not HTTP, such as a mailbox: as guarded as any request, and in turn like one."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpcore
import httpx

from monitor.http.address import PER_ADDRESS, Guard
from monitor.http.gate import Gate

Dial = Callable[[str, int], Awaitable[socket.socket]]
"""Host and port in, a connected blocking socket without a time-out. Raises httpx.TransportError that names the host."""


class Client(httpx.AsyncClient):
    """The client that connectors are given: httpx's own, and `dial` beside it for what does not speak HTTP."""

    def __init__(self, *, dial: Dial, **options: Any) -> None:
        super().__init__(**options)
        self.dial = dial


class Dialler:
    """Dials a host whose every address was judged, at most as often as requests may start, within `deadline` seconds."""

    def __init__(self, gate: Gate, guard: Guard, *, deadline: float) -> None:
        self._gate, self._guard, self._deadline = gate, guard, deadline

    async def __call__(self, host: str, port: int) -> socket.socket:
        """See Dial. Raises AddressRefused, httpx.ConnectError, httpx.ConnectTimeout."""
        async with self._gate.turn(f"{host.rstrip('.').lower()}:{port}"):
            try:
                async with asyncio.timeout(self._deadline):
                    return await self._connected(host, port)
            except TimeoutError:
                raise httpx.ConnectTimeout(f"{host}: took too long to accept a connection") from None
            except (OSError, httpcore.ConnectError) as error:
                raise httpx.ConnectError(f"{host}: cannot be reached ({_reason(error)})") from None

    async def _connected(self, host: str, port: int) -> socket.socket:
        *others, last = await self._guard.judged(host, port)
        for address in others:
            try:
                async with asyncio.timeout(PER_ADDRESS):
                    return await _connect(address, port)
            except (OSError, TimeoutError):
                continue
        return await _connect(last, port)


async def _connect(address: str, port: int) -> socket.socket:
    dialled = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        dialled.settimeout(0)
        await asyncio.get_running_loop().sock_connect(dialled, (address, port))
        dialled.settimeout(None)
    except BaseException:
        dialled.close()
        raise
    return dialled


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error)
