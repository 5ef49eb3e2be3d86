"""From the first byte of a platform's answer to the mail server's 250, at 1, 100 and 1,000 mentions a second.

    python benchmarks/latency.py [--quick] [--seconds 45] [--rates 1,100,1000] [--seed 7]

The daemon is the real one, in a process of its own, with SQLite. Each second one of `--seconds` feeds is polled, and answers with
as many new entries as the rate says; one of them is a threat at a place of its own, which opens an incident that is told at once
by mail. The limits of the inbox are lifted. Feeds and mail server are on loopback and answer at once: what is measured is parsing,
matching, assessing, storing, judging, the outbox and the delivery, each with its commits on the disk.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aiosmtpd.smtp import SMTP, Envelope, Session

from benchmarks.idle import daemon
from benchmarks.measure import machine, options, table
from benchmarks.server import host
from benchmarks.texts import Texts, rss
from monitor.store import Database, mentions

THREAT = "I know when that nurse leaves, and I will shoot the nurse who did this to me."
_FRAME = """
organisation = "Practice Hospital"
database = "sqlite:///wellheard.db"
[network]
allow = ["127.0.0.0/8"]
[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
from = "Wellheard <wellheard@practice.example>"
[inboxes.marketing]
email = ["marketing@practice.example"]
at_most = 10000
[inboxes.risk]
email = ["risk@practice.example"]
at_most = 10000
"""
_WARM = 10
"""Seconds in which the daemon loads its rules, with the first mention it assesses: they do not count."""
_PATIENCE = 180
"""Seconds after the last answer in which what is still under way may arrive."""


@dataclass
class Ends:
    """Both ends of the line: when each feed's first byte left, and when the mail about it was taken."""

    made: Texts
    rate: int
    feeds: int
    began: dict[int, float] = field(default_factory=dict)
    taken: dict[int, float] = field(default_factory=dict)
    all_taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A feed with so many entries of this second, one of them a threat; nothing when it is asked again."""
        request = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
        number = int(request.rpartition(b"/")[2])
        texts = [] if number in self.began else [THREAT, *(self.made.text(15) for _ in range(self.rate - 1))]
        now = f"<pubDate>{datetime.now(UTC) + timedelta(seconds=1):%a, %d %b %Y %H:%M:%S} GMT"  # not history, though a second has no parts
        body = re.sub(b"<pubDate>[^<]*", now.encode(), rss(texts, number))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nContent-Length: {len(body)}\r\n"
        self.began.setdefault(number, time.monotonic())
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (its name)
        """The mail server's 250 follows at once."""
        mail = message_from_bytes(envelope.original_content or b"", policy=default)
        place = str(mail["Subject"]).partition("Place ")[2].partition(" ")[0]
        if mail["X-Wellheard-Reason"] == "opened" and place.isdecimal():
            self.taken.setdefault(int(place), time.monotonic())
            if len(self.taken) == self.feeds:
                self.all_taken.set()
        return "250 2.0.0 taken"


def configuration(port: int, smtp: int, seconds: int) -> str:
    """Feeds at places of their own, each polled once in so many seconds."""
    return _FRAME.format(port=smtp) + "".join(
        f'[sources.feed-{number}]\nconnector = "rss"\nevery = "{seconds}s"\nlabels = {{ location = "Place {number}" }}\n'
        f'options = {{ url = "http://{host(number)}:{port}/feed/{number}" }}\n'
        for number in range(seconds)
    )


async def measured(rate: int, seconds: int, seed: int) -> list[object]:
    """A row of the table: milliseconds."""
    ends = Ends(Texts(seed), rate, seconds)
    loop = asyncio.get_running_loop()
    servers: list[Any] = [await asyncio.start_server(ends.answer, host(0), 0)]
    port = servers[0].sockets[0].getsockname()[1]
    servers += [await asyncio.start_server(ends.answer, host(number), port) for number in range(1, seconds)]
    servers.append(
        await loop.create_server(lambda: SMTP(ends, loop=loop, hostname="mail.practice.example"), "127.0.0.1", 0)
    )
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        smtp = servers[-1].sockets[0].getsockname()[1]
        (Path(place) / "config.toml").write_text(configuration(port, smtp, seconds))
        running = daemon(Path(place))
        await asyncio.to_thread(stack.enter_context, running)
        with suppress(TimeoutError):
            await asyncio.wait_for(ends.all_taken.wait(), seconds + _PATIENCE)
        await asyncio.to_thread(all_stored, Path(place), rate * seconds)
        await asyncio.to_thread(stack.close)
        unstored = rate * len(ends.began) - stored(Path(place))
    for server in servers:
        server.close()
    warm = min(ends.began.values(), default=0.0) + _WARM
    counted = [key for key, began in ends.began.items() if began >= warm]
    took = [1000 * (ends.taken[key] - ends.began[key]) for key in counted if key in ends.taken]
    return [*row(rate, took, len(counted)), unstored]


def all_stored(folder: Path, count: int) -> None:
    """Waits until so many mentions are stored: a page is told before the next one of the same answer is."""
    end = time.monotonic() + _PATIENCE
    while stored(folder) < count and time.monotonic() < end:
        time.sleep(1)


def stored(folder: Path) -> int:
    """How many mentions the daemon's store holds."""
    with closing(Database(f"sqlite:///{folder / 'wellheard.db'}")) as database, database.read() as tx:
        return mentions.count(tx)


def row(rate: int, took: Sequence[float], asked: int) -> list[object]:
    """Median, the 99th of a hundred and the longest of what was told; what was not told in time is counted."""
    if len(took) < 2:
        return [rate, len(took), "-", "-", "-", asked - len(took)]
    slow = quantiles(took, n=100, method="inclusive")[98]
    return [rate, len(took), median(took), slow, max(took), asked - len(took)]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument(
        "--seconds", type=int, default=0, help="45; 35 with --quick. Of 32 or fewer, all are polled at the start"
    )
    parser.add_argument("--rates", default="1,100,1000")
    chosen = parser.parse_args()
    seconds = chosen.seconds or (35 if chosen.quick else 45)
    rows = [asyncio.run(measured(int(rate), seconds, chosen.seed)) for rate in chosen.rates.split(",")]
    head = ["mentions/s", "told", "median ms", "p99 ms", "longest ms", "not told", "not stored"]
    table("From a platform's first byte to the mail server's 250", head, rows)
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
