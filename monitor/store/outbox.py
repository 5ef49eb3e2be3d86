"""The outbox: notifications from the moment they are decided until the remote has accepted them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.model import Level, Message, Notification, Reason
from monitor.restraint import CEILING, Passed, Waiting
from monitor.schema import notifications, refusals

_WAITING = and_(
    notifications.c.sent_at.is_(None), notifications.c.failed_at.is_(None), notifications.c.told_in.is_(None)
)
_LIMITED = and_(notifications.c.level.is_not(None), notifications.c.admitted_at.is_(None))
"""What the limits of its recipient have still to let through."""
# All but the message: in a storm it would be read a thousand times a second, only to be left where it is.
_DECIDED = tuple(
    notifications.c[name]
    for name in (
        "id", "inbox", "channel", "recipient", "level", "reason", "created_at", "incident_id", "mentions", "withheld", "drill",
    )
)  # fmt: skip
_RESTRAINT = 0x72657374
"""The advisory lock under which PostgreSQL workers apply limits one after another."""
_SOME = 500


def add(tx: Connection, fresh: Sequence[Notification]) -> int:
    """Adds notifications, in the transaction that decided them; one whose key exists is left out. Returns how many."""
    if not fresh:
        return 0
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    added = 0
    for one in fresh:
        statement = dialect.insert(notifications).values(_values(one)).on_conflict_do_nothing(index_elements=["key"])
        added += tx.execute(statement.returning(notifications.c.id)).first() is not None
    return added


def claim(
    tx: Connection, now: datetime, *, lease: str, until: datetime, limit: int, busy: Sequence[tuple[str, str]] = ()
) -> list[Notification]:
    """Leases up to `limit` notifications that are due and that nobody holds, the longest due first, but none for the
    (inbox, channel) pairs in `busy`: a hanging channel must not fill the hands of the others."""
    free = or_(notifications.c.leased_until.is_(None), notifications.c.leased_until < now)
    query = select(notifications.c.id).where(_WAITING, ~_LIMITED, notifications.c.due_at <= now, free)
    for inbox, channel in busy:
        query = query.where(~and_(notifications.c.inbox == inbox, notifications.c.channel == channel))
    query = query.order_by(notifications.c.due_at, notifications.c.id).limit(limit)
    ids = list(tx.execute(query.with_for_update(skip_locked=True)).scalars())
    if not ids:
        return []
    taken = tx.execute(
        update(notifications)
        .where(notifications.c.id.in_(ids), _WAITING, free)
        .values(lease=lease, leased_until=until)
        .returning(*notifications.c)
    )
    return sorted((notification(row) for row in taken), key=lambda one: (one.due_at, one.id))


def sent(tx: Connection, one: Notification, now: datetime) -> bool:
    """Marks a notification as accepted by the remote; False where the lease was lost meanwhile."""
    return _end(tx, one, sent_at=now, error=None)


def later(tx: Connection, one: Notification, due_at: datetime, error: str, now: datetime | None = None) -> bool:
    """Gives a notification back, to be tried again at `due_at`; it has failed at `now`."""
    return _end(tx, one, due_at=due_at, error=error, failing_since=one.failing_since or now)


def failed(tx: Connection, one: Notification, now: datetime, error: str) -> bool:
    """Gives a notification up."""
    return _end(tx, one, failed_at=now, error=error)


def release(tx: Connection, one: Notification) -> bool:
    """Gives a notification back untried."""
    return _end(tx, one, attempts=one.attempts)


def _end(tx: Connection, one: Notification, **values: Any) -> bool:
    values = {"attempts": one.attempts + 1, **values, "lease": None, "leased_until": None}
    held = and_(notifications.c.id == one.id, notifications.c.lease == one.lease)
    return tx.execute(update(notifications).where(held).values(values)).rowcount == 1


def free_all(tx: Connection, lease: str | None = None) -> None:
    """Drops every lease of one worker, at its end; or of all, for the sole daemon of an SQLite file, at its start."""
    held = notifications.c.lease.is_not(None) if lease is None else notifications.c.lease == lease
    tx.execute(update(notifications).where(held).values(lease=None, leased_until=None))


def replay(tx: Connection, key: str, now: datetime) -> bool:
    """Makes a notification due again under the same id; False where there is none of that id."""
    values = {"due_at": now, "sent_at": None, "failed_at": None, "error": None, "attempts": 0}
    values |= {"lease": None, "leased_until": None, "failing_since": None}
    values |= {"admitted_at": now, "withheld": None, "told_in": None}  # whoever asks for it again shall have it
    found = one(tx, key)
    if found is not None:
        tx.execute(delete(refusals).where(_whose(found)))
    return tx.execute(update(notifications).where(notifications.c.id == key).values(values)).rowcount == 1


def one(tx: Connection, key: str) -> Notification | None:
    """The notification of that id."""
    row = tx.execute(select(notifications).where(notifications.c.id == key)).first()
    return notification(row) if row else None


def exists(tx: Connection, prefix: str) -> bool:
    """Whether a notification was ever written whose key begins with `prefix`."""
    query = select(notifications.c.key).where(notifications.c.key.startswith(prefix, autoescape=True)).limit(1)
    if tx.dialect.name == "sqlite":  # its LIKE reads every notification; between two keys it asks the index
        query = query.where(notifications.c.key.between(prefix, prefix + "\U0010ffff"))
    return tx.execute(query).first() is not None


def listed(
    tx: Connection, state: str | None = None, *, incident_id: int | None = None, limit: int | None = None
) -> list[Notification]:
    """Notifications, newest first; `state` is due, withheld, sent or failed."""
    query = select(notifications).order_by(notifications.c.created_at.desc(), notifications.c.id)
    if state is not None:
        held = notifications.c.withheld.is_not(None)
        states = {"due": and_(_WAITING, ~held), "withheld": and_(held, notifications.c.admitted_at.is_(None)),
                  "sent": notifications.c.sent_at.is_not(None), "failed": notifications.c.failed_at.is_not(None)}  # fmt: skip
        query = query.where(states[state])
    if incident_id is not None:
        query = query.where(notifications.c.incident_id == incident_id)
    return [notification(row) for row in tx.execute(query if limit is None else query.limit(limit))]


def failed_since(tx: Connection, since: datetime) -> list[Notification]:
    """Notifications given up since then, oldest first; not those of drills."""
    query = select(notifications).where(notifications.c.failed_at >= since, ~notifications.c.drill)
    query = query.order_by(notifications.c.failed_at)
    return [notification(row) for row in tx.execute(query)]


def unadmitted(tx: Connection, now: datetime) -> list[Waiting]:
    """What is due and has still to pass the limits of its recipient, with all that a ceiling withheld before; nothing
    where nothing of it is due. Only one worker at a time gets an answer, until its transaction ends."""
    due = and_(_WAITING, _LIMITED, notifications.c.due_at <= now)
    if tx.execute(select(notifications.c.id).where(due).limit(1)).first() is None:
        return []
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(_RESTRAINT)))
    query = select(*_DECIDED).where(
        _WAITING, _LIMITED, or_(notifications.c.due_at <= now, notifications.c.withheld == CEILING)
    )
    return [
        Waiting(
            id=row.id,
            inbox=row.inbox,
            channel=row.channel,
            recipient=row.recipient,
            level=Level(row.level),
            reason=Reason(row.reason),
            created_at=row.created_at,
            incident_id=row.incident_id,
            mentions=row.mentions,
            withheld=row.withheld,
            drill=row.drill,
        )
        for row in tx.execute(query.order_by(notifications.c.created_at, notifications.c.id))
    ]


def _to(inbox: str, channel: str, recipient: str) -> ColumnElement[bool]:
    """One recipient: a mail address is the same in every inbox, what has a channel's name is its inbox's own."""
    same = and_(notifications.c.channel == channel, notifications.c.recipient == recipient)
    return same if channel == "email" else and_(same, notifications.c.inbox == inbox)


def passed(tx: Connection, to: Waiting, since: datetime, now: datetime) -> list[Passed]:
    """What was let through to the recipient of `to` since then; not what a clock set wrong has let through later than
    `now`, which would keep everything back until that time has come."""
    query = (
        select(notifications.c.admitted_at, notifications.c.incident_id)
        .where(
            _to(to.inbox, to.channel, to.recipient),
            notifications.c.admitted_at > since,
            notifications.c.admitted_at <= now,
        )
        .where(notifications.c.drill == to.drill)
    )
    return [Passed(row.admitted_at, row.incident_id) for row in tx.execute(query)]


def told(tx: Connection, to: Waiting, incident_ids: Sequence[int]) -> dict[int, int]:
    """Of how many mentions of each incident the recipient of `to` has been told."""
    # What a later message about the same incident replaced was never told, and was never withheld.
    summed = and_(notifications.c.told_in.is_not(None), notifications.c.withheld.is_not(None))
    known = or_(notifications.c.admitted_at.is_not(None), summed)
    found: dict[int, int] = {}
    for start in range(0, len(incident_ids), _SOME):
        query = select(notifications.c.incident_id, func.max(notifications.c.mentions)).where(
            _to(to.inbox, to.channel, to.recipient),
            notifications.c.incident_id.in_(incident_ids[start : start + _SOME]),
            known,
        )
        found |= {row[0]: row[1] for row in tx.execute(query.group_by(notifications.c.incident_id))}
    return found


def admit(tx: Connection, ids: Sequence[str], now: datetime) -> None:
    """Lets notifications through: from now on they may be sent."""
    _set(tx, ids, admitted_at=now, withheld=None, due_at=now)


def put_off(tx: Connection, until: Mapping[str, datetime], *, withheld: str | None = None) -> None:
    """Has notifications wait until their time; `withheld` says why, where it is not for a few minutes."""
    by_time: dict[datetime, list[str]] = {}
    for key, moment in until.items():
        by_time.setdefault(moment, []).append(key)
    for moment, ids in by_time.items():
        _set(tx, ids, due_at=moment, **({"withheld": withheld} if withheld else {}))


def told_in(tx: Connection, ids: Sequence[str], key: str) -> None:
    """Ends notifications that another one tells of."""
    _set(tx, ids, told_in=key)


def _set(tx: Connection, ids: Sequence[str], **values: Any) -> None:
    for start in range(0, len(ids), _SOME):
        some = notifications.c.id.in_(ids[start : start + _SOME])
        tx.execute(update(notifications).where(some).values(values))


def next_due(tx: Connection) -> datetime | None:
    """When the next notification is due."""
    return tx.execute(select(func.min(notifications.c.due_at)).where(_WAITING)).scalar()


def overdue(tx: Connection, before: datetime) -> int:
    """How many notifications have been due since before `before`."""
    query = select(func.count()).select_from(notifications).where(_WAITING, notifications.c.due_at < before)
    return int(tx.execute(query).scalar_one())


def _values(one: Notification) -> dict[str, Any]:
    said = one.message
    return {
        "id": one.id,
        "key": one.key,
        "incident_id": one.incident_id,
        "reason": one.reason.value,
        "inbox": one.inbox,
        "channel": one.channel,
        "recipient": one.recipient,
        "message": {
            "subject": said.subject,
            "text": said.text,
            "html": said.html,
            "data": dict(said.data),
            "headers": dict(said.headers),
            **({"images": dict(said.images)} if said.images else {}),
        },
        "created_at": one.created_at,
        "due_at": one.due_at,
        "attempts": 0,
        "level": one.level.value if one.level else None,
        "mentions": one.mentions,
        "admitted_at": one.admitted_at,
        "withheld": one.withheld,
        "drill": one.drill,
    }


def notification(row: Row[Any]) -> Notification:
    """The notification of a full row."""
    return Notification(
        id=row.id,
        key=row.key,
        incident_id=row.incident_id,
        reason=Reason(row.reason),
        inbox=row.inbox,
        channel=row.channel,
        recipient=row.recipient,
        message=Message(**row.message),
        created_at=row.created_at,
        due_at=row.due_at,
        attempts=row.attempts,
        lease=row.lease,
        sent_at=row.sent_at,
        failed_at=row.failed_at,
        error=row.error,
        level=Level(row.level) if row.level else None,
        mentions=row.mentions,
        admitted_at=row.admitted_at,
        withheld=row.withheld,
        told_in=row.told_in,
        failing_since=row.failing_since,
        drill=row.drill,
    )


def returned(tx: Connection, one: Notification, now: datetime, why: str) -> bool:
    """Gives up a notification that a server had taken and then could not deliver; False where that is known."""
    sent = and_(notifications.c.id == one.id, notifications.c.sent_at.is_not(None), notifications.c.failed_at.is_(None))
    values = {"sent_at": None, "failed_at": now, "error": why}
    return tx.execute(update(notifications).where(sent).values(values)).rowcount == 1


RETURNED = "the mail came back"
"""How the reason begins why a recipient is refused whom the next server always seems to take."""


def refuse(tx: Connection, one: Notification, why: str, now: datetime) -> bool:
    """Notes that the recipient of a notification does not exist: nothing more is written to it. False if known."""
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    values = {"inbox": one.inbox, "channel": one.channel, "recipient": one.recipient, "at": now, "why": why}
    return tx.execute(dialect.insert(refusals).values(values).on_conflict_do_nothing()).rowcount == 1


def accept(tx: Connection, one: Notification) -> None:
    """Forgets that the recipient of a notification was refused: it took one. A server that passes mail on takes what will
    come back: then only a replay forgets it."""
    tx.execute(delete(refusals).where(_whose(one), ~refusals.c.why.startswith(RETURNED)))


def _whose(one: Notification) -> ColumnElement[bool]:
    return and_(refusals.c.inbox == one.inbox, refusals.c.channel == one.channel, refusals.c.recipient == one.recipient)


def refused(tx: Connection, inbox: str, channel: str) -> set[str]:
    """The recipients of an inbox's channel that do not exist."""
    query = select(refusals.c.recipient).where(refusals.c.inbox == inbox, refusals.c.channel == channel)
    return set(tx.execute(query).scalars())
