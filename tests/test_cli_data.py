"""The commands for what is kept: rescore, retention, verify-log, db."""

from __future__ import annotations

import pytest

from monitor.assess import Assessor
from monitor.store import Database
from tests.cli import CONFIG, THREAT, ago, terminal, with_incident
from tests.store import add, fresh, said


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


# retention


def aged(typed) -> None:
    """Two mentions of others that are too old, one post of ours that is, one that is not, and one of today."""
    with typed.database() as database:
        add(database, fresh(said("1")), fresh(said("2")), fresh(said("own", ours=True)), now=ago(days=3 * 366 + 1))
        add(database, fresh(said("oldest", ours=True)), now=ago(days=6 * 366 + 1))
        add(database, fresh(said("today")), now=ago(hours=1))


def test_a_dry_run_says_what_would_go_by_class_and_deletes_nothing(typed):
    aged(typed)

    done = typed("retention", "--dry-run")

    assert done.code == 0
    assert done.out.startswith(
        "2 mentions of others, older than 1,098 days, would be deleted\n"
        "1 posts and replies of ours, older than 2,196 days, would be deleted\n"
        "0 mentions would be emptied by the terms of their platforms\n"
    )
    assert [line.split(maxsplit=3) for line in done.out.splitlines()[4:]] == [
        ["p", "2", "deleted", "older than [retention] mentions"],
        ["p", "1", "deleted", "ours, older than [retention] own_replies"],
    ]
    assert len(typed("mentions", "--since", "9y", "--json").rows) == 5


def test_retention_deletes_what_the_dry_run_said(typed):
    aged(typed)
    preview = typed("retention", "--dry-run", "--json").row

    done = typed("retention", "--json").row

    assert done == preview | {"dry_run": False}
    assert done == {"mentions": 2, "own": 1, "emptied": 0, "held": 0, "dry_run": False, "going": [
        {"platform": "p", "reason": "mentions", "mentions": 2}, {"platform": "p", "reason": "own_replies", "mentions": 1},
    ]}  # fmt: skip
    left = typed("mentions", "--since", "9y", "--json").rows
    assert [row["external_id"] for row in left] == ["today", "own"]
    assert typed("retention").out.startswith("0 mentions of others, older than 1,098 days, were deleted\n")


# rescore


def test_rescoring_assesses_what_an_older_version_assessed(typed):
    with typed.database() as database:
        add(database, fresh(said("1", THREAT)), fresh(said("2", "Fine.")), now=ago(hours=1))

    done = typed("rescore")

    assert (done.code, done.out) == (0, "2 of 2 mentions assessed again\n")
    assert typed("mentions", "--risk", "threat_to_staff", "--json").row["external_id"] == "1"
    assert typed("incidents", "--state", "all", "--json").out == ""
    assert typed("rescore").out == (
        "0 of 2 mentions assessed again; the others were assessed by this version already\n"
    )
    assert typed("rescore", "--all", "--json").row == {"mentions": 2, "of": 2}


def test_rescoring_can_be_limited_to_what_is_new(typed):
    with typed.database() as database:
        add(database, fresh(said("1")), now=ago(days=9))
        add(database, fresh(said("2")), now=ago(days=1))

    assert typed("rescore", "--since", "7d", "--json").row == {"mentions": 1, "of": 1}


def test_rescoring_that_was_stopped_goes_on_where_it_was(typed):
    with typed.database() as database:
        add(database, fresh(said("1")), fresh(said("2")), now=ago(hours=1))
        name = Assessor(organisation="Practice Hospital", brands=["Practice Hospital", "practicehosp"]).name
        with database.write() as tx:
            tx.exec_driver_sql("UPDATE mentions SET assessor = ? WHERE external_id = '1'", (name,))

    assert typed("rescore", "--json").row == {"mentions": 1, "of": 2}


# verify-log


def test_a_whole_log_is_whole(typed):
    with_incident(typed)
    typed("ack", 1, "--by", "Ana")
    typed("resolve", 1, "--outcome", "removed")

    done = typed("verify-log")

    assert (done.code, done.out) == (0, "the log is whole: 2 lines\n")
    assert typed("verify-log", "--json").row == {"broken_at": None, "lines": 2}


@pytest.mark.parametrize(
    "tampering",
    ["UPDATE log SET actor = 'Ben' WHERE id = 2", "DELETE FROM log WHERE id = 1"],
    ids=["changed", "removed"],
)
def test_a_log_that_somebody_touched_is_found(typed, tampering):
    with_incident(typed)
    typed("ack", 1, "--by", "Ana")
    typed("assign", 1, "Ana")
    typed("resolve", 1, "--outcome", "removed")
    with typed.database() as database, database.write() as tx:
        tx.exec_driver_sql(tampering)

    done = typed("verify-log")

    assert (done.code, done.out) == (1, "the chain breaks at line 2: it or the line before it was changed\n")
    assert typed("verify-log", "--json").row["broken_at"] == 2


# db


def test_a_database_is_made_and_checked(typed):
    (typed.folder / "wellheard.db").unlink()

    before = typed("db", "check")
    made = typed("db", "upgrade")
    again = typed("db", "upgrade")
    after = typed("db", "check")

    assert before.code == 1
    assert before.out.startswith("the database is at revision none, this version wants ")
    assert (made.code, made.out) == (0, "the database was brought to this version\n")
    assert (again.code, again.out) == (0, "the database fits this version\n")
    assert after.code == 0
    assert after.out.startswith("the database fits this version\njournal_mode wal\nsynchronous 2\n")


def test_a_check_tells_programs_the_settings(typed):
    row = typed("db", "check", "--json").row

    assert (row["behind"], row["journal_mode"], row["synchronous"], row["foreign_keys"]) == (None, "wal", "2", "1")


def test_any_command_migrates_a_database_that_is_behind(typed):
    (typed.folder / "wellheard.db").unlink()

    assert typed("mentions").code == 0
    assert typed("db", "check").code == 0


def test_a_backup_is_taken_while_somebody_works_and_put_back(typed):
    with_incident(typed)
    with typed.database() as working:
        working.claim_daemon()
        done = typed("db", "backup", "copy.db")
    typed("resolve", 1, "--outcome", "removed")

    restored = typed("db", "restore", "copy.db")

    assert done.code == 0
    assert done.out.startswith("the backup is in copy.db (0.")
    assert (typed.folder / "copy.db").stat().st_mode & 0o777 == 0o600
    assert (restored.code, restored.out) == (0, "the database is now that of copy.db\n")
    assert typed("incidents", "--json").row["state"] == "open"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("db backup config.toml", "config.toml exists; name a file that does not\n"),
        ("db backup nowhere/copy.db", "there is no folder "),
        ("db restore config.toml", "config.toml is not a sound backup of a wellheard database\n"),
        ("db restore nowhere.db", "there is no file nowhere.db\n"),
    ],
)
def test_a_copy_that_cannot_be_is_refused_and_nothing_is_touched(typed, line, why):
    before = (typed.folder / "config.toml").read_bytes(), (typed.folder / "wellheard.db").read_bytes()

    done = typed(*line.split(" "))

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(why)
    assert before == ((typed.folder / "config.toml").read_bytes(), (typed.folder / "wellheard.db").read_bytes())


def test_a_database_in_a_folder_that_is_not_there_is_one_sentence(typed):
    typed.configure(CONFIG.replace("\ntimezone", '\ndatabase = "sqlite:///nowhere/wellheard.db"\ntimezone', 1))

    done = typed("mentions")

    assert done.code in {1, 78}
    assert done.err.count("\n") == 1
    assert "nowhere" in done.err or "wellheard.db" in done.err


def test_a_backup_is_a_database_of_ours(typed):
    with_incident(typed)
    typed("db", "backup", "copy.db")

    copy = Database(f"sqlite:///{typed.folder / 'copy.db'}")
    try:
        assert copy.behind() is None
    finally:
        copy.close()


def test_the_commands_do_on_postgresql_what_they_do_on_sqlite(typed, postgresql_url):
    typed.configure(CONFIG.replace("\ntimezone", f'\ndatabase = "{postgresql_url}"\ntimezone', 1))
    typed.write("in.jsonl", {"external_id": "1", "text": THREAT}, {"external_id": "2", "text": "Fine."})

    assert typed("db", "upgrade").code == 0
    assert typed("import", "in.jsonl", "--source", "reviews", "--json").row["new"] == 2
    assert typed("import", "in.jsonl", "--source", "reviews", "--json").row["new"] == 0
    assert typed("run", "--once").code == 0
    assert typed("ack", 1, "--by", "Ana").code == 0
    assert typed("show", 1, "--json").row["assignee"] == "Ana"
    assert typed("explain", "mention:1", "--json").row["incidents"] == [1]
    assert typed("explain", "9" * 30).code == 1
    assert typed("mentions", "--risk", "threat_to_staff", "--json").row["external_id"] == "1"
    assert typed("retention", "--dry-run", "--json").row == {
        "mentions": 0, "own": 0, "emptied": 0, "held": 0, "going": [], "dry_run": True,
    }  # fmt: skip
    assert typed("hold", 1, "--why", "a complaint").code == 0
    assert typed("holds", "--json").row["mention"] == 1
    assert typed("release", 1).code == 0
    assert typed("retention").code == 0
    assert typed("verify-log").code == 0
    assert typed("db", "check").out.startswith("the database fits this version\nsynchronous_commit on\n")
    assert typed("db", "backup", "copy.db").err == "a PostgreSQL database is backed up with pg_dump\n"
