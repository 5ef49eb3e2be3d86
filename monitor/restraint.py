"""How many messages one recipient gets, and which first: pure. The tables in tests/test_restraint.py are its specification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.model import Level, Reason

WINDOW = timedelta(hours=1)
"""What the ceiling is counted over: at any moment, the hour before it."""
CEILING, QUIET = "ceiling", "quiet"
"""Why a message is withheld."""

_PAUSE: Mapping[Level, timedelta] = {Level.CRITICAL: timedelta(minutes=1)}
_USUAL_PAUSE = timedelta(minutes=5)
_WEIGHT = {reason: place for place, reason in enumerate((Reason.OPENED, Reason.GREW, Reason.REMINDER, Reason.DEADLINE,
                                                         Reason.LAPSED, Reason.WORSENED, Reason.ESCALATED, Reason.RESOLVED))}  # fmt: skip
"""Of two messages of one moment about one incident, the later one here says what matters."""


def pause(level: Level) -> timedelta:
    """The group interval: a recipient gets at most one message about one incident in it."""
    return _PAUSE.get(level, _USUAL_PAUSE)


def reserve(at_most: int) -> int:
    """How much of a ceiling only urgent and critical messages may use: what is ordinary can never take all of it."""
    return at_most // 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message to one recipient that has not been let through yet. `mentions` is how many its incident had."""

    id: str
    inbox: str
    channel: str
    recipient: str
    level: Level
    reason: Reason
    created_at: datetime
    incident_id: int | None = None
    mentions: int = 0
    withheld: str | None = None
    drill: bool = False


class Passed(NamedTuple):
    """A message that was let through lately."""

    at: datetime
    incident_id: int | None


@dataclass(slots=True, kw_only=True)
class Plan:
    """What becomes of the messages to one recipient: let through; said by another (id to id); put off until the
    incident may be spoken of again; withheld until there may be room; and, if not empty, told together in one message."""

    admit: list[Waiting] = field(default_factory=list)
    superseded: dict[str, str] = field(default_factory=dict)
    later: dict[str, datetime] = field(default_factory=dict)
    withhold: dict[str, datetime] = field(default_factory=dict)
    together: list[Waiting] = field(default_factory=list)


def plan(waiting: Iterable[Waiting], passed: Sequence[Passed], at_most: int, now: datetime) -> Plan:
    """Decides about all that waits for one recipient, of whom `passed` is what the last hour brought.

    What was withheld is told in one message as soon as there is room for it; a single one is simply sent. The heavier
    goes first, then the older."""
    made = Plan()
    fresh: list[Waiting] = []
    old: list[Waiting] = []
    for one in waiting:
        (old if one.withheld else fresh).append(one)
    spoken: dict[int, datetime] = {}
    for at, incident_id in passed:
        if incident_id is not None:
            spoken[incident_id] = max(at, spoken.get(incident_id, at))
    ready = [one for one in _newest(fresh, made) if not _too_soon(one, spoken, now, made)]
    bundles = [[one] for one in ready] + ([old] if old else [])
    bundles.sort(key=lambda some: (-_level(some).rank, some[0].withheld is None, min(one.created_at for one in some)))
    times = sorted(at for at, _ in passed if at > now - WINDOW)
    for some in bundles:
        room = at_most - (0 if _level(some).rank >= Level.URGENT.rank else reserve(at_most))
        if len(times) >= room:
            # So many of them must first be over an hour old that one more fits.
            made.withhold |= dict.fromkeys((one.id for one in some), times[len(times) - room] + WINDOW)
            continue
        times.append(now)
        if len(some) == 1:
            made.admit += some
        else:
            made.together = some
    return made


def _level(some: Sequence[Waiting]) -> Level:
    return max((one.level for one in some), key=lambda level: level.rank)


def _newest(fresh: Iterable[Waiting], made: Plan) -> list[Waiting]:
    """Only the last word about each incident: a message tells how it stands, so it says what those before it said."""
    last: dict[int | str, Waiting] = {}
    for one in sorted(fresh, key=lambda one: (one.created_at, _WEIGHT.get(one.reason, 0))):
        about: int | str = (
            one.id if one.incident_id is None or one.reason is Reason.DELIVERY_FAILED else one.incident_id
        )
        if about in last:
            before = last[about].id
            for said, by in made.superseded.items():
                made.superseded[said] = one.id if by == before else by
            made.superseded[before] = one.id
        last[about] = one
    return list(last.values())


def _too_soon(one: Waiting, spoken: Mapping[int, datetime], now: datetime, made: Plan) -> bool:
    if one.incident_id is None or one.incident_id not in spoken or one.reason is Reason.DELIVERY_FAILED:
        return False
    again = spoken[one.incident_id] + pause(one.level)
    if again > now:
        made.later[one.id] = again
    return again > now
