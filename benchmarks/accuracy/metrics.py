"""How right a score is: the four numbers of every table, without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean


def auc(truth: Sequence[bool], scores: Sequence[float]) -> float:
    """How often a true one scores above a false one; ties count half."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks = [0.0] * len(scores)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or scores[order[end]] != scores[order[start]]:
            for i in order[start:end]:
                ranks[i] = (start + end + 1) / 2
            start = end
    true = sum(truth)
    return (sum(rank for rank, one in zip(ranks, truth, strict=True) if one) - true * (true + 1) / 2) / (
        true * (len(truth) - true)
    )


def share(found: Sequence[bool]) -> float:
    """How many of them, 0 to 1; not a number where there are none."""
    return fmean(found) if found else math.nan


def balanced(truth: Sequence[bool], found: Sequence[bool]) -> float:
    """The mean of how many true and how many false ones are known as such."""
    pairs = list(zip(truth, found, strict=True))
    return fmean([share([f for t, f in pairs if t]), share([not f for t, f in pairs if not t])])


def f1(truth: Sequence[bool], found: Sequence[bool]) -> float:
    """The harmonic mean of precision and recall."""
    both = sum(t and f for t, f in zip(truth, found, strict=True))
    return 2 * both / max(sum(truth) + sum(found), 1)


def correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Pearson's r."""
    a, b = fmean(one), fmean(other)
    together = sum((x - a) * (y - b) for x, y in zip(one, other, strict=True))
    return together / math.sqrt(sum((x - a) ** 2 for x in one) * sum((y - b) ** 2 for y in other))


def table(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """A table of Markdown; numbers with a point have three places."""
    said = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in (list(head), ["---"] * len(head), *said))
