"""The grammar of the query language: NOT binds tightest, then NEAR, then AND, then OR.

::

    or    = and { "OR" and }
    and   = near { [ "AND" ] near }         two operands side by side mean AND; "a NOT b" is "a AND NOT b"
    near  = not { ("NEAR/n" | "ONEAR/n") not }
    not   = "NOT" not | "(" or ")" | term | field
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.topics.lexer import Lexeme, QueryError, lexemes
from monitor.topics.near import Link, Near, operand
from monitor.topics.query import And, Not, Or, Query

if TYPE_CHECKING:
    from monitor.topics.terms import Term

LONGEST = 20_000
"""The most characters of a query."""

DEEPEST = 50
"""The most parentheses and NOTs within one another: what a query may cost is bounded before it is read."""


def parse(text: str) -> Query:
    """The query that `text` writes, in the language of `monitor.topics`.

    Raises QueryError with the column, what is wrong there and what would be right."""
    if len(text) > LONGEST:
        raise QueryError(f"the query has more than {LONGEST:,} characters; make several topics of it", LONGEST + 1)
    if not text.strip():
        raise QueryError("the query is empty; write at least one word", 1)
    query = _Parser(list(lexemes(text))).query()
    if not query.positive:
        raise QueryError(
            "this asks only for what is not there and would match nearly everything; say what to find too", 1
        )
    return query


class _Parser:
    """Reads lexemes from left to right, one method for each line of the grammar."""

    def __init__(self, pieces: list[Lexeme]) -> None:
        self._pieces = pieces
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> Lexeme:
        return self._pieces[self._at]

    def _take(self) -> Lexeme:
        lexeme = self._next
        self._at += 1
        return lexeme

    def query(self) -> Query:
        query = self._or()
        if self._next.kind == ")":
            raise QueryError("this ) closes nothing; take it away or write a ( before", self._next.column)
        return query

    def _or(self) -> Query:
        of = [self._and()]
        while self._next.kind == "OR":
            self._take()
            of.append(self._and())
        return of[0] if len(of) == 1 else Or(_flat(Or, of))

    def _and(self) -> Query:
        of = [self._near()]
        while self._next.kind in {"AND", "NOT", "(", "term"}:
            if self._next.kind == "AND":
                self._take()
            of.append(self._near())
        return of[0] if len(of) == 1 else And(_flat(And, of))

    def _near(self) -> Query:
        first = self._not()
        if self._next.kind != "NEAR":
            return first
        operator = self._next
        of, links = [_near_operand(first, operator)], []
        while self._next.kind == "NEAR":
            operator = self._take()
            of.append(_near_operand(self._not(), operator))
            links.append(_link(operator))
        return Near(tuple(of), tuple(links))

    def _not(self) -> Query:
        lexeme = self._take()
        if lexeme.query is not None:
            return lexeme.query
        if lexeme.kind not in {"NOT", "("}:
            raise self._misplaced(lexeme)
        self._depth += 1
        if self._depth > DEEPEST:
            raise QueryError(
                f"more than {DEEPEST} parentheses and NOTs within one another; write it flatter", lexeme.column
            )
        query = Not(self._not()) if lexeme.kind == "NOT" else self._group(lexeme)
        self._depth -= 1
        return query

    def _group(self, opening: Lexeme) -> Query:
        if self._next.kind == ")":
            raise QueryError("nothing stands between these parentheses; fill them or take them away", opening.column)
        query = self._or()
        if self._next.kind != ")":
            raise QueryError("this ( is never closed; write a ) where the group ends", opening.column)
        self._take()
        return query

    def _misplaced(self, lexeme: Lexeme) -> QueryError:
        """Where an operand is needed and `lexeme` stands."""
        before = self._pieces[self._at - 2] if self._at > 1 else None
        if before is not None and before.kind in {"AND", "OR", "NOT", "NEAR"}:
            then = "the query ends" if lexeme.kind == "end" else f"{lexeme.text} follows"
            return QueryError(f"{before.text} needs something to find behind it, but {then}", before.column)
        if lexeme.kind == "end":
            return QueryError("the query ends where something to find is missing", lexeme.column)
        if lexeme.kind == ")":
            return QueryError("this ) closes nothing; take it away or write a ( before", lexeme.column)
        return QueryError(
            f"{lexeme.text} needs something to find before it, such as: hospital {lexeme.text} ...", lexeme.column
        )


def _flat(kind: type[And | Or], of: list[Query]) -> tuple[Query, ...]:
    """`of` with those of the same kind dissolved: ``a (b c)`` is ``a b c``."""
    return tuple(part for query in of for part in (query.of if isinstance(query, kind) else (query,)))


def _near_operand(query: Query, operator: Lexeme) -> Term | Or:
    taken = operand(query)
    if taken is None:
        raise QueryError(
            f"{operator.text} stands between words, phrases or an OR of them in parentheses, and nothing else; "
            "a NOT of the whole is NOT (a NEAR/5 b)",
            operator.column,
        )
    return taken


def _link(operator: Lexeme) -> Link:
    assert operator.link is not None
    return operator.link
