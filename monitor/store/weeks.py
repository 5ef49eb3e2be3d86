"""Weeks in sums that the database makes: what a digest asks of more mentions than it could read one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, case, exists, func, or_, select, type_coerce

from monitor.digest import UNKNOWN, WORDLESS, Alike, Reply
from monitor.model import CLEAR, DRILL, HIGH, LOW, NEUTRAL, PEER, Kind
from monitor.restraint import CEILING
from monitor.schema import log, mentions

_LABELS = type_coerce(mentions.c.labels, Text).label("labels")
_THEMES = type_coerce(mentions.c.themes, Text).label("themes")
_MOOD = case(
    (mentions.c.sentiment.is_(None), "unread"),
    (mentions.c.sentiment >= NEUTRAL, "positive"),
    (mentions.c.sentiment <= -NEUTRAL, "negative"),
    else_="neutral",
).label("mood")
_AT_ODDS = case(
    (and_(mentions.c.stars >= HIGH, mentions.c.sentiment <= -CLEAR), True),
    (and_(mentions.c.stars <= LOW, mentions.c.sentiment >= CLEAR), True),
    else_=False,
).label("at_odds")
_OTHERS = and_(~mentions.c.ours, ~mentions.c.history)


def _seen(since: datetime, until: datetime) -> ColumnElement[bool]:
    period = and_(mentions.c.first_seen_at >= since, mentions.c.first_seen_at < until)
    return and_(period, mentions.c.platform != DRILL)


def _added_up(columns: Sequence[Any], which: ColumnElement[bool]) -> Select[Any]:
    """How many mentions have the same in all `columns`. The inner query is there since PostgreSQL takes an expression with
    parameters in SELECT and the same in GROUP BY for two."""
    inner = select(*columns).where(which).subquery()
    return select(*inner.c, func.count().label("many")).group_by(*inner.c)


def alike(tx: Connection, since: datetime, until: datetime) -> Iterator[Alike]:
    """What others said of us between `since` and `until`, added up where it is alike."""
    review = (mentions.c.kind == Kind.REVIEW.value).label("review")
    grouped = (_LABELS, _THEMES, _MOOD, mentions.c.stars, review)
    for row in tx.execute(_added_up(grouped, and_(_seen(since, until), _OTHERS))):
        if not _peer(row.labels):
            yield Alike(_location(row.labels), _themes(row.themes), row.mood, row.stars, bool(row.review), row.many)


def calm(tx: Connection, since: datetime, until: datetime) -> Iterator[Alike]:
    """All that was seen between `since` and `until` and shows no risk, ours, history and what is about competitors too,
    added up where it is alike."""
    one = mentions.c
    blank = " \t\r\n"
    wordless = and_(func.trim(one.text, blank) == "", func.trim(one.title, blank) == "", one.gone_at.is_(None))
    why = case(
        (one.sentiment.is_not(None), ""),
        (func.coalesce(one.lang, "") != "", one.lang),
        (wordless, WORDLESS),
        else_=UNKNOWN,
    )
    grouped = [
        _LABELS,
        _THEMES,
        _MOOD,
        one.stars,
        one.kind,
        one.source,
        one.ours,
        one.history,
        why.label("why"),
        _AT_ODDS,
    ]
    query = _added_up(grouped, and_(_seen(since, until), one.risk_score <= 0))
    with tx.execute(query.execution_options(yield_per=1000)) as rows:
        for labels, themes, mood, stars, kind, source, ours, history, reason, at_odds, many in rows:
            yield Alike(
                _location(labels), _themes(themes), mood, stars, kind == Kind.REVIEW, many, source, bool(ours),
                kind == Kind.COMMENT, bool(history), reason, bool(at_odds), _peer(labels),
            )  # fmt: skip


def replies(tx: Connection, since: datetime, until: datetime) -> list[Reply]:
    """Our replies first seen between `since` and `until`, with when what they answer was published."""
    asked = mentions.alias("asked")
    answers = and_(asked.c.platform == mentions.c.platform, asked.c.external_id == mentions.c.parent_id)
    query = (
        select(mentions.c.published_at, asked.c.published_at.label("asked_at"))
        .select_from(mentions.outerjoin(asked, answers))
        .where(_seen(since, until), mentions.c.ours, ~mentions.c.history, mentions.c.kind == Kind.COMMENT.value)
    )
    return [Reply(row.published_at, row.asked_at) for row in tx.execute(query)]


def unanswered(tx: Connection, since: datetime, until: datetime) -> list[tuple[str, int]]:
    """How many reviews of us first seen between `since` and `until` nobody of ours had answered by then, by location. What
    was gone by then is left out: it cannot be answered."""
    there = or_(mentions.c.gone_at.is_(None), mentions.c.gone_at >= until)
    return _reviews(tx, since, until, and_(there, ~_answered(until)))


def answered(tx: Connection, since: datetime, until: datetime) -> list[tuple[str, int]]:
    """How many reviews of us first seen between `since` and `until` were answered by then, by location."""
    return _reviews(tx, since, until, _answered(until))


def withheld(tx: Connection, since: datetime, until: datetime) -> list[tuple[str, int]]:
    """How many messages the ceiling of a recipient held back between `since` and `until`, by inbox: as the log has it."""
    there = and_(log.c.at >= since, log.c.at < until, log.c.action == "withheld")
    details = tx.execute(select(log.c.detail).where(there)).scalars()
    return [(str(one["inbox"]), int(one["messages"])) for one in details if one.get("why") == CEILING]


def _answered(until: datetime) -> ColumnElement[bool]:
    reply = mentions.alias("reply")
    return exists().where(
        reply.c.platform == mentions.c.platform,
        reply.c.parent_id == mentions.c.external_id,
        reply.c.ours,
        reply.c.first_seen_at < until,
    )


def _reviews(tx: Connection, since: datetime, until: datetime, which: ColumnElement[bool]) -> list[tuple[str, int]]:
    query: Any = (
        select(_LABELS, func.count().label("many"))
        .where(_seen(since, until), _OTHERS, mentions.c.kind == Kind.REVIEW.value, which)
        .group_by(_LABELS)
    )
    return [(_location(row.labels), row.many) for row in tx.execute(query) if not _peer(row.labels)]


@lru_cache(maxsize=4096)
def _location(labels: str) -> str:
    return str(json.loads(labels).get("location") or "")


@lru_cache(maxsize=4096)
def _peer(labels: str) -> str:
    return str(json.loads(labels).get(PEER) or "")


@lru_cache(maxsize=4096)
def _themes(themes: str) -> tuple[str, ...]:
    return tuple(json.loads(themes))
