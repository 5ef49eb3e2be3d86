"""A surge: counts as counts, at three mentions a week and at thousands an hour; and the line that raises and ends one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import daemon, rules, surge
from monitor.connector import Page, Unavailable
from monitor.model import Kind, Level, Mention, Rule, State
from monitor.pipeline import judge, poll_due
from monitor.store import incidents, tallies
from monitor.surge import DAY, HOUR, LEVELS, Mood, Reading, Rise, Sensitivity, Series, Turn
from tests.clock import Clock
from tests.line import CONFIG, Bench, Fake

FIRST = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
ZONE = ZoneInfo("America/Chicago")


def exact(count: int, expected: float, spread: float) -> float:
    """The same tail, summed term by term."""
    size = 1 / spread
    share = expected / (expected + size)
    below = sum(
        math.exp(
            math.lgamma(n + size) - math.lgamma(n + 1) - math.lgamma(size)
            + n * math.log(share) + size * math.log1p(-share)
        )
        for n in range(count)
    )  # fmt: skip
    return -math.log10(1 - below)


@pytest.mark.parametrize(
    ("count", "expected", "spread"),
    [(3, 0.2, 0.5), (5, 1, 0.1), (60, 30, 0.01), (10, 2, 1), (300, 250, 0.01), (1300, 1000, 0.02)],
)
def test_the_surprise_is_the_tail_of_the_negative_binomial(count: int, expected: float, spread: float) -> None:
    assert surge.surprise(count, expected, spread) == pytest.approx(exact(count, expected, spread), rel=1e-6)


@given(st.integers(0, 200_000), st.floats(0.001, 50_000, allow_nan=False), st.floats(0.001, 5), st.integers(1, 1000))
def test_more_mentions_are_never_less_surprising(count: int, expected: float, spread: float, more: int) -> None:
    one, other = (surge.surprise(number, expected, spread) for number in (count, count + more))
    assert 0 <= one <= other + 1e-6
    assert math.isfinite(other)


def steady(per_day: float, days: int, *, seed: int = 1) -> list[int]:
    """Hours of a group that is mentioned `per_day` times a day, by day more than by night."""
    rng = Random(seed)
    shape = [0.2] * 7 + [1.3] * 14 + [0.8] * 3
    counts = []
    for at in range(days * 24):
        mean = per_day / 24 * shape[at % 24] * 24 / sum(shape)
        counts.append(
            sum(rng.random() < mean / 1000 for _ in range(1000)) if mean < 300 else round(rng.gauss(mean, mean**0.5))
        )
    return counts


def mood(counts: list[int], sensitivity: Sensitivity = Sensitivity.MEDIUM, **more: Any) -> Mood:
    now = FIRST + len(counts) * HOUR
    return surge.read(Series(FIRST, tuple(counts), **more), now, ZONE, sensitivity).mood


@pytest.mark.parametrize(
    ("per_day", "added", "becomes"),
    [
        (0.2, 1, Mood.CALM),  # the one mention of the week
        (0.2, 2, Mood.BETWEEN),
        (0.2, 8, Mood.SURGE),
        (3, 2, Mood.BETWEEN),
        (3, 15, Mood.SURGE),
        (30, 3, Mood.BETWEEN),
        (30, 60, Mood.SURGE),
        (20_000, 60, Mood.CALM),
        (20_000, 4_000, Mood.SURGE),
    ],
)
def test_the_same_law_holds_from_a_mention_a_week_to_thousands_an_hour(
    per_day: float, added: int, becomes: Mood
) -> None:
    counts = steady(per_day, 60)
    counts[-1] += added
    if becomes is Mood.BETWEEN:
        assert mood(counts) is not Mood.SURGE
    else:
        assert mood(counts) is becomes


def test_fewer_than_three_mentions_are_never_a_surge() -> None:
    assert mood([1] + [0] * 24 * 56 + [2]) is Mood.CALM
    assert mood([1] + [0] * 24 * 56 + [9]) is Mood.SURGE


def test_what_stands_at_the_very_beginning_of_an_hour_is_weighed_by_a_quarter_of_it() -> None:
    counts = (*steady(30, 60), 3)  # a platform that tells only the day: all of it at the full hour
    now = FIRST + (len(counts) - 1) * HOUR
    assert surge.read(Series(FIRST, counts), now, ZONE, Sensitivity.HIGH).mood is not Mood.SURGE


def test_nothing_is_said_of_a_group_before_it_is_known() -> None:
    assert mood([5] * 47 + [500]) is Mood.UNKNOWN
    assert mood([]) is Mood.UNKNOWN
    assert mood([5] * 120 + [500]) is Mood.SURGE


def test_there_is_no_verdict_on_hours_that_were_collected_in_part() -> None:
    counts = steady(30, 60)
    counts[-1] += 60
    last = len(counts) - 1
    assert mood(counts, partial=frozenset({last})) is Mood.UNKNOWN
    assert mood(counts, partial=frozenset({last - 2})) is Mood.SURGE  # the last hour alone is whole


def test_hours_that_were_collected_in_part_are_not_what_is_usual() -> None:
    counts = steady(30, 60)
    lost = range(24, 24 * 50)
    for at in lost:
        counts[at] = 0
    counts[-6:] = [3] * 6
    now = FIRST + len(counts) * HOUR
    blind, told = (
        surge.read(Series(FIRST, tuple(counts), partial), now, ZONE, Sensitivity.HIGH).rise
        for partial in (frozenset(), frozenset(lost))
    )
    assert blind is not None
    assert told is not None
    assert told.surprise < blind.surprise - 0.5


def test_what_comes_every_weekday_morning_is_no_surge() -> None:
    day = [0] * 15 + [8, 10, 10, 6] + [1] * 3 + [0] * 2  # from 9:00 in Chicago
    week = [*day * 5, *[0] * 48]
    history = week * 8
    assert mood([*history, *day[:18]], Sensitivity.HIGH) is not Mood.SURGE
    assert mood([*history, *day[15:19]]) is Mood.SURGE  # the same on a Sunday evening


def test_an_old_surge_does_not_become_the_normal() -> None:
    counts = steady(3, 60)
    counts[24 * 40 : 24 * 40 + 6] = [3] * 6
    counts[-1] += 25
    assert mood(counts) is Mood.SURGE


def test_a_lower_sensitivity_asks_for_more() -> None:
    assert LEVELS[Sensitivity.LOW] > LEVELS[Sensitivity.MEDIUM] > LEVELS[Sensitivity.HIGH]
    counts = steady(30, 60)
    needed = {}
    for sensitivity in Sensitivity:
        needed[sensitivity] = next(n for n in range(200) if mood([*counts[:-1], n], sensitivity) is Mood.SURGE)
    assert needed[Sensitivity.LOW] > needed[Sensitivity.MEDIUM] > needed[Sensitivity.HIGH]


RISE = Rise(FIRST, 9, 0.4, 8.0)


@pytest.mark.parametrize(
    ("mood_", "held", "raised", "turn"),
    [
        (Mood.SURGE, False, None, Turn.RAISED),
        (Mood.SURGE, True, None, None),  # one rise, one incident
        (Mood.SURGE, False, timedelta(hours=23), None),  # no repeat within a day
        (Mood.SURGE, False, timedelta(hours=24), Turn.RAISED),
        (Mood.BETWEEN, False, None, None),
        (Mood.BETWEEN, True, None, None),  # the level that clears is lower than the one that raises
        (Mood.CALM, True, None, Turn.CLEARED),
        (Mood.CALM, False, None, None),
        (Mood.UNKNOWN, False, None, None),
        (Mood.UNKNOWN, True, None, None),
    ],
)
def test_a_surge_is_raised_once_and_cleared_when_it_is_calm(
    mood_: Mood, held: bool, raised: timedelta | None, turn: Turn | None
) -> None:
    now = FIRST + 60 * DAY
    raised_at = now - raised if raised else None
    assert surge.turn(Reading(mood_, RISE), now, held=held, raised_at=raised_at) is turn


def test_other_conditions_are_another_count() -> None:
    one = Rule(name="r", inboxes=("risk",), surge="medium")
    assert rules.counted_as(one) == rules.counted_as(replace(one, surge="low", inboxes=("marketing",)))
    assert rules.counted_as(one) != rules.counted_as(replace(one, stars_below=3))
    assert rules.counted_as(one) != rules.counted_as(replace(one, kinds=frozenset({Kind.REVIEW})))


SURGING = CONFIG + '\n[rules.sudden]\nsurge = "medium"\nkinds = ["post"]\ninboxes = ["marketing"]\n'


@pytest.fixture
def bench(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Bench]:
    bench = Bench(database_url, tmp_path, clock, config=SURGING)
    bench.fakes["one"] = Fake()
    daemon.begin(bench.line)
    yield bench
    bench.line.close()


async def turn_of(bench: Bench, number: int = 0, *, hours: float = 0) -> None:
    """Lets `number` posts come, judges, and lets time pass."""
    now = bench.clock.now()
    said = [
        Mention(external_id=f"{now.isoformat()}-{n}", kind=Kind.POST, text="A new car park.", published_at=now)
        for n in range(number)
    ]
    bench.fakes["one"].polls.append([Page(mentions=said, cursor={"at": now.isoformat()})])
    await poll_due(bench.line)
    judge(bench.line)
    bench.wait(hours=hours)


async def month(bench: Bench) -> None:
    """Thirty days with a post every second day."""
    await turn_of(bench, hours=1)
    for _ in range(15):
        await turn_of(bench, 1, hours=48)
    await turn_of(bench, hours=1)


def opened(bench: Bench) -> list[Any]:
    with bench.database.read() as tx:
        return [one for one in incidents.listed(tx, None) if one.rule == "sudden"]


async def test_a_surge_opens_one_incident_that_says_what_rose_grows_and_ends_when_it_is_over(bench: Bench) -> None:
    await month(bench)
    assert opened(bench) == []
    await turn_of(bench, 9, hours=1)
    (incident,) = opened(bench)
    assert (incident.state, incident.level, incident.group) == (State.OPEN, Level.WARNING, "Main campus")
    assert incident.note.startswith("9 mentions since ")
    assert ", where 0." in incident.note
    assert incident.mentions == 9
    await turn_of(bench, 4, hours=1)
    (incident,) = opened(bench)
    assert (incident.state, incident.mentions) == (State.OPEN, 13)
    for _ in range(30):
        await turn_of(bench, hours=1)
    (incident,) = opened(bench)
    assert incident.state is State.RESOLVED
    assert incident.resolved_at is not None


async def test_an_edit_is_counted_once(bench: Bench) -> None:
    await turn_of(bench, hours=1)
    now = bench.clock.now()
    for text in ("A new car park.", "A new car park. Edited."):
        said = [Mention(external_id=str(n), kind=Kind.POST, text=text, published_at=now) for n in range(5)]
        bench.fakes["one"].polls.append([Page(mentions=said, cursor={"at": 1})])
        await poll_due(bench.line)
        judge(bench.line)
        bench.wait(hours=1)
    rule = rules.counted_as(bench.line.rules["sudden"])
    with bench.database.read() as tx:
        assert [number for _, _, number in tallies.hours(tx, rule, "Main campus", now - DAY)] == [5]


async def test_what_comes_after_an_outage_falls_in_the_hours_in_which_it_was_said(bench: Bench) -> None:
    await month(bench)
    now = bench.clock.now()
    late = [
        Mention(external_id=f"late-{n}", kind=Kind.POST, text="A new car park.", published_at=now - n * 2 * DAY)
        for n in range(1, 13)
    ]
    bench.fakes["one"].polls.append([Page(mentions=late, cursor={"at": 1})])
    await poll_due(bench.line)
    judge(bench.line)
    assert opened(bench) == []


async def test_there_is_no_verdict_while_the_only_source_fails(bench: Bench) -> None:
    await month(bench)
    now = bench.clock.now()
    said = [Mention(external_id=f"n{n}", kind=Kind.POST, text="A new car park.", published_at=now) for n in range(9)]
    bench.fakes["one"].polls.append([Page(mentions=said), Unavailable("fake.example does not answer")])
    await poll_due(bench.line)
    judge(bench.line)
    assert opened(bench) == []
    bench.wait(hours=1)
    await turn_of(bench, 1)
    assert [one.state for one in opened(bench)] == [State.OPEN]
