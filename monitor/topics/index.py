"""All topics at once over a mention: only those whose words it has are asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.topics.reading import Reading
from monitor.topics.terms import Prefix, Symbol, Word

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from monitor.model import Labels, Mention
    from monitor.topics.query import Need, Place, Query


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """Evidence: `field` (``title`` or ``text``) of the mention has `term`, as the query has it, from `start` to `end`."""

    start: int
    end: int
    term: str
    field: str


class Topics:
    """Queries by name. It keeps nothing of what it reads: one instance may serve several threads."""

    def __init__(self, queries: Mapping[str, Query]) -> None:
        self._names = tuple(queries)
        self._queries = tuple(queries.values())
        needs = _needs(self._queries)
        self._always = [number for number, some in enumerate(needs) if not some]
        asked: defaultdict[Query, list[int]] = defaultdict(list)
        for number, some in enumerate(needs):
            for key in some[0] if some else ():
                asked[key].append(number)
        self._words = {key.word: numbers for key, numbers in asked.items() if isinstance(key, Word)}
        self._word_set = frozenset(self._words)
        self._prefixes = {key.word: numbers for key, numbers in asked.items() if isinstance(key, Prefix)}
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})
        self._heads = frozenset(prefix[: self._lengths[0]] for prefix in self._prefixes)
        self._signs = _by_sign(asked)
        self._sign_set = frozenset(self._signs)
        self._further = [[words for need in some[1:] if (words := _only_words(need))] for some in needs]

    def match(
        self, mention: Mention, *, source: str, labels: Labels, only: Collection[str] | None = None
    ) -> dict[str, tuple[Hit, ...]]:
        """The topics that hold for the mention, in the order they were given, each with its evidence.

        `source` and `labels` are what the configuration says of where it came from; `only` names the topics to ask.
        A topic that only asks about fields holds without evidence: an empty tuple."""
        if not self._names:
            return {}
        reading = Reading(mention, source, labels)
        matching: dict[str, tuple[Hit, ...]] = {}
        for number in sorted(self._candidates(reading)):
            name = self._names[number]
            if only is not None and name not in only:
                continue
            places = self._queries[number].found(reading)
            if places is not None:
                matching[name] = _hits(places)
        return matching

    def _candidates(self, reading: Reading) -> list[int]:
        """The numbers of the topics that may hold: cheap to tell, before anybody asks where a word stands."""
        vocabulary = reading.vocabulary
        numbers = set(self._always)
        for word in self._word_set & vocabulary:
            numbers.update(self._words[word])
        if self._prefixes:
            for prefix in self._prefixes_of(vocabulary):
                numbers.update(self._prefixes[prefix])
        if self._signs:
            for text in (reading.mention.title, reading.mention.text):
                for sign in () if text.isascii() else self._sign_set.intersection(text):
                    numbers.update(self._signs[sign])
        return [number for number in numbers if not any(map(vocabulary.isdisjoint, self._further[number]))]

    def _prefixes_of(self, vocabulary: frozenset[str]) -> set[str]:
        """The prefixes that some word has. Most words are out by their first letters."""
        shortest = self._lengths[0]
        likely = [word for word in vocabulary if word[:shortest] in self._heads]
        if not likely:
            return set()
        return {word[:length] for word in likely for length in self._lengths} & self._prefixes.keys()


def _needs(queries: Sequence[Query]) -> list[list[Need]]:
    """The needs of each query, the one that decides whether it is asked at all first.

    What few queries look for decides best: of "Practice Hospital Elm Street" among a thousand hospitals it is the
    street. Between equals the longer word is the rarer one, and a prefix the least rare."""
    uses = Counter(key for query in queries for key in set(query.leaves()))

    def cost(key: Query) -> float:
        return uses[key] + isinstance(key, Prefix) - len(str(key)) / 1000

    return [sorted(query.needs(cost), key=lambda need: sum(map(cost, need))) for query in queries]


def _only_words(need: Need) -> frozenset[str]:
    """The words of a need that is about nothing else; empty for another."""
    words = frozenset(key.word for key in need if isinstance(key, Word))
    return words if len(words) == len(need) else frozenset()


def _by_sign(asked: Mapping[Query, Iterable[int]]) -> dict[str, list[int]]:
    """The queries that need a symbol, by its first character."""
    signs: defaultdict[str, list[int]] = defaultdict(list)
    for key, numbers in asked.items():
        if isinstance(key, Symbol):
            signs[key.text[0]].extend(numbers)
    return dict(signs)


def _hits(places: Iterable[Place]) -> tuple[Hit, ...]:
    """Each place once as offsets into the original, the title's first, in the order of the text."""
    hits = {Hit(*_offsets(place), str(place.term), place.part.name) for place in places}
    return tuple(sorted(hits, key=lambda hit: (hit.field != "title", hit)))


def _offsets(place: Place) -> tuple[int, int]:
    if isinstance(place.term, Symbol):
        return place.first, place.last
    return place.part.spans[place.first][0], place.part.spans[place.last][1]
