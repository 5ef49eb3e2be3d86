"""A second opinion on short texts: which class of risk they read like, where no rule knows the wording.

A rule knows a wording; people find others. Hunches are a small network over words and pairs of words: some features, each
found in a text or not, and from them a score for each rule that finds `<hunch>`. What a word weighs was learned from sentences
that we invented (`benchmarks/accuracy/sentences`), and a word is learned from together with those that mean nearly the same:

    feature = bias + unit x (sum of the weights of the grams) / sqrt(number of words), 0 at least
    score = constant + sum of (weight x feature) + a feature of the rule's own, which may be below 0

It is asked for texts of at most `READ` words: they say one thing, and a long text would have a hunch of everything. A score
above the rule's bar is a hunch; its span is that sentence which reads most like it. Some rules are asked about each sentence of
a longer text that is angry, too, and have a higher bar for it. A score far below the bar is a doubt: of many rules that find by
a wording it is known below which score their finds are mostly figures of speech, praise or news, and those are dropped.
`hunch.tsv` has the weights; `python -m benchmarks.accuracy.hunches` wrote it.
"""

from __future__ import annotations

import math
import re
import sys
from binascii import a2b_base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain, islice, pairwise
from operator import mul
from struct import Struct
from typing import NamedTuple

from monitor.assess.reading import Reading, Span

READ = 40
"""No text of more words is looked at as a whole."""

DOUBTED = 20
"""Nor is there a doubt about one of more: beside much else, what a rule has found is soon outweighed."""

LEAST = 6
"""Nor one of fewer: of so little one word decides."""

KNOWN = 0.65
"""Nor is a text looked at of whose words fewer are known: it is in another language, or of names."""

Gram = str | tuple[str, str]
"""A word, or two that follow one another."""

Features = Sequence[float]
"""How much a text has of each feature: of those that rules share 0 or more."""

_BITS = 16
_TOP = 1 << _BITS - 1

_WIDE, _FINE = 32, 1 << 18
"""Side by side, each rule has so many bits; what features add is in such parts of one."""

_NUMBER = re.compile("[0-9]")
_NUMERIC = frozenset("$0123456789")


class Unit(NamedTuple):
    """Of one feature: its bias, and the unit of its weights."""

    bias: float
    scale: float


class Bar(NamedTuple):
    """Of one rule: its constant, from which score on there is a hunch, what each shared feature adds, which feature is its own,
    and from which score on a sentence of a longer text raises a hunch, None if none does."""

    constant: float
    least: float
    weights: tuple[float, ...]
    own: int
    sentence: float | None = None

    def score(self, features: Features) -> float:
        """The score of a text with these features."""
        added: float = sum(map(mul, self.weights, features))
        return self.constant + features[self.own] + added

    def adds(self, feature: int) -> float:
        """What one unit of a feature adds to the score."""
        return 1.0 if feature == self.own else self.weights[feature] if feature < len(self.weights) else 0.0


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
    """The model: `units` of its features, the first ones shared, the others a rule's own; `bars` by rule; the weights of a gram in
    the order of the features, -127 to 127; and what is doubted, by rule.

    Weights travel packed in one integer, so that a text costs one look-up a gram and one sum, whatever the features."""

    def __init__(
        self,
        units: Sequence[Unit],
        bars: Mapping[str, Bar],
        weights: Mapping[Gram, int],
        doubts: Mapping[str, Doubt] | None = None,
    ) -> None:
        """`weights` are packed."""
        self.units = tuple(units)
        self.bars = dict(bars)
        self.doubts = dict(doubts or {})
        self.shared = min((len(bar.weights) for bar in bars.values()), default=0)
        self._tops = sum(_TOP << _BITS * i for i in range(len(units)))
        self._fields = Struct(f"<{len(units)}H")
        self._packed = dict(weights).get

    def of(self, rules: Iterable[str]) -> Asked:
        """The model for some of its rules."""
        return Asked(self, [rule for rule in rules if rule in self.bars])

    def weighed(self, words: Sequence[str]) -> int:
        """The weights of such words, packed; of more than `READ` words, the first ones': more than 79 grams of at most 127 need not
        stay in the bits that a sum has."""
        return sum(filter(None, map(self._packed, grams(words[:READ]))))

    def unpacked(self, weighed: int) -> Sequence[int]:
        """The weights for each feature, `_TOP` above themselves."""
        return self._fields.unpack((weighed + self._tops).to_bytes(self._fields.size, "little"))

    def features(self, words: Sequence[str]) -> Features:
        """Which features a text of such words has, and how much."""
        root = math.sqrt(max(min(len(words), READ), 1))
        weighed = zip(self.units, self.unpacked(self.weighed(words)), strict=True)
        found = [unit.bias + unit.scale * (weight - _TOP) / root for unit, weight in weighed]
        return [max(feature, 0.0) for feature in found[: self.shared]] + found[self.shared :]

    def known(self, read: Reading) -> int:
        """How many of the words have a weight."""
        return sum(self._packed(word) is not None for word in heard(read))

    def score(self, read: Reading, rule: str) -> float:
        """How far above its bar a text is, below 0: under it."""
        bar = self.bars[rule]
        return bar.score(self.features(heard(read))) - bar.least

    def carrier(self, read: Reading, rule: str) -> Span:
        """The sentence that reads most like it."""
        if len(read.sentences) == 1:
            return read.sentences[0]
        words, bar = heard(read), self.bars[rule]
        return max(read.sentences, key=lambda span: bar.score(self.features(words[slice(*span)])))

    def shares(self, read: Reading, rule: str) -> list[tuple[str, float]]:
        """What each word adds to the features that the text has, of all that was weighed: the heaviest first, a pair's part to
        both alike. Of a text of more than `READ` words, those of the sentence that reads most like it."""
        bar, shown = self.bars[rule], self.carrier(read, rule) if len(read.words) > READ else (0, READ)
        words = heard(read)[slice(*shown)][:READ]
        each = [
            (i, bar.adds(i) * unit.scale)
            for i, (unit, feature) in enumerate(zip(self.units, self.features(words), strict=True))
            if feature
        ]
        parts: dict[str, float] = {}
        for gram in grams(words):
            weighed = self.unpacked(self._packed(gram) or 0)
            adds = sum(part * (weighed[i] - _TOP) for i, part in each)
            said = (gram,) if isinstance(gram, str) else gram
            for word in said:
                parts[word] = parts.get(word, 0.0) + adds / len(said)
        whole = sum(map(abs, parts.values())) or 1.0
        shares = [(word, part / whole) for word, part in parts.items() if part and word.strip(".")]
        return sorted(shares, key=lambda one: (-abs(one[1]), one[0]))


class Asked:
    """The model for the rules that are in force.

    What a feature adds to every rule stands side by side in one integer, and of their sum a rule's highest bit stays where its
    bar is reached: for all rules this takes less time than the features alone would as fractions."""

    def __init__(self, model: Hunches, rules: Sequence[str]) -> None:
        self._model = model
        self._bars = {rule: model.bars[rule] for rule in rules}
        bars, units, shared = self._bars.values(), model.units, model.shared
        self._sentences = [(rule, bar.sentence) for rule, bar in self._bars.items() if bar.sentence is not None]
        self._places = {rule: _WIDE * i for i, rule in enumerate(rules)}
        self._bits = {rule: 1 << place + _WIDE - 2 for rule, place in self._places.items()}
        self._all = sum(self._bits.values())
        adds = [_side_by_side([bar.adds(i) * unit.scale for bar in bars]) for i, unit in enumerate(units)]
        self._adds, self._adds_own = adds[:shared], [(bar.own, adds[bar.own]) for bar in bars]
        self._lines = [self._line(math.sqrt(max(length, 1))) for length in range(READ + 1)]

    def _line(self, root: float) -> tuple[int, int]:
        """For texts of one length, by its root: what to add to their weights so that a shared feature is there from `_TOP` on,
        and what to add to what the features add so that a rule's bit says whether its bar is reached."""
        model = self._model
        least = [root * (bar.constant + model.units[bar.own].bias - bar.least) for bar in self._bars.values()]
        biases = [round(unit.bias * root / unit.scale) for unit in model.units[: model.shared]]
        start = self._all + _side_by_side(least) - _TOP * sum(adds for _, adds in self._adds_own)
        return sum(max(min(bias, _TOP // 2), -_TOP // 2) << _BITS * i for i, bias in enumerate(biases)), start

    def scored(self, read: Reading) -> int | None:
        """The scores of a text, side by side; None where it is too short or too long for the model."""
        return self._scored(heard(read)) if LEAST <= len(read.words) <= READ else None

    def _scored(self, words: Sequence[str]) -> int:
        words = words[:READ]
        shift, start = self._lines[len(words)]
        found = self._model.unpacked(self._model.weighed(words) + shift)
        for weight, adds in zip(found, self._adds, strict=False):  # the shared ones alone
            if weight > _TOP:
                start += (weight - _TOP) * adds
        for i, adds in self._adds_own:
            start += found[i] * adds
        return start

    def _score(self, scored: int, rule: str, length: int) -> float:
        """One of the scores of a text of so many words."""
        place, top = self._places[rule], 1 << _WIDE - 2
        above = (scored >> place & (1 << _WIDE) - 1) - top
        return self._bars[rule].least + above / _FINE / math.sqrt(max(min(length, READ), 1))

    def raised(self, scored: int, read: Reading) -> Sequence[tuple[str, Span]]:
        """The rules that have a hunch about a text, each with the sentence that reads most like it."""
        reached = scored & self._all
        if not reached or not self._knows(read):
            return ()
        raised, said = [rule for rule, bit in self._bits.items() if reached & bit], read.sentences
        if len(said) == 1:
            return [(rule, said[0]) for rule in raised]
        each = self._sentences_of(read, said)
        return [
            (rule, max((self._score(one, rule, span[1] - span[0]), span) for span, one in each)[1]) for rule in raised
        ]

    def raised_by_sentences(self, read: Reading) -> Iterator[tuple[str, Span]]:
        """The same of a longer text, for the rules that are asked about its sentences: each with the one that reads most like
        it."""
        if len(read.words) <= READ or not self._sentences:
            return
        each = self._sentences_of(read, [span for span in read.sentences if LEAST <= span[1] - span[0] <= READ])
        for rule, least in self._sentences:
            scores = [(self._score(one, rule, span[1] - span[0]), span) for span, one in each]
            score, span = max(scores, default=(least, (0, 0)))
            if score > least and self._knows(read):
                yield rule, span

    def _sentences_of(self, read: Reading, spans: Iterable[Span]) -> list[tuple[Span, int]]:
        words = heard(read)
        return [(span, self._scored(words[slice(*span)])) for span in spans]

    def doubts(self, rule: str, scored: int, read: Reading) -> bool:
        """Whether a text of few words reads so little like the class of what a rule has found that it is not believed."""
        length = len(read.words)
        return length <= DOUBTED and self._below(rule, scored, length) and self._knows(read)

    def doubts_sentence(self, rule: str, read: Reading, sentence: Span) -> bool:
        """The same of one of its sentences."""
        words = heard(read)[slice(*sentence)]
        return self._below(rule, self._scored(words), len(words))

    def _below(self, rule: str, scored: int, length: int) -> bool:
        doubt = self._model.doubts.get(rule)
        if doubt is None or doubt.rule not in self._bars:
            return False
        return self._score(scored, doubt.rule, length) < doubt.below

    def _knows(self, read: Reading) -> bool:
        return self._model.known(read) >= KNOWN * len(read.words)


def _side_by_side(numbers: Sequence[float]) -> int:
    """Numbers of one for each rule, in one integer."""
    return sum(round(_FINE * number) << _WIDE * i for i, number in enumerate(numbers))


def packed(rows: bytes, features: int) -> Iterator[int]:
    """The weights of some grams, a byte each, 128 above themselves: each gram's in one integer, a sum of which borrows from the
    next field above, which `_TOP` in each makes good."""
    wide, size = bytearray(2 * len(rows)), 2 * features
    wide[::2] = rows
    zero = sum(128 << _BITS * i for i in range(features))
    for start in range(0, len(wide), size):
        yield int.from_bytes(wide[start : start + size], "little") - zero


@cache
def hunches() -> Hunches:
    """The model that is installed. Raises ValueError where its file cannot be read."""
    with files(__package__).joinpath("hunch.tsv").open(encoding="utf-8") as file:
        return read_hunches(file)


def read_hunches(lines: Iterable[str]) -> Hunches:
    """The model of a data file: a head behind "# ", a line "@ bias unit" for each feature, "= rule constant least weight ..." for
    each rule that has hunches, in the order of their own features, "+ rule least" for one that is asked about sentences, "~
    rule rule below" for one that is doubted, an empty line; then weights, in base64, and gram.

    Raises ValueError where a line is none of these."""
    lines = (line.rstrip("\n") for line in lines)
    said: dict[str, list[list[str]]] = {"#": [], "@": [], "=": [], "+": [], "~": []}
    for sign, *rest in map(str.split, iter(lambda: next(lines, ""), "")):
        if sign not in said:
            raise ValueError(f"hunch.tsv: its head has a line of {sign!r}")
        said[sign].append(rest)
    units = [Unit(float(bias), float(scale)) for bias, scale in said["@"]]
    shared, sentences = len(units) - len(said["="]), {rule: float(least) for rule, least in said["+"]}
    bars = {}
    for i, (rule, constant, least, *each) in enumerate(said["="]):
        if len(each) != shared:
            raise ValueError(f"hunch.tsv: {rule} has not one weight for each feature")
        weights = tuple(map(float, each))
        bars[rule] = Bar(float(constant), float(least), weights, shared + i, sentences.get(rule))
    doubts = {found: Doubt(rule, float(below)) for found, rule, below in said["~"]}
    return Hunches(units, bars, dict(_weights(lines, len(units))), doubts)


def _weights(lines: Iterator[str], features: int) -> Iterator[tuple[Gram, int]]:
    """Grams and their packed weights, some thousand lines at once, which is twice as fast as one by one."""
    while some := list(islice(lines, 4096)):
        parts = [line.partition("\t") for line in some]
        rows = b"".join([a2b_base64(row) for row, _, _ in parts])
        if len(rows) != features * len(some) or not all(said for _, _, said in parts):
            raise ValueError(f"hunch.tsv: a line near {parts[0][2]!r} has not one weight for each feature")
        yield from zip([_gram(said) for _, _, said in parts], packed(rows, features), strict=True)


def _gram(said: str) -> Gram:
    """Words as texts have them: the same objects, which are known for equal at a glance."""
    first, _, second = said.partition(" ")
    return (sys.intern(first), sys.intern(second)) if second else sys.intern(first)
