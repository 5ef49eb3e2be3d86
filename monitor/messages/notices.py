"""The messages that are about no incident: a back-fill is over, a message could not be delivered, many were
held back, a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.messages.mentions import platform as platform_name
from monitor.messages.page import GOOD, TONES, Page, rendered
from monitor.messages.risks import wording
from monitor.messages.text import cut, line
from monitor.messages.times import local, stamp
from monitor.model import Incident, Json, Level, Message, Notification, Reason, State

_SUBJECT = 200
_LISTED = 20
"""Incidents that are named one by one; the others are counted."""


def backfilled(
    source: str,
    platform: str,
    count: int,
    signals: Mapping[str, int],
    *,
    organisation: str,
    timezone: ZoneInfo,
    now: datetime,
    inbox: str,
    oldest: datetime | None = None,
    newest: datetime | None = None,
) -> Message:
    """A source's history was read: told once as numbers, since what was said before we watched opens no incident.

    `signals` counts mentions by risk class; `oldest` and `newest` are when the first and last of them were published.
    """
    name = line(source, 60)
    ranked = sorted(signals.items(), key=lambda pair: (-pair[1], pair[0]))[:20]
    facts = [("Platform", platform_name(platform)), ("Mentions read", f"{count:,}")]
    if oldest is not None and newest is not None:
        facts += [("Oldest", local(oldest, timezone, now)), ("Newest", local(newest, timezone, now))]
    paragraphs = ["Nothing of this history was told singly, and nothing of it opened an incident."]
    paragraphs.append("These classes of risk are among it:" if ranked else "No risk was found in it.")
    page = Page(
        subject=cut(f"[INFO] {count:,} earlier mentions read - {name}", _SUBJECT),
        organisation=line(organisation, 100),
        inbox=line(inbox, 60),
        tone=TONES[Level.INFO],
        badge=Level.INFO.value,
        title=f"{count:,} earlier mentions were read",
        where=f"Source {name}",
        preheader=paragraphs[0],
        facts=facts,
        commands=[f"wellheard mentions --source {name} --sort risk"],
        first="Look through the weightiest of them once. From now on, what is new is told as it comes."
        if ranked
        else "",
        about=f"Written {local(now, timezone, now)}.",
    )
    counts = [(wording(risk).title, f"{number:,}") for risk, number in ranked]
    data = {
        "source": name,
        "platform": line(platform, 100),
        "count": count,
        "signals": {line(risk, 100): number for risk, number in ranked},
        "oldest": stamp(oldest),
        "newest": stamp(newest),
    }
    return _message(page, Reason.BACKFILLED, "source.backfilled", data, now, paragraphs=paragraphs, counts=counts)


def delivery_failed(
    notification: Notification,
    why: str,
    *,
    organisation: str,
    timezone: ZoneInfo,
    now: datetime,
    inbox: str,
) -> Message:
    """`notification` did not get through: told to `inbox` on another channel. `why` is the sentence of its
    DeliveryError. The recipient is not named: this message may go to somebody else."""
    lost = notification.message
    level = _level(notification)
    about = "" if notification.incident_id is None else f" (incident {notification.incident_id})"
    box, channel = line(notification.inbox, 60), line(notification.channel, 30)
    commands = [] if notification.incident_id is None else [f"wellheard show {notification.incident_id}"]
    page = Page(
        subject=cut(
            f"{_mark(notification.drill)}[{level.value.upper()}] Not delivered: {channel} to the {box} inbox{about}",
            _SUBJECT,
        ),
        organisation=line(organisation, 100),
        inbox=line(inbox, 60),
        tone=TONES[level],
        badge=level.value,
        title="A message was not delivered",
        where=f"{channel} to the {box} inbox",
        preheader=cut(line(lost.subject), 160),
        said="You are told because those who should have been may not know. Make sure that somebody acts on it.",
        facts=[
            ("Message", line(lost.subject, 200)),
            ("Written", local(notification.created_at, timezone, now)),
            ("Attempts", str(notification.attempts)),
            ("Reason", line(why, 300)),
        ],
        commands=[*commands, f"wellheard replay {line(notification.id, 80)}"],
        first="Tell them by phone if it is urgent. Then mend the channel, and replay the message.",
        drill=notification.drill,
        about=f"Notification {line(notification.id, 80)}, written {local(now, timezone, now)}.",
    )
    data: dict[str, Json] = {
        "id": line(notification.id, 80),
        "incident": notification.incident_id,
        "level": level.value,
        "reason": notification.reason.value,
        "inbox": box,
        "channel": channel,
        "subject": line(lost.subject, 200),
        "attempts": notification.attempts,
        "error": line(why, 300),
        "drill": notification.drill,
    }
    headers = {} if notification.incident_id is None else {"X-Wellheard-Incident": str(notification.incident_id)}
    return _message(page, Reason.DELIVERY_FAILED, "delivery.failed", data, now, headers=headers)


def withheld(
    count: int,
    incidents: Sequence[Incident],
    mentions: int,
    *,
    level: Level,
    since: datetime,
    after_quiet: bool,
    organisation: str,
    timezone: ZoneInfo,
    now: datetime,
    inbox: str,
    drill: bool = False,
) -> Message:
    """What was kept from `inbox`, told once: `count` messages about `incidents`, and how many `mentions` it hears of for
    the first time. `level` is that of the weightiest message, `after_quiet` says that quiet hours were the reason."""
    ranked = sorted(incidents, key=lambda one: (one.state is State.RESOLVED, -one.level.rank, -one.mentions, one.id))
    why = (
        "It was quiet time for this inbox." if after_quiet else "More was to be said than this inbox takes in an hour."
    )
    said = f"{count:,} messages about {_number(len(ranked), 'incident')} were held back. {why}"
    page = Page(
        subject=cut(
            f"{_mark(drill)}[{level.value.upper()}] {count:,} messages held back, {mentions:,} mentions", _SUBJECT
        ),
        organisation=line(organisation, 100),
        inbox=line(inbox, 60),
        tone=TONES[level],
        badge=level.value,
        title=f"{count:,} messages were held back",
        where=f"{line(inbox, 60)} inbox",
        preheader=cut(said, 160),
        said=said,
        facts=[
            ("Since", local(since, timezone, now)),
            ("Incidents", f"{len(ranked):,}"),
            ("Mentions", f"{mentions:,} that were not told here before"),
        ],
        commands=["wellheard incidents", "wellheard deliveries --state withheld"],
        first="Look at the list: it is all there, and what is urgent stands first.",
        drill=drill,
        about=f"Written {local(now, timezone, now)}.",
    )
    counts = [
        (f"{one.level.value} {one.id}", f"{wording(one.risk or one.rule).title} - {_where(one)}: {_standing(one)}")
        for one in ranked[:_LISTED]
    ]
    if len(ranked) > _LISTED:
        counts.append(("and", f"{len(ranked) - _LISTED:,} more"))
    data = {
        "inbox": page.inbox,
        "level": level.value,
        "messages": count,
        "mentions": mentions,
        "incident_count": len(ranked),
        "since": stamp(since),
        "quiet": after_quiet,
        "drill": drill,
        "incidents": [
            {"id": one.id, "level": one.level.value, "state": one.state.value, "mention_count": one.mentions}
            for one in ranked[:_LISTED]
        ],
    }
    return _message(page, Reason.WITHHELD, "notices.withheld", data, now, counts=counts)


def _mark(drill: bool) -> str:  # noqa: FBT001 (reads as said)
    return "DRILL " if drill else ""


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _where(one: Incident) -> str:
    return cut(line(one.group), 60) or "everywhere"


def _standing(one: Incident) -> str:
    state = "" if one.state is State.OPEN else f", {one.state.value}"
    return f"{_number(one.mentions, 'mention')}{state}"


def test(inbox: str, *, organisation: str, timezone: ZoneInfo, now: datetime) -> Message:
    """What `wellheard check --send` sends: if it arrives, this way works."""
    page = Page(
        subject=cut(f"[TEST] Wellheard reaches the {line(inbox, 60)} inbox", _SUBJECT),
        organisation=line(organisation, 100),
        inbox=line(inbox, 60),
        tone=GOOD,
        badge="test",
        title="This way works",
        where=f"{line(inbox, 60)} inbox",
        preheader="A test: nothing has happened and nothing is to be done.",
        said="Somebody ran `wellheard check --send`. Nothing has happened and nothing is to be done: messages about "
        "incidents will arrive just like this one.",
        about=f"Written {local(now, timezone, now)}.",
    )
    return _message(page, Reason.TEST, "test", {"inbox": page.inbox}, now)


def _level(notification: Notification) -> Level:
    try:
        return Level(notification.message.headers.get("X-Wellheard-Level", ""))
    except ValueError:
        return Level.WARNING


def _message(
    page: Page,
    reason: Reason,
    kind: str,
    data: Mapping[str, Json],
    now: datetime,
    *,
    paragraphs: list[str] | None = None,
    counts: list[tuple[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Message:
    level = page.badge if page.badge in set(Level) else Level.INFO.value
    text, html = rendered("notice", page, paragraphs=paragraphs or [], counts=counts or [])
    return Message(
        subject=page.subject,
        text=text,
        html=html,
        data={"type": kind, "timestamp": stamp(now), "data": {"organisation": page.organisation, **data}},
        headers={"X-Wellheard-Reason": reason.value, "X-Wellheard-Level": level, **(headers or {})},
    )
