"""Tallies: how many mentions a rule on a surge counted in each hour, by group and source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from monitor.schema import matches, tallies


class Counted(NamedTuple):
    """What is counted together: mentions for `rule` (its conditions' name), in a group, a whole hour (UTC) and a source."""

    rule: str
    group: str
    hour: datetime
    source: str


def uncounted(tx: Connection, rule: str, ids: Iterable[int]) -> set[int]:
    """Those of these mentions that `rule` has not matched yet: an edit is not a second mention."""
    wanted = set(ids)
    query = select(matches.c.mention_id).where(matches.c.rule == rule, matches.c.mention_id.in_(sorted(wanted)))
    return wanted - set(tx.execute(query).scalars())


def add(tx: Connection, counts: Mapping[Counted, int]) -> None:
    """Adds mentions to the hours they fall in."""
    if not counts:
        return
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(tallies)
    statement = statement.on_conflict_do_update(
        index_elements=["rule", "group_name", "hour", "source"],
        set_={"mentions": tallies.c.mentions + statement.excluded.mentions},
    )
    rows = [
        {"rule": one.rule, "group_name": one.group, "hour": one.hour, "source": one.source, "mentions": number}
        for one, number in counts.items()
    ]
    tx.execute(statement, rows)


def hours(tx: Connection, rule: str, group: str, since: datetime) -> list[tuple[datetime, str, int]]:
    """What was counted of a group since then: hour, source, mentions, in the order of time."""
    query = (
        select(tallies.c.hour, tallies.c.source, tallies.c.mentions)
        .where(tallies.c.rule == rule, tallies.c.group_name == group, tallies.c.hour >= since)
        .order_by(tallies.c.hour)
    )
    return [(row.hour, row.source, row.mentions) for row in tx.execute(query)]


def first(tx: Connection, rule: str, group: str) -> datetime | None:
    """The first hour in which anything was counted of a group."""
    query = select(func.min(tallies.c.hour)).where(tallies.c.rule == rule, tallies.c.group_name == group)
    return tx.execute(query).scalar()
