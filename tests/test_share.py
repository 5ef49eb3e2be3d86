"""How much of what is said is negative, and whether that is sure."""

from __future__ import annotations

import pytest

from monitor import share
from monitor.share import Moods, at_least, read


@pytest.mark.parametrize(
    ("negative", "mentions", "high"),
    [
        (2, 3, False),
        (3, 3, False),  # too few, whatever they say
        (3, 5, False),
        (5, 5, True),
        (6, 10, False),  # six of ten may be four of ten by chance
        (10, 16, True),
        (45, 100, False),
        (50, 100, True),
        (0, 0, False),
    ],
)
def test_a_share_is_over_its_limit_only_where_that_is_sure(negative: int, mentions: int, high: bool) -> None:
    assert read(Moods(mentions, negative), 0.4).high is high


def test_it_is_over_once_the_share_is_not_above_the_limit() -> None:
    assert not read(Moods(100, 41), 0.4).over
    assert read(Moods(100, 40), 0.4).over
    assert read(Moods(), 0.4).over


def test_a_rule_may_ask_for_more_mentions() -> None:
    assert read(Moods(9, 9), 0.4, least=9).high
    assert not read(Moods(9, 9), 0.4, least=10).high


@pytest.mark.parametrize(
    ("negative", "mentions", "bound"), [(2, 3, 0.2535), (5, 5, 0.6488), (50, 100, 0.4188), (0, 10, 0.0)]
)
def test_the_bound_is_wilsons(negative: int, mentions: int, bound: float) -> None:
    assert at_least(Moods(mentions, negative)) == pytest.approx(bound, abs=1e-4)
    assert share.at_least(Moods(mentions, negative)) <= negative / mentions
