"""Phrases as a clinician or lawyer can read them, found in a text word by word, without regular expressions.

A phrase is words with blanks between them. Beside plain words there are
    killed|murdered     either word; words of one alternative are joined, as in no_one|nobody
    misdiagnos*         any word that begins so
    {staff}             any word or phrase of the list `staff`
    maybe?              this word or none
    _                   any one word
    #                   any number, $5 and 3rd included
    ...                 up to three words; ...6 up to six
A phrase never reaches over the end of a sentence. A text becomes words once; each word is looked up once among the
*anchors*, the rarest word of each phrase, and only there is the rest of the phrase compared, outwards: the work per word
is bounded by the phrases that hang on it, whatever a stranger writes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import compress, product
from typing import Any

END = "."
"""The word that stands for the end of a sentence."""

_PATTERN = r"[\w$']+|\.(?!\.)(?<!\bdr\.)(?<!\bmr\.)(?<!\bms\.)(?<!\bmrs\.)(?<!\bst\.)(?!\d)"
_WORD = re.compile(_PATTERN)
_ASCII_WORD = re.compile(_PATTERN, re.ASCII)  # much faster where it may be used
_EDGE_QUOTES = re.compile(r"(?<!\w)'+|'+(?!\w)")
_LISTED = re.compile(r"\{([a-z_]+)\}")
Common = Mapping[str, float]
"""How common a word is, against 1 for any other."""

Lists = Mapping[str, Sequence[str]]
"""Phrases by the name of their list."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One word of a phrase: one out of `words`, one beginning with a prefix, any one, or a number."""

    words: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    any: bool = False
    number: bool = False

    def takes(self, word: str) -> bool:
        if word in self.words:
            return True
        if self.prefixes and word.startswith(self.prefixes):
            return True
        if self.number and word.lstrip("$")[:1].isdigit():
            return True
        return self.any and word != END

    def rarity(self, common: Common) -> float:
        """How good an anchor this is, lower is better: few words, and rare ones."""
        if not self.words and not self.prefixes:
            return float("inf")
        return sum(common.get(word, 1) for word in self.words) + 5 * len(self.prefixes)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one of several things may stand: a single word that `step` takes, or one of the `longer` sequences."""

    step: _Step = _Step()
    longer: tuple[tuple[_Token, ...], ...] = ()

    def rarity(self, common: Common) -> float:
        """That of its worst alternative: an anchor must be found whichever of them stands there."""
        best = [min(_rarity(token, common) for token in sequence) for sequence in self.longer]
        single = [self.step.rarity(common)] if self.step != _NOTHING else []
        return max((*single, *best), default=float("inf")) + sum(1 for _ in best)


_Token = _Place | int
"""A place, or a gap of up to so many words."""

_NOTHING = _Step()
_EMPTY = _Place()


def _rarity(token: _Token, common: Common) -> float:
    return float("inf") if isinstance(token, int) else token.rarity(common)


@dataclass(frozen=True, slots=True)
class _Part:
    """A place as it is met when a phrase is walked `way`, 1 or -1: after up to `gap` other words, a word that `step`
    takes, or a longer sequence; these are listed by their first word, or in `odd` where that is no plain word. `words` are the step's; it is `loose` where it takes
    others too; `longer` says whether there are sequences; it takes at most `reach` words, gap included."""

    way: int
    gap: int
    step: _Step
    heads: Mapping[str, tuple[tuple[_Part, ...], ...]]
    odd: tuple[tuple[_Part, ...], ...]
    words: frozenset[str]
    loose: bool
    longer: bool
    reach: int


def _parts(tokens: Sequence[_Token], way: int) -> tuple[_Part, ...]:
    """`tokens` in the order in which they are met going `way` (1 or -1), each gap put before what follows it."""
    found = []
    gap = 0
    for token in tokens[::way]:
        if isinstance(token, int):
            gap = token
        else:
            found.append(_part(token, gap, way))
            gap = 0
    return tuple(found)


@cache
def _part(place: _Place, gap: int, way: int) -> _Part:
    heads: dict[str, tuple[tuple[_Part, ...], ...]] = {}
    odd = []
    longest = 1
    for sequence in place.longer:
        parts = _parts(sequence, way)
        longest = max(longest, _reach(parts))
        first = parts[0].step
        if first.prefixes or first.number or first.any or parts[0].heads or parts[0].odd:
            odd.append(parts)
        else:
            for word in first.words:
                heads[word] = (*heads.get(word, ()), parts)
    step = place.step
    loose = bool(step.prefixes) or step.any or step.number
    return _Part(way, gap, step, heads, tuple(odd), step.words, loose, bool(place.longer), gap + longest)


def _reach(parts: Iterable[_Part]) -> int:
    """Over how many words `parts` reach at the most."""
    return sum([part.reach for part in parts])


_Failed = set[tuple[int, int, int]]
"""Of which parts, by `id`, from which on and beginning at which word a walk over a text is known to fail."""


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """A phrase split at one word of its anchor; `tag` is what it was compiled for.

    `previous` and `next` are the words that may touch the anchor, None where that cannot be said in advance; `partner`
    are words of which one must stand at most `left` words before it or `right` after, none where that cannot be said. Most
    candidates are refused by them at once."""

    before: tuple[_Part, ...]
    after: tuple[_Part, ...]
    tag: int
    previous: frozenset[str] | None
    next: frozenset[str] | None
    partner: frozenset[str]
    left: int
    right: int

    def at(self, words: Sequence[str], i: int, failed: _Failed) -> tuple[int, int] | None:
        """First word and the one after the last of the phrase whose anchor is word `i`, None where the rest is missing.
        `failed` is the same for a whole text."""
        if self.next is not None and (i + 1 == len(words) or words[i + 1] not in self.next):
            return None
        if self.previous is not None and (i == 0 or words[i - 1] not in self.previous):
            return None
        end = _walk(words, i + 1, self.after, 0, failed) if self.after else i + 1
        if end is None:
            return None
        start = _walk(words, i - 1, self.before, 0, failed) if self.before else i - 1
        return None if start is None else (start + 1, end)


def _touching(parts: tuple[_Part, ...]) -> frozenset[str] | None:
    """The words with which the first of `parts` may begin, if it must stand at once and is of plain words only."""
    return None if not parts or parts[0].gap else _plain(parts[0]) or None


def _plain(part: _Part) -> frozenset[str]:
    """The words with one of which `part` begins, none where it may begin with others."""
    return frozenset() if part.loose or part.odd else part.words.union(part.heads)


def _partner(parts: Iterable[_Part], common: Common) -> frozenset[str]:
    """The words of that part of a phrase which fewest texts have."""
    plain = [words for words in map(_plain, parts) if words]
    return min(plain, key=lambda words: sum([common.get(word, 1) for word in words]), default=frozenset())


def _walk(words: Sequence[str], at: int, parts: tuple[_Part, ...], k: int, failed: _Failed) -> int | None:
    """Where `parts` from the `k`th on end when they begin at word `at`: the shortest gaps first."""
    part = parts[k]
    way = part.way
    k += 1
    last = k == len(parts)
    for _ in range(part.gap + 1):
        if not 0 <= at < len(words):
            return None
        word = words[at]
        if word in part.words or (part.loose and part.step.takes(word)):
            end = at + way if last else _rest(words, at + way, parts, k, failed)
            if end is not None:
                return end
        if part.longer:
            for longer in (*part.heads.get(word, ()), *part.odd):
                end = _walk(words, at, longer, 0, failed)
                if end is not None and not last:
                    end = _rest(words, end, parts, k, failed)
                if end is not None:
                    return end
        if word == END:
            return None
        at += way
    return None


def _rest(words: Sequence[str], at: int, parts: tuple[_Part, ...], k: int, failed: _Failed) -> int | None:
    """The same, looked at once a text: several gaps one after another lead to the same word on many ways, and a phrase that
    tried them all would be busy for as many steps as their product."""
    here = (id(parts), k, at)
    if here in failed:
        return None
    end = _walk(words, at, parts, k, failed)
    if end is None:
        failed.add(here)
    return end


class _Members(dict[str, list[tuple["_Token", ...]]]):
    """What stands in each list, read once: lists name others, and hundreds of phrases name the same ones."""

    def __init__(self, lists: Lists) -> None:
        super().__init__()
        self._lists = lists

    def __missing__(self, name: str) -> list[tuple[_Token, ...]]:
        if name not in self._lists:
            raise ValueError(f"there is no word list {name!r}")
        self[name] = found = [variant for phrase in self._lists[name] for variant in _tokens(phrase, self)]
        return found


def _tokens(phrase: str, lists: _Members) -> Iterator[tuple[_Token, ...]]:
    """The phrase's places and gaps; several times where words may be left out. Raises ValueError for what cannot be read."""
    said = phrase.split()
    if not said or "?|" in phrase or said[0].startswith("...") or said[-1].startswith("..."):
        raise ValueError(f"in the phrase {phrase!r} a gap stands at an edge, or a ? within alternatives")
    places = [list(_token(token, lists)) for token in said]
    for chosen in product(*places):
        variant = tuple(token for token in chosen if token is not None)
        if variant and _EMPTY not in variant:  # a list of ours that the configuration leaves empty
            yield variant


def _token(said: str, lists: _Members) -> Iterator[_Token | None]:
    if said.endswith("?"):
        yield None
        said = said[:-1]
    if said.startswith("..."):
        yield int(said[3:] or 3)
    elif said == "_":
        yield _Place(_Step(any=True))
    else:
        yield _place(said.split("|"), lists)


def _place(alternatives: Sequence[str], lists: _Members) -> _Place:
    """One place for all the alternatives, those of lists among them."""
    plain = [word for word in alternatives if "_" not in word.strip("_") and word[0] != "{"]
    words = {word for word in plain if word != "#" and not word.endswith("*")}
    prefixes = {word[:-1] for word in plain if word.endswith("*")}
    number = "#" in plain
    longer: list[tuple[_Token, ...]] = []
    for word in alternatives:
        if listed := _LISTED.fullmatch(word):
            for sequence in lists[listed[1]]:
                if len(sequence) == 1 and isinstance(sequence[0], _Place):
                    words |= sequence[0].step.words
                    prefixes |= set(sequence[0].step.prefixes)
                    longer += sequence[0].longer
                else:
                    longer.append(sequence)
        elif "_" in word.strip("_"):
            longer.append(tuple(_place([part], lists) for part in word.split("_")))
    step = _Step(frozenset(words), tuple(sorted(prefixes)), number=number)
    return _Place(step, tuple(dict.fromkeys(longer)))


class _Hanging:
    """The phrases that hang on one word, by what must touch it: most candidates are refused by one look-up. `left` and
    `right` are how far the longest of them reach."""

    __slots__ = ("after", "alone", "before", "left", "others", "right")

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self.alone: list[int] = []
        self.after: dict[str, list[Phrase]] = {}
        self.before: dict[str, list[Phrase]] = {}
        self.others: list[Phrase] = []
        self.left = self.right = 0
        for phrase in phrases:
            self.left, self.right = max(self.left, phrase.left), max(self.right, phrase.right)
            if not phrase.before and not phrase.after:
                self.alone.append(phrase.tag)
            elif phrase.next is not None:
                for word in phrase.next:
                    self.after.setdefault(word, []).append(phrase)
            elif phrase.previous is not None:
                for word in phrase.previous:
                    self.before.setdefault(word, []).append(phrase)
            else:
                self.others.append(phrase)


_FEW = 24
"""In so few words everything is near."""


_NONE: list[Phrase] = []


class Index(dict[str, Any]):
    """What hangs on each word, None on most. Raises ValueError where `phrases` (text and tag) cannot be read."""

    def __init__(self, phrases: Iterable[tuple[str, int]], lists: Lists, common: Common) -> None:
        super().__init__()
        self._common = common
        self._prefixed: dict[str, list[Phrase]] = {}
        self._words: dict[str, list[Phrase]] = {}
        self._left_out: frozenset[int] = frozenset()
        members = _Members(lists)
        for text, tag in phrases:
            for variant in _tokens(text, members):
                self._hang(variant, (), (), tag)
        self._longest = max(map(len, self._prefixed), default=0)

    def without(self, tags: Iterable[int]) -> Index:
        """The same phrases without those of some tags."""
        other = Index((), {}, self._common)
        other._words, other._prefixed, other._longest = self._words, self._prefixed, self._longest
        other._left_out = frozenset(tags)
        return other

    def _hang(
        self, sequence: tuple[_Token, ...], before: tuple[_Token, ...], after: tuple[_Token, ...], tag: int
    ) -> None:
        """Puts a sequence, which stands between others, under the words of its rarest place."""
        rarities = [_rarity(token, self._common) for token in sequence]
        at = rarities.index(min(rarities))
        place = sequence[at]
        if isinstance(place, int) or min(rarities) == float("inf"):
            raise ValueError("a phrase, or one of its alternatives, names no word to look for")
        before = (*before, *sequence[:at])
        after = (*sequence[at + 1 :], *after)
        left, right = _parts(before, -1), _parts(after, 1)
        partner = _partner((*left, *right), self._common)
        phrase = Phrase(left, right, tag, _touching(left), _touching(right), partner, _reach(left), _reach(right))
        for word in place.step.words:
            self._words.setdefault(word, []).append(phrase)
        for prefix in place.step.prefixes:
            self._prefixed.setdefault(prefix, []).append(phrase)
        for longer in place.longer:
            self._hang(longer, before, after, tag)

    def __missing__(self, word: str) -> _Hanging | None:
        found = list(self._words.get(word, ()))
        for length in range(1, min(len(word), self._longest) + 1):
            found += self._prefixed.get(word[:length], ())
        found = [phrase for phrase in dict.fromkeys(found) if phrase.tag not in self._left_out]
        known = _Hanging(found) if found else None
        if len(word) <= 32:
            if len(self) >= 65_536:
                self.clear()
            self[word] = known
        return known

    def hits(self, words: Sequence[str], start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int, int]]:
        """Tag, first word and the one after the last of every phrase whose anchor lies in words[start:stop], in order."""
        last = len(words) - 1
        few = frozenset(words) if last < _FEW else None
        failed: _Failed = set()
        hanging = list(map(self.__getitem__, words if stop is None else words[start:stop]))
        for i, found in compress(enumerate(hanging, start), hanging):
            for tag in found.alone:
                yield tag, i, i + 1
            after = found.after.get(words[i + 1], _NONE) if found.after and i < last else _NONE
            before = found.before.get(words[i - 1], _NONE) if found.before and i else _NONE
            candidates = [*after, *before, *found.others] if after or before else found.others
            if candidates:
                near = few or frozenset(words[max(i - found.left, 0) : i + found.right + 1])
                for phrase in candidates:
                    if not (phrase.partner and phrase.partner.isdisjoint(near)) and (
                        span := phrase.at(words, i, failed)
                    ):
                        yield (phrase.tag, *span)

    def any(self, words: Sequence[str], start: int, stop: int) -> bool:
        """Whether there are such hits."""
        return any(map(self.__getitem__, words[start:stop])) and next(self.hits(words, start, stop), None) is not None


def words(token: str) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """The words and ends of sentences in what stands between two blanks, in lower case, and the place of each in it."""
    low = token.lower()
    if len(low) != len(token):  # a few letters, such as a dotted capital I, become two
        low = "".join(one if len(one := letter.lower()) == 1 else letter for letter in token)
    low = low.replace("\u2019", "'")
    if "'" in low:
        low = _EDGE_QUOTES.sub(_blank, low)
    low = low.translate(_ENDS)
    found = list((_ASCII_WORD if low.isascii() else _WORD).finditer(low))
    return tuple([sys.intern(match[0]) for match in found]), tuple([match.span() for match in found])


_ENDS = str.maketrans("!?;", END * 3)


def _blank(match: re.Match[str]) -> str:
    """As many blanks as the match is long: places in the token stay what they are."""
    return " " * len(match[0])
