"""A thousand feeds' hosts in a process of their own: what polls.py and idle.py ask, answered at next to no cost.

Each address 127.1.x.y listens on one port and serves /feed/NUMBER: 21 entries of 30 words, with an ETag. What it answers is
set by GET /mode/NAME: `304` to who has the ETag, `same` (200 with the body that was sent before), or `new` (200 with one more
entry, another at every request). GET /count says how many answers of each status there were since the last question.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.texts import Texts, rss

HOSTS = 1_000
_ENTRIES, _WORDS, _BODIES = 21, 30, 50


def host(number: int) -> str:
    """The address of the host that serves feed `number`."""
    return f"127.1.{number % HOSTS // 250}.{number % HOSTS % 250 + 1}"


class Feeds:
    """What all hosts answer."""

    def __init__(self, seed: int, date: str) -> None:
        made = Texts(seed)
        self.bodies = [
            rss([made.text(_WORDS) for _ in range(_ENTRIES)], feed, date=date).split(b"<item>", 1)
            for feed in range(_BODIES)
        ]
        self.mode = "same"
        self.asked = 0
        self.statuses: Counter[int] = Counter()

    def answer(self, request: bytes) -> bytes:
        """The bytes that answer the bytes of a request."""
        path = request.split(b" ", 2)[1].decode()
        if path.startswith("/mode/"):
            self.mode = path.removeprefix("/mode/")
            return _response(200, b"")
        if path == "/count":
            counted, self.statuses = self.statuses, Counter()
            return _response(200, json.dumps(counted).encode())
        known = self.mode == "304" and b"if-none-match" in request.lower()
        self.statuses[304 if known else 200] += 1
        return _response(304, b"") if known else _response(200, self.body(int(path.rpartition("/")[2])))

    def body(self, number: int) -> bytes:
        """The document of feed `number`: fifty of them go round, with the feed's number in the ids."""
        self.asked += 1
        head, items = self.bodies[number % _BODIES]
        items = items.replace(b">gazette-", b">gazette-%d-" % number)
        if self.mode == "new":
            first = items[: items.index(b"</item>") + 7].replace(b"</guid>", b"-%d</guid>" % self.asked)
            items = first + b"<item>" + items
        return head + b"<item>" + items


def _response(status: int, body: bytes) -> bytes:
    head = f'HTTP/1.1 {status} Said\r\nETag: "fixed"\r\nContent-Type: application/rss+xml\r\n'
    length = "" if status == 304 else f"Content-Length: {len(body)}\r\n"
    return f"{head}{length}\r\n".encode() + body


class _Conversation(asyncio.Protocol):
    def __init__(self, feeds: Feeds) -> None:
        self.feeds, self.held = feeds, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.held += data
        if self.held.endswith(b"\r\n\r\n"):
            request, self.held = self.held, b""
            self.transport.write(self.feeds.answer(request))  # type: ignore[attr-defined]


async def _serve(feeds: Feeds, ready: Connection) -> None:
    loop = asyncio.get_running_loop()
    first = await loop.create_server(lambda: _Conversation(feeds), host(0), 0, backlog=512)
    port = first.sockets[0].getsockname()[1]
    for number in range(1, HOSTS):
        await loop.create_server(lambda: _Conversation(feeds), host(number), port, backlog=128)
    ready.send(port)
    await asyncio.Event().wait()


def _run(seed: int, date: str, ready: Connection) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_serve(Feeds(seed, date), ready))


@contextmanager
def serving(seed: int, date: str) -> Iterator[int]:
    """Runs the server in a process, so that its CPU time is not ours; gives its port. `date` is of all entries."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(seed, date, theirs), daemon=True)
    process.start()
    theirs.close()  # if the server fails to start, `recv` ends
    try:
        yield int(ours.recv())
    finally:
        process.terminate()
        process.join()


def tell(port: int, mode: str) -> None:
    """Sets what is answered from now on."""
    urlopen(f"http://{host(0)}:{port}/mode/{mode}").close()


def counted(port: int) -> dict[str, int]:
    """How many answers of each status there were since this was last asked."""
    with urlopen(f"http://{host(0)}:{port}/count") as answer:
        return dict(json.load(answer))


def configuration(port: int, sources: int, extra: str = "") -> str:
    """A config.toml with so many feeds of these hosts, every 15 minutes."""
    return extra + "".join(
        f'[sources.feed-{number}]\nconnector = "rss"\nevery = "15m"\n'
        f'options = {{ url = "http://{host(number)}:{port}/feed/{number}" }}\n'
        for number in range(sources)
    )


OUTSIDE = """
organisation = "Practice Hospital"
brands = ["Practice Hospital", "practicehosp"]
[network]
allow = ["127.0.0.0/8"]
[inboxes.marketing]
folder = "mail"
[inboxes.risk]
folder = "mail"
"""
"""What every configuration here has beside its sources."""
