"""Ratings on any scale, as stars from 1 to 5."""

from __future__ import annotations

import re

from monitor.model import Json

_NUMBER = re.compile(r"(?<![\d.,])-?(\d{1,6}(?:[.,]\d{1,6})?)")
_OF = re.compile(r"(\d{1,6}(?:[.,]\d{1,6})?)\s*(?:/|of|out of|von|sur|de|su|van)\s*(\d{1,6})", re.IGNORECASE)

_LONGEST = 100


def number(value: Json) -> float | None:
    """The first number in `value`: 4, "4,5", "5 stars"; None where there is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 10**6 else None
    found = _NUMBER.search(value[:_LONGEST]) if isinstance(value, str) else None
    return float(found[0].replace(",", ".")) if found else None


def stars(value: Json, best: Json = None, worst: Json = None) -> float | None:
    """`value` between `worst` and `best` as 1 to 5, None where it is not on that scale.

    Without a best it is five, as schema.org has it, unless the value says otherwise ("8/10", "90%") or is higher: then
    ten or a hundred. Where the best is less than the worst, as with German marks, less is better."""
    rating, top, bottom = number(value), number(best), number(worst)
    if isinstance(value, str) and (of := _OF.search(value[:_LONGEST])):
        rating, top = number(of[1]), number(of[2])
    if rating is None:
        return None
    if top is None:
        percent = isinstance(value, str) and "%" in value
        top = 100.0 if percent or rating > 10 else 10.0 if rating > 5 else 5.0
    if bottom is None:
        bottom = 0.0 if rating < 1 or top == 100 else 1.0
    share = (rating - bottom) / (top - bottom) if top != bottom else -1
    return round(1 + 4 * share, 2) if 0 <= share <= 1 else None
