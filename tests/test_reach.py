"""How far a mention reaches, in steps of ten, and what that raises."""

from __future__ import annotations

import pytest

from monitor import reach
from tests.store import said


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ({}, 0),
        ({"engagement": 99}, 0),
        ({"engagement": 100}, 1),
        ({"engagement": 999}, 1),
        ({"engagement": 1_000}, 2),
        ({"engagement": 99_999}, 3),
        ({"engagement": 10_000_000}, 4),
        ({"audience": 9_999}, 0),
        ({"audience": 10_000}, 1),
        ({"audience": 1_000_000, "engagement": 100}, 3),
        ({"audience": 10_000_000, "ours": True}, 0),  # our followers are there whatever we say
        ({"engagement": 1_000, "ours": True}, 2),
    ],
)
def test_a_step_is_ten_times_the_one_before(values: dict[str, object], step: int) -> None:
    assert reach.step(said(**values)) == step


@pytest.mark.parametrize(
    ("impact", "step", "raised"), [(1, 0, 1), (1, 1, 2), (1, 4, 3), (4, 2, 5), (5, 0, 5), (5, 4, 5)]
)
def test_reach_raises_an_impact_by_two_at_most_and_never_lowers_it(impact: int, step: int, raised: int) -> None:
    assert reach.raised(impact, step) == raised


def test_a_step_is_told_in_words() -> None:
    assert reach.words(1) == "100 reactions, or an author with 10,000 followers"
