"""Weeks in sums that the database makes: what a digest asks of more mentions than it could read one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, case, exists, func, or_, select, type_coerce

from monitor.digest import NEGATIVE, POSITIVE, UNKNOWN, WORDLESS, Alike, Reply
from monitor.model import Kind
from monitor.schema import mentions

_LABELS = type_coerce(mentions.c.labels, Text).label("labels")
_THEMES = type_coerce(mentions.c.themes, Text).label("themes")
_MOOD = case(
    (mentions.c.sentiment.is_(None), "unread"),
    (mentions.c.sentiment >= POSITIVE, "positive"),
    (mentions.c.sentiment <= NEGATIVE, "negative"),
    else_="neutral",
).label("mood")
_OTHERS = and_(~mentions.c.ours, ~mentions.c.history)


def _seen(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(mentions.c.first_seen_at >= since, mentions.c.first_seen_at < until)


def _added_up(columns: Sequence[Any], which: ColumnElement[bool]) -> Select[Any]:
    """How many mentions have the same in all `columns`. The inner query is there since PostgreSQL takes an expression with
    parameters in SELECT and the same in GROUP BY for two."""
    inner = select(*columns).where(which).subquery()
    return select(*inner.c, func.count().label("many")).group_by(*inner.c)


def alike(tx: Connection, since: datetime, until: datetime) -> Iterator[Alike]:
    """What others said between `since` and `until`, added up where it is alike."""
    review = (mentions.c.kind == Kind.REVIEW.value).label("review")
    grouped = (_LABELS, _THEMES, _MOOD, mentions.c.stars, review)
    for row in tx.execute(_added_up(grouped, and_(_seen(since, until), _OTHERS))):
        yield Alike(_location(row.labels), _themes(row.themes), row.mood, row.stars, bool(row.review), row.many)


def calm(tx: Connection, since: datetime, until: datetime) -> Iterator[Alike]:
    """All that was seen between `since` and `until` and shows no risk, ours and history too, added up where it is alike."""
    one = mentions.c
    blank = " \t\r\n"
    wordless = and_(func.trim(one.text, blank) == "", func.trim(one.title, blank) == "", one.gone_at.is_(None))
    why = case(
        (one.sentiment.is_not(None), ""),
        (func.coalesce(one.lang, "") != "", one.lang),
        (wordless, WORDLESS),
        else_=UNKNOWN,
    )
    grouped = [_LABELS, _THEMES, _MOOD, one.stars, one.kind, one.source, one.ours, one.history, why.label("why")]
    query = _added_up(grouped, and_(_seen(since, until), one.risk_score <= 0))
    with tx.execute(query.execution_options(yield_per=1000)) as rows:
        for labels, themes, mood, stars, kind, source, ours, history, reason, many in rows:
            yield Alike(
                _location(labels), _themes(themes), mood, stars, kind == Kind.REVIEW, many, source, bool(ours),
                kind == Kind.COMMENT, bool(history), reason,
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
    """How many reviews first seen between `since` and `until` nobody of ours had answered by then, by location. What was
    gone by then is left out: it cannot be answered."""
    reply = mentions.alias("reply")
    answered = exists().where(
        reply.c.platform == mentions.c.platform,
        reply.c.parent_id == mentions.c.external_id,
        reply.c.ours,
        reply.c.first_seen_at < until,
    )
    there = or_(mentions.c.gone_at.is_(None), mentions.c.gone_at >= until)
    query: Any = (
        select(_LABELS, func.count().label("many"))
        .where(_seen(since, until), _OTHERS, mentions.c.kind == Kind.REVIEW.value, there, ~answered)
        .group_by(_LABELS)
    )
    return [(_location(row.labels), row.many) for row in tx.execute(query)]


@lru_cache(maxsize=4096)
def _location(labels: str) -> str:
    return str(json.loads(labels).get("location") or "")


@lru_cache(maxsize=4096)
def _themes(themes: str) -> tuple[str, ...]:
    return tuple(json.loads(themes))
