"""A week in numbers: one pure function from what is stored to what the digest says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from monitor.model import Incident, Kind, Notification, SourceState, State, Stored
from monitor.timing import Period

POSITIVE, NEGATIVE = 0.05, -0.05
"""VADER's own borders of neutral (Hutto and Gilbert 2014)."""

SENTIMENTS = ("positive", "neutral", "negative", "unread")

_SHOWN = 5


@dataclass(slots=True, kw_only=True)
class Part:
    """What was said in one part of the whole, such as a location or a source."""

    mentions: int = 0
    sentiments: Counter[str] = field(default_factory=Counter)
    stars: Counter[int] = field(default_factory=Counter)

    @property
    def mean_stars(self) -> float | None:
        """The mean of the stars, None where nobody gave any."""
        given = self.stars.total()
        return sum(star * count for star, count in self.stars.items()) / given if given else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """What could not be seen: a source, since when, and why."""

    source: str
    since: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The numbers of a period. What was said by others is in `whole` and its parts, each mention once in every
    breakdown; own posts and replies are counted in `ours`; `history` is what was read but said before we watched.
    Times are medians over the incidents that were acknowledged or resolved in the period, None where none was."""

    period: Period
    whole: Part
    by_source: Mapping[str, Part]
    by_location: Mapping[str, Part]
    by_risk: Mapping[str, int]
    ours: int
    replies: int
    history: int
    unread: Mapping[str, int]
    opened: tuple[Incident, ...]
    unresolved: tuple[Incident, ...]
    resolved: int
    to_ack: timedelta | None
    to_resolve: timedelta | None
    blind: tuple[Blind, ...]
    undelivered: int
    worst: tuple[Stored, ...]


def build(
    period: Period,
    *,
    mentions: Iterable[Stored],
    incidents: Iterable[Incident],
    sources: Iterable[SourceState],
    notifications: Iterable[Notification],
) -> Digest:
    """Counts a period. `mentions` are those first seen in it, read once and not kept; `incidents` at least those that
    were open in it; `notifications` those given up."""
    tally = _Tally()
    for one in mentions:
        tally.add(one)
    incidents = [one for one in incidents if one.opened_at < period.until]
    opened = tuple(one for one in incidents if one.opened_at >= period.since)
    acks = [one.acked_at - one.opened_at for one in incidents if one.acked_at and _within(one.acked_at, period)]
    ends = [
        one.resolved_at - one.opened_at for one in incidents if one.resolved_at and _within(one.resolved_at, period)
    ]
    return Digest(
        period=period,
        whole=tally.whole,
        by_source=_ranked(tally.by_source),
        by_location=_ranked(tally.by_location),
        by_risk=dict(tally.by_risk.most_common()),
        ours=tally.ours,
        replies=tally.replies,
        history=tally.history,
        unread=dict(tally.unread.most_common()),
        opened=opened,
        unresolved=tuple(one for one in incidents if one.state is not State.RESOLVED),
        resolved=len(ends),
        to_ack=_median(acks),
        to_resolve=_median(ends),
        blind=_blind(sources, opened, period),
        undelivered=sum(1 for one in notifications if one.failed_at and _within(one.failed_at, period)),
        worst=tuple(tally.worst()),
    )


def sentiment(score: float | None) -> str:
    """The name of a score's part of the scale."""
    if score is None:
        return "unread"
    return "positive" if score >= POSITIVE else "negative" if score <= NEGATIVE else "neutral"


class _Tally:
    """Counts mentions one by one, so that a week of any size fits in memory."""

    def __init__(self) -> None:
        self.whole = Part()
        self.by_source: dict[str, Part] = {}
        self.by_location: dict[str, Part] = {}
        self.by_risk: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.ours = self.replies = self.history = 0
        self._worst: list[tuple[float, int, Stored]] = []

    def add(self, one: Stored) -> None:
        if one.history:
            self.history += 1
            return
        self.by_risk.update({signal.risk for signal in one.assessment.signals})
        if one.assessment.signals:
            self._remember(one)
        if one.mention.ours:
            self.ours += 1
            self.replies += one.mention.kind is Kind.COMMENT
            return
        name = sentiment(one.assessment.sentiment)
        if name == "unread":
            self.unread[one.assessment.lang or "unknown"] += 1
        for part in (
            self.whole,
            self.by_source.setdefault(one.source, Part()),
            self.by_location.setdefault(one.labels.get("location", "no location"), Part()),
        ):
            part.mentions += 1
            part.sentiments[name] += 1
            if one.mention.stars is not None:
                part.stars[round(one.mention.stars)] += 1

    def _remember(self, one: Stored) -> None:
        self._worst.append((one.assessment.risk_score, one.id, one))
        if len(self._worst) > 200:
            self._worst = sorted(self._worst, key=_heaviest_first)[:_SHOWN]

    def worst(self) -> list[Stored]:
        return [one for _, _, one in sorted(self._worst, key=_heaviest_first)[:_SHOWN]]


def _heaviest_first(entry: tuple[float, int, Stored]) -> tuple[float, int]:
    return (-entry[0], entry[1])


def _ranked(parts: Mapping[str, Part]) -> dict[str, Part]:
    return dict(sorted(parts.items(), key=lambda item: (-item[1].mentions, item[0])))


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(span.total_seconds() for span in spans)) if spans else None


def _within(moment: datetime, period: Period) -> bool:
    return period.since <= moment < period.until


def _blind(sources: Iterable[SourceState], opened: Iterable[Incident], period: Period) -> tuple[Blind, ...]:
    """Sources that fail now, that were never read, or that failed or fell silent at some time in the period."""
    now = {
        one.name: Blind(source=one.name, since=one.failing_since, why=one.error or "no reason given")
        for one in sources
        if one.failing_since is not None and one.failing_since < period.until
    }
    then = {
        one.group: Blind(source=one.group, since=one.opened_at, why=one.note)
        for one in opened
        if one.rule in {"source_failing", "source_quiet"}
    }
    return tuple(sorted((then | now).values(), key=lambda blind: blind.source))
