"""Budgets over a rolling span: never more than allowed in any of them, and free again in the end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.rolling import Distinct, Rolling

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUERIES = Rolling(name="searches", limit=10, within=DAY)
TAGS = Distinct(name="hashtags", limit=5, within=7 * DAY)


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 4)), max_size=60))
def test_never_more_is_spent_in_any_span_than_is_allowed(steps):
    now, spent, made = NOW, None, []
    for seconds, count in steps:
        now += timedelta(seconds=seconds)
        if QUERIES.left(spent, now) >= count:
            spent = json.loads(json.dumps(QUERIES.spend(spent, now, count)))
            made += [now] * count

    for at in made:
        assert len([one for one in made if at - DAY < one <= at]) <= QUERIES.limit
    assert QUERIES.left(spent, now + 26 * HOUR) == QUERIES.limit


def test_what_is_kept_is_small():
    spent = None
    for minutes in range(0, 10_000, 7):
        spent = QUERIES.spend(spent, NOW + timedelta(minutes=minutes))

    assert len(spent) <= 26


def test_what_was_free_is_given_back():
    spent = QUERIES.spend(QUERIES.spend(None, NOW, 3), NOW, -1)

    assert QUERIES.left(spent, NOW) == 8
    assert QUERIES.left(QUERIES.spend(None, NOW, -1), NOW) == 10


def test_people_are_told_before_it_is_gone():
    spent = QUERIES.spend(None, NOW, 7)
    assert QUERIES.warning(spent, NOW) is None

    spent = QUERIES.spend(spent, NOW + 3 * HOUR, 3)
    assert QUERIES.warning(spent, NOW + 4 * HOUR) == "searches: 0 of 10 are left, more in about 20 h"
    assert QUERIES.left(spent, NOW + 4 * HOUR + QUERIES.wait(spent, NOW + 4 * HOUR)) == 7


def test_a_name_counts_from_when_it_was_first_asked_for():
    spent = TAGS.spend(None, "a", NOW)
    spent = TAGS.spend(spent, "a", NOW + 6 * DAY)

    assert TAGS.counting(spent, NOW + 6 * DAY) == {"a": NOW.isoformat()}
    assert TAGS.counting(spent, NOW + 7 * DAY) == {}


def test_no_more_names_than_allowed():
    spent = None
    for n, name in enumerate("abcde"):
        spent = TAGS.spend(spent, name, NOW + n * DAY)

    assert TAGS.spend(spent, "f", NOW + 5 * DAY) is None
    assert TAGS.spend(spent, "c", NOW + 5 * DAY) == spent
    assert TAGS.free_at(spent, NOW + 5 * DAY) == NOW + 7 * DAY
    assert sorted(TAGS.spend(spent, "f", NOW + 7 * DAY)) == ["b", "c", "d", "e", "f"]


def test_people_are_told_of_the_last_names():
    spent = None
    for name in "abc":
        spent = TAGS.spend(spent, name, NOW)
    assert TAGS.warning(spent, NOW) is None

    assert TAGS.warning(TAGS.spend(spent, "d", NOW), NOW) == "hashtags: 1 of 5 different ones in 7 days are left"
