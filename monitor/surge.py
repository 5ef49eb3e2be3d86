"""Is this more than usual? Count statistics that hold from three mentions a week to thousands an hour: pure.

A group's own past says how many mentions to expect in the last 1, 3, 6, 24, 72 and 168 hours: its rate of up to eight
weeks (recent days count more), by hour of the day and day of the week as far as its numbers can show such a rhythm. What
was counted is weighed as what it is, a count: the surprise of a span is -log10 of the chance that a negative binomial
variable of this mean and spread comes out as high. The spread has two parts: how much such spans varied in the past beyond
Poisson, and how little is known of a rate learned from few mentions (the predictive distribution of a Poisson rate under
Jeffreys' prior is negative binomial; Gelman et al., Bayesian Data Analysis, 2.6). Both make a young or restless group
harder to call, and neither needs a threshold of its own. Measured by benchmarks/surge.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from operator import mul
from typing import NamedTuple

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

SPANS = (1, 3, 6, 24, 72, 168)
"""Hours over which mentions are counted: a pile-on shows in one, a slow rise only in the week."""
PAST = 56 * 24
"""Hours of the past that are learned from: eight of each weekday."""
REPEAT_AFTER = DAY
"""A group that surged is not called again before this, whatever it does: one rise, one incident."""

_LEAST = 3
"""Fewer mentions than this are never a surge, however seldom the group is mentioned."""
_KNOWN = 48
"""Hours that must have been watched before anything is said of a group."""
_GUARD = 24
"""The last hours are not learned from: a surge must not become its own normal while it is going on."""
_HALF_LIFE = 14 * 24
_BEGUN = 0.25
"""An hour that has just begun counts as a quarter of one: some platforms tell only the day, and all of it is then at once."""
_CALM = 1.3
"""A surge is over once no span up to a day is less likely than 1 in 20: far below every level that raises one."""
_CALM_SPANS = 24


class Sensitivity(StrEnum):
    """How improbable a count must be to be called. False alarms of a group and year, from 0.2 to 30 mentions a day, by
    benchmarks/surge.py: none for low, at most one in three years for medium, less than one a year for high."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


LEVELS: Mapping[Sensitivity, float] = {Sensitivity.LOW: 7.0, Sensitivity.MEDIUM: 6.0, Sensitivity.HIGH: 5.0}
"""The surprise that raises a surge: one chance in ten million, in a million, in a hundred thousand."""


@dataclass(frozen=True, slots=True)
class Series:
    """What was counted of a group: `counts` of whole hours from `first` (a whole hour, UTC) on, the last one that of the
    hour still running. `partial`: positions of hours in which collection was incomplete. Hours before the position `watched`
    are history: they teach what is usual, and no span begins in them."""

    first: datetime
    counts: tuple[int, ...]
    partial: frozenset[int] = frozenset()
    watched: int = 0


class Rise(NamedTuple):
    """The least likely count of the spans that end now: `mentions` since `since`, `expected` by the group's past,
    `surprise` -log10 of the chance of so many."""

    since: datetime
    mentions: int
    expected: float
    surprise: float


class Mood(StrEnum):
    """What can be said of a group now. Between calm and surge nothing changes; unknown is no verdict at all."""

    SURGE = "surge"
    BETWEEN = "between"
    CALM = "calm"
    UNKNOWN = "unknown"


class Reading(NamedTuple):
    """A verdict, and what it rests on (None where nothing is known)."""

    mood: Mood
    rise: Rise | None = None


def read(series: Series, now: datetime, zone: tzinfo, sensitivity: Sensitivity) -> Reading:
    """The verdict on a group `now`, a time in the last hour of `series`. Days and hours are those of `zone`."""
    rises = _rises(series, now, zone)
    if not rises:
        return Reading(Mood.UNKNOWN)
    highest = max(rises.values(), key=lambda rise: rise.surprise)
    if all(rise.surprise < _CALM for hours, rise in rises.items() if hours <= _CALM_SPANS):
        return Reading(Mood.CALM, highest)  # a week may still be high when the rise is over
    return Reading(Mood.SURGE if highest.surprise >= LEVELS[sensitivity] else Mood.BETWEEN, highest)


class Turn(StrEnum):
    """What becomes of a group's surge."""

    RAISED = "raised"
    CLEARED = "cleared"


def turn(reading: Reading, now: datetime, *, held: bool, raised_at: datetime | None) -> Turn | None:
    """Whether a surge is raised or cleared. `held`: one is going on; `raised_at`: when the group's last one was raised."""
    if held:
        return Turn.CLEARED if reading.mood is Mood.CALM else None
    rested = raised_at is None or now - raised_at >= REPEAT_AFTER
    return Turn.RAISED if reading.mood is Mood.SURGE and rested else None


def _rises(series: Series, now: datetime, zone: tzinfo) -> dict[int, Rise]:
    """What each span that was wholly watched looks like, by its hours."""
    end = _learned_until(series, now)
    if end - sum(at < end for at in series.partial) < _KNOWN:
        return {}
    habit = _habit(series.first, series.counts[:end], series.partial, zone)
    last = len(series.counts) - 1
    count, expected = 0, 0.0
    found: dict[int, Rise] = {}
    for at in range(last, max(-1, last - SPANS[-1]), -1):
        if at in series.partial or at < series.watched:
            break
        start = series.first + at * HOUR
        count += series.counts[at]
        expected += habit.usual[_slot(start, zone)] * (
            min(max((now - start) / HOUR, _BEGUN), 1.0) if at == last else 1.0
        )
        hours = last - at + 1
        if hours in habit.spreads:
            found[hours] = _rise(habit, start, count, expected, hours)
    return found


def _learned_until(series: Series, now: datetime) -> int:
    """The position of the midnight (UTC) before which hours are learned from: a habit is learned once a day."""
    midnight = (now - _GUARD * HOUR).replace(hour=0, minute=0, second=0, microsecond=0)
    return min(max((midnight - series.first) // HOUR, 0), len(series.counts) - 1)


def _rise(habit: Habit, since: datetime, count: int, expected: float, hours: int) -> Rise:
    spread = habit.spreads[hours] + 1 / habit.mentions
    return Rise(since, count, expected, surprise(count, expected, spread) if count >= _LEAST else 0.0)


class Habit(NamedTuple):
    """A group's normal: mentions per hour of the week (168, from Monday 0:00), the spread of each span beyond Poisson
    (variance = mean + spread * mean^2), and from how many mentions it was learned."""

    usual: tuple[float, ...]
    spreads: Mapping[int, float]
    mentions: float


@lru_cache(maxsize=16384)
def _slot(moment: datetime, zone: tzinfo) -> int:
    """The hour of the week, 0 to 167, by the clocks of `zone`."""
    local = moment.astimezone(zone)
    return 24 * local.weekday() + local.hour


@lru_cache(maxsize=1024)
def _habit(first: datetime, counts: tuple[int, ...], partial: frozenset[int], zone: tzinfo) -> Habit:
    """The habit in the last eight weeks of these hours. Past surges are cut to what is believable, twice over: a rate that
    is too high hides the next one."""
    known = [at for at in range(max(0, len(counts) - PAST), len(counts)) if at not in partial]
    slots = [_slot(first + at * HOUR, zone) for at in known]
    weights = [0.5 ** ((len(counts) - 1 - at) / _HALF_LIFE) for at in known]
    seen = believed = [float(counts[at]) for at in known]
    watched = _by_slot(slots, weights)
    for _ in range(3):
        had = _by_slot(slots, [weight * count for weight, count in zip(weights, believed, strict=True)])
        mentions = sum(had) + 0.5  # Jeffreys' half: nothing seen is not never
        usual = _usual(had, watched, mentions)
        most = [mean + 3 * math.sqrt(mean + 0.3 * mean * mean) + 1 for mean in usual]
        believed = [min(count, most[slot]) for count, slot in zip(seen, slots, strict=True)]
    return Habit(tuple(usual), _spreads(seen, [usual[slot] for slot in slots]), mentions)


def _by_slot(slots: Sequence[int], values: Sequence[float]) -> list[float]:
    found = [0.0] * 168
    for slot, value in zip(slots, values, strict=True):
        found[slot] += value
    return found


def _usual(had: Sequence[float], watched: Sequence[float], mentions: float) -> list[float]:
    """Mentions per hour of the week: a rate, times a factor of the hour, times a factor of the weekday. Each factor is
    drawn towards 1 as if so many ordinary mentions had been seen beside: a rhythm shows only where numbers can show it."""
    rate = mentions / sum(watched)
    worth = max(20, 3 * rate)
    of_hour = [(sum(had[hour::24]) + worth) / (rate * sum(watched[hour::24]) + worth) for hour in range(24)]
    rhythm = [of_hour[slot % 24] for slot in range(168)]
    worth = max(20, 48 * rate)
    for day in range(0, 168, 24):
        due = rate * sum(map(mul, watched[day : day + 24], rhythm[day : day + 24]))
        of_day = (sum(had[day : day + 24]) + worth) / (due + worth)
        rhythm[day : day + 24] = [one * of_day for one in rhythm[day : day + 24]]
    level = mentions / sum(map(mul, watched, rhythm))
    return [level * one for one in rhythm]


_SPREAD, _SPREAD_SURE = 0.1, 0.3
"""What is believed of a group's restlessness before it is known, and how far that may be off."""
_SPREAD_LEAST = 0.01


def _spreads(seen: Sequence[float], usual: Sequence[float]) -> dict[int, float]:
    """The spread of each span, by the method of moments, each drawn to that of the shorter one by what it is sure of."""
    found: dict[int, float] = {}
    believed = _SPREAD
    totals, means = [0.0, *accumulate(seen)], [0.0, *accumulate(usual)]
    for hours in SPANS:
        beyond = squares = doubt = 0.0
        for end in range(len(seen), hours - 1, -hours):
            count, mean = totals[end] - totals[end - hours], means[end] - means[end - hours]
            beyond += (count - mean) ** 2 - mean
            squares += mean * mean
            doubt += 2 * (mean * (1 + believed)) ** 2 + mean
        if squares:
            sure, before = squares * squares / doubt, 1 / _SPREAD_SURE**2
            believed = max((sure * beyond / squares + before * believed) / (sure + before), _SPREAD_LEAST)
        found[hours] = believed
    return found


def surprise(count: int, expected: float, spread: float) -> float:
    """-log10 of the chance of `count` or more where `expected` are usual, under a negative binomial of variance expected +
    spread * expected^2; 0 for what is no more than expected. Holds for chances far below what a float can hold."""
    if count <= expected or count <= 0:
        return 0.0
    size = 1 / spread
    share = expected / (expected + size)
    front = math.lgamma(count + size) - math.lgamma(count + 1) - math.lgamma(size)
    front += count * math.log(share) + size * math.log1p(-share)
    return max(0.0, -(front + math.log(_fraction(count, size, share))) / math.log(10))


def _fraction(first: float, second: float, share: float) -> float:
    """The continued fraction of the regularised incomplete beta function I_share(first, second), by Lentz's method (DLMF
    8.17.22); the tail of the negative binomial is this function. It converges fast above the mean."""
    above, below = 1.0, 1 / (1 - (first + second) * share / (first + 1))
    found = below
    for step in range(1, 500):
        for term in (
            step * (second - step) * share / ((first + 2 * step - 1) * (first + 2 * step)),
            -(first + step) * (first + second + step) * share / ((first + 2 * step) * (first + 2 * step + 1)),
        ):
            below, above = 1 / _apart(1 + term * below), _apart(1 + term / above)
            found *= above * below
        if abs(above * below - 1) < 1e-10:
            break
    return found


def _apart(value: float) -> float:
    return value if abs(value) > 1e-30 else 1e-30
