"""How far does a mention reach? Steps of ten: pure.

A step is reached by reactions or, for what others say, by followers. Each of the first two raises the impact of what is found
in it by one (of 5), and nothing lowers it (rule 7 of the risk classes). Steps are far apart on purpose: a like more is no
news, ten times as many are; and as a mention never goes back a step, one that swings about a limit is told once."""

from __future__ import annotations

from monitor.model import Mention

REACTIONS = (100, 1_000, 10_000, 100_000)
FOLLOWERS = (10_000, 100_000, 1_000_000, 10_000_000)
_RAISED_BY_AT_MOST = 2


def by_reactions(reactions: int | None) -> int:
    """The step, 0 to 4, of so many reactions; what is unknown reaches nobody."""
    return sum((reactions or 0) >= limit for limit in REACTIONS)


def step(one: Mention) -> int:
    """The step, 0 to 4, that a mention has come to. Our own followers are there whatever we say, and count for nothing."""
    followers = 0 if one.ours else sum((one.audience or 0) >= limit for limit in FOLLOWERS)
    return max(by_reactions(one.engagement), followers)


def raised(impact: int, step: int) -> int:
    """The impact (1 to 5) of what reaches so far."""
    return min(5, impact + min(step, _RAISED_BY_AT_MOST))


def words(step: int) -> str:
    """What a step of 1 to 4 is, in words."""
    return f"{REACTIONS[step - 1]:,} reactions, or an author with {FOLLOWERS[step - 1]:,} followers"
