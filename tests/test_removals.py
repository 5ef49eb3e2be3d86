"""What a platform was asked to take down is followed until it is gone."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor import daemon
from monitor.cli.timeline import of_incident, sentence
from monitor.connector import Page
from monitor.model import Answer, Outcome
from monitor.pipeline import judge, poll_due, retain
from monitor.pipeline.removal import AT_ONCE, answered, ask, known
from monitor.pipeline.work import NotPossible, ack, resolve
from monitor.store import incidents, removals
from tests.cli import terminal, with_incident
from tests.line import CONFIG, Bench, Fake
from tests.terms import Bound, everything
from tests.test_pipeline import KIND_WORDS, said, turn

THREAT = "I will kill the nurse who did this to me."
DAY = timedelta(days=1)


@pytest.fixture
def bench(database_url, tmp_path, clock):
    bench = Bench(database_url, tmp_path, clock, config=CONFIG)
    bench.fakes["one"] = Fake([Page(cursor={"at": 0})])
    daemon.begin(bench.line)
    yield bench
    bench.line.close()


async def threatened(bench, fake, count=1):
    """A source that brought threats by others, told as an incident and taken on."""
    await turn(bench)
    bench.fakes["one"] = fake
    bench.wait(minutes=15)
    found = [said(bench.clock, f"t{number}", f"{THREAT} {number}") for number in range(count)]
    fake.polls.append([Page(mentions=found, cursor={"at": 1})])
    if isinstance(fake, Bound):
        fake.there |= {one.external_id: one for one in found}
    await turn(bench)
    ack(bench.line, 1, by="Ana")
    bench.channel.taken.clear()
    bench.wait(minutes=15)


async def polled(bench, gone=()):
    bench.fakes["one"].polls.append([Page(gone=list(gone), cursor={"at": str(bench.clock.now())})])
    await poll_due(bench.line)
    judge(bench.line)


def lines(bench, incident=1):
    with bench.database.read() as tx:
        return [sentence(link) for link in of_incident(tx, incident)]


def open_ones(bench):
    with bench.database.read() as tx:
        return [one.mention_id for one in removals.every(tx)]


async def test_what_was_asked_for_is_looked_up_after_every_poll_until_it_is_gone(bench):
    await threatened(bench, Bound())
    await polled(bench)
    assert bench.fakes["one"].looked_up == [], "what others say is looked up only where its removal was asked for"
    (asked,) = ask(bench.line, incident=1, ground="threat of violence", by="Ana")
    assert (asked.asked_by, asked.ground, asked.awaited) == ("Ana", "threat of violence", True)

    bench.wait(minutes=15)
    seen = bench.clock.now()
    await polled(bench)
    assert bench.fakes["one"].looked_up == [["t0"]]
    assert known(bench.line, mention=asked.mention_id)[0].seen_at == seen
    bench.wait(minutes=15)
    bench.fakes["one"].there.clear()
    moment = bench.clock.now()
    await polled(bench)
    bench.wait(minutes=15)
    await polled(bench)

    assert len(bench.fakes["one"].looked_up) == 2, "what is gone is not looked up any more"
    (now,) = known(bench.line, incident=1)
    assert (now.gone_at, now.awaited) == (moment, False)
    assert open_ones(bench) == []
    assert lines(bench)[-2:] == [
        'its platform was asked to take it down: mention 1, on the ground "threat of violence", by Ana',
        "no longer on its platform: mention 1",
    ]


async def test_an_answer_is_no_proof_and_what_is_refused_is_not_followed(bench):
    await threatened(bench, Bound(), 2)
    ask(bench.line, incident=1, ground="", by="Ana")
    answered(bench.line, Answer.GRANTED, mention=1, by="Ben")
    answered(bench.line, Answer.REFUSED, mention=2, note="free speech", by="Ben")

    await polled(bench)

    assert bench.fakes["one"].looked_up == [["t0"]]
    assert open_ones(bench) == [1], "granted, and still up"
    assert lines(bench)[-1] == 'its platform refused to take it down: mention 2, by Ben: "free speech"'
    ask(bench.line, mention=2, ground="another one", by="Ana")
    assert known(bench.line, mention=2)[0].answer is None, "asking again begins anew"
    assert open_ones(bench) == [1, 2]


async def test_people_are_told_that_it_is_still_up_on_mornings_of_work_days_until_it_is_gone(bench):
    await threatened(bench, Bound())
    ask(bench.line, incident=1, ground="", by="Ana")
    told = []
    for _ in range(12):  # from Monday 2 March
        bench.wait(days=1)
        bench.clock.set(bench.clock.now().replace(hour=15, minute=0))
        ack_again(bench)
        await turn(bench)
        told += [(one.reason.value, bench.clock.now().day) for one in bench.channel.taken if one.inbox == "risk"]
        bench.channel.taken.clear()
    assert [pair for pair in told if pair[0] == "deadline"] == [("deadline", 9)]

    bench.fakes["one"].there.clear()
    for _ in range(10):
        await polled(bench, gone=["t0"])
        ack_again(bench)
        await turn(bench)
        bench.wait(days=1)
    assert [one.reason.value for one in bench.channel.taken if one.reason.value == "deadline"] == []


def ack_again(bench):
    """Somebody who keeps it, so that nothing but the deadline speaks."""
    with bench.database.write() as tx:
        one = incidents.one(tx, 1)
        incidents.save(tx, replace(one, acked_at=bench.clock.now()))


async def test_what_cannot_be_asked_for_is_refused_with_the_reason(bench):
    await threatened(bench, Bound())
    for wrong, why in (
        ({"incident": 9}, "there is no incident 9"),
        ({"mention": 9}, "there is no mention 9"),
    ):
        with pytest.raises(NotPossible, match=why):
            ask(bench.line, **wrong, ground="", by="Ana")
    with pytest.raises(NotPossible, match="was not asked"):
        answered(bench.line, Answer.GRANTED, incident=1, by="Ana")
    await polled(bench, gone=["t0"])
    with pytest.raises(NotPossible, match="no longer has it"):
        ask(bench.line, incident=1, ground="", by="Ana")


async def test_many_mentions_are_asked_for_one_by_one(bench):
    await threatened(bench, Bound(), AT_ONCE + 1)
    with pytest.raises(NotPossible, match=r"more than 20 mentions; name the one, such as mention:\d+$"):
        ask(bench.line, incident=1, ground="", by="Ana")
    assert len(ask(bench.line, mention=3, ground="", by="Ana")) == 1
    assert [one.mention_id for one in known(bench.line, incident=1)] == [3], "what was asked is shown, however many"


async def test_a_mention_in_no_incident_is_followed_too_and_goes_with_its_retention(bench):
    await threatened(bench, Bound())
    bench.fakes["one"].polls.append([Page(mentions=[said(bench.clock, "calm", KIND_WORDS)], cursor={"at": 5})])
    await poll_due(bench.line)
    calm = everything(bench)["calm"].id
    ask(bench.line, mention=calm, ground="our own logo", by="Ana")
    bench.wait(minutes=15)
    await polled(bench)  # "calm" is not there any more
    assert known(bench.line, mention=calm)[0].gone_at is not None
    resolve(bench.line, 1, Outcome.REMOVED)
    bench.wait(days=4 * 366)
    assert retain(bench.line) >= 1
    with pytest.raises(NotPossible, match="there is no mention"):
        known(bench.line, mention=calm)


# The commands


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        with_incident(one)
        yield one


def test_a_removal_is_asked_for_answered_shown_and_listed(typed):
    assert typed("removals").out == "nothing was asked for that is still up\n"
    done = typed("removal", 1, "--asked", "--ground", "threat of violence", "--by", "Ana", "--json")
    assert (done.code, done.row["asked_by"], done.row["ground"], done.row["gone_at"]) == (
        0,
        "Ana",
        "threat of violence",
        None,
    )
    typed("removal", "mention:1", "--granted", "--by", "Ben", "--note", "within a week")

    out = typed("show", 1).out
    assert re.search(r'removal +asked .*, by Ana, on the ground "threat of violence"; granted .*, by Ben\n', out)
    assert re.search(r"still up +yes, last seen .*; nothing looks it up here: look yourself\n", out)
    assert 'its platform said that it takes it down: mention 1, by Ben: "within a week"' in out
    assert re.search(r"removal +asked .*, by Ana", typed("explain", "mention:1").out)
    assert typed("show", 1, "--json").row["mentions"][0]["removal"]["answer"] == "granted"
    assert [row["mention"] for row in typed("removals", "--json").rows] == [1]
    assert re.search(r"granted +still up, last seen", typed("removals").out)
    assert typed("verify-log").code == 0


def test_an_incident_that_ends_as_removed_says_what_is_still_up(typed):
    typed("removal", 1, "--asked", "--by", "Ana")
    done = typed("resolve", 1, "--outcome", "removed", "--by", "Ana")
    assert done.out == "incident 1 is resolved: removed; but 1 mention of it was still up when last looked at\n"


def test_what_is_withdrawn_stays_up_and_is_listed_only_with_all(typed):
    typed("removal", 1, "--asked", "--by", "Ana")
    assert typed("removal", 1, "--withdrawn", "--by", "Ana").code == 0
    assert typed("removals").out == "nothing was asked for that is still up\n"
    assert re.search(r"withdrawn +stays up", typed("removals", "--all").out)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("removal", "incident:9", "--asked"), 1, "there is no incident 9"),
        (("removal", 1, "--refused"), 1, "was not asked"),
        (("removal", "topic:1", "--asked"), 2, "neither an incident"),
        (("removal", 1, "--refused", "--ground", "x"), 2, "--ground goes with --asked"),
        (("removal", "x"), 2, "not a number"),
        (("note", 9, "x"), 1, "there is no incident 9"),
        (("note", 1, " "), 2, "TEXT is empty"),
    ],
)
def test_what_cannot_be_done_says_why(typed, words, code, said):
    done = typed(*words)
    assert done.code == code
    assert said in done.err


def test_a_note_stands_in_the_timeline_also_after_the_end(typed):
    typed("resolve", 1, "--outcome", "removed", "--by", "Ana")
    done = typed("note", 1, "told the family", "--by", "Ben")
    assert (done.code, done.out) == (0, "incident 1 has a note\n")
    assert 'a note, by Ben: "told the family"' in typed("show", 1).out
