"""Competitors beside us: how much is said of whom, and how each is rated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.digest import Blind, Digest, Part
from monitor.messages.digest.rows import summed
from monitor.messages.mentions import platform
from monitor.messages.text import line
from monitor.messages.times import local

_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One of those who are compared: its mentions, their share of all in percent, and its rating with where that probably
    lies, empty where nobody gave stars. `ours` is ourselves."""

    name: str
    mentions: int
    share: int
    given: int
    mean: str
    likely: str
    ours: bool = False


def voices(week: Digest, organisation: str, limit: int) -> list[Voice]:
    """We first, then the competitors, the most spoken of first; at most `limit`, the last the sum of the others. The shares
    add up to 100. Empty where no competitor is watched."""
    if week.peers is None:
        return []
    names = list(week.peers.others)
    shown = names if len(names) < limit else names[: limit - 2]
    parts = [(organisation, week.peers.ours), *((name, week.peers.others[name]) for name in shown)]
    if others := names[len(shown) :]:
        parts.append((f"{len(others)} others", summed([week.peers.others[name] for name in others])))
    shares = hundred([part.mentions for _, part in parts])
    return [
        _voice(name, part, share, ours=not at)
        for at, ((name, part), share) in enumerate(zip(parts, shares, strict=True))
    ]


def hundred(counts: Sequence[int]) -> list[int]:
    """Counts in whole percent of their sum that add up to 100 (by the largest remainder); zeros where there is nothing."""
    whole = sum(counts)
    if not whole:
        return [0] * len(counts)
    made = [100 * count // whole for count in counts]
    missing = 100 - sum(made)
    for at in sorted(range(len(counts)), key=lambda at: (-(100 * counts[at] % whole), at))[:missing]:
        made[at] += 1
    return made


def about(week: Digest, timezone: ZoneInfo, now: datetime) -> str:
    """How the comparison is to be read, and what of it could not be seen; empty where no competitor is watched."""
    if week.peers is None:
        return ""
    where = ", ".join(map(platform, week.peers.platforms))
    told = f"Counted on {where} alone, where they are watched; in no other number." if where else ""
    unseen = [_unseen(one, timezone, now) for one in week.peers.blind]
    return " ".join(filter(None, (told, *unseen)))


def _unseen(one: Blind, timezone: ZoneInfo, now: datetime) -> str:
    since = f" since {local(one.since, timezone, now)}" if one.since and one.until is None else " for some of the time"
    return f"Not seen{since}: {line(one.source, _NAME)}."


def _voice(name: str, part: Part, share: int, *, ours: bool) -> Voice:
    rating = part.rating
    return Voice(
        name=line(name, _NAME) or "?",
        mentions=part.mentions,
        share=share,
        given=part.stars.total(),
        mean="" if rating is None else f"{rating.figure:.1f}",
        likely="" if rating is None else f"{rating.low:.1f} to {rating.high:.1f}",
        ours=ours,
    )
