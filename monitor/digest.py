"""A week in numbers: one pure function from what is stored to what the digest says."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Protocol

from monitor.model import Incident, Kind, Notification, SourceState, State, Stored
from monitor.timing import Period

POSITIVE, NEGATIVE = 0.05, -0.05
"""VADER's own borders of neutral (Hutto and Gilbert 2014)."""

SENTIMENTS = ("positive", "neutral", "negative", "unread")

NO_LOCATION = "no location"
WORDLESS, UNKNOWN = "no words", "unknown"
"""Why a sentiment could not be read where it is not the language: there are stars alone, or too few words to tell."""

_SHOWN = 5
_ABOUT_SOURCES = frozenset({"source_failing", "source_quiet"})
_LATE = timedelta(hours=1)
"""How long after its time a source may be read without being called unread."""


class Unchecked(Protocol):
    """What the digest wants to know of a source's rechecks: a row of the store has it."""

    @property
    def tried_at(self) -> datetime | None: ...
    @property
    def failing_since(self) -> datetime | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...


@dataclass(slots=True, kw_only=True)
class Part:
    """What was said in one part of the whole, such as a location or a source. `stars` counts by whole stars, halves
    rounded up; `sum_of_stars` is exact."""

    mentions: int = 0
    sentiments: Counter[str] = field(default_factory=Counter)
    stars: Counter[int] = field(default_factory=Counter)
    sum_of_stars: float = 0.0

    @property
    def mean_stars(self) -> float | None:
        """The mean of the stars, None where nobody gave any."""
        given = self.stars.total()
        return self.sum_of_stars / given if given else None

    def add(self, mood: str, stars: float | None) -> None:
        """Counts one mention."""
        self.mentions += 1
        self.sentiments[mood] += 1
        if stars is not None:
            self.stars[math.floor(stars + 0.5)] += 1
            self.sum_of_stars += stars


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """What could not be seen: a source, since when, until when (None: still), and why."""

    source: str
    since: datetime | None
    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partly:
    """What could be seen only in part: a source that is read, what its connector warns of, and when that was said."""

    source: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The numbers of a period. What was said by others is in `whole` and its parts, each mention once by source and by
    location; own posts and replies are counted in `ours` (`replies` are among them); `history` is what was read but said
    before we watched.

    `by_risk` and `by_theme` count a mention in each class and theme it shows, so their sum is no total; `at_risk` is how
    many mentions show any risk, our own ones included. `unread` says by language why a sentiment is missing, and sums
    up to the unread of `whole`. `unresolved` are the incidents that were open when the period ended. `to_ack` and
    `to_resolve` are medians over the incidents acknowledged or resolved in the period, None where none was; the ends of
    incidents about a source of ours are left out of the latter, since they end by themselves. `late` are the
    acknowledgements after their deadline. Drills are in no number but `drills`. `sources` is how many were configured,
    `watched_since` when the first of them was. `blind` is what could not be seen, `partly` what was seen in part."""

    period: Period
    whole: Part
    by_source: Mapping[str, Part]
    by_location: Mapping[str, Part]
    by_risk: Mapping[str, int]
    by_theme: Mapping[str, Part]
    at_risk: int
    ours: int
    replies: int
    history: int
    unread: Mapping[str, int]
    opened: tuple[Incident, ...]
    unresolved: tuple[Incident, ...]
    acked: int
    late: int
    resolved: int
    outcomes: Mapping[str, int]
    drills: int
    to_ack: timedelta | None
    to_resolve: timedelta | None
    sources: int
    watched_since: datetime | None
    blind: tuple[Blind, ...]
    undelivered: int
    worst: tuple[Stored, ...]
    partly: tuple[Partly, ...] = ()


def build(
    period: Period,
    *,
    mentions: Iterable[Stored],
    incidents: Iterable[Incident],
    sources: Iterable[SourceState],
    notifications: Iterable[Notification],
    rechecks: Mapping[str, Unchecked] | None = None,
    now: datetime | None = None,
) -> Digest:
    """Counts a period. `mentions` are those first seen in it, read once and not kept; `incidents` at least those that
    were open in it, each counted once however often it is given; `notifications` those given up; `rechecks` how those go that the terms
    of a source's platform ask for. `now` matters only to a
    period that is not over: no source is expected to have been read later than that."""
    tally = _Tally()
    for one in mentions:
        tally.add(one)
    known = dict.fromkeys(one for one in incidents if one.opened_at < period.until)
    real = sorted((one for one in known if not one.drill), key=lambda one: (one.opened_at, one.id))
    watched = [one for one in sources if one.created_at < period.until]
    for source in watched:
        tally.by_source.setdefault(source.name, Part())
    acked = [one for one in real if one.acked_at and _within(one.acked_at, period)]
    ended = [one for one in real if one.resolved_at and _within(one.resolved_at, period)]
    return Digest(
        period=period,
        whole=tally.whole,
        by_source=_ranked(tally.by_source),
        by_location=_ranked(tally.by_location),
        by_risk=_counted(tally.by_risk),
        by_theme=_ranked(tally.by_theme),
        at_risk=tally.at_risk,
        ours=tally.ours,
        replies=tally.replies,
        history=tally.history,
        unread=_counted(tally.unread),
        opened=tuple(one for one in real if one.opened_at >= period.since),
        unresolved=tuple(one for one in real if not _over(one, period)),
        acked=len(acked),
        late=sum(1 for one in acked if one.ack_due_at and one.acked_at and one.acked_at > one.ack_due_at),
        resolved=len(ended),
        outcomes=_counted(Counter(one.outcome.value if one.outcome else "" for one in ended)),
        drills=sum(1 for one in known if one.drill and one.opened_at >= period.since),
        to_ack=_median([one.acked_at - one.opened_at for one in acked if one.acked_at]),
        to_resolve=_median(
            [one.resolved_at - one.opened_at for one in ended if one.resolved_at and one.rule not in _ABOUT_SOURCES]
        ),
        sources=len(watched),
        watched_since=min((one.created_at for one in watched), default=None),
        blind=_blind(watched, [one for one in real if one.rule in _ABOUT_SOURCES], period, now),
        undelivered=sum(1 for one in notifications if one.failed_at and _within(one.failed_at, period)),
        worst=tuple(tally.worst()),
        partly=_partly(watched, rechecks or {}, min(period.until, now or period.until)),
    )


def sentiment(score: float | None) -> str:
    """The name of a score's part of the scale."""
    if score is None or not math.isfinite(score):
        return "unread"
    return "positive" if score >= POSITIVE else "negative" if score <= NEGATIVE else "neutral"


class _Tally:
    """Counts mentions one by one, so that a week of any size fits in memory."""

    def __init__(self) -> None:
        self.whole = Part()
        self.by_source: defaultdict[str, Part] = defaultdict(Part)
        self.by_location: defaultdict[str, Part] = defaultdict(Part)
        self.by_theme: defaultdict[str, Part] = defaultdict(Part)
        self.by_risk: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.at_risk = self.ours = self.replies = self.history = 0
        self._worst: list[tuple[float, int, Stored]] = []

    def add(self, one: Stored) -> None:
        if one.history:
            self.history += 1
            return
        if one.assessment.signals:
            self.at_risk += 1
            self.by_risk.update({signal.risk for signal in one.assessment.signals})
            self._remember(one)
        if one.mention.ours:
            self.ours += 1
            self.replies += one.mention.kind is Kind.COMMENT
            return
        self._hear(one)

    def _hear(self, one: Stored) -> None:
        """Counts what somebody else said in every part that it belongs to."""
        mood = sentiment(one.assessment.sentiment)
        if mood == "unread":
            self.unread[_unreadable(one)] += 1
        parts = [
            self.whole,
            self.by_source[one.source],
            self.by_location[one.labels.get("location") or NO_LOCATION],
        ]
        parts += [self.by_theme[theme] for theme in set(one.assessment.themes)]
        for part in parts:
            part.add(mood, one.mention.stars)

    def _remember(self, one: Stored) -> None:
        self._worst.append((one.assessment.risk_score, one.id, one))
        if len(self._worst) > 200:
            self._worst = sorted(self._worst, key=_heaviest_first)[:_SHOWN]

    def worst(self) -> list[Stored]:
        return [one for _, _, one in sorted(self._worst, key=_heaviest_first)[:_SHOWN]]


def _heaviest_first(entry: tuple[float, int, Stored]) -> tuple[float, int]:
    return (-entry[0], entry[1])


def _unreadable(one: Stored) -> str:
    if one.assessment.lang:
        return one.assessment.lang
    return UNKNOWN if one.gone_at or one.mention.text.strip() or one.mention.title.strip() else WORDLESS


def _ranked(parts: Mapping[str, Part]) -> dict[str, Part]:
    return dict(sorted(parts.items(), key=lambda item: (-item[1].mentions, item[0])))


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(span.total_seconds() for span in spans)) if spans else None


def _within(moment: datetime, period: Period) -> bool:
    return period.since <= moment < period.until


def _over(one: Incident, period: Period) -> bool:
    """Whether an incident was resolved before the period ended, whatever has become of it since."""
    return one.resolved_at < period.until if one.resolved_at else one.state is State.RESOLVED


def _blind(
    sources: Iterable[SourceState], troubles: Iterable[Incident], period: Period, now: datetime | None
) -> tuple[Blind, ...]:
    """Sources that fail or are not read now, and those that failed or fell silent at some time in the period, what
    lasts still before what is over."""
    # A source that fails now is told by its own state, which knows better than its incident since when and why.
    end = min(period.until, now or period.until)
    still = {one.name: blind for one in sources if (blind := _unseen(one, end)) is not None}
    then = [
        Blind(source=one.group, since=one.opened_at, until=one.resolved_at, why=one.note)
        for one in troubles
        if (one.resolved_at is None and one.group not in still) or (one.resolved_at and one.resolved_at >= period.since)
    ]
    return tuple(sorted((*still.values(), *then), key=lambda one: (one.until is not None, one.source, str(one.since))))


def _partly(sources: Iterable[SourceState], rechecks: Mapping[str, Unchecked], end: datetime) -> tuple[Partly, ...]:
    """What the last whole walk of each source warned of, and rechecks that fail: what is deleted there is still here."""
    found: list[Partly] = []
    for source in sources:
        said = [(source.polled_at, why) for why in source.warnings]
        if (check := rechecks.get(source.name)) is not None:
            said += [(check.tried_at, why) for why in check.warnings]
            if check.error and check.failing_since and check.failing_since <= end:
                said.append((check.tried_at, f"What is deleted there is not noticed: {check.error}"))
        found += [Partly(source=source.name, at=at, why=why) for at, why in said if at is not None]
    return tuple(found)


def _unseen(source: SourceState, end: datetime) -> Blind | None:
    """What is wrong with a source as it stands now, if that was so before `end` already."""
    if source.failing_since is not None:
        if source.failing_since >= end:
            return None
        return Blind(source=source.name, since=source.failing_since, why=source.error or "no reason given")
    if source.polled_at is None:
        return Blind(source=source.name, since=source.created_at, why="it has not been read yet")
    if max(source.polled_at, source.next_poll_at) < end - _LATE:
        return Blind(source=source.name, since=source.polled_at, why="it was not read when it was due")
    return None
