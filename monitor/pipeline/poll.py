"""Poll: walk a source from where it stands, page by page, each stored before the next is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from monitor import timing
from monitor.config import Source
from monitor.connector import Page, PollError, Throttled, Unavailable
from monitor.messages import line as one_line
from monitor.model import SourceState
from monitor.pipeline import notices
from monitor.pipeline.ingest import ingest
from monitor.pipeline.line import Line
from monitor.pipeline.walk import in_time
from monitor.pipeline.watch import watch
from monitor.store import sources
from monitor.store.sources import Superseded

log = structlog.get_logger()

WALK_DEADLINE = timedelta(minutes=30)
"""A walk that does not end within this time is ended; what it stored stays, and the next poll goes on."""
LEASE = timedelta(minutes=5)


@dataclass(slots=True, kw_only=True)
class Polled:
    """What a poll brought: mentions new, changed and gone, items that could not be read, what the
    connector warns of, and why it ended early."""

    new: int = 0
    changed: int = 0
    gone: int = 0
    skipped: int = 0
    pages: int = 0
    warnings: list[str] = field(default_factory=list)
    error: str | None = None


def claim(line: Line, limit: int) -> list[SourceState]:
    """Leases sources that are due."""
    now = line.now()
    with line.database.write() as tx:
        return sources.claim(tx, now, lease=line.lease, until=now + LEASE, limit=limit)


async def poll_due(line: Line, limit: int = 100) -> list[tuple[str, Polled]]:
    """Polls up to `limit` sources that are due, side by side."""
    due = await line.run(claim, line, limit)
    done = await asyncio.gather(*(poll(line, state) for state in due))
    return [(state.name, polled) for state, polled in zip(due, done, strict=True)]


async def poll(line: Line, state: SourceState) -> Polled:
    """Polls one leased source to the end of its walk. Never raises for what a platform does."""
    source = line.config.sources[state.name]
    done = Polled()
    try:
        async with asyncio.timeout(WALK_DEADLINE.total_seconds()):
            await _walk(line, source, state, done)
            done.warnings += await watch(line, source, state)
        line.reach("before_polled")
        await line.run(_went_well, line, source, state, done)
    except Superseded:
        done.error = "another worker polls this source now"
    except asyncio.CancelledError:
        await line.run(_give_back, line, state)
        raise
    except Exception as error:  # noqa: BLE001  # one source's fault is never another's
        done.error = await line.run(_failed, line, source, state, error)
    _say(state, done)
    return done


async def _walk(line: Line, source: Source, state: SourceState, done: Polled) -> None:
    line.reach("before_fetch")
    floor = line.now() - source.backfill
    async with aclosing(line.connectors(source.name).poll(state.cursor, floor)) as pages:
        async for page in in_time(pages):
            line.reach("after_fetch")
            done.pages += 1
            done.warnings += page.warnings
            done.skipped += page.skipped
            if _empty(page, state):
                continue
            async with line.storing:
                found = await line.run(ingest, line, source, state, page, lease_for=LEASE)
            done.new += found.new
            done.changed += found.changed
            done.gone += found.gone


def _empty(page: Page, state: SourceState) -> bool:
    """Whether there is nothing to store: no transaction then, which is what most polls of quiet sources are."""
    same = page.cursor is None or page.cursor == state.cursor
    nothing = not (page.mentions or page.gone or page.unsigned or page.skipped or page.bounces)
    return same and nothing


def _went_well(line: Line, source: Source, state: SourceState, done: Polled) -> None:
    now = line.now()
    due = timing.next_poll(source.name, source.every, now)
    with line.database.write() as tx:
        if state.walked_at is None and done.pages:
            notices.backfilled(line, tx, state, now)
        # A source that handed over no page at all, such as a folder for imports, has not been walked yet.
        walked, said = done.pages > 0, worth_telling(done.warnings)
        sources.polled(tx, source.name, line.lease, now=now, next_poll_at=due, walked=walked, warnings=said)


def _failed(line: Line, source: Source, state: SourceState, error: Exception) -> str:
    """Stores why a poll failed and when it is tried again; returns the sentence."""
    now = line.now()
    error, sentence = told(source.name, error)
    wait = error.wait if isinstance(error, Throttled) else None
    due = timing.backoff(source.every, state.failures + 1, wait, now)
    with line.database.write() as tx:
        remedy = type(error).__name__[:32]
        sources.failed(tx, source.name, line.lease, now=now, next_poll_at=due, error=sentence, remedy=remedy)
    return sentence


def told(source: str, error: Exception) -> tuple[Exception, str]:
    """What ended a walk, and the sentence for people. A fault of the connector goes into the log with its traceback."""
    if isinstance(error, TimeoutError):
        error = Unavailable("no page came in time; the platform may be slow, it is tried again")
    if isinstance(error, PollError):
        return error, str(error)
    log.error("poll_broke", source=source, exc_info=error)
    return error, f"this connector has a fault ({type(error).__name__}); the log has the traceback"


_WARNINGS, _WARNING = 10, 300
"""How many warnings of a walk are kept, and how many letters of each."""


def worth_telling(warnings: Iterable[str]) -> list[str]:
    """Each warning once, on one line and not endless; of very many, how many more there are."""
    found = [one for one in dict.fromkeys(one_line(said, _WARNING) for said in warnings) if one]
    if len(found) <= _WARNINGS:
        return found
    return [*found[: _WARNINGS - 1], f"and {len(found) - _WARNINGS + 1} more warnings"]


def _give_back(line: Line, state: SourceState) -> None:
    with line.database.write() as tx:
        sources.release(tx, state.name, line.lease)


def _say(state: SourceState, done: Polled) -> None:
    """Says it once when a source breaks and once when it heals; a quiet poll is not news."""
    if done.error and not state.failures:
        log.warning("poll_failed", source=state.name, reason=done.error)
    elif not done.error and state.failures:
        log.info("poll_recovered", source=state.name, failures=state.failures)
    if done.new or done.changed or done.gone or done.skipped:
        counts = {"new": done.new, "changed": done.changed, "gone": done.gone, "skipped": done.skipped}
        log.info("polled", source=state.name, **counts)
