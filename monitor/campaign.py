"""Campaign: many mentions alike, hostile and by many authors, in a short time. Pure: texts and authors in, groups out.

Alike means that half of their three-word shingles are the same (Broder's resemblance, computed exactly). The usual sketches
of it do not pay here: MinHash saves comparing millions, and this compares at most two thousand, through an index; SimHash
is unsure of texts as short as a post."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.model import Kind, Signal, Stored

RISK = "coordinated_campaign"
RULE = "campaign.alike"
MEANS = "Nearly the same words came from several authors within a day, more than usual, and most of them hostile."
WITHIN = timedelta(days=1)
LEAST = 5
"""Fewer alike are no campaign: a family writes as many."""
_AUTHORS = 4
_ALIKE = 0.5
_SHINGLE = 3
_SHORTEST = 6
"""Words below which a text says nothing of its own: "Worst hospital ever, avoid" comes without any plan."""
_CROWDED = 50
"""A shingle that so many unlike texts have is a phrase of the language."""
_HOSTILE_SCORE = 4.0
_IMPACT = 4
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|[@#]\w+|\brt\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


class Campaign(NamedTuple):
    """Mentions alike: their ids, since when, by how many authors, and how likely it is that somebody arranged it."""

    mentions: tuple[int, ...]
    first_at: datetime
    authors: int
    likelihood: float


def unusual(today: int, usual: float) -> bool:
    """Whether a day's count is worth a closer look, where `usual` is what a day brings."""
    return today >= max(LEAST, 2 * usual, usual + 3 * math.sqrt(usual))


def alike(texts: Sequence[str]) -> list[list[int]]:
    """Groups of texts that are nearly the same, by their places in `texts`; those that are like no other are left out."""
    having: defaultdict[int, list[int]] = defaultdict(list)
    groups: list[tuple[frozenset[int], list[int]]] = []
    for number, text in enumerate(texts):
        shingles = _shingles(text)
        if not shingles:
            continue
        shared = Counter(group for shingle in shingles for group in having.get(shingle, ()))
        best = max(shared, key=lambda group: _resemblance(shared[group], shingles, groups[group][0]), default=None)
        if best is not None and _resemblance(shared[best], shingles, groups[best][0]) >= _ALIKE:
            groups[best][1].append(number)
            continue
        for shingle in shingles:
            if len(having[shingle]) < _CROWDED:
                having[shingle].append(len(groups))
        groups.append((shingles, [number]))
    return [members for _, members in groups if len(members) > 1]


def _shingles(text: str) -> frozenset[int]:
    words = _WORD.findall(_NOT_WORDS.sub(" ", text.casefold()))[:400]
    if len(words) < _SHORTEST:
        return frozenset()
    return frozenset(hash(tuple(words[at : at + _SHINGLE])) for at in range(len(words) - _SHINGLE + 1))


def _resemblance(shared: int, one: Collection[int], other: Collection[int]) -> float:
    return shared / (len(one) + len(other) - shared)


def candidates(found: Sequence[Stored]) -> list[list[Stored]]:
    """Groups of mentions that may be campaigns: alike, at least five, by at least four authors, most of them hostile.
    Articles are left out: one agency's report stands in fifty newspapers."""
    public = [one for one in found if not one.mention.ours and one.mention.kind is not Kind.ARTICLE]
    groups = alike([f"{one.mention.title} {one.mention.text}" for one in public])
    return [
        some
        for some in ([public[number] for number in group] for group in groups)
        if len(some) >= LEAST and len(authors(some)) >= _AUTHORS and 2 * sum(map(_hostile, some)) > len(some)
    ]


def authors(some: Sequence[Stored]) -> set[str]:
    """Who wrote them, as far as that is known: who has no name may be one and the same."""
    return {one.mention.author for one in some if one.mention.author}


def _hostile(one: Stored) -> bool:
    if one.mention.stars is not None:
        return one.mention.stars <= 2
    mood = one.assessment.sentiment
    return (mood is not None and mood < -0.2) or any(
        signal.score >= _HOSTILE_SCORE and signal.rule != RULE for signal in one.assessment.signals
    )


def campaign(some: Sequence[Stored], known: Collection[str]) -> Campaign:
    """The campaign that these are; `known` are those of their authors who wrote to us before it."""
    who = authors(some)
    times = sorted(one.first_seen_at for one in some)
    likelihood = 0.5 + 0.1 * (len(some) >= 2 * LEAST) + 0.1 * (len(some) >= 5 * LEAST)
    likelihood += 0.1 * (len(who.intersection(known)) * 5 <= len(who)) + 0.1 * (times[-1] - times[0] <= WITHIN / 8)
    return Campaign(tuple(one.id for one in some), times[0], len(who), round(min(likelihood, 0.9), 2))


def signal(one: Stored, found: Campaign) -> Signal:
    """The signal of a mention that is part of a campaign: all that it says is the evidence."""
    field = "text" if one.mention.text else "title"
    return Signal(
        risk=RISK, impact=_IMPACT, likelihood=found.likelihood, start=0, end=len(one.mention.text or one.mention.title),
        rule=RULE, field="text" if field == "text" else "title",
    )  # fmt: skip
