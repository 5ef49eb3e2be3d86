"""The text of a query cut into operators, parentheses and operands, each with its column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.topics.fields import NAMES, field
from monitor.topics.near import FARTHEST, Link
from monitor.topics.terms import term

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.topics.query import Query


class QueryError(ValueError):
    """A query that cannot be read. The sentence says what is wrong and what would be right; `column` counts from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One piece of a query: `kind` is ( ) AND OR NOT NEAR, term or end; `text` is as written."""

    kind: str
    text: str
    column: int
    query: Query | None = None
    link: Link | None = None


_QUOTES = '"“”„‟«»'  # what people paste from a word processor is meant as a quote
_BARE = rf"[^\s(){_QUOTES}]"

_STARS = re.compile(rf"stars\s*(<=|>=|<|>|=|:)\s*({_BARE}*)", re.IGNORECASE)
_FIELD = re.compile(r"([A-Za-z_]+):(=?)")
_QUOTED = re.compile(rf"[{_QUOTES}]([^{_QUOTES}]*)[{_QUOTES}]")
_TEXT = re.compile(rf"{_BARE}+")
_NEAR = re.compile(r"(O?)NEAR(?:/(.*))?", re.IGNORECASE)

# What other tools write, and a reader of words would silently drop.
_FOREIGN = (
    (
        re.compile(r"[-\u2013\u2212!]\w.*"),
        "to leave something out write NOT before it; to search for the sign use quotes",
    ),
    (re.compile(r"\+\w.*"), "words beside each other are all required: leave out the +"),
    (re.compile(r"['\u2018`]\w.*"), 'a phrase stands in double quotes, such as "two words"'),
    (re.compile(r"&+"), "write AND"),
    (re.compile(r"\|+"), "write OR"),
    (re.compile(r"~\d*|.*\w~\d*"), 'there is no ~; for words near each other write NEAR/n, such as "a NEAR/5 b"'),
    (re.compile(r".*\w\?.*"), "there is no ? for a letter; write the spellings with OR between them"),
    (re.compile(r"\w+[<>]=?.*"), "only stars can be compared, such as stars<3"),
)


def lexemes(text: str) -> Iterator[Lexeme]:
    """The pieces of `text`, the last of kind ``end``. Raises QueryError."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        else:
            lexeme, at = _next(text, at)
            yield lexeme
    yield Lexeme("end", "", len(text) + 1)


def _next(text: str, at: int) -> tuple[Lexeme, int]:
    """The lexeme that starts at `at`, and where it ends."""
    if text[at] in "()":
        return Lexeme(text[at], text[at], at + 1), at + 1
    try:
        return _operator(text, at) or _condition(text, at) or _term(text, at)
    except ValueError as error:
        raise QueryError(str(error), at + 1) from None


def _operator(text: str, at: int) -> tuple[Lexeme, int] | None:
    bare = _bare(text, at)
    end = at + len(bare)
    if bare in {"AND", "OR", "NOT"}:
        return Lexeme(bare, bare, at + 1), end
    if bare.upper() in {"AND", "OR", "NOT"}:
        raise ValueError(
            f'an operator is in capitals: write {bare.upper()}, or "{bare}" in quotes to search for the word'
        )
    near = _NEAR.fullmatch(bare)
    if near is None or (near[2] is None and not bare.isupper()):
        return None  # "near" is a word
    return Lexeme("NEAR", bare, at + 1, link=_link(bare, near)), end


def _link(bare: str, near: re.Match[str]) -> Link:
    within = near[2] or ""
    if not near[0].startswith(("NEAR/", "ONEAR/")) or not within.isdecimal() or not 1 <= int(within[:9]) <= FARTHEST:
        raise ValueError(f"{bare} is no distance; write NEAR/n or ONEAR/n with n from 1 (side by side) to {FARTHEST}")
    return Link(int(within), bool(near[1]))


def _condition(text: str, at: int) -> tuple[Lexeme, int] | None:
    if (stars := _STARS.match(text, at)) is not None:
        compare = ":" if stars[1] == "=" else stars[1]
        return _operand(text, at, stars.end(), field("stars", compare, stars[2]))
    named = _FIELD.match(text, at)
    if named is None:
        return None
    name = named[1].casefold()
    written, end = _written(text, named.end())
    if not written and name in NAMES:
        raise ValueError(f"nothing stands after {name}: - write its value right behind it, and OR between several")
    return _operand(text, at, end, field(name, ":", written, exact=bool(named[2])))


def _term(text: str, at: int) -> tuple[Lexeme, int]:
    exact = text[at] == "="
    written, end = _written(text, at + exact)
    bare = _bare(text, at)
    for pattern, remedy in _FOREIGN:
        if pattern.fullmatch(bare):
            raise ValueError(f"{bare} is not of this language: {remedy}")
    return _operand(text, at, end, term(written, exact=exact))


def _operand(text: str, at: int, end: int, query: Query) -> tuple[Lexeme, int]:
    return Lexeme("term", text[at:end], at + 1, query=query), end


def _written(text: str, at: int) -> tuple[str, int]:
    """What stands at `at`, in quotes or up to the next space or parenthesis, and where it ends."""
    if text[at : at + 1] not in _QUOTES or at == len(text):
        bare = _bare(text, at)
        return bare, at + len(bare)
    quoted = _QUOTED.match(text, at)
    if quoted is None:
        raise ValueError("this quote is never closed; write one more where the phrase ends")
    return quoted[1], quoted.end()


def _bare(text: str, at: int) -> str:
    bare = _TEXT.match(text, at)
    return bare[0] if bare else ""
