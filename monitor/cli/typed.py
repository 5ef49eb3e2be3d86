"""What may be typed after a command: durations, ids, names and free words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from getpass import getuser
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from monitor.config.values import Duration
from monitor.messages import clean, line

_SPANS: TypeAdapter[timedelta] = TypeAdapter(Duration)
_LARGEST = 2**63 - 1


class Span(click.ParamType[timedelta]):
    """A duration such as 15m or 7d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return _SPANS.validate_python(value)
        except ValidationError:
            self.fail(f"{value!r} is not a duration; write for example 15m, 2h or 7d", param, ctx)


class Since(click.ParamType[datetime]):
    """A date such as 2014-01-31, the start of that day in UTC, or a duration such as 90d, counted back from now."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        except ValueError:
            pass
        try:
            return datetime.now(UTC) - _SPANS.validate_python(value)
        except (ValidationError, OverflowError):
            self.fail(f"{value!r} is no date; write for example 2014-01-31, or a duration such as 90d", param, ctx)


class Id(click.ParamType[int]):
    """The number of an incident, a mention or a silence. One that no database can hold is one that is not there."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).removeprefix("#")
        if not (text.isascii() and text.isdecimal()):
            self.fail(f"{value!r} is not a number", param, ctx)
        return min(int(text[:20]), _LARGEST)


class Name(click.ParamType[str]):
    """A person's name or a group's: one line, fit to be stored and sent."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        said = line(str(value))
        if len(said) > 200:
            self.fail("is longer than 200 letters", param, ctx)
        return said


class Words(click.ParamType[str]):
    """Free words, such as a note or a reason."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        return clean(str(value)).strip()


def known(name: str, what: str, there: Sequence[str]) -> str:
    """`name`, where it is one of `there`. Raises click.UsageError that says what was probably meant, or all there are."""
    if name in there:
        return name
    close = get_close_matches(name, there, n=1) or [one for one in there if name and name in one]
    remedy = (
        f"did you mean {' or '.join(map(repr, close))}?"
        if close
        else f"there are: {', '.join(sorted(there)) or 'none yet'}"
    )
    raise click.UsageError(f"there is no {what} {name!r}; {remedy}")


def _you() -> str:
    """Who is logged in: under sudo the person, not root."""
    try:
        return os.environ.get("SUDO_USER") or getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return ""


BY = click.option("--by", type=Name(), default=_you, help="Who does it; default is who is logged in.")
NOTE = click.option("--note", type=Words(), default="", metavar="TEXT", help="What should be remembered about it.")
