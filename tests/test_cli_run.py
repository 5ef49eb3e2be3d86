"""The commands that poll and send: run, poll, check - and what a person sees who starts the daemon."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog

from monitor import log
from monitor.cli import greeting
from monitor.cli.screen import Screen
from monitor.config import load
from monitor.store import mentions
from tests.cli import CONFIG, THREAT, terminal, web
from tests.smtp import Mailbox, mail_server
from tests.store import fresh, said
from tests.test_cli import PROGRAM, ROOT

FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><title>A letter</title><link>https://news.example/1</link><guid>1</guid><pubDate>{now}</pubDate>
<description>Practice Hospital: {threat}</description></item>
<item><title>Concert</title><link>https://news.example/2</link><guid>2</guid><pubDate>{now}</pubDate>
<description>Loud.</description></item></channel></rss>"""


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


@pytest.fixture
def news(typed):
    """A news feed of which one entry is about us, and a source whose page is not there."""
    now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    with web({"/feed": FEED.format(now=now, threat=THREAT).encode()}) as address:
        source = '\n[sources.{}]\nconnector = "rss"\noptions = {{ url = "{}{}" }}\n'
        topics = '\n[sources.news]\nconnector = "rss"\ntopics = ["main"]\n'
        typed.configure(f'{CONFIG}{topics}options = {{ url = "{address}/feed" }}\n'
                        + source.format("broken", address, "/nothing"))  # fmt: skip
        yield typed


# run --once


def test_once_polls_judges_and_delivers_everything_and_names_what_failed(news):
    done = news("run", "--once", "--json")

    assert done.code == 1
    assert (done.row["sources"], done.row["new"]) == (4, 1)
    assert list(done.row["failing"]) == ["broken"]
    assert "404" in done.row["failing"]["broken"]
    again = news("run", "--once")
    assert again.out.startswith("4 sources polled, 0 new mentions, ")
    assert "\nbroken: 127.0.0.1 answered 404" in again.out


def test_once_exits_with_0_where_all_is_well_and_writes_the_mails(typed):
    typed.write("in.jsonl", {"text": THREAT})
    typed("import", "in.jsonl", "--source", "reviews")

    done = typed("run", "--once")

    assert (done.code, done.out) == (0, "2 sources polled, 0 new mentions, 1 notification tried\n")
    assert len(list((typed.folder / "mail" / "risk").glob("*.eml"))) == 1


def test_once_rechecks_too_retains_and_says_what_failed(typed, monkeypatch):
    monkeypatch.setenv("SKY", "canary")
    old = datetime.now(UTC) - timedelta(days=4 * 366)
    recent = datetime.now(UTC) - timedelta(days=9)
    with web({}) as address:
        sky = f'service = "{address}", handle = "practicehosp.social.example", app_password = {{ env = "SKY" }}'
        typed.configure(
            f'{CONFIG}\n[sources.sky]\nconnector = "bluesky"\noptions = {{ {sky}, queries = ["practicehosp"] }}\n'
        )
        with typed.database() as database, database.write() as tx:
            one = "at://did:plc:writer/app.bsky.feed.post/1"
            mentions.add(tx, "bluesky", "sky", [fresh(said(one))], recent, limited=True)
            mentions.add(tx, "bluesky", "sky", [fresh(said("expired"))], old, limited=True)
        done = typed("run", "--once", "--json")
        again = typed("run", "--once")

    assert done.code == 1
    assert list(done.row["failing"]) == list(done.row["unchecked"]) == ["sky"]
    assert "127.0.0.1" in done.row["unchecked"]["sky"]
    assert [row["external_id"] for row in typed("mentions", "--since", "9y", "--json").rows] == [one]
    assert "not rechecked" not in again.out  # not twice in an hour


# poll


def test_a_poll_stores_what_the_topics_keep(news):
    done = news("poll", "news")

    assert (done.code, done.out) == (0, "news: 1 new, 0 changed, 0 gone, 0 unreadable\n")
    row = news("mentions", "--json").row
    assert (row["title"], row["topics"]) == ("A letter", ["main"])
    assert news("poll", "news", "--json").row["new"] == 0


def test_a_poll_that_fails_says_why(news):
    done = news("poll", "broken")

    assert done.code == 1
    assert done.out.startswith("broken: 127.0.0.1 answered 404")
    assert news("poll", "broken", "--json").row["error"].startswith("127.0.0.1 answered 404")
    assert news("sources", "--json").rows[-1]["failures"] == 2


def test_a_dry_run_prints_everything_says_what_would_be_kept_and_stores_nothing(news):
    done = news("poll", "news", "--dry-run")

    assert done.code == 0
    assert [line.split()[3:5] for line in done.out.splitlines()[1:3]] == [["yes", "article"], ["no", "article"]]
    assert done.out.endswith("2 mentions; nothing was stored; 1 match no topic of this source and would be left out\n")
    rows = news("poll", "news", "--dry-run", "--json").rows
    assert [(row["title"], row["kept"], row["topics"]) for row in rows] == [
        ("A letter", True, ["main"]),
        ("Concert", False, []),
    ]
    assert news("mentions", "--json").out == ""


def test_a_dry_run_that_fails_says_why(news):
    done = news("poll", "broken", "--dry-run")

    assert done.code == 1
    assert done.out.startswith("broken: 127.0.0.1 answered 404")
    assert news("poll", "broken", "--dry-run", "--json").code == 1


def test_a_source_of_files_has_nothing_to_poll(typed):
    done = typed("poll", "reviews")

    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "reviews: there is nothing to poll; its mentions come with `wellheard import FILE --source reviews`\n"
    )


def test_a_source_that_is_switched_off_is_only_looked_at(news):
    path = news.folder / "config.toml"
    news.configure(path.read_text().replace('topics = ["main"]', 'topics = ["main"]\nenabled = false'))

    assert news("poll", "news").code == 2
    assert news("poll", "news", "--dry-run").code == 0


# check


def test_a_check_asks_every_source_and_says_what_failed(news):
    done = news("check", "--json")

    assert done.code == 1
    by_name = {row["what"]: row for row in done.rows if row["result"] != "note"}
    assert {name: row["result"] for name, row in by_name.items()} == {
        "configuration": "ok", "database": "ok", "source broken": "failed", "source news": "ok", "source reviews": "ok",
        "source sheet": "ok",
    }  # fmt: skip
    assert by_name["source news"]["detail"] == "2 mentions on the first page"
    assert "404" in by_name["source broken"]["detail"]
    people = news("check").out
    assert "failed  source broken: 127.0.0.1 answered 404" in people
    assert people.endswith(" failed\n")


def test_a_check_notes_what_a_source_could_not_see_in_its_last_walk(news):
    news("run", "--once")
    with news.database() as database, database.write() as tx:
        tx.exec_driver_sql("UPDATE sources SET warnings = '[\"40 searches are left\"]' WHERE name = 'news'")
        tx.exec_driver_sql(
            "INSERT INTO rechecks (source, due_at, error, warnings) VALUES ('news', ?, 'no plan for it', '[\"slow\"]')",
            ("2026-03-02 12:00:00.000000",),
        )

    rows = [row for row in news("check", "--json").rows if row["what"] == "source news"]

    assert [(row["result"], row["detail"]) for row in rows] == [
        ("ok", "2 mentions on the first page"), ("note", "40 searches are left"), ("note", "slow"),
        ("note", "not rechecked: no plan for it"),
    ]  # fmt: skip


def test_a_check_where_all_is_well_exits_with_0_and_stores_nothing(typed):
    (typed.folder / "wellheard.db").unlink()

    done = typed("check")

    assert done.code == 0
    assert done.out.endswith("\neverything is in order\n")
    assert "(the daemon does it as it starts)" in done.out
    assert typed("db", "check").code == 1


def mailed(typed, port: int) -> None:
    boxes = CONFIG.replace(
        'folder = "mail/risk"', 'folder = "mail/risk"\nemail = ["a@practice.example", "b@practice.example"]'
    )
    smtp = f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nfrom = "Wellheard <w@practice.example>"\n'
    typed.configure(boxes + smtp)


async def test_a_check_sends_a_test_to_every_recipient(typed):
    async with mail_server(Mailbox()) as mailbox:
        mailed(typed, mailbox.port)

        done = await asyncio.to_thread(typed, "check", "--send", "--json")

    assert done.code == 0
    assert sorted(to for _, recipients in mailbox.envelopes for to in recipients) == [
        "a@practice.example",
        "b@practice.example",
    ]
    assert {mail["X-Wellheard-Reason"] for mail in mailbox.mails()} == {"test"}
    assert len(list((typed.folder / "mail").rglob("*.eml"))) == 2
    sent = [row["what"] for row in done.rows if row["detail"] == "sent"]
    assert sent == ["inbox marketing by folder", "inbox risk by email to a@practice.example",
                    "inbox risk by email to b@practice.example", "inbox risk by folder"]  # fmt: skip


async def test_a_check_says_which_recipient_was_refused(typed):
    async with mail_server(Mailbox(answers={"RCPT": "550 5.1.1 nobody here"})) as mailbox:
        mailed(typed, mailbox.port)

        done = await asyncio.to_thread(typed, "check", "--send", "--json")

    assert done.code == 1
    failed = [row["what"] for row in done.rows if row["result"] == "failed"]
    assert failed == ["inbox risk by email to a@practice.example", "inbox risk by email to b@practice.example"]


def test_a_check_without_send_sends_nothing(typed):
    typed("check")

    assert not (typed.folder / "mail").exists()


# The daemon on a terminal


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The configuration for practice, in a folder of its own."""
    path = tmp_path / "config.example.toml"
    path.write_text((ROOT / "config.example.toml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return load(path, environ={})


def test_the_greeting_says_where_to_look_and_what_to_type(example, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [str(Path.cwd() / ".venv" / "bin" / "wellheard"), "run"])

    greeting.greet(Screen(ZoneInfo("America/Chicago"), datetime.now(UTC)), example, ["SQLite is old"])

    said = capsys.readouterr().out
    assert "Wellheard listens for Practice Hospital\n1 source, 3 inboxes, times in America/Chicago." in said
    assert "below mail/" in said
    assert "The first digest comes " in said
    assert "Note: SQLite is old\n" in said
    path = example.path
    assert f"\n  .venv/bin/wellheard incidents --config {path}  # what needs somebody\n" in said
    assert f"\n  .venv/bin/wellheard ack 1 --by NAME --config {path}  # " in said


@pytest.fixture
def bins(tmp_path, monkeypatch):
    """Two folders of programs, of which the first is on the PATH."""
    for name in ("on", "off"):
        program = tmp_path / name / "wellheard"
        program.parent.mkdir()
        program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "on"))
    return tmp_path


@pytest.mark.parametrize(
    ("program", "config", "expected"),
    [
        ("on/wellheard", "config.toml", "wellheard show 1"),
        ("off/wellheard", "config.toml", "off/wellheard show 1"),
        ("/opt/listener/bin/wellheard", "config.toml", "/opt/listener/bin/wellheard show 1"),
        ("on/wellheard", "config.example.toml", "wellheard show 1 --config config.example.toml"),
        ("on/wellheard", "/etc/wellheard/config.toml", "wellheard show 1"),
        ("on/wellheard", "/etc/other.toml", "wellheard show 1 --config /etc/other.toml"),
    ],
)
def test_commands_are_printed_as_they_work_from_here(bins, program, config, expected):
    called = greeting.command(str(bins / program), bins / config if config == "config.toml" else Path(config), bins)

    assert called("show 1") == expected.format(folder=bins)


LINES = [
    ({"event": "polled", "level": "info", "source": "news", "new": 3, "changed": 0, "gone": 0},
     "06:00:05 polled  source news  new 3"),
    ({"event": "notified", "level": "info", "id": "ab" * 16, "reason": "opened", "inbox": "risk"},
     "06:00:05 notified  id abababab  reason opened  inbox risk"),
    ({"event": "incident", "level": "info", "id": 3, "told": ["opened", "grew"]},
     "06:00:05 incident  id 3  told opened, grew"),
    ({"event": "poll_failed", "level": "warning", "reason": "no answer", "given_up": False},
     "06:00:05 warning: poll failed  reason no answer"),
    ({"event": "look_failed", "level": "error", "exception": "ValueError: x\n  file:1 in f"},
     "06:00:05 error: look failed\nValueError: x\n  file:1 in f"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "line"), LINES, ids=lambda value: value["event"] if isinstance(value, dict) else "")
def test_a_line_of_log_for_a_person_is_short(entry, line):
    entry = {**entry, "timestamp": "2026-03-02T12:00:05.123456Z"}

    assert greeting.short_line(entry, ZoneInfo("America/Chicago"), coloured=False) == line
    assert "\x1b[2m06:00:05" in greeting.short_line(entry, ZoneInfo("America/Chicago"), coloured=True)


def test_short_lines_still_hold_nothing_that_somebody_said(typed, capsys):
    import sys

    log.configure(json=False, stream=sys.stderr)
    greeting.short_lines(ZoneInfo("UTC"))

    structlog.get_logger().info("polled", source="news", text="canary", reason="see https://x.example/canary?a=canary")

    line = capsys.readouterr().err
    assert line.endswith(" polled  source news  reason see https://x.example/...\n")
    assert line.count(":") == 3


def test_a_daemon_on_a_terminal_greets_and_logs_short_lines(typed):
    ours, theirs = pty.openpty()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen([*PROGRAM, "run"], cwd=typed.folder, env=environ, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    with process:
        while b"started" not in said:
            said += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # what Linux answers when the other end is closed
            while more := os.read(ours, 4096):
                said += more
    os.close(ours)

    shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", said.decode().replace("\r", ""))
    assert process.returncode == 0
    assert shown.startswith("Wellheard listens for Practice Hospital\n")
    assert " show 1  # one of them, with its timeline\n" in shown
    assert re.search(r"\n\d\d:\d\d:\d\d started  sources 2  database sqlite\n", shown)
    assert re.search(r"\n\d\d:\d\d:\d\d stopped\n", shown)
    assert "{" not in shown


def test_a_daemon_that_is_no_ones_terminal_logs_json_greets_nobody_and_ends_with_0(typed):
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*PROGRAM, "run"], cwd=typed.folder, env=environ, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    with process:
        assert process.stderr
        first = process.stderr.readline()
        second = subprocess.run([*PROGRAM, "run"], cwd=typed.folder, env=environ, capture_output=True, check=False)
        process.send_signal(signal.SIGTERM)
        out, rest = process.communicate(timeout=30)

    assert '"event": "started"' in first
    assert '"event": "stopped"' in rest
    assert (process.returncode, out) == (0, "")
    assert second.returncode == 75
    assert b"another wellheard daemon runs on wellheard.db; stop it first\n" in second.stderr
