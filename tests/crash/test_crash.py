"""A daemon is killed at every named point and at random ones: nothing is lost, and no copy comes that no crash explains.

The long form, with hundreds of kills, is scripts/crash."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.assess import Assessor
from monitor.model import Kind, Mention
from tests.crash.harness import FAILED_POINT, scene, storm
from tests.crash.oracle import RULE, finish
from tests.crash.platform import HARMLESS, PAGE, THREAT
from tests.crash.points import points

KILLS = 12


def test_the_texts_are_what_the_oracle_takes_them_for() -> None:
    assessor = Assessor(organisation="Cedar Practice", brands=(), people=())
    now = datetime.now(UTC)
    said = [Mention(external_id="1", kind=Kind.POST, text=text, published_at=now) for text in (THREAT, HARMLESS)]

    found = [[one.risk for one in assessor.assess(text, None).signals] for text in said]

    assert found == [[RULE], []]


def test_there_is_a_point_on_either_side_of_every_effect() -> None:
    assert {
        "before_fetch", "after_fetch", "before_insert", "before_cursor", "before_commit", "after_commit",
        "before_polled", "before_outbox", "before_judged", "after_judged", "after_claim", "before_send", "after_send",
        "after_mark",
    } <= set(points())  # fmt: skip


@pytest.mark.parametrize("point", points())
def test_a_death_at_a_named_point_loses_nothing(point: str, database_url: str, tmp_path: Path) -> None:
    with scene(tmp_path, database_url) as stage:
        for town in stage.platform.towns:
            stage.platform.publish(town, 3, threats=1)
        assert stage.die(stage.start(point)) == FAILED_POINT

        # Later, with a cursor in its hand and more to read than one page.
        stage.platform.publish("town00", PAGE + 2, threats=2)
        assert stage.die(stage.start(f"{point}:2")) == FAILED_POINT

        assert finish(stage).faults == ()


def test_deaths_at_random_moments_lose_nothing(database_url: str, tmp_path: Path) -> None:
    with scene(tmp_path, database_url, seed=7, timelines=3, feeds=1, clinics=6) as stage:
        for _ in storm(stage, KILLS, random.Random(7), posts=240, threats=24):
            pass
        assert finish(stage).faults == ()

        assert stage.kills == KILLS
