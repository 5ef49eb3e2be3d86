"""A mention as queries read it: its title and its text cut into words, each only as far as somebody asks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from monitor.topics.words import spans, words, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.model import Labels, Mention


_SCANS = 16
"""How many words are looked up one by one before all are filed: about what filing costs."""


class Part:
    """One searched text of a mention, by name: ``title``, ``text`` or ``author``. Nothing is found across two."""

    def __init__(self, name: str, text: str, words: list[str]) -> None:
        self.name = name
        self.text = text
        self.words = words
        self.vocabulary = frozenset(words)
        self._places: dict[str, list[int]] = {}

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """The offsets into `text` of each of `words`."""
        return spans(self.text)

    @cached_property
    def _starting(self) -> dict[str, list[int]]:
        return {}

    @cached_property
    def _spaced(self) -> str:
        return " ".join(["", *self.words])

    def places(self, word: str) -> Sequence[int]:
        """Where `word` stands: indexes into `words`, ascending."""
        if word not in self.vocabulary:
            return ()
        if word not in self._places:
            if len(self._places) >= _SCANS:
                self._file()
            else:
                self._places[word] = list(_indexes(self.words, word))
        return self._places[word]

    def _file(self) -> None:
        self._places = {}
        for index, word in enumerate(self.words):
            self._places.setdefault(word, []).append(index)

    def starting(self, prefix: str) -> Sequence[int]:
        """Where words stand that start with `prefix`, ascending."""
        if f" {prefix}" not in self._spaced:
            return ()
        if prefix not in self._starting:
            likely = [word for word in self.vocabulary if word.startswith(prefix)]
            self._starting[prefix] = sorted(index for word in likely for index in self.places(word))
        return self._starting[prefix]

    def written(self, index: int) -> str:
        """The word at a place as its author wrote it."""
        start, end = self.spans[index]
        return written(self.text[start:end])


class Reading:
    """A mention with what the configuration says of its source: all that a query can ask about."""

    def __init__(self, mention: Mention, source: str, labels: Labels) -> None:
        self.mention = mention
        self.source = source
        self.labels = labels
        self._title = words(mention.title) if mention.title else []
        self._text = words(mention.text)
        self.vocabulary = frozenset(self._text).union(self._title) if self._title else frozenset(self._text)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What is searched: the title, where there is one, and the text. Most mentions concern no topic: only now."""
        text = Part("text", self.mention.text, self._text)
        return (Part("title", self.mention.title, self._title), text) if self.mention.title else (text,)


def _indexes(words: list[str], word: str) -> Iterator[int]:
    index = -1
    for _ in range(words.count(word)):
        index = words.index(word, index + 1)
        yield index
