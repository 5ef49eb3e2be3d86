"""When things are due: the next poll, the next attempt, the week a digest covers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_BACKOFF = timedelta(hours=6)

_RETRIES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 300, 900, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
"""Quick in the first hour, which is what staff escalation lives on, then the long tail of Standard Webhooks."""

FAILOVER_AFTER = timedelta(minutes=5)
"""How long a message may fail before another channel takes it, or somebody else is told, without waiting for the end."""


def fraction(name: str) -> float:
    """A number in [0, 1) that is always the same for `name`: jitter that needs no dice and does not drift."""
    return int.from_bytes(blake2b(name.encode(), digest_size=6).digest()) / 2**48


def next_poll(name: str, every: timedelta, now: datetime) -> datetime:
    """The source's next place on its own grid: multiples of `every`, shifted by a part of it that its name decides."""
    shift = timedelta(seconds=int(fraction(name) * every.total_seconds()))
    turns = (now - _EPOCH - shift) // every + 1
    return _EPOCH + turns * every + shift


def backoff(every: timedelta, failures: int, wait: timedelta | None, now: datetime) -> datetime:
    """When a source that failed `failures` times in a row is tried again: ever later, never later than six hours (or
    its own interval), and never before the platform's own `wait` is over."""
    longest = max(every, _LONGEST_BACKOFF)
    doublings: int = min(max(failures - 1, 0), 16)
    pause: timedelta = min(every * (1 << doublings), longest)
    return now + max(pause, wait or timedelta(0))


def retry(key: str, attempts: int, wait: timedelta | None, now: datetime) -> datetime | None:
    """When a notification is tried again after `attempts` failed ones, within 10 % of the schedule; None: give it up."""
    if attempts > len(_RETRIES):
        return None
    pause = _RETRIES[attempts - 1] * (1 + 0.1 * fraction(f"{key}/{attempts}"))
    return now + max(pause, wait or timedelta(0))


def failover(since: datetime, again: datetime, wait: timedelta | None, now: datetime) -> tuple[datetime, bool]:
    """When a notification that fails `since` then is tried again, and whether another channel takes it now: there is an
    attempt when its five minutes are over, unless the other side asked for more patience than that."""
    limit = since + FAILOVER_AFTER
    if now >= limit:
        return again, True
    if wait is not None and now + wait > limit:
        return again, True
    return min(again, limit), False


def quiet_until(begin: time, end: time, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The end of the quiet hours that `now` lies in, None outside them. They run from `begin` to `end` by the clocks of
    `zone`, past midnight where `end` is not later: on the two days of a clock change an hour shorter or longer."""
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        ends_on = day if end > begin else day + timedelta(days=1)
        since = datetime.combine(day, begin, zone).astimezone(UTC)
        until = datetime.combine(ends_on, end, zone).astimezone(UTC)
        if since <= now < until:
            return until
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A digest's week, from Monday 00:00 to Monday 00:00 local time, given in UTC; `name` is its ISO week."""

    name: str
    since: datetime
    until: datetime


def week(name: str, zone: ZoneInfo) -> Period:
    """The ISO week called `name`, such as 2026-W46. Raises ValueError that says what would be right."""
    try:
        year, number = name.split("-W")
        monday = date.fromisocalendar(int(year), int(number), 1)
    except ValueError:
        raise ValueError(f"{name!r} is not a week; write for example 2026-W46") from None
    return _week_from(monday, zone)


def week_of(moment: datetime, zone: ZoneInfo) -> Period:
    """The week that `moment` lies in."""
    local = moment.astimezone(zone).date()
    return _week_from(local - timedelta(days=local.weekday()), zone)


def weeks_before(period: Period, many: int, zone: ZoneInfo) -> list[Period]:
    """The `many` weeks before `period`, the oldest first; none before one that is no week."""
    if week_of(period.since, zone).name != period.name:
        return []
    found: list[Period] = []
    for _ in range(many):
        found.append(week_of((found or [period])[-1].since - timedelta(days=1), zone))
    return found[::-1]


def so_far(begun: datetime, now: datetime) -> Period:
    """The time since we began to watch: what a first digest covers, so that people see what they will get."""
    return Period(name=f"first-{begun:%Y-%m-%d}", since=begun, until=now)


def _week_from(monday: date, zone: ZoneInfo) -> Period:
    year, number, _ = monday.isocalendar()
    return Period(
        name=f"{year}-W{number:02}",
        since=_midnight(monday, zone),
        until=_midnight(monday + timedelta(days=7), zone),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def last_due_week(weekday: int, at: time, now: datetime, zone: ZoneInfo) -> Period:
    """The latest week whose digest is due by `now`: the week before the last `weekday` (0 is Monday) on which the
    clocks of `zone` stood at `at`."""
    local = now.astimezone(zone)
    day = local.date() - timedelta(days=(local.weekday() - weekday) % 7)
    if datetime.combine(day, at, zone).astimezone(UTC) > now:
        day -= timedelta(days=7)
    monday = day - timedelta(days=day.weekday())
    return _week_from(monday - timedelta(days=7), zone)
