"""A query as a tree, and what and, or and not make of what their parts found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.topics.reading import Part, Reading

Need: TypeAlias = "frozenset[Query]"
"""Words, prefixes and symbols of which a mention must have at least one."""

Cost: TypeAlias = "Callable[[Query], float]"
"""How common a word, prefix or symbol is thought to be."""


class Place(NamedTuple):
    """Where a term was found: `first` and `last` are indexes of words of `part`, or, of a symbol, its offsets."""

    part: Part
    term: Query
    first: int
    last: int


class Query(ABC):
    """A query, or a part of one. Its `str` parses to an equal query."""

    __slots__ = ()

    compound: ClassVar[bool] = False
    """Whether its text has an operator between two operands."""

    @abstractmethod
    def found(self, reading: Reading) -> list[Place] | None:
        """The evidence where the query holds - none for what only asks about a field -, None where it does not."""

    @abstractmethod
    def needs(self, cost: Cost) -> list[Need]:
        """Sets of which a mention must have one each, or the query cannot hold; none: it must always be asked."""

    @abstractmethod
    def leaves(self) -> Iterator[Query]:
        """All words, prefixes and symbols that `needs` may choose from."""

    @property
    def positive(self) -> bool:
        """Whether the query says what to find, not only what not to find."""
        return True


@dataclass(frozen=True, slots=True)
class And(Query):
    """Holds where all of two or more queries do."""

    compound: ClassVar[bool] = True
    of: tuple[Query, ...]

    def found(self, reading: Reading) -> list[Place] | None:
        places: list[Place] = []
        for query in self.of:
            some = query.found(reading)
            if some is None:
                return None
            places += some
        return places

    def needs(self, cost: Cost) -> list[Need]:
        return [need for query in self.of for need in query.needs(cost)]

    def leaves(self) -> Iterator[Query]:
        for query in self.of:
            yield from query.leaves()

    @property
    def positive(self) -> bool:
        return any(query.positive for query in self.of)

    def __str__(self) -> str:
        return " AND ".join(map(closed, self.of))


@dataclass(frozen=True, slots=True)
class Or(Query):
    """Holds where at least one of two or more queries does; its evidence is that of all which do."""

    compound: ClassVar[bool] = True
    of: tuple[Query, ...]

    def found(self, reading: Reading) -> list[Place] | None:
        holding = [some for query in self.of if (some := query.found(reading)) is not None]
        return [place for some in holding for place in some] if holding else None

    def needs(self, cost: Cost) -> list[Need]:
        """One of the cheapest needs of all."""
        cheapest = [cheapest_need(query.needs(cost), cost) for query in self.of]
        return [frozenset().union(*cheapest)] if all(cheapest) else []

    def leaves(self) -> Iterator[Query]:
        for query in self.of:
            yield from query.leaves()

    @property
    def positive(self) -> bool:
        return all(query.positive for query in self.of)

    def __str__(self) -> str:
        return " OR ".join(map(closed, self.of))


@dataclass(frozen=True, slots=True)
class Not(Query):
    """Holds where a query does not; what is absent is no evidence."""

    of: Query

    def found(self, reading: Reading) -> list[Place] | None:
        return [] if self.of.found(reading) is None else None

    def needs(self, cost: Cost) -> list[Need]:  # noqa: ARG002 - the same face as others
        return []

    def leaves(self) -> Iterator[Query]:
        return iter(())

    @property
    def positive(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"NOT {closed(self.of)}"


def cheapest_need(needs: list[Need], cost: Cost) -> Need:
    """The need that the fewest mentions will fulfil; empty where there is none."""
    return min(needs, key=lambda need: sum(map(cost, need)), default=frozenset())


def closed(query: Query) -> str:
    """`query` as text, in parentheses where it has operators."""
    return f"({query})" if query.compound else str(query)
