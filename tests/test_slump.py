"""Stars lower than they used to be: what few reviews can show, and how often a practice without a slump is called."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate, pairwise

import pytest

from monitor import slump
from monitor.slump import Ratings, read
from monitor.surge import Sensitivity

YEAR = Ratings(100, 12.5)
"""A hundred reviews of 4.5 stars."""


def rated(reviews: int, stars: float) -> Ratings:
    return Ratings(reviews, reviews * slump.lost(stars))


@pytest.mark.parametrize(
    ("window", "past", "low"),
    [
        (rated(20, 3.4), YEAR, True),
        (rated(20, 4.5), YEAR, False),
        (rated(20, 4.9), YEAR, False),  # better is no slump
        (rated(4, 1.0), YEAR, False),  # too few reviews, whatever they say
        (rated(5, 1.0), YEAR, True),
        (rated(5, 3.4), YEAR, False),  # two bad ones of five may be chance
        (rated(20, 3.4), rated(19, 4.5), False),  # nobody knows what is usual
        (rated(20, 2.8), rated(20, 4.5), True),
        (rated(20, 3.4), rated(1000, 3.4), False),  # it was never better
        (rated(5000, 4.3), rated(50_000, 4.5), False),  # sure, and too little to matter
        (rated(5000, 4.0), rated(50_000, 4.5), True),
    ],
)
def test_a_window_is_a_slump_only_where_it_is_much_lower_and_that_is_sure(
    window: Ratings, past: Ratings, low: bool
) -> None:
    assert read(window, past, Sensitivity.MEDIUM).low is low


def test_a_rule_may_ask_for_more_reviews() -> None:
    assert read(rated(8, 1.0), YEAR, Sensitivity.MEDIUM, least=8).low
    assert not read(rated(7, 1.0), YEAR, Sensitivity.MEDIUM, least=8).low


def test_a_higher_sensitivity_hears_what_a_lower_one_does_not() -> None:
    heard = [
        {level for level in Sensitivity if read(rated(10, stars), YEAR, level).low}
        for stars in (4.4, 4.0, 3.7, 3.4, 3.0, 2.0)
    ]
    assert heard[0] == set()
    assert heard[-1] == set(Sensitivity)
    assert all(fewer <= more for fewer, more in pairwise(heard))
    assert {Sensitivity.HIGH} in heard
    assert {Sensitivity.HIGH, Sensitivity.MEDIUM} in heard


def test_between_the_level_that_raises_and_the_one_that_clears_nothing_changes() -> None:
    between = read(rated(20, 3.85), YEAR, Sensitivity.MEDIUM)
    assert (between.low, between.over) == (False, False)
    assert read(rated(20, 4.4), YEAR, Sensitivity.MEDIUM).over
    assert not read(rated(20, 3.4), YEAR, Sensitivity.MEDIUM).over


def test_nothing_is_over_that_nothing_is_known_of() -> None:
    assert read(Ratings(), YEAR, Sensitivity.MEDIUM) == (False, False, None)
    assert read(rated(20, 3.0), Ratings(), Sensitivity.MEDIUM) == (False, False, None)


@pytest.mark.parametrize("losses", [0, 1, 4, 12])
def test_the_surprise_is_the_tail_of_the_beta_binomial(losses: int) -> None:
    window, past = Ratings(12, losses), Ratings(100, 10)
    worse, better = 10.5, 90.5

    def beta(first: float, second: float) -> float:
        return math.gamma(first) * math.gamma(second) / math.gamma(first + second)

    tail = sum(
        math.comb(12, lost) * beta(worse + lost, better + 12 - lost) / beta(worse, better) for lost in range(losses, 13)
    )
    found = read(window, past, Sensitivity.LOW).surprise
    assert found == pytest.approx(-math.log10(tail) if losses > 1 else 0.0, abs=1e-9)


def practice(rate: float, rng: random.Random, days: int) -> Iterator[tuple[float, float]]:
    """When reviews come, and what each has lost: 4.5 stars in the mean."""
    at = 0.0
    while (at := at + rng.expovariate(rate)) < days:
        yield at, rng.choices((1, 0.75, 0.5, 0.25, 0), (5, 3, 4, 13, 75))[0]


@pytest.mark.parametrize(("rate", "practices"), [(0.2, 12), (1, 4), (3, 1)])
def test_a_practice_without_a_slump_is_called_at_most_once_a_year(rate: float, practices: int) -> None:
    rng, within, years = random.Random(rate), slump.WITHIN.days, 3
    called = 0
    for _ in range(practices):
        said = list(practice(rate, rng, 365 * (1 + years)))
        days, sums, low = [day for day, _ in said], [0.0, *accumulate(lost for _, lost in said)], False
        for end in range(bisect_left(days, slump.PAST.days) + 1, len(days) + 1):
            begin, first = (bisect_left(days, days[end - 1] - span) for span in (within, within + slump.PAST.days))
            recent, past = (
                Ratings(end - begin, sums[end] - sums[begin]),
                Ratings(begin - first, sums[begin] - sums[first]),
            )
            found = read(recent, past, Sensitivity.MEDIUM)
            called += found.low and not low
            low = found.low
    assert called <= practices * years
