"""The story of an incident, a mention or a notification: what the store, the log and the rules know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from monitor import campaign, profile, reach
from monitor.assess.lexicon import lexicon
from monitor.cause import Cause
from monitor.cli import shapes, timeline
from monitor.cli.sources import state_of
from monitor.clocks import correction_due_at
from monitor.messages import Playbook, causes, lasting, playbook
from monitor.model import Detail, Incident, Notification, Removal, Rule, Signal, Stored
from monitor.pipeline import Line
from monitor.pipeline.cause import cause
from monitor.pipeline.stand import look
from monitor.rules import MUST_GO, MUTED, least, of_group, unmet, window
from monitor.store import Transaction, incidents, mentions, outbox, removals, sources


def by_beginning(tx: Transaction, key: str) -> Notification | None:
    """The notification whose id is `key` or, where that is unmistakable, begins with it."""
    whole = outbox.one(tx, key)
    if whole is not None or len(key) < 6:
        return whole
    found = [one for one in outbox.listed(tx) if one.id.startswith(key)]
    return found[0] if len(found) == 1 else None


class Story:
    """What is known about a subject, gathered from the store in one view of it."""

    def __init__(self, line: Line, tx: Transaction, *, chain: bool) -> None:
        self.line, self.tx, self.chain = line, tx, chain

    def facts(self, one: Incident | Stored | Notification) -> dict[str, Any]:
        """All of it, for machines."""
        match one:
            case Incident():
                said = [self._mention(found, [one.id]) for found in self.mentions(one)]
                return shapes.incident(one, said) | self._decided(one)
            case Stored():
                of = mentions.incidents_of(self.tx, [one.id]).get(one.id, [])
                mine = [found for key in of if (found := incidents.one(self.tx, key))]
                told = [shapes.incident(found) | self._decided(found) for found in mine]
                return self._mention(one, of) | {"why_not": self.why_not(one), "incident_facts": told}
            case Notification():
                mine = [found for found in [incidents.one(self.tx, one.incident_id or 0)] if found]
                return shapes.notification(one) | {
                    "history": [shapes.logged(link) for link in timeline.of_notification(self.tx, one.id)],
                    "incident_facts": [self.facts(found) for found in mine],
                }

    def _mention(self, one: Stored, of: Sequence[int]) -> dict[str, Any]:
        facts = shapes.mention(one, of)
        if self.must_go(one):
            facts |= {"still_up": one.gone_at is None, "last_seen_at": self.seen_at(one)}
        if (asked := self.removal(one)) is not None:
            facts |= {"removal": shapes.removal(asked), "still_up": one.gone_at is None}
        if self.chain:
            known = sources.one(self.tx, one.source)
            why = self.line.assessor.opinion(one.mention)
            facts |= {
                "signals": [_signal(one, found) for found in one.assessment.signals],
                "assessor": one.assessment.assessor,
                "not_believed": [_signal(one, found) for found in self.doubted(one)],
                "opinion": why and asdict(why),
                "matched_rules": self.matched(one),
                "unmet": self.unmet(one),
                "reach": reach.step(one.mention),
                "versions": [{"version": number, "until": at} for number, at in mentions.told(self.tx, one.id)],
                "source_facts": shapes.source(one.source, one.platform, self.state(one.source), known),
            }
        return facts

    def doubted(self, one: Stored) -> tuple[Signal, ...]:
        """What the assessor of today finds in a mention and does not believe."""
        said = one.mention
        parents = mentions.parents(self.tx, one.platform, {said.parent_id} if said.ours and said.parent_id else ())
        return self.line.assessor.doubted(said, one.assessment.sentiment, parents.get(said.parent_id or ""))

    def _decided(self, one: Incident) -> dict[str, Any]:
        sent = outbox.listed(self.tx, incident_id=one.id)
        return {
            "correction_due_at": correction_due_at(one),
            "report_due_at": one.report_due_at,
            "playbook": (book := self.playbook(one)) and asdict(book),
            "cause": causes.data(self.cause(one), detail=Detail.FULL, keep=()),
            "rule_facts": conditions(self.line.rules.get(one.rule)),
            "timeline": [shapes.logged(link) for link in timeline.of_incident(self.tx, one.id)],
            "deliveries": [shapes.notification(found) for found in sent],
        }

    def mentions(self, one: Incident, limit: int | None = None) -> list[Stored]:
        """The mentions of an incident, the weightiest first."""
        keys = incidents.mention_ids(self.tx, one.id, limit=limit)
        by_id = {found.id: found for found in mentions.by_id(self.tx, keys)}
        return [by_id[key] for key in keys]

    def playbook(self, one: Incident) -> Playbook | None:
        """What to do about an incident where its weightiest mention stands."""
        return playbook(one, self.mentions(one, 5))

    def cause(self, one: Incident) -> Cause | None:
        """What an incident of many mentions is made of."""
        return cause(self.line, self.tx, one)

    def matched(self, one: Stored) -> list[dict[str, Any]]:
        """The rules whose conditions the mention meets, and the incident that it went into, if there was one."""
        found = incidents.rules_of(self.tx, one.id)
        campaigns = {incident for rule, _, incident in found if rule == campaign.RISK and incident is not None}
        return [
            {"rule": rule, "group": group, "incident": incident}
            | ({"muted_by": min(campaigns)} if incident is None and rule in MUTED and campaigns else {})
            for rule, group, incident in found
        ]

    def must_go(self, one: Stored) -> bool:
        """Whether we said it ourselves and it was told as something that must be taken down."""
        return one.mention.ours and any(
            match["rule"] in MUST_GO and match["incident"] is not None for match in self.matched(one)
        )

    def removal(self, one: Stored) -> Removal | None:
        """What its platform was asked about it, None where it was asked nothing."""
        return removals.of(self.tx, [one.id]).get(one.id)

    def looked_up(self, one: Stored) -> bool:
        """Whether its connector can look up whether it is still there."""
        return one.source in self.line.config.sources and hasattr(self.line.connectors(one.source), "recheck")

    def seen_at(self, one: Stored) -> datetime | None:
        """When it was last known to be on its platform."""
        return mentions.seen(self.tx, [one.id]).get(one.id)

    def state(self, source: str) -> str:
        """How a source is doing."""
        return state_of(self.line, source, sources.one(self.tx, source))

    def why_not(self, one: Stored) -> str | None:
        """Why a mention opened no incident; None where it did."""
        matched = self.matched(one)
        waiting = [match["rule"] for match in matched if match["incident"] is None]
        notify = self.line.appetite.notify
        if len(waiting) < len(matched):
            return None
        if waiting:
            return "; ".join(self._waits(match) for match in matched)
        if one.history:
            return "it was said before we watched: such mentions are counted and open nothing"
        far = reach.step(one.mention)
        heaviest = max(
            (reach.raised(had.impact, far) * had.likelihood * 5 for had in one.assessment.signals), default=25
        )
        if heaviest < notify:
            score = f"{heaviest:.1f} of 25{f' ({reach.words(far)})' if far else ''}"
            return f"its heaviest signal scores {score}, and [appetite] notify is {notify:g}: it is only counted"
        return "no rule's conditions hold for it"

    def _waits(self, match: dict[str, Any]) -> str:
        rule = self.line.rules.get(match["rule"])
        if rule is None or not of_group(rule):
            return f"it counts for {match['rule']}, which takes more mentions than came"
        stands = self.stands(rule, match["group"]) or "too little is known to say how the group stands"
        return f"it counts for {match['rule']}, which is about the whole group: {stands}"

    def stands(self, rule: Rule, group: str) -> str:
        """How a group stands now under a rule on a surge, a slump or a share, in words; empty where nothing is known."""
        return look(self.line, self.tx, rule, group, incidents.unresolved(self.tx, rule.name, group)).stand.note

    def unmet(self, one: Stored) -> dict[str, list[str]]:
        """What keeps a mention from each rule of the configuration that does not hold for it, by the rule's name."""
        found = {rule.name: unmet(rule, one) for rule in self.line.config.rules}
        return {name: [_WRITTEN.get(key, key) for key in keys] for name, keys in found.items() if keys}


_WRITTEN = {"score_at_least": "risk_at_least"}
"""Conditions that are called otherwise in the configuration."""


def _signal(one: Stored, found: Signal) -> dict[str, Any]:
    more = {"score": round(found.score, 2), "means": means(found.rule), "points_at": points_at(one, found)}
    return shapes.signal(found) | more


def points_at(one: Stored, found: Signal) -> str:
    """The words that a signal points at."""
    return (one.mention.title if found.field == "title" else one.mention.text)[found.start : found.end]


def means(rule: str) -> str | None:
    """What a rule of the lexicon or of the organisation's own policy looks for, in words; None for one that this version
    does not have."""
    if rule.startswith(profile.RULE):
        return profile.means(rule)
    if rule == campaign.RULE:
        return campaign.MEANS
    policy = rule.removeprefix("voice.")
    if policy != rule:
        return f"Does not keep to [voice.{policy}], a rule of your own policy."
    return next((known.means for known in lexicon().rules if known.id == rule), None)


def _counting(rule: Rule) -> dict[str, Any]:
    """How many mentions it takes, and within what."""
    if rule.surge is not None:
        return {}
    windowed = of_group(rule)
    span = window(rule) if windowed else rule.within
    return {"count": least(rule) if windowed else rule.count, "within": span and lasting(span)}


def conditions(rule: Rule | None) -> dict[str, Any] | None:
    """What a rule asks for, without what it leaves open; None for one that the configuration no longer has."""
    if rule is None:
        return None
    facts = {
        "name": rule.name, "level": rule.level and rule.level.value, "risk": rule.risk,
        "score_at_least": rule.score_at_least or None, "kinds": rule.kinds and sorted(rule.kinds),
        "sources": rule.sources and sorted(rule.sources), "ours": rule.ours, "stars_below": rule.stars_below,
        "sentiment_below": rule.sentiment_below, **_counting(rule),
        "unanswered_for": rule.unanswered_for and lasting(rule.unanswered_for), "at_odds": rule.at_odds or None,
        "surge": rule.surge, "slump": rule.slump, "negative_share": rule.negative_share, "group_by": list(rule.group_by),
        "inboxes": list(rule.inboxes), "ack_within": rule.ack_within and lasting(rule.ack_within),
        "unsilenceable": rule.unsilenceable or None,
    }  # fmt: skip
    return {name: value for name, value in facts.items() if value is not None}
