"""Polls a second of 10,000 configured feeds: unchanged by status (304), unchanged by body (200), and with a new entry.

    python benchmarks/polls.py [--quick] [--sources 10000] [--seed 7]

The real line polls real sockets: a thousand addresses of the loopback net, served by another process, each poll on a new
connection as it is where a host is asked every 15 minutes. The client is ours, with no gap between requests to one host.
Sources are claimed and polled as the daemon does, 32 at a time; a fifth of them is due in a round. Then the parts of a poll are measured alone: claim (lease 32
sources), http (the request), parse (feed to mentions, where there is a body), store (what is written after), rest
(connector, checks, hops between loop and writer). A body is 21 entries of 30 words; one of them is new in the last case.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
from sqlalchemy import update

from benchmarks import server
from benchmarks.measure import Spent, cpu, machine, options, spent, table, wall
from connectors.kit import feed
from connectors.kit.feed.reading import Reading
from monitor import http, log, schema
from monitor.config import load
from monitor.connector import Page
from monitor.model import Assessment, Mention, SourceState
from monitor.pipeline import Line, ingest, poll
from monitor.pipeline.line import assemble
from monitor.pipeline.poll import LEASE
from monitor.store import sources

AT_ONCE = 32
CASES = {"304": "304", "200, same body": "same", "200, one new entry": "new"}
EVERY = timedelta(minutes=15)


class Clock:
    """A clock that stands until all sources that are due have been polled, then moves on to when they are due again."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


class Stand:
    """The line, its clock and the port of the servers."""

    def __init__(self, line: Line, clock: Clock, client: httpx.AsyncClient, port: int, count: int) -> None:
        self.line, self.clock, self.client, self.port, self.count = line, clock, client, port, count

    async def round(self) -> Spent:
        """Polls every source that is due, `AT_ONCE` at a time."""
        self.clock.moment += EVERY
        running: set[asyncio.Task[None]] = set()
        done = 0
        with spent() as found:
            while done < self.count:
                states = await self.claim(AT_ONCE - len(running))
                running |= {asyncio.create_task(self.poll(state)) for state in states}
                finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                done += len(finished)
        return found

    async def poll(self, state: SourceState) -> None:
        done = await poll(self.line, state)
        assert done.error is None, done.error

    async def claim(self, limit: int) -> list[SourceState]:
        return await self.line.run(self.claimed, limit)

    def claimed(self, limit: int) -> list[SourceState]:
        now = self.clock.now()
        with self.line.database.write() as tx:
            return sources.claim(tx, now, lease=self.line.lease, until=now + LEASE, limit=limit)

    async def http(self, count: int, headers: dict[str, str]) -> Spent:
        """The requests of a round, alone."""
        numbers = iter(range(count))

        async def some() -> None:
            for number in numbers:
                address = f"http://{server.host(number)}:{self.port}/feed/{number}"
                await self.client.get(address, headers=headers)

        with spent() as found:
            await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        return found


def parsed(body: bytes, count: int) -> Spent:
    """The reading of a body, `count` times."""
    headers = {"content-type": "application/rss+xml"}
    with spent() as found:
        for _ in range(count):
            read = feed.read(body, headers, "https://case.example/rss")
            floor = datetime.now(UTC) - timedelta(days=30)
            reading = Reading(read, url=httpx.URL("https://case.example/rss"), date="", floor=floor)
            reading.page(reading.distinct({})[0])
    return found


async def stored(stand: Stand, case: str, states: list[SourceState]) -> Spent:
    """What is written after a poll, alone: the page, where there is anything new, and when the source is due again."""
    line, now = stand.line, stand.clock.now()
    pages = {state.name: await _page(stand, state) for state in states} if case == "new" else {}
    with spent() as found:
        for state in states:
            if state.name in pages:
                await line.run(ingest, line, line.config.sources[state.name], state, pages[state.name], lease_for=LEASE)
            await line.run(_polled, line, state.name, now)
    return found


async def _page(stand: Stand, state: SourceState) -> Page:
    pages = [
        page async for page in stand.line.connectors(state.name).poll(state.cursor, stand.clock.now() - EVERY * 999)
    ]
    return pages[-1]


def _polled(line: Line, name: str, now: datetime) -> None:
    with line.database.write() as tx:
        sources.polled(tx, name, line.lease, now=now, next_poll_at=now + EVERY)


async def parts(stand: Stand, case: str) -> dict[str, float]:
    """Microseconds of CPU a poll, by part."""
    count = stand.count
    address = f"http://{server.host(0)}:{stand.port}/feed/0"
    body = (await stand.client.get(address)).content
    stand.clock.moment += EVERY
    states: list[SourceState] = []
    with spent() as claims:
        while len(states) < count:
            states += await stand.claim(AT_ONCE)
    found = {"claim": claims.cpu}
    found["http"] = (await stand.http(count, {"if-none-match": '"fixed"'})).cpu
    found["parse"] = parsed(body, count).cpu if case == "new" else 0.0
    found["store"] = (await stored(stand, case, states[:count])).cpu
    return {name: seconds / count * 1e6 for name, seconds in found.items()}


class _Mute:
    """Assesses nothing: what was in the feeds before does not matter, only that it is stored."""

    name = "mute"

    def assess(self, _mention: Mention, _parent: Mention | None = None) -> Assessment:
        return Assessment(lang="en", sentiment=0.0, assessor=self.name)

    def assess_all(self, said: Sequence[tuple[Mention, Mention | None]]) -> list[Assessment]:
        """One for each."""
        return [self.assess(*one) for one in said]


@asynccontextmanager
async def standing(port: int, count: int, folder: Path) -> AsyncIterator[Stand]:
    """A line with so many sources; those that will be due have been polled before."""
    config = folder / "config.toml"
    config.write_text(server.configuration(port, count, server.OUTSIDE))
    start = process_time()
    loaded = load(config, environ={})
    print(f"config.toml with {count:,} sources read in {process_time() - start:.2f} s of CPU")
    clock = Clock()
    async with http.client(contact="", allow=loaded.network.allow, gap=0.0) as client:
        line = assemble(loaded, client, now=clock.now, lease="bench")
        try:
            await line.run(line.database.upgrade)
            await line.run(_synced, line, count // 5)
            stand = Stand(line, clock, client, port, count // 5)
            real, line.assessors = line.assessors, _Mute  # type: ignore[assignment]
            await stand.round()
            line.assessors, line._assessor = real, None  # noqa: SLF001  # it is kept there once it is made
            yield stand
        finally:
            line.close()


def _synced(line: Line, due: int) -> None:
    """The sources as they are after a while: walked before, the first `due` of them due now."""
    now = line.now()
    moments = {name: now if at < due else now + timedelta(days=9) for at, name in enumerate(line.config.sources)}
    with line.database.write() as tx:
        sources.sync(tx, dict.fromkeys(line.config.sources, "rss"), moments, now)
        tx.execute(update(schema.sources).values(walked_at=now))


async def measured(port: int, count: int, rounds: int, folder: Path) -> None:
    """Prints the tables."""
    speeds, shares = [], []
    async with standing(port, count, folder) as stand:
        for name, mode in CASES.items():
            server.tell(port, mode)
            server.counted(port)
            found = [await stand.round() for _ in range(rounds)]
            answered = ", ".join(f"{many:,} x {status}" for status, many in server.counted(port).items())
            each = [await parts(stand, mode) for _ in range(rounds)]
            part = {key: median(one[key] for one in each) for key in each[0]}
            whole = cpu(found) / stand.count * 1e6
            a_quarter = whole * count / EVERY.total_seconds() / 1e4
            speeds.append([name, stand.count / wall(found), 1e6 / whole, whole / 1000, a_quarter, answered])
            shares.append([name, *part.values(), whole - sum(part.values()), whole])
    head = ["answer", "polls/s", "polls/CPU s", "CPU ms a poll", "% of a core, all every 15 min", "answered"]
    table(f"Polls of {count:,} sources", head, speeds)
    table("Microseconds of CPU a poll, by part", ["answer", "claim", "http", "parse", "store", "rest", "whole"], shares)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--sources", type=int, default=0, help="10,000; 500 with --quick")
    chosen = parser.parse_args()
    log.configure(json=False, stream=sys.stderr, level="ERROR")
    count = chosen.sources or (500 if chosen.quick else 10_000)
    date = f"{datetime.now(UTC):%a, %d %b %Y}"
    with tempfile.TemporaryDirectory() as place, server.serving(chosen.seed, date) as port:
        asyncio.run(measured(port, count, 2 if chosen.quick else 3, Path(place)))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
