"""Sources: which are due, who holds them, where their walk stands, since when and why they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Row, Update, and_, bindparam, delete, func, insert, or_, select, update

from monitor.connector import Cursor
from monitor.model import DRILL, SourceState
from monitor.schema import sources
from monitor.store.database import Busy


class Superseded(Busy):  # it is a fact about a lease, not a fault
    """The lease ran out and somebody else polls this source now: what was fetched is theirs to store."""


def _held(**values: Any) -> Update:
    """An update of a leased source, made once: putting such a statement together costs thrice what SQLite takes for it,
    and every poll ends with one (benchmarks/polls.py)."""
    mine = sources.c.name == bindparam("which"), sources.c.lease == bindparam("held")
    return update(sources).where(*mine).values(values)


def _or_as_it_is(name: str, column: Column[Any]) -> Any:
    """The parameter `name`; where that is None the column keeps what it holds."""
    return func.coalesce(bindparam(name, type_=column.type), column)


# Asked every second, whether anything is due or not.
_ANY_DUE = select(sources.c.name).where(sources.c.active, sources.c.next_poll_at <= bindparam("now")).limit(1)
_FREE = or_(sources.c.leased_until.is_(None), sources.c.leased_until < bindparam("now"))
_DUE = (
    select(sources.c.name)
    .where(sources.c.active, sources.c.next_poll_at <= bindparam("now"), _FREE)
    .order_by(sources.c.next_poll_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TAKEN = (
    update(sources)
    .where(sources.c.name.in_(bindparam("names", expanding=True)), _FREE)
    .values(lease=bindparam("held"), leased_until=bindparam("until"))
    .returning(*sources.c)
)
_MOVED = _held(
    skipped=sources.c.skipped + bindparam("unread", type_=sources.c.skipped.type),
    mentions=sources.c.mentions + bindparam("more", type_=sources.c.mentions.type),
    leased_until=bindparam("until"),
    cursor=_or_as_it_is("moved_to", sources.c.cursor),
    last_new_at=_or_as_it_is("new_at", sources.c.last_new_at),
    longest_gap=_or_as_it_is("gap", sources.c.longest_gap),
)
_SILENCE = select(sources.c.last_new_at, sources.c.longest_gap).where(sources.c.name == bindparam("which"))
_POLLED = _held(
    polled_at=bindparam("now"),
    next_poll_at=bindparam("due"),
    walked_at=func.coalesce(sources.c.walked_at, bindparam("walked", type_=sources.c.walked_at.type)),
    failures=0,
    failing_since=None,
    error=None,
    remedy=None,
    warnings=bindparam("warned", type_=sources.c.warnings.type),
    lease=None,
    leased_until=None,
)


def sync(tx: Connection, platforms: Mapping[str, str], due_at: Mapping[str, datetime], now: datetime) -> None:
    """Makes the table's active sources those of the configuration. What left it keeps its state and is not polled."""
    known = {row.name: row for row in tx.execute(select(sources.c.name, sources.c.active, sources.c.platform))}
    fresh = [
        {"name": name, "platform": platform, "created_at": now, "next_poll_at": due_at[name], "cursor": {}}
        for name, platform in platforms.items()
        if name not in known
    ]
    if fresh:
        tx.execute(insert(sources), fresh)
    for name, row in known.items():
        if row.active != (name in platforms):
            tx.execute(update(sources).where(sources.c.name == name).values(active=name in platforms))
        if name in platforms and row.platform != platforms[name]:
            # Another platform under an old name: its cursor means nothing there.
            tx.execute(
                update(sources)
                .where(sources.c.name == name)
                .values(platform=platforms[name], cursor={}, walked_at=None, created_at=now)
            )


def ensure(tx: Connection, name: str, platform: str, now: datetime) -> None:
    """Makes the row of one source where there is none yet."""
    if one(tx, name) is None:
        values = {"name": name, "platform": platform, "created_at": now, "next_poll_at": now, "cursor": {}}
        tx.execute(insert(sources).values(values))


def rehearse(tx: Connection, name: str, now: datetime) -> None:
    """Makes the row of a drill: it is nobody's to poll."""
    values = {"name": name, "platform": DRILL, "created_at": now, "next_poll_at": now, "cursor": {}, "active": False}
    tx.execute(insert(sources).values(values))


def remove(tx: Connection, name: str) -> None:
    """Forgets a source that was a drill's."""
    tx.execute(delete(sources).where(sources.c.name == name, sources.c.platform == DRILL))


def claim(tx: Connection, now: datetime, *, lease: str, until: datetime, limit: int) -> list[SourceState]:
    """Leases up to `limit` sources that are due and that nobody holds, the longest due first."""
    names = list(tx.execute(_DUE, {"now": now, "most": limit}).scalars())
    return _lease(tx, names, now, lease, until)


def claim_one(tx: Connection, name: str, now: datetime, *, lease: str, until: datetime) -> SourceState | None:
    """Leases one source whether due or not; None where somebody holds it or it is not known."""
    return next(iter(_lease(tx, [name], now, lease, until)), None)


def _lease(tx: Connection, names: Sequence[str], now: datetime, lease: str, until: datetime) -> list[SourceState]:
    if not names:
        return []
    taken = tx.execute(_TAKEN, {"names": names, "now": now, "held": lease, "until": until})
    return [state(row) for row in taken]


def free_all(tx: Connection, lease: str | None = None) -> None:
    """Drops every lease of one worker, at its end; or of all, for the sole daemon of an SQLite file, at its start."""
    held = sources.c.lease.is_not(None) if lease is None else sources.c.lease == lease
    tx.execute(update(sources).where(held).values(lease=None, leased_until=None))


def move(
    tx: Connection,
    name: str,
    lease: str,
    cursor: Cursor | None,
    *,
    new: int,
    skipped: int,
    now: datetime,
    until: datetime,
) -> None:
    """Stores where the walk stands, in the transaction that stores what it found, and holds the lease until `until`.
    Raises Superseded."""
    values = {
        "which": name, "held": lease, "until": until, "moved_to": cursor, "more": new, "unread": skipped,
        "new_at": now if new else None, "gap": _longest_gap(tx, name, now) if new else None,
    }  # fmt: skip
    if tx.execute(_MOVED, values).rowcount != 1:
        raise Superseded(f"source {name} was taken over by another worker; what it had stored stays, try again")


def _longest_gap(tx: Connection, name: str, now: datetime) -> float:
    """The longest silence, in seconds, that this source has shown; old ones fade, so that habits may change."""
    row = tx.execute(_SILENCE, {"which": name}).one()
    gap = (now - row.last_new_at).total_seconds() if row.last_new_at else 0.0
    return float(max(gap, row.longest_gap * 0.98))


def polled(
    tx: Connection,
    name: str,
    lease: str,
    *,
    now: datetime,
    next_poll_at: datetime,
    walked: bool = True,
    warnings: Sequence[str] = (),
) -> None:
    """A poll went well: the source is due again, its first walk is over, its failures are forgotten, and what this walk
    could not see stands in place of what the last one could not."""
    values = {"which": name, "held": lease, "now": now, "due": next_poll_at, "walked": now if walked else None}
    tx.execute(_POLLED, values | {"warned": list(warnings)})


def failed(
    tx: Connection, name: str, lease: str, *, now: datetime, next_poll_at: datetime, error: str, remedy: str
) -> None:
    """A poll failed: why, what sort of remedy it needs, and when it is tried again."""
    tx.execute(
        update(sources)
        .where(sources.c.name == name, sources.c.lease == lease)
        .values(
            next_poll_at=next_poll_at,
            failures=sources.c.failures + 1,
            failing_since=func.coalesce(sources.c.failing_since, now),
            error=error,
            remedy=remedy,
            lease=None,
            leased_until=None,
        )
    )


def release(tx: Connection, name: str, lease: str) -> None:
    """Gives a source back unpolled, as at a shutdown."""
    tx.execute(
        update(sources).where(sources.c.name == name, sources.c.lease == lease).values(lease=None, leased_until=None)
    )


def every(tx: Connection, *, active: bool = True) -> list[SourceState]:
    """All sources by name, but the one of a drill; those that left the configuration only with `active=False`."""
    query = select(sources).where(sources.c.platform != DRILL).order_by(sources.c.name)
    return [state(row) for row in tx.execute(query.where(sources.c.active) if active else query)]


def begun(tx: Connection) -> datetime | None:
    """Since when the first source is watched, whether it still is or not; None where there never was one."""
    return tx.execute(select(func.min(sources.c.created_at))).scalar()


def one(tx: Connection, name: str) -> SourceState | None:
    """The source of that name."""
    row = tx.execute(select(sources).where(sources.c.name == name)).first()
    return state(row) if row else None


def troubled(tx: Connection, now: datetime, quiet_for: timedelta) -> list[SourceState]:
    """Sources worth a look: they fail, or they have brought nothing new for `quiet_for`."""
    silent = and_(sources.c.last_new_at.is_not(None), sources.c.last_new_at < now - quiet_for)
    query = select(sources).where(sources.c.active, or_(sources.c.failing_since.is_not(None), silent))
    return [state(row) for row in tx.execute(query)]


def any_due(tx: Connection, now: datetime) -> bool:
    """Whether any source is due: a cheap look before the lease is asked for."""
    return tx.execute(_ANY_DUE, {"now": now}).first() is not None


def state(row: Row[Any]) -> SourceState:
    """The source of a full row."""
    return SourceState(
        name=row.name,
        platform=row.platform,
        created_at=row.created_at,
        next_poll_at=row.next_poll_at,
        cursor=row.cursor,
        walked_at=row.walked_at,
        polled_at=row.polled_at,
        last_new_at=row.last_new_at,
        longest_gap=timedelta(seconds=row.longest_gap),
        mentions=row.mentions,
        skipped=row.skipped,
        failures=row.failures,
        failing_since=row.failing_since,
        error=row.error,
        remedy=row.remedy,
        warnings=tuple(row.warnings),
    )
