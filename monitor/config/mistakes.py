"""A mistake in the configuration: where it stands, what is wrong and what would be right."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic_core import PydanticCustomError

Loc = tuple[str | int, ...]
"""Where a value stands: the keys and list positions that lead to it."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing that is wrong. `line` is None where the place could not be found in the file, `key` empty where the
    file itself is meant. Neither `wrong` nor `right` ever repeats a secret."""

    file: str
    line: int | None
    key: str
    wrong: str
    right: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.wrong}; {self.right}" if self.right else self.wrong
        said = ": ".join(part for part in (where, self.key, what) if part)
        return "".join(sign if sign.isprintable() else "?" for sign in said)  # one line, whatever the file holds


class ConfigError(Exception):
    """The configuration cannot be used; `mistakes` holds everything that is wrong with it, in the order of the file."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: (mistake.line or 0, mistake.key)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def wrong(what: str, right: str) -> PydanticCustomError:
    """What a validator raises: the two halves of the sentence that a person will read."""
    return PydanticCustomError("mistake", "{wrong}; {right}", {"wrong": what, "right": right})


def key_path(loc: Loc) -> str:
    """`loc` as it is printed: ``sources.news.every``, ``inboxes.risk.email[0]``."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":  # pydantic's mark for a table's name that is wrong itself
            path += ("." if path else "") + (part if _BARE.fullmatch(part) else repr(part[:60]))
    return path


def known(value: str, names: Iterable[str]) -> str:
    """The remedy for a name that does not exist: the one that was probably meant, or all there are."""
    there = sorted(names)
    close = get_close_matches(value, there, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(there)}" if there else "there are none yet"
