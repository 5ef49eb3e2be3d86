"""What a query looks for in a text: words, prefixes, words in exact case, phrases of them, and symbols."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from unicodedata import category

from monitor.topics.query import Place, Query
from monitor.topics.words import spans, words, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.topics.query import Cost, Need
    from monitor.topics.reading import Part, Reading

MOST_WORDS = 100
"""How long a phrase may be, in words: what keeps a long phrase over a long text cheap."""

MOST_PLACES = 100
"""How many places of one term in one text are kept as evidence: nobody reads more."""


class Term(Query):
    """What stands somewhere in a text, as a run of its words."""

    __slots__ = ()

    @abstractmethod
    def places(self, part: Part) -> Iterable[tuple[int, int]]:
        """(first, last) place of each occurrence, ascending by the first."""

    def found(self, reading: Reading) -> list[Place] | None:
        places = [
            Place(part, self, first, last)
            for part in reading.parts
            for first, last in islice(self.places(part), MOST_PLACES)
        ]
        return places or None


class Single(Term):
    """A term of one word."""

    __slots__ = ()

    @abstractmethod
    def indexes(self, part: Part) -> Sequence[int]:
        """Where it stands, ascending."""

    @abstractmethod
    def fits(self, part: Part, index: int) -> bool:
        """Whether it stands at that place."""

    def places(self, part: Part) -> Iterable[tuple[int, int]]:
        return ((index, index) for index in self.indexes(part))

    def needs(self, cost: Cost) -> list[Need]:  # noqa: ARG002 - the same face as others
        return [frozenset(self.leaves())]


@dataclass(frozen=True, slots=True)
class Word(Single):
    """A whole word, without regard to case and accents: `word` is folded."""

    word: str

    def indexes(self, part: Part) -> Sequence[int]:
        return part.places(self.word)

    def fits(self, part: Part, index: int) -> bool:
        return part.words[index] == self.word

    def leaves(self) -> Iterator[Query]:
        yield self

    def __str__(self) -> str:
        return f'"{self.word}"' if self.word in {"and", "or", "not"} else self.word


@dataclass(frozen=True, slots=True)
class Prefix(Single):
    """Every word that starts with the folded `word`, itself included."""

    word: str

    def indexes(self, part: Part) -> Sequence[int]:
        return part.starting(self.word)

    def fits(self, part: Part, index: int) -> bool:
        return part.words[index].startswith(self.word)

    def leaves(self) -> Iterator[Query]:
        yield self

    def __str__(self) -> str:
        return f"{self.word}*"


@dataclass(frozen=True, slots=True)
class Exact(Single):
    """A whole word, written just so in case and accents: `written` is as `words.written` has it, `word` what it folds to."""

    written: str
    word: str

    def indexes(self, part: Part) -> Sequence[int]:
        return [index for index in part.places(self.word) if part.written(index) == self.written]

    def fits(self, part: Part, index: int) -> bool:
        return part.words[index] == self.word and part.written(index) == self.written

    def leaves(self) -> Iterator[Query]:
        yield Word(self.word)

    def __str__(self) -> str:
        return f"={self.written}"


@dataclass(frozen=True, slots=True)
class Phrase(Term):
    """Two or more words that follow one another directly, whatever stands between them that is no word."""

    words: tuple[Single, ...]

    def places(self, part: Part) -> Iterable[tuple[int, int]]:
        """Looks only around the word that the text has least of."""
        columns: list[Sequence[int]] = []
        for word in self.words:
            columns.append(word.indexes(part))
            if not columns[-1]:
                return
        rarest = min(range(len(columns)), key=lambda at: len(columns[at]))
        for index in columns[rarest]:
            first = index - rarest
            last = first + len(self.words) - 1
            if first >= 0 and last < len(part.words) and self._fits(part, first):
                yield first, last

    def _fits(self, part: Part, first: int) -> bool:
        return all(word.fits(part, index) for index, word in enumerate(self.words, first))

    def needs(self, cost: Cost) -> list[Need]:
        return [need for word in self.words for need in word.needs(cost)]

    def leaves(self) -> Iterator[Query]:
        for word in self.words:
            yield from word.leaves()

    def __str__(self) -> str:
        if isinstance(self.words[0], Exact):
            return f'="{" ".join(word.written for word in self.words if isinstance(word, Exact))}"'
        return f'"{" ".join(str(word).strip(chr(34)) for word in self.words)}"'


@dataclass(frozen=True, slots=True)
class Symbol(Query):
    """An emoji or another sign beyond ASCII, wherever it stands: it is no word, so no phrase or NEAR has it."""

    text: str

    def found(self, reading: Reading) -> list[Place] | None:
        places = [
            Place(part, self, *match.span())
            for part in reading.parts
            for match in islice(re.finditer(re.escape(self.text), part.text), MOST_PLACES)
        ]
        return places or None

    def needs(self, cost: Cost) -> list[Need]:  # noqa: ARG002 - the same face as others
        return [frozenset([self])]

    def leaves(self) -> Iterator[Query]:
        yield self

    def __str__(self) -> str:
        return f'"{self.text}"'


def term(text: str, *, exact: bool = False) -> Term | Symbol:
    """The term that `text` - what stood in quotes, or between two spaces - asks for.

    Raises ValueError, with what would be right, for a text without a word, a ``*`` that is not at the end of a word,
    or too many words."""
    found = _exact(text) if exact else _folded(text)
    if len(found) > MOST_WORDS:
        raise ValueError(f"a phrase has at most {MOST_WORDS} words; take its rarest part")
    if found:
        return found[0] if len(found) == 1 else Phrase(tuple(found))
    sign = text.strip().rstrip(_VARIANT)
    if exact or not any(category(char)[0] == "S" and not char.isascii() for char in sign):
        raise ValueError("there is no word in this; a word has letters or digits")
    return Symbol(sign)


# An emoji is written with or without it.
_VARIANT = "\ufe0f"


def _exact(text: str) -> list[Single]:
    if "*" in text:
        raise ValueError("= asks for a word just as written, * for any ending; take one of them")
    return [Exact(written(text[start:end]), word) for (start, end), word in zip(spans(text), words(text), strict=True)]


def _folded(text: str) -> list[Single]:
    found: list[Single] = []
    before, *after = text.split("*")
    for chunk in after:
        if not _ends_in_word(before) or _starts_with_word(chunk):
            raise ValueError(
                "a * stands for the rest of a word, so at its end and after at least one letter: hospital*"
            )
        *whole, last = words(before)
        found += [*map(Word, whole), Prefix(last)]
        before = chunk
    return [*found, *map(Word, words(before))]


def _ends_in_word(text: str) -> bool:
    where = spans(text)
    return bool(where) and where[-1][1] == len(text)


def _starts_with_word(text: str) -> bool:
    where = spans(text)
    return bool(where) and where[0][0] == 0
