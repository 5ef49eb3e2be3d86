"""What holds for every command: help, exit codes, ids that are not there, what leaves on which stream."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click
import pytest

from monitor.cli.outcome import SECTIONS, wellheard
from tests.cli import CONFIG, ago, terminal, with_incident
from tests.store import add, fresh, said

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [sys.executable, "-c", "from monitor.cli import main; main()"]


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


def commands(group: click.Group = wellheard, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        found[*path, name] = command
        if isinstance(command, click.Group):
            found |= commands(command, (*path, name))
    return found


LEAVES = {path: command for path, command in commands().items() if not isinstance(command, click.Group)}


# Help


def test_every_module_of_commands_is_heard():
    package = importlib.import_module("monitor.cli")
    modules = [importlib.import_module(f"monitor.cli.{found.name}") for found in pkgutil.iter_modules(package.__path__)]
    offered = {command.name for module in modules for command in getattr(module, "COMMANDS", ())}

    assert offered == set(wellheard.commands)


def test_every_command_stands_in_one_section_of_the_help(typed):
    listed = [name for names in SECTIONS.values() for name in names]
    said = typed("--help")

    assert sorted(listed) == sorted(wellheard.commands)
    assert [title for title in SECTIONS if f"\n{title}:\n" not in said.out] == []
    assert "Others:" not in said.out


def test_no_help_of_the_list_is_cut_off_at_eighty_columns(typed):
    said = typed("--help", width=80)

    assert said.code == 0
    assert "..." not in said.out.split("The daemon:")[1]


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_help_is_made_of_sentences(typed, path):
    said = typed(*path, "--help")

    assert said.code == 0
    assert "\n  -h, --help" in said.out
    command = commands()[path]
    first = (command.help or "").split("\n")[0]
    assert first.endswith(".")
    assert first[0].isupper()
    shown = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in shown if not (option.help or "").endswith(".")] == []


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_takes_a_configuration_and_json(path):
    options = {name for option in LEAVES[path].params for name in option.opts}

    assert {"--config", "--json"} <= options


def test_the_version_is_told(typed):
    said = typed("--version")

    assert said.code == 0
    assert said.out.startswith("wellheard, version ")


# 2: the command was typed wrong


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "No such command 'nonsense'"),
        ("mentions --nonsense", "No such option '--nonsense'"),
        ("ack", "Missing argument 'INCIDENT'"),
        ("ack twelve", "'twelve' is not a number"),
        ("resolve 1", "Missing option '--outcome'"),
        ("resolve 1 --outcome ignored", "'ignored' is not one of 'responded'"),
        ("incidents --state closed", "'closed' is not one of 'open'"),
        ("silence review-slump --for ever --why x", "'ever' is not a duration; write for example 15m, 2h or 7d"),
        ("mentions --since 0d", "'0d' is not a duration"),
        ("mentions --risk own_reply", "there is no risk class 'own_reply'; did you mean 'own_reply_phi'"),
        ("mentions --source review", "there is no source 'review'; did you mean 'reviews'?"),
        ("mentions a(", "the query cannot be read: column "),
        ("topics test NOT", "the query cannot be read: column "),
        ("poll nowhere", "there is no source 'nowhere'; there are: reviews, sheet"),
        ("explain person:3", "'person' cannot be explained; write mention:12, incident:3 or the id of a notification"),
        ("digest --week 2026-46", "'2026-46' is not a week; write for example 2026-W46"),
        ("silence threat_to_staff --for 2h --why=", "--why is empty"),
        ("import config.toml --source nowhere", "there are: reviews, sheet"),
        ("import nowhere.csv --source reviews", "File 'nowhere.csv' does not exist."),
    ],
)
def test_what_is_typed_wrong_is_said_and_exits_with_2(typed, line, why):
    done = typed(*line.split(" "))

    assert done.code == 2
    assert why in done.err
    assert "--help' for help" in done.err
    assert done.out == ""


def test_a_level_of_logs_that_is_none_exits_with_2(typed, monkeypatch):
    monkeypatch.setenv("WELLHEARD_LOG", "loud")

    done = typed("sources")

    assert done.code == 2
    assert "WELLHEARD_LOG is 'loud'; write DEBUG, INFO, WARNING or ERROR" in done.err


# 78: the configuration is wrong


@pytest.mark.parametrize("path", [path for path in LEAVES if path not in {("connectors",), ("connect",)}], ids=" ".join)
def test_every_mistake_of_the_configuration_is_listed_and_exits_with_78(typed, path):
    typed.configure('organisation = "Practice Hospital"\ntimezon = "x"\n[inboxes.risk]\nfoldr = "x"\n')
    required = {"import": ["config.toml", "--source", "reviews"], "silence": ["r", "--for", "1h", "--why", "x"],
                "resolve": ["1", "--outcome", "other"], "assign": ["1", "Ana"],
                "hold": ["1", "--why", "x"], "drill": ["practice-hospital"]}  # fmt: skip
    count = sum(isinstance(one, click.Argument) and one.required for one in LEAVES[path].params)

    done = typed(*path, *required.get(path[0], ["1"] * count))

    assert done.code == 78
    assert "config.toml:2: timezon: 'timezon' is not a key here; did you mean 'timezone'?" in done.err
    assert "config.toml:4: inboxes.risk.foldr: 'foldr' is not a key here; did you mean 'folder'?" in done.err
    assert done.out == ""


def test_a_configuration_that_is_not_there_exits_with_78(typed):
    done = typed("sources", "--config", "elsewhere.toml")

    assert done.code == 78
    assert "elsewhere.toml: there is no file" in done.err
    assert "cp config.example.toml config.toml" in done.err


# 75: not now


def test_a_second_daemon_exits_with_75(typed):
    with typed.database() as first:
        first.claim_daemon()

        done = typed("run", "--once")

    assert done.code == 75
    assert "another wellheard daemon runs on wellheard.db" in done.err


def test_a_restore_beside_a_daemon_exits_with_75(typed):
    with typed.database() as first:
        first.backup(typed.folder / "copy.db")
        first.claim_daemon()

        done = typed("db", "restore", "copy.db")

    assert done.code == 75


# 1: some part failed


@pytest.mark.parametrize("number", ["99", "9" * 40])
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("show {}", "there is no incident "),
        ("ack {}", "there is no incident "),
        ("assign {} Ana", "there is no incident "),
        ("resolve {} --outcome other", "there is no incident "),
        ("unsilence {}", "there is no silence "),
        ("replay {}", "there is no notification "),
        ("explain {}", "nothing is known under "),
        ("explain mention:{}", "nothing is known under "),
        ("silence {} --for 2h --why x", "there is no rule "),
    ],
)
def test_an_id_that_is_not_there_is_said_and_exits_with_1(typed, line, why, number):
    done = typed(*line.format(number).split(" "))

    assert done.code == 1
    assert done.err.startswith(why)
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_a_database_that_is_newer_than_the_program_exits_with_1(typed):
    with typed.database() as there, there.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    done = typed("mentions")

    assert done.code == 1
    assert "newer than this version knows: upgrade wellheard" in done.err


def test_a_file_that_cannot_be_written_is_one_sentence(typed):
    done = typed("digest", "--out", "config.toml/there")

    assert done.code == 1
    assert done.err == "config.toml/there: Not a directory\n"


def test_a_fault_of_ours_tells_where_it_happened_and_nothing_it_happened_with(typed):
    @click.command("faulty")
    def faulty() -> None:
        raise ValueError("it broke\ncanary-text of canary@practice.example")

    wellheard.add_command(faulty)
    try:
        done = typed("faulty")
    finally:
        del wellheard.commands["faulty"]

    assert done.code == 1
    assert done.err.startswith("a fault of wellheard, please report it:\nValueError: it broke\n")
    assert "test_cli.py" in done.err
    assert "canary" not in done.err


# The two streams


def test_json_is_one_object_a_line_for_whoever_splits_lines(typed):
    with typed.database() as database:
        add(database, fresh(said("1", "one\u2028two\x85three\x7f😀")), now=ago(hours=1))
        add(database, fresh(said("2", "Straße ❤️")), now=ago(hours=2))

    done = typed("mentions", "--json")

    assert [row["text"] for row in done.rows] == ["one\u2028two\x85three\x7f😀", "Straße ❤️"]
    assert "Straße ❤️" in done.out


def test_a_terminal_of_another_encoding_gets_json_it_can_read(typed):
    with typed.database() as database:
        add(database, fresh(said("1", "Straße ❤️")), now=ago(hours=1))
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1"}

    json = subprocess.run(
        [*PROGRAM, "mentions", "--json"], cwd=typed.folder, env=environ, capture_output=True, check=False
    )
    table = subprocess.run([*PROGRAM, "mentions"], cwd=typed.folder, env=environ, capture_output=True, check=False)

    assert (json.returncode, table.returncode) == (0, 0)
    assert b"Stra\\u00dfe \\u2764" in json.stdout
    assert "Straße ?".encode("latin-1") in table.stdout


def test_whoever_has_read_enough_may_close_the_pipe(typed):
    with typed.database() as database:
        add(database, *(fresh(said(str(key), "They were kind. " * 40)) for key in range(300)), now=ago(hours=1))
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}

    for how in ([], ["--json"]):
        with subprocess.Popen([*PROGRAM, "mentions", "--limit", "300", *how], cwd=typed.folder, env=environ,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # fmt: skip
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline()
            process.stdout.close()
            said_on_stderr = process.stderr.read()
            assert (process.wait(30), said_on_stderr) == (0, b"")


def test_ctrl_c_is_no_traceback(typed):
    draft = typed.folder / "draft"
    os.mkfifo(draft)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*PROGRAM, "lint", str(draft)], cwd=typed.folder, env=environ, text=True, stderr=subprocess.PIPE
    )
    with process, draft.open("w"):  # the pipe opens when the command reads it: so it has come that far
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "stopped" in err
    assert "Traceback" not in err


def test_a_full_disk_is_one_sentence(typed):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no full disk to offer")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}

    with full.open("w") as out:
        done = subprocess.run([*PROGRAM, "connectors"], cwd=typed.folder, env=environ, stdout=out,
                              stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip

    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


CANARIES = ("canary-text", "canary-title", "canary-author", "canary-recipient")


def test_logs_hold_nothing_that_somebody_said_or_was_told(typed, monkeypatch):
    """The results may: they are what was asked for."""
    monkeypatch.setenv("WELLHEARD_LOG", "DEBUG")
    inbox = '[inboxes.risk]\nemail = ["canary-recipient@practice.example"]'
    smtp = '[smtp]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\nfrom = "w@practice.example"\n'
    typed.configure(CONFIG.replace('[inboxes.risk]\nfolder = "mail/risk"', inbox) + smtp)
    row = {"text": "I will kill the nurse. canary-text", "title": "canary-title", "author": "canary-author",
           "external_id": "c"}  # fmt: skip
    typed.write("in.jsonl", row, {"text": "canary-text", "stars": "canary-text"}, '{"canary-text')
    lines = ["import in.jsonl --source reviews", "run --once", "mentions", "show 1", "explain 1", "deliveries",
             "check --send", "rescore --all", "digest --send", "retention", "mentions canary-text",
             "topics test canary-text", "import in.jsonl --source sheet"]  # fmt: skip

    done = [typed(*line.split(" "), *how) for line in lines for how in ([], ["--json"])]

    errors, results = "".join(one.err for one in done), "".join(one.out for one in done)
    assert '"event": "incident"' in errors
    assert '"event": "delivery_failed"' in errors
    assert [canary for canary in CANARIES if canary in errors] == []
    assert [canary for canary in CANARIES if canary not in results] == []


def test_commands_log_little_unless_asked(typed):
    typed.write("in.jsonl", {"text": "I will kill the nurse."})

    assert typed("import", "in.jsonl", "--source", "reviews").err == ""
    assert '"event": "notified"' in typed("run", "--once").err


def test_a_command_leaves_no_lock_and_no_journal_behind(typed):
    with_incident(typed)

    assert typed("ack", "1").code == 0

    with closing(sqlite3.connect(typed.folder / "wellheard.db", timeout=0)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.rollback()
