"""Ratings with what may be believed of them, and how a week compares with the four before it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from monitor.digest import Digest, Part
from monitor.messages.digest.rows import percent, summed
from monitor.messages.text import line

_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """The stars of one part in words: "4.2", how many gave them, "likely 3.9 to 4.4", and what it was in the weeks
    before, empty where there is nothing to say."""

    name: str
    mean: str
    given: int
    likely: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """One figure over up to five weeks, the last of them the digest's own."""

    name: str
    cells: tuple[str, ...]


def ratings(week: Digest, limit: int) -> list[Rating]:
    """All, then each location that was rated, the most rated first; at most `limit`, the last the sum of the others."""
    rated = {name: part for name, part in week.by_location.items() if part.stars}
    if not rated:
        return []
    earlier = _earlier(week)
    names = sorted(rated, key=lambda name: (-rated[name].stars.total(), name))
    shown = names if len(names) <= limit else names[: limit - 1]
    others = names[len(shown) :]
    made = [_rating("All locations", week.whole, summed([one.whole for one in week.before]))]
    if len(rated) > 1:
        made += [_rating(name, rated[name], earlier.get(name)) for name in shown]
    if others:
        then = [earlier[name] for name in others if name in earlier]
        made.append(_rating(f"{len(others)} other locations", summed([rated[name] for name in others]), summed(then)))
    return made


def explained(week: Digest) -> str:
    """How the ranges are to be read; empty where nobody gave stars."""
    if not week.whole.stars:
        return ""
    return (
        "Likely: where the rating lies that these reviews are a sample of, at 95 %. Two ranges that overlap are no "
        "difference."
    )


def _rating(name: str, part: Part | None, before: Part | None) -> Rating:
    rating = part.rating if part else None
    assert part is not None
    assert rating is not None
    then = before.mean_stars if before else None
    return Rating(
        name=line(name, _NAME) or "?",
        mean=f"{rating.figure:.1f}",
        given=part.stars.total(),
        likely=f"{rating.low:.1f} to {rating.high:.1f}",
        before="" if then is None or before is None else f"{then:.1f} ({before.stars.total():,})",
    )


def _earlier(week: Digest) -> Mapping[str, Part]:
    names = {name for one in week.before for name in one.by_location}
    return {name: summed([one.by_location[name] for one in week.before if name in one.by_location]) for name in names}


def weeks(week: Digest, limit: int) -> tuple[list[str], list[Weeks]]:
    """The names of the weeks, and the week beside those before it: mentions, how many of those that could be read were
    negative, stars, and mentions by location. Empty where there is no week before, or nothing was said in any."""
    whole = [*(one.whole for one in week.before), week.whole]
    if not week.before or not any(part.mentions for part in whole):
        return [], []
    places = [*(one.by_location for one in week.before), week.by_location]
    names = list(week.by_location)
    made = [
        Weeks(name="Mentions", cells=tuple(f"{part.mentions:,}" for part in whole)),
        Weeks(name="Negative, % of the readable", cells=tuple(map(_negative, whole))),
    ]
    if any(part.stars for part in whole):
        stars = tuple("-" if part.mean_stars is None else f"{part.mean_stars:.1f}" for part in whole)
        made.append(Weeks(name="Mean stars", cells=stars))
    if len(names) > 1:
        made += [
            Weeks(name=line(name, _NAME) or "?", cells=tuple(f"{at.get(name, Part()).mentions:,}" for at in places))
            for name in names[:limit]
        ]
    return titles(week), made


def titles(week: Digest) -> list[str]:
    """The weeks before and this one, such as "W45"."""
    return [one.name.partition("-")[2] for one in (*(one.period for one in week.before), week.period)]


def compared(week: Digest) -> str:
    """The week's volume and mood against the weeks before, in a sentence."""
    if not week.before:
        return "There is no whole week before this one that was watched, so there is nothing to compare it with."
    many = len(week.before)
    which = f"the {('one', 'two', 'three', 'four')[many - 1]} week{'s' if many > 1 else ''} before"
    counts = [one.whole.mentions for one in week.before]
    then = _share(summed([one.whole for one in week.before]))
    average = f"{sum(counts) / many:,.0f} mentions on average" if any(counts) else "no mentions either"
    if not any(counts) and week.whole.mentions:
        average = "no mentions"
    told = [f"{which[:1].upper()}{which[1:]} had {average}"]
    now = _share(week.whole)
    if now is not None and then is not None:
        told.append(f"{round(100 * then)} % of the readable ones negative, against {round(100 * now)} % now")
    unusual = _unusual(week.whole.mentions, counts)
    return ", ".join(told) + "." + unusual


def moving(week: Digest) -> str:
    """The themes that were spoken of clearly more, or less, than in the weeks before, in a sentence; empty where chance
    explains what there is: twice the standard deviation of the difference of two counts."""
    many = len(week.before)
    usual = {name: part.mentions for name, part in _earlier_themes(week).items()}
    up: list[tuple[float, str, int, float]] = []
    down: list[tuple[float, str, int, float]] = []
    for name in {*usual, *week.by_theme} if many else ():
        now, then = week.by_theme.get(name, Part()).mentions, usual.get(name, 0)
        if abs(now - then / many) > 2 * math.sqrt(max(now, 1) + then / many**2):
            (up if now > then / many else down).append((abs(now - then / many), name, now, then / many))
    told = [
        f"{what}: {', '.join(f'{line(name, _NAME)} ({now:,}, usually {then:.0f})' for _, name, now, then in found[:3])}."
        for what, moved in (("Rising", up), ("Falling", down))
        if (found := sorted(moved, key=lambda one: (-one[0], one[1])))
    ]
    return " ".join(told)


def _earlier_themes(week: Digest) -> Mapping[str, Part]:
    names = {name for one in week.before for name in one.by_theme}
    return {name: summed([one.by_theme[name] for one in week.before if name in one.by_theme]) for name in names}


def _unusual(now: int, counts: list[int]) -> str:
    if len(counts) < 4:
        return ""
    if now > max(counts):
        return " More was said than in any of them."
    return " Less was said than in any of them." if now < min(counts) else ""


def _share(part: Part) -> float | None:
    readable = part.mentions - part.sentiments["unread"]
    return part.sentiments["negative"] / readable if readable else None


def _negative(part: Part) -> str:
    readable = part.mentions - part.sentiments["unread"]
    return str(percent(part.sentiments["negative"], readable)) if readable else "-"
