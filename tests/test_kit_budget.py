"""Budgets: what is spent counts for a calendar day of the platform's own zone, however long that day is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.budget import Budget

NEW_YORK = ZoneInfo("America/New_York")
PACIFIC = ZoneInfo("America/Los_Angeles")
SEARCHES = Budget(name="searches", limit=100, zone="America/Los_Angeles")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_new_budget_is_whole():
    assert SEARCHES.left(None, at("2026-06-01T12:00Z")) == 100
    assert SEARCHES.left({}, at("2026-06-01T12:00Z")) == 100


def test_what_is_spent_survives_json_and_the_day():
    now = at("2026-06-01T12:00Z")
    spent = json.loads(json.dumps(SEARCHES.spend(SEARCHES.spend(None, now), now, 9)))

    assert spent == {"day": "2026-06-01", "used": 10}
    assert SEARCHES.left(spent, now + timedelta(hours=18)) == 90


def test_it_is_never_less_than_nothing():
    now = at("2026-06-01T12:00Z")

    assert SEARCHES.left(SEARCHES.spend(None, now, 250), now) == 0


@pytest.mark.parametrize(
    ("last", "first"),
    [
        ("2026-06-02T06:59:59Z", "2026-06-02T07:00:00Z"),  # PDT
        ("2026-12-02T07:59:59Z", "2026-12-02T08:00:00Z"),  # PST
        ("2026-03-08T07:59:59Z", "2026-03-08T08:00:00Z"),  # the day that is 23 hours long begins in PST ...
        ("2026-03-09T06:59:59Z", "2026-03-09T07:00:00Z"),  # ... and ends in PDT
        ("2026-11-01T06:59:59Z", "2026-11-01T07:00:00Z"),  # the day that is 25 hours long begins in PDT ...
        ("2026-11-02T07:59:59Z", "2026-11-02T08:00:00Z"),  # ... and ends in PST
    ],
)
def test_it_is_whole_again_at_midnight_in_its_zone_and_not_before(last, first):
    spent = SEARCHES.spend(None, at(last), 100)

    assert SEARCHES.left(spent, at(last)) == 0
    assert SEARCHES.left(spent, at(first)) == 100
    assert SEARCHES.wait(at(last)) == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("midnight", "hours"),
    [("2026-06-01T07:00Z", 24), ("2026-03-08T08:00Z", 23), ("2026-11-01T07:00Z", 25)],
)
def test_a_day_is_as_long_as_the_clocks_make_it(midnight, hours):
    assert SEARCHES.wait(at(midnight)) == timedelta(hours=hours)


@pytest.mark.parametrize("zone", [UTC, PACIFIC, NEW_YORK])
def test_the_wait_is_the_same_in_whatever_zone_now_is_told(zone):
    evening = at("2026-11-01T06:30Z")  # half an hour before the long day; the second 1:30 is 10 hours later
    again = at("2026-11-01T09:30Z")

    assert SEARCHES.wait(evening.astimezone(zone)) == timedelta(minutes=30)
    assert SEARCHES.wait(again.astimezone(zone)) == timedelta(hours=22, minutes=30)


def test_a_day_without_a_midnight_begins_when_the_clocks_went_forward():
    cairo = Budget(name="x", limit=1, zone="Africa/Cairo")  # 24 April 2026: from 00:00 to 01:00
    spent = cairo.spend(None, at("2026-04-23T21:59:59Z"))

    assert cairo.wait(at("2026-04-23T21:59:59Z")) == timedelta(seconds=1)
    assert cairo.left(spent, at("2026-04-23T22:00:00Z")) == 1


def test_people_are_told_when_it_is_nearly_spent_and_when_it_is():
    now = at("2026-06-01T12:00Z")  # 05:00 there

    assert SEARCHES.warning(SEARCHES.spend(None, now, 79), now) is None
    told = SEARCHES.warning(SEARCHES.spend(None, now, 80), now)
    assert told == "searches: 20 of 100 left for today, renewed in about 19 h"
    assert "0 of 100" in (SEARCHES.warning(SEARCHES.spend(None, now, 101), now) or "")


def test_a_fifth_may_be_spent_at_once_and_the_rest_as_the_day_passes():
    midnight, noon = at("2026-06-01T07:00Z"), at("2026-06-01T19:00Z")

    assert not SEARCHES.ahead(SEARCHES.spend(None, midnight, 19), midnight)
    assert SEARCHES.ahead(SEARCHES.spend(None, midnight, 20), midnight)
    assert not SEARCHES.ahead(SEARCHES.spend(None, midnight, 59), noon)
    assert SEARCHES.ahead(SEARCHES.spend(None, midnight, 61), noon)
    assert SEARCHES.ahead(SEARCHES.spend(None, midnight, 100), noon + timedelta(hours=11, minutes=59))


@given(now=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_waiting_as_long_as_it_says_makes_it_whole_and_less_does_not(now):
    spent = SEARCHES.spend(None, now, 100)
    wait = SEARCHES.wait(now)

    assert timedelta() < wait <= timedelta(hours=25)
    assert SEARCHES.left(spent, now + wait) == 100
    assert SEARCHES.left(spent, now + wait - timedelta(microseconds=1)) == 0
