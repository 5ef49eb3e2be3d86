"""Connections for what is not HTTP: as guarded, and as patient, as those for requests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import httpx
import pytest

from monitor.http import AddressRefused
from tests.clock import Clock
from tests.hostile import visitor


@asynccontextmanager
async def greeting(said: bytes = b"* OK ready\r\n") -> AsyncIterator[tuple[int, list[str]]]:
    """A server that greets; its port, and the addresses that came."""
    came: list[str] = []

    async def greet(reader, writer):
        came.append(writer.get_extra_info("peername")[0])
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], came


async def heard(dialled: socket.socket) -> bytes:
    with closing(dialled):
        return await asyncio.to_thread(dialled.recv, 100)


def answering(*addresses):
    async def resolve(host, port):
        return addresses

    return resolve


async def test_what_is_dialled_is_a_plain_blocking_socket():
    async with greeting() as (port, came), visitor() as client:
        dialled = await client.dial("localhost", port)
        assert (dialled.gettimeout(), dialled.type) == (None, socket.SOCK_STREAM)
        assert await heard(dialled) == b"* OK ready\r\n"
    assert came == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "mail.example", "[::1]".strip("[]")])
async def test_an_address_that_is_not_public_is_not_dialled(host):
    resolve = {"resolve": answering("8.8.8.8", "127.0.0.1")} if host == "mail.example" else {}
    async with greeting() as (port, came), visitor(allow=(), **resolve) as client:
        with pytest.raises(AddressRefused, match=r"a loopback address; .* allow under \[network\]$"):
            await client.dial(host, port)
    assert came == []


async def test_every_address_is_tried_until_one_answers():
    async with greeting() as (port, came), visitor(resolve=answering("127.0.0.2", "127.0.0.1")) as client:
        assert await heard(await client.dial("mail.example", port))
    assert len(came) == 1


async def test_a_host_that_takes_no_connection_is_named_with_the_reason():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with visitor() as client:
            with pytest.raises(httpx.ConnectError, match=r"^localhost: cannot be reached \(Connection refused\)$"):
                await client.dial("localhost", closed.getsockname()[1])


async def test_a_name_that_does_not_resolve_is_named():
    async with visitor() as client:
        with pytest.raises(
            httpx.ConnectError, match=r"^mail\.example: cannot be reached \(the name does not resolve\)$"
        ):
            await client.dial("mail.example", 993)


async def test_a_connection_is_waited_for_no_longer_than_agreed():
    async def never(host, port):
        await asyncio.Event().wait()

    async with visitor(resolve=never, deadline=0.05) as client:
        with pytest.raises(httpx.ConnectTimeout, match="^mail.example: took too long"):
            await client.dial("mail.example", 993)


async def test_two_connections_to_one_host_start_as_far_apart_as_requests(clock: Clock):
    how = {"now": clock.now, "monotonic": lambda: clock.now().timestamp(), "sleep": clock.sleep, "gap": 30.0}
    started = clock.now()
    async with greeting() as (port, came), visitor(**how) as client:
        for _ in range(2):
            assert await heard(await client.dial("localhost", port))
    assert (len(came), (clock.now() - started).total_seconds()) == (2, 30)
