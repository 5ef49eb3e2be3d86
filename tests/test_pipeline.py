"""The line, whole: from a poll to an inbox, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor import daemon
from monitor.connector import AuthRejected, Page, Throttled, Unavailable
from monitor.model import Kind, Mention, Outcome, State
from monitor.pipeline import Line, deliver, ingest, judge, poll_due, rescore, retain
from monitor.pipeline.deliver import deliver_all, finish
from monitor.pipeline.retain import preview
from monitor.pipeline.work import NotPossible, ack, assign, replay, resolve, silence, unsilence
from monitor.store import incidents, log, mentions, outbox, sources
from tests.clock import Clock
from tests.line import CONFIG, Bench, Fake, Making, refusal
from tests.store import notification, send

THREAT = "I know what time the nurse leaves and where she parks. Next time I see that receptionist I'm putting her through the window."
KIND_WORDS = "Everybody was kind and the doctor took her time. Thank you!"


@pytest.fixture
def making(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Making]:
    made: list[Bench] = []

    def make(*polls: Any, config: str = CONFIG) -> Bench:
        bench = Bench(database_url, tmp_path, clock, config=config)
        bench.fakes["one"] = Fake(*polls)
        made.append(bench)
        daemon.begin(bench.line)
        return bench

    yield make
    for bench in made:
        bench.line.close()


def said(clock: Clock, key: str, text: str, **values: Any) -> Mention:
    base = {"external_id": key, "kind": Kind.REVIEW, "text": text, "published_at": clock.now()}
    return Mention(**(base | values))


async def turn(bench: Bench) -> int:
    """One turn of the line at the clock's time. Returns how many notifications were tried."""
    await poll_due(bench.line)
    judge(bench.line)
    return await deliver_all(bench.line)


async def watching(making: Making, *polls: Any, config: str = CONFIG) -> Bench:
    """A line whose source has been walked once already, so that what comes now is news."""
    bench = making([Page(cursor={"at": 0})], *polls, config=config)
    await turn(bench)
    bench.wait(minutes=15)
    return bench


def everything(bench: Bench) -> list[Any]:
    with bench.database.read() as tx:
        return list(mentions.listed(tx))


def all_incidents(bench: Bench) -> list[Any]:
    with bench.database.read() as tx:
        return incidents.listed(tx, None)


async def test_a_threat_opens_one_incident_and_its_inboxes_are_told_once(making: Making, clock: Clock) -> None:
    bench = await watching(making, [Page(mentions=[said(clock, "1", THREAT)], cursor={"at": 1})])
    assert await turn(bench) == 1  # security falls back to risk, which is told once
    assert [inbox for inbox, _ in bench.subjects()] == ["risk"]
    (incident,) = all_incidents(bench)
    assert (incident.rule, incident.group, incident.state) == ("threat_to_staff", "Main campus", State.OPEN)
    for _ in range(5):
        assert await turn(bench) == 0


async def test_praise_is_stored_and_nobody_is_told(making: Making, clock: Clock) -> None:
    bench = await watching(making, [Page(mentions=[said(clock, "1", KIND_WORDS)], cursor={"at": 1})])
    assert await turn(bench) == 0
    (one,) = everything(bench)
    assert one.assessment.sentiment > 0.5
    assert one.labels == {"location": "Main campus"}


async def test_history_is_summarised_once_and_never_told_singly(making: Making, clock: Clock) -> None:
    before = clock.now() - timedelta(days=2)
    old = [said(clock, str(n), THREAT, published_at=before) for n in range(700)]
    pages = [Page(mentions=old[:500]), Page(mentions=old[500:], cursor={"at": 1})]
    bench = making(pages, [Page(mentions=[said(clock, "new", THREAT)], cursor={"at": 2})])
    await turn(bench)
    assert bench.reasons() == [("marketing", "backfilled"), ("risk", "backfilled")]
    assert all("700" in one.message.text for one in bench.channel.taken)
    assert all_incidents(bench) == []
    bench.wait(minutes=15)
    await turn(bench)
    (incident,) = all_incidents(bench)
    assert incident.mentions == 1


async def test_what_a_late_walk_finds_from_before_the_backfill_is_history_too(making: Making, clock: Clock) -> None:
    ancient = said(clock, "1", THREAT, published_at=clock.now() - timedelta(days=400))
    bench = await watching(making, [Page(mentions=[ancient], cursor={"at": 1})])
    assert await turn(bench) == 0
    assert everything(bench)[0].history


async def test_five_hundred_mentions_are_one_incident_that_grows(making: Making, clock: Clock) -> None:
    many = [Page(mentions=[said(clock, f"{n}-{m}", THREAT) for m in range(100)], cursor={"n": n}) for n in range(5)]
    bench = await watching(making, many)
    assert await turn(bench) == 1
    (incident,) = all_incidents(bench)
    assert incident.mentions == 500
    assert "500" in bench.channel.taken[-1].message.text


async def test_an_unacknowledged_incident_climbs_its_chain_and_an_acknowledged_one_does_not(
    making: Making, clock: Clock
) -> None:
    bench = await watching(making, [Page(mentions=[said(clock, "1", THREAT)], cursor={"at": 1})])
    told = []
    for minute in range(61):
        await turn(bench)
        told += [(minute, one.inbox, one.reason.value) for one in bench.channel.taken]
        bench.channel.taken.clear()
        bench.wait(minutes=1)
    assert len(told) == 5
    assert set(told) == {
        (0, "risk", "opened"),
        (15, "risk", "reminder"),
        (30, "director", "escalated"),
        (45, "risk", "escalated"),
        (45, "director", "escalated"),
    }


async def test_acknowledging_stops_the_chain_and_resolving_tells_those_who_were_told(
    making: Making, clock: Clock
) -> None:
    bench = await watching(making, [Page(mentions=[said(clock, "1", THREAT)], cursor={"at": 1})])
    await turn(bench)
    key = all_incidents(bench)[0].id
    assert ack(bench.line, key, by="somebody on duty").state is State.ACKED
    assert ack(bench.line, key, by="another").assignee == "somebody on duty"
    assign(bench.line, key, "the night shift")
    for _ in range(90):
        bench.wait(minutes=1)
        assert await turn(bench) == 0
    resolve(bench.line, key, Outcome.REMOVED, note="taken down")
    await turn(bench)
    assert [one.reason.value for one in bench.channel.taken] == ["opened", "resolved"]
    with pytest.raises(NotPossible, match="resolved already"):
        ack(bench.line, key, by="x")
    with pytest.raises(NotPossible, match="no incident 999"):
        resolve(bench.line, 999, Outcome.OTHER)
    with bench.database.read() as tx:
        assert [link.action for link in log.about(tx, f"incident:{key}")] == ["opened", "acked", "assigned", "resolved"]


async def test_a_relapse_after_the_end_is_a_new_incident(making: Making, clock: Clock) -> None:
    again = [Page(mentions=[said(clock, "2", THREAT)], cursor={"at": 2})]
    bench = await watching(making, [Page(mentions=[said(clock, "1", THREAT)], cursor={"at": 1})], again)
    await turn(bench)
    first = all_incidents(bench)[0].id
    resolve(bench.line, first, Outcome.NO_ACTION)
    bench.wait(minutes=15)
    await turn(bench)
    ids = {one.id: (one.state, one.mentions) for one in all_incidents(bench)}
    assert ids.pop(first) == (State.RESOLVED, 1)
    assert list(ids.values()) == [(State.OPEN, 1)]


async def test_a_silence_holds_a_rule_back_until_it_ends_and_some_cannot_be_silenced(
    making: Making, clock: Clock
) -> None:
    config = (
        CONFIG
        + '[rules.slump]\nkinds = ["review"]\nstars_below = 3\ncount = 2\nwithin = "7d"\nlevel = "warning"\ninboxes = ["marketing"]\n'
    )
    bad = [said(clock, str(n), "Not good.", stars=1) for n in range(2)]
    bench = await watching(making, [Page(mentions=bad, cursor={"at": 1})], config=config)
    key = silence(bench.line, "slump", None, until=clock.now() + timedelta(hours=2), why="we know")
    assert await turn(bench) == 0
    bench.wait(hours=2)
    await turn(bench)
    assert bench.reasons() == [("marketing", "opened")]
    unsilence(bench.line, key)
    with pytest.raises(NotPossible, match="no silence"):
        unsilence(bench.line, key)
    with pytest.raises(NotPossible, match="people in danger"):
        silence(bench.line, "threat_to_staff", None, until=clock.now(), why="x")
    with pytest.raises(NotPossible, match="no rule"):
        silence(bench.line, "nothing", None, until=clock.now(), why="x")


async def test_counts_within_a_window_forget_what_is_older(making: Making, clock: Clock) -> None:
    config = (
        CONFIG
        + '[rules.slump]\nkinds = ["review"]\nstars_below = 3\ncount = 3\nwithin = "7d"\nlevel = "warning"\ninboxes = ["marketing"]\n'
    )
    bench = await watching(making, config=config)
    for day in range(5):
        bench.fakes["one"].polls = [[Page(mentions=[said(clock, str(day), "Not good.", stars=2)], cursor={"d": day})]]
        await turn(bench)
        bench.wait(days=4)
    assert all_incidents(bench) == []
    bench.wait(days=8)
    for day in range(5, 8):
        bench.fakes["one"].polls = [[Page(mentions=[said(clock, str(day), "Not good.", stars=2)], cursor={"d": day})]]
        await turn(bench)
        bench.wait(days=1)
    assert [(one.rule, one.mentions) for one in all_incidents(bench)] == [("slump", 3)]


async def test_an_edit_for_the_worse_is_judged_and_one_that_changes_nothing_is_not_told_again(
    making: Making, clock: Clock
) -> None:
    good, bad = said(clock, "1", KIND_WORDS, stars=5), said(clock, "1", THREAT, stars=1)
    edits = [[Page(mentions=[bad], cursor={"n": n})] for n in range(2)]
    nearly = [Page(mentions=[replace(bad, text=THREAT + " !")], cursor={"n": 9})]
    bench = await watching(making, [Page(mentions=[good], cursor={"n": 0})], *edits, nearly)
    for _ in range(4):
        await turn(bench)
        bench.wait(minutes=15)
    opened = [one for one in bench.channel.taken if one.reason.value == "opened"]
    assert len(opened) == 1
    assert everything(bench)[0].version == 3


async def test_an_edit_of_history_for_the_worse_is_news(making: Making, clock: Clock) -> None:
    before = clock.now() - timedelta(days=1)
    old = said(clock, "1", KIND_WORDS, published_at=before)
    bench = making(
        [Page(mentions=[old], cursor={"n": 0})], [Page(mentions=[replace(old, text=THREAT)], cursor={"n": 1})]
    )
    await turn(bench)
    bench.wait(minutes=15)
    await turn(bench)
    assert [one.rule for one in all_incidents(bench)] == ["threat_to_staff"]


async def test_a_reply_that_came_before_its_review_is_assessed_again_with_it(making: Making, clock: Clock) -> None:
    text = "Hi Karen, as we told you at your March 3 visit, the crown failed because you skipped two follow-ups."
    reply = said(clock, "r", text, kind=Kind.COMMENT, ours=True, parent_id="p")
    parent = said(clock, "p", "The crown fell out.", author="Karen P.")
    bench = await watching(
        making, [Page(mentions=[reply], cursor={"n": 0})], [Page(mentions=[parent], cursor={"n": 1})]
    )
    await turn(bench)
    alone = next(one for one in everything(bench) if one.mention.ours).assessment
    bench.wait(minutes=15)
    await turn(bench)
    together = next(one for one in everything(bench) if one.mention.ours).assessment
    assert {found.risk for found in together.signals} >= {"own_reply_phi"}
    assert alone.assessor == together.assessor
    assert len([one for one in all_incidents(bench) if one.rule == "own_reply_phi"]) == 1


async def test_what_is_gone_is_blanked_and_does_not_rise_again(making: Making, clock: Clock) -> None:
    one = said(clock, "1", THREAT, author="Somebody")
    polls = [
        [Page(mentions=[one], cursor={"n": 0})],
        [Page(gone=["1"], cursor={"n": 1})],
        [Page(mentions=[one], cursor={"n": 2})],
    ]
    bench = await watching(making, *polls)
    for _ in range(3):
        await turn(bench)
        bench.wait(minutes=15)
    (kept,) = everything(bench)
    assert (kept.mention.text, kept.mention.author) == ("", None)
    assert kept.gone_at is not None


async def test_odd_characters_lose_no_mention(making: Making, clock: Clock) -> None:
    odd = ["nul \0 inside", "half \ud83d pair", "\u202ereversed", "\u2028line\u0085", "e\u0301" * 500]
    page = Page(mentions=[said(clock, str(n), text, title=text) for n, text in enumerate(odd)], cursor={"n": 0})
    bench = await watching(making, [page])
    await turn(bench)
    assert len(everything(bench)) == len(odd)


async def test_a_source_with_topics_keeps_what_matches_and_takes_the_topics_labels(
    making: Making, clock: Clock
) -> None:
    config = (
        CONFIG.replace(
            'every = "15m"\nlabels = { location = "Main campus" }',
            'every = "15m"\ntopics = ["north"]',
        )
        + '[topics.north]\nquery = "hospital NEAR/3 north"\nlabels = { location = "North" }\n'
    )
    page = [said(clock, "1", "The hospital up north was fine."), said(clock, "2", "Lovely weather up north.")]
    bench = await watching(making, [Page(mentions=page, cursor={"n": 0})], config=config)
    await turn(bench)
    (one,) = everything(bench)
    assert (one.mention.external_id, one.topics, one.labels) == ("1", ("north",), {"location": "North"})


async def test_a_page_and_its_cursor_are_stored_together_or_not_at_all(making: Making, clock: Clock) -> None:
    pages: list[Any] = [Page(mentions=[said(clock, "1", "a")], cursor={"n": 1}), Unavailable("host is down")]
    bench = making(pages)

    def die(point: str) -> None:
        if point == "before_commit":
            raise RuntimeError("cut")

    bench.line.reach = die
    await turn(bench)
    assert everything(bench) == []
    with bench.database.read() as tx:
        state = sources.one(tx, "one")
    assert state is not None
    assert state.cursor == {}
    assert state.failures == 1


async def test_a_walk_that_is_cut_keeps_its_pages_and_goes_on_from_its_cursor(making: Making, clock: Clock) -> None:
    pages: list[Any] = [Page(mentions=[said(clock, "1", "a")], cursor={"n": 1}), Unavailable("host is down")]
    bench = making(pages, [Page(mentions=[said(clock, "2", "b")], cursor={"n": 2})])
    await turn(bench)
    bench.wait(minutes=15)
    await turn(bench)
    assert [cursor for cursor, _ in bench.fakes["one"].asked] == [{}, {"n": 1}]
    assert len(everything(bench)) == 2


@pytest.mark.parametrize(
    ("error", "minutes"),
    [(Unavailable("down"), 15), (Throttled("slow", timedelta(hours=3)), 180), (RuntimeError("a bug"), 15)],
)
async def test_a_failing_source_is_put_off_and_is_tried_again(
    making: Making, clock: Clock, error: Exception, minutes: int
) -> None:
    bench = making([error])
    await turn(bench)
    with bench.database.read() as tx:
        state = sources.one(tx, "one")
    assert state is not None
    assert state.next_poll_at == clock.now() + timedelta(minutes=minutes)
    assert "a bug" not in (state.error or "")


async def test_a_source_that_only_a_person_can_mend_is_told_and_its_recovery_too(making: Making, clock: Clock) -> None:
    broken = [AuthRejected("social.example rejects the token: renew it")]
    bench = await watching(making, *[broken] * 3)
    for _ in range(3):
        await turn(bench)
        bench.wait(hours=2)
    assert bench.reasons() == [("marketing", "opened"), ("risk", "opened")]
    assert all("renew it" in one.message.text for one in bench.channel.taken)
    bench.wait(hours=7)
    await turn(bench)
    assert bench.reasons()[-1] == ("risk", "resolved")


async def test_a_failed_send_is_tried_again_under_the_same_id_until_it_is_accepted(
    making: Making, clock: Clock
) -> None:
    bench = await watching(making, [Page(mentions=[said(clock, "1", THREAT)], cursor={"at": 1})])
    bench.channel.errors = [refusal(), RuntimeError("unforeseen"), TimeoutError()]
    tries = 0
    for _ in range(40):
        tries += await turn(bench)
        bench.wait(seconds=15)
    assert tries == 4
    assert len({one.id for one in bench.channel.taken}) == len(bench.channel.taken) == 1
    with bench.database.read() as tx:
        assert outbox.listed(tx, "sent")[0].attempts == 4


async def test_a_notification_that_is_refused_for_good_is_told_by_another_way(making: Making, clock: Clock) -> None:
    bench = await watching(making, [Page(mentions=[said(clock, "1", THREAT)], cursor={"at": 1})])
    bench.channel.errors = [refusal("no such mailbox", permanent=True)]
    await turn(bench)
    await turn(bench)
    assert [(one.inbox, one.reason.value) for one in bench.channel.taken] == [("marketing", "delivery_failed")]
    with bench.database.read() as tx:
        (failed,) = outbox.listed(tx, "failed")
    replay(bench.line, failed.id)
    await turn(bench)
    assert bench.channel.taken[-1].id == failed.id


async def test_what_a_send_that_ends_while_the_rest_is_claimed_has_to_tell_is_sent_in_the_same_turn(
    making: Making, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = CONFIG + '[risks.threat_to_staff]\ninboxes = ["risk", "director"]\n'
    bench = await watching(making, [Page(mentions=[said(clock, "1", THREAT)], cursor={"at": 1})], config=two)
    refused, taken, run = asyncio.Event(), bench.channel.send, Line.run

    async def send(notification: Any) -> None:
        if notification.inbox == "risk":
            await refused.wait()
            raise refusal("no such mailbox", permanent=True)
        await taken(notification)

    async def claimed(line: Line, work: Any, *args: Any, **named: Any) -> Any:
        result = await run(line, work, *args, **named)
        if work.__name__ == "_claim" and result == [] and len(line.sending) == 1:  # it ends while this is awaited
            refused.set()
            await finish(line)
        return result

    monkeypatch.setattr(bench.channel, "send", send)
    monkeypatch.setattr(Line, "run", claimed)
    await turn(bench)
    assert bench.reasons() == [("director", "opened"), ("marketing", "delivery_failed")]


async def test_unanswered_reviews_are_told_when_their_time_is_over(making: Making, clock: Clock) -> None:
    config = (
        CONFIG
        + '[rules.unanswered]\nkinds = ["review"]\nstars_below = 3\nunanswered_for = "48h"\nlevel = "warning"\ninboxes = ["marketing"]\n'
    )
    first = [said(clock, "1", "Not good.", stars=2), said(clock, "2", "Not good at all.", stars=1)]
    reply = said(clock, "r", "Thank you for telling us.", kind=Kind.COMMENT, ours=True, parent_id="2")
    bench = await watching(making, [Page(mentions=[*first, reply], cursor={"n": 0})], config=config)
    await turn(bench)
    assert all_incidents(bench) == []
    bench.wait(hours=49)
    await turn(bench)
    (incident,) = all_incidents(bench)
    assert (incident.rule, incident.mentions) == ("unanswered", 1)


async def test_what_needs_no_answer_never_stands_before_what_does(making: Making, clock: Clock) -> None:
    config = (
        CONFIG + '[rules.unanswered]\nrisk = "x"\nunanswered_for = "48h"\nlevel = "warning"\ninboxes = ["marketing"]\n'
    )
    config = config.replace('risk = "x"', 'risk = "threat_to_staff"')
    kind = [said(clock, f"k{n}", KIND_WORDS) for n in range(1001)]
    bench = await watching(making, [Page(mentions=[*kind, said(clock, "t", THREAT)], cursor={"n": 0})], config=config)
    await turn(bench)
    bench.wait(hours=49)
    await turn(bench)
    assert [one.mentions for one in all_incidents(bench) if one.rule == "unanswered"] == [1]


async def test_the_end_of_a_silence_before_its_time_is_its_end(making: Making, clock: Clock) -> None:
    complaints = [said(clock, str(n), "I will sue them.") for n in range(2)]
    bench = await watching(making, [Page(mentions=complaints, cursor={"n": 0})])
    rule = "legal_regulatory_threat"
    key = silence(bench.line, rule, None, until=clock.now() + timedelta(hours=9), why="known")
    await turn(bench)
    assert [one.told_at for one in all_incidents(bench) if one.rule == rule] == [None]
    bench.wait(minutes=15)
    unsilence(bench.line, key)
    await turn(bench)
    assert [one.told_at for one in all_incidents(bench) if one.rule == rule] == [clock.now()]


async def test_a_restart_with_unchanged_conditions_says_nothing_new(making: Making, clock: Clock) -> None:
    bench = await watching(making, [Page(mentions=[said(clock, "1", THREAT)], cursor={"at": 1})])
    await turn(bench)
    for _ in range(20):
        daemon.begin(bench.line)
        assert await turn(bench) == 0
    assert len(bench.channel.taken) == 1


async def test_retention_deletes_what_is_old_and_keeps_our_own_words_longer(making: Making, clock: Clock) -> None:
    page = [said(clock, "1", "old"), said(clock, "2", "ours", ours=True)]
    bench = await watching(making, [Page(mentions=page, cursor={"n": 0})])
    await turn(bench)
    bench.wait(days=4 * 366)
    assert preview(bench.line) == ((("fake", "mentions", 1),), ())
    assert retain(bench.line) == 1
    assert [one.mention.external_id for one in everything(bench)] == ["2"]
    bench.wait(days=4 * 366)
    assert retain(bench.line) == 1
    assert everything(bench) == []


async def test_what_a_platforms_terms_let_nobody_keep_is_blanked_and_its_tombstone_stays(
    making: Making, clock: Clock
) -> None:
    bench = await watching(making, [Page(mentions=[said(clock, str(n), THREAT) for n in range(450)], cursor={"n": 0})])
    await turn(bench)
    bench.fakes["one"].access = replace(Fake.access, retention=timedelta(hours=24))  # type: ignore[misc]
    assert retain(bench.line) == 0
    bench.wait(hours=25)
    assert retain(bench.line) == 450
    assert retain(bench.line) == 0
    assert {(one.mention.text, one.gone_at) for one in everything(bench)} == {("", clock.now())}


async def test_assessing_again_changes_no_judgement_of_the_past(making: Making, clock: Clock) -> None:
    bench = await watching(making, [Page(mentions=[said(clock, str(n), THREAT) for n in range(450)], cursor={"n": 0})])
    await turn(bench)
    assert rescore(bench.line) == 0
    seen: list[int] = []
    assert rescore(bench.line, everything=True, progress=seen.append) == 450
    assert sum(seen) == 450
    assert await turn(bench) == 0


async def test_a_channel_that_hangs_delays_no_other_and_takes_no_more_than_its_hands(
    making: Making, clock: Clock
) -> None:
    class Hanging:
        def __init__(self) -> None:
            self.begun = 0

        async def send(self, _notification: Any) -> None:
            self.begun += 1
            await asyncio.Event().wait()

    bench = making()
    hanging = Hanging()
    bench.line.channels = {("risk", "email"): hanging, ("risk", "webhook"): bench.channel}
    stuck = [notification(f"h{n}", due_at=clock.now()) for n in range(50)]
    fine = [notification(f"f{n}", channel="webhook", due_at=clock.now() + timedelta(seconds=1)) for n in range(50)]
    send(bench.database, *stuck, *fine)
    bench.wait(seconds=1)
    for _ in range(40):
        await deliver(bench.line)
        await asyncio.sleep(0)
        if len(bench.channel.taken) == 50:
            break
        await asyncio.wait(list(bench.line.sending), timeout=0.05)
    assert len(bench.channel.taken) == 50
    assert hanging.begun == 4
    for task in list(bench.line.sending):
        task.cancel()
    await finish(bench.line)
    with bench.database.read() as tx:
        assert {one.attempts for one in outbox.listed(tx, "due")} == {0}


@pytest.fixture
def bench(making: Making) -> Bench:
    return making()


words = st.text(st.characters(), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "key": words.filter(bool) | st.just("x" * 9000),
                "text": words,
                "title": words,
                "author": st.none() | words,
                "url": st.none() | words,
                "lang": st.none() | words,
                "parent_id": st.none() | words | st.just("y" * 9000),
                "engagement": st.none() | st.integers(0, 10**30),
                "audience": st.none() | st.integers(0, 10**30),
            }
        ),
        max_size=4,
        unique_by=lambda one: one["key"],
    )
)
def test_no_mention_however_odd_keeps_its_page_from_being_stored(bench: Bench, clock: Clock, odd: list[Any]) -> None:
    here = bench.line.config.sources["one"]
    with bench.database.write() as tx:
        sources.free_all(tx)
        before = mentions.count(tx)
        state = sources.claim_one(tx, "one", clock.now(), lease="test", until=clock.now() + timedelta(hours=1))
    assert state is not None
    state = replace(state, platform=f"p{before}")
    page = Page(mentions=[said(clock, **one) for one in odd], cursor={"n": 1}, gone=["\0", "z" * 9000])
    found = ingest(bench.line, here, state, page, lease_for=timedelta(hours=1))
    assert found.new == len(odd)
    with bench.database.read() as tx:
        assert mentions.count(tx) == before + len(odd)
    again = ingest(bench.line, here, state, page, lease_for=timedelta(hours=1))
    assert (again.new, again.changed) == (0, 0)
