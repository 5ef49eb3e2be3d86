"""A daemon that is asked to stop ends what it has in hand and holds nothing; one that is started again says nothing new."""

from __future__ import annotations

import random
import signal
import time
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import func, select

from monitor.cli.frame import TRY_LATER
from monitor.schema import notifications
from monitor.store import sources
from tests.crash.harness import Scene, scene
from tests.crash.oracle import finish
from tests.crash.process import until

STOPS = 6
RESTARTS = 20


def test_sigterm_ends_the_sends_in_hand_and_holds_nothing(database_url: str, tmp_path: Path) -> None:
    with scene(tmp_path, database_url, clinics=4, slow=0.2) as stage:
        stage.platform.publish("town00", 4, threats=4)
        daemon = stage.start()
        stage.wait(lambda: _in_hand(stage) > 0, "a send in hand")

        assert daemon.stop() == 0

        assert stage.held() == 0
        assert finish(stage).faults == ()
        assert set(stage.sinks.copies().values()) == {1}


def test_stops_at_random_moments_hold_nothing(database_url: str, tmp_path: Path) -> None:
    dice = random.Random(3)
    with scene(tmp_path, database_url, clinics=4) as stage:
        for _ in range(STOPS):
            stage.platform.publish("town00", 4, threats=1)
            stage.nudge()
            daemon = stage.start()
            daemon.ready()
            time.sleep(dice.uniform(0, 0.15))
            assert daemon.stop() == 0
            assert stage.held() == 0
        assert finish(stage).faults == ()
        assert set(stage.sinks.copies().values()) == {1}


def test_a_second_sigterm_ends_it_at_once_and_loses_nothing(database_url: str, tmp_path: Path) -> None:
    with scene(tmp_path, database_url) as stage:
        stage.platform.publish("town00", 2, threats=2)
        stage.sinks.hold(1)
        daemon = stage.start()
        stage.wait(stage.sinks.holding.is_set, "a send that is held")
        daemon.hears(signal.SIGTERM)
        daemon.signal(signal.SIGTERM)

        assert daemon.end(within=20) == 0

        assert stage.held() == 0
        stage.sinks.release()
        daemon = stage.start()
        stage.settle()
        assert daemon.stop() == 0
        assert set(stage.sinks.copies().values()) == {1, 2}  # two of those that it heard no answer for


def test_restarts_say_nothing_new_and_miss_nothing_new(database_url: str, tmp_path: Path) -> None:
    with scene(tmp_path, database_url, clinics=3) as stage:
        stage.platform.publish("town00", 8, threats=2)
        assert finish(stage).faults == ()
        told = list(stage.sinks.receipts)
        for number in range(RESTARTS):
            since = stage.due()
            daemon = stage.start()
            until(partial(_polled_since, stage, since), 60, "every source to be polled")
            if number % 2:
                stage.kill(daemon)
            else:
                assert daemon.stop() == 0
        assert stage.sinks.receipts == told

        stage.platform.publish("town01", 1, threats=1)  # a clinic that had no threat yet, while nobody listens
        assert finish(stage).faults == ()

        news = [one for one in stage.sinks.receipts if one not in told]
        assert {one.about for one in news} == {stage.platform.clinics[2]}
        assert len(news) == len({one[1:] for one in news})


def test_a_second_daemon_on_one_sqlite_file_is_turned_away(tmp_path: Path) -> None:
    with scene(tmp_path, f"sqlite:///{tmp_path / 'wellheard.db'}") as stage:
        first = stage.start()
        assert first.ready()

        assert stage.start().end() == TRY_LATER

        assert "another wellheard daemon runs on wellheard.db; stop it first" in stage.log()
        assert first.stop() == 0


def _in_hand(stage: Scene) -> int:
    with stage.database.read() as tx:
        return int(tx.execute(select(func.count()).where(notifications.c.lease.is_not(None))).scalar_one())


def _polled_since(stage: Scene, since: datetime) -> bool:
    with stage.database.read() as tx:
        return all(one.polled_at is not None and one.polled_at >= since for one in sources.every(tx))
