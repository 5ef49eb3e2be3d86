"""What the charts of a digest show, and the same in words for who cannot see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monitor.digest import NO_LOCATION, Digest, Part
from monitor.messages.digest.ratings import titles
from monitor.messages.text import cut, line
from monitor.model import Json

PANELS, RATED = 6, 10
"""Locations that have a panel of their own, or a line among the ratings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A chart: under what name it is attached, what the process that draws it is told, and what it shows in words."""

    name: str
    wanted: dict[str, Json]
    alt: str


def pictures(week: Digest) -> list[Picture]:
    """The charts that have something to say: a line needs two weeks, a comparison two locations."""
    return [one for one in (_trend(week), _ratings(week)) if one is not None]


def _trend(week: Digest) -> Picture | None:
    if not week.before or not (week.whole.mentions or any(one.whole.mentions for one in week.before)):
        return None
    places = [*(one.by_location for one in week.before), week.by_location]
    panels = [_panel("All locations", [*(one.whole for one in week.before), week.whole])]
    names = [name for name in week.by_location if name != NO_LOCATION]
    if len(names) > 1:
        panels += [_panel(name, [at.get(name, Part()) for at in places]) for name in names[:PANELS]]
    weeks = titles(week)
    told = ". ".join(
        f"{one['name']}: {_run(one['mentions'])} mentions, {_run(one['negative'])} of them negative" for one in panels
    )
    return Picture(
        name="trend",
        wanted={"kind": "trend", "name": "trend", "weeks": weeks, "panels": panels},
        alt=cut(f"Mentions and negative mentions by week, {weeks[0]} to {weeks[-1]}. {told}.", 900),
    )


def _panel(name: str, parts: list[Part]) -> dict[str, Any]:
    return {
        "name": line(name, 60),
        "mentions": [part.mentions for part in parts],
        "negative": [part.sentiments["negative"] for part in parts],
    }


def _run(numbers: list[int]) -> str:
    return ", ".join(f"{number:,}" for number in numbers)


def _ratings(week: Digest) -> Picture | None:
    rated = [(name, part, rating) for name, part in week.by_location.items() if (rating := part.rating) is not None]
    if len(rated) < 2:
        return None
    shown = sorted(rated, key=lambda one: (-one[1].stars.total(), one[0]))[:RATED]
    rows = [
        {"name": line(name, 60), "low": rating.low, "mean": rating.figure, "high": rating.high, "given": given}
        for name, part, rating in sorted(shown, key=lambda one: -one[2].figure)
        if (given := part.stars.total())
    ]
    told = "; ".join(
        f"{row['name']} {row['mean']:.1f} of {row['given']:,}, likely {row['low']:.1f} to {row['high']:.1f}"
        for row in rows
    )
    return Picture(
        name="ratings",
        wanted={"kind": "ratings", "name": "ratings", "rows": rows},
        alt=cut(f"Mean stars by location and where each rating probably lies. {told}.", 900),
    )
