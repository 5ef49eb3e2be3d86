"""The commands with which people work: what they change, what they say, and who it was."""

from __future__ import annotations

import getpass
import re

import pytest

from monitor.store import log
from tests.cli import ago, terminal, with_incident
from tests.store import add, found, fresh, notification, said, send, threat


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


def actors(typed) -> list[tuple[str, str]]:
    with typed.database() as database, database.read() as tx:
        return [(link.action, link.actor) for link in log.lines(tx)]


def test_taking_an_incident_on_makes_it_somebodys(typed):
    with_incident(typed)

    done = typed("ack", 1, "--by", "Ana", "--note", "on it")

    assert (done.code, done.out) == (0, "incident 1 is acknowledged; it is with Ana\n")
    row = typed("show", 1, "--json").row
    assert (row["state"], row["assignee"], row["timeline"][-1]["detail"]) == ("acked", "Ana", {"note": "on it"})


def test_taking_it_on_again_changes_nothing_and_says_who_has_it(typed):
    with_incident(typed)
    typed("ack", "1", "--by", "Ana")

    assert typed("ack", 1, "--by", "Ben").out == "incident 1 was acknowledged already; it is with Ana\n"
    again = typed("ack", 1, "--by", "Ben", "--json").row
    assert (again["already"], again["assignee"]) == (True, "Ana")
    assert actors(typed) == [("acked", "Ana")]


def test_who_does_not_say_who_it_is_is_who_is_logged_in(typed, monkeypatch):
    with_incident(typed)
    monkeypatch.setenv("SUDO_USER", "ana")
    typed("ack", 1)
    monkeypatch.delenv("SUDO_USER")
    typed("assign", 1, "Ben")

    assert actors(typed) == [("acked", "ana"), ("assigned", getpass.getuser())]


def test_assigning_is_no_acknowledgement(typed):
    with_incident(typed)

    done = typed("assign", 1, "  Rita\n Risk ", "--by", "Ana")

    assert (done.code, done.out) == (0, "incident 1 is with Rita Risk\n")
    row = typed("incidents", "--json").row
    assert (row["state"], row["assignee"]) == ("open", "Rita Risk")


def test_a_name_longer_than_any_database_takes_is_refused(typed):
    with_incident(typed)

    assert typed("assign", 1, "x" * 201).code == 2
    assert typed("ack", 1, "--by", "x" * 201).code == 2
    assert typed("assign", 1, " ").code == 2


@pytest.mark.parametrize("outcome", ["responded", "removed", "no-action", "false-alarm", "other"])
def test_an_incident_ends_with_each_outcome(typed, outcome):
    with_incident(typed)

    done = typed("resolve", 1, "--outcome", outcome, "--by", "Ana", "--note", "done")

    assert (done.code, done.out) == (0, f"incident 1 is resolved: {outcome}\n")
    row = typed("show", 1, "--json").row
    assert (row["state"], row["outcome"]) == ("resolved", outcome)
    assert row["timeline"][-1]["actor"] == "Ana"


@pytest.mark.parametrize("line", ["ack 1", "assign 1 Ana", "resolve 1 --outcome other"])
def test_what_is_resolved_is_not_worked_on_any_more(typed, line):
    with_incident(typed)
    typed("resolve", 1, "--outcome", "removed")

    done = typed(*line.split(" "))

    assert (done.code, done.out) == (1, "")
    assert done.err == "incident 1 was resolved already; a relapse is a new incident\n"


def test_a_silence_begins_and_ends_by_somebody(typed):
    done = typed(
        "silence", "review_integrity", "--group", "Main campus", "--for", "2h", "--why", "moving", "--by", "Ana"
    )

    assert done.code == 0
    assert re.fullmatch(
        r"silence 1: review_integrity in Main campus is quiet until \w{3} \d+ \w{3}(?: \d{4})?, \d\d:\d\d C[SD]T\n",
        done.out,
    )
    assert typed("unsilence", 1, "--by", "Ben").out == "silence 1 is over\n"
    assert typed("silences", "--json").out == ""
    assert actors(typed) == [("silenced", "Ana"), ("unsilenced", "Ben")]


@pytest.mark.parametrize("rule", ["threat_to_staff", "self_harm_crisis"])
def test_rules_about_people_in_danger_cannot_be_silenced(typed, rule):
    done = typed("silence", rule, "--for", "2h", "--why", "noise")

    assert done.code == 1
    assert done.err == f"{rule} may not be silenced: it is about people in danger\n"
    assert typed("silences", "--json").out == ""


def test_a_rule_that_is_not_there_cannot_be_silenced_and_the_right_one_is_named(typed):
    done = typed("silence", "review-integrity", "--for", "2h", "--why", "noise")

    assert done.err == "there is no rule 'review-integrity'; did you mean 'review_integrity'?\n"


def test_a_replay_keeps_the_id_and_is_due(typed):
    with typed.database() as database:
        send(database, notification("n" * 32))
        with database.write() as tx:
            tx.exec_driver_sql("UPDATE notifications SET failed_at = due_at, attempts = 13, error = 'no'")

    done = typed("replay", "n" * 32, "--by", "Ana")

    assert (done.code, done.out) == (0, f"notification {'n' * 32} is due again; the daemon sends it\n")
    row = typed("deliveries", "--json").row
    assert (row["id"], row["state"], row["attempts"], row["error"]) == ("n" * 32, "due", 0, None)
    assert actors(typed) == [("replayed", "Ana")]


def test_words_that_would_break_a_line_are_cleaned(typed):
    with_incident(typed)

    typed("ack", 1, "--by", "A\x1b[31mna\u202e", "--note", "one\x07\ntwo\udcff")

    row = typed("show", 1, "--json").row
    assert row["assignee"] == "A[31mna"
    assert row["timeline"][-1]["detail"] == {"note": "one\ntwo"}


# The digest


def test_the_digest_of_a_week_is_printed(typed):
    with typed.database() as database:
        add(database, fresh(said("1", "canary-text")), now=ago(days=7))

    done = typed("digest")

    assert done.code == 0
    assert "Practice Hospital" in done.out
    assert "canary-text" not in done.out


def test_the_digest_of_a_named_week_is_that_of_the_week(typed):
    row = typed("digest", "--week", "2026-W46", "--json").row

    assert row["type"] == "digest.weekly"
    assert "46" in typed("digest", "--week", "2026-W46").out.splitlines()[0]


def test_the_digest_is_written_into_a_folder(typed):
    done = typed("digest", "--week", "2026-W46", "--out", "out/there")

    assert (done.code, done.out) == (0, "digest-2026-W46.html, .txt, .csv and .pdf are in out/there\n")
    folder = typed.folder / "out" / "there"
    assert "<html" in (folder / "digest-2026-W46.html").read_text()
    assert (folder / "digest-2026-W46.txt").read_text() == typed("digest", "--week", "2026-W46").out


def test_the_digest_is_sent_once(typed):
    first, second = (typed("digest", "--week", "2026-W46", "--send") for _ in range(2))

    assert (first.code, first.out) == (0, "digest 2026-W46: 2 notifications written; the daemon sends them\n")
    assert (second.code, second.out) == (0, "digest 2026-W46: was written before: nothing new\n")
    assert [row["inbox"] for row in typed("deliveries", "--json").rows].count("risk") == 1


def test_the_digest_is_shown_as_an_inbox_gets_it(typed):
    done = typed("digest", "--week", "2026-W46", "--inbox", "risk")

    assert "risk inbox" in done.out
    assert typed("digest", "--inbox", "nobody").code == 2


def test_the_files_of_a_digest_need_nothing_else(typed):
    with typed.database() as database:
        for day in range(35):
            add(database, fresh(said(f"{day}", "x", stars=4)), now=ago(days=day))
    done = typed("digest", "--out", "there")

    folder = typed.folder / "there"
    assert done.code == 0
    assert {path.suffix for path in folder.iterdir()} == {".html", ".txt", ".csv", ".pdf"}
    assert "cid:" not in next(folder.glob("*.html")).read_text()
    assert next(folder.glob("*.pdf")).read_bytes().startswith(b"%PDF-")
    assert next(folder.glob("*.csv")).read_bytes().startswith(b'\xef\xbb\xbf"period"')


def test_the_assessment_of_a_quarter_is_printed_and_written(typed):
    with typed.database() as database:
        add(database, fresh(said("1", "canary-text"), found(threat())), now=ago(days=8))
    printed, row = typed("digest", "--assessment"), typed("digest", "--assessment", "--json").row
    typed("digest", "--assessment", "--out", "there")

    assert "1. Threat to staff" in printed.out
    assert "15 (5 x 3) urgent" in printed.out
    assert [one["mentions"] for one in row["data"]["register"] if one["class"] == "threat_to_staff"] == [1]
    assert "canary-text" not in printed.out
    assert {path.suffix for path in (typed.folder / "there").iterdir()} == {".html", ".txt", ".csv", ".pdf"}
    assert typed("digest", "--assessment", "--send").code == 2
