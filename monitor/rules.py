"""When is it an incident, and what is said about it: pure. The tables in tests/test_rules.py are its specification."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from monitor import reach, share, slump, surge
from monitor.model import NEUTRAL, Incident, Level, Outcome, Reason, Rule, SourceState, State, Step, Stored
from monitor.surge import Reading, Sensitivity, Turn

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

EVERYBODY = "*"
"""The inbox of a chain's last step: all who were told so far hear that nobody answered."""
THE_TOLD = ""
"""The inbox of a chain's first step: those who were told at the opening are reminded."""

MUST_GO = ("own_post_phi", "own_reply_conduct", "own_reply_phi", "own_medical_advice")
"""The classes of what we said ourselves and must take down: it is looked after until it is gone."""

MUTED = frozenset({"brand_service_complaint", "review_integrity"})
"""The classes of single complaints: what is part of a campaign is told as that, and counts for none of them. What may be
true of somebody's care, or dangerous, is never muted."""

SOURCE_FAILING = "source_failing"
SOURCE_QUIET = "source_quiet"

_NOTIFY_DEFAULT, _URGENT_DEFAULT = 6.0, 15.0
_CRITICAL = 20.0
"""The score, of 25, from which an incident is critical: impact 5 at a likelihood of 0.8."""

_LONGEST_GROUP = 300
"""The columns take 400, and a drill writes a word before it."""

_GROWTH_PAUSE: Mapping[Level, timedelta] = {
    Level.CRITICAL: 15 * MINUTE,
    Level.URGENT: 30 * MINUTE,
    Level.WARNING: 4 * HOUR,
    Level.INFO: DAY,
}
"""At most one word about growth per incident and pause; what came meanwhile is counted in it."""


class _Default(NamedTuple):
    inboxes: tuple[str, ...]
    ack_within: timedelta
    unsilenceable: bool = False


# Inboxes and times of /risk/taxonomy.md: who must know, and by when somebody must have answered.
_DEFAULTS: Mapping[str, _Default] = {
    "own_reply_phi": _Default(("compliance", "risk", "marketing"), HOUR),
    "own_post_phi": _Default(("compliance", "risk", "marketing"), HOUR),
    "privacy_breach_allegation": _Default(("compliance", "risk"), 4 * HOUR),
    "self_disclosed_phi": _Default(("marketing",), DAY),
    "own_medical_advice": _Default(("risk", "marketing"), 2 * HOUR),
    "clinical_harm_allegation": _Default(("risk", "marketing"), 4 * HOUR),
    "patient_safety_signal": _Default(("risk",), 8 * HOUR),
    "misconduct_discrimination": _Default(("risk", "compliance"), HOUR),
    "legal_regulatory_threat": _Default(("risk", "compliance"), 4 * HOUR),
    "threat_to_staff": _Default(("security", "risk"), 15 * MINUTE, unsilenceable=True),
    "self_harm_crisis": _Default(("security", "risk"), 15 * MINUTE, unsilenceable=True),
    "account_compromise": _Default(("security", "marketing"), 15 * MINUTE),
    "impersonation_misrepresentation": _Default(("marketing", "security"), 4 * HOUR),
    "coordinated_campaign": _Default(("marketing", "security", "risk"), HOUR),
    "review_integrity": _Default(("marketing",), DAY),
    "own_reply_conduct": _Default(("compliance", "marketing"), 4 * HOUR),
    "brand_service_complaint": _Default(("marketing",), 2 * DAY),
    "own_voice": _Default(("marketing",), 2 * DAY),
}

_ACK_LASTS = 3 * DAY
"""How long somebody may have an incident without ending it, before it is everybody's again."""

_COMPLAINTS, _COMPLAINTS_WITHIN = 5, DAY
"""Ordinary complaints are told by their number, never one by one."""


def builtin(*, notify: float = _NOTIFY_DEFAULT) -> dict[str, Rule]:
    """The built-in rule of each risk class, by class: a mention whose signal reaches `notify` (0-25) opens an incident."""
    rules = {
        risk: Rule(
            name=risk,
            risk=risk,
            inboxes=default.inboxes,
            ack_within=default.ack_within,
            ack_lasts=_ACK_LASTS,
            unsilenceable=default.unsilenceable,
            score_at_least=notify,
        )
        for risk, default in _DEFAULTS.items()
    }
    complaint = rules["brand_service_complaint"]
    rules["brand_service_complaint"] = replace(
        complaint, level=Level.WARNING, score_at_least=0.0, count=_COMPLAINTS, within=_COMPLAINTS_WITHIN
    )
    # The organisation's own policy was not kept: told whatever the appetite, and never a reason to wake anybody.
    rules["own_voice"] = replace(rules["own_voice"], score_at_least=0.0, loudest=Level.WARNING)
    return rules


def source_rules(inboxes: tuple[str, ...]) -> dict[str, Rule]:
    """The rules for sources that fail or fall silent: what we cannot see, somebody must know."""
    return {
        name: Rule(name=name, inboxes=inboxes, level=Level.WARNING, group_by=(), ack_within=None)
        for name in (SOURCE_FAILING, SOURCE_QUIET)
    }


def changed(
    rule: Rule,
    *,
    inboxes: tuple[str, ...] | None,
    ack_within: timedelta | None,
    level: Level | None,
    ack_lasts: timedelta | None = None,
) -> Rule:
    """A built-in rule with what the configuration changes of it; None leaves a thing as it is."""
    return replace(
        rule,
        inboxes=inboxes if inboxes is not None else rule.inboxes,
        ack_within=ack_within if ack_within is not None else rule.ack_within,
        ack_lasts=ack_lasts if ack_lasts is not None else rule.ack_lasts,
        level=level if level is not None else rule.level,
    )


_STAND_INS: Mapping[str, str] = {"compliance": "risk", "security": "risk"}


def reachable(rule: Rule, configured: Container[str]) -> Rule:
    """The rule with inboxes that exist: compliance and security fall back to risk, each inbox is told once."""
    inboxes = [name if name in configured else _STAND_INS.get(name, name) for name in rule.inboxes]
    return replace(rule, inboxes=tuple(dict.fromkeys(name for name in inboxes if name in configured)))


class Appetite(NamedTuple):
    """From which score (0-25) an organisation wants to be told, and told at once."""

    notify: float = _NOTIFY_DEFAULT
    urgent: float = _URGENT_DEFAULT


_USUAL = Appetite()


class Weight(NamedTuple):
    """How heavily a mention weighs under a rule: impact 1-5, likelihood 0-1."""

    impact: int
    likelihood: float

    @property
    def score(self) -> float:
        """0 to 25, the scale of the appetite."""
        return self.impact * self.likelihood * 5


_PLAIN = Weight(1, 0.0)


def weight(rule: Rule, one: Stored) -> Weight | None:  # noqa: PLR0911 (one for each condition)
    """What `one` weighs under `rule`, None where a condition does not hold. What is unknown satisfies no limit."""
    said, found = one.mention, one.assessment
    if rule.kinds is not None and said.kind not in rule.kinds:
        return None
    if rule.ours is not None and said.ours is not rule.ours:
        return None
    if rule.sources is not None and one.source not in rule.sources:
        return None
    if rule.stars_below is not None and (said.stars is None or said.stars >= rule.stars_below):
        return None
    if rule.sentiment_below is not None and (found.sentiment is None or found.sentiment >= rule.sentiment_below):
        return None
    if rule.at_odds and not one.at_odds:
        return None
    speaks = against(rule, one)
    if speaks is None:
        return None
    heaviest = _heaviest(rule, one)
    return heaviest and max(heaviest, Weight(1, speaks), key=lambda found: found.score)


_CONDITIONS = (
    "kinds", "sources", "ours", "stars_below", "sentiment_below", "at_odds", "slump", "negative_share", "risk",
    "score_at_least",
)  # fmt: skip


def unmet(rule: Rule, one: Stored) -> list[str]:
    """The conditions of `rule`, each by itself, that do not hold for `one`."""
    alone = {key: Rule(name=rule.name, inboxes=(), **{key: getattr(rule, key)}) for key in _CONDITIONS}
    return [key for key, condition in alone.items() if weight(condition, one) is None]


def against(rule: Rule, one: Stored) -> float | None:
    """How much a mention speaks against its group under a rule on a slump (the stars lost, 0 to 1) or a share (1 where it
    is negative); 0 under every other rule, None where that cannot be known."""
    if rule.slump is not None:
        return None if one.mention.stars is None else slump.lost(one.mention.stars)
    if rule.negative_share is not None:
        return None if one.mood is None else float(one.mood <= -NEUTRAL)
    return 0.0


def _heaviest(rule: Rule, one: Stored) -> Weight | None:
    step = reach.step(one.mention)
    signals = [
        Weight(reach.raised(signal.impact, step), signal.likelihood)
        for signal in one.assessment.signals
        if rule.risk is None or signal.risk == rule.risk
    ]
    heaviest = max(signals, key=lambda found: found.score, default=None)
    if heaviest is None:
        return _PLAIN if rule.risk is None and not rule.score_at_least else None
    return heaviest if heaviest.score >= rule.score_at_least else None


def group(rule: Rule, one: Stored) -> str:
    """The group that `one` counts for: the values of the labels in `group_by`, or its source where it has none."""
    values = [one.labels[name] for name in rule.group_by if name in one.labels]
    name = " / ".join(values) or one.source
    if len(name) <= _LONGEST_GROUP:
        return name
    whole = blake2b(name.encode(), digest_size=6).hexdigest()  # two long names that begin alike stay two groups
    return f"{name[: _LONGEST_GROUP - 13]}#{whole}"


def by_score(score: float, *, notify: float, urgent: float) -> Level:
    """The level of a score (0-25) for an organisation with this appetite."""
    if score >= max(_CRITICAL, urgent):
        return Level.CRITICAL
    if score >= urgent:
        return Level.URGENT
    return Level.WARNING if score >= notify else Level.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the store knows of a rule and group: the matching mentions in no incident yet and in the rule's window,
    the heaviest and the step of the furthest-reaching of them and of those in the incident that were read again, until
    when it is silenced, the chains of the inboxes that would be told, and when they are reminded of the incident's
    deadlines."""

    fresh: Sequence[int] = ()
    heaviest: Weight = _PLAIN
    reach: int = 0
    silent_until: datetime | None = None
    chain: Sequence[Step] = ()
    drill: bool = False
    reminders: Sequence[datetime] = ()


class Told(NamedTuple):
    """One thing to say, why, and to which inboxes."""

    reason: Reason
    inboxes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of an incident: its new state, the mentions that join it, what is said, and of how many mentions
    people knew before."""

    incident: Incident
    attach: Sequence[int] = ()
    told: tuple[Told, ...] = ()
    told_before: int = 0


def decide(
    rule: Rule, incident: Incident | None, facts: Facts, now: datetime, appetite: Appetite = _USUAL
) -> Decision | None:
    """What to do about `rule` in one group: open, grow, worsen, remind, escalate - or nothing (None)."""
    if incident is None:
        return _opened(rule, facts, now, appetite) if len(facts.fresh) >= rule.count else None
    if incident.state is State.RESOLVED:
        return None
    quiet = facts.silent_until is not None and not rule.unsilenceable
    changed, reason = _joined(rule, incident, facts, now, appetite)
    told: list[Told] = []
    if incident.told_at is None and not quiet:
        told.append(Told(Reason.OPENED, changed.inboxes))
    elif reason is not None and not quiet:
        told.append(Told(reason, changed.inboxes))
    if not quiet and _lapses(rule, incident, now):
        changed = _taken_back(rule, changed, facts, now)
        told = [Told(Reason.LAPSED, changed.inboxes)]
    changed, steps = _climbed(changed, now)
    if not quiet:
        told.extend(steps)
        if _near_deadline(incident, facts, now):
            changed = replace(changed, reminded_at=now)
            told = told or [Told(Reason.DEADLINE, changed.inboxes)]  # whatever is said names the deadlines
    changed = _spoken(changed, told, now) if told else changed
    changed = replace(changed, next_step_at=_next_look(rule, changed, facts, now, quiet=quiet))
    if changed == incident and not facts.fresh:
        return None
    return Decision(incident=changed, attach=facts.fresh, told=tuple(told), told_before=incident.told_mentions)


def counted_as(rule: Rule) -> str:
    """Under which name a rule's mentions are counted: other conditions, another count."""
    said = (
        sorted(rule.kinds or ()), rule.risk, sorted(rule.sources or ()), rule.ours, rule.stars_below,
        rule.sentiment_below, rule.score_at_least, rule.group_by, rule.at_odds, bool(rule.slump),
        rule.negative_share is not None, rule.surge is None and rule.within,
    )  # fmt: skip
    return f"{rule.name}#{blake2b(repr(said).encode(), digest_size=4).hexdigest()}"


_SURGE_LOOK = HOUR
"""How often it is looked whether a surge is over."""


def of_group(rule: Rule) -> bool:
    """Whether a rule is about a group as a whole, and not about its mentions one by one."""
    return rule.surge is not None or rule.slump is not None or rule.negative_share is not None


def window(rule: Rule) -> timedelta:
    """The window of a rule on a slump or a share."""
    return rule.within or (slump.WITHIN if rule.slump is not None else share.WITHIN)


def remembered(rule: Rule) -> timedelta:
    """How far back a rule of a group needs its counts."""
    if rule.surge is not None:
        return surge.PAST * HOUR + 3 * DAY
    return window(rule) + (slump.PAST if rule.slump is not None else timedelta()) + DAY


def least(rule: Rule) -> int:
    """How many mentions the window of a rule on a slump or a share must have."""
    return rule.count if rule.count > 1 else slump.LEAST if rule.slump is not None else share.LEAST


class Stand(NamedTuple):
    """How a group stands, in words, and what that changes."""

    turn: Turn | None
    note: str = ""


def surged(reading: Reading, turn: Turn | None) -> Stand:
    """A group against its usual number of mentions."""
    return Stand(turn, rose(reading))


def slumped(rule: Rule, recent: slump.Ratings, past: slump.Ratings, *, held: bool, rested: bool) -> Stand:
    """A group's stars against its own past."""
    reading = slump.read(recent, past, Sensitivity(rule.slump or Sensitivity.MEDIUM), least=least(rule))
    return Stand(_turn(held, reading.over, reading.low and rested), fell(rule, recent, past))


def soured(rule: Rule, recent: share.Moods, *, held: bool, rested: bool) -> Stand:
    """The share of what is negative against the limit of a rule."""
    reading = share.read(recent, rule.negative_share or 0.0, least=least(rule))
    return Stand(_turn(held, reading.over, reading.high and rested), negative(rule, recent))


def _turn(held: bool, over: bool, up: bool) -> Turn | None:  # noqa: FBT001 (three facts, always in this order)
    if held:
        return Turn.CLEARED if over else None
    return Turn.RAISED if up else None


def rests(rule: Rule) -> timedelta:
    """How long after its last incident of a rule a group is not called again."""
    if rule.surge is not None:
        return surge.REPEAT_AFTER
    return slump.REST if rule.slump is not None else share.REST


def decide_group(
    rule: Rule, incident: Incident | None, facts: Facts, stand: Stand, now: datetime, *, appetite: Appetite = _USUAL
) -> Decision | None:
    """What to do about a rule on a surge, a slump or a share in one group: open when it is raised, end when it is over, and
    between the two whatever is done for any incident."""
    if incident is None:
        return _raised(rule, facts, stand.note, now, appetite) if stand.turn is Turn.RAISED and facts.fresh else None
    quiet = facts.silent_until is not None and not rule.unsilenceable
    if stand.turn is Turn.CLEARED and incident.state is not State.RESOLVED:
        over = replace(resolved(incident, now), mentions=incident.mentions + len(facts.fresh), step=incident.step + 1)
        told = () if quiet else (Told(Reason.RESOLVED, incident.inboxes),)
        return Decision(incident=over, attach=facts.fresh, told=told, told_before=incident.told_mentions)
    decision = decide(rule, incident, facts, now, appetite)
    return _looked_at_again(decision or Decision(incident=incident, told_before=incident.told_mentions), now)


def _raised(rule: Rule, facts: Facts, note: str, now: datetime, appetite: Appetite) -> Decision:
    opened = _opened(rule, facts, now, appetite)
    level = max(opened.incident.level, rule.level or Level.WARNING, key=lambda one: one.rank)
    incident = replace(opened.incident, level=level, note=far(facts.reach, note))
    return _looked_at_again(replace(opened, incident=incident), now)


def _looked_at_again(decision: Decision, now: datetime) -> Decision:
    due = min(decision.incident.next_step_at or now + _SURGE_LOOK, now + _SURGE_LOOK)
    return replace(decision, incident=replace(decision.incident, next_step_at=due))


def rose(reading: Reading) -> str:
    """What a surge is made of, in words."""
    rise = reading.rise
    if rise is None:
        return ""
    usual = f"{rise.expected:.1f}" if rise.expected < 10 else f"{rise.expected:.0f}"
    return f"{rise.mentions} mentions since {rise.since:%Y-%m-%d %H:%M} UTC, where {usual} are usual"


def fell(rule: Rule, recent: slump.Ratings, past: slump.Ratings) -> str:
    """How the stars of a window compare, in words."""
    now = f"{recent.stars:.1f} stars in {recent.reviews} reviews" if recent.reviews else "no reviews with stars"
    before = f"{past.stars:.1f} in the {past.reviews} of the year before" if past.reviews else "and none before"
    return f"{now} of the last {_span(window(rule))}, {before}"


def negative(rule: Rule, recent: share.Moods) -> str:
    """How much of a window is negative, in words."""
    if not recent.mentions:
        return f"nothing that was said in the last {_span(window(rule))} has a mood"
    surely = f"surely over {share.at_least(recent):.0%}, the limit is {rule.negative_share or 0:.0%}"
    return (
        f"{recent.negative:.0f} of {recent.mentions} mentions of the last {_span(window(rule))} are negative: {surely}"
    )


def _opened(rule: Rule, facts: Facts, now: datetime, appetite: Appetite) -> Decision:
    level = _level(rule, facts.heaviest, appetite)
    incident = Incident(
        id=0,
        rule=rule.name,
        group="",
        risk=rule.risk,
        level=level,
        impact=facts.heaviest.impact,
        likelihood=facts.heaviest.likelihood,
        state=State.OPEN,
        opened_at=now,
        inboxes=rule.inboxes,
        chain=chain(rule, facts.chain),
        ack_due_at=now + rule.ack_within if rule.ack_within else None,
        mentions=len(facts.fresh),
        reach=facts.reach,
        note=far(facts.reach, ""),
        drill=facts.drill,
    )
    quiet = facts.silent_until is not None and not rule.unsilenceable
    told = () if quiet else (Told(Reason.OPENED, rule.inboxes),)
    incident = _spoken(incident, told, now) if told else incident
    incident = replace(incident, next_step_at=_next_look(rule, incident, facts, now, quiet=quiet))
    return Decision(incident=incident, attach=facts.fresh, told=told)


def _level(rule: Rule, heaviest: Weight, appetite: Appetite) -> Level:
    level = rule.level or by_score(heaviest.score, notify=appetite.notify, urgent=appetite.urgent)
    return rule.loudest if rule.loudest and rule.loudest.rank < level.rank else level


def chain(rule: Rule, escalations: Sequence[Step]) -> tuple[Step, ...]:
    """The chain that an incident is born with: a reminder when the acknowledgement is due, the inboxes' own steps in
    the order of their times, and a last word to all. It is finite, and frozen at the opening."""
    if rule.ack_within is None:
        return ()
    firsts = [Step(after=rule.ack_within, inbox=THE_TOLD)]
    steps = sorted({*firsts, *escalations}, key=lambda step: (step.after, step.inbox))
    return (*steps, Step(after=steps[-1].after + rule.ack_within, inbox=EVERYBODY))


def _joined(
    rule: Rule, incident: Incident, facts: Facts, now: datetime, appetite: Appetite
) -> tuple[Incident, Reason | None]:
    """The incident with the fresh mentions in it, and whether that is worth a word now: at once where it is heavier than
    before or one of them has come to another step of reach, and after a pause where there are only more."""
    changed, reason = replace(incident, mentions=incident.mentions + len(facts.fresh)), None
    if facts.heaviest.score > incident.impact * incident.likelihood * 5:
        changed = replace(changed, impact=facts.heaviest.impact, likelihood=facts.heaviest.likelihood)
    level = _level(rule, facts.heaviest, appetite)
    if level.rank > incident.level.rank and (facts.fresh or facts.heaviest.score):
        changed, reason = replace(changed, level=level), Reason.WORSENED
    if facts.reach > incident.reach:
        note = far(facts.reach, incident.note)
        changed, reason = replace(changed, reach=facts.reach, note=note), Reason.WORSENED
    if reason is None and changed.mentions > changed.told_mentions and _may_grow(rule, changed, now):
        reason = Reason.GREW
    return changed, reason


def relapses(rule: Rule, over: Incident, heavy: Weight, step: int, appetite: Appetite = _USUAL) -> bool:
    """Whether a mention of a resolved incident is to be told anew: it reaches further or is louder than anything told of in
    it. Never after a false alarm, and never where one mention alone is no breach."""
    if over.outcome is Outcome.FALSE_ALARM or over.drill or rule.count > 1 or rule.within or of_group(rule):
        return False
    return step > over.reach or _level(rule, heavy, appetite).rank > over.level.rank


_REACHED = "one of its mentions has come to "


def far(step: int, note: str) -> str:
    """A note, with the step of reach (0 to 4) in place of an earlier one."""
    kept = [part for part in note.split("; ") if part and not part.startswith(_REACHED)]
    return "; ".join([*kept, f"{_REACHED}{reach.words(step)}"] if step else kept)


def _may_grow(rule: Rule, incident: Incident, now: datetime) -> bool:
    due_at = _growth_due_at(rule, incident)
    return due_at is not None and now >= due_at


def _growth_due_at(rule: Rule, incident: Incident) -> datetime | None:
    """When there may be a word about growth. Never about a slump or a share: that there are more is no news there."""
    if incident.told_at is None or (of_group(rule) and rule.surge is None):
        return None
    return incident.told_at + _GROWTH_PAUSE[incident.level]


def _climbed(incident: Incident, now: datetime) -> tuple[Incident, list[Told]]:
    """Goes up the chain as far as the time has come, as long as nobody has acknowledged."""
    told: list[Told] = []
    while incident.state is State.OPEN and incident.chain_step < len(incident.chain):
        step = incident.chain[incident.chain_step]
        if now < incident.opened_at + step.after:
            break
        inboxes = incident.inboxes if step.inbox in {THE_TOLD, EVERYBODY} else (step.inbox,)
        reason = Reason.REMINDER if step.inbox == THE_TOLD else Reason.ESCALATED
        told.append(Told(reason, inboxes))
        all_told = (*incident.inboxes, *(box for box in inboxes if box not in incident.inboxes))
        incident = replace(incident, chain_step=incident.chain_step + 1, inboxes=all_told)
    return incident, told[-1:]  # after a long downtime only the last step due is said, not one mail for each


def _lapses(rule: Rule, incident: Incident, now: datetime) -> bool:
    """Whether somebody has had the incident for so long that it is everybody's again."""
    if incident.state is not State.ACKED or incident.acked_at is None or rule.ack_lasts is None:
        return False
    return now >= incident.acked_at + rule.ack_lasts


def _taken_back(rule: Rule, incident: Incident, facts: Facts, now: datetime) -> Incident:
    """The incident open again, with a chain that begins now."""
    late = now - incident.opened_at
    steps = tuple(replace(step, after=step.after + late) for step in chain(rule, facts.chain))
    due = now + rule.ack_within if rule.ack_within else None
    return replace(incident, state=State.OPEN, acked_at=None, ack_due_at=due, chain=steps, chain_step=0)


def _spoken(incident: Incident, told: Sequence[Told], now: datetime) -> Incident:
    return replace(incident, told_at=now, told_mentions=incident.mentions, step=incident.step + len(told))


def _near_deadline(incident: Incident, facts: Facts, now: datetime) -> bool:
    """Whether a reminder is due that nobody got; after a long downtime it is one, not all that were missed."""
    since = incident.reminded_at or incident.opened_at
    return any(since < moment <= now for moment in facts.reminders)


def _next_look(rule: Rule, incident: Incident, facts: Facts, now: datetime, *, quiet: bool) -> datetime | None:
    looks = [moment for moment in facts.reminders if moment > now]
    if incident.state is State.OPEN and incident.chain_step < len(incident.chain):
        looks.append(incident.opened_at + incident.chain[incident.chain_step].after)
    if incident.state is State.ACKED and incident.acked_at is not None and rule.ack_lasts is not None:
        looks.append(incident.acked_at + rule.ack_lasts)
    if quiet and facts.silent_until is not None:
        looks = [facts.silent_until]
    elif incident.mentions > incident.told_mentions and (grows_at := _growth_due_at(rule, incident)) is not None:
        looks.append(grows_at)
    return min(looks, default=None)


def resolved(incident: Incident, now: datetime) -> Incident:
    """The incident at its end: it asks for nothing any more."""
    return replace(incident, state=State.RESOLVED, resolved_at=now, next_step_at=None)


class Breach(NamedTuple):
    """What is wrong with a source: the rule it breaks and a sentence."""

    rule: str
    note: str


_PATIENCE: Mapping[str, timedelta] = {"Unavailable": HOUR, "Throttled": 2 * HOUR}
"""How long an outage may last before people hear of it, and not before the second try."""
_AT_ONCE = frozenset({"AuthRejected", "NotPermitted"})
"""What only a person can mend: every further try costs time in which nothing is heard."""
_QUIET_AT_LEAST, _QUIET_FACTOR, _QUIET_KNOWN = DAY, 3, 10
QUIET_LOOK = _QUIET_AT_LEAST
"""No source is called silent sooner than this."""


def source_breaches(source: SourceState, now: datetime, *, quiet_after: timedelta | None = None) -> list[Breach]:
    """What is wrong with a source now. Silence is measured against the longest that this source ever kept, three times
    over, at least a day, and only once it has shown what it is like."""
    found: list[Breach] = []
    if source.failing_since is not None:
        patience = _PATIENCE.get(source.remedy or "", timedelta(0))
        tried = source.failures >= 2 or source.remedy in _AT_ONCE
        if tried and now - source.failing_since >= patience:
            found.append(Breach(SOURCE_FAILING, source.error or "no reason given"))
    elif source.last_new_at is not None:
        learned = max(_QUIET_AT_LEAST, _QUIET_FACTOR * source.longest_gap)
        known = source.mentions >= _QUIET_KNOWN
        gap = quiet_after or (learned if known else None)
        if gap is not None and now - source.last_new_at > gap:
            found.append(Breach(SOURCE_QUIET, f"nothing new for {_span(now - source.last_new_at)}"))
    return found


_RELAPSE_WITHIN = DAY
"""A source that breaks down again so soon after it recovered is flapping."""
_MUST_HOLD = 6 * HOUR
"""How long the recovery of a flapping source must last to be believed."""


def flapping_since(incident: Incident) -> datetime:
    """An earlier incident of the same source that ended later than this shows that it is flapping."""
    return incident.opened_at - _RELAPSE_WITHIN


def decide_source(
    rule: Rule,
    incident: Incident | None,
    breach: Breach | None,
    now: datetime,
    *,
    flapping: bool = False,
    silent_until: datetime | None = None,
) -> Decision | None:
    """A source's incident: told once, then daily, and once when it is over: at once the first time, and when it has
    lasted where the source is flapping, so that one that comes and goes is one incident and not twenty."""
    if breach is None:
        return (
            None if incident is None else _recovered(incident, now, flapping=flapping, quiet=silent_until is not None)
        )
    if incident is None:
        opened = Incident(
            id=0, rule=rule.name, group="", risk=None, level=rule.level or Level.WARNING, impact=2, likelihood=1.0,
            state=State.OPEN, opened_at=now, inboxes=rule.inboxes,
        )  # fmt: skip
        return _broken(opened, breach, now, silent_until)
    if incident.calm_since is not None:
        again = (incident.told_at or now) + DAY if incident.state is State.OPEN else None
        return Decision(incident=replace(incident, calm_since=None, note=breach.note, next_step_at=again))
    if incident.state is State.OPEN and (incident.told_at is None or now - incident.told_at >= DAY):
        return _broken(incident, breach, now, silent_until)
    return None


def _broken(incident: Incident, breach: Breach, now: datetime, silent_until: datetime | None) -> Decision | None:
    """Tells that a source is broken, or still is; while it is silenced nobody is told, and it waits for the end of that."""
    known = replace(incident, note=breach.note)
    if silent_until is not None:
        waits = replace(known, next_step_at=silent_until)
        return None if waits == incident else Decision(incident=waits)
    told = (Told(Reason.OPENED if incident.told_at is None else Reason.REMINDER, incident.inboxes),)
    return Decision(incident=replace(_spoken(known, told, now), next_step_at=now + DAY), told=told)


def _recovered(incident: Incident, now: datetime, *, flapping: bool, quiet: bool) -> Decision | None:
    calm_since = incident.calm_since or now
    if flapping and now < calm_since + _MUST_HOLD:
        calm = replace(incident, calm_since=calm_since, next_step_at=calm_since + _MUST_HOLD)
        return None if calm == incident else Decision(incident=calm)
    over = replace(resolved(incident, now), step=incident.step + 1)
    told = () if quiet or incident.told_at is None else (Told(Reason.RESOLVED, incident.inboxes),)
    return Decision(incident=over, told=told)


def _span(gap: timedelta) -> str:
    hours = int(gap.total_seconds() // 3600)
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
