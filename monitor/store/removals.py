"""Removals: what platforms were asked to take down, and whether it is gone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.model import Answer, Removal
from monitor.schema import matches, mentions, removals

NOT_REFUSED = or_(removals.c.answer.is_(None), removals.c.answer == Answer.GRANTED.value)
"""Whether a removal is still to be expected."""
AWAITED = exists().where(removals.c.mention_id == mentions.c.id, NOT_REFUSED)
"""Whether a mention's platform was asked to take it down and has not refused."""

_WHOLE = select(
    removals, mentions.c.gone_at, func.coalesce(mentions.c.checked_at, mentions.c.first_seen_at).label("seen_at")
).join(mentions, mentions.c.id == removals.c.mention_id)


def ask(tx: Connection, mention_id: int, *, now: datetime, by: str, ground: str) -> None:
    """Its platform was asked to take a mention down; asking again begins anew."""
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    asked = {"asked_at": now, "asked_by": by, "ground": ground}
    unanswered = {"answer": None, "answered_at": None, "answered_by": None}
    statement = dialect.insert(removals).values(mention_id=mention_id, **asked, **unanswered)
    tx.execute(statement.on_conflict_do_update(index_elements=["mention_id"], set_=asked | unanswered))


def answer(tx: Connection, mention_id: int, what: Answer, *, now: datetime, by: str) -> bool:
    """What came of it; False where its platform was not asked."""
    said = {"answer": what.value, "answered_at": now, "answered_by": by}
    return tx.execute(update(removals).where(removals.c.mention_id == mention_id).values(said)).rowcount == 1


def of(tx: Connection, mention_ids: Collection[int]) -> dict[int, Removal]:
    """The removals of these mentions, by mention."""
    found: dict[int, Removal] = {}
    ids = sorted(mention_ids)
    for start in range(0, len(ids), 500):
        rows = tx.execute(_WHOLE.where(removals.c.mention_id.in_(ids[start : start + 500])))
        found.update({row.mention_id: _removal(row) for row in rows})
    return found


def every(tx: Connection, *, ended: bool = False) -> list[Removal]:
    """What is to go and is not gone yet, asked for longest ago first; `ended` lists all."""
    query = _WHOLE.order_by(removals.c.asked_at, removals.c.mention_id)
    return [
        _removal(row) for row in tx.execute(query if ended else query.where(NOT_REFUSED, mentions.c.gone_at.is_(None)))
    ]


def awaited(tx: Connection, incident_id: int) -> list[Removal]:
    """What of an incident is to go and is not gone yet, asked for longest ago first."""
    query = _WHOLE.join(matches, matches.c.mention_id == removals.c.mention_id)
    query = query.where(matches.c.incident_id == incident_id, NOT_REFUSED, mentions.c.gone_at.is_(None))
    return [_removal(row) for row in tx.execute(query.order_by(removals.c.asked_at, removals.c.mention_id))]


def asked_of(tx: Connection, platform: str, external_ids: Collection[str]) -> list[tuple[int, int | None]]:
    """Those among these that were to go and are still there: pairs of our id and the incident's, None where it is in none."""
    found: list[tuple[int, int | None]] = []
    ids = sorted(external_ids)
    for start in range(0, len(ids), 500):
        query = (
            select(mentions.c.id, matches.c.incident_id)
            .join(matches, (matches.c.mention_id == mentions.c.id) & matches.c.incident_id.is_not(None), isouter=True)
            .where(mentions.c.platform == platform, mentions.c.external_id.in_(ids[start : start + 500]))
            .where(mentions.c.gone_at.is_(None), AWAITED)
        )
        found += [(row.id, row.incident_id) for row in tx.execute(query)]
    return found


def up(tx: Connection, incident_id: int) -> int:
    """How many mentions of an incident that are ours are still on their platforms, as far as is known."""
    query = select(func.count()).select_from(matches).join(mentions, mentions.c.id == matches.c.mention_id)
    ours = matches.c.incident_id == incident_id, mentions.c.ours, mentions.c.gone_at.is_(None)
    return int(tx.execute(query.where(*ours)).scalar_one())


def _removal(row: Row[Any]) -> Removal:
    return Removal(
        mention_id=row.mention_id,
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        ground=row.ground,
        answer=Answer(row.answer) if row.answer else None,
        answered_at=row.answered_at,
        answered_by=row.answered_by,
        gone_at=row.gone_at,
        seen_at=row.seen_at,
    )
