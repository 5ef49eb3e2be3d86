"""Rechecks: when what a source brought is looked up again, who does it now, and how it went."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.schema import rechecks
from monitor.store.sources import Superseded


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """How the rechecks of a source go: due again when, tried last when, since when and why they fail."""

    source: str
    due_at: datetime
    tried_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()


def any_due(tx: Connection, names: Collection[str], now: datetime) -> bool:
    """Whether one of these sources is due to be rechecked: a cheap look before the claim."""
    later = select(func.count()).select_from(rechecks).where(rechecks.c.source.in_(names), rechecks.c.due_at > now)
    return int(tx.execute(later).scalar_one()) < len(names)


def claim(tx: Connection, name: str, now: datetime, *, lease: str, until: datetime) -> Recheck | None:
    """Takes the recheck of a source that is due, once until `until`: that is when it is due again, whatever becomes of
    this one. None where somebody has it, or had it lately."""
    _ensure(tx, name, now)
    due = update(rechecks).where(rechecks.c.source == name, rechecks.c.due_at <= now)
    row = tx.execute(due.values(lease=lease, due_at=until).returning(*rechecks.c)).first()
    return _recheck(row) if row else None


def _ensure(tx: Connection, name: str, now: datetime) -> None:
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    tx.execute(dialect.insert(rechecks).values(source=name, due_at=now).on_conflict_do_nothing())


def hold(tx: Connection, name: str, lease: str) -> None:
    """Makes sure that the recheck is still this worker's. Raises Superseded."""
    mine = select(rechecks.c.source).where(rechecks.c.source == name, rechecks.c.lease == lease)
    if tx.execute(mine.with_for_update()).first() is None:
        raise Superseded(f"the recheck of source {name} was taken over by another worker")


def went_well(tx: Connection, name: str, lease: str, *, now: datetime, warnings: Sequence[str] = ()) -> None:
    """A recheck came to its end: its failures are forgotten."""
    values = {"tried_at": now, "failures": 0, "failing_since": None, "error": None, "lease": None}
    mine = rechecks.c.source == name, rechecks.c.lease == lease
    tx.execute(update(rechecks).where(*mine).values(values | {"warnings": list(warnings)}))


def failed(tx: Connection, name: str, lease: str, *, now: datetime, due_at: datetime, error: str) -> None:
    """A recheck failed: why, and when it is tried again."""
    tx.execute(
        update(rechecks)
        .where(rechecks.c.source == name, rechecks.c.lease == lease)
        .values(
            tried_at=now,
            due_at=due_at,
            failures=rechecks.c.failures + 1,
            failing_since=func.coalesce(rechecks.c.failing_since, now),
            error=error,
            lease=None,
        )
    )


def every(tx: Connection) -> dict[str, Recheck]:
    """All of them, by source."""
    return {row.source: _recheck(row) for row in tx.execute(select(rechecks).order_by(rechecks.c.source))}


def _recheck(row: Row[Any]) -> Recheck:
    return Recheck(
        source=row.source,
        due_at=row.due_at,
        tried_at=row.tried_at,
        failures=row.failures,
        failing_since=row.failing_since,
        error=row.error,
        warnings=tuple(row.warnings),
    )
