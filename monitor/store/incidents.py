"""Incidents, the matches they are made of, and silences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, case, delete, func, insert, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.model import Incident, Level, Outcome, State, Step
from monitor.schema import incidents, matches, silences

# Not bound: SQLite takes the partial index only for the very condition it was made with.
_UNRESOLVED = incidents.c.state != literal_column("'resolved'")
_JUDGE = 0x6A756467
"""The advisory lock under which PostgreSQL workers judge one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A mention that satisfies the conditions of a rule, in one group, with the weight of what it shows and the step of
    reach that it has come to."""

    rule: str
    group: str
    mention_id: int
    at: datetime
    impact: int
    likelihood: float
    reach: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Quiet for a rule (and a group, or all of them) until a time, with a reason."""

    id: int
    rule: str
    group: str | None
    until: datetime
    why: str


def one_judge(tx: Connection) -> None:
    """Lets only one worker judge at a time; on SQLite there is only one writer anyway."""
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(_JUDGE)))


def match(tx: Connection, found: Sequence[Match]) -> None:
    """Stores matches; the same rule and mention match once, however often the mention is edited. One that has become
    heavier, or reached more people, is raised; none is ever lowered."""
    if not found:
        return
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(matches)
    new = statement.excluded
    heavier = new.impact * new.likelihood > matches.c.impact * matches.c.likelihood
    further = case((new.reach > matches.c.reach, new.reach), else_=matches.c.reach)
    statement = statement.on_conflict_do_update(
        index_elements=["rule", "mention_id"],
        set_={
            "impact": case((heavier, new.impact), else_=matches.c.impact),
            "likelihood": case((heavier, new.likelihood), else_=matches.c.likelihood),
            "reach": further,
        },
        where=or_(heavier, new.reach > matches.c.reach),
    )
    rows = [
        {
            "rule": one.rule,
            "group_name": one.group,
            "mention_id": one.mention_id,
            "at": one.at,
            "impact": one.impact,
            "likelihood": one.likelihood,
            "reach": one.reach,
        }
        for one in found
    ]
    tx.execute(statement, rows)


def loose(tx: Connection, rule: str, group: str, since: datetime | None, *, heavy: bool = False) -> list[Match]:
    """Matches of a rule and group that belong to no incident yet, in the order they were seen; `heavy`: only those that
    weigh anything."""
    query = select(matches).where(
        matches.c.rule == rule, matches.c.group_name == group, matches.c.incident_id.is_(None)
    )
    if since is not None:
        query = query.where(matches.c.at >= since)
    if heavy:
        query = query.where(matches.c.likelihood > 0)
    return [_match(row) for row in tx.execute(query.order_by(matches.c.at, matches.c.mention_id))]


def joined(tx: Connection, incident_id: int, rule: str, mention_ids: Iterable[int]) -> list[Match]:
    """The matches of these mentions that belong to an incident of `rule` already."""
    query = select(matches).where(matches.c.rule == rule, matches.c.mention_id.in_(sorted(mention_ids)))
    return [_match(row) for row in tx.execute(query.where(matches.c.incident_id == incident_id))]


def _match(row: Row[Any]) -> Match:
    return Match(
        rule=row.rule,
        group=row.group_name,
        mention_id=row.mention_id,
        at=row.at,
        impact=row.impact,
        likelihood=row.likelihood,
        reach=row.reach,
    )


def attach(tx: Connection, incident_id: int, rule: str, mention_ids: Sequence[int]) -> None:
    """Makes matches part of an incident."""
    for start in range(0, len(mention_ids), 500):
        some = mention_ids[start : start + 500]
        tx.execute(
            update(matches)
            .where(matches.c.rule == rule, matches.c.mention_id.in_(some))
            .values(incident_id=incident_id)
        )


def over(tx: Connection, mention_ids: Iterable[int]) -> list[tuple[int, Incident]]:
    """Those of these mentions that are part of resolved incidents: the mention and the incident."""
    found: list[tuple[int, Incident]] = []
    ids = sorted(mention_ids)
    for start in range(0, len(ids), 500):
        query = select(matches.c.mention_id, incidents).join(incidents, incidents.c.id == matches.c.incident_id)
        query = query.where(
            matches.c.mention_id.in_(ids[start : start + 500]), incidents.c.state == State.RESOLVED.value
        )
        found += [(row.mention_id, incident(row)) for row in tx.execute(query)]
    return found


def release(tx: Connection, rule: str, mention_id: int) -> None:
    """Makes a match part of no incident."""
    this = matches.c.rule == rule, matches.c.mention_id == mention_id
    tx.execute(update(matches).where(*this).values(incident_id=None))


def mention_ids(tx: Connection, incident_id: int, *, limit: int | None = None) -> list[int]:
    """The mentions of an incident, the weightiest first, then the newest."""
    weight = matches.c.impact * matches.c.likelihood
    query = select(matches.c.mention_id).where(matches.c.incident_id == incident_id)
    query = query.order_by(weight.desc(), matches.c.at.desc(), matches.c.mention_id.desc())
    return list(tx.execute(query if limit is None else query.limit(limit)).scalars())


def rules_of(tx: Connection, mention_id: int) -> list[tuple[str, str, int | None]]:
    """The rules that a mention matched: name, group, and the incident it went into."""
    query = select(matches.c.rule, matches.c.group_name, matches.c.incident_id)
    return [tuple(row) for row in tx.execute(query.where(matches.c.mention_id == mention_id).order_by(matches.c.rule))]


def matching(tx: Connection, rule: str, mention_ids: Sequence[int]) -> set[int]:
    """Those of these mentions that matched a rule."""
    found: set[int] = set()
    for start in range(0, len(mention_ids), 500):
        some = matches.c.rule == rule, matches.c.mention_id.in_(mention_ids[start : start + 500])
        found.update(tx.execute(select(matches.c.mention_id).where(*some)).scalars())
    return found


def muted(tx: Connection, incident_id: int, rules: Iterable[str]) -> int:
    """How many mentions of an incident matched one of `rules` and are part of no other incident by it."""
    other = matches.alias()
    query = select(func.count(func.distinct(other.c.mention_id))).select_from(matches)
    query = query.join(other, other.c.mention_id == matches.c.mention_id).where(matches.c.incident_id == incident_id)
    alone = other.c.rule.in_(sorted(rules)), other.c.incident_id.is_(None)
    return int(tx.execute(query.where(*alone)).scalar_one())


def unresolved(tx: Connection, rule: str, group: str) -> Incident | None:
    """The one incident of a rule and group that is not resolved."""
    query = select(incidents).where(incidents.c.rule == rule, incidents.c.group_name == group, _UNRESOLVED)
    row = tx.execute(query).first()
    return incident(row) if row else None


def of_rules(tx: Connection, rules: Iterable[str]) -> list[Incident]:
    """The incidents of these rules that are not resolved."""
    query = select(incidents).where(incidents.c.rule.in_(sorted(rules)), _UNRESOLVED)
    return [incident(row) for row in tx.execute(query)]


def due(tx: Connection, now: datetime, limit: int) -> list[Incident]:
    """Incidents whose next step has come, the longest due first."""
    query = select(incidents).where(incidents.c.next_step_at <= now).order_by(incidents.c.next_step_at).limit(limit)
    return [incident(row) for row in tx.execute(query)]


def overdue(tx: Connection, before: datetime) -> int:
    """How many incidents' next steps have been due since before `before`."""
    query = select(func.count()).select_from(incidents).where(incidents.c.next_step_at < before)
    return int(tx.execute(query).scalar_one())


def save(tx: Connection, changed: Incident) -> Incident:
    """Stores an incident; one with id 0 is new and comes back with its id."""
    values = _values(changed)
    if changed.id:
        tx.execute(update(incidents).where(incidents.c.id == changed.id).values(values))
        return changed
    key = tx.execute(insert(incidents).values(values).returning(incidents.c.id)).scalar_one()
    return one(tx, key) or changed


def one(tx: Connection, key: int) -> Incident | None:
    """The incident of that id."""
    row = tx.execute(select(incidents).where(incidents.c.id == key)).first()
    return incident(row) if row else None


def ended(tx: Connection, rule: str, group: str, since: datetime) -> bool:
    """Whether an incident of a rule and group was resolved since then."""
    query = select(incidents.c.id).where(
        incidents.c.rule == rule, incidents.c.group_name == group, incidents.c.resolved_at >= since
    )
    return tx.execute(query.limit(1)).first() is not None


def last_opened(tx: Connection, rule: str, group: str, since: datetime) -> datetime | None:
    """When the newest incident of a rule and group was opened, None where that was not since then."""
    query = select(func.max(incidents.c.opened_at)).where(incidents.c.opened_at >= since)
    return tx.execute(query.where(incidents.c.rule == rule, incidents.c.group_name == group)).scalar()


def spans(
    tx: Connection, rule: str, groups: Iterable[str], since: datetime
) -> list[tuple[str, datetime, datetime | None]]:
    """The group, opening and end of each incident of a rule that was opened since then; one that goes on has no end."""
    query = select(incidents.c.group_name, incidents.c.opened_at, incidents.c.resolved_at)
    query = query.where(incidents.c.opened_at >= since, incidents.c.rule == rule)
    found = tx.execute(query.where(incidents.c.group_name.in_(sorted(groups))))
    return [(row.group_name, row.opened_at, row.resolved_at) for row in found]


def some(tx: Connection, keys: Sequence[int]) -> list[Incident]:
    """The incidents of these ids."""
    found: list[Incident] = []
    for start in range(0, len(keys), 500):
        query = select(incidents).where(incidents.c.id.in_(keys[start : start + 500]))
        found += [incident(row) for row in tx.execute(query)]
    return found


def listed(tx: Connection, states: Iterable[State] | None, *, since: datetime | None = None) -> list[Incident]:
    """Incidents in any of `states` (None: all), newest first."""
    query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
    if states is not None:
        query = query.where(incidents.c.state.in_([state.value for state in states]))
    if since is not None:
        query = query.where(or_(incidents.c.opened_at >= since, incidents.c.resolved_at >= since))
    return [incident(row) for row in tx.execute(query)]


def silence(tx: Connection, rule: str, group: str | None, *, now: datetime, until: datetime, why: str) -> int:
    """Adds a silence and returns its id."""
    values = {"rule": rule, "group_name": group, "created_at": now, "until": until, "why": why}
    return int(tx.execute(insert(silences).values(values).returning(silences.c.id)).scalar_one())


def silenced(tx: Connection, now: datetime) -> list[Silence]:
    """The silences in force, the first to end first."""
    query = select(silences).where(silences.c.until > now).order_by(silences.c.until)
    return [
        Silence(id=row.id, rule=row.rule, group=row.group_name, until=row.until, why=row.why)
        for row in tx.execute(query)
    ]


def unsilence(tx: Connection, key: int, now: datetime) -> bool:
    """Ends a silence: incidents that waited for its end are due now. False where there is none of that id."""
    ended = tx.execute(delete(silences).where(silences.c.id == key).returning(silences)).first()
    if ended is not None:
        waiting = incidents.c.rule == ended.rule, incidents.c.next_step_at == ended.until, _UNRESOLVED
        tx.execute(update(incidents).where(*waiting).values(next_step_at=now))
    return ended is not None


def incident(row: Row[Any]) -> Incident:
    """The incident of a full row."""
    return Incident(
        id=row.id,
        rule=row.rule,
        group=row.group_name,
        risk=row.risk,
        level=Level(row.level),
        impact=row.impact,
        likelihood=row.likelihood,
        state=State(row.state),
        opened_at=row.opened_at,
        inboxes=tuple(row.inboxes),
        chain=tuple(Step(after=timedelta(seconds=after), inbox=inbox) for after, inbox in row.chain),
        chain_step=row.chain_step,
        step=row.step,
        next_step_at=row.next_step_at,
        ack_due_at=row.ack_due_at,
        acked_at=row.acked_at,
        resolved_at=row.resolved_at,
        outcome=Outcome(row.outcome) if row.outcome else None,
        assignee=row.assignee,
        mentions=row.mentions,
        told_mentions=row.told_mentions,
        told_at=row.told_at,
        note=row.note,
        drill=row.drill,
        calm_since=row.calm_since,
        report_due_at=row.report_due_at,
        reminded_at=row.reminded_at,
        reach=row.reach,
    )


def _values(one: Incident) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "group_name": one.group,
        "risk": one.risk,
        "level": one.level.value,
        "impact": one.impact,
        "likelihood": one.likelihood,
        "state": one.state.value,
        "opened_at": one.opened_at,
        "inboxes": one.inboxes,
        "chain": [(step.after.total_seconds(), step.inbox) for step in one.chain],
        "chain_step": one.chain_step,
        "step": one.step,
        "next_step_at": one.next_step_at,
        "ack_due_at": one.ack_due_at,
        "acked_at": one.acked_at,
        "resolved_at": one.resolved_at,
        "outcome": one.outcome.value if one.outcome else None,
        "assignee": one.assignee,
        "mentions": one.mentions,
        "told_mentions": one.told_mentions,
        "told_at": one.told_at,
        "note": one.note,
        "drill": one.drill,
        "calm_since": one.calm_since,
        "report_due_at": one.report_due_at,
        "reminded_at": one.reminded_at,
        "reach": one.reach,
    }
