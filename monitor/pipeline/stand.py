"""Stand: what is counted of groups, from the stored past and as it comes, and how a group stands by its counts.

A rule on a surge, a slump or a share begins with what the store already holds: its past teaches what is usual, and is never
in a window, for nobody is told of what was said before anybody watched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from monitor import rules, share, slump, surge
from monitor.model import DRILL, Incident, Rule, SourceState, Stored
from monitor.pipeline.line import Line
from monitor.rules import Stand
from monitor.store import Transaction, incidents, mentions, sources, tallies
from monitor.store.incidents import Match
from monitor.store.mentions import Fresh
from monitor.store.tallies import Amount, Counted, Progress
from monitor.surge import HOUR, Sensitivity, Series

_SEEDED = 2000
"""Mentions of the past in one transaction: no writer waits long for a rule that is new."""
_LATE = timedelta(hours=2)
"""A source that was not asked for so long, or twice its pace, is not wholly collected."""
_YOUNG = timedelta(days=7)
"""A source known for a shorter time than this is left out where the group has others: it shows nothing usual yet."""
_DAWN = datetime(2000, 1, 1, tzinfo=UTC)
_NOTICED = timedelta(hours=2)
"""A source may have failed for so long before its incident was opened."""


def count(line: Line, tx: Transaction, batch: Sequence[Stored], found: Sequence[Match]) -> None:
    """Counts what rules of a group match for the first time, in the hour in which it was said: what a source brings after
    it was down came when it was written. What is to be counted from the store is left to `seed`."""
    said = {one.id: one for one in batch}
    for name in sorted({match.rule for match in found}):
        rule = line.rules[name]
        progress = tallies.progress(tx, rules.counted_as(rule)) if rules.of_group(rule) else None
        if progress is not None:
            of_rule = {match.mention_id: match.group for match in found if match.rule == name}
            keys = (key for key in tallies.uncounted(tx, name, of_rule) if key > progress.goal)
            tallies.add(
                tx, _summed(_counted(rule, said[key], of_rule[key]) for key in keys if said[key].platform != DRILL)
            )


def _of_groups(line: Line) -> list[Rule]:
    """The rules of groups, in the order in which `count` asks for them: on PostgreSQL no two workers wait for each other."""
    return [rule for _, rule in sorted(line.rules.items()) if rules.of_group(rule)]


def remember(line: Line, tx: Transaction, platform: str, source: str, fresh: Iterable[Fresh]) -> None:
    """Counts history as it comes in, for the judge never sees it: a new source's past belongs to what is usual."""
    now = line.now()
    old = [_stored(platform, source, one, now) for one in fresh if one.history]
    for rule in _of_groups(line) if old else ():
        if tallies.progress(tx, rules.counted_as(rule)) is not None:
            tallies.add(tx, _past(rule, old, now))


def recount(line: Line, tx: Transaction, edited: Mapping[int, Fresh]) -> None:
    """Corrects what was counted of mentions that are edited now, by our ids: a review that is rated anew counts as what it
    says now, and history that becomes news is counted when it is judged. Ask before the edits are stored."""
    for rule in _of_groups(line) if edited else ():
        progress = tallies.progress(tx, rules.counted_as(rule))
        if progress is not None:
            fresh = tallies.uncounted(tx, rule.name, edited)
            there = [one for one in mentions.by_id(tx, edited) if one.platform != DRILL and not one.peer]
            changes = (_corrected(rule, one, edited[one.id], progress, judged=one.id not in fresh) for one in there)
            tallies.correct(tx, _summed(change for change in changes if change is not None))


def _corrected(
    rule: Rule, old: Stored, edit: Fresh, progress: Progress, *, judged: bool
) -> tuple[Counted, Amount] | None:
    """What an edit changes of a count; None where the mention is not counted yet."""
    later = old.id > progress.goal
    if rules.weight(rule, old) is None or not (old.id <= progress.upto or (later and (old.history or judged))):
        return None
    key, had = _counted(rule, old, rules.group(rule, old))
    if later and not judged and not edit.history:
        return key, Amount(-had.mentions, -had.bad)
    new = replace(old, mention=edit.mention, assessment=edit.assessment)
    bad = rules.against(rule, new) if rules.weight(rule, new) is not None else had.bad
    return key, Amount(0, (bad or 0.0) - had.bad)


def _stored(platform: str, source: str, one: Fresh, now: datetime) -> Stored:
    return Stored(
        id=0, platform=platform, source=source, mention=one.mention, assessment=one.assessment, first_seen_at=now,
        labels=one.labels, history=True,
    )  # fmt: skip


def seed(line: Line) -> None:
    """Counts the stored past for rules that are new or whose conditions changed, batch by batch."""
    with line.database.read() as tx:
        waiting = [rule for rule in _of_groups(line) if not tallies.done(tallies.progress(tx, rules.counted_as(rule)))]
    for rule in waiting:
        while not _seeded(line, rule):
            pass


def _seeded(line: Line, rule: Rule) -> bool:
    """Counts one batch of the past. Returns whether it was the last."""
    now, name = line.now(), rules.counted_as(rule)
    with line.database.write() as tx:
        incidents.one_judge(tx)
        progress = tallies.progress(tx, name)
        if progress is None:
            upto = mentions.newest(tx, before=now - rules.remembered(rule))
            progress = tallies.begin(tx, name, now, upto=upto, goal=mentions.newest(tx))
        batch = mentions.after(tx, progress.upto, limit=_SEEDED, since=None, other_than=None)
        tallies.add(tx, _past(rule, [one for one in batch if one.id <= progress.goal], now))
        upto = batch[-1].id if len(batch) == _SEEDED else progress.goal
        tallies.move(tx, name, upto)
        return upto >= progress.goal


def _past(rule: Rule, some: Iterable[Stored], now: datetime) -> dict[Counted, Amount]:
    since = now - rules.remembered(rule)
    said = [one for one in some if one.mention.published_at >= since and one.platform != DRILL and not one.peer]
    return _summed(_counted(rule, one, rules.group(rule, one)) for one in said if rules.weight(rule, one) is not None)


def _counted(rule: Rule, one: Stored, group: str) -> tuple[Counted, Amount]:
    hour = min(one.mention.published_at, one.first_seen_at).replace(minute=0, second=0, microsecond=0)
    return Counted(rules.counted_as(rule), group, hour, one.source), Amount(1, rules.against(rule, one) or 0.0)


def _summed(counted: Iterable[tuple[Counted, Amount]]) -> dict[Counted, Amount]:
    sums: dict[Counted, Amount] = {}
    for key, more in counted:
        had = sums.get(key, Amount())
        sums[key] = Amount(had.mentions + more.mentions, had.bad + more.bad)
    return sums


def purge(line: Line) -> int:
    """Forgets the counts that no rule needs any more. Returns how many rows went."""
    now = line.now()
    needed = {rules.counted_as(rule): now - rules.remembered(rule) for rule in _of_groups(line)}
    with line.database.write() as tx:
        return tallies.purge(tx, needed)


class Look(NamedTuple):
    """How a group stands, and since when what was said belongs to that."""

    stand: Stand
    since: datetime


def look(line: Line, tx: Transaction, rule: Rule, group: str, incident: Incident | None) -> Look:
    """How a group stands under a rule on a surge, a slump or a share, with what that changes of its open incident."""
    now = line.now()
    raised_at = None if incident else incidents.last_opened(tx, rule.name, group, now - rules.rests(rule))
    if rule.surge is None:
        return _in_window(line, tx, rule, group, held=incident is not None, rested=raised_at is None)
    sensitivity = Sensitivity(rule.surge)
    reading = surge.read(series(line, tx, rule, group, now), now, line.config.timezone, sensitivity)
    turn = surge.turn(reading, now, held=incident is not None, raised_at=raised_at)
    since = incident.opened_at if incident else reading.rise.since if reading.rise else now
    return Look(rules.surged(reading, turn), since)


def _in_window(line: Line, tx: Transaction, rule: Rule, group: str, *, held: bool, rested: bool) -> Look:
    now, name = line.now(), rules.counted_as(rule)
    progress = tallies.progress(tx, name)
    since = (now - rules.window(rule)).replace(minute=0, second=0, microsecond=0)
    if progress is None or not tallies.done(progress):
        return Look(Stand(None), since)
    there = tallies.by_source(tx, name, group, since)
    since = max(since, _watched(tx, progress.since, there))
    recent = _sum(tallies.by_source(tx, name, group, since))
    if rule.slump is None:
        return Look(rules.soured(rule, share.Moods(*recent), held=held, rested=rested), since)
    past = _sum(tallies.by_source(tx, name, group, since - slump.PAST, until=since))
    return Look(rules.slumped(rule, slump.Ratings(*recent), slump.Ratings(*past), held=held, rested=rested), since)


def _watched(tx: Transaction, since: datetime, names: Iterable[str]) -> datetime:
    """The whole hour from which all that was counted came while it was watched, and is no history: of the rule's own count
    and of these sources."""
    created = [state.created_at for name in names if (state := sources.one(tx, name))]
    return -(-(max([since, *created]) - _DAWN) // HOUR) * HOUR + _DAWN


def _sum(by_source: Mapping[str, Amount]) -> Amount:
    some = by_source.values()
    return Amount(sum(one.mentions for one in some), sum(one.bad for one in some))


def series(line: Line, tx: Transaction, rule: Rule, group: str, now: datetime) -> Series:
    """The group's hours, as those sources counted them that are wholly collected now: what cannot be seen belongs neither
    to the count nor to what is usual. No hours at all where there is no such source, or the past is still being counted."""
    since = (now - surge.PAST * HOUR - 2 * surge.DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    name = rules.counted_as(rule)
    progress, begun = tallies.progress(tx, name), tallies.first(tx, name, group)
    if progress is None or begun is None or not tallies.done(progress):
        return Series(since, ())
    counted = tallies.hours(tx, name, group, max(begun, since))
    known = _known(line, tx, counted, now)
    if not known:
        return Series(since, ())
    first = max(begun, since, *known.values())
    counts = [0] * ((now - first) // HOUR + 1)
    for hour, source, number in counted:
        if source in known and first <= hour <= now:  # a clock that was put back leaves hours to come
            counts[(hour - first) // HOUR] += number
    watched = max(0, (_watched(tx, progress.since, known) - first) // HOUR)
    return Series(first, tuple(counts), _partial(tx, known, counted, first, now), watched)


_Hours = Sequence[tuple[datetime, str, int]]


def _known(line: Line, tx: Transaction, counted: _Hours, now: datetime) -> dict[str, datetime]:
    """The sources that are wholly collected now, and since when each of them is: those that are young only where there
    are no others."""
    found: dict[str, datetime] = {}
    for name in {source for _, source, _ in counted}:
        state = sources.one(tx, name)
        if state is not None and _whole(line, state, now):
            earliest = min(hour for hour, source, _ in counted if source == name)
            found[name] = min(earliest, state.created_at.replace(minute=0, second=0, microsecond=0))
    old = {name: since for name, since in found.items() if now - since >= _YOUNG}
    return old or found


def _whole(line: Line, source: SourceState, now: datetime) -> bool:
    configured = line.config.sources.get(source.name)
    if configured is None or source.failing_since or not (source.walked_at and source.polled_at):
        return False
    return now - source.polled_at <= max(_LATE, 2 * configured.every)


def _partial(tx: Transaction, known: Iterable[str], counted: _Hours, first: datetime, now: datetime) -> frozenset[int]:
    """Positions of the hours in which one of the sources failed, as its incident tells, and of which it brought nothing
    afterwards. One that did has caught up: its hours are whole."""
    found: set[int] = set()
    for source, opened_at, ended_at in incidents.spans(tx, rules.SOURCE_FAILING, known, first - _NOTICED):
        begin, end = opened_at - _NOTICED, ended_at or now
        if not any(begin <= hour < end and one == source for hour, one, _ in counted):
            found.update(range(max(0, (begin - first) // HOUR), max(0, (end - first) // HOUR + 1)))
    return frozenset(at for at in found if at <= (now - first) // HOUR)
