"""What the classes of risk mean in plain words, read from the table beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from monitor.messages.text import spoken

SOURCE_RULES = ("source_failing", "source_quiet")
"""Incidents of these rules are about a source of ours, which is their group, and have no mentions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A class of risk for people: `title` for a subject line, what it `means`, and what to do `first`."""

    title: str
    means: str = ""
    first: str = ""


@cache
def wordings() -> dict[str, Wording]:
    """All classes there are words for, by name."""
    table = tomllib.loads((files(__package__) / "risks.toml").read_text("utf-8"))
    return {name: Wording(**words) for name, words in table.items()}


def wording(name: str) -> Wording:
    """The words for a risk class or rule. One that only the organisation knows is called as it named it."""
    return wordings().get(name) or Wording(title=spoken(name))
