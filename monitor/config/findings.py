"""A mistake between values, and the names that such a mistake is about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.config.mistakes import Loc, known
from monitor.config.models import FALLBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A mistake between values. It is only said while nothing is wrong at `loc` itself or at what it `needs`."""

    loc: Loc
    wrong: str
    right: str
    needs: tuple[Loc, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Every name that is written in the file, also that of a table with another mistake in it."""

    topics: frozenset[str]
    sources: frozenset[str]
    inboxes: frozenset[str]
    labels: frozenset[str]
    risks: frozenset[str]

    def reachable(self) -> frozenset[str]:
        """The inboxes that somebody has: those configured, and those that fall back to one that is."""
        return self.inboxes | {name for name, instead in FALLBACK.items() if instead in self.inboxes}


def names(raw: Mapping[str, Any], risks: frozenset[str]) -> Names:
    """The names in the file as it was read, before anything was checked."""

    def tables(section: str) -> dict[str, Any]:
        found = raw.get(section)
        return found if isinstance(found, dict) else {}

    labelled = [*tables("topics").values(), *tables("sources").values()]
    labels = [table.get("labels") for table in labelled if isinstance(table, dict)]
    return Names(
        topics=frozenset(tables("topics")),
        sources=frozenset(tables("sources")),
        inboxes=frozenset(tables("inboxes")),
        labels=frozenset(key for table in labels if isinstance(table, dict) for key in table),
        risks=risks,
    )


def nobody(loc: Loc, inboxes: tuple[str, ...], there: Names) -> Iterator[Finding]:
    """The inboxes listed at `loc` that nobody has."""
    for index, name in enumerate(inboxes):
        if name not in there.reachable():
            yield unreachable((*loc, index), name, there)


def unreachable(loc: Loc, name: str, there: Names) -> Finding:
    """What is wrong with an inbox at `loc` that nobody has."""
    right = known(name, there.reachable())
    return Finding(loc=loc, wrong=f"nobody has the inbox {name[:60]!r}", right=right)


def unknown(loc: Loc, what: str, name: str, there: frozenset[str]) -> Finding:
    """What is wrong with a name at `loc` that nothing has."""
    return Finding(loc=loc, wrong=f"no {what} is called {name[:60]!r}", right=known(name, there))
