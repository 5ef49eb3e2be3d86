"""What was said in one part of the whole, in numbers, and how its stars may be read."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from monitor.model import NEUTRAL

SENTIMENTS = ("positive", "neutral", "negative", "unread")

NO_LOCATION = "no location"

_95 = 1.959964
"""Standard deviations on both sides that hold 95 % of a normal distribution."""


class Range(NamedTuple):
    """From where to where a figure probably lies, at 95 %, and the figure itself."""

    low: float
    figure: float
    high: float


def share(part: float, whole: int) -> Range:
    """A share of `whole`, 0 to 1, and where it probably lies: Wilson's score interval (Wilson 1927), which holds for a
    handful as well as for thousands. Of nothing: anywhere."""
    if not whole:
        return Range(0.0, 0.5, 1.0)
    found, square = part / whole, _95 * _95
    middle = (found + square / (2 * whole)) / (1 + square / whole)
    around = _95 * math.sqrt(found * (1 - found) / whole + square / (4 * whole * whole)) / (1 + square / whole)
    return Range(min(max(middle - around, 0.0), found), found, max(min(middle + around, 1.0), found))


@dataclass(slots=True, kw_only=True)
class Part:
    """What was said in one part of the whole, such as a location or a source. `stars` counts by whole stars, halves
    rounded up; `sum_of_stars` is exact; `reviews` is how many of the mentions are reviews."""

    mentions: int = 0
    reviews: int = 0
    sentiments: Counter[str] = field(default_factory=Counter)
    stars: Counter[int] = field(default_factory=Counter)
    sum_of_stars: float = 0.0

    @property
    def mean_stars(self) -> float | None:
        """The mean of the stars, None where nobody gave any."""
        given = self.stars.total()
        return self.sum_of_stars / given if given else None

    @property
    def rating(self) -> Range | None:
        """The mean of the stars and where the rating probably lies that so many reviews are a sample of; None where
        nobody gave any.

        The mean is taken as a share of the way from one star to five. No ratings between two bounds spread wider than
        those that are all at the bounds (Bhatia and Davis 2000), so Wilson's interval for a share is on the safe side,
        and hardly too wide, since reviews are mostly ones and fives. It has a width even where all agree: three
        reviews of five stars are no proof of a five-star clinic."""
        if self.mean_stars is None:
            return None
        given = self.stars.total()
        low, _, high = share(min(max((self.sum_of_stars - given) / 4, 0.0), given), given)
        return Range(min(1 + 4 * low, self.mean_stars), self.mean_stars, max(1 + 4 * high, self.mean_stars))

    def add(self, mood: str, stars: float | None, *, review: bool = False, times: int = 1) -> None:
        """Counts a mention, or so many that are alike."""
        self.mentions += times
        self.reviews += times * review
        self.sentiments[mood] += times
        if stars is not None:
            self.stars[math.floor(stars + 0.5)] += times
            self.sum_of_stars += stars * times

    def join(self, other: Part) -> None:
        """Counts what another part counted, too."""
        self.mentions += other.mentions
        self.reviews += other.reviews
        self.sentiments += other.sentiments
        self.stars += other.stars
        self.sum_of_stars += other.sum_of_stars


def sentiment(score: float | None) -> str:
    """The name of a score's part of the scale."""
    if score is None or not math.isfinite(score):
        return "unread"
    return "positive" if score >= NEUTRAL else "negative" if score <= -NEUTRAL else "neutral"
