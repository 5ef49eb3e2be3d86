"""Notices: from something to say to outbox rows, one for each recipient, rendered now: what is sent is what was decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from monitor import messages
from monitor.config import Inbox
from monitor.model import Incident, Message, Notification, Reason, SourceState
from monitor.pipeline.line import Line
from monitor.rules import Told
from monitor.store import Transaction, incidents, log, mentions, outbox

_SHOWN = 5
"""Mentions that a message shows; the others are counted."""


def incident(line: Line, tx: Transaction, about: Incident, told: Told, now: datetime, *, told_before: int = 0) -> None:
    """Writes the notifications of one thing said about an incident; `told_before` of its mentions were told already."""
    heaviest = incidents.mention_ids(tx, about.id, limit=_SHOWN)
    by_id = {one.id: one for one in mentions.by_id(tx, heaviest)}
    shown = [by_id[key] for key in heaviest]
    as_told = replace(about, told_mentions=told_before)
    ours = (*line.config.brands, *line.config.people)

    def message(inbox: Inbox) -> Message:
        return messages.incident(
            as_told,
            told.reason,
            shown,
            detail=inbox.detail,
            organisation=line.config.organisation,
            timezone=line.config.timezone,
            now=now,
            more=max(0, about.mentions - len(shown)),
            inbox=inbox.name,
            ours=ours,
        )

    key = f"incident/{about.id}/{about.step}/{told.reason.value}"
    write(line, tx, told.inboxes, told.reason, message, key=key, now=now, incident_id=about.id)


def backfilled(line: Line, tx: Transaction, state: SourceState, now: datetime) -> None:
    """Writes the one summary of what a new source already held: history is told by number, never one by one."""
    risks: Counter[str] = Counter()
    oldest: datetime | None = None
    newest: datetime | None = None
    total = 0
    for one in mentions.history_of(tx, state.name):
        total += 1
        risks.update({signal.risk for signal in one.assessment.signals})
        published = one.mention.published_at
        oldest = min(oldest or published, published)
        newest = max(newest or published, published)
    if not total or oldest is None or newest is None:
        return

    def message(inbox: Inbox) -> Message:
        return messages.backfilled(
            state.name,
            state.platform,
            total,
            risks,
            oldest=oldest,
            newest=newest,
            inbox=inbox.name,
            organisation=line.config.organisation,
            timezone=line.config.timezone,
            now=now,
        )

    key = f"backfilled/{state.name}/{state.created_at.isoformat()}"
    write(line, tx, ("marketing", "risk"), Reason.BACKFILLED, message, key=key, now=now)


def undelivered(line: Line, tx: Transaction, failed: Notification, error: str, now: datetime) -> None:
    """Tells somebody, by another way, that a message did not get through. Such a notice that fails is not told again."""
    if failed.reason in {Reason.DELIVERY_FAILED, Reason.TEST}:
        return
    rows: list[Notification] = []
    for inbox, channel, recipient in _other_ways(line, failed):
        said = messages.delivery_failed(
            failed,
            error,
            organisation=line.config.organisation,
            timezone=line.config.timezone,
            now=now,
            inbox=inbox,
        )
        key = f"undelivered/{failed.id}"
        rows.append(_row(Reason.DELIVERY_FAILED, inbox, channel, recipient, said, key, now, failed.incident_id))
    outbox.add(tx, rows)


def _other_ways(line: Line, failed: Notification) -> list[tuple[str, str, str]]:
    """Where else: the inbox's other channels, else the other inboxes, never the address that failed."""
    boxes = line.config.inboxes
    every = [
        (name, channel, recipient)
        for name, inbox in boxes.items()
        for channel, recipient in addresses(inbox)
        if (channel, recipient) != (failed.channel, failed.recipient) or (channel != "email" and name != failed.inbox)
    ]
    same_inbox = [way for way in every if way[0] == failed.inbox and way[1] != failed.channel]
    return same_inbox or [way for way in every if way[0] in {"risk", "marketing"}] or every


def addresses(inbox: Inbox) -> list[tuple[str, str]]:
    """The ways to an inbox: channel and recipient. What has one address only, and a secret one, is called by its name."""
    ways = [("email", address) for address in inbox.email]
    others = ("webhook", "slack", "teams", "discord", "folder")
    return ways + [(channel, channel) for channel in others if getattr(inbox, channel) is not None]


def write(
    line: Line,
    tx: Transaction,
    inboxes: Iterable[str],
    reason: Reason,
    message: Callable[[Inbox], Message],
    *,
    key: str,
    now: datetime,
    incident_id: int | None = None,
) -> int:
    """Adds one notification for each address of `inboxes`, rendered for each inbox. Returns how many were new: a key
    that was written before is not written again."""
    rows: list[Notification] = []
    for name in inboxes:
        inbox = line.config.inboxes.get(name)
        if inbox is None:
            log.add(tx, now, "unreachable", f"inbox:{name}", {"key": key})
            continue
        said = message(inbox)
        rows.extend(
            _row(reason, name, channel, recipient, said, f"{key}/{name}", now, incident_id)
            for channel, recipient in addresses(inbox)
        )
    return outbox.add(tx, rows)


def _row(  # noqa: PLR0917  # private, and called by place nowhere
    reason: Reason,
    inbox: str,
    channel: str,
    recipient: str,
    message: Message,
    key: str,
    now: datetime,
    incident_id: int | None,
) -> Notification:
    return Notification(
        id=uuid4().hex,
        key=f"{key}/{channel}/{recipient}",
        incident_id=incident_id,
        reason=reason,
        inbox=inbox,
        channel=channel,
        recipient=recipient,
        message=message,
        created_at=now,
        due_at=now,
    )
