"""VADER's sentiment, equal to the last bit to the package vaderSentiment 3.3.2, in linear time.

The package does work for every word again at every word of its lexicon (cjhutto/vaderSentiment issue 110): a comment of
2,000 emoji keeps it busy for seconds. Here each word is looked up once and remembered, and a hit looks at three words
before and two after it. Lexicon, emoji and the constants are the installed package's own: nothing is copied.
Its quirks are part of its score and are kept, each with a note. Hutto & Gilbert, ICWSM 2014.
"""

from __future__ import annotations

import math
import re
import string
from heapq import heappop, heappush
from importlib.resources import files

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

_Word = tuple[str, float | None, float, bool, bool, bool]
"""Lower case, valence (None: not in the lexicon), booster (0: none), negates, is upper case, can turn a valence."""

_BEFORE: _Word = ("", 0.0, 0.0, False, False, False)
"""Stands before the first word. Its valence is not None: the package never lets such a word modify another."""
_AFTER: _Word = ("", None, 0.0, False, False, False)

_NEGATE = frozenset(NEGATE)
_IDIOM_WORDS = frozenset(word for idiom in (*SPECIAL_CASES, *BOOSTER_DICT) if " " in idiom for word in idiom.split())
_STRESS = ("so", "this")
_TURNING = frozenset((*_IDIOM_WORDS, *_NEGATE, *BOOSTER_DICT, *_STRESS, "no", "or", "nor", "doubt", "least", "at"))
"""Words that may change the valence of one that follows; with "n't" in it, any word may."""


def _read(name: str) -> list[tuple[str, str]]:
    """The first two columns of one of the package's own files."""
    text = files("vaderSentiment").joinpath(name).read_text(encoding="utf-8")
    rows = [line.strip().split("\t")[:2] for line in text.rstrip("\n").split("\n") if line]
    return [(row[0], row[1]) for row in rows]


LEXICON = {word: float(valence) for word, valence in _read("vader_lexicon.txt")}
"""Valence by word, -4 to 4."""

# The package looks at single characters only: an emoji of several can never match there, so it is left out here.
_EMOJI = {ord(emoji): f" {said}" for emoji, said in _read("emoji_utf8_lexicon.txt") if len(emoji) == 1}
_ANY_EMOJI = re.compile(f"[{re.escape(''.join(map(chr, _EMOJI)))}]")


class _Words(dict[str, _Word]):
    """What is known of a word as written, remembered up to a bound."""

    def __missing__(self, token: str) -> _Word:
        word = token.strip(string.punctuation)
        if len(word) <= 2:  # probably an emoticon
            word = token
        lower = word.lower()
        known = (
            lower,
            LEXICON.get(lower),
            BOOSTER_DICT.get(lower, 0.0),
            lower in _NEGATE or "n't" in lower,
            word.isupper(),
            lower in _TURNING or "n't" in lower,
        )
        if len(token) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[token] = known
        return known


class Vader:
    """Scores English texts. One instance may serve several threads: all it keeps is a memo of words."""

    def __init__(self) -> None:
        self._words = _Words()

    def compound(self, text: str) -> float:
        """The sentiment of the first `LIMIT` characters, -1 to 1, rounded to four places as the package rounds it."""
        text, values, _ = self._values(text[:LIMIT])
        return _compound(values, _emphasis(text))

    def scores(self, text: str) -> dict[str, float]:
        """What the package's `polarity_scores` returns for the whole text: neg, neu, pos, compound."""
        text, values, count = self._values(text)
        if not count:
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
        neutral = count - len(values)
        total = positive + math.fabs(negative) + neutral
        return {
            "neg": round(math.fabs(negative / total), 3),
            "neu": round(math.fabs(neutral / total), 3),
            "pos": round(math.fabs(positive / total), 3),
            "compound": _compound(values, emphasis),
        }

    def _values(self, text: str) -> tuple[str, list[float], int]:
        """The text with its emoji spelt out, the sentiments of its words that are not 0, and the number of words."""
        if not text.isascii() and _ANY_EMOJI.search(text):
            text = text.translate(_EMOJI)
        remembered = self._words
        words = [remembered[token] for token in text.split()]
        hits = [i for i, word in enumerate(words) if word[1] is not None and not word[2]]
        if not hits:
            return text, [], len(words)
        upper = sum([word[4] for word in words])
        mixed = 0 < upper < len(words)
        values = []
        positions = []
        padded = [_BEFORE, _BEFORE, _BEFORE, *words, _AFTER, _AFTER]
        turns = [word[5] for word in padded]
        for i in hits:
            if True in turns[i : i + 4] or (mixed and words[i][4]):
                value = _valence(padded, i + 3, mixed=mixed)
            else:  # nothing stands before it that could change it
                value = words[i][1] or 0.0
            if value:
                values.append(value)
                positions.append(i)
        if "but" in text.lower():
            _contrast(words, positions, values)
        return text, values, len(words)


def _valence(words: list[_Word], i: int, *, mixed: bool) -> float:
    """The sentiment of word `i`, which is in the lexicon, among its neighbours; `mixed`: some words are upper case."""
    if words[i][0] == "kind" and words[i + 1][0] == "of":
        return 0.0
    valence = _alone(words, i)
    if words[i][4] and mixed:
        valence += C_INCR if valence > 0 else -C_INCR
    three, two, one = words[i - 3 : i]
    if one[1] is None:
        valence += _boost(one, valence, mixed=mixed)
        if one[3]:
            valence *= N_SCALAR
    if two[1] is None:
        valence += _boost(two, valence, mixed=mixed) * 0.95
        valence *= _second(two, one)
    if three[1] is None:
        valence += _boost(three, valence, mixed=mixed) * 0.9
        valence *= _third(three, two, one)
        if words[i][0] in _IDIOM_WORDS or one[0] in _IDIOM_WORDS or two[0] in _IDIOM_WORDS:
            valence = _idiom(valence, [word[0] for word in words[i - 3 : i + 3]])
    if one[0] == "least" and one[1] is None and two[0] not in ("at", "very"):
        valence *= N_SCALAR
    return valence


def _alone(words: list[_Word], i: int) -> float:
    """The word's own valence, but for a "no" before it, or after it where it is "no" itself."""
    lower, valence = words[i][:2]
    assert valence is not None
    three, two, one = words[i - 3 : i]
    if one[0] == "no" or two[0] == "no" or (three[0] == "no" and one[0] in ("or", "nor")):
        return float(valence * N_SCALAR)
    return 0.0 if lower == "no" and words[i + 1][1] is not None else valence


def _boost(word: _Word, valence: float, *, mixed: bool) -> float:
    boost = word[2]
    if not boost:
        return 0.0
    if valence < 0:
        boost = -boost
    if word[4] and mixed:
        boost += C_INCR if valence > 0 else -C_INCR
    return boost


def _second(two: _Word, one: _Word) -> float:
    """What a negation two words before a hit multiplies it by."""
    if two[0] == "never" and one[0] in _STRESS:
        return 1.25
    if two[0] == "without" and one[0] == "doubt":
        return 1.0
    return N_SCALAR if two[3] else 1.0


def _third(three: _Word, two: _Word, one: _Word) -> float:
    """The same three words before. The package's `and` binds before its `or`: "so" alone is enough, and that is kept."""
    if (three[0] == "never" and two[0] in _STRESS) or one[0] in _STRESS:
        return 1.25
    if three[0] == "without" and "doubt" in (two[0], one[0]):
        return 1.0
    return N_SCALAR if three[3] else 1.0


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


def _contrast(words: list[_Word], positions: list[int], values: list[float]) -> None:
    """Halves what stands before the first "but" and raises what follows, in place.

    The package looks each value up with `list.index`, so the first of equal values is changed, perhaps twice, and a later
    one not at all. A heap of places per value gives the same answer without its quadratic time."""
    but = next((i for i, word in enumerate(words) if word[0] == "but"), None)
    if but is None:
        return
    places: dict[float, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)  # ascending: already a heap
    for value in list(values):
        place = heappop(places[value])
        changed = value * (0.5 if positions[place] < but else 1.5)
        values[place] = changed
        heappush(places.setdefault(changed, []), place)


def _emphasis(text: str) -> float:
    """What exclamation marks (up to four) and question marks (two or more) add."""
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
