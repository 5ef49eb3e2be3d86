"""The commands that list: what they show, to people in any width of terminal and to programs."""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from monitor.cli.screen import Column, Screen, progress, visible
from monitor.store import sources
from tests.cli import ago, terminal, with_incident
from tests.store import add, found, fresh, notification, said, send, threat

MENTION = {
    "id", "platform", "external_id", "source", "kind", "ours", "parent_id", "url", "author", "title", "text", "lang",
    "stars", "published_at", "first_seen_at", "topics", "labels", "sentiment", "themes", "signals", "risk_score",
    "incidents",
}  # fmt: skip
"""The fields of the contract."""
INCIDENT = {"id", "rule", "risk", "level", "group", "impact", "likelihood", "mentions", "ack_due_at"}
TOLD = {"id", "platform", "source", "kind", "url", "published_at", "stars", "sentiment", "signals"}


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


def fill(typed) -> None:
    """Four mentions: an old one, a threat, one that is read widely, and the newest."""
    with typed.database() as database:
        add(database, fresh(said("old", "Long ago.")), now=ago(days=20), source="reviews")
        add(database, fresh(said("bad", "kill them", author="Kim Fiction", stars=1.0), found(threat(), sentiment=-0.8)),
            now=ago(hours=3), source="reviews")  # fmt: skip
        add(database, fresh(said("wide", "Everybody reads this.", audience=9000)), now=ago(hours=2), source="sheet")
        add(database, fresh(said("new", "Parking at Practice Hospital.", title="A letter")), now=ago(hours=1),
            source="sheet")  # fmt: skip


def ids(done) -> list[str]:
    return [row["external_id"] for row in done.rows]


# mentions


def test_mentions_have_the_fields_of_the_contract(typed):
    fill(typed)

    rows = typed("mentions", "--json").rows

    assert [MENTION - row.keys() for row in rows] == [set(), set(), set()]
    assert rows[2]["signals"] == [
        {"risk": "threat_to_staff", "impact": 5, "likelihood": 0.9, "start": 0, "end": 4, "rule": "threat-1"}
    ]
    assert rows[2]["risk_score"] == 22.5
    assert rows[2]["stars"] == 1
    seen = datetime.fromisoformat(rows[2]["first_seen_at"])
    assert seen.utcoffset() == timedelta(0)
    assert abs(seen - ago(hours=3)) < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ([], ["new", "wide", "bad"]),
        (["--since", "90d"], ["new", "wide", "bad", "old"]),
        (["--sort", "risk"], ["bad"]),
        (["--sort", "reach"], ["wide", "new", "bad"]),
        (["--risk", "threat_to_staff"], ["bad"]),
        (["--source", "sheet"], ["new", "wide"]),
        (["parking"], ["new"]),
        (["stars<2 OR parking"], ["new", "bad"]),
        (["--limit", "1"], ["new"]),
        (["parking", "--source", "reviews"], []),
    ],
    ids=lambda value: " ".join(value) or "all",
)
def test_mentions_are_chosen_and_sorted(typed, how, expected):
    fill(typed)

    done = typed("mentions", *how, "--json")

    assert (done.code, ids(done)) == (0, expected)


def test_a_mention_names_the_incidents_it_is_part_of(typed):
    with_incident(typed)

    assert typed("mentions", "--json").row["incidents"] == [1]


def test_a_source_that_left_the_configuration_can_still_be_asked_for(typed):
    with typed.database() as database, database.write() as tx:
        sources.ensure(tx, "gone", "rss", ago(days=1))

    assert typed("mentions", "--source", "gone").out == "no mentions within 7 days; --since looks further\n"


def test_a_list_that_was_cut_says_so(typed):
    fill(typed)

    cut = typed("mentions", "--limit", "1")

    assert cut.out.endswith("The first 1 are shown; --limit shows more.\n")
    assert cut.err == ""  # what was not read to its end was closed all the same
    assert "--limit" not in typed("mentions", "--limit", "3").out


def test_times_are_those_of_the_organisation_to_the_minute(typed):
    with typed.database() as database:
        add(database, fresh(said("1", "Summer.")), now=datetime(2020, 7, 4, 3, 5, 59, 123456, tzinfo=UTC))

    assert "3 Jul 2020 22:05 " in typed("mentions", "--since", "90y").out


def test_what_is_gone_and_what_is_ours_is_marked(typed):
    with typed.database() as database:
        add(database, fresh(said("1", "Thank you.", ours=True)), now=ago(hours=1), platform="p")
        add(database, fresh(said("2", "Gone.")), now=ago(hours=2), platform="p")
        from monitor.store import mentions

        with database.write() as tx:
            mentions.forget(tx, "p", ["2"], ago(hours=1))

    out = typed("mentions").out

    assert "(ours) Thank you." in out
    assert "(no longer on its platform)" in out


# The terminal


HOSTILE = "a\x1b[31mred\x1b]0;title\x07 b\x9b2J c\u202egnihton\nsecond line \u200bend"


@pytest.mark.parametrize("typed_line", ["mentions", "show 1", "explain mention:1", "topics test a", "explain 1"])
def test_nothing_that_somebody_wrote_reaches_the_terminals_controls(typed, typed_line):
    with_incident(typed)
    with typed.database() as database, database.write() as tx:
        hostile = {"text": f"kill{HOSTILE}", "title": HOSTILE, "author": HOSTILE, "url": f"https://x.example/{HOSTILE}"}
        for name, value in hostile.items():
            tx.exec_driver_sql(f"UPDATE mentions SET {name} = ?", (value,))
        tx.exec_driver_sql("UPDATE incidents SET note = ?, assignee = ?", (HOSTILE, HOSTILE))

    out = typed(*typed_line.split(" ")).out

    assert "second line" in out
    assert [sign for sign in out if not sign.isprintable() and sign not in "\n\u200c\u200d"] == []


def test_each_place_of_a_text_stays_where_it_is():
    assert visible(HOSTILE).index("second") == HOSTILE.index("second")
    assert len(visible(HOSTILE)) == len(HOSTILE)


LISTS = ["mentions", "incidents", "deliveries", "sources", "show 1", "explain 1", "connectors", "silences",
         "topics test nurse", "check"]  # fmt: skip


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("typed_line", LISTS)
def test_no_line_is_wider_than_the_terminal(typed, typed_line, width):
    with_incident(typed)
    with typed.database() as database:
        add(database, fresh(said("w", "nurse " * 400, title="Very long " * 30, author="A. Very-Long " * 9)),
            now=ago(hours=1), source="reviews")  # fmt: skip
        send(database, notification("a" * 32, incident_id=1, error="no such recipient here, and so on " * 9))
    assert typed("silence", "review_integrity", "--for", "2h", "--why", "because " * 60).code == 0

    done = typed(*typed_line.split(" "), width=width)

    assert done.err == ""
    assert max(map(len, done.out.splitlines())) <= width
    assert len(done.out) > 20


def test_a_wider_terminal_shows_more_columns(typed):
    fill(typed)

    heads = [typed("mentions", width=width).out.splitlines()[0].split() for width in (40, 80, 200)]

    assert heads[0] == ["id", "seen", "text"]
    assert heads[1] == ["id", "seen", "risk", "classes", "text"]
    assert heads[2] == ["id", "seen", "source", "kind", "stars", "mood", "risk", "classes", "text"]


def test_json_shows_every_column_in_any_width(typed):
    fill(typed)

    assert typed("mentions", "--json", width=20).out == typed("mentions", "--json", width=400).out


def screen_of(width: int, capsys) -> Screen:
    from zoneinfo import ZoneInfo

    one = Screen(ZoneInfo("America/Chicago"), datetime(2026, 3, 2, 12, tzinfo=UTC))
    one.__dict__["console"] = Console(width=width, force_terminal=True, color_system="standard", highlight=False)
    return one


def test_levels_are_coloured_on_a_terminal_and_only_the_words_that_are_levels(capsys):
    rows = [{"level": "critical", "text": "critical remarks, failed"}, {"level": "info", "text": "open"}]

    screen_of(80, capsys).table(rows, [Column("level"), Column("text", fills=True)])

    out = capsys.readouterr().out
    assert "\x1b[1;31mcritical" in out
    assert "\x1b[1;31mcritical remarks" not in out
    assert "\x1b[2minfo" in out


def test_where_no_terminal_is_there_is_no_colour(typed):
    with_incident(typed)

    assert "\x1b" not in typed("incidents").out
    assert "\x1b" not in typed("show", "1").out


def test_no_color_is_honoured(monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", "1")

    screen_of(80, capsys).table([{"level": "critical"}], [Column("level")])

    assert re.findall(r"\x1b\[[\d;]*3\dm", capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("span", "said_so"),
    [(timedelta(minutes=12), "in 12 min"), (timedelta(hours=-3), "late 3 h"), (timedelta(0), "late 0 s")],
)
def test_how_far_off_a_time_is(capsys, span, said_so):
    screen = screen_of(80, capsys)

    assert screen.due(screen.now + span) == said_so


class Tty(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("total", "shown"), [(4, "3/4"), (None, "assessing")])
def test_a_bar_shows_how_far_it_is(monkeypatch, total, shown):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Tty())

    with progress("assessing", total, after=0) as step:
        step(3)

    assert shown in sys.stderr.getvalue()
    assert sys.stderr.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # the cursor is back and the bar is gone


def test_what_is_quick_and_what_is_no_terminal_shows_no_bar(monkeypatch, capsys):
    with progress("assessing", 4, after=0) as step:
        step(3)
    assert capsys.readouterr() == ("", "")

    monkeypatch.setattr(sys, "stderr", Tty())
    with progress("assessing", 4, after=3600) as step:
        step(3)
    assert sys.stderr.getvalue() == ""


# topics test


def test_a_query_is_tried_on_what_is_stored(typed):
    fill(typed)

    done = typed("topics", "test", '"Practice Hospital" OR reads', "--since", "90d")

    assert done.code == 0
    assert done.out.startswith("2 of 4 mentions of the last 90 days match.\n")
    assert re.search(r'"practice hospital" +in 1\n', done.out)
    assert re.search(r"reads +in 1\n", done.out)
    assert re.search(r"\d +sheet +Practice Hospital +A letter", done.out)


def test_a_query_tells_programs_where_each_term_matched(typed):
    fill(typed)

    row = typed("topics", "test", "letter parking", "--json").row

    assert row["matched"] == ["Parking", "letter"]
    assert row["hits"] == [
        {"start": 2, "end": 8, "term": "letter", "field": "title", "matched": "letter"},
        {"start": 0, "end": 7, "term": "parking", "field": "text", "matched": "Parking"},
    ]


def test_a_query_without_a_match_says_so(typed):
    fill(typed)

    done = typed("topics", "test", "zebra")

    assert (done.code, done.out) == (0, "0 of 4 mentions of the last 90 days match.\n")


def test_only_the_newest_matches_are_shown_and_all_are_counted(typed):
    fill(typed)

    done = typed("topics", "test", "kind:review", "--limit", "2")

    assert done.out.startswith("4 of 4 mentions")
    assert "The newest 2\n" in done.out
    assert "Long ago" not in done.out


# incidents


def test_incidents_have_the_fields_of_the_webhook(typed):
    with_incident(typed)

    row = typed("incidents", "--json").row

    assert INCIDENT - row.keys() == set()
    assert (row["mention_count"], row["more"]) == (1, 0)
    assert [TOLD - one.keys() for one in row["mentions"]] == [set()]
    assert [one["id"] for one in row["mentions"]] == [1]
    assert "text" not in row["mentions"][0]
    assert datetime.fromisoformat(row["ack_due_at"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("unresolved", [2, 1]), ("open", [1]), ("acked", [2]), ("resolved", [3]), ("all", [3, 2, 1])],
)
def test_incidents_by_their_state(typed, state, expected):
    for group in ("a", "b", "c"):
        with_incident(typed, group=group)
    typed("ack", "2")
    typed("resolve", "3", "--outcome", "removed")

    rows = typed("incidents", "--state", state, "--json").rows

    assert [row["id"] for row in rows] == expected


def test_incidents_without_a_state_are_those_that_need_somebody(typed):
    with_incident(typed)
    typed("resolve", "1", "--outcome", "removed")

    assert typed("incidents").out == "no incidents; 1 resolved: --state all\n"


def test_an_incident_says_how_long_there_is(typed):
    with_incident(typed, ack_due_at=ago(hours=2), group="late one")
    with_incident(typed, ack_due_at=ago(minutes=-10, seconds=-30), group="one in time")

    late, early = typed("incidents").out.splitlines()[:0:-1]

    assert "late one" in late
    assert "late 2 h" in late
    assert "in 10 min" in early


# deliveries


def test_deliveries_tell_what_became_of_each(typed):
    with typed.database() as database:
        send(database, notification("a" * 32), notification("b" * 32), notification("c" * 32))
        with database.write() as tx:
            tx.exec_driver_sql("UPDATE notifications SET sent_at = due_at WHERE id LIKE 'a%'")
            tx.exec_driver_sql("UPDATE notifications SET failed_at = due_at, error = 'no such box' WHERE id LIKE 'b%'")

    states = {row["id"][0]: row["state"] for row in typed("deliveries", "--json").rows}
    failed = typed("deliveries", "--state", "failed", "--json").row

    assert states == {"a": "sent", "b": "failed", "c": "due"}
    assert failed["error"] == "no such box"
    assert failed["recipient"] == "risk@practice.example"
    assert failed.keys() >= {"id", "incident", "reason", "inbox", "channel", "attempts", "created_at", "sent_at"}
    assert re.search(r"b{32} .* failed .* no such box \(s\)\n", typed("deliveries").out)
    assert re.search(r"^b{8} ", typed("deliveries", width=80).out, re.MULTILINE)
    assert typed("deliveries", "--limit", "1").out.endswith("The newest 1 are shown; --limit shows more.\n")


def test_no_deliveries_are_said_to_be_none(typed):
    assert typed("deliveries").out == "no notifications\n"


# sources


def test_sources_that_are_well_exit_with_0(typed):
    assert typed("run", "--once").code == 0

    done = typed("sources", "--json")

    assert done.code == 0
    assert [(row["name"], row["state"]) for row in done.rows] == [("reviews", "ok"), ("sheet", "ok")]
    assert all(row["polled_at"] for row in done.rows)
    assert re.search(r"reviews +file +ok +\d+ \w{3} \d\d:\d\d +in ", typed("sources").out)


def test_a_source_that_fails_or_is_silent_exits_with_1_and_says_why(typed):
    typed("run", "--once")
    with typed.database() as database, database.write() as tx:
        failing = "UPDATE sources SET failing_since = ?, failures = 3, error = 'renew the token' WHERE name = 'reviews'"
        tx.exec_driver_sql(failing, (ago(hours=2).strftime("%Y-%m-%d %H:%M:%S.%f"),))
        quiet = "UPDATE sources SET last_new_at = ?, mentions = 50 WHERE name = 'sheet'"
        tx.exec_driver_sql(quiet, (ago(days=30).strftime("%Y-%m-%d %H:%M:%S.%f"),))

    done = typed("sources", "--json")

    assert done.code == 1
    assert [(row["state"], row["silent"]) for row in done.rows] == [("failing", False), ("silent", True)]
    assert done.rows[0]["error"] == "renew the token"
    assert done.rows[0]["failing_since"]
    assert typed("sources").code == 1


def test_sources_never_polled_and_switched_off_have_all_fields_too(typed):
    config = (typed.folder / "config.toml").read_text()
    typed.configure(
        config.replace('[sources.sheet]\nconnector = "file"', '[sources.sheet]\nconnector = "file"\nenabled = false')
    )

    done = typed("sources", "--json")

    assert done.code == 0
    assert [row["state"] for row in done.rows] == ["not polled yet", "disabled"]
    assert done.rows[0].keys() == done.rows[1].keys() >= {"polled_at", "next_poll_at", "failing_since", "error"}


def test_sources_say_what_they_could_not_see_and_that_rechecks_fail(typed):
    typed("run", "--once")
    with typed.database() as database, database.write() as tx:
        tx.exec_driver_sql("UPDATE sources SET warnings = '[\"40 searches are left\"]' WHERE name = 'reviews'")
        sources_checked(tx, "reviews", "renew the token")

    done = typed("sources", "--json")

    assert done.code == 0
    reviews, sheet = done.rows
    assert (reviews["warnings"], reviews["recheck_error"]) == (["40 searches are left"], "renew the token")
    assert reviews["recheck_failing_since"]
    assert (sheet["warnings"], sheet["recheck_error"], sheet["rechecked_at"]) == ([], None, None)
    told = typed("sources").out
    assert "\nwhat they could not see\n  reviews  40 searches are left\n  reviews  not rechecked since " in told
    assert told.endswith(": renew the token\n")


def sources_checked(tx, name, error):
    """A recheck of this source failed two hours ago."""
    at = ago(hours=2).strftime("%Y-%m-%d %H:%M:%S.%f")
    tx.exec_driver_sql(
        "INSERT INTO rechecks (source, due_at, tried_at, failing_since, failures, error) VALUES (?, ?, ?, ?, 1, ?)",
        (name, at, at, at, error),
    )


def test_sources_that_saw_everything_say_nothing_of_it(typed):
    typed("run", "--once")

    assert "could not see" not in typed("sources").out


# connectors and silences


def test_connectors_say_what_they_see_and_what_not(typed):
    rows = typed("connectors", "--json").rows

    assert {"file", "rss"} <= {row["connector"] for row in rows}
    assert all(row["sees"] and row["blind_to"] and row["terms"] and row["access"] for row in rows)
    assert all(row["needs"] and row["costs"] and row["limits"] and "unconfirmed" in row for row in rows)
    (bluesky,) = (row for row in rows if row["connector"] == "bluesky")
    assert (bluesky["recheck_hours"], bluesky["retention_hours"]) == (48, None)
    out = typed("connectors").out
    assert "file (local)\n" in out
    assert re.search(r"bluesky \(official\)\n(  .*\n)*  looked up again +every 2 days\n", out)


def test_connectors_need_no_configuration(typed):
    (typed.folder / "config.toml").unlink()

    assert typed("connectors").code == 0


def test_silences_tell_who_why_and_until_when(typed):
    typed("silence", "review_integrity", "--group", "Main campus", "--for", "2h", "--why", "moving", "--by", "Ana")
    typed("silence", "own_reply_conduct", "--for", "1h", "--why", "known", "--by", "Ben")

    rows = typed("silences", "--json").rows

    assert [(row["id"], row["rule"], row["group"], row["by"], row["why"]) for row in rows] == [
        (2, "own_reply_conduct", None, "Ben", "known"),
        (1, "review_integrity", "Main campus", "Ana", "moving"),
    ]
    left = datetime.fromisoformat(rows[1]["until"]) - datetime.now(UTC)
    assert timedelta(minutes=118) < left < timedelta(minutes=121)
    assert re.search(r"2 +own_reply_conduct +all +", typed("silences").out)


def test_where_nothing_is_silenced_that_is_said(typed):
    assert typed("silences").out == "nothing is silenced\n"
