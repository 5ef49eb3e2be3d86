"""Drills: who was told of what and when, and when it was acknowledged, long after what was said in them is gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from monitor.model import DRILL, Incident, State
from monitor.schema import drills, incidents, mentions, notifications
from monitor.store.incidents import incident

_OVER = "drill"
"""In the place of a notification's id: nothing else tells of what a drill did not get round to saying."""


class Told(NamedTuple):
    """An inbox that was told of an incident: when the first message was accepted (None: none was), and when the incident
    was acknowledged (None: nobody did)."""

    incident: int
    risk: str
    inbox: str
    told_at: datetime | None
    acked_at: datetime | None

    @property
    def took(self) -> timedelta | None:
        """How long it took from the message to the acknowledgement; nothing where it was acknowledged before."""
        if self.told_at is None or self.acked_at is None:
            return None
        return max(self.acked_at - self.told_at, timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A drill: which scenario, who held it, from when to when; `told` is what came of it."""

    id: int
    scenario: str
    by: str
    started_at: datetime
    ended_at: datetime | None = None
    cancelled: bool = False
    told: Sequence[Told] = ()

    @property
    def source(self) -> str:
        """Its source's name, which no configuration can give to another."""
        return f"drill:{self.id}"


def begin(tx: Connection, scenario: str, by: str, now: datetime) -> Drill:
    """Notes that a drill begins."""
    values = {"scenario": scenario[:200], "by": by[:200], "started_at": now, "told": []}
    return _drill(tx.execute(insert(drills).values(values).returning(*drills.c)).one())


def held(tx: Connection, since: datetime | None = None, until: datetime | None = None) -> list[Drill]:
    """The drills that began between `since` and `until`, the oldest first; one that goes on has told nobody yet."""
    query = select(drills).order_by(drills.c.started_at, drills.c.id)
    if since is not None:
        query = query.where(drills.c.started_at >= since)
    if until is not None:
        query = query.where(drills.c.started_at < until)
    return [_drill(row) for row in tx.execute(query)]


def going(tx: Connection) -> Drill | None:
    """The drill that goes on; there is never more than one."""
    row = tx.execute(select(drills).where(drills.c.ended_at.is_(None)).order_by(drills.c.id)).first()
    return _drill(row) if row else None


def end(tx: Connection, drill: Drill, told: Iterable[Told], now: datetime, *, cancelled: bool) -> None:
    """Notes that a drill is over, and what came of it."""
    rows = [(one.incident, one.risk, one.inbox, _stamp(one.told_at), _stamp(one.acked_at)) for one in told]
    values = {"ended_at": now, "cancelled": cancelled, "told": rows}
    tx.execute(update(drills).where(drills.c.id == drill.id).values(values))


def opened(tx: Connection, drill: Drill) -> list[Incident]:
    """The incidents of a drill that goes on; one that is still open is its, too, though the clock was put back since."""
    of_it = or_(incidents.c.opened_at >= drill.started_at, incidents.c.state != State.RESOLVED.value)
    query = select(incidents).where(incidents.c.drill, of_it)
    return [incident(row) for row in tx.execute(query.order_by(incidents.c.opened_at, incidents.c.id))]


def told(tx: Connection, drill: Drill) -> list[Told]:
    """Who was told of which incident of a drill, by inbox and time; by a message of its own, or one that told of many."""
    one, also, many = incidents.c, notifications.c, notifications.alias()
    at = func.min(func.coalesce(also.sent_at, many.c.sent_at)).label("at")
    query = (
        select(one.id, one.risk, one.rule, one.acked_at, also.inbox, at)
        .join(notifications, also.incident_id == one.id)
        .join(many, many.c.id == also.told_in, isouter=True)
        .where(one.drill, one.opened_at >= drill.started_at, also.drill, also.reason != "delivery_failed")
        .group_by(one.id, one.risk, one.rule, one.acked_at, also.inbox)
        .order_by(also.inbox, one.id)
    )
    return [Told(row.id, row.risk or row.rule, row.inbox, row.at, row.acked_at) for row in tx.execute(query)]


def unjudged(tx: Connection) -> int:
    """How much of what was said in a drill nobody has judged yet."""
    query = select(func.count()).select_from(mentions).where(mentions.c.platform == DRILL, ~mentions.c.judged)
    return int(tx.execute(query).scalar_one())


def hush(tx: Connection) -> int:
    """Ends the notifications of drills that were not sent: what is over need not be told. Returns how many."""
    waiting = (
        notifications.c.sent_at.is_(None),
        notifications.c.failed_at.is_(None),
        notifications.c.told_in.is_(None),
    )
    return tx.execute(update(notifications).where(notifications.c.drill, *waiting).values(told_in=_OVER)).rowcount


def _stamp(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


def _drill(row: Row[Any]) -> Drill:
    return Drill(
        id=row.id,
        scenario=row.scenario,
        by=row.by,
        started_at=row.started_at,
        ended_at=row.ended_at,
        cancelled=row.cancelled,
        told=tuple(
            Told(key, risk, inbox, _moment(told_at), _moment(acked_at))
            for key, risk, inbox, told_at, acked_at in row.told
        ),
    )
