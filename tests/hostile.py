"""Servers on loopback that answer by a script, most of them badly: what a daemon meets when it reads the web."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import httpx

from monitor.http import client

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
"""What a client under test must be allowed to reach these servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as a server read it; `headers` are lower case, `number` counts from 0."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    number: int


Answer = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
"""Writes one answer, or anything else, to whoever asked. When it returns the connection is kept for the next request,
unless it closed the writer."""


@dataclass(slots=True)
class Server:
    """One that runs: where it is, what it was asked, how many connections it accepted, how many requests
    it is answering `now` and answered at `most` at once."""

    url: str
    port: int
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    now: int = 0
    most: int = 0


@asynccontextmanager
async def serving(
    answer: Answer, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Runs a server that answers every request with `answer`, on a free port; ends it and its connections at exit."""
    running: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.ensure_future(_converse(server, answer, reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    listening = await asyncio.start_server(accept, host, 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    server = Server(f"{'https' if tls else 'http'}://{name}:{port}", port)
    try:
        yield server
    finally:
        listening.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _converse(server: Server, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while not writer.is_closing():
                asked = await _read(reader, len(server.asked))
                server.asked.append(asked)
                server.now += 1
                server.most = max(server.most, server.now)
                try:
                    await answer(asked, writer)
                finally:
                    server.now -= 1
    finally:
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader, number: int) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method=method, target=target, headers=headers, body=body, number=number)


def head(status: int, headers: Mapping[str, object] | Iterable[tuple[str, object]] = ()) -> bytes:
    """A status line and headers, blank line included."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in pairs)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def reply(body: bytes = b"", status: int = 200, headers: Mapping[str, object] | None = None) -> Answer:
    """Answers as one should."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        said = {"Content-Length": len(body), **(headers or {})}
        writer.write(head(status, said) + (b"" if asked.method == "HEAD" else body))
        await writer.drain()

    return answer


def raw(data: bytes, *, close: bool = True) -> Answer:
    """Writes exactly `data`."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return answer


def in_turn(*answers: Answer) -> Answer:
    """Answers the first request with the first, and so on; the last one is repeated."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await answers[min(asked.number, len(answers) - 1)](asked, writer)

    return answer


def by_path(answers: Mapping[str, Answer]) -> Answer:
    """Answers by path, without the query; 404 for any other."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await answers.get(asked.target.partition("?")[0], reply(b"", 404))(asked, writer)

    return answer


def redirect(to: str, status: int = 302) -> Answer:
    """Sends everybody to `to`."""
    return reply(b"moved", status, {"Location": to})


def redirect_loop() -> Answer:
    """Sends everybody on, for ever, to an address that was never asked before."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await redirect(f"/{asked.number}")(asked, writer)

    return answer


def gzip_bomb(decoded: int = 300_000_000) -> Answer:
    """A small body that decodes to `decoded` zeros: a thousandth of it travels."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    piece = bytes(1_000_000)
    body = b"".join([*(packer.compress(piece) for _ in range(decoded // len(piece))), packer.flush()])
    return reply(body, headers={"Content-Encoding": "gzip"})


def endless(*, declared: int | None = None, encoding: str = "") -> Answer:
    """A body that never ends, 64 kB at a time, as fast as it is read; `declared` is a Content-Length that lies."""
    piece = b"x" * 65536

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        length = {"Transfer-Encoding": "chunked"} if declared is None else {"Content-Length": declared}
        writer.write(head(200, length | ({"Content-Encoding": encoding} if encoding else {})))
        while True:
            writer.write(b"10000\r\n" + piece + b"\r\n" if declared is None else piece)
            await writer.drain()

    return answer


def crumbs() -> Answer:
    """An endless body in chunks of one byte: little to read, much to parse."""
    piece = b"1\r\nx\r\n" * 10_000

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, {"Transfer-Encoding": "chunked"}))
        while True:
            writer.write(piece)
            await writer.drain()

    return answer


def drip(every: float = 0.02) -> Answer:
    """An endless body of one byte `every` so many seconds: no read ever times out."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, {"Transfer-Encoding": "chunked"}))
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(every)

    return answer


def silence(after: bytes = b"") -> Answer:
    """Says `after`, then nothing more, and keeps the connection open."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        await asyncio.Event().wait()

    return answer


def header_flood() -> Answer:
    """Headers without end."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-Flood: " + b"x" * 1000 + b"\r\n")
            await writer.drain()

    return answer


def many_members(count: int) -> Answer:
    """A gzip body of `count` empty members: each one costs its reader a decoder."""
    body = gzip.compress(b"") * count
    return reply(body, headers={"Content-Encoding": "gzip"})


def visitor(**options: Any) -> httpx.AsyncClient:
    """Our client as it is, but allowed to reach these servers, in no hurry to be polite, and trusting no authority."""
    defaults: dict[str, Any] = {
        "contact": "webmaster@practice.example", "allow": LOOPBACK, "gap": 0.0, "deadline": 10.0,
        "tls": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    }  # fmt: skip
    return client(**defaults | options)
