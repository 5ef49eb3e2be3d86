"""Commands for what is kept: db, retention, rescore, verify-log."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from monitor import audit
from monitor.cli.frame import DONE, FAILED, Asked, Span, command, opened
from monitor.pipeline import rescore, retain
from monitor.store import Database, log, mentions


@click.group("db")
def db() -> None:
    """Migrate, check, back up and restore the database."""


@command("upgrade")
def upgrade(asked: Asked) -> int:
    """Bring the database to this version's schema."""
    return _with(asked, lambda database: database.upgrade(), "the database fits this version")


@command("check")
def check(asked: Asked) -> int:
    """Say whether the schema fits, and show the settings that durability rests on."""
    database = Database(asked.config().database)
    try:
        behind = database.behind()
        signs = database.vital_signs()
        asked.say(behind or "the database fits this version: " + ", ".join(f"{k} {v}" for k, v in signs.items()),
                  behind=behind, notes=database.warnings(), **signs)  # fmt: skip
    finally:
        database.close()
    return FAILED if behind else DONE


@command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(asked: Asked, file: Path) -> int:
    """Copy the database to FILE while the daemon goes on writing (SQLite; for PostgreSQL use pg_dump)."""
    return _with(asked, lambda database: database.backup(file), f"the backup is in {file}")


@command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def restore(asked: Asked, file: Path) -> int:
    """Put a backup in the place of the database; the daemon must be stopped."""
    return _with(asked, lambda database: database.restore(file), f"the database is that of {file}")


def _with(asked: Asked, work: object, sentence: str) -> int:
    database = Database(asked.config().database)
    try:
        work(database)  # type: ignore[operator]
    finally:
        database.close()
    asked.say(sentence, done=True)
    return DONE


@command("retention")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def retention(asked: Asked, *, dry_run: bool) -> int:
    """Apply the retention of the configuration."""
    with opened(asked) as line:
        count = retain(line, dry_run=dry_run)
    asked.say(f"{count} mentions {'would be' if dry_run else 'were'} deleted", mentions=count, dry_run=dry_run)
    return DONE


@command("rescore")
@click.option("--since", type=Span(), help="Only mentions first seen within this span.")
@click.option("--all", "everything", is_flag=True, help="Also those that this assessor has seen already.")
def rescore_command(asked: Asked, *, since: timedelta | None, everything: bool) -> int:
    """Assess stored mentions again with the current assessor."""
    with opened(asked) as line:
        begin = line.now() - since if since else None
        with line.database.read() as tx:
            total = mentions.count(tx, since=begin)
        with _bar(total, "assessing", hidden=asked.json) as bar:
            count = rescore(line, since=begin, everything=everything, progress=bar.update)
    asked.say(f"{count} mentions assessed again", mentions=count)
    return DONE


@command("verify-log")
def verify_log(asked: Asked) -> int:
    """Check that no line of the log was changed, removed or put in between."""
    with opened(asked) as line, line.database.read() as tx:
        broken = audit.broken(log.lines(tx))
    asked.say("the log is whole" if broken is None else f"the chain breaks at line {broken}", broken_at=broken)
    return DONE if broken is None else FAILED


def _bar(length: int, label: str, *, hidden: bool) -> AbstractContextManager[Any]:
    bar: AbstractContextManager[Any] = click.progressbar(length=length, label=label, hidden=hidden)
    return bar


for _command in (upgrade, check, backup, restore):
    db.add_command(_command)
COMMANDS = (db, retention, rescore_command, verify_log)
