"""How often a rule was right, by what people said of its incidents, and what would have kept it quiet when it was not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.digest.part import Range, share
from monitor.model import Incident, Outcome

_ENOUGH = 8
"""Verdicts from which on a threshold may be suggested: with fewer, one mistake of one person decides it."""
_WORTH = 2
"""False alarms that a threshold must spare."""
_SAID = frozenset({Outcome.RESPONDED, Outcome.REMOVED, Outcome.NO_ACTION, Outcome.FALSE_ALARM})
"""Outcomes that are a verdict. A note alone says neither."""
_NEVER = frozenset({"threat_to_staff", "self_harm_crisis"})
"""Rules about people in danger: no number of false alarms is a reason to listen less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """A rule's record: of `judged` incidents `false` were false alarms. `right` is the share of the others with its
    range. `threshold` is the score from which on it would have spared `spared` of the false alarms and missed no other,
    None where no score does, where there are too few verdicts, or where people may be in danger."""

    rule: str
    judged: int
    false: int
    right: Range
    threshold: float | None = None
    spared: int = 0


def precision(incidents: Iterable[Incident]) -> tuple[Precision, ...]:
    """The record of each rule that a person has judged, the one with the most false alarms first. Drills are left out."""
    by_rule: defaultdict[str, list[Incident]] = defaultdict(list)
    for one in incidents:
        if one.outcome in _SAID and not one.drill:
            by_rule[one.rule].append(one)
    found = [_of(rule, judged) for rule, judged in by_rule.items()]
    return tuple(sorted(found, key=lambda one: (-one.false, -one.judged, one.rule)))


def score(one: Incident) -> float:
    """What an incident weighed on the scale of the appetite, 0 to 25."""
    return one.impact * one.likelihood * 5


def _of(rule: str, judged: Sequence[Incident]) -> Precision:
    false = [score(one) for one in judged if one.outcome is Outcome.FALSE_ALARM]
    real = [score(one) for one in judged if one.outcome is not Outcome.FALSE_ALARM]
    lightest = min(real, default=0.0)
    spared = sum(weight < lightest for weight in false)
    told = rule not in _NEVER and len(judged) >= _ENOUGH and spared >= _WORTH
    return Precision(
        rule=rule,
        judged=len(judged),
        false=len(false),
        right=share(len(real), len(judged)),
        threshold=lightest if told else None,
        spared=spared if told else 0,
    )
