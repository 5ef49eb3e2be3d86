"""Legal holds: what is held is never lost, and what is past its time and not held never stays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from monitor import audit, daemon, schema
from monitor.connector import Page
from monitor.model import Mention
from monitor.pipeline import poll_due, retain
from monitor.pipeline.hold import hold, release
from monitor.pipeline.recheck import recheck
from monitor.pipeline.retain import preview
from monitor.pipeline.work import NotPossible
from monitor.store import Transaction, holds, log, mentions
from tests.cli import terminal
from tests.clock import START, Clock
from tests.line import CONFIG, Bench
from tests.store import add, fresh
from tests.store import said as stored_mention
from tests.terms import Bound, everything
from tests.test_pipeline import KIND_WORDS, said

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT, RECHECK, REFRESH = 20 * DAY, 2 * DAY, 6 * DAY


@pytest.fixture
def bench(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Bench]:
    bench = Bench(database_url, tmp_path, clock, config=CONFIG.replace("every", 'backfill = "10d"\nevery'))
    bench.fakes["one"] = Bound(retention=KEPT, recheck=RECHECK, refresh=REFRESH)
    daemon.begin(bench.line)
    yield bench
    bench.line.close()


async def bring(bench: Bench, *found: Mention, gone: tuple[str, ...] = ()) -> None:
    """One poll that brings these."""
    bench.fakes["one"].polls.append([Page(mentions=found, gone=gone, cursor={"at": str(bench.clock.now())})])
    bench.wait(hours=1)
    await poll_due(bench.line)
    assert not bench.fakes["one"].polls


def number(bench: Bench, key: str) -> int:
    return int(everything(bench)[key].id)


async def test_what_is_held_survives_retention_refresh_and_its_end_there(bench: Bench, clock: Clock) -> None:
    await bring(bench, said(clock, "held", KIND_WORDS, author="Somebody"), said(clock, "free", KIND_WORDS))
    hold(bench.line, number(bench, "held"), by="Ana", why="case 7")
    bench.wait(days=30)
    assert preview(bench.line) == ((("fake", "terms", 1),), (("fake", "terms", 1),))
    assert retain(bench.line) == 1
    await bring(bench, gone=("held", "free"))
    bench.wait(days=9 * 366)
    assert retain(bench.line) == 1
    there = everything(bench)
    assert list(there) == ["held"]
    assert (there["held"].mention.text, there["held"].mention.author) == (KIND_WORDS, "Somebody")
    assert there["held"].gone_at is not None
    assert preview(bench.line) == ((), (("fake", "mentions", 1),))


async def test_a_release_empties_what_is_gone_at_once_and_leaves_the_rest_to_the_retention(
    bench: Bench, clock: Clock
) -> None:
    await bring(bench, *(said(clock, key, KIND_WORDS, author="Somebody") for key in ("gone", "old", "young")))
    await bring(bench, said(clock, "gone", KIND_WORDS + " Edited."))
    for key in ("gone", "old", "young"):
        hold(bench.line, number(bench, key), by="Ana", why="case 7")
    await bring(bench, gone=("gone",))
    went = everything(bench)["gone"].gone_at
    bench.wait(hours=1)
    assert release(bench.line, number(bench, "gone"), by="Ben")
    assert not release(bench.line, number(bench, "young"), by="Ben")
    gone = everything(bench)["gone"]
    assert (gone.mention.text, gone.mention.author, gone.gone_at) == ("", None, went)
    with bench.database.read() as tx:
        assert mentions.told(tx, gone.id) == []
    bench.wait(days=30)
    assert retain(bench.line) == 1
    assert release(bench.line, number(bench, "old"), by="Ben") is False
    assert everything(bench)["old"].mention.text == KIND_WORDS
    assert retain(bench.line) == 1
    assert everything(bench)["old"].mention.text == ""


async def test_our_own_words_can_be_held_also_when_they_are_gone_and_are_not_emptied_by_the_release(
    bench: Bench, clock: Clock
) -> None:
    await bring(bench, said(clock, "1", "our own words", ours=True))
    await bring(bench, gone=("1",))
    hold(bench.line, number(bench, "1"), by="Ana", why="case 7")
    assert release(bench.line, number(bench, "1"), by="Ana") is False
    assert everything(bench)["1"].mention.text == "our own words"


async def test_what_cannot_be_held_or_released_is_refused_with_the_reason(bench: Bench, clock: Clock) -> None:
    await bring(bench, said(clock, "1", KIND_WORDS), said(clock, "2", KIND_WORDS))
    one, two = number(bench, "1"), number(bench, "2")
    hold(bench.line, one, by="Ana", why="case 7")
    await bring(bench, gone=("2",))
    refused = [
        (lambda: hold(bench.line, 99, by="Ana", why="x"), "there is no mention 99; `wellheard mentions` lists them"),
        (lambda: hold(bench.line, one, by="Ben", why="x"), f"mention {one} is held already, by Ana: case 7"),
        (lambda: hold(bench.line, two, by="Ben", why="x"),
         f"mention {two} is gone and its words with it: nothing is left to hold"),
        (lambda: release(bench.line, two, by="Ben"), f"mention {two} is not held; `wellheard holds` lists what is"),
    ]  # fmt: skip
    for attempt, sentence in refused:
        with pytest.raises(NotPossible) as caught:
            attempt()
        assert str(caught.value) == sentence


async def test_the_log_says_who_held_and_released_what_and_why(bench: Bench, clock: Clock) -> None:
    await bring(bench, said(clock, "1", KIND_WORDS))
    key = number(bench, "1")
    hold(bench.line, key, by="Ana", why="case 7")
    release(bench.line, key, by="Ben")
    again = hold(bench.line, key, by="Cem", why="case 8")
    with bench.database.read() as tx:
        lines = [(link.actor, link.action, link.detail["why"]) for link in log.about(tx, f"mention:{key}")]
        assert audit.broken(log.lines(tx)) is None
        assert [(one.id, one.by) for one in holds.every(tx)] == [(again, "Cem")]
        assert [one.by for one in holds.every(tx, released=True)] == ["Ana", "Cem"]
    assert lines == [("Ana", "held", "case 7"), ("Ben", "released", "case 7"), ("Cem", "held", "case 8")]


async def test_not_even_a_fault_of_ours_removes_what_is_held(bench: Bench, clock: Clock) -> None:
    await bring(bench, said(clock, "1", KIND_WORDS))
    key = number(bench, "1")
    hold(bench.line, key, by="Ana", why="case 7")
    with pytest.raises(IntegrityError), bench.database.write() as tx:
        mentions.delete(tx, [key])
    with bench.database.write() as tx:
        assert mentions.blank(tx, [key], clock.now()) == 0
    assert everything(bench)["1"].mention.text == KIND_WORDS
    release(bench.line, key, by="Ana")
    with bench.database.write() as tx:
        mentions.delete(tx, [key])
    assert everything(bench) == {}


async def test_a_hold_and_a_removal_at_the_same_time_take_turns(
    postgresql_url: str, tmp_path: Path, clock: Clock
) -> None:
    bench = Bench(postgresql_url, tmp_path, clock)
    bench.fakes["one"] = Bound(recheck=RECHECK)
    daemon.begin(bench.line)
    await bring(bench, said(clock, "1", KIND_WORDS), said(clock, "2", KIND_WORDS))
    one, two = number(bench, "1"), number(bench, "2")
    with ThreadPoolExecutor(1) as another:
        with bench.database.write() as tx:
            mentions.forget(tx, "fake", ["1"], clock.now())
            late_hold = another.submit(hold, bench.line, one, by="Ana", why="case 7")
            wait_for_somebody_to_wait(tx)
        with pytest.raises(NotPossible, match="nothing is left to hold"):
            late_hold.result()
        with bench.database.write() as tx:
            holds.holding(tx)
            holds.place(tx, two, by="Ana", why="case 7", now=clock.now())
            late_removal = another.submit(forget, bench, "2")
            wait_for_somebody_to_wait(tx)
        assert late_removal.result() == 1
    there = everything(bench)
    assert (there["1"].mention.text, there["2"].mention.text) == ("", KIND_WORDS)
    assert there["2"].gone_at is not None
    bench.line.close()


def forget(bench: Bench, key: str) -> int:
    with bench.database.write() as tx:
        return mentions.forget(tx, "fake", [key], bench.clock.now())


def wait_for_somebody_to_wait(tx: Transaction) -> None:
    """Returns when another session waits for an advisory lock: it is asked for, since no test may guess or sleep."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    while not tx.execute(waiting).scalar():
        pass


# Whatever happens, in whatever order


@dataclass
class Truth:
    """What a mention should be: when it was first seen and last confirmed, whether it is held, and what was said of it
    that must not be lost."""

    first: datetime
    confirmed: datetime
    held: bool = False
    owed: set[str] = field(default_factory=set)


KEYS = ("a", "b", "c")
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["says", "edits", "repeats", "goes", "goes unseen", "hold", "release"]),
            st.sampled_from(KEYS),
        ),
        st.tuples(st.sampled_from(["recheck", "retain"]), st.just("")),
        st.tuples(st.just("wait"), st.sampled_from([1, 13, 49, 100, 490])),
    ),
    min_size=5,
    max_size=30,
)


class World:
    """The line and, beside it, what should be true of it."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.truth, self.count = bench, dict[str, Truth](), 0
        self.there = bench.fakes["one"].there = {}  # type: ignore[attr-defined]
        with bench.database.write() as tx:
            for table in (schema.holds, schema.versions, schema.matches, schema.mentions, schema.rechecks):
                tx.execute(table.delete())

    def poll(self, *found: Mention, gone: tuple[str, ...] = ()) -> None:
        asyncio.run(bring(self.bench, *found, gone=gone))
        for one in found:
            self.truth[one.external_id].confirmed = self.bench.clock.now()

    def says(self, key: str) -> None:
        now = self.bench.clock.now() + HOUR
        if key not in self.truth:
            self.count += 1
            self.truth[key] = Truth(now, now)
            self.there[key] = said(self.bench.clock, key, f"words {self.count}", author="Somebody")
            self.poll(self.there[key])

    def edits(self, key: str) -> None:
        if key in self.there:
            self.count += 1
            self.there[key] = said(self.bench.clock, key, f"words {self.count}")
            self.poll(self.there[key])

    def repeats(self, key: str) -> None:
        if key in self.there:
            self.poll(self.there[key])

    def goes(self, key: str) -> None:
        self.there.pop(key, None)
        self.poll(gone=(key,))

    def goes_unseen(self, key: str) -> None:
        self.there.pop(key, None)

    def hold(self, key: str) -> None:
        row = everything(self.bench).get(key)
        if row is None or self.truth[key].held or not row.mention.text:
            return
        hold(self.bench.line, row.id, by="Ana", why="case 7")
        self.truth[key].held = True
        self.truth[key].owed = self.kept(key)

    def release(self, key: str) -> None:
        if key in self.truth and self.truth[key].held:
            release(self.bench.line, number(self.bench, key), by="Ben")
            self.truth[key].held, self.truth[key].owed = False, set()

    def recheck(self, _key: str) -> None:
        done = asyncio.run(recheck(self.bench.line, "one"))
        if done is not None:
            assert done.error is None
            for key in self.there:
                self.truth[key].confirmed = max(self.truth[key].confirmed, self.bench.clock.now())

    def retain(self, _key: str) -> None:
        retain(self.bench.line)
        now = self.bench.clock.now()
        for key, row in everything(self.bench).items():
            true = self.truth[key]
            expired = true.first < now - KEPT or true.confirmed < now - REFRESH
            assert not (row.mention.text and expired and not true.held), f"{key} stayed"

    def wait(self, hours: int) -> None:
        self.bench.wait(hours=hours)

    def kept(self, key: str) -> set[str]:
        """Every wording of a mention that is stored."""
        row = everything(self.bench)[key]
        with self.bench.database.read() as tx:
            older = select(schema.versions.c.text).where(schema.versions.c.mention_id == row.id)
            return {row.mention.text, *tx.execute(older).scalars()} - {""}

    def check(self) -> None:
        for key, row in everything(self.bench).items():
            true = self.truth[key]
            if true.held:
                true.owed |= self.kept(key)
                assert self.kept(key) == true.owed, f"{key} lost words"
            elif row.gone_at is not None:
                assert self.kept(key) == set(), f"{key} is gone and was not emptied"
        assert all(key in everything(self.bench) for key, true in self.truth.items() if true.held)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(steps=STEPS)
def test_whatever_the_order_held_words_are_never_lost_and_expired_ones_never_stay(
    bench: Bench, steps: list[tuple[str, object]]
) -> None:
    world = World(bench)
    for step, about in [*steps, ("wait", 1), ("retain", "")]:
        getattr(world, step.replace(" ", "_"))(about)
        world.check()


# The commands


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):  # type: ignore[no-untyped-def]
    with terminal(tmp_path, monkeypatch, capsys) as one:
        with one.database() as database:
            add(database, fresh(stored_mention("1")), fresh(stored_mention("2")), now=START - 9 * 366 * DAY)
        yield one


def test_hold_holds_and_release_by_hand(typed) -> None:  # type: ignore[no-untyped-def]
    assert typed("holds").out == "nothing is held\n"
    done = typed("hold", 1, "--why", "case 7", "--by", "Ana")
    assert (done.code, done.out) == (0, "mention 1 is held until `wellheard release 1`\n")
    row = typed("holds", "--json").row
    assert (row["mention"], row["platform"], row["by"], row["why"], row["released_at"]) == (
        1,
        "p",
        "Ana",
        "case 7",
        None,
    )
    assert "case 7" in typed("holds").out
    preview = typed("retention", "--dry-run")
    assert "\n1 mentions past their time stay, for they are held: wellheard holds\n" in preview.out
    assert typed("retention", "--json").row["held"] == 1
    assert [row["id"] for row in typed("mentions", "--since", "99y", "--json").rows] == [1]
    assert typed("release", 1, "--by", "Ben").out == "mention 1 is released\n"
    assert typed("holds", "--json").out == ""
    assert typed("holds", "--all", "--json").row["released_at"]
    assert "case 7" in typed("holds", "--all").out
    assert typed("retention", "--json").row["mentions"] == 1
    assert typed("verify-log").code == 0


@pytest.mark.parametrize(
    ("line", "code", "why"),
    [
        ("hold 1", 2, "Missing option '--why'"),
        ("hold 9 --why x", 1, "there is no mention 9"),
        ("release 1", 1, "mention 1 is not held"),
        ("hold one --why x", 2, "'one' is not a number"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(typed, line: str, code: int, why: str) -> None:  # type: ignore[no-untyped-def]
    done = typed(*line.split(" "))
    assert done.code == code
    assert why in done.err


def test_a_hold_without_a_reason_is_refused(typed) -> None:  # type: ignore[no-untyped-def]
    done = typed("hold", 1, "--why", "  ")
    assert done.code == 2
    assert "must find a reason" in done.err
