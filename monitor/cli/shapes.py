"""What a mention, an incident, a source and a notification look like to machines: the field names of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from monitor.audit import Link
from monitor.connector import Access
from monitor.model import Incident, Notification, Removal, Signal, SourceState, Stored
from monitor.store.rechecks import Recheck

BRIEF = (
    "id", "platform", "source", "kind", "ours", "url", "published_at", "first_seen_at", "stars", "sentiment", "signals",
)  # fmt: skip
"""What a webhook tells of a mention; an incident's line tells the same."""


def mention(one: Stored, incidents: Sequence[int] = ()) -> dict[str, Any]:
    """A mention with its assessment and the incidents that it is part of."""
    said, found = one.mention, one.assessment
    return {
        "id": one.id,
        "platform": one.platform,
        "external_id": said.external_id,
        "source": one.source,
        "kind": said.kind.value,
        "ours": said.ours,
        "parent_id": said.parent_id,
        "url": said.url,
        "author": said.author,
        "title": said.title,
        "text": said.text,
        "lang": found.lang,
        "stars": said.stars,
        "published_at": said.published_at,
        "first_seen_at": one.first_seen_at,
        "topics": list(one.topics),
        "labels": dict(one.labels),
        "sentiment": found.sentiment,
        "mood": one.mood,
        "at_odds": one.at_odds,
        "themes": list(found.themes),
        "signals": [signal(one) for one in found.signals],
        "risk_score": round(found.risk_score, 2),
        "incidents": list(incidents),
        "engagement": said.engagement,
        "audience": said.audience,
        "version": one.version,
        "history": one.history,
        "gone_at": one.gone_at,
    }


def signal(one: Signal) -> dict[str, Any]:
    """A signal; its place is in the text, unless `field` says that it is in the title."""
    facts = asdict(one)
    if one.field == "text":
        del facts["field"]
    return facts


def incident(one: Incident, mentions: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """An incident as it stands, with the weightiest of its mentions; `more` counts the others."""
    return {
        "id": one.id,
        "rule": one.rule,
        "risk": one.risk,
        "level": one.level.value,
        "group": one.group,
        "state": one.state.value,
        "impact": one.impact,
        "likelihood": one.likelihood,
        "mention_count": one.mentions,
        "mentions": list(mentions),
        "more": max(0, one.mentions - len(mentions)),
        "opened_at": one.opened_at,
        "ack_due_at": one.ack_due_at,
        "acked_at": one.acked_at,
        "resolved_at": one.resolved_at,
        "outcome": one.outcome.value if one.outcome else None,
        "assignee": one.assignee,
        "inboxes": list(one.inboxes),
        "next_step_at": one.next_step_at,
        "note": one.note,
        "drill": one.drill,
    }


def source(
    name: str, platform: str, state: str, known: SourceState | None, checked: Recheck | None = None
) -> dict[str, Any]:
    """A source: when it was and will be polled, whether it is silent, since when and why it fails, what the last whole
    walk could not see, and how its rechecks go."""
    return {
        "name": name,
        "platform": platform,
        "state": state,
        "silent": state == "silent",
        "polled_at": known and known.polled_at,
        "next_poll_at": known and known.next_poll_at,
        "last_new_at": known and known.last_new_at,
        "mentions": known.mentions if known else 0,
        "skipped": known.skipped if known else 0,
        "failures": known.failures if known else 0,
        "failing_since": known and known.failing_since,
        "error": known and known.error,
        "remedy": known and known.remedy,
        "warnings": [*(known.warnings if known else ()), *(checked.warnings if checked else ())],
        "rechecked_at": checked and checked.tried_at,
        "recheck_failing_since": checked and checked.failing_since,
        "recheck_error": checked and checked.error,
    }


def connector(name: str, access: Access) -> dict[str, Any]:
    """A connector: how it gets at its platform, what that takes, what it sees, and what its terms ask, in hours."""

    def hours(span: timedelta | None) -> float | None:
        return None if span is None else round(span / timedelta(hours=1), 2)

    return {
        "connector": name,
        "access": access.kind,
        "sees": access.sees,
        "blind_to": access.blind_to,
        "own_replies": access.own_replies,
        "terms": access.terms,
        "needs": access.needs,
        "costs": access.costs,
        "limits": access.limits,
        "unconfirmed": list(access.unconfirmed),
        "retention_hours": hours(access.retention),
        "recheck_hours": hours(access.recheck),
        "refresh_hours": hours(access.refresh),
    }


def _standing(one: Notification) -> str:
    if one.sent_at or one.failed_at:
        return "sent" if one.sent_at else "failed"
    return "told" if one.told_in else "withheld" if one.withheld else "due"


def notification(one: Notification) -> dict[str, Any]:
    """A notification and what became of it."""
    return {
        "id": one.id,
        "incident": one.incident_id,
        "reason": one.reason.value,
        "inbox": one.inbox,
        "channel": one.channel,
        "recipient": one.recipient,
        "state": _standing(one),
        "attempts": one.attempts,
        "created_at": one.created_at,
        "due_at": one.due_at,
        "sent_at": one.sent_at,
        "failed_at": one.failed_at,
        "error": one.error,
        "subject": one.message.subject,
    }


def removal(one: Removal) -> dict[str, Any]:
    """What a platform was asked to take down, and what came of it."""
    return {
        "mention": one.mention_id,
        "asked_at": one.asked_at,
        "asked_by": one.asked_by,
        "ground": one.ground,
        "answer": one.answer and one.answer.value,
        "answered_at": one.answered_at,
        "answered_by": one.answered_by,
        "gone_at": one.gone_at,
        "last_seen_at": one.seen_at,
    }


def logged(one: Link) -> dict[str, Any]:
    """A line of the log."""
    return {
        "id": one.id,
        "at": one.at,
        "actor": one.actor,
        "action": one.action,
        "subject": one.subject,
        "detail": dict(one.detail),
    }
