"""How well a slump of stars is told: false alarms and delays of simulated practices.

    python benchmarks/slump.py [--quick] [--seed N]

A practice has 0.2, 1 or 3 reviews a day, of 4.5 stars in the mean with the usual heap at five and one, and its bad reviews come
a little more or less often from month to month. After a year that is learned from, three years are watched at each review, as
the daemon does, once as they are and once with a fall to 3.5 stars planted that stays.
"""

from __future__ import annotations

import math
import random
from argparse import Namespace
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from statistics import median
from typing import NamedTuple

from measure import machine, options, table

from monitor import slump
from monitor.slump import LEAST, LEVELS, Ratings
from monitor.surge import Sensitivity

USUAL = (0.05, 0.03, 0.04, 0.13, 0.75)
FALLEN = (0.25, 0.09, 0.08, 0.07, 0.51)
"""Shares of one to five stars: means of 4.5 and 3.5."""
RESTLESS = 0.15
"""Standard deviation of the logarithm of how often bad reviews come, from month to month."""
LEARNED, YEARS = 365, 3
PLANTED = 900


class Review(NamedTuple):
    """When it came, in days, and its stars."""

    at: float
    stars: int


def practice(rate: float, rng: random.Random, *, fallen_at: float = math.inf, days: int) -> list[Review]:
    """`rate` reviews a day for `days` days; from `fallen_at` on they are worse."""
    found, at, month, more = [], 0.0, -1, 1.0
    while (at := at + rng.expovariate(rate)) < days:
        if at // 30 != month:
            month, more = at // 30, math.exp(rng.gauss(0, RESTLESS))
        one, two, three, *good = FALLEN if at >= fallen_at else USUAL
        found.append(Review(at, rng.choices(range(1, 6), [one * more, two * more, three * more, *good])[0]))
    return found


def raised(said: Sequence[Review], sensitivity: Sensitivity, within: int) -> list[float]:
    """When the daemon would have raised a slump: it looks at each review, with the whole past from the first year on."""
    times = [one.at for one in said]
    lost = [0.0, *accumulate(slump.lost(one.stars) for one in said)]

    def ratings(since: float, until: float) -> Ratings:
        begin, end = bisect_left(times, since), bisect_right(times, until)
        return Ratings(end - begin, lost[end] - lost[begin])

    found: list[float] = []
    held = False
    for at in times[bisect_left(times, LEARNED) :]:
        since = at - within
        past = ratings(since - slump.PAST.days, math.nextafter(since, 0))
        reading = slump.read(ratings(since, at), past, sensitivity)
        rested = not found or at - found[-1] >= slump.REST.days
        if held:
            held = not reading.over
        elif reading.low and rested:
            found.append(at)
            held = True
    return found


RATES = {0.2: 40, 1.0: 20, 3.0: 10}
"""Reviews a day, and how many practices of that sort."""
WINDOWS = (28, 90)


def practices(args: Namespace) -> None:
    quiet, told = [], []
    for within in WINDOWS:
        for rate, number in RATES.items():
            some = max(2, number // 5) if args.quick else number
            rng = random.Random(f"{args.seed}/{rate}/{within}")
            usual = [practice(rate, rng, days=LEARNED + YEARS * 365) for _ in range(some)]
            fallen = [practice(rate, rng, fallen_at=PLANTED, days=PLANTED + 180) for _ in range(some)]
            false = [sum(len(raised(one, level, within)) for one in usual) / (some * YEARS) for level in LEVELS]
            quiet.append([within, rate, some * YEARS, *(f"{one:.2f}" for one in false)])
            told.append([within, rate, some, *(_told(fallen, level, within) for level in LEVELS)])
    head = ["window, days", "reviews a day"]
    table("False alarms per practice-year, no slump planted", [*head, "practice-years", *LEVELS], quiet)
    table(
        "A fall from 4.5 to 3.5 stars: share told within 180 days, median days until told",
        [*head, "practices", *LEVELS],
        told,
        note=f"At least {LEAST} reviews in a window.",
    )


def _told(fallen: Sequence[Sequence[Review]], sensitivity: Sensitivity, within: int) -> str:
    first = [next((at for at in raised(one, sensitivity, within) if at >= PLANTED), None) for one in fallen]
    delays = [at - PLANTED for at in first if at is not None]
    return f"{len(delays) / len(first):.0%}, {median(delays):.0f} d" if delays else "none"


def main() -> None:
    args = options(__doc__).parse_args()
    print(machine())
    practices(args)


if __name__ == "__main__":
    main()
