"""The plain values of a configuration: from what is written to durations, times, lists, names and paths."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date, time, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Strict, ValidationInfo

from monitor.config.mistakes import wrong
from monitor.config.surroundings import around
from monitor.model import Kind, Level

T = TypeVar("T")
Hashed = TypeVar("Hashed", bound=Hashable)

_DURATION = re.compile(r"(\d{1,9})(s|m|h|d|w|y)", re.ASCII)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    # 366 days: a period of years that a law asks for is never cut short by a leap day.
    "y": timedelta(days=366),
}
_LONGEST = timedelta(days=366 * 100)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_WEEKLY = re.compile(r"([a-z]{3,9})\s+([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise wrong("is no name", "use letters, digits, - and _, at most 63")
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise wrong("is empty", "write it or leave the key out")
    if _CONTROL.search(value):
        raise wrong("holds a line break or a control character", "write it in one line")
    return value


def _unique(values: tuple[Hashed, ...]) -> tuple[Hashed, ...]:
    seen: set[Hashable] = set()
    for value in values:
        same = value.casefold() if isinstance(value, str) else value
        if same in seen:
            raise wrong(f"{str(value)!r} stands there twice", "keep one of them")
        seen.add(same)
    return values


def _filled(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise wrong("is an empty list", "name at least one or leave the key out")
    return values


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        raise wrong(f"{value} has no unit", f'write for example "{value}m" (s, m, h, d, w or y)')
    if not isinstance(value, str):
        raise wrong("is not a duration", 'write for example "15m" (s, m, h, d, w or y)')
    match = _DURATION.fullmatch(value)
    if not match:
        raise wrong(f"{value[:60]!r} is not a duration", 'write for example "15m" (s, m, h, d, w or y)')
    number, unit = match.groups()
    if int(number) > _LONGEST / _UNITS[unit]:
        raise wrong(f"{value!r} is longer than a hundred years", 'write for example "3y"')
    return int(number) * _UNITS[unit]


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise wrong("is no time at all", 'write for example "15m"')
    return value


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a directory of zones, such as "America"
        close = get_close_matches(value[:60], available_timezones(), n=1)
    right = f"did you mean {close[0]!r}?" if close else 'write for example "America/Chicago"'
    raise wrong(f"{value[:60]!r} is not a time zone", right)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """A moment of every week in the organisation's time zone; Monday is 0."""

    weekday: int
    time: time


def _weekly(value: Any) -> Any:
    if isinstance(value, Weekly):
        return value
    match = _WEEKLY.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    day = next((n for n, name in enumerate(_WEEKDAYS) if match and name.startswith(match[1])), None)
    if match is None or day is None:
        raise wrong(f"{str(value)[:60]!r} is not a time of the week", 'write for example "mon 07:00"')
    return Weekly(weekday=day, time=time(int(match[2]), int(match[3])))


def _day(value: Any) -> Any:
    """A day as TOML writes it, or as text."""
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if type(found) is not date:  # a datetime is a date too
        raise wrong(f"{str(value)[:60]!r} is not a day", 'write for example "2026-12-25"')
    return found


def _time_of_day(value: Any) -> Any:
    if isinstance(value, time):
        return value
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise wrong(f"{str(value)[:60]!r} is not a time of day", 'write for example "22:00"')
    return time(int(match[1]), int(match[2]))


def _path(value: Any, info: ValidationInfo) -> Any:
    read = around(info)
    if isinstance(value, str) and ("\0" in value or not value.strip()):
        raise wrong("is not a path", 'write for example "mail/risk"')
    return read.beside(value) if read and isinstance(value, str) else value


TableName = Annotated[str, AfterValidator(_name)]
Text = Annotated[str, AfterValidator(_said)]
Several = Annotated[tuple[Hashed, ...], Strict(strict=False), AfterValidator(_unique)]
AtLeastOne = Annotated[Several[Hashed], AfterValidator(_filled)]
LevelName = Annotated[Level, Strict(strict=False)]
KindName = Annotated[Kind, Strict(strict=False)]
Span = Annotated[timedelta, BeforeValidator(_duration)]
Duration = Annotated[Span, AfterValidator(_positive)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Day = Annotated[date, BeforeValidator(_day)]
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
WeeklyAt = Annotated[Weekly, BeforeValidator(_weekly)]
LocalPath = Annotated[Path, BeforeValidator(_path)]
