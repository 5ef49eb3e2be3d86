"""Judge: from mentions nobody has judged yet to incidents, and to notifications in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from monitor import campaign, reach, rules
from monitor.model import DRILL, DRILL_GROUP, Incident, Rule, State, Step, Stored
from monitor.pipeline import deadlines, notices
from monitor.pipeline.likeness import campaigns, note
from monitor.pipeline.line import Line
from monitor.pipeline.stand import count, look, seed
from monitor.rules import Decision, Facts, Weight
from monitor.store import Transaction, incidents, log, mentions, sources
from monitor.store.incidents import Match, Silence

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
            seed(line)
            return said


def _judge_mentions(line: Line, tx: Transaction, batch: Sequence[Stored]) -> int:
    read = campaigns(line, tx, batch)
    found = [match for one in read for match in _matches(line, one)]
    count(line, tx, read, found)
    incidents.match(tx, found)
    _release(line, tx, read, found)
    mentions.judged(tx, [one.id for one in batch])
    touched: dict[tuple[str, str], list[int]] = {}
    for match in found:
        touched.setdefault((match.rule, match.group), []).append(match.mention_id)
    return sum(_decide(line, tx, line.rules[rule], group, seen) for (rule, group), seen in touched.items())


def _matches(line: Line, one: Stored) -> Iterable[Match]:
    for rule in line.rules.values():
        if rule.unanswered_for is None and rule.name not in _SOURCE_RULES:
            match = _match(rule, one)
            if match is not None:
                yield match


def _match(rule: Rule, one: Stored) -> Match | None:
    heavy = None if one.peer else rules.weight(rule, one)
    if heavy is None:
        return None
    group = f"{DRILL_GROUP if one.platform == DRILL else ''}{rules.group(rule, one)}"
    return Match(
        rule=rule.name,
        group=group,
        mention_id=one.id,
        at=one.first_seen_at,
        impact=heavy.impact,
        likelihood=heavy.likelihood,
        reach=reach.step(one.mention),
    )


def _release(line: Line, tx: Transaction, batch: Sequence[Stored], found: Sequence[Match]) -> None:
    """Takes out of incidents that are over what has become worse since: it opens a new one."""
    again = {one.id for one in batch if one.version > 1 or reach.step(one.mention)}
    now = {(match.rule, match.mention_id): match for match in found if match.mention_id in again}
    for key, over in incidents.over(tx, {key for _, key in now}):
        match = now.get((over.rule, key))
        heavy = match and Weight(match.impact, match.likelihood)
        if match and heavy and rules.relapses(line.rules[over.rule], over, heavy, match.reach, line.appetite):
            incidents.release(tx, over.rule, key)


_SOURCE_RULES = frozenset({rules.SOURCE_FAILING, rules.SOURCE_QUIET})


def _decide(line: Line, tx: Transaction, rule: Rule, group: str, seen: Collection[int] = ()) -> int:
    """Decides about a rule in one group; `seen` are those of its mentions that were looked at now."""
    now = line.now()
    incident = incidents.unresolved(tx, rule.name, group)
    if rules.of_group(rule):
        return _decide_group(line, tx, rule, group, incident, seen)
    facts = _facts(line, tx, rule, group, incident, seen, since=now - rule.within if rule.within else None)
    decision = rules.decide(rule, incident, facts, now, line.appetite)
    return _apply(line, tx, group, decision, now) if decision else 0


def _decide_group(  # noqa: PLR0917  # private, and what _decide was given
    line: Line, tx: Transaction, rule: Rule, group: str, incident: Incident | None, seen: Collection[int]
) -> int:
    now = line.now()
    found = look(line, tx, rule, group, incident)
    if incident is None and found.stand.turn is None:
        return 0
    facts = _facts(line, tx, rule, group, incident, seen, since=found.since)
    decision = rules.decide_group(rule, incident, facts, found.stand, now, appetite=line.appetite)
    return _apply(line, tx, group, decision, now) if decision else 0


def _facts(  # noqa: PLR0917  # private, and what _decide was given
    line: Line,
    tx: Transaction,
    rule: Rule,
    group: str,
    incident: Incident | None,
    seen: Collection[int],
    *,
    since: datetime | None,
) -> Facts:
    against = rules.of_group(rule) and rule.surge is None  # what speaks for the group is no part of what went wrong
    loose = incidents.loose(tx, rule.name, group, since, heavy=against)
    if rule.risk in rules.MUTED and loose:
        muted = incidents.matching(tx, campaign.RISK, [one.mention_id for one in loose])
        loose = [one for one in loose if one.mention_id not in muted]
    told = set(seen).difference(one.mention_id for one in loose) if incident else set()
    again = incidents.joined(tx, incident.id, rule.name, told) if incident and told else []
    weights = [Weight(one.impact, one.likelihood) for one in (*loose, *again)]
    return Facts(
        fresh=[one.mention_id for one in loose],
        heaviest=max(weights, key=lambda one: one.score, default=Weight(1, 0)),
        reach=max((one.reach for one in (*loose, *again)), default=0),
        silent_until=_silent_until(incidents.silenced(tx, line.now()), rule.name, group),
        chain=_escalations(line, rule),
        drill=group.startswith(DRILL_GROUP),
        reminders=deadlines.reminders(line, tx, incident) if incident else (),
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
    incident = incidents.save(tx, deadlines.begun(line, tx, incident, decision.attach, now))
    if incident.risk == campaign.RISK and decision.attach:
        incident = incidents.save(tx, replace(incident, note=rules.far(incident.reach, note(line, tx, incident))))
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
    found = _unanswered(tx, rule, line.now() - patience)
    incidents.match(tx, found)
    return sum(_decide(line, tx, rule, group) for group in dict.fromkeys(match.group for match in found))


def _unanswered(tx: Transaction, rule: Rule, until: datetime) -> list[Match]:
    """Some of what nobody answered and `rule` has not seen yet; what does not satisfy it never stands before the rest."""
    since, key = until - _UNANSWERED_LOOK_BACK, 0
    while True:
        left = mentions.unanswered(tx, rule, since=since, until=until, after=key, limit=_BATCH)
        found = [match for one in left if (match := _match(rule, one)) is not None]
        if found or len(left) < _BATCH:
            return found
        since, key = left[-1].first_seen_at, left[-1].id


def _judge_sources(line: Line, tx: Transaction) -> int:
    """Opens, repeats and ends the incidents of sources that fail or fall silent."""
    now = line.now()
    broken: dict[tuple[str, str], rules.Breach] = {}
    for state in sources.troubled(tx, now, rules.QUIET_LOOK):
        source = line.config.sources.get(state.name)
        if source is not None and source.peer:  # what of a competitor could not be seen, the digest says
            continue
        for breach in rules.source_breaches(state, now, quiet_after=source.quiet_after if source else None):
            broken[breach.rule, state.name] = breach
    there = {(one.rule, one.group): one for one in incidents.of_rules(tx, _SOURCE_RULES)}
    silences = incidents.silenced(tx, now)
    said = 0
    for key in sorted(broken.keys() | there.keys()):
        name, group = key
        rule = line.rules.get(name)
        if rule is not None:
            before = there.get(key)
            flapping = before is not None and incidents.ended(tx, name, group, rules.flapping_since(before))
            silent_until = _silent_until(silences, name, group)
            decision = rules.decide_source(
                rule, before, broken.get(key), now, flapping=flapping, silent_until=silent_until
            )
            said += _apply(line, tx, group, decision, now) if decision else 0
    return said
