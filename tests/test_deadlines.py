"""The clocks of incidents on a whole line: when they begin, whom they remind, and what stops them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor import daemon
from monitor.connector import Page
from monitor.model import Kind, Outcome, State
from monitor.pipeline import judge, poll_due
from monitor.pipeline.deliver import deliver_all
from monitor.pipeline.work import ack, resolve
from monitor.store import incidents
from tests.cli import DISCLOSING
from tests.line import CONFIG, Bench, Fake
from tests.test_pipeline import said, turn

DAY = timedelta(days=1)
DEVICE = "The infusion pump on ward 3 malfunctioned again."
FALL = "Mum fell out of bed on the ward and lay there all night."


@pytest.fixture
def bench(database_url, tmp_path, clock):
    config = CONFIG.replace(
        'timezone = "America/Chicago"', 'timezone = "America/Chicago"\nholidays = [2026-03-06, "2026-03-09"]'
    )
    bench = Bench(database_url, tmp_path, clock, config=config)
    bench.fakes["one"] = Fake([Page(cursor={"at": 0})])
    daemon.begin(bench.line)
    yield bench
    bench.line.close()


async def come(bench, *found):
    """A poll that brings these, judged and told."""
    await turn(bench)
    bench.wait(minutes=15)
    bench.fakes["one"].polls.append([Page(mentions=list(found), cursor={"at": str(bench.clock.now())})])
    await turn(bench)
    bench.wait(minutes=15)


def first(bench):
    with bench.database.read() as tx:
        (one, *_) = sorted(incidents.listed(tx, None), key=lambda one: one.id)
        return one


async def days(bench, count):
    """Lets days pass, looking every three hours, with nobody at work on it; returns on which days a deadline was told to the risk inbox."""
    told = []
    for _ in range(count * 8):
        bench.wait(hours=3)
        judge(bench.line)
        await deliver_all(bench.line)
        told += [f"{bench.clock.now():%d %b %H}" for one in bench.channel.taken
                 if one.reason.value == "deadline" and one.inbox == "risk"]  # fmt: skip
        bench.channel.taken.clear()
    return told


def reply(bench, key="a1"):
    return said(bench.clock, key, DISCLOSING, kind=Kind.COMMENT, ours=True, parent_id="r1")


async def test_a_device_starts_the_clock_of_its_report_in_the_organisations_work_days(bench):
    await come(bench, said(bench.clock, "m1", DEVICE))
    one = first(bench)
    assert one.risk == "patient_safety_signal"
    # from Monday 2 March, with the 6th and the 9th off; the clocks change on the 8th: 23:59 CDT
    assert one.report_due_at == datetime(2026, 3, 19, 4, 59, tzinfo=UTC)
    text = " ".join(bench.channel.taken[0].message.text.split())
    assert "Report by Wed 18 Mar, 23:59 CDT (in 16 days), 10 work days" in text
    assert bench.channel.taken[0].message.data["data"]["report_due_at"] == "2026-03-19T04:59:00Z"


async def test_another_hazard_starts_none_until_a_device_joins_it(bench):
    await come(bench, said(bench.clock, "m1", FALL))
    assert first(bench).report_due_at is None
    bench.wait(days=1)
    await come(bench, said(bench.clock, "m2", DEVICE))
    one = first(bench)
    assert (one.mentions, one.report_due_at) == (2, datetime(2026, 3, 20, 4, 59, tzinfo=UTC))
    bench.wait(days=1)
    await come(bench, said(bench.clock, "m3", DEVICE + " Again."))
    assert first(bench).report_due_at == one.report_due_at, "the first of them counts"


async def test_whoever_has_it_is_reminded_on_mornings_of_work_days_and_not_after_its_end(bench):
    await come(bench, said(bench.clock, "m1", DEVICE))
    ack(bench.line, 1, by="Ana")
    told = await days(bench, 9)
    ack_if_open(bench)
    told += await days(bench, 7)
    # five work days before the 18th is the 11th; 15 h UTC is the first look after nine in Chicago
    assert told == ["11 Mar 15", "16 Mar 15", "17 Mar 15"]
    resolve(bench.line, 1, Outcome.OTHER, note="reported")
    assert await days(bench, 5) == []


def ack_if_open(bench):
    if first(bench).state is State.OPEN:
        ack(bench.line, 1, by="Ana")


async def test_a_disclosure_is_reminded_of_until_it_is_gone(bench):
    await come(bench, reply(bench))
    one = first(bench)
    assert one.risk == "own_reply_phi"
    ack(bench.line, one.id, by="Ana")
    bench.wait(days=22)  # the 24th: five work days before Wednesday 1 April is the 25th
    judge(bench.line)
    await deliver_all(bench.line)
    bench.channel.taken.clear()
    assert await days(bench, 2) == ["25 Mar 15"]
    bench.fakes["one"].polls.append([Page(gone=["a1"], cursor={"at": 9})])
    await poll_due(bench.line)
    assert await days(bench, 9) == [], "what is gone is corrected"


async def test_the_clock_of_a_disclosure_that_comes_back_runs_on(bench):
    await come(bench, reply(bench))
    bench.fakes["one"].polls.append([Page(gone=["a1"], cursor={"at": 9})])
    await poll_due(bench.line)
    bench.wait(days=24)  # the 26th; the deadline is Wednesday 1 April
    judge(bench.line)
    assert first(bench).next_step_at is None, "everybody was called, nobody answered, and it is gone"
    bench.fakes["one"].polls.append([Page(mentions=[reply(bench)], cursor={"at": 10})])
    await poll_due(bench.line)
    assert await days(bench, 6) == ["26 Mar 15", "30 Mar 15", "31 Mar 15"]


async def test_after_three_weeks_of_downtime_one_reminder_is_said(bench):
    await come(bench, said(bench.clock, "m1", DEVICE))
    ack(bench.line, 1, by="Ana")
    with bench.database.write() as tx:  # nobody lets it lapse meanwhile
        incidents.save(tx, replace(first(bench), acked_at=bench.clock.now() + 30 * DAY))
    bench.channel.taken.clear()
    bench.wait(days=21)
    judge(bench.line)
    await deliver_all(bench.line)
    assert [one.reason.value for one in bench.channel.taken if one.inbox == "risk"] == ["deadline"]
    assert "Report by" in bench.channel.taken[0].message.text
