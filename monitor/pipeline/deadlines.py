"""Deadlines: the clocks of incidents, as the store knows what stops them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from monitor import clocks
from monitor.model import Incident, State
from monitor.pipeline.line import Line
from monitor.store import Transaction, incidents, mentions, removals


def calendar(line: Line) -> clocks.Calendar:
    """The organisation's work days."""
    return clocks.Calendar(zone=line.config.timezone, holidays=frozenset(line.config.holidays))


def reminders(line: Line, tx: Transaction, incident: Incident) -> list[datetime]:
    """When people are reminded of an incident's deadlines, past ones too; none of what is gone."""
    if incident.state is State.RESOLVED or incident.drill:
        return []
    up = clocks.correction_due_at(incident) is not None and removals.up(tx, incident.id) > 0
    return clocks.reminders(incident, calendar(line), up=up, awaited=removals.awaited(tx, incident.id))


def begun(line: Line, tx: Transaction, incident: Incident, joined: Sequence[int], now: datetime) -> Incident:
    """An incident with the clocks that those of its mentions start which `joined`, to be looked at when they remind."""
    if not joined or not clocks.starts(incident):
        return incident
    due = clocks.report_due_at(incident, mentions.by_id(tx, joined), calendar(line), now)
    return looked_at(line, tx, replace(incident, report_due_at=due), now)


def looked_at(line: Line, tx: Transaction, incident: Incident, now: datetime) -> Incident:
    """An incident that is looked at no later than its next reminder."""
    left = [moment for moment in reminders(line, tx, incident) if moment > now]
    looks = [incident.next_step_at, *left[:1]]
    return replace(incident, next_step_at=min((look for look in looks if look is not None), default=None))


def moved(line: Line, tx: Transaction, key: int) -> None:
    """What is asked of a platform has changed: the incident's next look may come earlier."""
    incident = incidents.one(tx, key)
    if incident is not None and incident.state is not State.RESOLVED:
        incidents.save(tx, looked_at(line, tx, incident, line.now()))
