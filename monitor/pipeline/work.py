"""Work: what people do with incidents, and what the others are told about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches

from monitor import rules
from monitor.model import Incident, Outcome, Reason, State
from monitor.pipeline import deadlines, notices
from monitor.pipeline.line import Line
from monitor.rules import Told
from monitor.store import Transaction, incidents, log, outbox


class NotPossible(Exception):
    """What was asked cannot be done; the sentence says why and what can."""


def ack(line: Line, key: int, *, by: str, note: str = "") -> Incident:
    """Takes an incident on: its chain stops. Acknowledging twice changes nothing. Raises NotPossible."""
    now = line.now()
    with line.database.write() as tx:
        incident = _unresolved(tx, key)
        if incident.state is State.ACKED:
            return incident
        taken = replace(incident, state=State.ACKED, acked_at=now, assignee=incident.assignee or by or None)
        rule = line.rules.get(incident.rule)
        taken = replace(taken, next_step_at=now + rule.ack_lasts if rule and rule.ack_lasts else None)
        incidents.save(tx, deadlines.looked_at(line, tx, taken, now))
        log.add(tx, now, "acked", f"incident:{key}", {"note": note}, actor=by or "somebody")
        return taken


def note(line: Line, key: int, words: str, *, by: str = "") -> Incident:
    """Adds a note to the timeline of an incident, a resolved one too. Raises NotPossible."""
    with line.database.write() as tx:
        incident = incidents.one(tx, key)
        if incident is None:
            raise NotPossible(f"there is no incident {key}; `wellheard incidents --state all` lists them")
        log.add(tx, line.now(), "noted", f"incident:{key}", {"note": words}, actor=by or "somebody")
        return incident


def assign(line: Line, key: int, name: str, *, by: str = "") -> Incident:
    """Makes an incident somebody's. Raises NotPossible."""
    with line.database.write() as tx:
        theirs = replace(_unresolved(tx, key), assignee=name)
        incidents.save(tx, theirs)
        log.add(tx, line.now(), "assigned", f"incident:{key}", {"to": name}, actor=by or "somebody")
        return theirs


def resolve(line: Line, key: int, outcome: Outcome, *, by: str = "", note: str = "") -> Incident:
    """Ends an incident and tells those who were told that it began. Raises NotPossible."""
    now = line.now()
    with line.database.write() as tx:
        incident = _unresolved(tx, key)
        ended = replace(rules.resolved(incident, now), outcome=outcome, step=incident.step + 1)
        incidents.save(tx, ended)
        log.add(
            tx, now, "resolved", f"incident:{key}", {"outcome": outcome.value, "note": note}, actor=by or "somebody"
        )
        if ended.told_at is not None:
            notices.incident(line, tx, ended, Told(Reason.RESOLVED, ended.inboxes), now)
        return ended


def silence(line: Line, rule: str, group: str | None, *, until: datetime, why: str, by: str = "") -> int:
    """Keeps a rule quiet for a while. Raises NotPossible for a rule that does not exist or may never be silenced."""
    known = line.rules.get(rule)
    if known is None:
        close = get_close_matches(rule, line.rules, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(line.rules))}"
        raise NotPossible(f"there is no rule {rule!r}; {remedy}")
    if known.unsilenceable:
        raise NotPossible(f"{rule} may not be silenced: it is about people in danger")
    now = line.now()
    with line.database.write() as tx:
        key = incidents.silence(tx, rule, group, now=now, until=until, why=why)
        detail = {"silence": key, "group": group, "until": until.isoformat(), "why": why}
        log.add(tx, now, "silenced", f"rule:{rule}", detail, actor=by or "somebody")
        return key


def unsilence(line: Line, key: int, *, by: str = "") -> None:
    """Ends a silence early. Raises NotPossible."""
    now = line.now()
    with line.database.write() as tx:
        incidents.one_judge(tx)
        if not incidents.unsilence(tx, key, now):
            raise NotPossible(f"there is no silence {key}; `wellheard silences` lists them")
        log.add(tx, now, "unsilenced", f"silence:{key}", {}, actor=by or "somebody")


def replay(line: Line, key: str, *, by: str = "") -> None:
    """Sends a notification again under its own id. Raises NotPossible."""
    now = line.now()
    with line.database.write() as tx:
        if not outbox.replay(tx, key, now):
            raise NotPossible(f"there is no notification {key}; `wellheard deliveries` lists them")
        log.add(tx, now, "replayed", f"notification:{key}", {}, actor=by or "somebody")


def _unresolved(tx: Transaction, key: int) -> Incident:
    incidents.one_judge(tx)  # or, on PostgreSQL, the judge would write over what people do what it read before
    incident = incidents.one(tx, key)
    if incident is None:
        raise NotPossible(f"there is no incident {key}; `wellheard incidents` lists them")
    if incident.state is State.RESOLVED:
        raise NotPossible(f"incident {key} was resolved already; a relapse is a new incident")
    return incident
