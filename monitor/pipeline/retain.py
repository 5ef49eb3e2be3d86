"""Retain: what is kept, how long, and assessing again what an older assessor judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from monitor.model import Assessment, Mention, Stored
from monitor.pipeline.line import Line
from monitor.store import Transaction, log, mentions

_BATCH = 200
"""Rows a transaction: no writer waits long for the cleaner."""


def retain(line: Line, *, dry_run: bool = False) -> int:
    """Deletes what is past its retention and blanks what a platform's terms let nobody keep, in short transactions.
    Returns how many mentions went, or would go."""
    now = line.now()
    before, own_before = now - line.config.retention.mentions, now - line.config.retention.own_replies
    if dry_run:
        with line.database.read() as tx:
            return mentions.count_expired(tx, before, own_before)

    def delete(tx: Transaction) -> int:
        ids = mentions.expired(tx, before, own_before, limit=_BATCH)
        mentions.delete(tx, ids)
        return len(ids)

    blanked = sum(_blank(line, platform, now, span) for platform, span in _terms(line).items())
    deleted = _repeat(line, delete)
    if deleted or blanked:
        with line.database.write() as tx:
            log.add(tx, now, "retained", "store", {"deleted": deleted, "blanked": blanked})
    return deleted + blanked


def _terms(line: Line) -> dict[str, timedelta]:
    """How long the terms of the configured platforms allow their mentions to be kept, where they say so."""
    connectors = [line.connectors(name) for name in line.config.sources]
    return {one.platform: one.access.retention for one in connectors if one.access.retention is not None}


def _blank(line: Line, platform: str, now: datetime, span: timedelta) -> int:
    def blank(tx: Transaction) -> int:
        return mentions.blank(tx, mentions.stale(tx, platform, now - span, limit=_BATCH), now)

    return _repeat(line, blank)


def _repeat(line: Line, work: Callable[[Transaction], int]) -> int:
    """Does a batch in a transaction of its own until a batch is not full. Returns how many rows that were."""
    total = 0
    while True:
        with line.database.write() as tx:
            done = work(tx)
        total += done
        if done < _BATCH:
            return total


def rescore(
    line: Line,
    *,
    since: datetime | None = None,
    everything: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Assesses stored mentions again, those of older assessors or all; each batch is one transaction, so that it can
    be stopped and started again. Nothing is judged again: a better assessor raises no old dust. Returns how many."""
    done = key = 0
    skip = None if everything else line.assessor.name
    while True:
        with line.database.write() as tx:
            batch = mentions.after(tx, key, limit=_BATCH, since=since, other_than=skip)
            mentions.reassess(tx, _assessed(line, tx, batch), judge=False)
        if not batch:
            return done
        done += len(batch)
        key = batch[-1].id
        if progress is not None:
            progress(len(batch))


def _assessed(line: Line, tx: Transaction, batch: Sequence[Stored]) -> dict[int, Assessment]:
    parents: dict[tuple[str, str], Mention] = {}
    for platform in {one.platform for one in batch}:
        wanted = {one.mention.parent_id for one in batch if one.platform == platform and one.mention.ours}
        found = mentions.parents(tx, platform, {key for key in wanted if key})
        parents |= {(platform, key): parent for key, parent in found.items()}
    return {
        one.id: line.assessor.assess(one.mention, parents.get((one.platform, one.mention.parent_id or "")))
        for one in batch
    }
