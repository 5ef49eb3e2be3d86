"""VADER's sentiment, equal to the last bit to the package vaderSentiment 3.3.2, in linear time.

The package does work for every word again at every word of its lexicon (cjhutto/vaderSentiment issue 110): a comment of
2,000 emoji keeps it busy for seconds. Here each word is looked up once and remembered, and a hit looks at three words
before and two after it. Lexicon, emoji and the constants are the installed package's own: nothing is copied.
Its quirks are part of its score and are kept, each with a note. Hutto & Gilbert, ICWSM 2014.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from heapq import heappop, heappush
from importlib.resources import files
from itertools import chain, compress
from math import sqrt
from operator import attrgetter
from typing import NamedTuple

from vaderSentiment.vaderSentiment import (
    BOOSTER_DICT,
    C_INCR,
    N_SCALAR,
    NEGATE,
    SPECIAL_CASES,
    normalize,
)

LIMIT = 20_000
"""How many characters of a text `Vader.compound` reads: the opinion of a longer one is in its first pages."""

_REMEMBERED = 65_536
_LONGEST_REMEMBERED = 32
"""The memo holds at most this many words of at most this many characters: some 15 MB, whatever strangers write."""

_HIT, _TURN, _TURN_NEXT, _LOUD, _BUT = 1, 2, 4, 8, 16
"""What of a word calls for a second look: it has a valence, may turn one that follows, is upper case, is a "but"."""


class Felt(NamedTuple):
    """What VADER finds in a text, each -1 to 1: the compound score and how strong it is; then, as if there were no "but"
    and no emphasis, what is good, what is bad and both, the last word that counts, and which shares of those words are bad
    and good; how much it exclaims and asks. In a long text the shares tell what the compound, near -1 or 1, does not."""

    compound: float = 0.0
    strength: float = 0.0
    praise: float = 0.0
    blame: float = 0.0
    both: float = 0.0
    last: float = 0.0
    bad: float = 0.0
    good: float = 0.0
    exclaimed: float = 0.0
    asked: float = 0.0


class Heard:
    """A word as VADER hears it: in lower case, with its valence (None: not in the lexicon) and booster (0: none)."""

    __slots__ = ("booster", "kind", "lower", "negates", "upper", "valence")

    def __init__(self, token: str) -> None:
        word = token.strip(string.punctuation)
        if len(word) <= 2:  # probably an emoticon
            word = token
        lower = word.lower()
        self.lower = lower
        self.valence: float | None = LEXICON.get(lower)
        self.booster: float = BOOSTER_DICT.get(lower, 0.0)
        self.negates = "n't" in lower or lower in _NEGATE
        self.upper = word.isupper()
        hit = self.valence is not None and not self.booster
        self.kind = (_HIT * hit) | (_TURN * (self.negates or lower in _TURNING)) | (_BUT * (lower == "but"))
        self.kind |= _TURN_NEXT * (lower in _TURNING_NEXT)
        if hit and self.upper:
            self.kind |= _LOUD


_kind = attrgetter("kind")
_NEGATE = frozenset(NEGATE)
_IDIOM_WORDS = frozenset(word for idiom in (*SPECIAL_CASES, *BOOSTER_DICT) if " " in idiom for word in idiom.split())
_STRESS = ("so", "this")


def _read(name: str) -> list[tuple[str, str]]:
    """The first two columns of one of the package's own files."""
    text = files("vaderSentiment").joinpath(name).read_text(encoding="utf-8")
    rows = [line.strip().split("\t")[:2] for line in text.rstrip("\n").split("\n") if line]
    return [(row[0], row[1]) for row in rows]


LEXICON = {word: float(valence) for word, valence in _read("vader_lexicon.txt")}
"""Valence by word, -4 to 4."""

# An idiom counts where it ends at a hit or before, or begins with it: one word of each is enough to look for.
_IDIOMS = [idiom.split() for idiom in (*SPECIAL_CASES, *BOOSTER_DICT) if " " in idiom]
_IDIOM_SIGNS = frozenset(words[0] if words[0] in LEXICON else max(words, key=len) for words in _IDIOMS)
_TURNING = frozenset((*_IDIOM_SIGNS, *_NEGATE, *BOOSTER_DICT, "no"))
"""Words that may change the valence of one up to three after them, or their own; with "n't" in it, any word may."""
_TURNING_NEXT = frozenset((*_STRESS, "least"))
"""Words that change the valence of the next alone, unless one of the others stands before them."""

# The package looks at single characters only: an emoji of several can never match there, so it is left out here.
_EMOJI = {ord(emoji): f" {said}" for emoji, said in _read("emoji_utf8_lexicon.txt") if len(emoji) == 1}
_SHOUTED = tuple(chr(emoji) for emoji, said in _EMOJI.items() if "!" in said or "?" in said)


_NO_WORD = Heard("")
_EDGE = Heard("")
_EDGE.valence = 0.0
"""Stands before the first word. Its valence is not None: the package never lets such a word modify another."""


def spelt(token: str) -> tuple[Heard, ...]:
    """The words of a token of `str.split` in which emoji are spelt out; none where it has no emoji."""
    return tuple(map(Heard, token.translate(_EMOJI).split())) if emoji_in(token) else ()


def emoji_in(text: str) -> bool:
    """Whether the text has an emoji that VADER knows."""
    return not text.isascii() and not _EMOJI.keys().isdisjoint(map(ord, text))


class _Remembered(dict[str, tuple[Heard, ...]]):
    """What is heard in a token, remembered up to a bound."""

    def __missing__(self, token: str) -> tuple[Heard, ...]:
        words = spelt(token) or (Heard(token),)
        if len(token) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[token] = words
        return words


class Vader:
    """Scores English texts. One instance may serve several threads: all it keeps is a memo of words."""

    def __init__(self) -> None:
        self._words = _Remembered()

    def compound(self, text: str) -> float:
        """The sentiment of the first `LIMIT` characters, -1 to 1, rounded to four places as the package rounds it."""
        text = text[:LIMIT]
        return compound(text, self._heard(text))

    def scores(self, text: str) -> dict[str, float]:
        """What the package's `polarity_scores` returns for the whole text: neg, neu, pos, compound."""
        words = self._heard(text)
        values = _values(words)
        if not words:
            return {"neg": 0.0, "neu": 0.0, "pos": 0.0, "compound": 0.0}
        emphasis = _emphasis(text)
        positive = negative = 0.0
        for value in values:
            if value > 0:
                positive += value + 1  # neutral words count as 1, so these do too
            else:
                negative += value - 1
        if positive > math.fabs(negative):
            positive += emphasis
        elif positive < math.fabs(negative):
            negative -= emphasis
        neutral = len(words) - len(values)
        total = positive + math.fabs(negative) + neutral
        return {
            "neg": round(math.fabs(negative / total), 3),
            "neu": round(math.fabs(neutral / total), 3),
            "pos": round(math.fabs(positive / total), 3),
            "compound": _compound(values, emphasis),
        }

    def _heard(self, text: str) -> list[Heard]:
        return list(chain.from_iterable(map(self._words.__getitem__, text.split())))


def compound(text: str, words: Sequence[Heard]) -> float:
    """The sentiment of `text`, -1 to 1, where `words` are those heard in its tokens."""
    values = _values(words)
    return _compound(values, _emphasis(text)) if values else 0.0


def felt(text: str, words: Sequence[Heard]) -> Felt:
    """The same, and what it is made of."""
    values, positions, but = _hits(words)
    exclaimed, asked = min(text.count("!"), 4) / 4, min(text.count("?"), 4) / 4
    if not values:
        return Felt(exclaimed=exclaimed, asked=asked) if exclaimed or asked else _NOTHING
    whole, last, count = sum(values), values[-1] / 4, len(values)
    kind = [value for value in values if value > 0]
    praise, good = sum(kind), len(kind) / count
    blame = whole - praise
    if but >= 0:
        _contrast(but, positions, values)
    score = _compound(values, _emphasis(text))
    spread = (praise / sqrt(praise * praise + 15), blame / sqrt(blame * blame + 15), whole / sqrt(whole * whole + 15))
    return Felt(score, abs(score), *spread, last, 1 - good, good, exclaimed, asked)


_NOTHING = Felt()


def hits(words: Sequence[Heard]) -> list[tuple[int, float]]:
    """The words that have a sentiment other than 0, by number, with it."""
    values, positions, _ = _hits(words)
    return list(zip(positions, values, strict=True))


def _values(words: Sequence[Heard]) -> list[float]:
    """The sentiments of the words that have one other than 0."""
    values, positions, but = _hits(words)
    if but >= 0:
        _contrast(but, positions, values)
    return values


def _hits(words: Sequence[Heard]) -> tuple[list[float], list[int], int]:
    """The sentiments other than 0, which words have them, and the first "but", -1 where there is none. Most hits stand
    alone: nothing near could change them."""
    values: list[float] = []
    positions: list[int] = []
    around: tuple[list[Heard], bool] | None = None
    turned, but = -4, -1
    kinds = list(map(_kind, words))
    for i, kind in compress(enumerate(kinds), kinds):
        if kind & _TURN:
            turned = i
        if not kind & _HIT:
            if kind & _TURN_NEXT:
                turned = max(turned, i - 2)
            elif kind & _BUT and but < 0:
                but = i
            continue
        value = words[i].valence or 0.0
        if i - turned <= 3 or kind & _LOUD:
            around = around or _around(words)
            value = _valence(around[0], i + 3, mixed=around[1])
        if value:
            values.append(value)
            positions.append(i)
    return values, positions, but


def _around(words: Sequence[Heard]) -> tuple[list[Heard], bool]:
    """The words with three before and two after them that say nothing, and whether some, not all, are upper case."""
    mixed = 0 < sum([word.upper for word in words]) < len(words)
    return [_EDGE, _EDGE, _EDGE, *words, _NO_WORD, _NO_WORD], mixed


def _valence(words: Sequence[Heard], i: int, *, mixed: bool) -> float:
    """The sentiment of word `i`, which is in the lexicon, among its neighbours; `mixed`: some words are upper case."""
    word = words[i]
    if word.lower == "kind" and words[i + 1].lower == "of":
        return 0.0
    valence = _alone(words, i, mixed=mixed)
    three, two, one = words[i - 3 : i]
    if one.valence is None:
        valence += _boost(one, valence, mixed=mixed)
        valence *= N_SCALAR if one.negates else 1.0
    if two.valence is None:
        valence += _boost(two, valence, mixed=mixed) * 0.95
        valence *= _second(two, one)
    if three.valence is None:
        valence += _boost(three, valence, mixed=mixed) * 0.9
        valence *= _third(three, two, one)
        if word.lower in _IDIOM_WORDS or one.lower in _IDIOM_WORDS or two.lower in _IDIOM_WORDS:
            valence = _idiom(valence, [word.lower for word in words[i - 3 : i + 3]])
    if one.lower == "least" and one.valence is None and two.lower not in ("at", "very"):
        valence *= N_SCALAR
    return valence


def _alone(words: Sequence[Heard], i: int, *, mixed: bool) -> float:
    """The word's own valence, but for a "no" before it, or after it where it is "no" itself, and louder in upper case."""
    word = words[i]
    valence: float = word.valence or 0.0
    three, two, one = words[i - 3 : i]
    if one.lower == "no" or two.lower == "no" or (three.lower == "no" and one.lower in ("or", "nor")):
        valence *= float(N_SCALAR)
    elif word.lower == "no" and words[i + 1].valence is not None:
        valence = 0.0
    if word.upper and mixed:
        valence += float(C_INCR if valence > 0 else -C_INCR)
    return valence


def _boost(word: Heard, valence: float, *, mixed: bool) -> float:
    boost = word.booster
    if not boost:
        return 0.0
    if valence < 0:
        boost = -boost
    if word.upper and mixed:
        boost += C_INCR if valence > 0 else -C_INCR
    return boost


def _second(two: Heard, one: Heard) -> float:
    """What a negation two words before a hit multiplies it by."""
    if two.lower == "never" and one.lower in _STRESS:
        return 1.25
    if two.lower == "without" and one.lower == "doubt":
        return 1.0
    return N_SCALAR if two.negates else 1.0


def _third(three: Heard, two: Heard, one: Heard) -> float:
    """The same three words before. The package's `and` binds before its `or`: "so" alone is enough, and that is kept."""
    if (three.lower == "never" and two.lower in _STRESS) or one.lower in _STRESS:
        return 1.25
    if three.lower == "without" and "doubt" in (two.lower, one.lower):
        return 1.0
    return N_SCALAR if three.negates else 1.0


def _idiom(valence: float, around: list[str]) -> float:
    """Idioms and two-word boosters among the six words `around` a hit, which is the fourth; the package's order."""
    three, two, one, zero, next_, last = around
    before = (f"{one} {zero}", f"{two} {one} {zero}", f"{two} {one}", f"{three} {two} {one}", f"{three} {two}")
    for phrase in before:
        if phrase in SPECIAL_CASES:
            valence = SPECIAL_CASES[phrase]
            break
    for phrase in (f"{zero} {next_}", f"{zero} {next_} {last}"):
        valence = SPECIAL_CASES.get(phrase, valence)
    for phrase in (before[3], before[4], before[2]):
        valence += BOOSTER_DICT.get(phrase, 0.0)
    return valence


def _contrast(but: int, positions: list[int], values: list[float]) -> None:
    """Halves what stands before the first "but" and raises what follows, in place.

    The package looks each value up with `list.index`, so the first of equal values is changed, perhaps twice, and a later
    one not at all. A heap of places per value gives the same answer without its quadratic time."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)  # ascending: already a heap
    for value in list(values):
        place = heappop(places[value])
        changed = value * (0.5 if positions[place] < but else 1.5)
        values[place] = changed
        heappush(places.setdefault(changed, []), place)


def _emphasis(text: str) -> float:
    """What exclamation marks (up to four) and question marks (two or more) add; two emoji are spelt with a "!"."""
    if not text.isascii() and any(emoji in text for emoji in _SHOUTED):
        text = text.translate(_EMOJI)
    questions = text.count("?")
    asked = 0.0
    if questions > 1:
        asked = questions * 0.18 if questions <= 3 else 0.96
    return min(text.count("!"), 4) * 0.292 + asked


def _compound(values: list[float], emphasis: float) -> float:
    total = float(sum(values))
    if total > 0:
        total += emphasis
    elif total < 0:
        total -= emphasis
    return round(float(normalize(total)), 4)
