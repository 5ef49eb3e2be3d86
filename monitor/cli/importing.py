"""Import: a file's rows into the line, in pages, with a progress bar and a file of what could not be read."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from monitor.cli.frame import DONE, FAILED, Asked, online
from monitor.config import Config
from monitor.connector import Page
from monitor.model import Mention, SourceState
from monitor.pipeline import Line, ingest, judge, notices
from monitor.pipeline.poll import LEASE
from monitor.store import Busy, sources

_PAGE = 500


class Rejected:
    """FILE.rejected.csv: made when the first row is rejected, gone when none is."""

    def __init__(self, file: Path, *, dry_run: bool) -> None:
        self.path = file.with_name(f"{file.name}.rejected.csv")
        self.count = 0
        self._dry_run = dry_run
        if not dry_run:
            self.path.unlink(missing_ok=True)

    def add(self, line: int, reason: str) -> None:
        """Notes a row by its line and the reason; never what it said."""
        self.count += 1
        if self._dry_run:
            return
        with self.path.open("a", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            if self.count == 1:
                writer.writerow(["line", "reason"])
            writer.writerow([line, reason])


async def import_file(asked: Asked, config: Config, file: Path, source: str, *, dry_run: bool) -> int:
    """Imports `file` as `source`. Repeatable: what is stored already is not stored again."""
    async with online(config) as (line, _client):
        rejected = Rejected(file, dry_run=dry_run)
        counts = {"read": 0, "new": 0, "changed": 0}
        state = None if dry_run else await line.run(_take, line, source)
        rows: Iterator[Any] = line.connectors(source).rows(file, line.now())  # type: ignore[attr-defined]
        size = await line.run(_size, file)
        with click.progressbar(length=size, label=f"importing {file.name}", hidden=asked.json) as bar:
            seen = 0
            while page := list(islice(rows, _PAGE)):
                mentions = [row.mention for row in page if row.mention is not None]
                for row in page:
                    if row.mention is None:
                        rejected.add(row.line, row.reason)
                counts["read"] += len(mentions)
                if state is not None:
                    await _store(line, source, state, mentions, counts)
                bar.update(page[-1].bytes_read - seen)
                seen = page[-1].bytes_read
        if state is not None:
            await line.run(_done, line, source, state)
            await line.run(judge, line)
    _say(asked, file, counts, rejected, dry_run=dry_run)
    return FAILED if rejected.count else DONE


def _size(file: Path) -> int:
    return file.stat().st_size


async def _store(line: Line, source: str, state: SourceState, mentions: list[Mention], counts: dict[str, int]) -> None:
    found = await line.run(ingest, line, line.config.sources[source], state, Page(mentions=mentions), lease_for=LEASE)
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


def _say(asked: Asked, file: Path, counts: dict[str, int], rejected: Rejected, *, dry_run: bool) -> None:
    what = "would be read" if dry_run else f"read: {counts['new']} new, {counts['changed']} changed"
    sentence = f"{file.name}: {counts['read']} rows {what}, {rejected.count} rejected"
    if rejected.count and not dry_run:
        sentence += f"; see {rejected.path.name}"
    asked.say(sentence, file=file.name, **counts, rejected=rejected.count)
