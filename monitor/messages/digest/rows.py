"""The rows of a digest's tables, the same for both parts of the mail, and their plain columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.digest import Part, Range
from monitor.messages.page import WIDTH
from monitor.messages.text import MARK, line

_MOODS = ("positive", "neutral", "negative", "unread")
_NAME = 60
_WIDEST_NAME = 36
_JOINERS = " \u200c\u200d\ufe0e\ufe0f"
_SPARE = 2
"""Columns kept free, since some emoji are wider than Unicode says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was said in one part: `mentions` are the sum of the four moods; `given` is how many came with stars, and
    `mean` what those are on average, None where there are none. `share` is the mentions in percent of the largest row,
    `likely` where the rating probably lies."""

    name: str
    mentions: int
    positive: int
    neutral: int
    negative: int
    unread: int
    given: int
    mean: float | None
    share: int = 100
    likely: Range | None = None

    @property
    def stars(self) -> str:
        """Such as "4.2 (60)", empty where nobody gave any."""
        return "" if self.mean is None else f"{self.mean:.1f} ({self.given:,})"

    @property
    def moods(self) -> list[tuple[str, int]]:
        """The moods that there are, with their part of the row in percent; the parts add up to 100."""
        counts = [(name, getattr(self, name)) for name in _MOODS if getattr(self, name)]
        widths = [max(count * 100 // self.mentions, 1) for _, count in counts]
        largest = widths.index(max(widths)) if widths else 0
        return [
            (name, width + (100 - sum(widths) if at == largest else 0))
            for at, ((name, _), width) in enumerate(zip(counts, widths, strict=True))
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number with a name, `share` in percent of the largest of its table, and what is to be said beside it."""

    name: str
    count: int
    share: int = 0
    remark: str = ""


def rows(parts: Mapping[str, Part], limit: int, what: str) -> list[Row]:
    """A row for each part in their order, at most `limit`: those that are too many are summed up in the last, so that
    the sums of the columns stay those of the whole. `what` is what they are, such as "locations"."""
    names = list(parts)
    kept = names if len(names) <= limit else names[: limit - 1]
    rest = names[len(kept) :]
    made = [row(name, [parts[name]]) for name in kept]
    if rest:
        made.append(row(f"{len(rest)} other {what}", [parts[name] for name in rest]))
    largest = max((one.mentions for one in made), default=0)
    return [replace(one, share=max(percent(one.mentions, largest), 2 if one.mentions else 0)) for one in made]


def row(name: str, parts: Iterable[Part]) -> Row:
    """The sum of `parts` under one name."""
    parts = list(parts)
    mood = {name: sum(part.sentiments.get(name, 0) for part in parts) for name in _MOODS}
    whole = summed(parts)
    given = whole.stars.total()
    return Row(
        name=line(name, _NAME) or "?",
        mentions=sum(part.mentions for part in parts),
        **mood,
        given=given,
        mean=whole.mean_stars,
        likely=whole.rating,
    )


def summed(parts: Iterable[Part]) -> Part:
    """Several parts as one."""
    made = Part()
    for part in parts:
        made.join(part)
    return made


def counts(numbers: Mapping[str, int], limit: int = 25) -> list[Count]:
    """A row for each number in their order, at most `limit`, the last of them the sum of those that are too many."""
    made = list(numbers.items())
    if len(made) > limit:
        rest = made[limit - 1 :]
        made = [*made[: limit - 1], (f"{len(rest)} others", sum(count for _, count in rest))]
    largest = max((count for _, count in made), default=0)
    return [Count(name=line(name, 60), count=count, share=percent(count, largest)) for name, count in made]


def percent(part: int, whole: int) -> int:
    """`part` in percent of `whole`, rounded; 0 of nothing."""
    return round(100 * part / whole) if whole else 0


def columns(table: Sequence[Sequence[str]]) -> str:
    """`table` in columns within the width of a message, the first to the left and cut where it has to be, all others
    to the right."""
    others = [max(width(cell) for cell in column) for column in list(zip(*table, strict=True))[1:]]
    gap = " " if len(others) > 3 else "  "
    room = WIDTH - _SPARE - sum(others) - len(gap) * len(others)
    first = min(max((width(cells[0]) for cells in table), default=0), room, _WIDEST_NAME)
    return "\n".join(
        gap.join(
            [_padded(cells[0], first), *(cell.rjust(wide) for cell, wide in zip(cells[1:], others, strict=True))]
        ).rstrip()
        for cells in table
    )


def width(text: str) -> int:
    """How many columns `text` takes where all characters are one or two of them wide."""
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _padded(text: str, wide: int) -> str:
    """`text` cut or filled up to exactly `wide` columns."""
    if width(text) > wide:
        while text and width(text) > wide - 1:
            text = text[:-1]
        text = text.rstrip(_JOINERS) + MARK
    return text + " " * (wide - width(text))
