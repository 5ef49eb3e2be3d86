"""Notices: from something to say to outbox rows, one for each recipient, rendered now: what is sent is what was decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from monitor import messages, timing
from monitor.config import Inbox
from monitor.model import Incident, Level, Message, Notification, Reason, SourceState
from monitor.pipeline.cause import cause
from monitor.pipeline.line import Line
from monitor.restraint import QUIET, Waiting
from monitor.rules import Told
from monitor.store import Transaction, incidents, log, mentions, outbox, removals

_SHOWN = 5
"""Mentions that a message shows; the others are counted."""


def incident(line: Line, tx: Transaction, about: Incident, told: Told, now: datetime, *, told_before: int = 0) -> None:
    """Writes the notifications of one thing said about an incident; `told_before` of its mentions were told already."""
    heaviest = incidents.mention_ids(tx, about.id, limit=_SHOWN)
    by_id = {one.id: one for one in mentions.by_id(tx, heaviest)}
    shown = [by_id[key] for key in heaviest]
    as_told = replace(about, told_mentions=told_before)
    ours = (*line.config.brands, *line.config.people)
    made_of = None if told.reason is Reason.RESOLVED else cause(line, tx, about)
    awaited = removals.awaited(tx, about.id) if told.reason is Reason.DEADLINE else ()

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
            cause=made_of,
            awaited=awaited,
        )

    key = f"incident/{about.id}/{about.step}/{told.reason.value}"
    write(line, tx, told.inboxes, told.reason, message, key=key, now=now, about=about)


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
    """Tells somebody, by another way, that a message did not get through: once, however often it fails. Such a notice
    that fails is not told again."""
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
        row = _row(Reason.DELIVERY_FAILED, inbox, channel, recipient, said, f"undelivered/{failed.id}", now)
        rows.append(replace(row, incident_id=failed.incident_id, drill=failed.drill))
    outbox.add(tx, rows)


def _other_ways(line: Line, failed: Notification) -> list[tuple[str, str, str]]:
    """Where else: the inbox's other channels, else the other inboxes, never the address that failed; and always the
    administrator, who can mend it."""
    boxes = line.config.inboxes
    every = [
        (name, channel, recipient)
        for name, inbox in boxes.items()
        for channel, recipient in addresses(inbox)
        if (channel, recipient) != (failed.channel, failed.recipient) or (channel != "email" and name != failed.inbox)
    ]
    menders = [way for way in every if way[0] == line.config.administrator]
    same_inbox = [way for way in every if way[0] == failed.inbox and way[1] != failed.channel]
    found = same_inbox or menders or [way for way in every if way[0] in {"risk", "marketing"}] or every
    return list(dict.fromkeys((*found, *menders)))


def stand_in(line: Line, tx: Transaction, failing: Notification, now: datetime) -> bool:
    """Sends a message that does not get through by the next standby of its inbox, once. False where there is none."""
    inbox = line.config.inboxes.get(failing.inbox)
    left = inbox.standby if inbox else ()
    if failing.channel in left:
        left = left[left.index(failing.channel) + 1 :]
    if inbox is None or failing.reason is Reason.TEST:
        return False
    base = failing.key.removeprefix("failover/").removesuffix(f"/{failing.channel}/{failing.recipient}")
    for channel in left:
        refused = outbox.refused(tx, inbox.name, channel)
        rows = [
            replace(
                _row(failing.reason, inbox.name, way, recipient, failing.message, f"failover/{base}", now),
                incident_id=failing.incident_id,
                mentions=failing.mentions,
                drill=failing.drill,
                admitted_at=now,  # the limits were applied to what it stands in for
            )
            for way, recipient in addresses(inbox)
            if way == channel and recipient not in refused
        ]
        if rows:
            outbox.add(tx, rows)
            return True
    return False


_CHANNELS = ("webhook", "slack", "teams", "discord", "apprise", "folder")


def addresses(inbox: Inbox) -> list[tuple[str, str]]:
    """The ways to an inbox: channel and recipient. What has one address only, and a secret one, is called by its name."""
    ways = [("email", address) for address in inbox.email]
    return ways + [(channel, channel) for channel in _CHANNELS if getattr(inbox, channel) is not None]


def _ways(tx: Transaction, inbox: Inbox) -> list[tuple[str, str]]:
    """The ways that are used now: without those on standby and without recipients that were refused for good, as long
    as anybody is left; what nobody would get is rather tried in vain, for that is told."""
    every = addresses(inbox)
    well = [way for way in every if way[1] not in outbox.refused(tx, inbox.name, way[0])]
    return [way for way in well if way[0] not in inbox.standby] or well or every


def write(
    line: Line,
    tx: Transaction,
    inboxes: Iterable[str],
    reason: Reason,
    message: Callable[[Inbox], Message],
    *,
    key: str,
    now: datetime,
    about: Incident | None = None,
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
        for channel, recipient in _ways(tx, inbox):
            row = _row(reason, name, channel, recipient, said, f"{key}/{name}", now)
            if about is not None:
                row = replace(row, incident_id=about.id, mentions=about.mentions, drill=about.drill)
            rows.append(_kept_quiet(line, inbox, row, about, now))
    return outbox.add(tx, rows)


def _kept_quiet(line: Line, inbox: Inbox, row: Notification, about: Incident | None, now: datetime) -> Notification:
    """The notification, withheld until the inbox's quiet hours end if it lies in them and may wait."""
    quiet = inbox.quiet
    if quiet is None or row.level is None or row.level.rank >= quiet.level.rank:
        return row
    rule = line.rules.get(about.rule) if about is not None else None
    spoken = about is not None and (about.risk in quiet.risks or (rule is not None and rule.unsilenceable))
    if spoken and row.reason is not Reason.RESOLVED:
        return row
    until = timing.quiet_until(quiet.begin, quiet.end, now, line.config.timezone)
    return row if until is None else replace(row, withheld=QUIET, due_at=until)


def _row(  # noqa: PLR0917  # private, and the parts of a key and an address
    reason: Reason, inbox: str, channel: str, recipient: str, message: Message, key: str, now: datetime
) -> Notification:
    return Notification(
        id=uuid4().hex,
        key=f"{key}/{channel}/{recipient}",
        reason=reason,
        inbox=inbox,
        channel=channel,
        recipient=recipient,
        message=message,
        created_at=now,
        due_at=now,
        level=_level(reason, channel, message),
    )


def _level(reason: Reason, channel: str, message: Message) -> Level | None:
    """By what level the limits of a recipient judge it; None for what they do not: a folder disturbs nobody, and the
    digest comes once a week."""
    if channel == "folder" or reason in {Reason.DIGEST, Reason.TEST}:
        return None
    level = Level(message.headers.get("X-Wellheard-Level", Level.INFO.value))
    # That it is over can wait, however bad it was.
    return Level.WARNING if reason is Reason.RESOLVED and level.rank > Level.WARNING.rank else level


def together(
    line: Line, tx: Transaction, held: Sequence[Waiting], known: Mapping[int, int], *, after_quiet: bool, now: datetime
) -> None:
    """Writes the one message that tells a recipient of all that was withheld; `known` is of how many mentions of each
    incident it has been told before."""
    first = held[0]
    latest: dict[int, int] = {}
    for one in held:
        if one.incident_id is not None:
            latest[one.incident_id] = max(one.mentions, latest.get(one.incident_id, 0))
    new = sum(max(0, count - known.get(key, 0)) for key, count in latest.items())
    said = messages.withheld(
        len(held),
        incidents.some(tx, list(latest)),
        new,
        level=max((one.level for one in held), key=lambda level: level.rank),
        since=min(one.created_at for one in held),
        after_quiet=after_quiet,
        organisation=line.config.organisation,
        timezone=line.config.timezone,
        now=now,
        inbox=first.inbox,
        drill=first.drill,
    )
    key = f"withheld/{first.id}"
    row = _row(Reason.WITHHELD, first.inbox, first.channel, first.recipient, said, key, now)
    outbox.add(tx, [replace(row, admitted_at=now, drill=first.drill)])
    outbox.told_in(tx, [one.id for one in held], row.id)
    detail = {"messages": len(held), "incidents": len(latest), "mentions": new, "inbox": first.inbox}
    log.add(tx, now, "told_together", f"notification:{row.id}", detail | {"channel": first.channel})
