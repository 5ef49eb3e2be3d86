"""Clocks that a law starts when an incident is found, and the calendar they run by. Pure: of what and since when is
enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from monitor.model import Incident, Removal, Stored

CORRECTION = timedelta(days=30)
"""A violation that is corrected within 30 days of the day on which it was known, or would have been with reasonable
diligence, falls in a lower tier of penalties, or in none: 45 CFR 160.404(b)(2)(iii) and 160.410(c). Counsel confirms it."""
_CORRECTED = frozenset({"own_reply_phi", "own_post_phi"})

REPORT = 10
"""Work days, counted from the day after that on which a user facility became aware, to report a device that may have caused
or contributed to a death or serious injury: 21 CFR 803.30. Work days are Monday to Friday, Federal holidays excluded:
21 CFR 803.3."""
_REPORTED = "patient_safety_signal"
DEVICE = "patient_safety_signal.device"
"""The rule of the lexicon that finds a device that failed."""

_BEFORE = (5, 2, 1, 0)
"""Work days before a deadline on whose mornings people are reminded of it; 0 is its last work day."""
_AFTER = (5, 10, 20)
"""Work days after a platform was asked on whose mornings people are told that it is still up: finite, as everything said."""
_MORNING, _EVENING = time(9), time(23, 59)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The organisation's work days: Monday to Friday in its own time zone, its holidays excluded. A holiday that is left
    out makes a deadline come earlier, never later."""

    zone: ZoneInfo
    holidays: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        """Whether it is a work day."""
        return day.weekday() < 5 and day not in self.holidays

    def day(self, moment: datetime) -> date:
        """The day it is there."""
        return moment.astimezone(self.zone).date()

    def after(self, day: date, count: int) -> date:
        """The work day that is the `count`-th after `day`, which itself never counts."""
        while count:
            day += _DAY
            count -= self.works(day)
        return day

    def before(self, day: date, count: int) -> date:
        """The work day that is the `count`-th before the last one up to `day`."""
        while count or not self.works(day):
            count -= self.works(day)
            day -= _DAY
        return day

    def at(self, day: date, clock: time) -> datetime:
        """That time of that day there, in UTC. A time that a change of the clocks leaves out is an hour later."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)


class Deadline(NamedTuple):
    """By when what must be done, and the rule of law that says so."""

    what: str
    due_at: datetime
    basis: str


def correction_due_at(incident: Incident) -> datetime | None:
    """By when a disclosure of our own must be corrected, counted from its detection; None for other incidents."""
    return incident.opened_at + CORRECTION if incident.risk in _CORRECTED else None


def report_due_at(incident: Incident, joined: Iterable[Stored], calendar: Calendar, now: datetime) -> datetime | None:
    """By when the device must be reported that mentions which join an incident tell of, `now` being when we became aware:
    the end of the tenth work day after it. Once it runs, it runs from the first of them."""
    if incident.report_due_at is not None or incident.risk != _REPORTED:
        return incident.report_due_at
    if not any(signal.rule == DEVICE for one in joined for signal in one.assessment.signals):
        return None
    return calendar.at(calendar.after(calendar.day(now), REPORT), _EVENING)


def starts(incident: Incident) -> bool:
    """Whether incidents of this sort have clocks of a law at all."""
    return incident.risk in _CORRECTED or incident.risk == _REPORTED


def deadlines(incident: Incident) -> list[Deadline]:
    """What must be done about an incident by a law's clock, the first due first."""
    found = [
        ("Correct by", correction_due_at(incident), "30 days from its detection, 45 CFR 160.404"),
        ("Report by", incident.report_due_at, "10 work days for a device that may have caused death or serious injury, 21 CFR 803.30"),
    ]  # fmt: skip
    return sorted((Deadline(what, due, why) for what, due, why in found if due is not None), key=lambda one: one.due_at)


def reminders(incident: Incident, calendar: Calendar, *, up: bool, awaited: Iterable[Removal]) -> list[datetime]:
    """When people are reminded of an incident's deadlines and of what is still up, the first first: on the mornings of work
    days. `up`: whether anything of what we said is still there; what is gone is corrected. `awaited` is what platforms were
    asked to take down and still show."""
    dues = [correction_due_at(incident) if up else None, incident.report_due_at]
    days = {calendar.before(calendar.day(due), count) for due in dues if due is not None for count in _BEFORE}
    asked = min((one.asked_at for one in awaited), default=None)
    if asked is not None:
        days |= {calendar.after(calendar.day(asked), count) for count in _AFTER}
    moments = (calendar.at(day, _MORNING) for day in sorted(days))
    return [moment for moment in moments if moment > incident.opened_at]
