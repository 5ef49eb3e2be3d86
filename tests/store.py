"""Short ways to fill a store in tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.model import Assessment, Incident, Kind, Level, Mention, Message, Notification, Reason, Signal, State
from monitor.store import Database, mentions, outbox, sources
from monitor.store.mentions import Fresh

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def said(key: str = "1", text: str = "They were kind.", **values: Any) -> Mention:
    return Mention(**({"external_id": key, "kind": Kind.REVIEW, "text": text, "published_at": NOW} | values))


def found(*signals: Signal, sentiment: float | None = 0.5) -> Assessment:
    return Assessment(lang="en", sentiment=sentiment, signals=signals, assessor="test-1")


def threat(likelihood: float = 0.9) -> Signal:
    return Signal(risk="threat_to_staff", impact=5, likelihood=likelihood, start=0, end=4, rule="threat-1")


def fresh(mention: Mention, assessment: Assessment | None = None, **values: Any) -> Fresh:
    base = {"topics": (), "labels": {"location": "Main"}, "history": False, "judged": False}
    return Fresh(mention=mention, assessment=assessment or found(), **(base | values))


def add(database: Database, *rows: Fresh, now: datetime = NOW, source: str = "s", platform: str = "p") -> None:
    with database.write() as tx:
        mentions.add(tx, platform, source, rows, now)


def listed(database: Database, **how: Any) -> list[Any]:
    with database.read() as tx:
        return list(mentions.listed(tx, **how))


def with_source(database: Database, name: str = "s", lease: str = "me", now: datetime = NOW) -> None:
    with database.write() as tx:
        sources.ensure(tx, name, "p", now)
        assert sources.claim_one(tx, name, now, lease=lease, until=now + timedelta(minutes=5)) is not None


def incident(**values: Any) -> Incident:
    base: dict[str, Any] = {
        "id": 0, "rule": "threat_to_staff", "group": "Main", "risk": "threat_to_staff", "level": Level.CRITICAL,
        "impact": 5, "likelihood": 0.9, "state": State.OPEN, "opened_at": NOW, "inboxes": ("risk",), "mentions": 1,
    }  # fmt: skip
    return Incident(**(base | values))


def notification(key: str = "n1", **values: Any) -> Notification:
    message = Message(
        subject="s", text="t", html="<p>t</p>", data={"type": "test"}, headers={"X-Wellheard-Level": "urgent"}
    )
    base: dict[str, Any] = {
        "id": key, "key": f"key/{key}", "reason": Reason.OPENED, "inbox": "risk", "channel": "email",
        "recipient": "risk@practice.example", "message": message, "created_at": NOW, "due_at": NOW,
    }  # fmt: skip
    return Notification(**(base | values))


def send(database: Database, *rows: Notification) -> int:
    with database.write() as tx:
        return outbox.add(tx, rows)


def keys(rows: Sequence[Any]) -> list[str]:
    return [row.mention.external_id for row in rows]
