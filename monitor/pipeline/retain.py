"""Retain: what is kept, how long, and assessing again what an older assessor judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from monitor.model import Assessment, Mention, Stored
from monitor.pipeline import stand, terms
from monitor.pipeline.likeness import kept
from monitor.pipeline.line import Line
from monitor.store import Transaction, holds, log, mentions

_BATCH = 200
"""Rows a transaction: no writer waits long for the cleaner."""


class Going(NamedTuple):
    """How many mentions of a platform are past their time, and why: `mentions` and `own_replies` are deleted by
    `[retention]`, `terms` and `refresh` emptied because the platform lets nobody keep them, or keep them unconfirmed."""

    platform: str
    reason: str
    mentions: int


class Preview(NamedTuple):
    """What `retain` would do now, and what it would leave although it is past its time, because somebody holds it."""

    going: tuple[Going, ...]
    held: tuple[Going, ...]


def preview(line: Line) -> Preview:
    """What `retain` would do now. Each mention counts once."""
    with line.database.read() as tx:
        ends = terms.ends(line, tx, line.now())
        going, held = (mentions.going(tx, ends, held=kept) for kept in (False, True))
    return Preview(tuple(Going(*row) for row in going), tuple(Going(*row) for row in held))


def retain(line: Line) -> int:
    """Deletes what is past its retention and blanks what a platform's terms let nobody keep, in short transactions; what
    is held stays. Returns how many mentions went."""
    now = line.now()
    with line.database.read() as tx:
        ends, platforms = terms.ends(line, tx, now), terms.platforms(line, tx)
    for platform, access in platforms.items():
        if terms.limited(access):
            _enrol(line, platform)

    def delete(tx: Transaction) -> int:
        holds.removing(tx)
        ids = mentions.expired(tx, ends, limit=_BATCH)
        mentions.delete(tx, ids)
        return len(ids)

    deleted = _repeat(line, delete)
    blanked = sum(_blank(line, now, mentions.stale, platform, end) for platform, end in ends.terms.items())
    blanked += sum(_blank(line, now, mentions.lapsed, platform, end) for platform, end in ends.refresh.items())
    stand.purge(line)
    if deleted or blanked:
        with line.database.write() as tx:
            log.add(tx, now, "retained", "store", {"deleted": deleted, "blanked": blanked})
    return deleted + blanked


def _enrol(line: Line, platform: str) -> None:
    """Lets mentions of a time before the platform's terms were known to us be found by them. It is looked for once in
    the life of a process, for it reads all of the platform."""
    if platform in line.enrolled:
        return
    while True:
        with line.database.read() as tx:
            ids = mentions.unlimited(tx, platform, limit=_BATCH)
        if not ids:
            break
        with line.database.write() as tx:
            mentions.enrol(tx, ids)
    line.enrolled.add(platform)


def _blank(line: Line, now: datetime, past: Callable[..., list[int]], platform: str, end: datetime) -> int:
    def blank(tx: Transaction) -> int:
        holds.removing(tx)
        return mentions.blank(tx, past(tx, platform, end, limit=_BATCH), now)

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
    answered = [(one.mention, parents.get((one.platform, one.mention.parent_id or ""))) for one in batch]
    anew = line.assessor.assess_all(answered)
    assessed = {one.id: kept(new, one.assessment) for one, new in zip(batch, anew, strict=True)}
    return assessed | {one.id: replace(assessed[one.id], signals=()) for one in batch if one.peer}
