"""Are the stars lower than they used to be? The mean of a window against the group's own past, with the doubt that few
reviews leave: pure.

A review of five stars has lost nothing, one of one star everything, those between a quarter for each star. What a group
lost in the past is believed as a beta distribution (Jeffreys' prior, so that few reviews leave much doubt), and the window is
weighed against the beta-binomial that this predicts (Gelman et al., Bayesian Data Analysis, 2.4 and 5.3): the surprise is
-log10 of the chance that so many reviews lose so much. To count a lost star as a share of a lost review gives reviews the
largest spread that their mean allows, which is nearly theirs, for most have five stars or one; where they have not, it errs on
the quiet side. A group's past is believed as if it were at most `_BELIEVED` reviews: from month to month every practice is a
little better or worse. Measured by benchmarks/slump.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from monitor.surge import Sensitivity

WITHIN = timedelta(days=28)
"""The window where a rule names none."""
PAST = timedelta(days=365)
"""How far before the window the past reaches: every season once."""
REST = timedelta(days=14)
"""A group that slumped is not called again before this."""
LEAST = 5
"""Reviews that a window must have where a rule names no number."""

_KNOWN = 20
"""Reviews that the past must have before anything is said."""
_BELIEVED = 150
_WEIGHED = 500
"""A window of more reviews is weighed as one of so many: what they say is clear by then."""
_DROP = 0.3
"""Fewer stars lost than this are no slump, however sure: nobody could say what became worse."""
_CALM = 0.7
"""It is over once the window is no less likely than 1 in 5, or has not lost half of what would be a slump."""

LEVELS: Mapping[Sensitivity, float] = {Sensitivity.LOW: 2.5, Sensitivity.MEDIUM: 1.75, Sensitivity.HIGH: 1.25}
"""The surprise that raises a slump: one chance in 300, in 56, in 18 at each look. Windows overlap, and looks at
one are no chances of their own, so that so little is enough."""


class Ratings(NamedTuple):
    """Reviews with stars, and what they lost together: a five-star review 0, a one-star review 1."""

    reviews: int = 0
    lost: float = 0.0

    @property
    def stars(self) -> float:
        """The mean, 1 to 5. At least one review is needed."""
        return 5 - 4 * self.lost / self.reviews


def lost(stars: float) -> float:
    """What a review of so many stars (1 to 5) has lost, 0 to 1."""
    return (5 - stars) / 4


class Reading(NamedTuple):
    """Whether a window is a slump, whether one would be over, and how unlikely it is. None of it where too little is known."""

    low: bool = False
    over: bool = False
    surprise: float | None = None


def read(window: Ratings, past: Ratings, sensitivity: Sensitivity, *, least: int = LEAST) -> Reading:
    """The verdict on a window of at least `least` reviews after a past of at least twenty."""
    if past.reviews < _KNOWN or not window.reviews:
        return Reading()
    drop = past.stars - window.stars
    if drop < _DROP / 2:
        return Reading(over=True, surprise=0.0)
    surprise = _surprise(window, past)
    low = drop >= _DROP and window.reviews >= least and surprise >= LEVELS[sensitivity]
    return Reading(low, surprise < _CALM, surprise)


def _surprise(window: Ratings, past: Ratings) -> float:
    believed = min(1.0, _BELIEVED / past.reviews)
    weighed = min(1.0, _WEIGHED / window.reviews)
    worse = 0.5 + past.lost * believed
    better = 0.5 + (past.reviews - past.lost) * believed
    reviews, losses = round(window.reviews * weighed), math.floor(window.lost * weighed + 1e-9)
    return -math.log10(min(1.0, math.fsum(_chances(losses, reviews, worse, better)))) if losses else 0.0


def _chances(losses: int, reviews: int, worse: float, better: float) -> list[float]:
    """The chances of `losses`, `losses` + 1 ... `reviews` under the beta-binomial."""
    whole = math.lgamma(reviews + 1) - _beta(worse, better)
    return [
        math.exp(
            whole
            - math.lgamma(lost + 1)
            - math.lgamma(reviews - lost + 1)
            + _beta(worse + lost, better + reviews - lost)
        )
        for lost in range(losses, reviews + 1)
    ]


def _beta(first: float, second: float) -> float:
    return math.lgamma(first) + math.lgamma(second) - math.lgamma(first + second)
