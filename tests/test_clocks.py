"""Deadlines that a law sets, and the work days by which they are counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import clocks, rules
from monitor.clocks import Calendar
from monitor.model import Reason, Removal, Signal, State
from monitor.rules import Facts
from tests.store import incident
from tests.test_rules import NOW, RULE, stored

CHICAGO = ZoneInfo("America/Chicago")
DAY = timedelta(days=1)
FEDERAL = frozenset({date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1), date(2027, 1, 18)})
CALENDAR = Calendar(zone=CHICAGO, holidays=FEDERAL)
DEVICE = Signal(risk="patient_safety_signal", impact=5, likelihood=0.6, start=0, end=1, rule=clocks.DEVICE)
ZONES = ("UTC", "America/Chicago", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO).astimezone(UTC)


def calendars() -> st.SearchStrategy[Calendar]:
    near = st.dates(date(2026, 11, 1), date(2027, 2, 28))
    return st.builds(Calendar, zone=st.sampled_from(ZONES).map(ZoneInfo), holidays=st.frozensets(near, max_size=12))


@given(calendars(), st.dates(date(2026, 11, 1), date(2027, 2, 28)), st.integers(1, 30))
def test_so_many_work_days_lie_after_a_day_and_it_ends_on_one(calendar: Calendar, day: date, count: int) -> None:
    last = calendar.after(day, count)
    between = [day + DAY * n for n in range(1, (last - day).days + 1)]
    assert sum(calendar.works(one) for one in between) == count
    assert calendar.works(last)


@given(calendars(), st.dates(date(2026, 11, 1), date(2027, 2, 28)), st.integers(0, 12))
def test_what_lies_before_a_day_is_counted_back_the_same_way(calendar: Calendar, day: date, count: int) -> None:
    first, last = calendar.before(day, count), calendar.before(day, 0)
    assert calendar.works(first)
    assert first <= last <= day
    assert calendar.after(first, count) == last


@given(calendars(), st.dates(date(2026, 12, 1), date(2027, 1, 31)), st.dates(date(2026, 12, 1), date(2027, 1, 31)))
def test_a_holiday_that_is_left_out_makes_a_deadline_earlier_and_never_later(
    calendar: Calendar, day: date, forgotten: date
) -> None:
    whole = replace(calendar, holidays=calendar.holidays | {forgotten})
    assert calendar.after(day, clocks.REPORT) <= whole.after(day, clocks.REPORT)


@given(st.sampled_from(ZONES), st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))
def test_the_day_is_that_of_the_organisations_wall(zone: str, moment: datetime) -> None:
    calendar = Calendar(zone=ZoneInfo(zone))
    there = moment.replace(tzinfo=UTC)
    assert calendar.at(calendar.day(there), time(0)) <= there < calendar.at(calendar.day(there) + DAY, time(0))


@pytest.mark.parametrize(
    ("aware", "due"),
    [
        ("2026-11-09T14:17", "2026-11-23T23:59"),  # a Monday: ten work days are two weeks
        ("2026-11-13T23:30", "2026-11-30T23:59"),  # a Friday night, and Thanksgiving: the day itself does not count
        ("2026-11-14T10:00", "2026-11-30T23:59"),  # a Saturday counts from Monday
        ("2026-12-21T08:00", "2027-01-06T23:59"),  # Christmas and New Year
        ("2026-10-26T08:00", "2026-11-09T23:59"),  # over the end of summer time
    ],
)
def test_a_device_is_reported_within_ten_work_days_after_the_day_of_awareness(aware: str, due: str) -> None:
    about = incident(risk="patient_safety_signal", opened_at=at(aware))
    assert clocks.report_due_at(about, [stored(DEVICE)], CALENDAR, at(aware)) == at(due)


def test_the_day_of_awareness_is_that_of_the_organisation_and_not_of_greenwich() -> None:
    late = datetime(2026, 11, 10, 4, 0, tzinfo=UTC)  # still Monday in Chicago
    about = incident(risk="patient_safety_signal", opened_at=late)
    assert clocks.report_due_at(about, [stored(DEVICE)], CALENDAR, late) == at("2026-11-23T23:59")


def test_only_a_device_starts_that_clock_and_only_once() -> None:
    about = incident(risk="patient_safety_signal")
    fall = replace(DEVICE, rule="patient_safety_signal.fall")
    assert clocks.report_due_at(about, [stored(fall)], CALENDAR, NOW) is None
    assert clocks.report_due_at(incident(), [stored(DEVICE)], CALENDAR, NOW) is None
    runs = replace(about, report_due_at=NOW)
    assert clocks.report_due_at(runs, [stored(DEVICE)], CALENDAR, NOW + DAY) == NOW


def test_people_are_reminded_on_the_mornings_of_work_days_before_a_deadline() -> None:
    about = incident(
        risk="patient_safety_signal", opened_at=at("2026-11-13T23:30"), report_due_at=at("2026-11-30T23:59")
    )
    told = clocks.reminders(about, CALENDAR, up=False, awaited=())
    assert told == [at("2026-11-20T09:00"), at("2026-11-25T09:00"), at("2026-11-27T09:00"), at("2026-11-30T09:00")]


def test_a_deadline_on_a_sunday_is_reminded_of_on_the_friday_before() -> None:
    about = incident(risk="own_reply_phi", opened_at=at("2026-11-06T12:00"))  # 30 days end on Sunday 6 December
    told = clocks.reminders(about, CALENDAR, up=True, awaited=())
    assert told[-1] == at("2026-12-04T09:00")
    assert clocks.reminders(about, CALENDAR, up=False, awaited=()) == [], "what is gone is corrected"


def test_what_a_platform_was_asked_to_take_down_is_asked_after_three_times_and_no_more() -> None:
    asked = Removal(mention_id=1, asked_at=at("2026-11-09T12:00"), asked_by="Ana")
    about = incident(opened_at=at("2026-11-09T11:00"))
    told = clocks.reminders(about, CALENDAR, up=False, awaited=[asked])
    assert told == [at("2026-11-16T09:00"), at("2026-11-23T09:00"), at("2026-12-08T09:00")]


def test_a_reminder_is_said_once_whoever_has_it_and_names_the_next_look() -> None:
    moments = [NOW + DAY, NOW + 3 * DAY]
    mine = replace(incident(state=State.ACKED, acked_at=NOW, told_at=NOW, told_mentions=1), opened_at=NOW)
    early = rules.decide(RULE, mine, Facts(reminders=moments), NOW + timedelta(hours=1))
    assert early is not None
    assert early.told == ()
    assert early.incident.next_step_at == moments[0]
    due = rules.decide(RULE, mine, Facts(reminders=moments), moments[0])
    assert due is not None
    assert [told.reason for told in due.told] == [Reason.DEADLINE]
    assert due.incident.next_step_at == moments[1]
    again = rules.decide(RULE, due.incident, Facts(reminders=moments), moments[0] + timedelta(minutes=1))
    assert again is None


def test_after_a_long_downtime_one_reminder_is_said_and_in_a_silence_none() -> None:
    moments = [NOW + DAY * n for n in range(1, 5)]
    mine = replace(incident(state=State.ACKED, acked_at=NOW, told_at=NOW, told_mentions=1), opened_at=NOW)
    late = rules.decide(RULE, mine, Facts(reminders=moments), NOW + 9 * DAY)
    assert late is not None
    assert [told.reason for told in late.told] == [Reason.DEADLINE]
    quiet = rules.decide(RULE, mine, Facts(reminders=moments, silent_until=NOW + 10 * DAY), NOW + 9 * DAY)
    assert quiet is not None
    assert quiet.told == ()
    assert quiet.incident.reminded_at is None, "what a silence held back is said after it"


def test_an_incident_without_a_clock_has_no_deadline() -> None:
    assert clocks.deadlines(incident()) == []
    assert not clocks.starts(incident())
