"""Cause: what an incident of many mentions is made of. Pure: texts in, numbers and terms out."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

LEAST = 5
"""An incident of fewer mentions needs no summary: it shows them."""
_ENOUGH = 20
"""With fewer texts before it a group has no history to compare with, and every word would be new."""
_TERMS = 5
_SURE = 10.83
"""The log-likelihood ratio from which a difference of two shares is one in a thousand (chi-square, one degree of freedom);
Dunning, Accurate methods for the statistics of surprise and coincidence, 1993."""
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|[@#]\w+")
_WORD = re.compile(r"[^\W\d_]{3,}(?:['\u2019-][^\W\d_]+)*")


class Term(NamedTuple):
    """A word that is said in far more mentions than before: as it is mostly written, in how many mentions, and in what
    share of those before."""

    word: str
    mentions: int
    before: float


class Alike(NamedTuple):
    """Mentions that say nearly the same: how many, by how many known authors, and when the first was published."""

    mentions: int
    authors: int
    first_at: datetime


class Wide(NamedTuple):
    """The mention that most people can have read: our id, its author's followers and its reactions, as far as known."""

    mention_id: int
    audience: int | None
    engagement: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What an incident is made of. `muted` counts mentions that would have counted for incidents of single complaints;
    `read` is how many of its mentions speak for it, the weightiest, and 0 where all do."""

    terms: tuple[Term, ...] = ()
    alike: tuple[Alike, ...] = ()
    widest: Wide | None = None
    muted: int = 0
    read: int = 0


def risen(now: Sequence[str], before: Sequence[str]) -> list[Term]:
    """The words that are in more of the texts `now` than their share `before` explains, the most telling first; none where
    there is no history to compare with. A text counts once for each of its words."""
    if len(before) < _ENOUGH or len(now) < LEAST:
        return []
    said = [_words(text) for text in now]
    there, then = _texts(said), _texts([_words(text) for text in before])
    found = [
        (ratio, word)
        for word, count in there.items()
        if count >= max(3, len(now) / 10) and count / len(now) > 2 * then[word] / len(before)
        if (ratio := _ratio(count, len(now), then[word], len(before))) >= _SURE
    ]
    found.sort(key=lambda one: (-one[0], one[1]))
    written = _written(said) if found else {}
    return [Term(written[word], there[word], then[word] / len(before)) for _, word in found[:_TERMS]]


def _words(text: str) -> list[str]:
    return _WORD.findall(_NOT_WORDS.sub(" ", text[:1000]))


def _texts(said: Sequence[Sequence[str]]) -> Counter[str]:
    """In how many of the texts each word is."""
    return Counter(word for words in said for word in {word.casefold() for word in words})


def _written(said: Sequence[Sequence[str]]) -> dict[str, str]:
    """Each word as it is mostly written."""
    forms = Counter(word for words in said for word in words)
    return {word.casefold(): word for word, _ in sorted(forms.items(), key=lambda pair: (pair[1], pair[0]))}


def _ratio(some: int, of: int, other: int, of_other: int) -> float:
    """Twice the log-likelihood ratio of two shares being one and the same, against their being two."""
    share = (some + other) / (of + of_other)
    return 2 * (_likely(some, of, some / of) + _likely(other, of_other, other / of_other)
                - _likely(some, of, share) - _likely(other, of_other, share))  # fmt: skip


def _likely(some: int, of: int, share: float) -> float:
    return (some * math.log(share) if some else 0.0) + ((of - some) * math.log(1 - share) if of - some else 0.0)
