"""Removal: what a platform was asked to take down, followed until it is gone."""

from __future__ import annotations

from monitor.model import Answer, Removal, Stored
from monitor.pipeline import deadlines
from monitor.pipeline.line import Line
from monitor.pipeline.work import NotPossible
from monitor.store import Transaction, incidents, log, mentions, removals

AT_ONCE = 20
"""So many mentions of an incident are asked for at once: more must be named one by one, as platforms want them."""


def ask(line: Line, *, incident: int | None = None, mention: int | None = None, ground: str, by: str) -> list[Removal]:
    """Remembers that the platform was asked, now, to take down a mention, or all of an incident that are still up. Asking
    again begins anew. Raises NotPossible."""
    now, who = line.now(), by or "somebody"
    with line.database.write() as tx:
        incidents.one_judge(tx)
        there = [one for one in _meant(tx, incident, mention) if one.gone_at is None]
        if not there:
            raise NotPossible("its platform no longer has it: there is nothing to ask for")
        for one in there:
            removals.ask(tx, one.id, now=now, by=who, ground=ground)
            _record(tx, line, "removal_asked", one.id, incident, {"platform": one.platform, "ground": ground}, who)
        found = removals.of(tx, [one.id for one in there])
    return [found[one.id] for one in there]


def answered(
    line: Line, what: Answer, *, incident: int | None = None, mention: int | None = None, note: str = "", by: str
) -> list[Removal]:
    """Remembers what a platform answered, or that we do not ask any more. What is granted is followed until it is gone.
    Raises NotPossible."""
    now, who = line.now(), by or "somebody"
    with line.database.write() as tx:
        incidents.one_judge(tx)
        there = removals.of(tx, [one.id for one in _meant(tx, incident, mention)])
        if not there:
            raise NotPossible(
                "its platform was not asked to take it down; `wellheard removal ID --asked` says that it was"
            )
        for key in there:
            removals.answer(tx, key, what, now=now, by=who)
            _record(tx, line, f"removal_{what.value}", key, incident, {"note": note}, who)
        found = removals.of(tx, list(there))
    return list(found.values())


def known(line: Line, *, incident: int | None = None, mention: int | None = None) -> list[Removal]:
    """What was asked of its platform about a mention, or about those of an incident. Raises NotPossible."""
    with line.database.read() as tx:
        return list(removals.of(tx, [one.id for one in _meant(tx, incident, mention, at_most=None)]).values())


def _meant(
    tx: Transaction, incident: int | None, mention: int | None, *, at_most: int | None = AT_ONCE
) -> list[Stored]:
    """The mention, or those of the incident, which are `at_most` so many."""
    if mention is not None:
        found = mentions.by_id(tx, [mention])
        if not found:
            raise NotPossible(f"there is no mention {mention}; `wellheard mentions` lists them")
        return found
    if incident is None or incidents.one(tx, incident) is None:
        raise NotPossible(f"there is no incident {incident}; `wellheard incidents --state all` lists them")
    keys = incidents.mention_ids(tx, incident, limit=at_most + 1 if at_most else None)
    if at_most and len(keys) > at_most:
        raise NotPossible(
            f"incident {incident} has more than {at_most} mentions; name the one, such as mention:{keys[0]}"
        )
    if not keys:
        raise NotPossible(f"incident {incident} has no mentions: there is nothing to take down")
    return mentions.by_id(tx, keys)


def _record(  # noqa: PLR0917  # who did what to which, and where it is told
    tx: Transaction, line: Line, action: str, key: int, incident: int | None, detail: dict[str, str], by: str
) -> None:
    """Adds it to the log, under the incident where there is one, whose deadlines have changed with it."""
    of = [incident] if incident is not None else mentions.incidents_of(tx, [key]).get(key, [])
    said = {"mention": key} | {name: value for name, value in detail.items() if value}
    for subject in [f"incident:{number}" for number in of] or [f"mention:{key}"]:
        log.add(tx, line.now(), action, subject, said, actor=by)
    for number in of:
        deadlines.moved(line, tx, number)
