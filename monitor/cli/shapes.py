"""What a mention, an incident, a source and a notification look like to machines: the field names of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from monitor.model import Incident, Notification, SourceState, Stored


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
        "published_at": said.published_at.isoformat(),
        "first_seen_at": one.first_seen_at.isoformat(),
        "topics": list(one.topics),
        "labels": dict(one.labels),
        "sentiment": found.sentiment,
        "themes": list(found.themes),
        "signals": [asdict(signal) for signal in found.signals],
        "risk_score": round(found.risk_score, 2),
        "incidents": list(incidents),
        "engagement": said.engagement,
        "audience": said.audience,
        "version": one.version,
        "history": one.history,
        "gone_at": one.gone_at.isoformat() if one.gone_at else None,
    }


def incident(one: Incident) -> dict[str, Any]:
    """An incident as it stands."""
    return {
        "id": one.id,
        "rule": one.rule,
        "risk": one.risk,
        "level": one.level.value,
        "group": one.group,
        "state": one.state.value,
        "impact": one.impact,
        "likelihood": one.likelihood,
        "mentions": one.mentions,
        "opened_at": one.opened_at.isoformat(),
        "ack_due_at": _moment(one.ack_due_at),
        "acked_at": _moment(one.acked_at),
        "resolved_at": _moment(one.resolved_at),
        "outcome": one.outcome.value if one.outcome else None,
        "assignee": one.assignee,
        "inboxes": list(one.inboxes),
        "next_step_at": _moment(one.next_step_at),
        "drill": one.drill,
    }


def source(one: SourceState, *, state: str) -> dict[str, Any]:
    """A source: when it was and will be polled, and since when and why it fails."""
    return {
        "name": one.name,
        "platform": one.platform,
        "state": state,
        "polled_at": _moment(one.polled_at),
        "next_poll_at": _moment(one.next_poll_at),
        "last_new_at": _moment(one.last_new_at),
        "mentions": one.mentions,
        "skipped": one.skipped,
        "failures": one.failures,
        "failing_since": _moment(one.failing_since),
        "error": one.error,
    }


def notification(one: Notification) -> dict[str, Any]:
    """A notification, its recipient masked: who is told is nobody's business but theirs."""
    state = "sent" if one.sent_at else "failed" if one.failed_at else "due"
    return {
        "id": one.id,
        "incident": one.incident_id,
        "reason": one.reason.value,
        "inbox": one.inbox,
        "channel": one.channel,
        "recipient": masked(one.recipient),
        "state": state,
        "attempts": one.attempts,
        "created_at": one.created_at.isoformat(),
        "due_at": one.due_at.isoformat(),
        "sent_at": _moment(one.sent_at),
        "failed_at": _moment(one.failed_at),
        "error": one.error,
        "subject": one.message.subject,
    }


def masked(recipient: str) -> str:
    """An address that its owner recognises and nobody else can use."""
    name, at, domain = recipient.partition("@")
    return f"{name[:1]}***@{domain}" if at else recipient


def _moment(value: Any) -> str | None:
    return value.isoformat() if value is not None else None
