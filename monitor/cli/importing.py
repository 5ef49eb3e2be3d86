"""Import: a file's rows into the line, in pages, with a progress bar and a file of what could not be read."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from monitor.cli.frame import DONE, FAILED, Asked, online
from monitor.cli.screen import many, progress
from monitor.config import Config
from monitor.connector import Page, PollError
from monitor.model import Mention, SourceState
from monitor.pipeline import Line, ingest, judge, notices
from monitor.pipeline.poll import LEASE
from monitor.store import Busy, mentions, sources

_PAGE = 500
_TOLD = 10
"""Rejected rows that are told at once; all of them stand in the file."""


@dataclass(slots=True)
class Rejected:
    """FILE.rejected.csv: made when the first row is rejected, gone when none is. Where it cannot be written beside FILE,
    the first reasons are still told."""

    file: Path
    dry_run: bool
    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)
    trouble: str = ""

    @property
    def path(self) -> Path:
        """Where the rows are listed."""
        return self.file.with_name(f"{self.file.name}.rejected.csv")

    def begin(self) -> None:
        """Takes away what an earlier import left."""
        if not self.dry_run:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def add(self, line: int, reason: str) -> None:
        """Notes a row by its line and the reason; never what it said."""
        self.count += 1
        if len(self.first) < _TOLD:
            self.first.append((line, reason))
        if self.dry_run or self.trouble:
            return
        try:
            with self.path.open("a", newline="", encoding="utf-8") as out:
                writer = csv.writer(out)
                if self.count == 1:
                    writer.writerow(["line", "reason"])
                writer.writerow([line, reason])
        except OSError as error:
            self.trouble = f"{self.path.name} cannot be written: {error.strerror}"


async def import_file(asked: Asked, config: Config, file: Path, source: str, *, dry_run: bool) -> int:
    """Imports `file` as `source`. Repeatable: what is stored already is not stored again."""
    rejected = Rejected(file, dry_run)
    rejected.begin()
    counts = {"read": 0, "new": 0, "changed": 0}
    wrong = ""
    async with online(config) as (line, _client):
        state = None if dry_run else await line.run(_take, line, source)
        try:
            await _read(line, file, source, state, counts, rejected)
            if state is not None:
                await line.run(_done, line, source, state)
                await line.run(judge, line)
        except PollError as error:
            wrong = str(error)
        finally:
            if state is not None:
                await line.run(_give_back, line, source)
    _say(asked, file, counts, rejected, dry_run=dry_run, wrong=wrong)
    return FAILED if rejected.count or wrong else DONE


async def _read(  # noqa: PLR0917  # private, and called once
    line: Line, file: Path, source: str, state: SourceState | None, counts: dict[str, int], rejected: Rejected
) -> None:
    rows: Iterator[Any] = line.connectors(source).rows(file, line.now())  # type: ignore[attr-defined]
    with progress(f"importing {file.name}", await line.run(_size, file)) as step:
        seen = 0
        while page := await line.run(_next, rows):
            said = [row.mention for row in page if row.mention is not None]
            for row in page:
                if row.mention is None:
                    rejected.add(row.line, row.reason)
            counts["read"] += len(said)
            if state is None:
                counts["new"] += await line.run(_unknown, line, source, said)
            else:
                await _store(line, source, state, said, counts)
            step(page[-1].bytes_read - seen)
            seen = page[-1].bytes_read


def _next(rows: Iterator[Any]) -> list[Any]:
    return list(islice(rows, _PAGE))


def _size(file: Path) -> int:
    return file.stat().st_size


def _unknown(line: Line, source: str, said: list[Mention]) -> int:
    """How many of these a real import would store."""
    platform = line.config.sources[source].connector
    keys = {one.external_id for one in said}
    with line.database.read() as tx:
        return len(keys - mentions.known(tx, platform, keys).keys())


async def _store(line: Line, source: str, state: SourceState, said: list[Mention], counts: dict[str, int]) -> None:
    found = await line.run(ingest, line, line.config.sources[source], state, Page(mentions=said), lease_for=LEASE)
    counts["new"] += found.new
    counts["changed"] += found.changed


def _take(line: Line, name: str) -> SourceState:
    """Leases the source, making its row where the daemon has not made it yet."""
    now = line.now()
    with line.database.write() as tx:
        sources.ensure(tx, name, line.config.sources[name].connector, now)
        state = sources.claim_one(tx, name, now, lease=line.lease, until=now + LEASE)
    if state is None:
        raise Busy(f"source {name} is being polled or imported right now; try again in a moment")
    return state


def _done(line: Line, name: str, state: SourceState) -> None:
    now = line.now()
    with line.database.write() as tx:
        if state.walked_at is None:
            notices.backfilled(line, tx, state, now)
        sources.polled(tx, name, line.lease, now=now, next_poll_at=state.next_poll_at)


def _give_back(line: Line, name: str) -> None:
    """Lets go of the source, however the import ended; after a good end there is nothing left to let go of."""
    with line.database.write() as tx:
        sources.release(tx, name, line.lease)


def _say(asked: Asked, file: Path, counts: dict[str, int], rejected: Rejected, *, dry_run: bool, wrong: str) -> None:
    if asked.json:
        first = [{"line": line, "reason": reason} for line, reason in rejected.first]
        asked.lines([{"file": file.name, **counts, "rejected": rejected.count, "first_rejected": first,
                      "error": wrong or None, "dry_run": dry_run}])  # fmt: skip
        return
    would = "would be " if dry_run else ""
    changed = "" if dry_run else f", {counts['changed']:,} changed"
    asked.say(
        f"{file.name}: {many(counts['read'], 'row')} read, {counts['new']:,} {would}new{changed}, {rejected.count:,} rejected"
    )
    for line, reason in rejected.first:
        asked.say(f"  line {line}: {reason}")
    if rejected.count and not dry_run:
        asked.say(rejected.trouble or f"  all of them with their reasons: {rejected.path}")
    if wrong:
        asked.say(f"  stopped: {wrong}")
