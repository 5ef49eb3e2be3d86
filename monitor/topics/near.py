"""Terms near one another: each occurrence within so many words of an occurrence of the next."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from monitor.topics.query import Or, Place, Query, closed
from monitor.topics.terms import MOST_PLACES, Term

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.topics.query import Cost, Need
    from monitor.topics.reading import Part, Reading

FARTHEST = 1000
"""The largest n of NEAR/n: beyond it, AND is meant."""


@dataclass(frozen=True, slots=True)
class Link:
    """How two neighbours of a chain must stand: `within` words of each other (1: side by side), in order or in any."""

    within: int
    ordered: bool

    def __str__(self) -> str:
        return f"{'ONEAR' if self.ordered else 'NEAR'}/{self.within}"


class _Occurrence(NamedTuple):
    first: int
    last: int
    term: Term


@dataclass(frozen=True, slots=True)
class Near(Query):
    """A chain ``a NEAR/3 b NEAR/5 c``: an a within 3 words of a b that is within 5 words of a c, all in one part.

    Each operand is a term or an Or of terms. The distance is counted from the end of the one to the start of the other,
    so side by side is 1; what overlaps is not near. Evidence is every occurrence that belongs to a whole chain."""

    compound: ClassVar[bool] = True
    of: tuple[Term | Or, ...]
    links: tuple[Link, ...]

    def found(self, reading: Reading) -> list[Place] | None:
        places = [
            Place(part, occurrence.term, occurrence.first, occurrence.last)
            for part in reading.parts
            for column in self._chained(part)
            for occurrence in islice(column, MOST_PLACES)
        ]
        return places or None

    def _chained(self, part: Part) -> list[list[_Occurrence]]:
        """Of each operand the occurrences in a whole chain; no columns where there is none.

        One pass forth and one back over sorted occurrences, so n log n and never their product."""
        columns = []
        for operand in self.of:
            columns.append(_occurrences(operand, part))
            if not columns[-1]:
                return []
        for at, link in enumerate(self.links):
            columns[at + 1] = _linked(columns[at + 1], columns[at], link, follows=True)
        for at, link in reversed(list(enumerate(self.links))):
            columns[at] = _linked(columns[at], columns[at + 1], link, follows=False)
        return columns if all(columns) else []

    def needs(self, cost: Cost) -> list[Need]:
        return [need for operand in self.of for need in operand.needs(cost)]

    def leaves(self) -> Iterator[Query]:
        for operand in self.of:
            yield from operand.leaves()

    def __str__(self) -> str:
        rest = (f" {link} {closed(operand)}" for link, operand in zip(self.links, self.of[1:], strict=True))
        return closed(self.of[0]) + "".join(rest)


def _occurrences(operand: Term | Or, part: Part) -> list[_Occurrence]:
    return [_Occurrence(first, last, term) for term in _terms(operand) for first, last in term.places(part)]


def _terms(operand: Query) -> Iterable[Term]:
    """The terms of an operand; nothing where it holds anything else."""
    if isinstance(operand, Term):
        yield operand
    elif isinstance(operand, Or):
        for query in operand.of:
            yield from _terms(query)


def operand(query: Query) -> Term | Or | None:
    """`query` if NEAR can take it: a term, or an Or of nothing but terms."""
    if isinstance(query, Term):
        return query
    return query if isinstance(query, Or) and all(operand(part) for part in query.of) else None


def _linked(these: list[_Occurrence], those: list[_Occurrence], link: Link, *, follows: bool) -> list[_Occurrence]:
    """Those of `these` that have one of `those` within reach; `follows`: these stand on the right of the operator."""
    firsts = sorted(that.first for that in those)
    lasts = sorted(that.last for that in those)
    before, after = follows or not link.ordered, not follows or not link.ordered
    return [
        this
        for this in these
        if (before and _any_within(lasts, this.first - link.within, this.first - 1))
        or (after and _any_within(firsts, this.last + 1, this.last + link.within))
    ]


def _any_within(ascending: list[int], low: int, high: int) -> bool:
    at = bisect_left(ascending, low)
    return at < len(ascending) and ascending[at] <= high
