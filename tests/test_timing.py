"""When things are due: polls, attempts, weeks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import timing

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CHICAGO = ZoneInfo("America/Chicago")
MONDAY_SEVEN = (0, time(7))


def test_polls_keep_to_their_grid_whenever_they_end() -> None:
    every = timedelta(minutes=15)
    first = timing.next_poll("news", every, NOW)
    assert NOW < first <= NOW + every
    for late in (0, 1, 400, 899):
        assert timing.next_poll("news", every, first + timedelta(seconds=late)) == first + every


def test_sources_with_one_interval_are_spread_over_it() -> None:
    every = timedelta(minutes=15)
    minutes = {timing.next_poll(f"source {n}", every, NOW).minute for n in range(500)}
    assert len(minutes) == 15


@pytest.mark.parametrize(
    ("failures", "wait", "minutes"),
    [
        (1, None, 15),
        (2, None, 30),
        (3, None, 60),
        (5, None, 240),
        (6, None, 360),
        (50, None, 360),
        (1, 48 * 60, 48 * 60),
    ],
)
def test_a_failing_source_is_tried_ever_later_and_never_given_up(failures: int, wait: int | None, minutes: int) -> None:
    asked = None if wait is None else timedelta(minutes=wait)
    due = timing.backoff(timedelta(minutes=15), failures, asked, NOW)
    assert due == NOW + timedelta(minutes=minutes)


def test_a_rare_source_backs_off_to_its_own_interval() -> None:
    assert timing.backoff(timedelta(days=1), 9, None, NOW) == NOW + timedelta(days=1)


def test_retries_follow_the_schedule_within_a_tenth_and_end() -> None:
    seconds = [5, 30, 120, 300, 900, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for attempt, pause in enumerate(seconds, start=1):
        due = timing.retry("some id", attempt, None, NOW)
        assert due is not None
        assert pause <= (due - NOW).total_seconds() <= 1.1 * pause
    assert timing.retry("some id", len(seconds) + 1, None, NOW) is None


def test_a_remotes_own_wait_is_never_undercut() -> None:
    assert timing.retry("id", 1, timedelta(hours=3), NOW) == NOW + timedelta(hours=3)


def test_a_week_has_its_iso_name_and_its_local_borders() -> None:
    week = timing.week("2026-W10", CHICAGO)
    assert week.since == datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
    assert week.until == datetime(2026, 3, 9, 5, 0, tzinfo=UTC)  # the clocks changed on the Sunday
    assert timing.week_of(week.since, CHICAGO) == week


@pytest.mark.parametrize("name", ["2026", "2026-10", "2026-W54", "x-Wy", ""])
def test_a_name_that_is_no_week_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ValueError, match="2026-W46"):
        timing.week(name, CHICAGO)


def test_weeks_cross_years_by_the_iso_calendar() -> None:
    assert timing.week_of(datetime(2027, 1, 1, 12, tzinfo=UTC), CHICAGO).name == "2026-W53"


@pytest.mark.parametrize(
    ("local", "week"),
    [
        ("2026-03-02 06:59", "2026-W08"),
        ("2026-03-02 07:00", "2026-W09"),
        ("2026-03-08 23:59", "2026-W09"),
        ("2026-03-09 06:59", "2026-W09"),
        ("2026-03-09 07:00", "2026-W10"),
    ],
)
def test_a_digest_is_due_at_its_local_hour_for_the_week_before(local: str, week: str) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=CHICAGO).astimezone(UTC)
    assert timing.last_due_week(*MONDAY_SEVEN, now, CHICAGO).name == week


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 6),
    st.times(),
    st.sampled_from(["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "UTC", "Pacific/Apia"]),
)
def test_the_due_week_is_over_and_never_goes_back(now: datetime, weekday: int, at: time, zone: str) -> None:
    here = ZoneInfo(zone)
    period = timing.last_due_week(weekday, at, now, here)
    assert period.until <= now
    later = timing.last_due_week(weekday, at, now + timedelta(hours=1), here)
    assert later.since in {period.since, period.until}
