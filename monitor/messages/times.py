"""Moments and spans as people read them, in the organisation's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def lasting(span: timedelta) -> str:
    """`span` in the two largest units that matter: "45 s", "15 min", "1 h 30 min", "3 days"."""
    seconds = int(abs(span).total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def local(moment: datetime, timezone: ZoneInfo, now: datetime) -> str:
    """`moment` as a clock on the organisation's wall shows it: "Mon 9 Nov, 14:17 CST"; the year only if not this one."""
    here, today = _there(moment, timezone), _there(now, timezone)
    year = "" if here.year == today.year else f" {here.year}"
    return f"{_DAYS[here.weekday()]} {here.day} {_MONTHS[here.month - 1]}{year}, {here:%H:%M} {here.tzname()}"


def until(moment: datetime, timezone: ZoneInfo, now: datetime) -> str:
    """When something must be done and how long that is: "14:32 CST (in 15 min)", "14:32 CST (12 min ago)"."""
    here = _there(moment, timezone)
    same_day = here.date() == _there(now, timezone).date()
    clock = f"{here:%H:%M} {here.tzname()}" if same_day else local(moment, timezone, now)
    left = moment - now
    return f"{clock} (in {lasting(left)})" if left > timedelta() else f"{clock} ({lasting(left)} ago)"


def stamp(moment: datetime | None) -> str | None:
    """`moment` for a machine: RFC 3339 in UTC, to the second, or None."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _there(moment: datetime, timezone: ZoneInfo) -> datetime:
    try:
        return moment.astimezone(timezone)
    except OverflowError:  # the first and the last day of the calendar have no local time everywhere
        return moment
