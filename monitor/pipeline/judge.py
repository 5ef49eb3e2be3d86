"""Judge: from mentions nobody has judged yet to incidents, and to notifications in the same transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from monitor import campaign, rules, surge
from monitor.model import Incident, Rule, SourceState, State, Step, Stored
from monitor.pipeline import notices
from monitor.pipeline.likeness import campaigns, note
from monitor.pipeline.line import Line
from monitor.rules import Decision, Facts, Weight
from monitor.store import Transaction, incidents, log, mentions, sources, tallies
from monitor.store.incidents import Match, Silence
from monitor.surge import Sensitivity, Series

say = structlog.get_logger()

_BATCH = 500
_UNANSWERED_LOOK_BACK = timedelta(days=30)


def judge(line: Line) -> int:
    """Judges all that waits, batch by batch, one transaction each. Returns how many things were said."""
    said = 0
    while True:
        with line.database.write() as tx:
            incidents.one_judge(tx)
            batch = mentions.unjudged(tx, _BATCH)
            said += _judge_mentions(line, tx, batch)
            if len(batch) < _BATCH:
                said += _judge_times(line, tx)
                said += _judge_sources(line, tx)
            line.reach("before_judged")
        line.reach("after_judged")
        if len(batch) < _BATCH:
            return said


def _judge_mentions(line: Line, tx: Transaction, batch: Sequence[Stored]) -> int:
    read = campaigns(line, tx, batch)
    found = [match for one in read for match in _matches(line, one)]
    _count(line, tx, read, found)
    incidents.match(tx, found)
    mentions.judged(tx, [one.id for one in batch])
    touched = dict.fromkeys((match.rule, match.group) for match in found)
    return sum(_decide(line, tx, line.rules[rule], group) for rule, group in touched)


def _count(line: Line, tx: Transaction, batch: Sequence[Stored], found: Sequence[Match]) -> None:
    """Counts what rules on a surge match for the first time, in the hour in which it was said: what a source brings after
    it was down came when it was written."""
    said = {one.id: one for one in batch}
    counts: Counter[tallies.Counted] = Counter()
    for name in sorted({match.rule for match in found}):
        rule = line.rules[name]
        if rule.surge is not None:
            of_rule = {match.mention_id: match.group for match in found if match.rule == name}
            for key in tallies.uncounted(tx, name, of_rule):
                one = said[key]
                hour = min(one.mention.published_at, one.first_seen_at).replace(minute=0, second=0, microsecond=0)
                counts[tallies.Counted(rules.counted_as(rule), of_rule[key], hour, one.source)] += 1
    tallies.add(tx, counts)


def _matches(line: Line, one: Stored) -> Iterable[Match]:
    for rule in line.rules.values():
        if rule.unanswered_for is None and rule.name not in _SOURCE_RULES:
            match = _match(rule, one)
            if match is not None:
                yield match


def _match(rule: Rule, one: Stored) -> Match | None:
    heavy = rules.weight(rule, one)
    if heavy is None:
        return None
    group = rules.group(rule, one)
    return Match(
        rule=rule.name,
        group=group,
        mention_id=one.id,
        at=one.first_seen_at,
        impact=heavy.impact,
        likelihood=heavy.likelihood,
    )


_SOURCE_RULES = frozenset({rules.SOURCE_FAILING, rules.SOURCE_QUIET})


def _decide(line: Line, tx: Transaction, rule: Rule, group: str) -> int:
    now = line.now()
    incident = incidents.unresolved(tx, rule.name, group)
    if rule.surge is not None:
        return _decide_surge(line, tx, rule, group, incident)
    facts = _facts(line, tx, rule, group, now)
    decision = rules.decide(rule, incident, facts, now, line.appetite)
    return _apply(line, tx, group, decision, now) if decision else 0


def _decide_surge(line: Line, tx: Transaction, rule: Rule, group: str, incident: Incident | None) -> int:
    now = line.now()
    sensitivity = Sensitivity(rule.surge or Sensitivity.MEDIUM)
    reading = surge.read(_series(line, tx, rule, group, now), now, line.config.timezone, sensitivity)
    raised_at = None if incident else incidents.last_opened(tx, rule.name, group, now - surge.REPEAT_AFTER)
    turn = surge.turn(reading, now, held=incident is not None, raised_at=raised_at)
    if incident is None and turn is None:
        return 0
    since = incident.opened_at if incident else reading.rise.since if reading.rise else now
    facts = _facts(line, tx, rule, group, now, since=since)
    risen = rules.Risen(reading, turn)
    decision = rules.decide_surge(rule, incident, facts, risen, now, appetite=line.appetite)
    return _apply(line, tx, group, decision, now) if decision else 0


_LATE = timedelta(hours=2)
"""A source that was not asked for so long, or twice its pace, is not wholly collected."""


def _series(line: Line, tx: Transaction, rule: Rule, group: str, now: datetime) -> Series:
    """The group's hours, as those sources counted them that are wholly collected now: what cannot be seen belongs neither
    to the count nor to what is usual. No hours at all where there is no such source."""
    since = (now - surge.PAST * surge.HOUR - 2 * surge.DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    name = rules.counted_as(rule)
    begun = tallies.first(tx, name, group)
    first = max(begun, since) if begun else since
    counted = tallies.hours(tx, name, group, first)
    whole = {source for source in {source for _, source, _ in counted} if _whole(line, sources.one(tx, source), now)}
    counts = [0] * ((now - first) // surge.HOUR + 1)
    for hour, source, number in counted:
        if source in whole:
            counts[(hour - first) // surge.HOUR] += number
    return Series(first, tuple(counts) if whole else ())


def _whole(line: Line, source: SourceState | None, now: datetime) -> bool:
    configured = line.config.sources.get(source.name) if source else None
    if source is None or configured is None or source.failing_since or not (source.walked_at and source.polled_at):
        return False
    return now - source.polled_at <= max(_LATE, 2 * configured.every)


def _facts(
    line: Line, tx: Transaction, rule: Rule, group: str, now: datetime, *, since: datetime | None = None
) -> Facts:
    if since is None and rule.within:
        since = now - rule.within
    loose = incidents.loose(tx, rule.name, group, since)
    heaviest = max(
        (Weight(one.impact, one.likelihood) for one in loose), key=lambda one: one.score, default=Weight(1, 0)
    )
    return Facts(
        fresh=[one.mention_id for one in loose],
        heaviest=heaviest,
        silent_until=_silent_until(incidents.silenced(tx, now), rule.name, group),
        chain=_escalations(line, rule),
    )


def _silent_until(silences: Iterable[Silence], rule: str, group: str) -> datetime | None:
    ends = [one.until for one in silences if one.rule == rule and one.group in {None, group}]
    return max(ends, default=None)


def _escalations(line: Line, rule: Rule) -> list[Step]:
    return [step for name in rule.inboxes for step in line.config.inboxes[name].escalate]


def _apply(line: Line, tx: Transaction, group: str, decision: Decision, now: datetime) -> int:
    """Stores an incident's change, its log line and its notifications: all of them, or none."""
    fresh = decision.incident.id == 0
    incident = replace(decision.incident, group=group) if fresh else decision.incident
    incident = incidents.save(tx, incident)
    incidents.attach(tx, incident.id, incident.rule, decision.attach)
    if incident.risk == campaign.RISK and decision.attach:
        incident = incidents.save(tx, replace(incident, note=note(line, tx, incident)))
    line.reach("before_outbox")
    _record(tx, incident, decision, now, fresh=fresh)
    for told in decision.told:
        notices.incident(line, tx, incident, told, now, told_before=decision.told_before)
    return len(decision.told)


def _record(tx: Transaction, incident: Incident, decision: Decision, now: datetime, *, fresh: bool) -> None:
    reasons = [told.reason.value for told in decision.told]
    action = "opened" if fresh else "resolved" if incident.state is State.RESOLVED else "looked"
    if not (fresh or reasons or decision.attach):
        return
    detail = {
        "rule": incident.rule,
        "level": incident.level.value,
        "mentions": incident.mentions,
        "joined": len(decision.attach),
        "told": reasons,
        "inboxes": sorted({box for told in decision.told for box in told.inboxes}),
    }
    log.add(tx, now, action, f"incident:{incident.id}", detail)
    if fresh or reasons:
        say.info("incident", id=incident.id, rule=incident.rule, told=reasons)


def _judge_times(line: Line, tx: Transaction) -> int:
    """What only the passing of time brings: steps that are due, and mentions left unanswered."""
    now = line.now()
    said = 0
    for incident in incidents.due(tx, now, _BATCH):
        rule = line.rules.get(incident.rule) or _as_it_was(incident)
        if incident.rule not in _SOURCE_RULES:
            said += _decide(line, tx, rule, incident.group)
    for rule in line.rules.values():
        if rule.unanswered_for is not None:
            said += _judge_unanswered(line, tx, rule, rule.unanswered_for)
    return said


def _as_it_was(incident: Incident) -> Rule:
    """The rule of an incident that outlived it in the configuration: it ends as it began."""
    return Rule(name=incident.rule, inboxes=incident.inboxes, level=incident.level, count=1)


def _judge_unanswered(line: Line, tx: Transaction, rule: Rule, patience: timedelta) -> int:
    until = line.now() - patience
    since = until - _UNANSWERED_LOOK_BACK
    left = mentions.unanswered(tx, rule.name, kinds=rule.kinds or (), since=since, until=until, limit=_BATCH)
    found = [match for one in left if (match := _match(rule, one)) is not None]
    incidents.match(tx, found)
    return sum(_decide(line, tx, rule, group) for group in dict.fromkeys(match.group for match in found))


def _judge_sources(line: Line, tx: Transaction) -> int:
    """Opens, repeats and ends the incidents of sources that fail or fall silent."""
    now = line.now()
    broken: dict[tuple[str, str], rules.Breach] = {}
    for state in sources.troubled(tx, now, rules.QUIET_LOOK):
        source = line.config.sources.get(state.name)
        for breach in rules.source_breaches(state, now, quiet_after=source.quiet_after if source else None):
            broken[breach.rule, state.name] = breach
    there = {(one.rule, one.group): one for one in incidents.of_rules(tx, _SOURCE_RULES)}
    said = 0
    for key in sorted(broken.keys() | there.keys()):
        name, group = key
        rule = line.rules.get(name)
        if rule is not None:
            before = there.get(key)
            flapping = before is not None and incidents.ended(tx, name, group, rules.flapping_since(before))
            decision = rules.decide_source(rule, before, broken.get(key), now, flapping=flapping)
            said += _apply(line, tx, group, decision, now) if decision else 0
    return said
