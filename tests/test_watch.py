"""What we said and must take down is looked after until it is gone, and again if it comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor import daemon
from monitor.cli.timeline import of_incident, sentence
from monitor.clocks import CORRECTION, correction_due_at
from monitor.connector import Page, Throttled
from monitor.model import Kind, Outcome, Stored
from monitor.pipeline import judge, poll_due
from monitor.pipeline.watch import AT_ONCE
from monitor.pipeline.work import resolve
from monitor.store import incidents, mentions, sources
from tests.cli import DISCLOSING
from tests.line import Bench, Fake
from tests.store import incident
from tests.terms import Bound, everything
from tests.test_pipeline import said, turn


@pytest.fixture
def bench(database_url, tmp_path, clock):
    bench = Bench(database_url, tmp_path, clock)
    bench.fakes["one"] = Fake([Page(cursor={"at": 0})])
    daemon.begin(bench.line)
    yield bench
    bench.line.close()


def reply(bench, key="a1", text=DISCLOSING):
    return said(bench.clock, key, text, kind=Kind.COMMENT, ours=True, parent_id="r1")


async def disclosed(bench, fake, *replies):
    """A source that has brought replies of ours which give a patient away, told as an incident."""
    await turn(bench)
    bench.fakes["one"] = fake
    bench.wait(minutes=15)
    found = replies or (reply(bench),)
    fake.polls.append([Page(mentions=list(found), cursor={"at": 1})])
    if isinstance(fake, Bound):
        fake.there |= {one.external_id: one for one in found}
    await turn(bench)
    bench.wait(minutes=15)


async def polled(bench, *found, gone=()):
    """One poll of nothing but these; no judging, for time has its own tests."""
    bench.fakes["one"].polls.append(
        [Page(mentions=list(found), gone=list(gone), cursor={"at": str(bench.clock.now())})]
    )
    await poll_due(bench.line)
    judge(bench.line)


def one(bench, key="a1") -> Stored:
    return everything(bench)[key]


def seen_at(bench, key="a1"):
    with bench.database.read() as tx:
        return mentions.seen(tx, [one(bench, key).id])[one(bench, key).id]


def story(bench):
    with bench.database.read() as tx:
        (first, *_) = sorted(incidents.listed(tx, None), key=lambda found: found.id)
        return first, [sentence(link) for link in of_incident(tx, first.id)]


async def test_a_connector_that_can_look_it_up_does_so_after_every_poll(bench):
    await disclosed(bench, Bound())
    for _ in range(2):
        moment = bench.clock.now()
        await polled(bench)
        assert seen_at(bench) == moment
        bench.wait(minutes=15)

    assert bench.fakes["one"].looked_up[-2:] == [["a1"], ["a1"]]


async def test_what_is_taken_down_is_gone_keeps_its_words_and_only_a_person_ends_the_incident(bench):
    await disclosed(bench, Bound())
    bench.fakes["one"].there.clear()
    moment = bench.clock.now()

    await polled(bench)
    bench.wait(minutes=15)
    await polled(bench)

    assert one(bench).gone_at == moment
    assert one(bench).mention.text == DISCLOSING
    told, lines = story(bench)
    assert told.resolved_at is None
    assert lines.count(f"no longer on its platform: mention {one(bench).id}") == 1
    assert len(bench.fakes["one"].looked_up) == 1, "what is gone is not looked up any more"


async def test_where_nothing_can_be_looked_up_its_place_in_the_listing_says_that_it_is_up(bench):
    await disclosed(bench, Fake())
    first = seen_at(bench)
    await polled(bench, reply(bench))
    second = seen_at(bench)
    bench.wait(minutes=15)
    await polled(bench)

    assert first < second == seen_at(bench), "not listed is not gone, and not seen either"
    assert one(bench).gone_at is None


async def test_harmless_replies_and_what_others_said_are_not_looked_up(bench):
    await disclosed(
        bench, Bound(), reply(bench, "a1", "Thank you for your feedback."), said(bench.clock, "m1", DISCLOSING)
    )
    await polled(bench)

    assert bench.fakes["one"].looked_up == []


async def test_a_look_up_that_fails_is_told_and_the_poll_went_well(bench):
    await disclosed(bench, Bound())
    bench.fakes["one"].breaks = Throttled("reviews.example asks for patience")

    await polled(bench)

    with bench.database.read() as tx:
        state = sources.one(tx, "one")
    assert state is not None
    assert (state.failures, len(state.warnings)) == (0, 1)
    assert "still up could not be looked up: reviews.example asks for patience" in state.warnings[0]


async def test_a_fault_in_the_look_up_is_told_and_the_poll_went_well(bench):
    await disclosed(bench, Bound())
    bench.fakes["one"].breaks = ZeroDivisionError("oops")

    await polled(bench)

    with bench.database.read() as tx:
        state = sources.one(tx, "one")
    assert state is not None
    assert (state.failures, "has a fault (ZeroDivisionError)" in state.warnings[0]) == (0, True)


async def test_so_many_at_once_and_those_that_wait_longest_first(bench):
    await disclosed(bench, Bound(), *(reply(bench, f"a{n:02}") for n in range(AT_ONCE + 5)))
    bench.fakes["one"].looked_up.clear()
    await polled(bench)
    bench.wait(minutes=15)
    await polled(bench)

    first, second = bench.fakes["one"].looked_up
    assert len(first) == len(second) == AT_ONCE
    assert len({*first, *second}) == AT_ONCE + 5


async def test_what_comes_back_while_the_incident_is_open_is_written_into_it(bench):
    await disclosed(bench, Fake())
    await polled(bench, gone=["a1"])
    bench.wait(minutes=15)
    await polled(bench, reply(bench))

    assert one(bench).gone_at is None
    assert f"on its platform again: mention {one(bench).id}" in story(bench)[1]
    with bench.database.read() as tx:
        assert len(incidents.listed(tx, None)) == 1


async def test_what_comes_back_after_the_end_is_a_new_incident(bench):
    await disclosed(bench, Fake())
    await polled(bench, gone=["a1"])
    resolve(bench.line, story(bench)[0].id, Outcome.REMOVED)
    bench.wait(minutes=15)
    await polled(bench, reply(bench))

    with bench.database.read() as tx:
        rules = [found.rule for found in incidents.listed(tx, None)]
        (open_one,) = [found for found in incidents.listed(tx, None) if found.resolved_at is None]
        assert incidents.mention_ids(tx, open_one.id) == [one(bench).id]
    assert rules == ["own_reply_phi", "own_reply_phi"]


@pytest.mark.parametrize(("risk", "runs"), [
    ("own_reply_phi", True), ("own_post_phi", True), ("own_reply_conduct", False), ("threat_to_staff", False),
    (None, False),
])  # fmt: skip
def test_only_a_disclosure_of_our_own_starts_the_clock_of_thirty_days(risk, runs):
    found = incident(risk=risk)

    assert correction_due_at(found) == (found.opened_at + timedelta(days=30) if runs else None)
    assert timedelta(days=30) == CORRECTION


async def test_the_clock_stands_in_the_mail_and_in_show(bench):
    await disclosed(bench, Bound())

    message = bench.channel.taken[0].message
    assert "Correct by" in message.text
    assert "30 days from its detection" in " ".join(message.text.split())
    assert message.data["data"]["correction_due_at"] == "2026-04-01T12:15:00Z"


async def test_a_harmless_reply_that_comes_back_is_up_again_and_told_to_nobody(bench):
    harmless = reply(bench, "a2", "Thank you for your feedback.")
    await disclosed(bench, Fake(), harmless)
    await polled(bench, gone=["a2"])
    bench.wait(minutes=15)
    assert one(bench, "a2").gone_at is not None
    await polled(bench, harmless)

    assert one(bench, "a2").gone_at is None
    with bench.database.read() as tx:
        assert incidents.listed(tx, None) == []
