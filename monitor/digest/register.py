"""The register of risks: what was seen of each class in a quarter, against the quarter before and the organisation's appetite."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.model import Incident, Outcome, State, Stored

QUARTER = timedelta(weeks=13)


class Held(NamedTuple):
    """A drill that was held to its end: which and when, how many inboxes were told of something (each incident counts),
    and how long those that were acknowledged took."""

    scenario: str
    at: datetime
    told: int
    took: tuple[timedelta, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One class of risk in a quarter. `mentions` show it, our own among them, and `before` did in the quarter before;
    `impact` is the highest of any signal, 1 to 5, None where there was none in either; `likelihood` is 1 to 5 by how
    often it was seen (see `likelihood`). `taken` is how its incidents ended, by outcome; `open` how many have not.
    `owners` are the inboxes that are told."""

    risk: str
    mentions: int
    before: int
    impact: int | None
    likelihood: int
    incidents: int
    open: int
    taken: Mapping[str, int]
    owners: tuple[str, ...]

    @property
    def level(self) -> int | None:
        """Impact times likelihood, 1 to 25, the scale of the appetite; None where nothing was ever seen."""
        return None if self.impact is None else self.impact * self.likelihood


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A quarter's risks, the highest level first, those never seen last. `drills` were held, the oldest first. `watched` is whether the quarter before was watched from its start:
    else there is no trend."""

    since: datetime
    until: datetime
    risks: tuple[Risk, ...]
    notify: float
    urgent: float
    drills: tuple[Held, ...]
    watched: bool


@dataclass(slots=True)
class _Seen:
    mentions: int = 0
    before: int = 0
    impact: int | None = None
    incidents: int = 0
    open: int = 0
    taken: Counter[str] = field(default_factory=Counter)


def register(
    until: datetime,
    *,
    mentions: Iterable[Stored],
    incidents: Iterable[Incident],
    owners: Mapping[str, tuple[str, ...]],
    appetite: tuple[float, float],
    begun: datetime | None,
    drills: Iterable[Held] = (),
) -> Register:
    """The register of the 13 weeks before `until`. `mentions` are those at risk of the 26 weeks before it, history left
    aside; `incidents` at least those opened or ended in the 13; `owners` who is told of each class there is; `appetite` from
    which level somebody is told and from which at once; `begun` when we began to watch; `drills` those that were
    held."""
    since = until - QUARTER
    seen: defaultdict[str, _Seen] = defaultdict(_Seen)
    for one in mentions:
        if not one.history and one.first_seen_at < until:
            _count(seen, one, since)
    known = [one for one in dict.fromkeys(incidents) if one.opened_at < until]
    for case in known:
        if case.risk is not None and not case.drill:
            _follow(seen[case.risk], case, since, until)
    risks = (_risk(name, seen[name], owners.get(name, ())) for name in {*owners, *seen})
    return Register(
        since=since,
        until=until,
        risks=tuple(sorted(risks, key=lambda one: (-(one.level or 0), -one.mentions, one.risk))),
        notify=appetite[0],
        urgent=appetite[1],
        drills=tuple(
            sorted((one for one in drills if since <= one.at < until), key=lambda one: (one.at, one.scenario))
        ),
        watched=begun is not None and begun <= since - QUARTER,
    )


def likelihood(mentions: int, before: int = 0) -> int:
    """How likely a class is, as far as it was observed: 5 seen every week on average (13 times in 13 weeks), 4 every month
    (3), 3 once or twice in the quarter, 2 only in the quarter before, 1 in neither."""
    if mentions >= 13:
        return 5
    if mentions >= 3:
        return 4
    if mentions:
        return 3
    return 2 if before else 1


def _count(seen: Mapping[str, _Seen], one: Stored, since: datetime) -> None:
    for risk in {signal.risk for signal in one.assessment.signals}:
        found = seen[risk]
        if one.first_seen_at >= since:
            found.mentions += 1
        elif one.first_seen_at >= since - QUARTER:
            found.before += 1
        else:
            continue
        worst = max(signal.impact for signal in one.assessment.signals if signal.risk == risk)
        found.impact = max(found.impact or 0, worst)


def _follow(found: _Seen, one: Incident, since: datetime, until: datetime) -> None:
    ended = one.resolved_at is not None and one.resolved_at < until
    found.incidents += one.opened_at >= since
    found.open += not ended and (one.resolved_at is not None or one.state is not State.RESOLVED)
    if ended and one.resolved_at is not None and one.resolved_at >= since:
        found.taken[(one.outcome or Outcome.OTHER).value] += 1


def _risk(name: str, found: _Seen, owners: tuple[str, ...]) -> Risk:
    return Risk(
        risk=name,
        mentions=found.mentions,
        before=found.before,
        impact=found.impact,
        likelihood=likelihood(found.mentions, found.before),
        incidents=found.incidents,
        open=found.open,
        taken=dict(sorted(found.taken.items())),
        owners=owners,
    )
