"""How long a host asks to be left alone, in every unit in which hosts say it: pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

RESETS = ("x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset", "ratelimit-resettime")
REMAINING = ("x-rate-limit-remaining", "x-ratelimit-remaining", "ratelimit-remaining")

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?")
_CENTURY = 100 * 365 * 86400.0
_EPOCH_SECONDS = 1e9  # as seconds left it would be 31 years, as a moment it is 2001
_EPOCH_MILLISECONDS = 1e11  # as seconds it would be the year 5138, as milliseconds it is 1973


def wait(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """The patience that `headers` of a refusal ask for: never negative, never shortened, None where they do not say.

    `headers` need lower-case names, or a mapping without regard to case such as `httpx.Headers`. Retry-After counts
    before the reset of a rate limit, and a reset only where nothing remains of that limit: many hosts send one with
    every answer. Units: seconds (with decimals), HTTP date (RFC 9110, 10.2.3), epoch in seconds or milliseconds,
    ISO 8601. A moment is counted from the server's own Date where there is one, so that no clock need be right.
    """
    there = _moment(headers.get("date", "")) or now
    asked = _wait(headers.get("retry-after", ""), there)
    if asked is not None or any(_number(headers.get(name, "")) for name in REMAINING):
        return asked
    waits = (_wait(headers.get(name, ""), there) for name in RESETS)
    return max((one for one in waits if one is not None), default=None)


def _wait(value: str, there: datetime) -> timedelta | None:
    number = _number(value)
    if number is None:
        moment = _moment(value)
        seconds = None if moment is None else (moment - there).total_seconds()
    elif number >= _EPOCH_MILLISECONDS:
        seconds = number / 1000 - there.timestamp()
    elif number >= _EPOCH_SECONDS:
        seconds = number - there.timestamp()
    else:
        seconds = number
    if seconds is None or seconds > _CENTURY:
        return None
    return timedelta(seconds=max(0.0, seconds))


def _number(value: str) -> float | None:
    value = value.strip()  # more than float() takes off
    return float(value) if _NUMBER.fullmatch(value) else None


def _moment(value: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(value.strip())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def whole_seconds(patience: timedelta | float) -> str:
    """`patience` as Retry-After has it: whole seconds, rounded up."""
    seconds = patience.total_seconds() if isinstance(patience, timedelta) else patience
    return str(math.ceil(seconds))
