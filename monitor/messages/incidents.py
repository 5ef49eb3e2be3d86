"""An incident as a message: how bad, what, where, since when, how many, by when, and what to type."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.cause import Cause
from monitor.clocks import correction_due_at, deadlines
from monitor.messages import causes, playbooks
from monitor.messages import mentions as telling
from monitor.messages.page import GOOD, TONES, Page, rendered
from monitor.messages.playbooks import ASK, Playbook
from monitor.messages.risks import SOURCE_RULES, wording
from monitor.messages.text import cut, line
from monitor.messages.times import lasting, local, stamp, until
from monitor.model import DRILL_GROUP, Detail, Incident, Json, Level, Message, Outcome, Reason, Removal, State, Stored

SUBJECT = 200
_SHOWN = 8
_LARGEST = 19_000
"""Bytes of a webhook's body: Standard Webhooks asks for less than 20 kB."""
_OUTCOMES = {
    Outcome.RESPONDED: "somebody responded",
    Outcome.REMOVED: "it was removed",
    Outcome.NO_ACTION: "no action was needed",
    Outcome.FALSE_ALARM: "it was a false alarm",
    Outcome.OTHER: "closed with a note",
    Outcome.DRILL: "it was a drill, which is over",
}
_TYPES = {"source_failing": "source.failing", "source_quiet": "source.quiet"}


def incident(
    incident: Incident,
    reason: Reason,
    mentions: Sequence[Stored],
    *,
    detail: Detail,
    organisation: str,
    timezone: ZoneInfo,
    now: datetime,
    inbox: str,
    more: int = 0,
    ours: Sequence[str] = (),
    cause: Cause | None = None,
    awaited: Sequence[Removal] = (),
) -> Message:
    """What `inbox` is told of `incident`, and why now.

    `mentions` are the ones to show, the weightiest first (at most eight are shown, the rest is counted), `more` how many
    others there are. Let `told_mentions` be the count before this message, so that "7 more" can be said. `ours` are
    brands and people that an excerpt may name. `cause` is what many mentions have in common, `awaited` what platforms were
    asked to take down and still show. No subject ever has a word of a mention, whatever `detail` says.
    """
    incident = replace(incident, group=incident.group.removeprefix(DRILL_GROUP)) if incident.drill else incident
    more += max(len(mentions) - _SHOWN, 0)
    said = _said(incident, reason, _new(incident, len(mentions[:_SHOWN]) + more), now)
    said = _said_of_deadline(incident, awaited, timezone, now) if reason is Reason.DEADLINE else said
    page = _page(incident, reason, said, organisation=organisation, timezone=timezone, now=now, inbox=inbox)
    keep = (organisation, *ours)
    shown = [telling.told(one, detail=detail, keep=keep, timezone=timezone, now=now) for one in mentions[:_SHOWN]]
    book = playbook(incident, mentions)
    over = reason is Reason.RESOLVED
    made_of = [] if over else causes.sentences(cause, detail=detail, keep=keep, timezone=timezone, now=now)
    text, html = rendered(
        "incident", page, mentions=shown, more=_and_more(incident, more, bool(shown)), causes=made_of, playbook=book
    )
    body = _data(incident, reason, mentions, detail=detail, keep=keep, now=now, more=more)
    body["data"] |= {"inbox": page.inbox, "organisation": page.organisation}
    body["data"] |= {"playbook": book and _booked(book), "cause": causes.data(cause, detail=detail, keep=keep)}
    headers = {
        "X-Wellheard-Incident": str(incident.id),
        "X-Wellheard-Reason": reason.value,
        "X-Wellheard-Level": incident.level.value,
    }
    if incident.level.rank >= Level.URGENT.rank and reason is not Reason.RESOLVED:
        headers["Importance"] = "high"
    return Message(subject=page.subject, text=text, html=html, data=_fitted(body), headers=headers)


def _page(
    incident: Incident,
    reason: Reason,
    said: str,
    *,
    organisation: str,
    timezone: ZoneInfo,
    now: datetime,
    inbox: str,
) -> Page:
    words = wording(incident.risk or incident.rule)
    over = reason is Reason.RESOLVED
    badge = _badge(incident, reason)
    title = line(words.title, 80)
    where = line(incident.group, 100) or "everywhere"
    deadline = _deadline(incident, reason, timezone, now)
    return Page(
        subject=_subject(incident, reason, badge, title, where),
        organisation=line(organisation, 100),
        inbox=line(inbox, 60),
        tone=GOOD if over else TONES[incident.level],
        badge=badge,
        title=title,
        where=where,
        preheader=cut(" ".join(filter(None, (deadline, said))) or title, 160),
        said=said,
        deadline=deadline,
        facts=_facts(incident, timezone, now),
        commands=_commands(incident, reason),
        means="" if over else words.means,
        first="" if over else words.first,
        drill=incident.drill,
        about=f"Incident {incident.id}, rule {line(incident.rule, 60)}, written {local(now, timezone, now)}.",
    )


def _badge(incident: Incident, reason: Reason) -> str:
    if reason is not Reason.RESOLVED:
        return incident.level.value
    return "recovered" if incident.rule in SOURCE_RULES else "resolved"


def _subject(incident: Incident, reason: Reason, badge: str, title: str, where: str) -> str:
    drill = "DRILL " if incident.drill else ""
    turn = {
        Reason.GREW: ": more mentions",
        Reason.WORSENED: ": got worse",
        Reason.ESCALATED: ": nobody has acknowledged",
        Reason.DEADLINE: ": a deadline comes near" if deadlines(incident) else ": still up",
        Reason.LAPSED: ": acknowledged, and not resolved",
        Reason.REMINDER: ": not yet acknowledged" if incident.state is State.OPEN else ": not yet resolved",
    }.get(reason, "")
    if incident.rule in SOURCE_RULES and reason is Reason.REMINDER:
        turn = ": still"
    where = cut(where, 60)
    return cut(f"{drill}[{badge.upper()}] {title} - {where}{turn} (incident {incident.id})", SUBJECT)


def _new(incident: Incident, told_now: int) -> int:
    """How many mentions are new since the last message, 0 where that cannot be known."""
    new = incident.mentions - incident.told_mentions
    return new if new > 0 else told_now if told_now < incident.mentions else 0


def _sentence(note: str) -> str:
    said = line(note).rstrip(".")
    return f"{cut(said[:1].upper() + said[1:], 400)}."


def _said(incident: Incident, reason: Reason, new: int, now: datetime) -> str:  # noqa: PLR0911 (one for each reason)
    """One sentence: what has happened that this message is sent now."""
    if incident.rule in SOURCE_RULES:
        return _said_of_source(incident, reason, now)
    age = lasting(now - incident.opened_at)
    match reason:
        case Reason.OPENED if incident.note:
            return _sentence(incident.note)
        case Reason.GREW:
            return f"{new or ''} more {_mentions(new or 2)}, {incident.mentions} in all.".strip().capitalize()
        case Reason.WORSENED:
            why = f"{_sentence(incident.note)} " if incident.note else ""
            return f"{why}This is worse than what was told before: read it again."
        case Reason.ESCALATED:
            last = incident.chain and incident.chain_step >= len(incident.chain)
            end = " Nobody further will be told: this is the last call." if last else ""
            return f"Nobody has acknowledged this within {age}; now it is yours.{end}"
        case Reason.LAPSED:
            who = line(incident.assignee, 80) if incident.assignee else "somebody"
            return f"Acknowledged by {who} and not resolved for so long that it counts as open again: {age} in all."
        case Reason.REMINDER if incident.state is State.OPEN:
            return f"Nobody has acknowledged this for {age}."
        case Reason.REMINDER:
            return f"Acknowledged, and not yet resolved after {age}."
        case Reason.RESOLVED:
            outcome = _OUTCOMES.get(incident.outcome, "closed") if incident.outcome else "closed"
            return f"Resolved after {age}: {outcome}. Nothing more to do."
    return ""


def _said_of_source(incident: Incident, reason: Reason, now: datetime) -> str:
    if reason is Reason.RESOLVED:
        return f"This source works again, after {lasting(now - incident.opened_at)}. Nothing more to do."
    return cut(line(incident.note).rstrip("."), 400) + "." if incident.note else ""


def _said_of_deadline(incident: Incident, awaited: Sequence[Removal], timezone: ZoneInfo, now: datetime) -> str:
    """What is left to do: what was asked for and is still up, else what the law's clock says."""
    if not awaited:
        over = any(one.due_at <= now for one in deadlines(incident))
        return f"A deadline {'has passed' if over else 'comes near'}, and this is not resolved."
    count = len(awaited)
    what = "It is" if count == 1 else f"{count} mentions are"
    return f"{what} still up: the platform was asked on {local(awaited[0].asked_at, timezone, now)} to take it down."


def playbook(incident: Incident, top: Sequence[Stored]) -> Playbook | None:
    """What to do about it where the weightiest of its `top` mentions that is still up stands; None where there is nothing to
    be done."""
    top = [one for one in top if one.gone_at is None]
    if incident.rule in SOURCE_RULES or incident.state is State.RESOLVED or not top:
        return None
    found = playbooks.playbook(top[0].platform, incident.risk, ours=top[0].mention.ours)
    which = str(incident.id) if incident.mentions == 1 else f"mention:{top[0].id}"
    then = f" Then `wellheard removal {which} --asked`: it is followed until it is gone."
    steps = [(label, said + then if label == ASK else said) for label, said in found.steps]
    return replace(found, steps=tuple(steps))


def _booked(book: Playbook) -> dict[str, Json]:
    steps = [{"step": label, "text": said} for label, said in book.steps]
    return {"platform": book.where, "steps": steps, "source": book.source or None, "unconfirmed": book.unconfirmed}


def _deadline(incident: Incident, reason: Reason, timezone: ZoneInfo, now: datetime) -> str:
    if reason is Reason.DEADLINE and (clocks := deadlines(incident)):
        return f"{clocks[0].what} {until(clocks[0].due_at, timezone, now)}"
    if incident.state is not State.OPEN or incident.ack_due_at is None:
        return ""
    when = until(incident.ack_due_at, timezone, now)
    late = incident.ack_due_at <= now
    return f"Acknowledgement was due at {when}" if late else f"Acknowledge by {when}"


def _facts(incident: Incident, timezone: ZoneInfo, now: datetime) -> list[tuple[str, str]]:
    facts = [("Since", local(incident.opened_at, timezone, now))]
    if incident.state is not State.RESOLVED:
        facts += [(one.what, f"{until(one.due_at, timezone, now)}, {one.basis}") for one in deadlines(incident)]
    if incident.mentions:
        facts.append(("Mentions", str(incident.mentions)))
    if incident.risk is not None:
        facts.append(("Rated", f"impact {incident.impact} of 5, likelihood {incident.likelihood:.0%}"))
    if incident.assignee:
        facts.append(("With", line(incident.assignee, 80)))
    if incident.acked_at is not None:
        facts.append(("Acknowledged", local(incident.acked_at, timezone, now)))
    if incident.resolved_at is not None:
        facts.append(("Resolved", local(incident.resolved_at, timezone, now)))
    return facts


def _commands(incident: Incident, reason: Reason) -> list[str]:
    if reason is Reason.DEADLINE and not deadlines(incident):
        return [f"wellheard removal {incident.id}", f"wellheard show {incident.id}"]
    match incident.state:
        case State.OPEN:
            first = [f"wellheard ack {incident.id} --by NAME"]
        case State.ACKED:
            first = [f"wellheard resolve {incident.id} --outcome OUTCOME"]
        case _:
            first = []
    return [*first, f"wellheard show {incident.id}"]


def _mentions(count: int) -> str:
    return "mention" if count == 1 else "mentions"


def _and_more(incident: Incident, more: int, shown: bool) -> str:  # noqa: FBT001 (reads as said)
    if more <= 0:
        return ""
    return f"{'and ' if shown else ''}{more} more {_mentions(more)}: wellheard show {incident.id}"


def _type(incident: Incident, reason: Reason) -> str:
    if incident.rule not in _TYPES:
        return f"incident.{reason.value}"
    return "source.recovered" if reason is Reason.RESOLVED else _TYPES[incident.rule]


def _data(
    incident: Incident,
    reason: Reason,
    mentions: Sequence[Stored],
    *,
    detail: Detail,
    keep: Sequence[str],
    now: datetime,
    more: int,
) -> dict[str, Json]:
    """The webhook's body, `mentions` not yet measured."""
    data: dict[str, Json] = {
        "id": incident.id,
        "rule": line(incident.rule, 100),
        "risk": incident.risk and line(incident.risk, 100),
        "level": incident.level.value,
        "group": line(incident.group, 200),
        "impact": incident.impact,
        "likelihood": incident.likelihood,
        "reason": reason.value,
        "state": incident.state.value,
        "opened_at": stamp(incident.opened_at),
        "ack_due_at": stamp(incident.ack_due_at),
        "correction_due_at": stamp(correction_due_at(incident)),
        "report_due_at": stamp(incident.report_due_at),
        "acked_at": stamp(incident.acked_at),
        "resolved_at": stamp(incident.resolved_at),
        "outcome": incident.outcome and incident.outcome.value,
        "assignee": incident.assignee and line(incident.assignee, 100),
        "drill": incident.drill,
        "mention_count": incident.mentions,
        "mentions": [telling.data(one, detail=detail, keep=keep) for one in mentions[:_SHOWN]],
        "more": more,
    }
    if incident.rule in SOURCE_RULES:
        data |= {"source": line(incident.group, 200), "error": line(incident.note, 500)}
    return {"type": _type(incident, reason), "timestamp": stamp(now), "data": data}


def _fitted(body: dict[str, Json]) -> dict[str, Json]:
    """`body` with as many mentions as fit into a webhook, the others counted in `more`."""
    data = body["data"]
    while data["mentions"] and len(json.dumps(body, ensure_ascii=False).encode()) > _LARGEST:
        data["mentions"].pop()
        data["more"] += 1
    return body
