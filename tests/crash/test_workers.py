"""Several workers on one database: no message twice, a lost worker's work is taken over, and its late word not heard;
and no worker writes over what people do."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from monitor.model import Message, Notification, State
from monitor.pipeline import work
from monitor.pipeline.deliver import LEASE, SEND_DEADLINE
from monitor.pipeline.poll import LEASE as POLL_LEASE
from monitor.schema import notifications
from monitor.store import Database, incidents, log, outbox, sources
from monitor.store.sources import Superseded
from tests.clock import Clock
from tests.crash.harness import HOOKS, PEOPLE, Scene, scene
from tests.crash.process import until
from tests.line import Bench
from tests.store import incident, notification, send

DUE = 1000
SECOND = timedelta(seconds=1)


def test_two_daemons_on_one_postgresql_send_a_thousand_messages_once_each(postgresql_url: str, tmp_path: Path) -> None:
    with scene(tmp_path, postgresql_url, slow=0.004) as stage:
        rows = [_row(number) for number in range(DUE)] + [_hook(number) for number in range(12)]
        assert send(stage.database, *rows) == len(rows)

        daemons = [stage.start(), stage.start()]
        at_work: set[int] = set()
        until(lambda: _all_sent(stage, at_work), 120, "all messages to be sent")

        assert [daemon.stop() for daemon in daemons] == [0, 0]
        assert at_work == {daemon.pid for daemon in daemons}
        copies = stage.sinks.copies()
        assert copies.keys() >= {row.id for row in rows}
        assert set(copies.values()) == {1}
        assert stage.held() == 0


def test_what_a_frozen_worker_held_is_sent_by_another_and_its_late_word_is_not_heard(
    postgresql_url: str, tmp_path: Path
) -> None:
    with scene(tmp_path, postgresql_url) as stage:
        send(stage.database, _row(1))
        stage.sinks.hold(1)
        frozen = stage.start()
        until(stage.sinks.holding.is_set, 30, "a send that is held")
        frozen.signal(signal.SIGSTOP)
        stage.expire(frozen)
        other = stage.start()
        until(lambda: not _unsent(stage), 30, "the other worker to send it")

        stage.sinks.release()
        frozen.signal(signal.SIGCONT)
        assert (frozen.stop(), other.stop()) == (0, 0)

        with stage.database.read() as tx:
            lines = log.about(tx, f"notification:{_row(1).id}")
        assert [line.action for line in lines] == ["sent"]
        assert stage.sinks.copies()[_row(1).id] == 2


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        database.upgrade()
        yield database
    finally:
        database.close()


def test_a_claimed_message_is_anothers_when_the_lease_has_run_out_and_not_before(
    database_url: str, clock: Clock
) -> None:
    with opened(database_url) as database:
        send(database, notification("n1", due_at=clock.now(), created_at=clock.now()))
        [lost] = _claim(database, clock, "lost")

        clock.advance(LEASE)
        assert _claim(database, clock, "other") == []
        clock.advance(SECOND)
        [taken] = _claim(database, clock, "other")

        with database.write() as tx:
            assert not outbox.sent(tx, lost, clock.now())
            assert not outbox.later(tx, lost, clock.now(), "late")
            assert outbox.sent(tx, taken, clock.now())
    assert LEASE > SEND_DEADLINE  # or two would send at once


def test_a_claimed_source_is_anothers_when_the_lease_has_run_out_and_not_before(
    database_url: str, clock: Clock
) -> None:
    with opened(database_url) as database:
        with database.write() as tx:
            sources.ensure(tx, "town", "p", clock.now())
        assert _lease(database, clock, "lost")

        clock.advance(POLL_LEASE)
        assert not _lease(database, clock, "other")
        clock.advance(SECOND)
        assert _lease(database, clock, "other")

        later: dict[str, Any] = {"new": 0, "skipped": 0, "now": clock.now(), "until": clock.now() + POLL_LEASE}
        with pytest.raises(Superseded), database.write() as tx:
            sources.move(tx, "town", "lost", {"at": 1}, **later)
        with database.write() as tx:
            sources.move(tx, "town", "other", {"at": 2}, **later)
            assert sources.every(tx)[0].cursor == {"at": 2}


def test_what_people_do_while_the_judge_judges_is_not_written_over(
    postgresql_url: str, tmp_path: Path, clock: Clock
) -> None:
    bench = Bench(postgresql_url, tmp_path, clock)
    with closing(bench.line), opened(postgresql_url) as judge, ThreadPoolExecutor() as people:
        with judge.write() as tx:
            key = incidents.save(tx, incident()).id
        with judge.write() as tx:
            incidents.one_judge(tx)
            seen = incidents.unresolved(tx, "threat_to_staff", "Main")
            assert seen is not None
            done = people.submit(work.ack, bench.line, key, by="Dana")
            with pytest.raises(TimeoutError):
                done.result(0.2)  # they wait for their turn
            incidents.save(tx, replace(seen, mentions=2))
        done.result(10)

        with judge.read() as tx:
            after = incidents.one(tx, key)
    assert after is not None
    assert (after.state, after.mentions) == (State.ACKED, 2)


def _row(number: int) -> Notification:
    inbox = list(PEOPLE)[number % len(PEOPLE)]
    message = Message(subject="town00", text="t", html="<p>t</p>", data={}, headers={"X-Wellheard-Reason": "test"})
    return notification(f"mail-{number}", inbox=inbox, recipient=PEOPLE[inbox][0], message=message)


def _hook(number: int) -> Notification:
    inbox = HOOKS[number % len(HOOKS)]
    message = Message(subject="s", text="t", html="", data={"type": "test", "data": {"group": "town00"}})
    return notification(f"hook-{number}", inbox=inbox, channel="webhook", recipient="webhook", message=message)


def _all_sent(stage: Scene, at_work: set[int]) -> bool:
    with stage.database.read() as tx:
        at_work.update(int(held.split(":")[1]) for held in tx.execute(select(notifications.c.lease)).scalars() if held)
    return not _unsent(stage)


def _unsent(stage: Scene) -> int:
    with stage.database.read() as tx:
        return int(tx.execute(select(func.count()).where(notifications.c.sent_at.is_(None))).scalar_one())


def _claim(database: Database, clock: Clock, lease: str) -> list[Notification]:
    with database.write() as tx:
        return outbox.claim(tx, clock.now(), lease=lease, until=clock.now() + LEASE, limit=5)


def _lease(database: Database, clock: Clock, lease: str) -> bool:
    with database.write() as tx:
        return bool(sources.claim(tx, clock.now(), lease=lease, until=clock.now() + POLL_LEASE, limit=5))
