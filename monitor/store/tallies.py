"""Tallies: how many mentions a rule of a group counted in each hour, by group and source, and how far it has counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.schema import counted, matches, tallies


class Counted(NamedTuple):
    """What is counted together: mentions for `rule` (its conditions' name), in a group, a whole hour (UTC) and a source."""

    rule: str
    group: str
    hour: datetime
    source: str


class Amount(NamedTuple):
    """How many mentions, and how much of them speaks against the group."""

    mentions: int = 0
    bad: float = 0.0


class Progress(NamedTuple):
    """When a rule's count was begun, and how far it has come: mentions up to `goal` are counted from the store, up to
    `upto` they are, and those after `goal` as they are judged."""

    since: datetime
    upto: int
    goal: int


def progress(tx: Connection, rule: str) -> Progress | None:
    """How far the count of a rule has come; None where it was never begun."""
    row = tx.execute(select(counted).where(counted.c.rule == rule)).first()
    return Progress(row.since, row.upto, row.goal) if row else None


def done(at: Progress | None) -> bool:
    """Whether the past is counted."""
    return at is not None and at.upto >= at.goal


def begin(tx: Connection, rule: str, now: datetime, *, upto: int, goal: int) -> Progress:
    """Begins the count of a rule anew, after the mention `upto`."""
    tx.execute(delete(tallies).where(tallies.c.rule == rule))
    tx.execute(insert(counted).values(rule=rule, since=now, upto=upto, goal=goal))
    return Progress(now, upto, goal)


def move(tx: Connection, rule: str, upto: int) -> None:
    """The past is counted so far."""
    tx.execute(update(counted).where(counted.c.rule == rule).values(upto=upto))


def uncounted(tx: Connection, rule: str, ids: Iterable[int]) -> set[int]:
    """Those of these mentions that `rule` has not matched yet: an edit is not a second mention."""
    wanted = set(ids)
    query = select(matches.c.mention_id).where(matches.c.rule == rule, matches.c.mention_id.in_(sorted(wanted)))
    return wanted - set(tx.execute(query).scalars())


def add(tx: Connection, amounts: Mapping[Counted, Amount]) -> None:
    """Adds mentions to the hours they fall in."""
    if not amounts:
        return
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(tallies)
    more = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["rule", "group_name", "hour", "source"],
        set_={"mentions": tallies.c.mentions + more.mentions, "bad": tallies.c.bad + more.bad},
    )
    rows = [
        {"rule": key.rule, "group_name": key.group, "hour": key.hour, "source": key.source, **amount._asdict()}
        for key, amount in sorted(amounts.items())
    ]
    tx.execute(statement, rows)


def correct(tx: Connection, amounts: Mapping[Counted, Amount]) -> None:
    """Changes what was counted by these amounts; of an hour that is no longer kept nothing."""
    for key, amount in sorted(amounts.items()):
        this = tallies.c.rule == key.rule, tallies.c.group_name == key.group
        that = tallies.c.hour == key.hour, tallies.c.source == key.source
        less = {"mentions": tallies.c.mentions + amount.mentions, "bad": tallies.c.bad + amount.bad}
        tx.execute(update(tallies).where(*this, *that).values(less))


def hours(tx: Connection, rule: str, group: str, since: datetime) -> list[tuple[datetime, str, int]]:
    """What was counted of a group since then: hour, source, mentions, in the order of time."""
    query = (
        select(tallies.c.hour, tallies.c.source, tallies.c.mentions)
        .where(tallies.c.rule == rule, tallies.c.group_name == group, tallies.c.hour >= since)
        .order_by(tallies.c.hour)
    )
    return [(row.hour, row.source, row.mentions) for row in tx.execute(query)]


def by_source(
    tx: Connection, rule: str, group: str, since: datetime, *, until: datetime | None = None
) -> dict[str, Amount]:
    """What was counted of a group since then, and before `until`, by source."""
    query = (
        select(tallies.c.source, func.sum(tallies.c.mentions), func.sum(tallies.c.bad))
        .where(tallies.c.rule == rule, tallies.c.group_name == group, tallies.c.hour >= since)
        .group_by(tallies.c.source)
    )
    if until is not None:
        query = query.where(tallies.c.hour < until)
    return {source: Amount(int(number), float(bad)) for source, number, bad in tx.execute(query)}


def first(tx: Connection, rule: str, group: str) -> datetime | None:
    """The first hour in which anything was counted of a group."""
    query = select(func.min(tallies.c.hour)).where(tallies.c.rule == rule, tallies.c.group_name == group)
    return tx.execute(query).scalar()


def purge(tx: Connection, needed: Mapping[str, datetime]) -> int:
    """Forgets what was counted before the time since which each of these rules needs it, and all that was counted for
    others: a rule that comes back begins anew. Returns how many rows went."""
    nobodys = tallies.c.rule.not_in(sorted(needed))
    past = [and_(tallies.c.rule == rule, tallies.c.hour < since) for rule, since in sorted(needed.items())]
    tx.execute(delete(counted).where(counted.c.rule.not_in(sorted(needed))))
    return tx.execute(delete(tallies).where(or_(nobodys, *past))).rowcount
