"""What a query asks of a mention beside its words: ``author: site: lang: kind: stars<3 source: location: ours:``."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.model import Kind
from monitor.topics.query import Place, Query
from monitor.topics.reading import Part
from monitor.topics.terms import Symbol, Term, term
from monitor.topics.words import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.topics.query import Cost, Need
    from monitor.topics.reading import Reading


@dataclass(frozen=True, slots=True)
class Field(Query):
    """A condition on what is known of a mention. It never holds for what is unknown, and leaves no evidence in a text.

    `compare` is ``:`` but for stars. `value` is as `field` made it: a term (author), a host (site), folded words
    (source, location), a number of stars, a truth value (ours), or a lower-case code (lang, kind)."""

    name: str
    compare: str
    value: Term | str | float | bool

    def found(self, reading: Reading) -> list[Place] | None:
        return [] if _HOLDS[self.name](self, reading) else None

    def needs(self, cost: Cost) -> list[Need]:  # noqa: ARG002 - the same face as others
        return []

    def leaves(self) -> Iterator[Query]:
        return iter(())

    def __str__(self) -> str:
        if isinstance(self.value, bool):
            return f"{self.name}:{'yes' if self.value else 'no'}"
        if isinstance(self.value, float):
            return f"{self.name}{self.compare}{self.value:g}"
        value = str(self.value)
        return f'{self.name}:"{value}"' if " " in value and '"' not in value else f"{self.name}:{value}"


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, ":": operator.eq,
}  # fmt: skip


def _author(field: Field, reading: Reading) -> bool:
    author = reading.mention.author or ""
    return isinstance(field.value, Term) and any(field.value.places(Part("author", author, words(author))))


def _site(field: Field, reading: Reading) -> bool:
    host = _host(reading.mention.url or "")
    return host == field.value or host.endswith(f".{field.value}")


def _lang(field: Field, reading: Reading) -> bool:
    lang = (reading.mention.lang or "").casefold().replace("_", "-")
    return lang == field.value or lang.startswith(f"{field.value}-")


def _kind(field: Field, reading: Reading) -> bool:
    return reading.mention.kind == field.value


def _stars(field: Field, reading: Reading) -> bool:
    stars = reading.mention.stars
    return stars is not None and isinstance(field.value, float) and _COMPARE[field.compare](stars, field.value)


def _source(field: Field, reading: Reading) -> bool:
    return _is(reading.source, field)


def _location(field: Field, reading: Reading) -> bool:
    return _is(reading.labels.get("location", ""), field)


def _ours(field: Field, reading: Reading) -> bool:
    return reading.mention.ours == field.value


def _is(name: str, field: Field) -> bool:
    """Whether the name is the field's, whole: a location "Main" is not "Main Annex". A ``*`` leaves the end open."""
    folded, value = " ".join(words(name)), str(field.value)
    return folded.startswith(value[:-1]) if value.endswith("*") else folded == value


def _host(url: str) -> str:
    """The host of a URL, or of what is one already, in lower case and ASCII; empty where there is none."""
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
        return host.rstrip(".").encode("idna").decode() if host else ""
    except ValueError:  # what platforms hand over as a URL need not be one; UnicodeError is a ValueError
        return ""


_HOLDS: dict[str, Callable[[Field, Reading], bool]] = {
    "author": _author, "site": _site, "lang": _lang, "kind": _kind, "stars": _stars,
    "source": _source, "location": _location, "ours": _ours,
}  # fmt: skip

NAMES = tuple(_HOLDS)
"""The fields there are."""


def field(name: str, compare: str, written: str, *, exact: bool = False) -> Field:
    """The condition ``name compare written``, such as ``stars <= 2``; `exact`: the value followed a ``=``.

    Raises ValueError, with what would be right, for a field there is not or a value that it cannot have."""
    if name not in _HOLDS:
        raise ValueError(
            f'there is no field "{name}:", only {", ".join(NAMES)}; to search for the text put it in quotes'
        )
    if name == "author":
        return Field(name, ":", _author_value(written, exact=exact))
    if exact and name != "stars":
        raise ValueError(f"{name}: compares without regard to case; leave out the =")
    return Field(name, compare if name == "stars" else ":", _VALUES[name](written))


def _author_value(written: str, *, exact: bool) -> Term:
    value = term(written, exact=exact)
    if isinstance(value, Symbol):
        raise ValueError("author: takes a name or handle, with at least one letter or digit")  # noqa: TRY004 - bad text
    return value


def _site_value(written: str) -> str:
    host = _host(written)
    if not host or not re.fullmatch(r"[\w.-]+", written.strip()):
        raise ValueError("site: takes a host and means its subdomains too, such as site:news.example")
    return host.removeprefix("www.")


def _lang_value(written: str) -> str:
    lang = written.casefold().replace("_", "-")
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]+)*", lang):
        raise ValueError("lang: takes a language code, such as lang:en or lang:pt-br")
    return lang


def _kind_value(written: str) -> str:
    try:
        return Kind(written.casefold()).value
    except ValueError:
        raise ValueError(f"kind: is one of {', '.join(Kind)}") from None


def _stars_value(written: str) -> float:
    if not re.fullmatch(r"[0-9](\.[0-9]+)?", written) or not 1 <= float(written) <= 5:
        raise ValueError("stars are a number from 1 to 5, such as stars<3, stars>=4 or stars:5")
    return float(written)


def _name_value(written: str) -> str:
    name, star = written.removesuffix("*"), "*" if written.endswith("*") else ""
    folded = words(name)
    if not folded or "*" in name:
        raise ValueError(
            'a name has letters or digits, and a * only at its end, such as source:google* or location:"Main"'
        )
    return " ".join(folded) + star


def _ours_value(written: str) -> bool:
    known = {"yes": True, "true": True, "no": False, "false": False}
    if written.casefold() not in known:
        raise ValueError("ours: is yes (we wrote it) or no")
    return known[written.casefold()]


_VALUES: dict[str, Callable[[str], str | float | bool]] = {
    "site": _site_value, "lang": _lang_value, "kind": _kind_value, "stars": _stars_value,
    "source": _name_value, "location": _name_value, "ours": _ours_value,
}  # fmt: skip
