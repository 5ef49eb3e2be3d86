"""A week's numbers for a machine: the body of the webhook, with people's words only as far as an inbox may have them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.digest import Before, Blind, Clock, Digest, Part, Partly, Peers, Precision
from monitor.messages import mentions as telling
from monitor.messages.digest.rows import Row, row, rows
from monitor.messages.text import line
from monitor.messages.times import stamp
from monitor.model import Detail, Incident, Json

_LARGEST = 19_000
"""Bytes of a webhook's body: Standard Webhooks asks for less than 20 kB."""
_LISTS = (1000, 60, 40, 25, 15, 8, 4, 2)
"""How long the lists may be: the first of these with which the body is small enough."""


def body(
    week: Digest,
    *,
    organisation: str,
    inbox: str,
    timezone: ZoneInfo,
    now: datetime,
    detail: Detail = Detail.NONE,
    keep: Sequence[str] = (),
) -> dict[str, Json]:
    """The webhook's body. Locations, sources and themes that would be too many are summed up in one called "n other
    ...", so that sources and locations always add up to the whole."""
    made: dict[str, Json] = {}
    for longest in _LISTS:
        data = {"organisation": organisation, "inbox": inbox, **_data(week, timezone, longest)}
        data["worst"] = [telling.data(one, detail=detail, keep=keep) for one in week.worst[: max(longest // 4, 1)]]
        made = {"type": "digest.weekly", "timestamp": stamp(now), "data": data}
        if len(json.dumps(made, ensure_ascii=False).encode("utf-8", "replace")) <= _LARGEST:
            break
    return made


def _data(week: Digest, timezone: ZoneInfo, longest: int) -> dict[str, Json]:
    return {
        "period": {
            "name": line(week.period.name, 60),
            "since": stamp(week.period.since),
            "until": stamp(week.period.until),
            "timezone": timezone.key,
        },
        **_part(row("", [week.whole])),
        "stars_given": {str(star): week.whole.stars.get(star, 0) for star in range(1, 6)},
        "locations": _parts("location", week.by_location, longest),
        "sources": _parts("source", week.by_source, longest),
        "themes": _parts("theme", week.by_theme, longest),
        "risks": _counts(week.by_risk),
        "at_risk": week.at_risk,
        "unread_because": _counts(week.unread),
        "ours": week.ours,
        "replies": week.replies,
        "history": week.history,
        "incidents": _incidents(week, longest),
        "could_not_see": [_blind(one) for one in week.blind[:longest]],
        "could_not_see_count": len(week.blind),
        "seen_in_part": [_partly(one) for one in week.partly[:longest]],
        "seen_in_part_count": len(week.partly),
        "sources_watched": week.sources,
        "watched_since": stamp(week.watched_since),
        "undelivered": week.undelivered,
        "weeks_before": [_before(one) for one in week.before],
        "reviews": week.whole.reviews,
        "reviews_unanswered": sum(week.unanswered.values()),
        "reviews_answered": sum(week.answered.values()),
        "stars_against_words": week.at_odds,
        "held_back": _counts(week.withheld),
        "deadlines": [_clock(one) for one in week.clocks[:longest]],
        "peers": None if week.peers is None else _peers(week.peers, longest),
        "replies_disclosing": week.disclosed,
        "seconds_to_reply": _seconds(week.to_reply),
        "rules": [_record(one) for one in week.records[:longest]],
        "elsewhere": None if week.elsewhere is None else asdict(week.elsewhere),
    }


def _before(one: Before) -> dict[str, Json]:
    return {"name": line(one.period.name, 60), **_part(row("", [one.whole]))}


def _record(one: Precision) -> dict[str, Json]:
    return {
        "rule": line(one.rule, 60),
        "judged": one.judged,
        "false_alarms": one.false,
        "right": round(one.right.figure, 3),
        "right_likely": [round(one.right.low, 3), round(one.right.high, 3)],
        "suggested_score": one.threshold,
        "would_spare": one.spared,
    }


def _parts(what: str, parts: Mapping[str, Part], longest: int) -> list[Json]:
    return [{what: one.name, **_part(one)} for one in rows(parts, longest, f"{what}s")]


def _part(one: Row) -> dict[str, Json]:
    return {
        "mentions": one.mentions,
        "positive": one.positive,
        "neutral": one.neutral,
        "negative": one.negative,
        "unread": one.unread,
        "stars": one.given,
        "mean_stars": None if one.mean is None else round(one.mean, 2),
        "stars_likely": None if one.likely is None else [round(one.likely.low, 2), round(one.likely.high, 2)],
    }


def _counts(numbers: Mapping[str, int]) -> dict[str, Json]:
    return {line(name, 60): count for name, count in numbers.items()}


def _incidents(week: Digest, longest: int) -> dict[str, Json]:
    return {
        "opened": len(week.opened),
        "acknowledged": week.acked,
        "acknowledged_late": week.late,
        "resolved": week.resolved,
        "outcomes": {name or "none": count for name, count in week.outcomes.items()},
        "unresolved": len(week.unresolved),
        "overdue": len(week.overdue),
        "due_next_week": len(week.due_soon),
        "seconds_to_acknowledge": _seconds(week.to_ack),
        "seconds_to_resolve": _seconds(week.to_resolve),
        "drills": week.drills,
        "unresolved_incidents": [_incident(one) for one in week.unresolved[:longest]],
    }


def _incident(one: Incident) -> dict[str, Json]:
    return {
        "id": one.id,
        "rule": line(one.rule, 60),
        "risk": one.risk and line(one.risk, 60),
        "level": one.level.value,
        "group": line(one.group, 60),
        "state": one.state.value,
        "opened_at": stamp(one.opened_at),
    }


def _blind(one: Blind) -> dict[str, Json]:
    return {
        "source": line(one.source, 60),
        "since": stamp(one.since),
        "until": stamp(one.until),
        "why": line(one.why, 200),
    }


def _partly(one: Partly) -> dict[str, Json]:
    return {"source": line(one.source, 60), "as_of": stamp(one.at), "why": line(one.why, 200)}


def _clock(one: Clock) -> dict[str, Json]:
    return {"incident": one.incident.id, "name": line(one.name, 60), "due_at": stamp(one.due_at)}


def _peers(peers: Peers, longest: int) -> dict[str, Json]:
    return {
        "platforms": [line(name, 60) for name in peers.platforms[:longest]],
        "ours": _part(row("", [peers.ours])),
        "others": _parts("peer", peers.others, longest),
        "could_not_see": [_blind(one) for one in peers.blind[:longest]],
    }


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else round(span.total_seconds())
