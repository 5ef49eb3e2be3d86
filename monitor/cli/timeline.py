"""The timeline of an incident or a notification: the lines of the log as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from monitor.audit import Link
from monitor.cli.screen import many
from monitor.messages import line
from monitor.store import Transaction, log, outbox

_Detail = Mapping[str, Any]


def of_incident(tx: Transaction, key: int) -> list[Link]:
    """Everything that was decided, done and sent about an incident, in the order in which it happened."""
    found = log.about(tx, f"incident:{key}")
    for one in outbox.listed(tx, incident_id=key):
        found += log.about(tx, f"notification:{one.id}")
    return sorted(found, key=lambda link: link.id)


def of_notification(tx: Transaction, key: str) -> list[Link]:
    """Every attempt to send a notification, and every replay."""
    return log.about(tx, f"notification:{key}")


def sentence(link: Link) -> str:
    """What happened, and who did it where that was a person."""
    said = _SENTENCES.get(link.action, _as_it_is)(link.detail)
    who = "" if link.actor == log.SYSTEM else f", by {line(link.actor, 80)}"
    return f"{said if link.action in _SENTENCES else f'{link.action}: {said}'}{who}{_note(link.detail)}"


def _opened(detail: _Detail) -> str:
    joined = detail.get("joined", 0)
    size = f" with {many(joined, 'mention')}" if joined else ""
    return f"opened as {detail.get('level')}{size}; {_told(detail)}"


def _looked(detail: _Detail) -> str:
    joined = detail.get("joined", 0)
    more = f"{many(joined, 'more mention')} in it, {detail.get('mentions')} in all; " if joined else ""
    return f"{more}{_told(detail)}"


def _resolved(detail: _Detail) -> str:
    outcome = detail.get("outcome")
    return f"resolved as {outcome}" if outcome else f"resolved by itself; {_told(detail)}"


def _told(detail: _Detail) -> str:
    """Who is told and why; nobody is where a silence holds, or where it is too soon for another word."""
    reasons = [reason for reason in detail.get("told", ()) if reason != "opened"]
    if not detail.get("told"):
        return "nobody is told"
    return f"{', '.join(reasons)}{': ' if reasons else ''}to tell {', '.join(detail.get('inboxes', ()))}"


def _way(detail: _Detail) -> str:
    return f"{detail.get('reason')} to {detail.get('inbox')} by {detail.get('channel')}"


def _note(detail: _Detail) -> str:
    return f': "{line(detail["note"], 500)}"' if detail.get("note") else ""


def _ground(detail: _Detail) -> str:
    return f', on the ground "{line(detail["ground"], 300)}"' if detail.get("ground") else ""


def _as_it_is(detail: _Detail) -> str:
    return ", ".join(f"{name} {value}" for name, value in detail.items() if name != "note")


_SENTENCES: Mapping[str, Callable[[_Detail], str]] = {
    "opened": _opened,
    "looked": _looked,
    "resolved": _resolved,
    "acked": lambda _: "acknowledged",
    "assigned": lambda detail: f"assigned to {detail.get('to')}",
    "sent": lambda detail: f"sent: {_way(detail)}",
    "delayed": lambda detail: f"not sent yet: {_way(detail)}, attempt {detail.get('attempt')}: {detail.get('error')}",
    "failed": lambda detail: f"given up: {_way(detail)}, attempt {detail.get('attempt')}: {detail.get('error')}",
    "bounced": lambda detail: f"came back from {detail.get('inbox')}: {detail.get('status')}",
    "replayed": lambda _: "to be sent again",
    "taken_down": lambda detail: f"no longer on its platform: mention {detail.get('mention')}",
    "removal_asked": lambda detail: (
        f"its platform was asked to take it down: mention {detail.get('mention')}{_ground(detail)}"
    ),
    "removal_granted": lambda detail: f"its platform said that it takes it down: mention {detail.get('mention')}",
    "removal_refused": lambda detail: f"its platform refused to take it down: mention {detail.get('mention')}",
    "removal_withdrawn": lambda detail: f"not asked for any more to take it down: mention {detail.get('mention')}",
    "noted": lambda _: "a note",
    "up_again": lambda detail: f"on its platform again: mention {detail.get('mention')}",
}
