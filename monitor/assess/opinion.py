"""What a text thinks of its subject: VADER's score, mended by small linear models of words, held back where it states facts.

VADER was made for posts. On what patients write it is too kind ("care", "like", "help", "please" are no praise there) and
does not know their words (dismissive, misdiagnosed, attentive). So three linear models stand on top, over the words and what
follows them, up to three together; the first also over what VADER finds:

    direction   for or against, in log-odds
    stance      an opinion or a fact
    subject     care or anything else: how far the direction, learned from reviews of care, may overrule VADER
    score       (direction and VADER, blended by the subject) x (the probability of an opinion), -1 to 1

`opinion.tsv` has the weights. `scripts/train` wrote it, and its head says from what; nothing that learns is needed here.
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain
from operator import mul
from typing import Any, NamedTuple

from monitor.assess.phrases import END
from monitor.assess.reading import Reading
from monitor.assess.vader import Felt
from monitor.model import NEUTRAL

READ = 2_000
"""So many words are looked at: some four pages. With weights of at most 127 the packed sums below stay in their bits."""

Gram = str | tuple[str, ...]
"""A word, or two or three that follow one another."""

_BITS = 21
_MASK = (1 << _BITS) - 1
_SIGN = 1 << _BITS - 1
_NUMBER = 32
"""Bits for the sum of the numbers of up to three times `READ` grams."""


class Row(NamedTuple):
    """The weights of a gram, -127 to 127, and how rare it is: its squared inverse document frequency."""

    direction: int
    stance: int
    subject: int
    rarity: int


Numbers = tuple[int, int, int, int]
"""A row of the data file, as plain as it is read."""


class Odds(NamedTuple):
    """What the models say of a text, in log-odds: praise, an opinion, about care."""

    direction: float
    stance: float
    subject: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What beside the words makes one of the three: a constant, the unit of the words' weights, and, of the direction alone,
    the weights of `Felt`."""

    constant: float
    unit: float
    felt: tuple[float, ...] = ()


def grams(words: Sequence[str]) -> Iterator[Gram]:
    """Words, pairs and triples of the first `READ` words."""
    words = words[:READ]
    second, third = words[1:], words[2:]
    return chain(words, zip(words, second), zip(words, second, third))  # noqa: B905  # zip uses one tuple again


class Model:
    """The linear models over the same words.

    The numbers of a gram travel packed in one integer, so that a text costs one look-up a gram and one sum. Each has the
    gram's number beside them: so a set of such integers counts a gram once, and two grams of equal weight as two."""

    def __init__(self, rows: Mapping[Gram, Numbers], lines: Sequence[Line]) -> None:
        """`lines` in the order of `Odds`."""
        self._direction, self._stance, self._subject = lines
        self._packed = {gram: _packed(row, number) for number, (gram, row) in enumerate(rows.items(), 1)}.get

    def odds(self, words: Sequence[str], felt: Felt) -> Odds:
        """What the models say of a text."""
        praise, opinion, care, rarity = _unpacked(sum(set(filter(None, map(self._packed, grams(words))))))
        length = math.sqrt(rarity) or 1.0
        direction, stance, subject = self._direction, self._stance, self._subject
        return Odds(
            direction.constant + direction.unit * praise / length + sum(map(mul, direction.felt, felt)),
            stance.constant + stance.unit * opinion / length,
            subject.constant + subject.unit * care / length,
        )

    def shares(self, words: Sequence[str]) -> dict[Gram, float]:
        """What each gram of the text adds to the direction, in log-odds."""
        found = {gram: _unpacked(packed) for gram in grams(words) if (packed := self._packed(gram))}
        length = math.sqrt(sum(rarity for *_, rarity in found.values())) or 1.0
        return {gram: self._direction.unit * praise / length for gram, (praise, *_) in found.items()}

    def heard(self, felt: Felt) -> float:
        """What VADER's findings add to the direction."""
        return float(sum(map(mul, self._direction.felt, felt)))


def _packed(row: Numbers, number: int) -> int:
    direction, stance, subject, rarity = row
    return ((((direction << _BITS) + stance << _BITS) + subject << _BITS) + rarity << _NUMBER) + number


def _unpacked(packed: int) -> tuple[int, int, int, int]:
    """The sums of the numbers that went in, in their order: all but the first are read from their bits, a sign the highest."""
    packed >>= _NUMBER
    rarity = packed & _MASK
    packed >>= _BITS
    subject = ((packed & _MASK) ^ _SIGN) - _SIGN
    packed = packed - subject >> _BITS
    stance = ((packed & _MASK) ^ _SIGN) - _SIGN
    return packed - stance >> _BITS, stance, subject, rarity


# From log-odds to a score


def score(compound: float, odds: Odds) -> float:
    """-1 to 1. A fact is held near 0, whatever its words; of what is not care, VADER's word counts for most."""
    vader = _ELSEWHERE - (_ELSEWHERE - _CARE) * _probability(2 * (odds.subject + 0.8))
    leaning = (1 - vader) * math.tanh(odds.direction / 3) + vader * compound
    return leaning * _probability(odds.stance + _EASE)


def _probability(odds: float) -> float:
    return 0.5 + 0.5 * math.tanh(odds / 2)


_CARE, _ELSEWHERE = 0.1, 0.8
"""VADER's part in the blend."""
_EASE = 2.0
"""Added to the stance, since taking an opinion for a fact costs more than the reverse."""

_PLAIN = 0.3
"""A sentence beyond this is clearly for or against; a text that has both, and no clear balance, is mixed."""
_BALANCED = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a text thinks, and why: the score and VADER's own, -1 to 1; "positive", "negative", "neutral" or "mixed"; how
    likely that name is right, 0 to 1; and the words that carried the score, the heaviest first, each with its share of
    all that was weighed, above 0 for praise and below for blame."""

    score: float
    compound: float
    name: str
    confidence: float
    words: tuple[tuple[str, float], ...]


def opinion(read: Reading, known: Model | None = None) -> Opinion:
    """The opinion of an English text, by `known` where it is not the model that ships."""
    known = known or weights()
    felt, words = read.felt(), read.words[read.titled :]
    odds = known.odds(words, felt)
    whole = score(felt.compound, odds)
    name = "positive" if whole >= NEUTRAL else "negative" if whole <= -NEUTRAL else "neutral"
    if abs(whole) < _BALANCED and _both(read, known):
        name = "mixed"
    return Opinion(
        score=whole,
        compound=felt.compound,
        name=name,
        confidence=_confidence(name, odds),
        words=tuple(_carriers(known, read, words, felt)),
    )


def _confidence(name: str, odds: Odds) -> float:
    opinionated, praise = _probability(odds.stance + _EASE), _probability(odds.direction)
    if name == "neutral":
        return 1 - opinionated * abs(2 * praise - 1)
    return opinionated * {"positive": praise, "negative": 1 - praise, "mixed": 1 - abs(2 * praise - 1)}[name]


def _both(read: Reading, known: Model) -> bool:
    """Whether some sentences are for and others against."""
    found = [weighed(sentence, known) for sentence in read.by_sentence()]
    return min(found, default=0.0) <= -_PLAIN and max(found, default=0.0) >= _PLAIN


def weighed(read: Reading, known: Model | None = None) -> float:
    """The score of an English text alone."""
    return scores([read], known)[0]


def scores(reads: Sequence[Reading], known: Model | None = None) -> list[float]:
    """The scores of English texts."""
    known = known or weights()
    felts = [read.felt() for read in reads]
    odds = [known.odds(read.words[read.titled :], felt) for read, felt in zip(reads, felts, strict=True)]
    return [score(felt.compound, one) for felt, one in zip(felts, odds, strict=True)]


def _carriers(known: Model, read: Reading, words: Sequence[str], felt: Felt) -> list[tuple[str, float]]:
    """Words with their shares: a gram's part goes to its words alike, VADER's to the words it knows."""
    parts: defaultdict[str, float] = defaultdict(float)
    for gram, part in known.shares(words).items():
        said = (gram,) if isinstance(gram, str) else gram
        for word in said:
            parts[word] += part / len(said)
    hits = read.hits()
    heard = known.heard(felt) + 3 * _CARE / (1 - _CARE) * felt.compound
    moved = sum(abs(value) for _, value in hits) or 1.0
    for word, value in hits:
        parts[word] += abs(heard) * value / moved
    whole = sum(map(abs, parts.values())) or 1.0
    shares = [(word, part / whole) for word, part in parts.items() if word != END and part]
    return sorted(shares, key=lambda one: (-abs(one[1]), one[0]))


# The data file


@cache
def weights() -> Model:
    """The model that ships. Raises ValueError where its file cannot be read."""
    return read_model(files(__package__).joinpath("opinion.tsv").read_text(encoding="utf-8"))


def read_model(text: str) -> Model:
    """The model of a file that `written` made: a head of TOML behind "# ", then a gram a line."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    head = tomllib.loads("\n".join(line[2:] for line in lines[:start]))
    rows = {
        _gram(said): (int(direction), int(stance), int(subject), int(rarity))
        for direction, stance, subject, rarity, said in (line.split("\t") for line in lines[start:])
    }
    return Model(rows, [_line(head[name]) for name in Odds._fields])


def _gram(said: str) -> Gram:
    """Words as texts have them: the same objects, which are known for equal at a glance."""
    return tuple(map(sys.intern, said.split(" "))) if " " in said else sys.intern(said)


def _line(said: Mapping[str, Any]) -> Line:
    return Line(constant=said["constant"], unit=said["unit"], felt=tuple(said.get("felt", ())))
