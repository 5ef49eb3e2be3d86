"""Cause: what the store knows of what an incident of many mentions is made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from monitor import campaign, rules
from monitor.cause import LEAST, Alike, Cause, Wide, risen
from monitor.model import Incident, Stored
from monitor.pipeline.line import Line
from monitor.store import Transaction, incidents, mentions

_MEMBERS, _BEFORE = 500, 500
"""So many of its weightiest mentions speak for an incident, and so many before them for its group."""
_PAST, _AMONG = timedelta(days=28), 20_000
"""So far back it is looked, and among so many mentions of all sources: the judge waits for it."""
_GROUPS = 3


def cause(line: Line, tx: Transaction, about: Incident) -> Cause | None:
    """What an incident is made of; None for one of few mentions, which shows them all."""
    if about.mentions < LEAST:
        return None
    members = [
        one for one in mentions.by_id(tx, incidents.mention_ids(tx, about.id, limit=_MEMBERS)) if not one.gone_at
    ]
    if len(members) < LEAST:
        return None
    mute = rules.MUTED if about.risk == campaign.RISK and campaign.RISK in line.rules else ()
    return Cause(
        terms=tuple(risen([_said(one) for one in members], _past(tx, members))),
        alike=tuple(_alike(members)),
        widest=_widest(members),
        muted=incidents.muted(tx, about.id, mute) if mute else 0,
        read=_MEMBERS if about.mentions > _MEMBERS else 0,
    )


def _said(one: Stored) -> str:
    return f"{one.mention.title} {one.mention.text}"


def _past(tx: Transaction, members: Sequence[Stored]) -> list[str]:
    """What was said in the same sources and places before the first of these."""
    first = min(one.first_seen_at for one in members)
    names, places = sorted({one.source for one in members}), {one.labels.get("location") for one in members}
    before = mentions.lately(tx, names, first - _PAST, until=first, among=_AMONG, limit=_BEFORE)
    return [_said(one) for one in before if one.labels.get("location") in places]


def _alike(members: Sequence[Stored]) -> list[Alike]:
    groups = [[members[number] for number in group] for group in campaign.alike([_said(one) for one in members])]
    groups.sort(key=len, reverse=True)
    return [
        Alike(len(some), len(campaign.authors(some)), min(one.mention.published_at for one in some))
        for some in groups[:_GROUPS]
        if len(some) > 2
    ]


def _widest(members: Sequence[Stored]) -> Wide | None:
    def reach(one: Stored) -> tuple[int, int]:
        return one.mention.audience or 0, one.mention.engagement or 0

    most = max(members, key=reach)
    return Wide(most.id, most.mention.audience, most.mention.engagement) if any(reach(most)) else None
