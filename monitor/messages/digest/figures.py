"""Every number of a digest on a line of its own, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from monitor.digest import SENTIMENTS, Digest, Part
from monitor.messages.sheet import sheet

HEAD = ("period", "table", "row", "figure", "value")


def figures(week: Digest) -> str:
    """The numbers as CSV. The rows of `source` and of `location` add up to those of `whole`; spans are in seconds."""
    name = week.period.name
    return sheet(HEAD, ((name, *one) for one in _lines(week)))


_Line = tuple[str, str, str, int | float | str]


def _lines(week: Digest) -> Iterator[_Line]:
    yield from _part("whole", "all", week.whole)
    for table, parts in (("source", week.by_source), ("location", week.by_location), ("theme", week.by_theme)):
        for name, part in parts.items():
            yield from _part(table, name, part)
    if week.peers is not None:
        yield from _part("beside peers", "ours", week.peers.ours)
        for name, part in week.peers.others.items():
            yield from _part("peer", name, part)
    for one in week.before:
        yield from _part("week before", one.period.name, one.whole)
    yield from _counts("risk", week.by_risk, "mentions")
    yield from _counts("unread", week.unread, "mentions")
    yield from _counts("unanswered", week.unanswered, "reviews")
    yield from _counts("answered", week.answered, "reviews")
    yield from _counts("held back", week.withheld, "messages")
    yield from _counts(
        "outcome", {name or "ended by itself": many for name, many in week.outcomes.items()}, "incidents"
    )
    for figure, value in _single(week).items():
        if value is not None:
            yield "period", "all", figure, round(value.total_seconds()) if isinstance(value, timedelta) else value
    for record in week.records:
        yield "rule", record.rule, "judged", record.judged
        yield "rule", record.rule, "false alarms", record.false
        yield "rule", record.rule, "right", round(record.right.figure, 4)
        yield "rule", record.rule, "right at least", round(record.right.low, 4)
        yield "rule", record.rule, "right at most", round(record.right.high, 4)
        if record.threshold is not None:
            yield "rule", record.rule, "suggested score", record.threshold


def _single(week: Digest) -> Mapping[str, int | timedelta | None]:
    left = week.elsewhere
    return {
        "mentions at risk": week.at_risk,
        "mentions at risk told elsewhere": left.at_risk if left else None,
        "incidents opened": len(week.opened),
        "incidents opened told elsewhere": left.opened if left else None,
        "incidents acknowledged": week.acked,
        "incidents acknowledged late": week.late,
        "incidents resolved": week.resolved,
        "incidents unresolved": len(week.unresolved),
        "incidents unresolved told elsewhere": left.unresolved if left else None,
        "incidents overdue": len(week.overdue),
        "incidents due next week": len(week.due_soon),
        "legal deadlines over or next week": len(week.clocks),
        "drills": week.drills,
        "median seconds to acknowledge": week.to_ack,
        "median seconds to resolve": week.to_resolve,
        "own posts": week.ours - week.replies,
        "own replies": week.replies,
        "own replies that may reveal a patient": week.disclosed,
        "median seconds to reply": week.to_reply,
        "reviews": week.whole.reviews,
        "stars against words": week.at_odds,
        "history read": week.history,
        "messages not delivered": week.undelivered,
        "sources": week.sources,
        "sources not seen": len({one.source for one in week.blind}),
        "sources seen in part": len({one.source for one in week.partly}),
    }


def _part(table: str, name: str, part: Part) -> Iterator[_Line]:
    yield table, name, "mentions", part.mentions
    yield table, name, "reviews", part.reviews
    for mood in SENTIMENTS:
        yield table, name, mood, part.sentiments[mood]
    if (rating := part.rating) is not None:
        yield table, name, "stars given", part.stars.total()
        yield table, name, "mean stars", round(rating.figure, 4)
        yield table, name, "mean stars at least", round(rating.low, 4)
        yield table, name, "mean stars at most", round(rating.high, 4)


def _counts(table: str, counts: Mapping[str, int], figure: str) -> Iterator[_Line]:
    for name, many in counts.items():
        yield table, name, figure, many
