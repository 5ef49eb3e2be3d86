"""A drill goes through the whole line, marked, told within limits of its own, counted nowhere, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.scenario import Scenario
from monitor.model import DRILL, Incident, Outcome, State
from monitor.pipeline import Line, drill, judge
from monitor.pipeline.deliver import deliver_all
from monitor.pipeline.report import numbers
from monitor.pipeline.work import NotPossible, ack
from monitor.schema import incidents as incident_table
from monitor.schema import mentions as table
from monitor.schema import tallies
from monitor.store import drills, incidents, mentions, outbox, sources
from monitor.timing import week_of
from tests.clock import START, Clock
from tests.stage import SMALL, THREAT, Making, Stage, push, said, staging, want

HOOK = """webhook = { url = { env = "HOOK_URL" }, secret = { env = "HOOK_SECRET" } }
"""
LOUD = """
[rules.more_than_usual]
surge = "high"
inboxes = ["risk"]
"""
LOW = """
[rules.bad]
stars_below = 3
level = "info"
inboxes = ["risk"]
"""
STEP = timedelta(seconds=15)
"""What passes between two looks; the command looks every second."""


@pytest.fixture
async def stage(database_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Making]:
    async with staging(database_url, tmp_path, clock) as make:
        yield make


def scenario(stage: Stage, *texts: str, at: str = "+1m") -> Scenario:
    """Some reviews, said a minute after the start, one after another."""
    written = "".join(
        f'[[mention]]\nid = "m{number}"\nat = "{at if not number else f"+{number + 1}m"}"\nkind = "review"\n'
        f'stars = 1\ntext = "{text}"\n'
        for number, text in enumerate(texts)
    )
    file = stage.folder / "small.toml"
    file.write_text(written)
    return Scenario(Scenario.Options(scenario=str(file), speed=60), None, now=stage.clock.now)  # type: ignore[arg-type]


def played(stage: Stage, texts: tuple[str, ...] = (THREAT,), *, acked_after: float | None = 30, **rest: Any) -> Any:
    """A drill, in which somebody acknowledges whatever is told once so many seconds have passed."""
    line, begun = stage.running, stage.clock.now()

    async def pause(_seconds: float) -> None:
        stage.clock.advance(STEP)
        judge(line)
        await deliver_all(line)
        for one in stories(stage):
            late = acked_after is None or stage.clock.now() < begun + timedelta(seconds=acked_after)
            if one.state is State.OPEN and one.drill and not late:
                ack(line, one.id, by="duty")

    usual: dict[str, Any] = {"labels": {"location": "Main campus"}, "by": "ann", "patience": timedelta(minutes=3)}
    return drill.play(line, scenario(stage, *texts), "small", **(usual | {"pause": pause} | rest))


def stories(stage: Stage) -> list[Incident]:
    with stage.running.database.read() as tx:
        return incidents.listed(tx, None)


async def test_a_drill_is_told_marked_measured_and_cleared_up(stage: Making) -> None:
    play = await stage(SMALL + HOOK)
    held = await played(play, acked_after=60)
    await deliver_all(play.running)

    (told,) = held.told
    assert (told.inbox, told.risk) == ("risk", "threat_to_staff")
    assert told.took is not None
    assert STEP <= told.took <= 2 * STEP
    assert not held.cancelled
    (one,) = stories(play)
    assert (one.drill, one.state, one.outcome, one.group) == (True, State.RESOLVED, Outcome.DRILL, "DRILL: Main campus")
    with play.running.database.read() as tx:
        assert list(mentions.listed(tx)) == []
        assert tx.execute(select(table.c.id)).all() == []
        assert [source.name for source in sources.every(tx, active=False)] == ["one"]
        assert drills.held(tx) == [held]
        assert {row.drill for row in outbox.listed(tx)} == {True}


async def test_every_message_of_a_drill_says_so_on_every_way(stage: Making) -> None:
    play = await stage(SMALL + HOOK)
    await played(play)
    play.clock.advance(timedelta(minutes=5))  # about one incident a recipient hears once in its interval
    await deliver_all(play.running)

    letters = play.mailbox.mails()
    assert [letter["X-Wellheard-Reason"] for letter in letters] == ["opened", "resolved"]
    for letter in letters:
        assert letter["Subject"].startswith("DRILL [")
        for kind in ("plain", "html"):
            body = letter.get_body((kind,))
            assert body is not None
            assert "this is an exercise" in body.get_content()
        assert "DRILL: Main" not in letter["Subject"]
    bodies = [json.loads(content) for _, _, content in play.hook.got]
    assert [(body["type"], body["data"]["drill"]) for body in bodies] == [
        ("incident.opened", True),
        ("incident.resolved", True),
    ]


async def test_a_drill_joins_nothing_real_and_takes_no_room_from_it(stage: Making) -> None:
    play = await stage(SMALL + "at_most = 1\n")
    line, begun = play.running, play.clock.now()
    texts = (THREAT,)

    async def pause(_seconds: float) -> None:
        play.clock.advance(STEP)
        judge(line)
        await deliver_all(line)

    await played(play, texts, pause=pause, patience=timedelta(seconds=30))
    assert play.arrived() == [("risk", "opened")]  # that of the drill: an hour's one message, and yet no hindrance
    await play.play(push(0, said("real", THREAT, begun)), want(0, "risk", "opened"), until=1)

    real = [one for one in stories(play) if not one.drill]
    assert [(one.group, one.mentions, one.state) for one in real] == [("Main campus", 1, State.OPEN)]


async def test_a_drill_is_in_no_number(stage: Making) -> None:
    play = await stage(SMALL, LOUD)
    line, counted = play.running, []

    def count() -> tuple[int, ...]:
        now, zone = play.clock.now(), line.config.timezone
        with line.database.read() as tx:
            week = numbers(tx, week_of(now, zone), now, zone)
            kept = tx.execute(select(table.c.platform)).scalars().all()
            assert set(kept) <= {DRILL}
            assert tx.execute(select(tallies)).all() == []
            assert mentions.said_since(tx, START - timedelta(days=1)) == {}
            assert mentions.lately(tx, ["drill:1"], START - timedelta(days=1), limit=10) == []
        return len(kept), week.whole.mentions, week.at_risk, len(week.opened), week.drills, week.sources

    async def pause(_seconds: float) -> None:
        play.clock.advance(STEP)
        judge(line)
        counted.append(count())

    await played(play, (THREAT, "Not good."), pause=pause, patience=timedelta(seconds=30))
    assert counted[-1] == (2, 0, 0, 0, 0, 1)  # both are there
    play.clock.advance(STEP)
    assert count() == (0, 0, 0, 0, 1, 1)  # one drill, in no other number


async def test_a_drill_ends_when_nobody_answers_and_says_so(stage: Making) -> None:
    play = await stage()
    begun = play.clock.now()
    held = await played(play, acked_after=None, patience=timedelta(minutes=20))

    assert play.clock.now() - begun > timedelta(minutes=20)
    assert [(one.told_at is not None, one.acked_at, one.took) for one in held.told] == [(True, None, None)]
    assert [letter["X-Wellheard-Reason"] for letter in play.mailbox.mails()] == ["opened", "reminder"]
    assert stories(play)[0].outcome is Outcome.DRILL


async def test_a_drill_is_ended_from_elsewhere_and_by_ctrl_c(stage: Making) -> None:
    play = await stage()
    line = play.running

    async def cancel(_seconds: float) -> None:
        play.clock.advance(STEP)
        judge(line)
        if stories(play):
            drill.end(line, "bea", cancelled=True)

    held = await played(play, pause=cancel)
    assert held.cancelled
    assert {one.state for one in stories(play)} == {State.RESOLVED}
    await deliver_all(line)
    # What had not been sent when it ended is not sent any more: they hear once, that it is over.
    assert [letter["X-Wellheard-Reason"] for letter in play.mailbox.mails()] == ["resolved"]

    begun = asyncio.Event()

    async def hang(_seconds: float) -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(played(play, pause=hang))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with line.database.read() as tx:
        assert [one.cancelled for one in drills.held(tx)] == [True, True]
        assert drills.going(tx) is None


async def test_one_drill_at_a_time_and_a_forgotten_one_is_ended_by_the_daemon(stage: Making) -> None:
    play = await stage()
    line = play.running

    async def second(_seconds: float) -> None:
        with pytest.raises(NotPossible, match="drill 1 goes on"):
            await drill.play(
                line, scenario(play, THREAT), "small", labels={}, by="", patience=timedelta(), pause=second
            )
        raise SystemExit  # as if it had been killed, but for the clearing up, which is undone below

    with pytest.raises(SystemExit):
        await played(play, pause=second)
    with line.database.write() as tx:
        tx.exec_driver_sql("UPDATE drills SET ended_at = NULL")
    day = drill.LONGEST
    assert drill.end(line, "", cancelled=True, before=play.clock.now() - day) is None
    play.clock.advance(day)
    ended = drill.end(line, "", cancelled=True, before=play.clock.now() - day)
    assert ended is not None
    assert ended.cancelled


async def test_a_drill_that_was_ended_from_elsewhere_ends_no_other(stage: Making) -> None:
    play = await stage()
    line = play.running

    async def begun_anew(_seconds: float) -> None:
        drill.end(line, "bea", cancelled=True)
        with line.database.write() as tx:
            drills.begin(tx, "another", "bea", play.clock.now())

    held = await played(play, pause=begun_anew)
    assert (held.id, held.cancelled) == (1, True)
    with line.database.read() as tx:
        going = drills.going(tx)
    assert going is not None
    assert going.id == 2


async def test_a_drill_that_is_stopped_while_it_begins_is_ended(stage: Making) -> None:
    play = await stage()
    line = play.running
    loop = asyncio.get_running_loop()
    now, calls = line.now, [0]

    def stopping() -> datetime:
        calls[0] += 1
        if calls[0] == 2:  # the first is the look whether it can be read
            loop.call_soon_threadsafe(task.cancel)
        return now()

    line.now = stopping
    task = asyncio.ensure_future(played(play))
    with pytest.raises(asyncio.CancelledError):
        await task
    with line.database.read() as tx:
        assert drills.going(tx) is None


async def test_who_was_told_of_many_at_once_was_told(stage: Making) -> None:
    play = await stage(SMALL + "at_most = 1\n", LOW)
    line = play.running

    async def pause(_seconds: float) -> None:
        play.clock.advance(timedelta(minutes=2))
        judge(line)
        await deliver_all(line)

    held = await played(play, (THREAT, "Not good."), pause=pause, patience=timedelta(minutes=90))
    assert [letter["X-Wellheard-Reason"] for letter in play.mailbox.mails()][:2] == ["opened", "withheld"]
    assert {one.risk for one in held.told} == {"threat_to_staff", "bad"}
    assert all(one.told_at is not None for one in held.told)


async def test_a_clock_that_was_put_back_leaves_nothing_of_a_drill_open(stage: Making) -> None:
    play = await stage()
    line = play.running

    async def pause(_seconds: float) -> None:
        play.clock.advance(STEP)
        judge(line)
        if stories(play):
            with line.database.write() as tx:
                tx.execute(update(incident_table).values(opened_at=START - timedelta(days=1)))

    await played(play, pause=pause, patience=timedelta(seconds=30))
    assert [one.outcome for one in stories(play)] == [Outcome.DRILL]


async def test_a_page_that_is_stored_while_a_drill_is_ended_goes_with_it(stage: Making) -> None:
    play = await stage()
    line = play.running
    if line.database.sqlite:
        pytest.skip("there is one writer only")
    ending = Thread(target=lambda: drill.end(line, "bea", cancelled=True))

    def meanwhile(point: str) -> None:
        if point == "before_commit" and ending.ident is None:
            ending.start()
            while ending.is_alive() and not waited_for(line):
                pass

    line.reach = meanwhile
    held = await played(play)
    ending.join()
    assert held.cancelled
    with line.database.read() as tx:
        assert tx.execute(select(table.c.id)).all() == []


def waited_for(line: Line) -> bool:
    """Whether anybody waits for what another transaction holds."""
    with line.database.read() as tx:
        return tx.exec_driver_sql("SELECT 1 FROM pg_locks WHERE NOT granted").first() is not None


async def test_without_a_daemon_a_drill_says_so(stage: Making) -> None:
    play = await stage()

    async def nobody(_seconds: float) -> None:
        play.clock.advance(STEP)

    with pytest.raises(NotPossible, match="is the daemon running"):
        await played(play, pause=nobody)
    with play.running.database.read() as tx:
        assert [one.cancelled for one in drills.held(tx)] == [True]
        assert tx.execute(select(table.c.id)).all() == []
