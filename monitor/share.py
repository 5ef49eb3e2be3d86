"""How much of what is said is negative, and is that sure? The share of a window with the doubt that few mentions leave: pure.

Two of three is no two thirds of anything. A share is believed to be at least what Wilson's score interval says at 95 % on one
side (Wilson, J. Am. Stat. Assoc. 22, 1927; Brown, Cai and DasGupta, Statistical Science 16, 2001, prefer it for few)."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import NamedTuple

WITHIN = timedelta(days=7)
"""The window where a rule names none."""
REST = timedelta(days=1)
"""A group whose share was called is not called again before this."""
LEAST = 5
"""Mentions that a window must have where a rule names no number."""
_SURE = 1.645
"""Standard deviations of 95 % on one side."""


class Moods(NamedTuple):
    """Mentions whose mood is known, and how many of them are negative."""

    mentions: int = 0
    negative: float = 0.0


class Reading(NamedTuple):
    """Whether too much is negative, whether it would be over, and the share that it is at least."""

    high: bool
    over: bool
    at_least: float


def read(window: Moods, limit: float, *, least: int = LEAST) -> Reading:
    """The verdict on a window: too much once the share is surely above `limit` (0 to 1), over once it is not above it."""
    surely = at_least(window)
    over = window.negative <= limit * window.mentions
    return Reading(window.mentions >= least and surely > limit, over, surely)


def at_least(window: Moods) -> float:
    """Wilson's lower bound of the share, 0 to 1; 0 where nothing was said."""
    if not window.mentions:
        return 0.0
    number, share = window.mentions, window.negative / window.mentions
    square = _SURE * _SURE
    middle = share + square / (2 * number)
    off = _SURE * math.sqrt(share * (1 - share) / number + square / (4 * number * number))
    return max(0.0, (middle - off) / (1 + square / number))
