"""The log: who did what, one line after another, each chained to the one before; lines are only ever added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text

from monitor import audit
from monitor.model import Json
from monitor.schema import log

SYSTEM = "wellheard"
"""The actor where no person acted."""
_CHAIN = 0x77656C6C
"""The advisory lock under which PostgreSQL workers add lines one after another."""


def add(
    tx: Connection, now: datetime, action: str, subject: str, detail: Mapping[str, Json], *, actor: str = SYSTEM
) -> None:
    """Adds one line. `detail` must hold no mention's text, no author and no recipient."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:chain)"), {"chain": _CHAIN})
    last = tx.execute(select(log.c.hash).order_by(log.c.id.desc()).limit(1)).scalar()
    previous = last or audit.START
    line: dict[str, Any] = {"at": now, "actor": actor, "action": action, "subject": subject, "detail": dict(detail)}
    tx.execute(insert(log).values(**line, previous=previous, hash=audit.digest(previous, **line)))


def about(tx: Connection, subject: str) -> list[audit.Link]:
    """All lines about one subject, oldest first."""
    return [_link(row) for row in tx.execute(select(log).where(log.c.subject == subject).order_by(log.c.id))]


def lines(tx: Connection) -> Iterator[audit.Link]:
    """The whole log in the order it was written."""
    with tx.execute(select(log).order_by(log.c.id).execution_options(yield_per=1000)) as rows:
        yield from map(_link, rows)


def _link(row: Row[Any]) -> audit.Link:
    return audit.Link(
        id=row.id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
        previous=row.previous,
        hash=row.hash,
    )
