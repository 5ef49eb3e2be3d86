"""Drills at the command line: what is asked first, what is said, and what the reports hold."""

from __future__ import annotations

import csv
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest

from monitor.store import drills
from monitor.store.drills import Told
from tests.cli import terminal

BEGAN = datetime(2026, 11, 9, 15, 0, tzinfo=UTC)
QUIET = '[[mention]]\nid = "old"\nat = "-1d"\nkind = "review"\ntext = "Lovely and dry."\n'


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


def held(typed, *, cancelled=False):
    """A drill in which risk was told of two incidents and marketing, in vain, of one."""
    rows = [
        Told(3, "threat_to_staff", "risk", BEGAN, BEGAN + timedelta(minutes=4)),
        Told(4, "self_harm_crisis", "risk", BEGAN, BEGAN + timedelta(minutes=10)),
        Told(5, "=cmd", "marketing", None, None),
    ]
    with typed.database() as database, database.write() as tx:
        drills.end(tx, drills.begin(tx, "flood", "Ana", BEGAN), rows, BEGAN + timedelta(hours=1), cancelled=cancelled)


def test_nothing_is_sent_before_somebody_has_agreed(typed):
    done = typed("drill", "practice-hospital")

    assert (done.code, done.out) == (2, "")
    assert "add --yes" in done.err
    assert typed("drills").out == "no drill was held yet\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere", "--yes"), "is no scenario: write practice-hospital"),
        ((), "which SCENARIO"),
        (("practice-hospital", "--yes", "--out", "report.doc"), "must end with .txt, .json, .csv"),
        (("practice-hospital", "--yes", "--location", "x" * 201), "more than 200 letters"),
    ],
)
def test_what_cannot_be_played_is_refused(typed, words, said):
    done = typed("drill", *words)

    assert done.code == 2
    assert said in done.err


def test_a_file_that_cannot_be_read_is_no_drill(typed):
    (typed.folder / "bad.toml").write_text("[[mention]]\n")

    done = typed("drill", "bad.toml", "--yes")
    assert done.code == 1
    assert "line 1: [[mention]]: id is missing" in done.err
    assert typed("drills", "--json").rows == []


def test_a_drill_of_which_nobody_is_told_says_so(typed):
    (typed.folder / "quiet.toml").write_text(QUIET)

    done = typed("drill", "quiet.toml", "--yes", "--by", "Ana")
    assert done.code == 1
    assert done.out.startswith("Drill 1, quiet, was held: ")
    assert done.out.endswith(", by Ana\n  nobody was told of anything\n")
    assert typed("mentions").out.startswith("no mentions")
    assert typed("drill", "--cancel").err == "no drill goes on\n"


def close(typed, number):
    """Closes the terminal as soon as a drill goes on."""
    with typed.database() as database:
        while True:
            with database.read() as tx:
                if drills.going(tx) is not None:
                    break
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminal_that_is_closed_ends_a_drill_and_clears_up(typed, number):
    (typed.folder / "long.toml").write_text(QUIET + QUIET.replace("old", "new").replace("-1d", "+1d"))
    before = signal.signal(number, signal.default_int_handler)  # what nobody listens for ends the test, not all tests
    closing = Thread(target=close, args=(typed, number))
    closing.start()
    done = typed("drill", "long.toml", "--yes")
    closing.join()
    signal.signal(number, before)

    assert (done.code, done.err) == (1, "stopped: the drill is over, and who was told of it is told so\n")
    assert typed("drills", "--json").row["cancelled"]


def test_the_drills_that_were_held_are_listed_with_their_times(typed):
    held(typed)

    assert typed("drills").out.splitlines() == [
        "Drill 1, flood, was held: Mon 9 Nov, 09:00 CST, by Ana",
        "  risk: told of 2 incidents, 2 acknowledged, after 7 min (median), 10 min at the longest",
        "    incident 3, threat_to_staff: told, acknowledged after 4 min",
        "    incident 4, self_harm_crisis: told, acknowledged after 10 min",
        "  marketing: told of 1 incident, 1 of them in vain, 0 acknowledged",
        "    incident 5, =cmd: not told, nobody has acknowledged it",
    ]
    row = typed("drills", "--json").row
    assert (row["scenario"], row["cancelled"], len(row["told"])) == ("flood", False, 3)
    assert row["inboxes"][0] == {
        "inbox": "risk", "incidents": 2, "told": 2, "acknowledged": 2, "median_seconds": 420.0, "longest_seconds": 600.0,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["txt", "json", "csv"])
def test_the_report_is_written_as_its_name_says(typed, kind):
    (typed.folder / "quiet.toml").write_text(QUIET)
    out = typed.folder / f"report.{kind}"
    typed("drill", "quiet.toml", "--yes", "--by", "Ana", "--out", out)

    text = out.read_text(encoding="utf-8-sig")
    if kind == "txt":
        assert text.startswith("Drill 1, quiet, was held")
    elif kind == "json":
        assert json.loads(text)["scenario"] == "quiet"
    else:
        assert list(csv.reader(text.splitlines())) == [
            ["drill", "scenario", "started_at", "inbox", "incident", "risk", "told_at", "acknowledged_at", "seconds"]
        ]


def test_a_period_has_its_drills(typed):
    held(typed)

    with typed.database() as database, database.read() as tx:
        (one,) = drills.held(tx, BEGAN, BEGAN + timedelta(days=1))
        assert [told.took for told in one.told] == [timedelta(minutes=4), timedelta(minutes=10), None]
        assert drills.held(tx, BEGAN + timedelta(seconds=1)) == []
        assert drills.held(tx, None, BEGAN) == []
