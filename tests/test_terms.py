"""Terms are code: what was deleted there goes here, what may not be kept is not, and what cannot be seen is said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from monitor import daemon, schema
from monitor.connector import AuthRejected, NotPermitted, Page, Throttled, Unavailable
from monitor.model import Mention, SourceState
from monitor.pipeline import Line, judge, poll_due, retain, terms
from monitor.pipeline.recheck import AT_ONCE, any_due, recheck, recheck_due
from monitor.pipeline.report import numbers, render
from monitor.pipeline.retain import preview
from monitor.store import holds, incidents, mentions, outbox, rechecks, sources
from monitor.timing import week_of
from tests.clock import Clock
from tests.line import CONFIG, Bench, Fake
from tests.terms import Bound, checked_at, everything
from tests.test_pipeline import KIND_WORDS, THREAT, said, turn

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def bench(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Bench]:
    bench = Bench(database_url, tmp_path, clock)
    bench.fakes["one"] = Fake([Page(cursor={"at": 0})])
    daemon.begin(bench.line)
    yield bench
    bench.line.close()


async def watching(bench: Bench, **spans: timedelta) -> Bound:
    """A source that has been walked once, of a platform with these terms."""
    await turn(bench)
    bench.fakes["one"] = bound = Bound(**spans)
    bench.wait(minutes=15)
    return bound


async def bring(bench: Bench, *found: Mention, **page: Any) -> None:
    """One poll that brings these, and leaves them on the platform."""
    bound = bench.fakes["one"]
    bound.polls.append([Page(mentions=found, cursor={"at": str(bench.clock.now())}, **page)])
    if isinstance(bound, Bound):
        bound.there |= {one.external_id: one for one in found}
    await turn(bench)
    assert not bound.polls
    bench.wait(minutes=15)


def state(bench: Bench) -> SourceState:
    with bench.database.read() as tx:
        found = sources.one(tx, "one")
    assert found is not None
    return found


def checks(bench: Bench) -> Any:
    with bench.database.read() as tx:
        return rechecks.every(tx)["one"]


# Warnings


async def poll_with(bench: Bench, *pages: Page | Exception) -> None:
    bench.fakes["one"].polls.append(list(pages))
    await turn(bench)
    bench.wait(hours=12)


async def test_the_warnings_of_a_whole_walk_stand_until_the_next_whole_walk(bench: Bench) -> None:
    await watching(bench)
    low = Page(warnings=["40 of 100 searches are left today"])
    await poll_with(bench, low, Page(cursor={"at": 1}, warnings=["40 of 100 searches are left today", "no approval"]))
    assert state(bench).warnings == ("40 of 100 searches are left today", "no approval")
    await poll_with(bench, Page(warnings=["half a walk"]), Unavailable("social.example is down"))
    assert state(bench).warnings == ("40 of 100 searches are left today", "no approval")
    await poll_with(bench, Page(cursor={"at": 2}))
    assert state(bench).warnings == ()


async def test_warnings_are_limited_in_number_and_length_and_one_line_each(bench: Bench) -> None:
    await watching(bench)
    await poll_with(bench, Page(warnings=[f"{n} " + "x" * 999 for n in range(50)]))
    assert len(state(bench).warnings) == 10
    assert all(len(one) <= 300 for one in state(bench).warnings)
    assert state(bench).warnings[-1] == "and 41 more warnings"
    await poll_with(bench, Page(warnings=["two\nlines", "", "  "]))
    assert state(bench).warnings == ("two lines",)


async def test_the_digest_tells_what_was_seen_only_in_part(bench: Bench, clock: Clock) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, said(clock, "1", KIND_WORDS))
    bench.wait(hours=25)
    await bring(bench, warnings=["40 of 100 searches are left today"])
    bound.breaks = NotPermitted("social.example: the plan allows no lookups")
    await recheck_due(bench.line)
    with bench.database.read() as tx:
        week = numbers(tx, week_of(clock.now(), bench.line.config.timezone), clock.now())
    told = [(one.source, one.why) for one in week.partly]
    assert told == [
        ("one", "40 of 100 searches are left today"),
        ("one", "What is deleted there is not noticed: social.example: the plan allows no lookups"),
    ]
    message = render(bench.line, week, "risk", clock.now())
    for part in (message.text, message.html):
        assert "40 of 100 searches are left today" in part
        assert "1 source could be seen only in part: see below." in " ".join(part.split())
    assert message.data["data"]["seen_in_part_count"] == 2
    assert week.blind == ()


# Rechecks


async def test_what_was_deleted_there_goes_here_and_what_was_changed_is_assessed_again(
    bench: Bench, clock: Clock
) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, *(said(clock, key, KIND_WORDS, author="Somebody") for key in ("stays", "changes", "goes")))
    await bring(bench, said(clock, "goes", KIND_WORDS + " Edited."))
    bench.wait(hours=25)
    del bound.there["goes"]
    bound.there["changes"] = said(clock, "changes", THREAT)

    done = await recheck_due(bench.line)
    judge(bench.line)

    assert (done["one"].asked, done["one"].changed, done["one"].gone, done["one"].error) == (3, 1, 1, None)
    there = everything(bench)
    assert (there["goes"].mention.text, there["goes"].mention.author, there["goes"].gone_at) == ("", None, clock.now())
    assert (there["changes"].mention.text, there["changes"].version) == (THREAT, 2)
    assert (there["stays"].mention.text, there["stays"].version) == (KIND_WORDS, 1)
    with bench.database.read() as tx:
        assert [one.rule for one in incidents.listed(tx, None)] == ["threat_to_staff"]
        assert mentions.told(tx, there["goes"].id) == []
        assert mentions.known(tx, "fake", ["goes"])["goes"].gone
    assert checked_at(bench)["stays"] == checked_at(bench)["changes"] == clock.now()


async def test_the_name_of_a_deleted_account_goes_and_its_words_stay(bench: Bench, clock: Clock) -> None:
    bound = await watching(bench, recheck=DAY)
    signed = (said(clock, key, KIND_WORDS, author="Somebody") for key in ("deleted", "left out", "polled"))
    await bring(bench, *signed, said(clock, "held", KIND_WORDS, author="Somebody"))
    with bench.database.write() as tx:
        holds.place(tx, everything(bench)["held"].id, by="Ana", why="case 7", now=clock.now())
    bench.wait(hours=25)
    bound.there |= {one.mention.external_id: replace(one.mention, author=None) for one in everything(bench).values()}
    bound.unsigned = ("deleted", "held", "never asked for")

    await recheck_due(bench.line)
    await bring(bench, unsigned=["polled"])

    there = everything(bench)
    names = {key: one.mention.author for key, one in there.items()}
    assert names == {"deleted": None, "left out": "Somebody", "polled": None, "held": "Somebody"}
    assert {one.mention.text for one in there.values()} == {KIND_WORDS}


async def test_our_own_words_that_are_gone_are_kept(bench: Bench, clock: Clock) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, said(clock, "1", "Thank you for telling us.", ours=True))
    bench.wait(hours=25)
    bound.there.clear()
    assert (await recheck_due(bench.line))["one"].gone == 1
    assert everything(bench)["1"].mention.text == "Thank you for telling us."
    assert everything(bench)["1"].gone_at == clock.now()


async def test_a_recheck_stores_nothing_new_moves_no_cursor_and_takes_away_only_what_it_asked_for(
    bench: Bench, clock: Clock
) -> None:
    await watching(bench, recheck=DAY)
    await bring(bench, said(clock, "old", KIND_WORDS))
    bench.wait(hours=25)
    await bring(bench, said(clock, "young", KIND_WORDS))
    before = state(bench)

    class Overeager(Bound):
        async def recheck(self, ids: Any) -> Any:
            self.looked_up.append(list(ids))
            yield Page(mentions=[said(clock, "new", THREAT)], gone=["young"], cursor={"at": 99}, skipped=5)

    bench.fakes["one"] = overeager = Overeager(recheck=DAY)
    done = await recheck_due(bench.line)

    assert overeager.looked_up == [["old"]]
    assert (done["one"].changed, done["one"].gone) == (0, 0)
    assert {key: one.gone_at for key, one in everything(bench).items()} == {"old": None, "young": None}
    assert state(bench) == before


async def test_only_what_nothing_confirmed_for_long_is_asked_for_the_longest_first_and_not_twice_in_an_hour(
    bench: Bench, clock: Clock
) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, said(clock, "first", KIND_WORDS))
    await bring(bench, said(clock, "second", KIND_WORDS))
    bench.wait(hours=12)
    await bring(bench, said(clock, "third", KIND_WORDS))
    bench.wait(hours=12)
    for _ in range(4):
        await recheck_due(bench.line)
        bench.wait(minutes=14)
    assert bound.looked_up == [["first", "second"]]
    bench.wait(hours=12)
    await recheck_due(bench.line)
    assert bound.looked_up[1:] == [["third"]]


async def test_no_more_are_asked_for_in_an_hour_than_the_limit_and_falling_behind_is_said(
    bench: Bench, clock: Clock
) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, *(said(clock, str(n), KIND_WORDS) for n in range(AT_ONCE + 7)))
    bench.wait(days=3)
    await recheck_due(bench.line)
    assert checks(bench).warnings == ("500 lookups an hour are too few: what waits longest was confirmed 3 days ago",)
    await recheck_due(bench.line)
    bench.wait(minutes=61)
    await recheck_due(bench.line)
    assert [len(ids) for ids in bound.looked_up] == [AT_ONCE, 7]
    assert len(set(bound.looked_up[0]) | set(bound.looked_up[1])) == AT_ONCE + 7
    assert checks(bench).warnings == ()


async def test_two_workers_do_not_both_do_it(bench: Bench, clock: Clock) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, said(clock, "1", KIND_WORDS))
    bench.wait(hours=25)
    other = other_worker(bench.line)
    done = await asyncio.gather(recheck(bench.line, "one"), recheck(other, "one"))
    assert len(bound.looked_up) == 1
    assert sorted(one is None for one in done) == [False, True]
    other.executor.shutdown()


def other_worker(line: Line) -> Line:
    return replace(line, lease="another", sending={}, enrolled=set())


async def test_a_worker_that_wakes_up_too_late_stores_nothing(bench: Bench, clock: Clock) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, said(clock, "1", KIND_WORDS))
    bench.wait(hours=25)
    bound.there.clear()

    def take_over() -> None:
        bench.wait(hours=2)
        with bench.database.write() as tx:
            until = clock.now() + HOUR
            assert rechecks.claim(tx, "one", clock.now(), lease="quick", until=until) is not None

    bound.during = take_over
    done = await recheck(bench.line, "one")
    assert done is not None
    assert done.error == "another worker rechecks this source now"
    assert everything(bench)["1"].mention.text == KIND_WORDS
    assert checks(bench).failures == 0


@pytest.mark.parametrize(
    ("error", "sentence", "hours"),
    [
        (AuthRejected("social.example rejects the token: renew it"), "social.example rejects the token: renew it", 1),
        (Throttled("social.example asks for patience", 5 * HOUR), "social.example asks for patience", 5),
        (RuntimeError("canary"), "this connector has a fault (RuntimeError); the log has the traceback", 1),
        (TimeoutError(), "no page came in time; the platform may be slow, it is tried again", 1),
    ],
)
async def test_a_recheck_that_fails_is_said_keeps_what_it_learned_and_leaves_the_polls_alone(
    bench: Bench, clock: Clock, error: Exception, sentence: str, hours: int
) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, *(said(clock, str(n), KIND_WORDS) for n in range(6)))
    bench.wait(hours=25)
    first, before = clock.now(), state(bench)
    bound.breaks = error
    del bound.there["1"]

    done = (await recheck_due(bench.line))["one"]

    assert (done.error, done.gone) == (sentence, 1)
    assert state(bench) == before
    found = checks(bench)
    assert (found.error, found.failing_since, found.failures) == (sentence, first, 1)
    assert found.due_at == first + timedelta(hours=hours)
    assert sum(at == first for at in checked_at(bench).values()) == 2  # two of the first page's three, and no other
    bench.wait(hours=hours)
    bound.breaks = None
    assert (await recheck_due(bench.line))["one"].error is None
    assert (checks(bench).error, checks(bench).failing_since, checks(bench).failures) == (None, None, 0)
    assert len(bound.looked_up[1]) == 3


async def test_rechecks_that_go_on_failing_are_tried_ever_later(bench: Bench, clock: Clock) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, *(said(clock, str(n), KIND_WORDS) for n in range(30)))
    bench.wait(hours=25)
    bound.breaks = Unavailable("down")
    first, waits = clock.now(), []
    for _ in range(5):
        await recheck_due(bench.line)
        waits.append(checks(bench).due_at - clock.now())
        bench.clock.set(checks(bench).due_at)
    assert waits == [HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 6 * HOUR]
    assert (checks(bench).failing_since, checks(bench).failures) == (first, 5)


async def test_what_a_whole_recheck_neither_hands_over_nor_calls_gone_counts_as_confirmed(
    bench: Bench, clock: Clock
) -> None:
    await watching(bench, recheck=DAY, refresh=3 * DAY)
    await bring(bench, said(clock, "1", KIND_WORDS))
    bench.wait(hours=25)

    class Terse(Bound):
        async def recheck(self, ids: Any) -> Any:
            self.looked_up.append(list(ids))
            yield Page()

    bench.fakes["one"] = terse = Terse(recheck=DAY, refresh=3 * DAY)
    await recheck_due(bench.line)
    assert checked_at(bench) == {"1": clock.now()}
    bench.wait(hours=2)
    assert (await recheck_due(bench.line))["one"].asked == 0
    assert terse.looked_up == [["1"]]


async def test_a_connector_that_promises_rechecks_and_has_none_is_told(bench: Bench, clock: Clock) -> None:
    await watching(bench, recheck=DAY)
    await bring(bench, said(clock, "1", KIND_WORDS))
    bench.wait(hours=25)
    bench.fakes["one"] = Fake()
    bench.fakes["one"].access = replace(Fake.access, recheck=DAY)  # type: ignore[misc]
    done = await recheck_due(bench.line)
    assert done["one"].error == "this connector asks for rechecks and has none: please report it"


async def test_a_recheck_that_is_stopped_costs_an_hour_and_loses_nothing(bench: Bench, clock: Clock) -> None:
    bound = await watching(bench, recheck=DAY)
    await bring(bench, said(clock, "1", KIND_WORDS))
    bench.wait(hours=25)
    begun = asyncio.Event()

    class Hanging(Bound):
        async def recheck(self, ids: Any) -> Any:
            begun.set()
            await asyncio.Event().wait()
            yield Page()

    bench.fakes["one"] = Hanging(recheck=DAY)
    task = asyncio.create_task(recheck_due(bench.line))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.fakes["one"] = bound
    bench.wait(hours=1)
    assert (await recheck_due(bench.line))["one"].asked == 1


async def test_where_no_terms_ask_for_it_nothing_is_rechecked_or_written(bench: Bench, clock: Clock) -> None:
    await watching(bench)
    await bring(bench, said(clock, "1", KIND_WORDS))
    bench.wait(days=30)
    assert not any_due(bench.line)
    assert await recheck_due(bench.line) == {}
    assert checked_at(bench) == {"1": None}
    with bench.database.read() as tx:
        assert rechecks.every(tx) == {}


async def test_each_source_asks_only_for_what_it_brought_itself(
    database_url: str, tmp_path: Path, clock: Clock
) -> None:
    two = '[sources.two]\nconnector = "fake"\nevery = "15m"\n'
    bench = Bench(database_url, tmp_path, clock, config=CONFIG + two)
    for name in ("one", "two"):
        found = [said(clock, f"{name}-{n}", KIND_WORDS) for n in range(2)]
        bench.fakes[name] = Bound([Page(mentions=found, cursor={"at": 0})], recheck=DAY)
    daemon.begin(bench.line)
    await poll_due(bench.line)
    bench.wait(hours=25)
    await recheck_due(bench.line)
    for name in ("one", "two"):
        assert bench.fakes[name].looked_up == [[f"{name}-0", f"{name}-1"]]  # type: ignore[attr-defined]
    bench.line.close()


def test_a_source_that_is_switched_off_is_not_asked(database_url: str, tmp_path: Path, clock: Clock) -> None:
    off = CONFIG.replace('every = "15m"', 'every = "15m"\nenabled = false')
    bench = Bench(database_url, tmp_path, clock, config=off)
    bench.fakes["one"] = Bound(recheck=DAY)
    assert not any_due(bench.line)
    bench.line.close()


# Confirmed by a poll, or not at all


async def test_a_poll_that_shows_a_mention_again_confirms_it_but_not_each_time(bench: Bench, clock: Clock) -> None:
    bound = await watching(bench, recheck=DAY)
    mention = said(clock, "1", KIND_WORDS)
    await bring(bench, mention)
    seen = clock.now() - 15 * timedelta(minutes=1)
    bench.wait(hours=5)
    await bring(bench, mention)
    assert checked_at(bench) == {"1": seen}
    bench.wait(hours=2)
    await bring(bench, mention)
    assert checked_at(bench)["1"] == clock.now() - timedelta(minutes=15)
    bench.wait(hours=23)
    await recheck_due(bench.line)
    assert bound.looked_up == []


async def test_what_neither_poll_nor_recheck_confirmed_for_too_long_is_emptied(bench: Bench, clock: Clock) -> None:
    await watching(bench, refresh=30 * DAY)
    seen, unseen = said(clock, "seen", KIND_WORDS), said(clock, "unseen", THREAT, author="Somebody")
    await bring(bench, seen, unseen)
    bench.wait(days=20)
    await bring(bench, seen)
    assert retain(bench.line) == 0
    bench.wait(days=10)
    assert preview(bench.line).going == (("fake", "refresh", 1),)
    assert retain(bench.line) == 1
    there = everything(bench)
    assert (there["unseen"].mention.text, there["unseen"].mention.author) == ("", None)
    assert there["unseen"].assessment.signals
    assert there["seen"].mention.text == KIND_WORDS
    bench.wait(days=30)
    assert retain(bench.line) == 1


async def test_a_recheck_keeps_alive_what_would_have_to_be_emptied(bench: Bench, clock: Clock) -> None:
    await watching(bench, recheck=10 * DAY, refresh=30 * DAY)
    await bring(bench, said(clock, "1", KIND_WORDS))
    for _ in range(10):
        bench.wait(days=11)
        await recheck_due(bench.line)
        assert retain(bench.line) == 0
    bench.wait(days=31)
    assert retain(bench.line) == 1


# Retention


async def test_terms_of_hours_are_kept_to_the_hour_and_each_mention_is_counted_once(bench: Bench, clock: Clock) -> None:
    await watching(bench, retention=6 * HOUR, refresh=DAY)
    await bring(bench, said(clock, "1", KIND_WORDS), said(clock, "2", KIND_WORDS, ours=True))
    bench.wait(hours=5)
    assert retain(bench.line) == 0
    bench.wait(hours=1)
    assert preview(bench.line) == ((("fake", "terms", 2),), ())
    assert retain(bench.line) == 2
    assert preview(bench.line) == ((), ())
    bench.wait(days=4 * 366)
    assert preview(bench.line).going == (("fake", "mentions", 1),)
    bench.wait(days=4 * 366)
    assert preview(bench.line).going == (("fake", "mentions", 1), ("fake", "own_replies", 1))
    assert retain(bench.line) == 2
    assert everything(bench) == {}


async def test_our_own_words_go_by_their_own_time_also_where_it_is_the_shorter_one(
    database_url: str, tmp_path: Path, clock: Clock
) -> None:
    bench = Bench(database_url, tmp_path, clock, config=CONFIG + '[retention]\nmentions = "3y"\nown_replies = "60d"\n')
    bench.fakes["one"] = Fake([Page(mentions=[said(clock, "1", "x"), said(clock, "2", "y", ours=True)], cursor={})])
    daemon.begin(bench.line)
    await poll_due(bench.line)
    bench.wait(days=61)
    assert retain(bench.line) == 1
    assert list(everything(bench)) == ["1"]
    bench.line.close()


async def test_terms_that_came_later_than_the_mentions_find_them_too(bench: Bench, clock: Clock) -> None:
    await watching(bench)
    await bring(bench, *(said(clock, str(n), KIND_WORDS) for n in range(450)))
    first = clock.now() - timedelta(minutes=15)
    bench.fakes["one"] = bound = Bound(recheck=DAY, refresh=3 * DAY)
    bench.wait(hours=25)
    assert retain(bench.line) == 0
    assert set(checked_at(bench).values()) == {first}
    bound.there = {key: one.mention for key, one in everything(bench).items()}
    assert (await recheck_due(bench.line))["one"].asked == 450
    bench.wait(days=2, hours=2)
    assert retain(bench.line) == 0
    bench.wait(days=1)
    assert retain(bench.line) == 450


def test_terms_do_not_end_with_the_source_and_a_connector_that_is_gone_stops_nothing(
    bench: Bench, clock: Clock
) -> None:
    with bench.database.write() as tx:
        sources.sync(
            tx,
            {"one": "fake", "left": "bluesky", "lost": "nowhere"},
            dict.fromkeys(("left", "lost"), clock.now()),
            clock.now(),
        )
        sources.sync(tx, {"one": "fake"}, {}, clock.now())
    with bench.database.read() as tx:
        found = terms.platforms(bench.line, tx)
    assert sorted(found) == ["bluesky", "fake"]
    assert found["bluesky"].recheck is not None
    assert retain(bench.line) == 0


# What only a person can mend


@pytest.mark.parametrize(
    "error",
    [
        AuthRejected("social.example rejects the token: it has expired, run `wellheard connect fake`"),
        NotPermitted("social.example has not approved the app: ask for it in its console"),
    ],
)
async def test_an_expired_credential_is_an_incident_at_once_and_its_mail_says_what_to_do(
    bench: Bench, error: Exception
) -> None:
    await watching(bench)
    bench.fakes["one"].polls.append([error])
    await turn(bench)
    assert bench.reasons() == [("marketing", "opened"), ("risk", "opened")]
    for one in bench.channel.taken:
        assert " ".join(str(error).split()).rstrip(".") in " ".join(one.message.text.split())
    assert state(bench).error == str(error)


async def test_an_outage_is_no_incident_at_once(bench: Bench) -> None:
    await watching(bench)
    bench.fakes["one"].polls.append([Unavailable("social.example is down")])
    assert await turn(bench) == 0
    with bench.database.read() as tx:
        assert outbox.listed(tx) == []


# The database underneath


def test_the_step_to_0002_and_back_keeps_the_data(bench: Bench, clock: Clock) -> None:
    from tests.store import add, fresh
    from tests.store import said as mention

    add(bench.database, fresh(mention("1", "words")), platform="fake")
    bench.database.downgrade("0001")
    with bench.database.read() as tx:
        assert tx.execute(text("SELECT text FROM mentions")).scalar() == "words"
        assert tx.execute(text("SELECT count(*) FROM sources")).scalar() == 1
    bench.database.upgrade()
    assert everything(bench)["1"].mention.text == "words"
    assert state(bench).warnings == ()
    with bench.database.write() as tx:
        tx.execute(update(schema.mentions).values(checked_at=clock.now()))
