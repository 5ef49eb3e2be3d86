"""A second opinion on short texts: which class of risk they read like, where no rule knows the wording.

A rule knows a wording; people find others. A hunch is a linear model over words and pairs of words for each rule that finds
`<hunch>`. What a word weighs was learned from sentences that we invented (`benchmarks/accuracy/sentences`), and a word is
learned from together with those that mean nearly the same:

    score = constant + unit x (sum of the weights of the grams) / sqrt(number of words)

It is asked for texts of at most `READ` words: they say one thing, and a long text would have a hunch of everything. A score
above the rule's bar is a hunch; its span is that sentence which carries most of it. A score far below it is a doubt: of many
rules that find by a wording it is known below which score their finds are mostly figures of speech, praise or news, and
those are dropped. `hunch.tsv` has the weights; `python -m benchmarks.accuracy.hunches` wrote it.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain, pairwise
from typing import NamedTuple

from monitor.assess.reading import Reading, Span

READ = 40
"""No text of more words is looked at: 79 grams of at most 127 stay in the bits that a sum has."""

DOUBTED = 20
"""Nor is there a doubt about one of more: beside much else, what a rule has found is soon outweighed."""

LEAST = 4
"""Nor one of fewer: of so little one word decides."""

KNOWN = 0.65
"""Nor is a text looked at of whose words fewer are known: it is in another language, or of names."""

Gram = str | tuple[str, str]
"""A word, or two that follow one another."""

_BITS = 16
_MASK = (1 << _BITS) - 1
_TOP = 1 << _BITS - 1
_NUMBER = re.compile("[0-9]")
_NUMERIC = frozenset("$0123456789")


class Bar(NamedTuple):
    """Of one rule: its constant, the unit of its weights, and from which score on there is a hunch."""

    constant: float
    unit: float
    least: float

    def needed(self, length: int) -> int:
        """What the weights of a text of so many words must come to for a hunch, within what the bits hold."""
        needed = (self.least - self.constant) / self.unit * math.sqrt(length)
        return math.ceil(max(min(needed, _TOP // 2), -(_TOP // 2)))

    def score(self, weight: int, length: int) -> float:
        """The score of a text of so many words whose grams weigh so much."""
        return self.constant + self.unit * weight / math.sqrt(max(length, 1))


class Doubt(NamedTuple):
    """Of a rule that finds by a wording: which rule's score says whether to believe it, and below which it is not."""

    rule: str
    below: float


def heard(read: Reading) -> Sequence[str]:
    """The words of a text as the model knows them: a number is "#"."""
    if not _NUMBER.search(read.text):
        return read.words
    return ["#" if word[0] in _NUMERIC and word.lstrip("$")[:1].isdigit() else word for word in read.words]


def grams(words: Sequence[str]) -> Iterator[Gram]:
    """The words and the pairs; the end of a sentence is a word."""
    return chain(words, pairwise(words))


class Hunches:
    """The model: `bars` by rule, the weights of a gram in their order, -127 to 127, and what is doubted, by rule.

    Weights travel packed in one integer, so that a text costs one look-up a gram and one sum. To every sum the highest of its
    bits is added and what a score needs is taken off: where that bit is still set, the score is reached."""

    def __init__(
        self, bars: Mapping[str, Bar], weights: Mapping[Gram, bytes], doubts: Mapping[str, Doubt] | None = None
    ) -> None:
        """`weights` are 128 above themselves."""
        self.bars = dict(bars)
        self.doubts = dict(doubts or {})
        self._place = {rule: _BITS * i for i, rule in enumerate(bars)}
        self._tops = sum(_TOP << place for place in self._place.values())
        self._packed = dict(zip(weights, _packed(weights.values(), len(self.bars)), strict=True)).get

    def of(self, rules: Iterable[str]) -> Asked:
        """The model for some of its rules."""
        return Asked(self, [rule for rule in rules if rule in self.bars])

    def sum(self, words: Sequence[str], start: int) -> int:
        return sum(filter(None, map(self._packed, grams(words))), start)

    def known(self, read: Reading) -> int:
        """How many of the words have a weight."""
        return sum(self._packed(word) is not None for word in heard(read))

    def weight(self, words: Sequence[str], rule: str) -> int:
        """What the grams of some words weigh together."""
        return self.part(self.sum(words, 0), rule)

    def part(self, weighed: int, rule: str) -> int:
        """A rule's part of what a text weighs."""
        return (weighed + self._tops >> self._place[rule] & _MASK) - _TOP

    def score(self, read: Reading, rule: str) -> float:
        """How far above its bar a text is, below 0: under it."""
        words, bar = heard(read), self.bars[rule]
        return bar.score(self.weight(words, rule), len(words)) - bar.least

    def carrier(self, read: Reading, rule: str) -> Span:
        """The sentence whose words add most."""
        if len(read.sentences) == 1:
            return read.sentences[0]
        words = heard(read)
        return max(read.sentences, key=lambda span: self.weight(words[slice(*span)], rule))

    def shares(self, read: Reading, rule: str) -> list[tuple[str, float]]:
        """What each word adds, of all that was weighed: the heaviest first, a pair's part to both alike."""
        parts: dict[str, float] = {}
        for gram in grams(heard(read)):
            said, weight = (
                ((gram,), self.weight([gram], rule)) if isinstance(gram, str) else (gram, self._pair(gram, rule))
            )
            for word in said:
                parts[word] = parts.get(word, 0.0) + weight / len(said)
        whole = sum(map(abs, parts.values())) or 1.0
        shares = [(word, part / whole) for word, part in parts.items() if part and word.strip(".")]
        return sorted(shares, key=lambda one: (-abs(one[1]), one[0]))

    def _pair(self, pair: tuple[str, str], rule: str) -> int:
        return self.weight(pair, rule) - self.weight(pair[:1], rule) - self.weight(pair[1:], rule)


class Asked:
    """The model for the rules that are in force: what to add for every length, and which bits to look at."""

    def __init__(self, model: Hunches, rules: Sequence[str]) -> None:
        self._model = model
        self._bits = {rule: _TOP << model._place[rule] for rule in rules}  # noqa: SLF001  # one thing in two parts
        self._all = sum(self._bits.values())
        self._starts = [self._start(length) for length in range(READ + 1)]

    def _start(self, length: int) -> int:
        """What to add to the weights of so many words, so that a rule's bit says whether its bar is reached."""
        model = self._model
        needed = sum(model.bars[rule].needed(length) << model._place[rule] for rule in self._bits)  # noqa: SLF001
        return model._tops - needed  # noqa: SLF001

    def weighed(self, read: Reading) -> int | None:
        """The weights of a text, packed; None where it is too short or too long for the model."""
        return self._model.sum(heard(read), 0) if LEAST <= len(read.words) <= READ else None

    def raised(self, weighed: int, read: Reading) -> Sequence[tuple[str, Span]]:
        """The rules that have a hunch about a text, each with the sentence that carries most of it."""
        raised = weighed + self._starts[len(read.words)] & self._all
        if not raised or not self._knows(read):
            return ()
        return [(rule, self._model.carrier(read, rule)) for rule, bit in self._bits.items() if raised & bit]

    def doubts(self, rule: str, weighed: int, read: Reading) -> bool:
        """Whether a text of few words reads so little like the class of what a rule has found that it is not believed."""
        length = len(read.words)
        return length <= DOUBTED and self._below(rule, weighed, length) and self._knows(read)

    def doubts_sentence(self, rule: str, read: Reading, sentence: Span) -> bool:
        """The same of one of its sentences."""
        words = heard(read)[slice(*sentence)]
        return self._below(rule, self._model.sum(words, 0), len(words))

    def _below(self, rule: str, weighed: int, length: int) -> bool:
        doubt = self._model.doubts.get(rule)
        if doubt is None or doubt.rule not in self._bits:
            return False
        return self._model.bars[doubt.rule].score(self._model.part(weighed, doubt.rule), length) < doubt.below

    def _knows(self, read: Reading) -> bool:
        return self._model.known(read) >= KNOWN * len(read.words)


def _packed(weights: Iterable[bytes], classes: int) -> Iterator[int]:
    """Each weight in its bits, their sums borrowing from the next above, which the start of a sum makes good."""
    wide = bytearray(classes * 2)
    zero = sum(128 << _BITS * i for i in range(classes))
    for row in weights:
        wide[::2] = row
        yield int.from_bytes(wide, "little") - zero


@cache
def hunches() -> Hunches:
    """The model that is installed. Raises ValueError where its file cannot be read."""
    return read_hunches(files(__package__).joinpath("hunch.tsv").read_text(encoding="utf-8"))


def read_hunches(text: str) -> Hunches:
    """The model of a data file: a head behind "# ", a line "= rule constant unit least" for each rule that has hunches, "~ rule rule
    below" for one that is doubted, then weights and gram.

    Raises ValueError where a line is none of these."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line[:1] not in "#=~"), len(lines))
    said = [line.split() for line in lines[:start]]
    bars = {rule: Bar(*map(float, numbers)) for sign, rule, *numbers in said if sign == "="}
    doubts = {found: Doubt(rule, float(below)) for sign, found, rule, below, *_ in said if sign == "~"}
    weights = {_gram(words): bytes.fromhex(row) for row, words in (line.split("\t") for line in lines[start:])}
    if wrong := [gram for gram, row in weights.items() if len(row) != len(bars)]:
        raise ValueError(f"hunch.tsv: the line of {wrong[0]!r} has not one weight for each rule")
    return Hunches(bars, weights, doubts)


def _gram(said: str) -> Gram:
    """Words as texts have them: the same objects, which are known for equal at a glance."""
    first, _, second = said.partition(" ")
    return (sys.intern(first), sys.intern(second)) if second else sys.intern(first)
