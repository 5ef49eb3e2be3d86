"""Legal holds: mentions that nothing may delete or blank until somebody releases them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, func, insert, select, update

from monitor.schema import holds, mentions

_KEEPER = 0x686F6C64
"""The advisory lock that keeps holding and removing apart on PostgreSQL."""

_ACTIVE = holds.c.released_at.is_(None)
HELD = exists().where(holds.c.mention_id == mentions.c.id, _ACTIVE)
"""Whether a mention is held: asked only where something is about to be removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A mention that must be kept: who said so, why and since when; `released_at` None while it lasts."""

    id: int
    mention_id: int
    by: str
    why: str
    at: datetime
    released_at: datetime | None = None


def removing(tx: Connection) -> None:
    """No hold is placed until this transaction ends, so that what it removes is not held meanwhile. On SQLite there is
    only one writer anyway."""
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock_shared(_KEEPER)))


def holding(tx: Connection) -> None:
    """Nothing is removed until this transaction ends."""
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(_KEEPER)))


def place(tx: Connection, mention_id: int, *, by: str, why: str, now: datetime) -> int:
    """Holds a mention; returns the hold's id. `holding` comes first in its transaction."""
    values = {"mention_id": mention_id, "by": by, "why": why, "at": now}
    return int(tx.execute(insert(holds).values(values).returning(holds.c.id)).scalar_one())


def release(tx: Connection, mention_id: int, now: datetime) -> bool:
    """Ends the hold of a mention; False where nobody holds it."""
    statement = update(holds).where(holds.c.mention_id == mention_id, _ACTIVE).values(released_at=now)
    return tx.execute(statement).rowcount == 1


def of(tx: Connection, mention_id: int) -> Hold | None:
    """The hold on a mention that lasts."""
    row = tx.execute(select(holds).where(holds.c.mention_id == mention_id, _ACTIVE)).first()
    return _hold(row) if row else None


def every(tx: Connection, *, released: bool = False) -> list[Hold]:
    """The holds that last, oldest first; `released` lists those that are over too."""
    query = select(holds).order_by(holds.c.at, holds.c.id)
    return [_hold(row) for row in tx.execute(query if released else query.where(_ACTIVE))]


def forget(tx: Connection, mention_ids: Collection[int]) -> None:
    """Removes the holds on mentions that are over: they go with their mentions, and the log remembers them."""
    over = holds.c.mention_id.in_(mention_ids), holds.c.released_at.is_not(None)
    tx.execute(holds.delete().where(*over))


def _hold(row: Row[Any]) -> Hold:
    return Hold(id=row.id, mention_id=row.mention_id, by=row.by, why=row.why, at=row.at, released_at=row.released_at)
