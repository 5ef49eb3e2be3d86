"""The digest: exactly one for each recipient and week, whatever the clocks and the machine do."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor import daemon, timing
from monitor.pipeline import Line
from monitor.pipeline import report as in_time
from monitor.pipeline.report import numbers, register
from monitor.store import drills, incidents, log, outbox
from tests.clock import Clock
from tests.crash.digests import MOMENTS
from tests.line import CONFIG, Bench
from tests.store import add, found, fresh, incident, said, threat

DIGEST = '[digest]\nat = "sun 02:30"\ninboxes = ["marketing", "risk"]\n'


def report(line: Line) -> int:
    return asyncio.run(in_time(line))


ZONES = ["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]
"""Sunday 02:30 does not exist or exists twice when most clocks change; Lord Howe's change by half an hour."""


@pytest.fixture
def bench(database_url: str, tmp_path: Path, clock: Clock, request: pytest.FixtureRequest) -> Iterator[Bench]:
    zone = getattr(request, "param", "America/Chicago")
    bench = Bench(database_url, tmp_path, clock, config=CONFIG.replace("America/Chicago", zone) + DIGEST)
    daemon.begin(bench.line)
    yield bench
    bench.line.close()


def written(bench: Bench) -> Counter[tuple[str, str]]:
    """How many digests there are for each period and inbox."""
    with bench.database.read() as tx:
        rows = outbox.listed(tx)
    return Counter((one.key.split("/")[1], one.inbox) for one in rows)


@pytest.mark.parametrize("bench", ZONES, indirect=True)
def test_a_year_of_weeks_brings_one_digest_each(bench: Bench) -> None:
    start = bench.clock.now()
    weeks = 56  # over a new year and both changes of the clocks
    for _ in range(weeks * 14):
        report(bench.line)
        bench.wait(hours=12)
    found = written(bench)
    assert set(found.values()) == {1}
    zone = bench.line.config.timezone
    whole = [timing.week_of(start + timedelta(weeks=n), zone).name for n in range(weeks - 1)]
    assert {period for period, _ in found} >= set(whole)
    assert len(found) in {2 * (weeks - 1), 2 * weeks}


def test_after_a_long_downtime_only_the_last_week_is_sent_late_and_once(bench: Bench) -> None:
    bench.wait(weeks=2)
    report(bench.line)
    bench.wait(weeks=5)
    for _ in range(3):
        report(bench.line)
    assert set(written(bench).values()) == {1}
    assert len({period for period, _ in written(bench)}) == 2


def test_no_digest_is_sent_about_a_time_before_we_listened(bench: Bench) -> None:
    assert report(bench.line) == 0
    assert written(bench) == {}


def test_a_clock_that_jumps_back_brings_no_second_digest(bench: Bench) -> None:
    bench.wait(weeks=2)
    report(bench.line)
    before = written(bench)
    for hours in (-1, -24, 24, 25):
        bench.wait(hours=hours)
        report(bench.line)
    assert written(bench) == before


def test_a_crash_in_the_middle_leaves_nothing_and_the_next_look_sends_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.wait(weeks=2)
    honest = outbox.add

    def die(*arguments: object) -> int:
        honest(*arguments)  # type: ignore[arg-type]
        raise SystemExit(9)

    monkeypatch.setattr(outbox, "add", die)
    with pytest.raises(SystemExit):
        report(bench.line)
    monkeypatch.undo()
    assert written(bench) == {}
    assert report(bench.line) == 2
    assert set(written(bench).values()) == {1}


def test_a_first_digest_comes_ahead_of_time_where_it_is_asked_for(
    database_url: str, tmp_path: Path, clock: Clock
) -> None:
    config = CONFIG + '[digest]\nat = "mon 07:00"\nfirst = "50s"\ninboxes = ["marketing"]\n'
    bench = Bench(database_url, tmp_path, clock, config=config)
    daemon.begin(bench.line)
    assert report(bench.line) == 0
    bench.wait(seconds=50)
    assert report(bench.line) == 1
    for _ in range(20):
        bench.wait(hours=6)
        report(bench.line)
    assert list(written(bench)) == [("first-2026-03-02", "marketing")]
    bench.clock.set(datetime(2026, 3, 9, 13, 0, tzinfo=UTC))
    assert report(bench.line) == 1
    bench.line.close()


def test_a_digest_carries_charts_and_the_same_in_every_channel(bench: Bench) -> None:
    pytest.importorskip("matplotlib")
    for _ in range(5):
        add(bench.database, *(fresh(said(f"{bench.clock.now()}{n}", stars=4)) for n in range(3)), now=bench.clock.now())
        bench.wait(weeks=1)
    assert report(bench.line) == 2
    with bench.database.read() as tx:
        rows = outbox.listed(tx)

    assert [list(one.message.images) for one in rows] == [["trend@wellheard"]] * 2
    assert all('src="cid:trend@wellheard"' in one.message.html for one in rows)


def test_a_digest_goes_out_without_charts_where_none_can_be_drawn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        add(bench.database, fresh(said(f"{bench.clock.now()}")), now=bench.clock.now())
        bench.wait(weeks=1)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert report(bench.line) == 2
    with bench.database.read() as tx:
        assert [one.message.images for one in outbox.listed(tx)] == [{}, {}]


def test_the_numbers_have_drills_deadlines_and_what_was_held_back(bench: Bench) -> None:
    line, now = bench.line, bench.clock.now()
    with bench.database.write() as tx:
        for scenario in ("flood", "cancelled", "goes-on"):
            drill = drills.begin(tx, scenario, "me", now)
            if scenario != "goes-on":
                told = [
                    drills.Told(1, "threat_to_staff", "risk", now, now + timedelta(minutes=4)),
                    drills.Told(2, "x", "it", now, None),
                ]
                drills.end(tx, drill, told, now + timedelta(hours=1), cancelled=scenario == "cancelled")
        log.add(
            tx, now, "withheld", "inbox:risk", {"messages": 3, "inbox": "risk", "channel": "email", "why": "ceiling"}
        )
        disclosed = incident(risk="own_reply_phi", rule="own_reply_phi", opened_at=now - timedelta(days=25))
        incidents.save(tx, disclosed)
    week = timing.week_of(now, line.config.timezone)
    with bench.database.read() as tx:
        week_in_numbers = numbers(tx, week, now, line.config.timezone)
        assessed = register(line, tx, week.until)

    assert (week_in_numbers.drills, week_in_numbers.withheld) == (1, {"risk": 3})
    assert [(one.name, one.due_at) for one in week_in_numbers.clocks] == [("Correct by", now + timedelta(days=5))]
    assert [(one.scenario, one.told, one.took) for one in assessed.drills] == [("flood", 2, (timedelta(minutes=4),))]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_it_is_written_once_and_sent_under_one_id(
    bench: Bench, tmp_path: Path, database_url: str, moment: str
) -> None:
    pytest.importorskip("matplotlib")
    for _ in range(5):
        add(bench.database, *(fresh(said(f"{bench.clock.now()}{n}", stars=4)) for n in range(3)), now=bench.clock.now())
        bench.wait(weeks=1)

    def run(moment: str) -> int:
        command = [
            sys.executable,
            "-m",
            "tests.crash.digests",
            database_url,
            str(tmp_path),
            bench.clock.now().isoformat(),
        ]
        return subprocess.run([*command, moment], cwd=Path(__file__).parents[1], check=False).returncode

    assert run(moment) == -signal.SIGKILL
    bench.wait(hours=1)  # by then the lease of the dead has ended
    assert run("never") == 0

    taken = Counter((tmp_path / "taken").read_text().splitlines())
    assert set(written(bench).values()) == {1}
    assert sorted(line.split()[0].split("/")[2] for line in taken) == ["marketing", "risk"]
    assert {line.split()[2] for line in taken} == {"1"}  # with its chart
    assert sum(taken.values()) == (3 if moment == "sent" else 2)


def test_marketing_is_not_told_what_security_is_told(bench: Bench) -> None:
    bench.wait(weeks=1)
    add(bench.database, fresh(said("1", "canary-text"), found(threat())), now=bench.clock.now())
    bench.wait(weeks=2)
    assert report(bench.line) == 2
    with bench.database.read() as tx:
        told = {one.inbox: one.message for one in outbox.listed(tx)}

    assert "Threat to staff" in told["risk"].text
    assert "Threat to staff" not in told["marketing"].text
    assert "other inboxes are told: 1 mention" in " ".join(told["marketing"].text.split())
