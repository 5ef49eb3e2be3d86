"""Recheck: look up again what nothing has confirmed for long, so that what was deleted there goes here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import structlog

from monitor import timing
from monitor.connector import Malformed, Throttled
from monitor.model import SourceState
from monitor.pipeline.ingest import reread
from monitor.pipeline.line import Line
from monitor.pipeline.poll import WALK_DEADLINE, told, worth_telling
from monitor.pipeline.walk import Rechecker, in_time
from monitor.store import mentions, rechecks, sources
from monitor.store.rechecks import Recheck
from monitor.store.sources import Superseded

log = structlog.get_logger()

EVERY = timedelta(hours=1)
"""How often a source is rechecked at most: the claim itself puts it off for so long, so that a worker that dies costs an
hour, and no platform's bill is paid twice."""
AT_ONCE = 500
"""Mentions of a source that are looked up in that time: many platforms bill every read."""


@dataclass(slots=True, kw_only=True)
class Rechecked:
    """What a recheck asked for and found, and why it ended early."""

    asked: int = 0
    changed: int = 0
    gone: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What one recheck looks up: external ids with when each was confirmed last."""

    state: SourceState
    before: Recheck
    began: datetime
    ids: Mapping[str, datetime]


def wanted(line: Line) -> list[str]:
    """The sources whose terms ask for rechecks."""
    asked = line.config.sources.items()
    return [name for name, source in asked if source.enabled and line.access(name).recheck is not None]


def any_due(line: Line) -> bool:
    """Whether any source is due to be rechecked: a cheap look, and none at all where no terms ask for it."""
    names = wanted(line)
    if not names:
        return False
    with line.database.read() as tx:
        return rechecks.any_due(tx, names, line.now())


async def recheck_due(line: Line) -> dict[str, Rechecked]:
    """Rechecks all sources that are due, side by side; by source, what came of it."""
    names = wanted(line)
    done = await asyncio.gather(*(recheck(line, name) for name in names))
    return {name: one for name, one in zip(names, done, strict=True) if one is not None}


async def recheck(line: Line, name: str) -> Rechecked | None:
    """Looks up what was longest not confirmed of a source; None where it is not due. Never raises for what a platform
    does, and never touches the schedule of the polls."""
    batch = await line.run(_claim, line, name)
    if batch is None:
        return None
    done = Rechecked(asked=len(batch.ids))
    try:
        async with asyncio.timeout(WALK_DEADLINE.total_seconds()):
            warnings = await _walk(line, name, batch, done)
        await line.run(_went_well, line, name, batch, warnings)
    except Superseded:
        done.error = "another worker rechecks this source now"
    except Exception as error:  # noqa: BLE001  # one source's fault is never another's, nor that of its polls
        done.error = await line.run(_failed, line, name, batch, error)
    _say(name, batch, done)
    return done


def _claim(line: Line, name: str) -> _Batch | None:
    now, span = line.now(), line.access(name).recheck
    with line.database.write() as tx:
        state = sources.one(tx, name)
        if state is None or span is None:
            return None
        before = rechecks.claim(tx, name, now, lease=line.lease, until=now + EVERY)
        if before is None:
            return None
        ids = mentions.unconfirmed(tx, state.platform, name, now - span, limit=AT_ONCE)
    return _Batch(state=state, before=before, began=now, ids=ids)


async def _walk(line: Line, name: str, batch: _Batch, done: Rechecked) -> list[str]:
    """Asks for the batch and stores page after page; returns the warnings."""
    if not batch.ids:
        return []
    connector = line.connectors(name)
    if not hasattr(connector, "recheck"):
        raise Malformed("this connector asks for rechecks and has none: please report it")
    warnings: list[str] = []
    source = line.config.sources[name]
    async with aclosing(cast("Rechecker", connector).recheck(list(batch.ids))) as pages:
        async for page in in_time(pages):
            found = await line.run(reread, line, source, batch.state, page, asked=batch.ids, began=batch.began)
            done.changed += found.changed
            done.gone += found.gone
            warnings += page.warnings
    return warnings


def _went_well(line: Line, name: str, batch: _Batch, warnings: Sequence[str]) -> None:
    said = worth_telling([*_late(line, name, batch), *warnings])
    with line.database.write() as tx:
        rechecks.hold(tx, name, line.lease)
        mentions.confirm(tx, batch.state.platform, batch.ids, batch.began, before=batch.began)
        rechecks.went_well(tx, name, line.lease, now=line.now(), warnings=said)


def _late(line: Line, name: str, batch: _Batch) -> list[str]:
    """A warning where more is stored than may be looked up in the time that the terms ask for."""
    span = line.access(name).recheck
    oldest = min(batch.ids.values(), default=batch.began)
    if span is None or len(batch.ids) < AT_ONCE or batch.began - oldest < 2 * span:
        return []
    days = (batch.began - oldest) / timedelta(days=1)
    return [f"{AT_ONCE} lookups an hour are too few: what waits longest was confirmed {days:.0f} days ago"]


def _failed(line: Line, name: str, batch: _Batch, error: Exception) -> str:
    """Stores why a recheck failed and when it is tried again; returns the sentence."""
    now = line.now()
    error, sentence = told(name, error)
    wait = error.wait if isinstance(error, Throttled) else None
    due = timing.backoff(EVERY, batch.before.failures + 1, wait, now)
    with line.database.write() as tx:
        rechecks.failed(tx, name, line.lease, now=now, due_at=due, error=sentence)
    return sentence


def _say(name: str, batch: _Batch, done: Rechecked) -> None:
    """Says it once when rechecks break and once when they work again."""
    if done.error and not batch.before.failures:
        log.warning("recheck_failed", source=name, reason=done.error)
    elif not done.error and batch.before.failures:
        log.info("recheck_recovered", source=name, failures=batch.before.failures)
    if done.changed or done.gone:
        log.info("rechecked", source=name, asked=done.asked, changed=done.changed, gone=done.gone)
