"""Commands for what is kept: rescore, retention, verify-log, db."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click

from monitor import audit
from monitor.cli.frame import DONE, FAILED, Asked, command, opened
from monitor.cli.screen import Column, progress
from monitor.cli.typed import Span
from monitor.model import Json
from monitor.pipeline import rescore, retain
from monitor.pipeline.retain import Going, preview
from monitor.store import Database, StoreError, log, mentions


@click.group("db")
def db() -> None:
    """Migrate, check, back up and restore the database."""


@command("upgrade")
def upgrade(asked: Asked) -> int:
    """Bring the database to this version's schema.

    The daemon does it as it starts."""
    with _database(asked) as database:
        behind = database.behind()
        with progress("migrating"):
            database.upgrade()
    asked.say("the database fits this version" if behind is None else "the database was brought to this version",
              done=True, was=behind)  # fmt: skip
    return DONE


@command("check")
def check(asked: Asked) -> int:
    """Say whether the database is as it should be.

    Of this version, and with the settings that durability rests on. Exit code 1 when it needs `db upgrade`."""
    with _database(asked) as database:
        behind = database.behind()
        signs = database.vital_signs()
        notes = database.warnings()
    said = [behind or "the database fits this version", *(f"{name} {value}" for name, value in signs.items()),
            *(f"note: {note}" for note in notes)]  # fmt: skip
    asked.say("\n".join(said), behind=behind, notes=notes, **signs)
    return FAILED if behind else DONE


@command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(asked: Asked, file: Path) -> int:
    """Copy an SQLite database while the daemon writes to it.

    FILE must not exist yet. For PostgreSQL use pg_dump."""
    with _database(asked) as database:
        if not file.absolute().parent.is_dir():
            raise StoreError(f"there is no folder {file.absolute().parent}")
        with progress("copying"):
            _copied(database.backup, file)
        size = file.stat().st_size
    asked.say(f"the backup is in {file} ({size / 1_000_000:,.1f} MB)", file=str(file), bytes=size)
    return DONE


@command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def restore(asked: Asked, file: Path) -> int:
    """Put a backup in place of the SQLite database.

    The daemon must be stopped. The copy is checked before anything is touched."""
    with _database(asked) as database:
        with progress("copying"):
            _copied(database.restore, file)
        behind = database.behind()
    more = "; it is of an older version and is migrated at the next start" if behind else ""
    asked.say(f"the database is now that of {file}{more}", file=str(file), behind=behind)
    return DONE


def _copied(copy: Callable[[Path], None], file: Path) -> None:
    try:
        copy(file)
    except sqlite3.Error as error:
        raise StoreError(f"{file}: the copy failed: {error}") from None


@contextmanager
def _database(asked: Asked) -> Iterator[Database]:
    database = Database(asked.config().database)
    try:
        yield database
    finally:
        database.close()


_REASONS = {
    "mentions": "older than [retention] mentions",
    "own_replies": "ours, older than [retention] own_replies",
    "terms": "its terms let nobody keep it longer",
    "refresh": "not confirmed for as long as its terms allow",
}
_GOING = (
    Column("platform", most=24),
    Column("mentions", right=True),
    Column("what", most=12),
    Column("why", fills=True),
)


@command("retention")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def retention(asked: Asked, *, dry_run: bool) -> int:
    """Delete what is past its time by [retention].

    And empty what a platform's terms let nobody keep any longer, or keep unconfirmed. What is held stays. The daemon does
    so every hour."""
    with opened(asked) as line, progress("looking"):
        found = preview(line)
        if not dry_run:
            retain(line)
    counts = {reason: sum(one.mentions for one in found.going if one.reason == reason) for reason in _REASONS}
    emptied, kept = counts["terms"] + counts["refresh"], sum(one.mentions for one in found.held)
    if asked.json:
        asked.say("", mentions=counts["mentions"], own=counts["own_replies"], emptied=emptied, held=kept,
                  going=[one._asdict() for one in found.going], dry_run=dry_run)  # fmt: skip
        return DONE
    config, would = asked.config().retention, "would be" if dry_run else "were"
    asked.say(
        f"{counts['mentions']:,} mentions of others, older than {config.mentions.days:,} days, {would} deleted\n"
        f"{counts['own_replies']:,} posts and replies of ours, older than {config.own_replies.days:,} days, {would} "
        f"deleted\n{emptied:,} mentions {would} emptied by the terms of their platforms"
    )
    if kept:
        asked.say(f"{kept:,} mentions past their time stay, for they are held: wellheard holds")
    if found.going:
        asked.screen().table(map(_gone, found.going), _GOING)
    return DONE


def _gone(one: Going) -> dict[str, Json]:
    what = "deleted" if one.reason in {"mentions", "own_replies"} else "emptied"
    return {**one._asdict(), "what": what, "why": _REASONS[one.reason]}


@command("rescore")
@click.option("--since", type=Span(), help="Only mentions first seen within this span, such as 30d.")
@click.option("--all", "everything", is_flag=True, help="Also those that this assessor has seen already.")
def rescore_command(asked: Asked, *, since: timedelta | None, everything: bool) -> int:
    """Assess stored mentions with today's rules.

    Those that an older version assessed, or all. It can be stopped and goes on where it was; it opens no incident."""
    with opened(asked) as line:
        begin = line.now() - since if since else None
        with line.database.read() as tx:
            total = mentions.count(tx, since=begin)
        with progress("assessing", total) as step:
            count = rescore(line, since=begin, everything=everything, progress=step)
    said = f"{count:,} of {total:,} mentions assessed again"
    fresh = "; the others were assessed by this version already" if count < total and not everything else ""
    asked.say(said + fresh, mentions=count, of=total)
    return DONE


@command("verify-log")
def verify_log(asked: Asked) -> int:
    """Check that the log of actions is whole.

    Each line is chained to the one before: none may have been changed, removed or put in between. Exit code 1 with the
    first line that does not fit."""
    count = 0

    def counted(links: Iterator[audit.Link]) -> Iterator[audit.Link]:
        nonlocal count
        for link in links:
            count += 1
            step(1)
            yield link

    with opened(asked) as line, line.database.read() as tx, progress("reading") as step:
        broken = audit.broken(counted(log.lines(tx)))
    whole = f"the log is whole: {count:,} lines"
    asked.say(whole if broken is None else f"the chain breaks at line {broken}: it or the line before it was changed",
              broken_at=broken, lines=count)  # fmt: skip
    return DONE if broken is None else FAILED


for _command in (upgrade, check, backup, restore):
    db.add_command(_command)
COMMANDS = (retention, rescore_command, verify_log, db)
