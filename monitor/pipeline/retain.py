"""Retain: what is kept, how long, and assessing again what an older assessor judged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from monitor.model import Assessment
from monitor.pipeline.line import Line
from monitor.store import log, mentions

_BATCH = 200
"""Rows a transaction: no writer waits long for the cleaner."""


def retain(line: Line, *, dry_run: bool = False) -> int:
    """Deletes what is past its retention, in short transactions. Returns how many mentions went, or would go."""
    now = line.now()
    before, own_before = now - line.config.retention.mentions, now - line.config.retention.own_replies
    if dry_run:
        with line.database.read() as tx:
            return mentions.count_expired(tx, before, own_before)
    went = 0
    while True:
        with line.database.write() as tx:
            ids = mentions.expired(tx, before, own_before, limit=_BATCH)
            mentions.delete(tx, ids)
        went += len(ids)
        if len(ids) < _BATCH:
            break
    if went:
        with line.database.write() as tx:
            log.add(tx, now, "retained", "store", {"deleted": went})
    return went


def rescore(
    line: Line,
    *,
    since: datetime | None = None,
    everything: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Assesses stored mentions again, those of older assessors or all; each batch is one transaction, so that it can
    be stopped and started again. History stays history: a better assessor raises no old dust. Returns how many."""
    done = 0
    key = 0
    skip = None if everything else line.assessor.name
    while True:
        with line.database.write() as tx:
            batch = mentions.after(tx, key, limit=_BATCH, since=since, other_than=skip)
            wanted: dict[str, set[str]] = {}
            for one in batch:
                if one.mention.ours and one.mention.parent_id:
                    wanted.setdefault(one.platform, set()).add(one.mention.parent_id)
            parents = {
                (platform, parent_id): parent
                for platform, ids in wanted.items()
                for parent_id, parent in mentions.parents(tx, platform, ids).items()
            }
            found: dict[int, Assessment] = {}
            for one in batch:
                parent = parents.get((one.platform, one.mention.parent_id or ""))
                found[one.id] = line.assessor.assess(one.mention, parent)
            mentions.reassess(tx, found, judge=False)
        if not batch:
            return done
        done += len(batch)
        key = batch[-1].id
        if progress is not None:
            progress(len(batch))
