"""The script of a scenario: a TOML file of what is said, changed and gone, and when."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from connectors.kit.rest import STRICT
from connectors.kit.text import https
from monitor.connector import Malformed
from monitor.model import Json, Kind, Mention

_MISTAKES_TOLD = 5
_PREFIX = re.compile("^(?:Value error, |Input |String )")
"""Of pydantic's sentences, which here begin with the key."""
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_AT = re.compile(r"(?P<sign>[+-])(?=[0-9])" + "".join(rf"(?:(?P<{unit}>[0-9]{{1,4}}){unit})?" for unit in _UNITS))


def _span(written: object) -> timedelta:
    found = _AT.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise ValueError('is no time from the start on: write for example "-3d", "+10m" or "+1h30m"')
    span = timedelta(**{name: int(found[unit] or 0) for unit, name in _UNITS.items()})
    return -span if found["sign"] == "-" else span


def _secure(url: str) -> str:
    if not url.startswith("https://") or https(url) != url:
        raise ValueError("is no https address")
    return url


class Step(BaseModel):
    """One thing that happens to the mention `id`, at a time counted from the start of the scenario."""

    model_config = STRICT
    id: str = Field(pattern=r"^[\w.-]{1,100}$")
    at: Annotated[timedelta, BeforeValidator(_span)]


class Said(Step):
    """A mention. `shows` is for people and tests: the classes of risk that should be found in it."""

    kind: Kind
    text: str
    title: str = ""
    author: str | None = None
    stars: float | None = Field(default=None, ge=1, le=5, strict=True)
    url: Annotated[str, AfterValidator(_secure)] | None = None
    lang: str | None = None
    reply_to: str | None = None
    ours: bool = Field(default=False, strict=True)
    engagement: int | None = Field(default=None, ge=0, strict=True)
    audience: int | None = Field(default=None, ge=0, strict=True)
    shows: tuple[str, ...] = ()


class Change(Step):
    """An edit: what is not written stays as it was."""

    text: str | None = None
    title: str | None = None
    stars: float | None = Field(default=None, ge=1, le=5, strict=True)
    engagement: int | None = Field(default=None, ge=0, strict=True)
    shows: tuple[str, ...] = ()


class Gone(Step):
    """The platform no longer has it."""


_TABLES: Mapping[str, type[Step]] = {"mention": Said, "change": Change, "gone": Gone}
"""In the order in which they happen where they happen at the same time."""


@dataclass(frozen=True, slots=True)
class Script:
    """A scenario that was read: its steps in the order in which they happen."""

    name: str
    steps: tuple[Step, ...]

    def due(self, after: timedelta) -> int:
        """How many steps have happened `after` the start."""
        return bisect_right(self.steps, after, key=lambda step: step.at)

    def page(self, first: int, last: int, start: datetime, speed: float) -> tuple[list[Mention], list[str]]:
        """What the steps from `first` to before `last` say or change, as it stands then, and the ids that they take
        away, in a performance that began at `start`. The start is part of every id."""
        prefix = f"{self.name}/{start:%Y%m%dT%H%M%S.%f}/"
        said: dict[str, Mention] = {}
        touched: dict[str, None] = {}
        gone: list[str] = []
        for number, step in enumerate(self.steps[:last]):
            if isinstance(step, Said):
                said[step.id] = _mention(step, prefix, start, speed)
            elif isinstance(step, Change):
                said[step.id] = _changed(said[step.id], step)
            if number < first:
                continue
            if isinstance(step, Gone):
                gone.append(prefix + step.id)
            else:
                touched[step.id] = None
        return [said[key] for key in touched], gone


def _mention(said: Said, prefix: str, start: datetime, speed: float) -> Mention:
    """The mention as it was first said; what lies before the start is as old as it says, however fast the rest comes."""
    return Mention(
        **said.model_dump(exclude={"id", "at", "reply_to", "shows"}),
        external_id=prefix + said.id,
        parent_id=said.reply_to and prefix + said.reply_to,
        published_at=start + (said.at if said.at < timedelta(0) else said.at / speed),
    )


def _changed(mention: Mention, change: Change) -> Mention:
    return replace(mention, **change.model_dump(exclude={"id", "at", "shows"}, exclude_none=True))


_Placed = tuple[Step, str]
"""A step, and in words where it is written."""


def read(written: bytes, name: str) -> Script:
    """Read a scenario: TOML with the tables `[[mention]]`, `[[change]]` and `[[gone]]`, whose keys are the fields of
    Said, Change and Gone. Raises Malformed that says what is wrong and in which line, and repeats nothing of a text."""
    try:
        text = written.decode()
        tables = tomllib.loads(text)
    except UnicodeDecodeError:
        raise Malformed(f"{name} is no UTF-8: save it as such") from None
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{name} is no TOML: {error}") from None
    steps, mistakes = _steps(text, tables)
    steps.sort(key=lambda placed: placed[0].at)
    mistakes = mistakes or [*_unplayable(steps)]
    if mistakes:
        more = f"; and {len(mistakes) - _MISTAKES_TOLD} more" if len(mistakes) > _MISTAKES_TOLD else ""
        raise Malformed(f"{name}: {'; '.join(mistakes[:_MISTAKES_TOLD])}{more}")
    return Script(name.removesuffix(".toml"), tuple(step for step, _ in steps))


def _steps(text: str, tables: Mapping[str, Json]) -> tuple[list[_Placed], list[str]]:
    """The steps that can be read, and what is wrong with the others."""
    unknown = tables.keys() - _TABLES.keys()
    mistakes = [f"{key[:40]!r} is no table here; there are {', '.join(_TABLES)}" for key in sorted(unknown)]
    steps: list[_Placed] = []
    for table, kind in _TABLES.items():
        entries = tables.get(table, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            mistakes.append(f"{table} is written [[{table}]]")
            continue
        for entry, place in zip(entries, _places(text, table, entries), strict=True):
            try:
                steps.append((kind.model_validate(entry), place))
            except ValidationError as error:
                mistakes += [place + wrong for wrong in _wrong(error, kind)]
    if not mistakes and not any(isinstance(step, Said) for step, _ in steps):
        mistakes.append("it has no [[mention]]")
    return steps, mistakes


def _places(text: str, table: str, entries: list[Mapping[str, Json]]) -> Iterator[str]:
    """Where each entry of a table is written; without the line where that cannot be told for sure."""
    heading = re.compile(rf"[ \t]*\[\[[ \t]*{table}[ \t]*\]\]")
    lines = [f"line {number}: " for number, line in enumerate(text.split("\n"), 1) if heading.match(line)]
    for entry, line in zip(entries, lines if len(lines) == len(entries) else [""] * len(entries), strict=True):
        name = f" {entry['id'][:40]!r}" if isinstance(entry.get("id"), str) else ""
        yield f"{line}[[{table}]]{name}: "


def _wrong(error: ValidationError, kind: type[Step]) -> Iterator[str]:
    for one in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in one["loc"])[:40]
        if one["type"] == "extra_forbidden":
            yield f"{key!r} is no key here; there are {', '.join(kind.model_fields)}"
        elif one["type"] == "missing":
            yield f"{key} is missing"
        else:
            yield f"{key} {_PREFIX.sub('', one['msg'])}"


def _unplayable(steps: list[_Placed]) -> Iterator[str]:
    """What cannot happen, in the order in which it should: nothing is changed, answered or gone that is not there."""
    known: set[str] = set()
    there: set[str] = set()
    for step, place in steps:
        if isinstance(step, Said):
            if step.id in known:
                yield f"{place}another mention has this id"
            if step.reply_to is not None and step.reply_to not in known:
                yield f"{place}reply_to names no mention that was said before"
            known.add(step.id)
            there.add(step.id)
        elif step.id not in there:
            yield f"{place}no such mention is there at that time"
        elif isinstance(step, Gone):
            there.discard(step.id)
        elif step.model_fields_set <= {"id", "at", "shows"}:
            yield f"{place}changes nothing"
