"""A week in numbers: one pure function from what is stored to what the digest says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple, Protocol

from monitor.digest.part import NO_LOCATION, Part, sentiment
from monitor.digest.precision import Precision, precision
from monitor.model import Incident, Kind, Notification, SourceState, State, Stored
from monitor.timing import Period

WORDLESS, UNKNOWN = "no words", "unknown"
"""Why a sentiment could not be read where it is not the language: there are stars alone, or too few words to tell."""

JUDGED_FOR = timedelta(weeks=13)
"""How far before the end of its period a digest looks for verdicts on incidents."""

DISCLOSURE = "own_reply_phi"
"""The class of a reply of ours that may reveal a patient."""

_SHOWN = 5
_SOON = timedelta(weeks=1)
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


class Alike(NamedTuple):
    """So many mentions that are alike: where, about what, in what mood, with how many stars, whether reviews, from what
    source, whether our own, and of these replies, whether history, why their mood could not be read, whether stars and words
    strongly disagree, and about what competitor, if any."""

    location: str
    themes: tuple[str, ...]
    mood: str
    stars: float | None
    review: bool
    many: int
    source: str = ""
    ours: bool = False
    reply: bool = False
    history: bool = False
    why: str = ""
    at_odds: bool = False
    peer: str = ""


class Clock(NamedTuple):
    """A legal deadline that an incident has started: what must be done by when."""

    incident: Incident
    name: str
    due_at: datetime


class Reply(NamedTuple):
    """A reply of ours: when it and what it answers were published, by the platform's clock; None where the latter is not
    stored."""

    at: datetime
    asked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What others said in an earlier week."""

    period: Period
    whole: Part
    by_location: Mapping[str, Part]
    by_theme: Mapping[str, Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What is left out of an inbox's own cut, since others are told of it: mentions at risk, incidents opened, and
    incidents that were open when the period ended."""

    at_risk: int = 0
    opened: int = 0
    unresolved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """What was said about competitors, by their names, and what about us on the same platforms alone: elsewhere they are not
    watched. What is said about them is in no other number. `blind` is what could not be seen of it."""

    ours: Part
    others: Mapping[str, Part]
    platforms: tuple[str, ...]
    blind: tuple[Blind, ...] = ()

    @property
    def mentions(self) -> int:
        """All that was said about us and them."""
        return self.ours.mentions + sum(one.mentions for one in self.others.values())


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
    acknowledgements after their deadline, `overdue` the unresolved that nobody had acknowledged by theirs, `due_soon` those
    whose deadline comes in the week after. Drills are in no number but `drills`. `sources` is how many were configured,
    `watched_since` when the first of them was. `blind` is what could not be seen, `partly` what was seen in part.

    `before` are up to four weeks before this one that were watched from their start, the oldest first. Of the replies,
    `disclosed` may reveal a patient, `to_reply` is the median time from what they answer, over those `timed` of which that
    is known. `unanswered` are reviews of the period, by location, that nobody of ours had answered when it ended, `answered`
    those that were; what is in neither was gone unanswered. `at_odds` are mentions whose stars and words strongly disagree.
    `withheld` is how many messages the ceiling of a recipient held back, by inbox. `clocks` are legal deadlines of
    unresolved incidents that are over or come in the week after. `peers` is None where no competitor is watched.
    `records` is how often each rule was right in the 13 weeks until then. `known` are the incidents and `risky` the
    weightiest mentions of each class, from which `cut` makes an inbox's own; `shows` counts mentions by the classes they
    show together; `elsewhere` is what such a cut left out."""

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
    overdue: tuple[Incident, ...] = ()
    due_soon: tuple[Incident, ...] = ()
    before: tuple[Before, ...] = ()
    disclosed: int = 0
    to_reply: timedelta | None = None
    timed: int = 0
    unanswered: Mapping[str, int] = field(default_factory=dict)
    records: tuple[Precision, ...] = ()
    known: tuple[Incident, ...] = ()
    risky: tuple[Stored, ...] = ()
    shows: Mapping[frozenset[str], int] = field(default_factory=dict)
    elsewhere: Elsewhere | None = None
    answered: Mapping[str, int] = field(default_factory=dict)
    at_odds: int = 0
    withheld: Mapping[str, int] = field(default_factory=dict)
    clocks: tuple[Clock, ...] = ()
    peers: Peers | None = None


def build(
    period: Period,
    *,
    mentions: Iterable[Stored],
    calm: Iterable[Alike] = (),
    incidents: Iterable[Incident],
    sources: Iterable[SourceState],
    notifications: Iterable[Notification],
    rechecks: Mapping[str, Unchecked] | None = None,
    before: Iterable[tuple[Period, Iterable[Alike]]] = (),
    replies: Iterable[Reply] = (),
    unanswered: Iterable[tuple[str, int]] = (),
    answered: Iterable[tuple[str, int]] = (),
    withheld: Iterable[tuple[str, int]] = (),
    clocks: Callable[[Incident], Iterable[tuple[str, datetime]]] = lambda _: (),
    peers: Mapping[str, str] | None = None,
    drills: int = 0,
    now: datetime | None = None,
) -> Digest:
    """Counts a period. `mentions` are those first seen in it, read once and not kept, but for those that are
    already added up in `calm`: what shows no risk need not be read one by one; `incidents` at least those that
    were open in it, and those that ended in `JUDGED_FOR` before its end, each counted once however often it is given;
    `notifications` those given up; `rechecks` how those go that the terms of a source's platform ask for; `before` earlier
    weeks with what was said in them; `replies` ours of the period; `unanswered` and `answered` how many reviews of a
    location nobody had answered and somebody had; `withheld` how many messages a ceiling held back, by inbox; `clocks` which
    deadlines an incident has; `peers` the sources that watch a competitor, with its name; `drills` how many were held. `now` matters only to a period that is not over: no source is expected to have been read later than that."""
    tally = _Tally()
    for one in mentions:
        tally.add(one)
    for some in calm:
        tally.add_alike(some)
    end = min(period.until, now or period.until)
    known = tuple(dict.fromkeys(one for one in incidents if one.opened_at < period.until))
    rivals = peers or {}
    every = [one for one in sources if one.created_at < period.until]
    watched = [one for one in every if one.name not in rivals]
    begun = min((one.created_at for one in watched), default=None)
    for source in watched:
        tally.by_source.setdefault(source.name, Part())
    course = _course(known, period, end)
    about = [one for one in _real(known) if one.rule in _ABOUT_SOURCES]
    troubles = [one for one in about if one.group not in rivals]
    waits = [one.at - one.asked_at for one in replies if one.asked_at is not None and one.asked_at <= one.at]
    return Digest(
        period=period,
        whole=tally.whole,
        by_source=_ranked(tally.by_source),
        by_location=_ranked(tally.by_location),
        by_risk=_counted(tally.by_risk),
        by_theme=_ranked(tally.by_theme),
        at_risk=sum(tally.shows.values()),
        ours=tally.ours,
        replies=tally.replies,
        history=tally.history,
        unread=_counted(tally.unread),
        sources=len(watched),
        watched_since=begun,
        blind=_blind(watched, troubles, period, now),
        undelivered=sum(1 for one in notifications if one.failed_at and _within(one.failed_at, period)),
        worst=tuple(_heaviest(tally.risky())),
        partly=_partly(watched, rechecks or {}, end),
        before=tuple(_before(week, said) for week, said in before if begun is not None and begun <= week.since),
        disclosed=tally.disclosed,
        to_reply=median_of(waits),
        timed=len(waits),
        unanswered=_summed(unanswered),
        answered=_summed(answered),
        at_odds=tally.at_odds,
        withheld=_summed(withheld),
        peers=_peers(tally, every, rivals, about, period, now),
        known=known,
        risky=tuple(tally.risky()),
        shows=tally.shows,
        drills=drills,
        clocks=_clocks(course["unresolved"], clocks, end),
        **course,
    )


def cut(week: Digest, *, inbox: str, sees: Callable[[str], bool], now: datetime | None = None) -> Digest:
    """The week as one inbox gets it: the classes of risk that it `sees`, and the incidents it is told of or whose class it
    sees. What others are told of is counted in `elsewhere`, so that nothing is lost from the sum."""
    mine = tuple(one for one in week.known if inbox in one.inboxes or (one.risk is not None and sees(one.risk)))
    risky = [seen for one in week.risky if (seen := _as_seen(one, sees)) is not None]
    shown = {classes: many for classes, many in week.shows.items() if any(map(sees, classes))}
    own = _course(mine, week.period, min(week.period.until, now or week.period.until))
    return replace(
        week,
        by_risk={risk: many for risk, many in week.by_risk.items() if sees(risk)},
        at_risk=sum(shown.values()),
        worst=tuple(_heaviest(risky)),
        known=mine,
        clocks=tuple(one for one in week.clocks if one.incident in mine),
        risky=tuple(risky),
        shows=shown,
        elsewhere=Elsewhere(
            at_risk=week.at_risk - sum(shown.values()),
            opened=len(week.opened) - len(own["opened"]),
            unresolved=len(week.unresolved) - len(own["unresolved"]),
        ),
        **own,
    )


def _clocks(
    unresolved: Iterable[Incident], of: Callable[[Incident], Iterable[tuple[str, datetime]]], end: datetime
) -> tuple[Clock, ...]:
    """The deadlines that are over by `end` or come in the week after it, the first first."""
    found = [Clock(one, name, due_at) for one in unresolved for name, due_at in of(one) if due_at < end + _SOON]
    return tuple(sorted(found, key=lambda clock: (clock.due_at, clock.incident.id, clock.name)))


def _peers(  # noqa: PLR0917  # what was seen, and of it what could not be
    tally: _Tally,
    every: Iterable[SourceState],
    rivals: Mapping[str, str],
    troubles: Iterable[Incident],
    period: Period,
    now: datetime | None,
) -> Peers | None:
    """Competitors beside us: on their platforms alone, since nobody knows what is said of them elsewhere."""
    if not (rivals or tally.by_peer):
        return None
    theirs = [one for one in every if one.name in rivals]
    platforms = {one.platform for one in theirs}
    ours = Part()
    for one in every:
        if one.platform in platforms and one.name in tally.by_source:
            ours.join(tally.by_source[one.name])
    for one in theirs:
        tally.by_peer.setdefault(rivals[one.name], Part())
    return Peers(
        ours=ours,
        others=_ranked(tally.by_peer),
        platforms=tuple(sorted(platforms)),
        blind=_blind(theirs, [one for one in troubles if one.group in rivals], period, now),
    )


def _as_seen(one: Stored, sees: Callable[[str], bool]) -> Stored | None:
    """A mention with those of its signals alone that are seen; None where none is."""
    signals = tuple(signal for signal in one.assessment.signals if sees(signal.risk))
    return replace(one, assessment=replace(one.assessment, signals=signals)) if signals else None


def _course(known: Iterable[Incident], period: Period, end: datetime) -> dict[str, Any]:
    """What became of incidents in a period that has gone as far as `end`: the fields of a digest that are about them."""
    known = tuple(known)
    real = _real(known)
    acked = [one for one in real if one.acked_at and _within(one.acked_at, period)]
    ended = [one for one in real if one.resolved_at and _within(one.resolved_at, period)]
    unresolved = tuple(one for one in real if not _over(one, period))
    waiting = [one for one in unresolved if one.ack_due_at and not (one.acked_at and one.acked_at < end)]
    judged = [one for one in real if one.resolved_at and period.until - JUDGED_FOR <= one.resolved_at < period.until]
    return {
        "opened": tuple(one for one in real if one.opened_at >= period.since),
        "unresolved": unresolved,
        "overdue": tuple(one for one in waiting if one.ack_due_at and one.ack_due_at <= end),
        "due_soon": tuple(one for one in waiting if one.ack_due_at and end < one.ack_due_at < end + _SOON),
        "acked": len(acked),
        "late": sum(1 for one in acked if one.ack_due_at and one.acked_at and one.acked_at > one.ack_due_at),
        "resolved": len(ended),
        "outcomes": _counted(Counter(one.outcome.value if one.outcome else "" for one in ended)),
        "to_ack": median_of([one.acked_at - one.opened_at for one in acked if one.acked_at]),
        "to_resolve": median_of(
            [one.resolved_at - one.opened_at for one in ended if one.resolved_at and one.rule not in _ABOUT_SOURCES]
        ),
        "records": precision(judged),
    }


def _real(known: Iterable[Incident]) -> list[Incident]:
    return sorted((one for one in known if not one.drill), key=lambda one: (one.opened_at, one.id))


def _before(period: Period, said: Iterable[Alike]) -> Before:
    whole, by_location, by_theme = Part(), defaultdict[str, Part](Part), defaultdict[str, Part](Part)
    for one in said:
        for part in (whole, by_location[one.location or NO_LOCATION], *(by_theme[name] for name in set(one.themes))):
            part.add(one.mood, one.stars, review=one.review, times=one.many)
    return Before(period=period, whole=whole, by_location=_ranked(by_location), by_theme=_ranked(by_theme))


def _summed(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for location, many in counts:
        found[location or NO_LOCATION] += many
    return _counted(found)


class _Tally:
    """Counts mentions one by one, so that a week of any size fits in memory."""

    def __init__(self) -> None:
        self.whole = Part()
        self.by_source: defaultdict[str, Part] = defaultdict(Part)
        self.by_location: defaultdict[str, Part] = defaultdict(Part)
        self.by_theme: defaultdict[str, Part] = defaultdict(Part)
        self.by_risk: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.shows: Counter[frozenset[str]] = Counter()
        self.by_peer: defaultdict[str, Part] = defaultdict(Part)
        self.ours = self.replies = self.disclosed = self.history = self.at_odds = 0
        self._risky: defaultdict[str, list[Stored]] = defaultdict(list)

    def add(self, one: Stored) -> None:
        """Counts a mention."""
        if one.assessment.signals and not one.history and not one.peer:
            self._fear(one)
        said = one.mention
        mood = sentiment(one.assessment.sentiment)
        self.add_alike(
            Alike(
                location=one.labels.get("location") or NO_LOCATION,
                themes=one.assessment.themes,
                mood=mood,
                stars=said.stars,
                review=said.kind is Kind.REVIEW,
                many=1,
                source=one.source,
                ours=said.ours,
                reply=said.kind is Kind.COMMENT,
                history=one.history,
                why=_unreadable(one) if mood == "unread" else "",
                at_odds=one.at_odds,
                peer=one.peer,
            )
        )

    def add_alike(self, some: Alike) -> None:
        """Counts mentions that are alike, those of others in every part that they belong to."""
        if some.peer:
            if not (some.history or some.ours):
                self.by_peer[some.peer].add(some.mood, some.stars, review=some.review, times=some.many)
            return
        if some.history:
            self.history += some.many
            return
        if some.ours:
            self.ours += some.many
            self.replies += some.many * some.reply
            return
        if some.mood == "unread":
            self.unread[some.why] += some.many
        self.at_odds += some.many * some.at_odds
        parts = [self.whole, self.by_source[some.source], self.by_location[some.location or NO_LOCATION]]
        parts += [self.by_theme[theme] for theme in set(some.themes)]
        for part in parts:
            part.add(some.mood, some.stars, review=some.review, times=some.many)

    def _fear(self, one: Stored) -> None:
        """Counts the classes of risk that a mention shows, and keeps it where it is among the weightiest of one."""
        classes = frozenset(signal.risk for signal in one.assessment.signals)
        self.shows[classes] += 1
        self.by_risk.update(classes)
        if one.mention.ours and one.mention.kind is Kind.COMMENT:
            self.disclosed += DISCLOSURE in classes
        for risk in classes:
            kept = self._risky[risk]
            kept.append(one)
            if len(kept) > 200:
                self._risky[risk] = _heaviest(kept, risk)

    def risky(self) -> list[Stored]:
        """The weightiest mentions of each class, each once, by id."""
        kept = {one.id: one for risk, some in self._risky.items() for one in _heaviest(some, risk)}
        return sorted(kept.values(), key=lambda one: one.id)


def _heaviest(found: Iterable[Stored], risk: str | None = None) -> list[Stored]:
    """The five that weigh most, by the signals of one class where it is given; of equals the older."""

    def weight(one: Stored) -> float:
        signals = one.assessment.signals
        return max(signal.score for signal in signals if risk is None or signal.risk == risk)

    return sorted(found, key=lambda one: (-weight(one), one.id))[:_SHOWN]


def _unreadable(one: Stored) -> str:
    if one.assessment.lang:
        return one.assessment.lang
    return UNKNOWN if one.gone_at or one.mention.text.strip() or one.mention.title.strip() else WORDLESS


def _ranked(parts: Mapping[str, Part]) -> dict[str, Part]:
    return dict(sorted(parts.items(), key=lambda item: (-item[1].mentions, item[0])))


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def median_of(spans: Sequence[timedelta]) -> timedelta | None:
    """The median of spans, None of none."""
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
