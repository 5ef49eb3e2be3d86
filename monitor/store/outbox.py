"""The outbox: notifications from the moment they are decided until the remote has accepted them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.model import Message, Notification, Reason
from monitor.schema import notifications

_WAITING = and_(notifications.c.sent_at.is_(None), notifications.c.failed_at.is_(None))


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
    query = select(notifications.c.id).where(_WAITING, notifications.c.due_at <= now, free)
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


def later(tx: Connection, one: Notification, due_at: datetime, error: str) -> bool:
    """Gives a notification back, to be tried again at `due_at`."""
    return _end(tx, one, due_at=due_at, error=error)


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
    values |= {"lease": None, "leased_until": None}
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
    """Notifications, newest first; `state` is due, sent or failed."""
    query = select(notifications).order_by(notifications.c.created_at.desc(), notifications.c.id)
    if state is not None:
        query = query.where({"due": _WAITING, "sent": notifications.c.sent_at.is_not(None),
                             "failed": notifications.c.failed_at.is_not(None)}[state])  # fmt: skip
    if incident_id is not None:
        query = query.where(notifications.c.incident_id == incident_id)
    return [notification(row) for row in tx.execute(query if limit is None else query.limit(limit))]


def failed_since(tx: Connection, since: datetime) -> list[Notification]:
    """Notifications given up since then, oldest first."""
    query = select(notifications).where(notifications.c.failed_at >= since).order_by(notifications.c.failed_at)
    return [notification(row) for row in tx.execute(query)]


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
        },
        "created_at": one.created_at,
        "due_at": one.due_at,
        "attempts": 0,
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
    )
