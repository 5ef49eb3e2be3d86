"""The world outside the daemon: one thread with an event loop, and the simplest HTTP server that will do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import NamedTuple


class Request(NamedTuple):
    """What a client asked. `path` is with its query, names of `headers` are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What it is told."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Outside:
    """Servers on free ports of loopback, all in one thread that is not the test's."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._talks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self.loop.run_forever, name="outside", daemon=True)
        self._thread.start()

    def listen(self, protocol: Callable[[], asyncio.Protocol]) -> int:
        """Serves `protocol`, made anew for each connection, and returns the port."""
        return asyncio.run_coroutine_threadsafe(self._listen(protocol), self.loop).result(10)

    def serve(self, answer: Callable[[Request], Awaitable[Answer]]) -> int:
        """Serves HTTP, one request a connection, and returns the port."""

        def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # A task of our own: the one that asyncio would make complains when it is cancelled at the end.
            task = self.loop.create_task(_converse(answer, reader, writer))
            self._talks.add(task)
            task.add_done_callback(self._talks.discard)

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=self.loop), met, loop=self.loop)

        return self.listen(protocol)

    def do(self, work: Callable[[], object]) -> None:
        """Does `work` in the thread of the servers."""
        self.loop.call_soon_threadsafe(work)

    def close(self) -> None:
        """Breaks off what is still spoken and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _listen(self, protocol: Callable[[], asyncio.Protocol]) -> int:
        server = await self.loop.create_server(protocol, "127.0.0.1", 0, backlog=512)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the turn after


@contextmanager
def outside() -> Iterator[Outside]:
    """The world outside, for as long as the block lasts."""
    world = Outside()
    try:
        yield world
    finally:
        world.close()


async def _converse(
    answer: Callable[[Request], Awaitable[Answer]], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    # A daemon that is killed breaks off wherever it is: that is what we are here for.
    try:
        with suppress(OSError, asyncio.IncompleteReadError):
            said = await answer(await _request(reader))
            head = {"Content-Length": str(len(said.body)), "Connection": "close", **said.headers}
            lines = [f"HTTP/1.1 {said.status} {HTTPStatus(said.status).phrase}"]
            lines += [f"{name}: {value}" for name, value in head.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + said.body)
            await writer.drain()
    finally:
        writer.close()


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head[0].split(" ")[1], headers, body)
