"""Playbooks: what each platform removes and never removes, where to ask and on which ground, and what not to answer; read
from the table beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

ASK = "Ask"
"""The label of the step that asks a platform to take something down."""
OTHER = "other"
"""The table for a platform that has none, such as that of a connector by somebody else."""
_CONFIRM_NOTHING = "Confirm nothing about anybody, not even that they were here."
_NO_GROUND = "No ground to have it removed: an allegation, true or not, is theirs to make."


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What is known of a platform's rules. `source` is the page that says so, `unconfirmed` that none says it all."""

    name: str
    ask: str
    removes: str
    keeps: str
    own: str
    grounds: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """What to do about a mention: `where` it is, and label and sentence, two to five of them. `unconfirmed`: no public page
    says all of it."""

    where: str
    steps: tuple[tuple[str, str], ...]
    source: str = ""
    unconfirmed: bool = False


@cache
def platforms() -> Mapping[str, Platform]:
    """All platforms there is a table for, by name."""
    tables = _tables()["platforms"]
    whole = {name: {**tables.get(str(table.get("like")), {}), **table} for name, table in tables.items()}
    return {name: Platform(**{key: table[key] for key in table if key != "like"}) for name, table in whole.items()}


@cache
def risks() -> Mapping[str, Mapping[str, str]]:
    """What a class of risk says: `ground`, `police`, `never`, as far as it does."""
    found: dict[str, dict[str, str]] = _tables()["risks"]
    return found


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "playbooks.toml").read_text("utf-8"))


def playbook(platform: str, risk: str | None, *, ours: bool) -> Playbook:
    """The playbook for a mention on `platform` with that risk, None for a rule of the organisation's own. What is `ours`
    needs nobody else to take it down."""
    where, what = platforms().get(platform) or platforms()[OTHER], risks().get(risk or "", {})
    steps = [("Take it down", where.own)] if ours else _asking(where, what)
    answer = ("Answer", what.get("never", _CONFIRM_NOTHING))
    return Playbook(where=where.name, steps=(*steps, answer), source=where.source, unconfirmed=where.unconfirmed)


def _asking(where: Platform, what: Mapping[str, str]) -> list[tuple[str, str]]:
    """Who else must know, where to ask and on which ground, what goes and what stays."""
    police = [("First", what["police"])] if "police" in what else []
    rules = [("They remove", where.removes), ("They keep", where.keeps)]
    if "ground" not in what:
        return [*police, ("Removal", _NO_GROUND), *rules]
    ground = where.grounds.get(what["ground"])
    return [*police, (ASK, f"{where.ask} Ground: {ground}." if ground else where.ask), *rules]
