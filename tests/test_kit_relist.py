"""What is silently missing: two listings have to miss it, and what was only moved or not read is no loss."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.relist import Relist
from tests.clock import START

DAILY = Relist()


def after(known: list[str], *listings: set[str], relist: Relist = DAILY) -> tuple[Any, list[list[str]]]:
    """What is kept after these listings, one a day, and what each found to be gone."""
    kept, went = relist.told(None, known), []
    for day, there in enumerate(listings):
        went.append(relist.gone(kept, there))
        kept = json.loads(json.dumps(relist.listed(kept, there, START + timedelta(days=day))))
    return kept, went


def test_it_is_due_at_first_and_every_day():
    kept = DAILY.listed(None, (), START)

    assert DAILY.due(None, START)
    assert not DAILY.due(kept, START + timedelta(hours=23, minutes=59))
    assert DAILY.due(kept, START + timedelta(hours=24))


def test_a_clock_that_was_set_back_does_not_silence_it():
    kept = DAILY.listed(None, (), START + timedelta(days=365))

    assert DAILY.due(kept, START)


def test_what_two_listings_miss_is_gone_once():
    kept, went = after(["a", "b"], {"a"}, {"a"}, {"a"})

    assert went == [[], ["b"], []]
    assert kept["ids"] == ["a"]


def test_what_comes_back_was_not_gone():
    kept, went = after(["a", "b"], {"a"}, {"a", "b"}, {"a"})

    assert went == [[], [], []]
    assert kept["missing"] == ["b"]


def test_what_is_told_is_known_once():
    kept = DAILY.told(DAILY.told(None, ["a", "b"]), ["b", "c"])

    assert kept["ids"] == ["a", "b", "c"]


def test_what_leaves_a_window_is_forgotten_and_not_gone():
    kept, went = after(["a", "b"], {"a"}, {"a"}, relist=Relist(window=True))

    assert went == [[], []]
    assert (kept["ids"], kept["missing"]) == (["a"], [])


@given(st.lists(st.sets(st.sampled_from("abcd")), max_size=8))
def test_nothing_is_gone_that_either_of_the_last_two_listings_had(listings):
    _, went = after(list("abcd"), *listings)

    for day, gone in enumerate(went):
        before = listings[day - 1] if day else set("abcd")
        assert not set(gone) & (listings[day] | before)
