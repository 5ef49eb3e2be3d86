"""What one recipient gets, and which first: the tables that monitor/restraint.py keeps to."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Level, Reason
from monitor.restraint import CEILING, QUIET, Passed, Waiting, plan, reserve
from monitor.timing import failover, quiet_until
from tests.clock import START as NOW

MINUTE = timedelta(minutes=1)
CHICAGO = ZoneInfo("America/Chicago")


def waits(key: str, level: Level = Level.WARNING, **values: Any) -> Waiting:
    base: dict[str, Any] = {"id": key, "inbox": "risk", "channel": "email", "recipient": "r@practice.example"}
    base |= {"level": level, "reason": Reason.OPENED, "created_at": NOW, "incident_id": hash(key) % 10**9}
    return Waiting(**(base | values))


def many(count: int, level: Level = Level.WARNING, **values: Any) -> list[Waiting]:
    return [waits(f"{level.value}-{number:04}", level, **values) for number in range(count)]


def before(count: int, minutes: int = 10) -> list[Passed]:
    return [Passed(NOW - minutes * MINUTE, None)] * count


def ids(some: list[Waiting]) -> list[str]:
    return [one.id for one in some]


@pytest.mark.parametrize(
    ("passed", "level", "admitted"),
    [
        (0, Level.WARNING, 8),  # the last two of ten are for what is urgent
        (0, Level.URGENT, 10),
        (0, Level.CRITICAL, 10),
        (7, Level.INFO, 1),
        (8, Level.WARNING, 0),
        (8, Level.URGENT, 2),
        (10, Level.CRITICAL, 0),
    ],
)
def test_a_recipient_gets_no_more_than_the_ceiling(passed: int, level: Level, admitted: int) -> None:
    made = plan(many(20, level), before(passed), 10, NOW)
    assert (len(made.admit), len(made.withhold)) == (admitted, 20 - admitted)


def test_the_heavier_goes_first_whatever_came_first() -> None:
    waiting = [*many(15), *many(4, Level.CRITICAL, created_at=NOW + MINUTE)]
    made = plan(waiting, [], 10, NOW + MINUTE)
    assert ids(made.admit)[:4] == ids(many(4, Level.CRITICAL))
    assert len(made.admit) == 8


def test_what_is_over_an_hour_old_counts_no_more() -> None:
    assert len(plan(many(9), before(10, minutes=60), 10, NOW).admit) == 8


def test_what_is_withheld_waits_until_there_may_be_room() -> None:
    passed = [Passed(NOW - minutes * MINUTE, None) for minutes in range(5, 55, 5)]  # ten of them
    made = plan([waits("ordinary"), waits("urgent", Level.URGENT)], passed, 10, NOW)
    assert made.withhold == {"urgent": NOW + 10 * MINUTE, "ordinary": NOW + 20 * MINUTE}
    for key, moment in made.withhold.items():
        again = plan([waits(key, Level.URGENT if key == "urgent" else Level.WARNING)], passed, 10, moment)
        assert ids(again.admit) == [key]


def test_what_was_withheld_is_told_together_and_a_single_one_is_sent() -> None:
    held = many(30, withheld=CEILING)
    made = plan(held, before(5), 10, NOW)
    assert (ids(made.together), made.admit, made.withhold) == (ids(held), [], {})
    alone = plan(held[:1], before(5), 10, NOW)
    assert (alone.together, ids(alone.admit)) == ([], ids(held[:1]))
    full = plan(held, before(10), 10, NOW)
    assert (full.together, len(full.withhold)) == ([], 30)


def test_all_that_was_withheld_weighs_as_much_as_the_heaviest_of_it() -> None:
    held = [*many(5, withheld=QUIET), waits("bad", Level.CRITICAL, withheld=QUIET)]
    assert len(plan(held, before(9), 10, NOW).together) == 6


def test_of_several_messages_about_an_incident_only_the_last_is_said() -> None:
    rows = [
        waits("a", incident_id=1),
        waits("b", incident_id=1, reason=Reason.ESCALATED, created_at=NOW + MINUTE),
        waits("c", incident_id=1, reason=Reason.GREW, created_at=NOW + MINUTE),
        waits("d", incident_id=2),
        waits("e", incident_id=1, reason=Reason.DELIVERY_FAILED),
    ]
    made = plan(rows, [], 10, NOW + MINUTE)
    assert sorted(ids(made.admit)) == ["b", "d", "e"]
    assert made.superseded == {"a": "b", "c": "b"}


@pytest.mark.parametrize(
    ("level", "minutes", "due"), [(Level.WARNING, 2, 5), (Level.URGENT, 4, 5), (Level.CRITICAL, 0, 1)]
)
def test_an_incident_is_spoken_of_once_in_its_interval(level: Level, minutes: int, due: int) -> None:
    said = NOW - minutes * MINUTE
    row = waits("a", level, incident_id=1)
    made = plan([row], [Passed(said, 1)], 10, NOW)
    assert (made.admit, made.later) == ([], {"a": said + due * MINUTE})
    assert ids(plan([row], [Passed(said, 1)], 10, said + due * MINUTE).admit) == ["a"]
    assert ids(plan([row], [Passed(said, 2)], 10, NOW).admit) == ["a"]


@given(
    st.lists(st.tuples(st.sampled_from(list(Level)), st.integers(0, 5), st.booleans()), max_size=40),
    st.lists(st.integers(0, 90), max_size=15),
    st.integers(1, 12),
)
def test_whatever_waits_each_has_one_fate_and_the_ceiling_holds(
    rows: list[tuple[Level, int, bool]], ages: list[int], at_most: int
) -> None:
    waiting = [
        waits(str(number), level, incident_id=about, withheld=CEILING if held else None)
        for number, (level, about, held) in enumerate(rows)
    ]
    passed = [Passed(NOW - age * MINUTE, None) for age in ages]
    made = plan(waiting, passed, at_most, NOW)
    fates = [*ids(made.admit), *made.superseded, *made.later, *made.withhold, *ids(made.together)]
    assert sorted(fates) == sorted(one.id for one in waiting)
    lately = sum(age < 60 for age in ages)
    sent = len(made.admit) + bool(made.together)
    assert sent <= max(0, at_most - lately)
    assert all(moment > NOW for moment in made.withhold.values())
    assert set(made.superseded.values()).isdisjoint(made.superseded)


@pytest.mark.parametrize(("at_most", "kept"), [(1, 0), (4, 0), (5, 1), (10, 2), (100, 20)])
def test_a_part_of_the_ceiling_is_kept_for_what_is_urgent(at_most: int, kept: int) -> None:
    assert reserve(at_most) == kept


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        ("2026-03-02T21:59", None),
        ("2026-03-02T22:00", 9),
        ("2026-03-02T23:30", 7.5),
        ("2026-03-03T06:59", 1 / 60),
        ("2026-03-03T07:00", None),
        ("2026-03-07T22:00", 8),  # the clocks go forward in this night
        ("2026-10-31T22:00", 10),  # and back in this one
    ],
)
def test_quiet_hours_end_when_the_clock_on_the_wall_says_so(moment: str, hours: float | None) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=CHICAGO)
    end = quiet_until(time(22), time(7), now, CHICAGO)
    assert end == (None if hours is None else now.astimezone(ZoneInfo("UTC")) + timedelta(hours=hours))


def test_quiet_hours_may_lie_within_a_day_and_begin_or_end_in_an_hour_that_is_missing() -> None:
    noon = datetime(2026, 3, 2, 12, 30, tzinfo=CHICAGO)
    assert quiet_until(time(12), time(13), noon, CHICAGO) == datetime(2026, 3, 2, 13, tzinfo=CHICAGO)
    assert quiet_until(time(13), time(12, 30), noon, CHICAGO) is None
    gap = datetime(2026, 3, 8, 1, 59, tzinfo=CHICAGO)
    assert quiet_until(time(1), time(2, 30), gap, CHICAGO) == datetime(2026, 3, 8, 3, 30, tzinfo=CHICAGO)


@pytest.mark.parametrize(
    ("failing", "again", "wait", "expected", "elsewhere"),
    [
        (0, 1, None, 1, False),
        (3, 5, None, 2, False),  # there is an attempt when the five minutes are over
        (5, 15, None, 15, True),
        (60, 30, None, 30, True),
        (0, 60, 60, 60, True),  # the other side wants an hour: nobody waits for it
        (0, 2, 2, 2, False),
    ],
)
def test_after_five_minutes_another_channel_takes_it(
    failing: int, again: int, wait: int | None, expected: int, elsewhere: bool
) -> None:
    asked = None if wait is None else wait * MINUTE
    found = failover(NOW - failing * MINUTE, NOW + again * MINUTE, asked, NOW)
    assert found == (NOW + expected * MINUTE, elsewhere)
