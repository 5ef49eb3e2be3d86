"""Report: the digest that is due, once for each recipient and week, whatever crashes and clock changes."""

from __future__ import annotations

from datetime import datetime

import structlog

from monitor import digest, messages, timing
from monitor.config import Inbox
from monitor.digest import Digest
from monitor.model import Message, Reason, State
from monitor.pipeline import notices
from monitor.pipeline.line import Line
from monitor.store import Transaction, incidents, mentions, outbox, rechecks, sources
from monitor.timing import Period

say = structlog.get_logger()


def report(line: Line) -> int:
    """Writes the digest that is due, if it has not been written yet. Returns how many notifications were added."""
    now = line.now()
    period = _due(line, now) if line.config.digest.inboxes else None
    if period is None:
        return 0
    with line.database.read() as tx:
        if outbox.exists(tx, f"digest/{period.name}/"):
            return 0
        week = numbers(tx, period, now)
    return send(line, week, now)


def _due(line: Line, now: datetime) -> Period | None:
    """The latest week that is due and in which we were already watching; missed older ones are not sent late."""
    with line.database.read() as tx:
        first = line.config.digest.first
        begun = sources.begun(tx)
        if begun is None:
            return None
        at = line.config.digest.at
        period = timing.last_due_week(at.weekday, at.time, now, line.config.timezone)
        if begun < period.until:
            return period
        if first is not None and now >= begun + first:
            return timing.so_far(begun, now)
    return None


def numbers(tx: Transaction, period: Period, now: datetime) -> Digest:
    """The numbers of a period, as far as it has gone by `now`, from stored rows alone."""
    return digest.build(
        period,
        mentions=mentions.listed(tx, since=period.since, until=period.until),
        incidents=[
            *incidents.listed(tx, None, since=period.since),
            *incidents.listed(tx, [State.OPEN, State.ACKED]),
        ],
        sources=sources.every(tx),
        notifications=outbox.failed_since(tx, period.since),
        rechecks=rechecks.every(tx),
        now=now,
    )


def send(line: Line, week: Digest, now: datetime) -> int:
    """Puts a digest into the outbox, once for each recipient and period however often it is asked for."""

    def message(inbox: Inbox) -> Message:
        return render(line, week, inbox.name, now)

    key = f"digest/{week.period.name}"
    with line.database.write() as tx:
        written = notices.write(line, tx, line.config.digest.inboxes, Reason.DIGEST, message, key=key, now=now)
    if written:
        say.info("digest", period=week.period.name, notifications=written)
    return written


def render(line: Line, week: Digest, inbox: str, now: datetime) -> Message:
    """The digest as one inbox gets it."""
    return messages.digest(
        week, organisation=line.config.organisation, timezone=line.config.timezone, now=now, inbox=inbox
    )
