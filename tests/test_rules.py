"""When is it an incident, and what is said: tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor import rules
from monitor.model import (
    Assessment,
    Incident,
    Kind,
    Level,
    Mention,
    Reason,
    Rule,
    Signal,
    SourceState,
    State,
    Step,
    Stored,
)
from monitor.rules import Breach, Facts, Stand, Weight, decide, decide_source, source_breaches
from monitor.share import Moods
from monitor.slump import Ratings
from monitor.surge import Turn

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RULE = Rule(name="threat", inboxes=("risk",), risk="threat_to_staff", ack_within=15 * MINUTE)
HEAVY = Weight(5, 0.9)
LIGHT = Weight(3, 0.5)


def stored(*signals: Signal, **said: object) -> Stored:
    values: dict[str, object] = {"external_id": "1", "kind": Kind.REVIEW, "text": "x", "published_at": NOW} | said
    labels = values.pop("labels", {})
    sentiment = values.pop("sentiment", None)
    return Stored(
        id=1,
        platform="p",
        source="s",
        mention=Mention(**values),  # type: ignore[arg-type]
        assessment=Assessment(lang="en", sentiment=sentiment, signals=signals, assessor="t"),  # type: ignore[arg-type]
        first_seen_at=NOW,
        labels=labels,  # type: ignore[arg-type]
    )


def signal(risk: str = "threat_to_staff", impact: int = 5, likelihood: float = 0.9) -> Signal:
    return Signal(risk=risk, impact=impact, likelihood=likelihood, start=0, end=1, rule="r")


def opened(**changes: object) -> Incident:
    decision = decide(RULE, None, Facts(fresh=[1], heaviest=HEAVY), NOW)
    assert decision is not None
    return replace(decision.incident, id=7, group="Main", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("conditions", "said", "holds"),
    [
        ({}, {}, True),
        ({"kinds": frozenset({Kind.REVIEW})}, {}, True),
        ({"kinds": frozenset({Kind.POST})}, {}, False),
        ({"stars_below": 3}, {"stars": 2}, True),
        ({"stars_below": 3}, {"stars": 3}, False),
        ({"stars_below": 3}, {}, False),  # unknown stars satisfy no limit
        ({"sentiment_below": -0.2}, {"sentiment": -0.3}, True),
        ({"sentiment_below": -0.2}, {"sentiment": -0.2}, False),
        ({"sentiment_below": -0.2}, {"sentiment": None}, False),  # nor does an unreadable text
        ({"ours": True}, {}, False),
        ({"ours": False}, {}, True),
        ({"ours": True}, {"ours": True}, True),
        ({"sources": frozenset({"s"})}, {}, True),
        ({"sources": frozenset({"other"})}, {}, False),
        ({"risk": "threat_to_staff"}, {}, False),  # no such signal
        ({"score_at_least": 1.0}, {}, False),
        ({"kinds": frozenset({Kind.REVIEW}), "stars_below": 3}, {"stars": 4}, False),  # conditions are and-ed
        ({"at_odds": True}, {"stars": 5, "sentiment": -0.6}, True),
        ({"at_odds": True}, {"stars": 1, "sentiment": 0.6}, True),
        ({"at_odds": True}, {"stars": 1, "sentiment": -0.6}, False),
        ({"at_odds": True}, {"stars": 5, "sentiment": -0.4}, False),  # not angry enough to disagree
        ({"at_odds": True}, {"stars": 5, "sentiment": None}, False),
        ({"slump": "medium"}, {"stars": 5}, True),  # good reviews are weighed, too
        ({"slump": "medium"}, {}, False),
        ({"negative_share": 0.4}, {"sentiment": 0.9}, True),
        ({"negative_share": 0.4}, {"stars": 5}, True),
        ({"negative_share": 0.4}, {"sentiment": None}, False),
    ],
)
def test_a_rule_holds_only_where_every_condition_does(
    conditions: dict[str, object], said: dict[str, object], holds: bool
) -> None:
    rule = Rule(name="r", inboxes=("risk",), **conditions)  # type: ignore[arg-type]
    assert (rules.weight(rule, stored(**said)) is not None) is holds


def test_the_heaviest_signal_of_the_rules_class_counts() -> None:
    one = stored(signal(likelihood=0.2), signal(likelihood=0.6), signal("legal_regulatory_threat", 4, 1.0))
    assert rules.weight(RULE, one) == Weight(5, 0.6)


@pytest.mark.parametrize(
    ("conditions", "said", "against"),
    [
        ({}, {"stars": 1}, 0.0),
        ({"surge": "low"}, {"stars": 1}, 0.0),
        ({"slump": "low"}, {"stars": 5}, 0.0),
        ({"slump": "low"}, {"stars": 4}, 0.25),
        ({"slump": "low"}, {"stars": 1}, 1.0),
        ({"negative_share": 0.4}, {"sentiment": -0.2}, 1.0),
        ({"negative_share": 0.4}, {"sentiment": -0.19}, 0.0),
        ({"negative_share": 0.4}, {"stars": 2, "sentiment": 0.3}, 0.0),  # stars and words together
    ],
)
def test_what_speaks_against_a_group_is_weighed_one_by_one(
    conditions: dict[str, object], said: dict[str, object], against: float
) -> None:
    rule = Rule(name="r", inboxes=("risk",), **conditions)  # type: ignore[arg-type]
    assert rules.against(rule, stored(**said)) == against
    assert rules.weight(rule, stored(**said)) == Weight(1, against)


@pytest.mark.parametrize(
    ("impact", "said", "raised"),
    [
        (2, {"engagement": 99}, None),  # a score of 5 is below the appetite
        (2, {"engagement": 100}, Weight(3, 0.5)),
        (2, {"engagement": 1_000}, Weight(4, 0.5)),
        (2, {"engagement": 1_000_000}, Weight(4, 0.5)),
        (2, {"audience": 10_000}, Weight(3, 0.5)),
        (5, {"engagement": 1_000_000}, Weight(5, 0.5)),
        (5, {"engagement": 0, "audience": 0}, Weight(5, 0.5)),  # little reach lowers nothing
    ],
)
def test_reach_raises_the_weight_of_what_is_found(impact: int, said: dict[str, object], raised: Weight | None) -> None:
    builtin = rules.builtin(notify=6)["self_disclosed_phi"]
    assert rules.weight(builtin, stored(signal("self_disclosed_phi", impact, 0.5), **said)) == raised


def test_a_signal_below_the_appetite_opens_nothing() -> None:
    builtin = rules.builtin(notify=6)["self_disclosed_phi"]
    assert rules.weight(builtin, stored(signal("self_disclosed_phi", 2, 0.5))) is None
    assert rules.weight(builtin, stored(signal("self_disclosed_phi", 2, 0.6))) == Weight(2, 0.6)


@pytest.mark.parametrize(
    ("labels", "group_by", "group"),
    [
        ({"location": "Main"}, ("location",), "Main"),
        ({}, ("location",), "s"),
        ({"location": "Main", "unit": "ER"}, ("location", "unit"), "Main / ER"),
        ({"unit": "ER"}, ("location", "unit"), "ER"),
        ({"location": "Main"}, (), "s"),
    ],
)
def test_a_mention_counts_for_the_group_its_labels_name(
    labels: dict[str, str], group_by: tuple[str, ...], group: str
) -> None:
    rule = Rule(name="r", inboxes=("risk",), group_by=group_by)
    assert rules.group(rule, stored(labels=labels)) == group


def test_a_very_long_group_is_cut_to_what_the_columns_take_and_stays_its_own():
    rule = replace(RULE, group_by=("location",))
    first, second = (rules.group(rule, stored(labels={"location": "x" * 500 + end})) for end in "ab")
    assert first != second
    assert len(first) == len(second) == 300
    assert rules.group(rule, stored(labels={"location": "x" * 300})) == "x" * 300


@pytest.mark.parametrize(
    ("score", "level"),
    [(0, Level.INFO), (5.9, Level.INFO), (6, Level.WARNING), (14.9, Level.WARNING), (15, Level.URGENT),
     (19.9, Level.URGENT), (20, Level.CRITICAL), (25, Level.CRITICAL)],
)  # fmt: skip
def test_the_appetite_turns_a_score_into_a_level(score: float, level: Level) -> None:
    assert rules.by_score(score, notify=6, urgent=15) is level


def test_there_is_a_builtin_rule_for_each_class_and_people_in_danger_cannot_be_silenced() -> None:
    builtin = rules.builtin()
    assert len(builtin) == 18
    assert {name for name, rule in builtin.items() if rule.unsilenceable} == {"threat_to_staff", "self_harm_crisis"}
    assert all(rule.ack_within for rule in builtin.values())
    assert builtin["brand_service_complaint"].count == 5


def test_compliance_and_security_fall_back_to_risk_and_each_inbox_is_told_once() -> None:
    rule = Rule(name="r", inboxes=("compliance", "risk", "security", "marketing"))
    assert rules.reachable(rule, {"risk", "marketing"}).inboxes == ("risk", "marketing")


def test_too_few_mentions_open_nothing_and_enough_of_them_open_one_incident() -> None:
    rule = replace(RULE, count=3)
    assert decide(rule, None, Facts(fresh=[1, 2], heaviest=HEAVY), NOW) is None
    decision = decide(rule, None, Facts(fresh=[1, 2, 3], heaviest=HEAVY), NOW)
    assert decision is not None
    assert decision.incident.state is State.OPEN
    assert decision.incident.mentions == 3
    assert decision.attach == [1, 2, 3]
    assert [told.reason for told in decision.told] == [Reason.OPENED]


def test_an_incident_is_born_with_its_level_its_due_time_and_a_finite_frozen_chain() -> None:
    facts = Facts(fresh=[1], heaviest=HEAVY, chain=[Step(after=30 * MINUTE, inbox="director")])
    decision = decide(RULE, None, facts, NOW)
    assert decision is not None
    incident = decision.incident
    assert incident.level is Level.CRITICAL
    assert incident.ack_due_at == NOW + 15 * MINUTE
    assert incident.chain == (
        Step(after=15 * MINUTE, inbox=rules.THE_TOLD),
        Step(after=30 * MINUTE, inbox="director"),
        Step(after=45 * MINUTE, inbox=rules.EVERYBODY),
    )
    assert incident.next_step_at == NOW + 15 * MINUTE


# minutes since the opening, mentions that came, heaviest of them, state -> what is said
LIFE = [
    (1, 0, LIGHT, State.OPEN, []),
    (1, 2, LIGHT, State.OPEN, []),  # growth waits for its pause
    (14, 2, HEAVY, State.OPEN, []),
    (15, 0, LIGHT, State.OPEN, [(Reason.REMINDER, ("risk",))]),
    (15, 2, HEAVY, State.OPEN, [(Reason.GREW, ("risk",)), (Reason.REMINDER, ("risk",))]),
    (29, 0, LIGHT, State.OPEN, [(Reason.REMINDER, ("risk",))]),
    (30, 0, LIGHT, State.OPEN, [(Reason.ESCALATED, ("risk",))]),  # late: only the last step due is said
    (16, 2, LIGHT, State.ACKED, [(Reason.GREW, ("risk",))]),
    (99, 0, LIGHT, State.ACKED, []),  # acknowledged: the chain stands still
    (99, 2, HEAVY, State.RESOLVED, []),
]


@pytest.mark.parametrize(("minutes", "came", "heaviest", "state", "said"), LIFE)
def test_an_incident_says_what_its_time_and_growth_ask_for(
    minutes: int, came: int, heaviest: Weight, state: State, said: list[tuple[Reason, tuple[str, ...]]]
) -> None:
    facts = Facts(fresh=list(range(2, 2 + came)), heaviest=heaviest)
    decision = decide(RULE, opened(state=state), facts, NOW + minutes * MINUTE)
    assert [(told.reason, told.inboxes) for told in (decision.told if decision else ())] == said


def test_something_worse_is_said_at_once() -> None:
    mild = decide(RULE, None, Facts(fresh=[1], heaviest=LIGHT), NOW)
    assert mild is not None
    assert mild.incident.level is Level.WARNING
    worse = decide(RULE, replace(mild.incident, id=7), Facts(fresh=[2], heaviest=HEAVY), NOW + MINUTE)
    assert worse is not None
    assert [told.reason for told in worse.told] == [Reason.WORSENED]
    assert worse.incident.level is Level.CRITICAL
    assert (worse.incident.impact, worse.incident.likelihood) == HEAVY


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (0, 0, []),
        (0, 1, [Reason.WORSENED]),
        (1, 3, [Reason.WORSENED]),
        (1, 1, []),  # more reactions, the same step: no word
        (2, 1, []),  # it swings back: what was told stands
    ],
)
def test_what_takes_off_makes_an_incident_worse_once_for_each_step(before: int, now: int, said: list[Reason]) -> None:
    decision = decide(RULE, opened(reach=before), Facts(heaviest=HEAVY, reach=now), NOW + MINUTE)
    assert [told.reason for told in (decision.told if decision else ())] == said
    if decision:
        assert decision.incident.reach == max(before, now)


def test_what_takes_off_says_how_far_it_came_in_place_of_what_was_said_before() -> None:
    decision = decide(RULE, opened(note="three wards"), Facts(heaviest=HEAVY, reach=1), NOW)
    assert decision is not None
    first = "one of its mentions has come to 100 reactions, or an author with 10,000 followers"
    assert decision.incident.note == f"three wards; {first}"
    decision = decide(RULE, decision.incident, Facts(heaviest=HEAVY, reach=2), NOW)
    assert decision is not None
    second = "one of its mentions has come to 1,000 reactions, or an author with 100,000 followers"
    assert decision.incident.note == f"three wards; {second}"


def test_what_takes_off_raises_the_level_and_never_lowers_it() -> None:
    mild = decide(RULE, None, Facts(fresh=[1], heaviest=Weight(2, 0.7)), NOW)
    assert mild is not None
    worse = decide(RULE, mild.incident, Facts(heaviest=Weight(4, 0.9), reach=2), NOW + MINUTE)
    assert worse is not None
    assert (mild.incident.level, worse.incident.level) == (Level.WARNING, Level.URGENT)
    later = decide(RULE, worse.incident, Facts(heaviest=Weight(2, 0.7), reach=0), NOW + 2 * MINUTE)
    assert later is None


GROUPED = {
    "surge": Rule(name="r", inboxes=("risk",), surge="medium"),
    "slump": Rule(name="r", inboxes=("risk",), slump="medium"),
    "share": Rule(name="r", inboxes=("risk",), negative_share=0.4),
}


# the rule, whether an incident is open, what turns, how many mentions came -> what is said an hour after the opening
TURNS = [
    ("slump", False, None, 3, []),
    ("slump", False, Turn.RAISED, 3, [Reason.OPENED]),
    ("slump", False, Turn.RAISED, 0, []),  # of history alone nobody is told
    ("slump", True, None, 3, []),  # that there are more is no news
    ("slump", True, Turn.CLEARED, 0, [Reason.RESOLVED]),
    ("share", False, Turn.RAISED, 3, [Reason.OPENED]),
    ("share", True, None, 3, []),
    ("share", True, Turn.CLEARED, 3, [Reason.RESOLVED]),
    ("surge", True, None, 3, [Reason.GREW]),  # of a surge it is
]


@pytest.mark.parametrize(("name", "held", "turn", "came", "said"), TURNS)
def test_an_incident_of_a_group_opens_and_ends_with_its_turn(
    name: str, held: bool, turn: Turn | None, came: int, said: list[Reason]
) -> None:
    rule = GROUPED[name]
    begun = rules.decide_group(rule, None, Facts(fresh=[1]), Stand(Turn.RAISED, "because"), NOW)
    assert begun is not None
    assert (begun.incident.level, begun.incident.note) == (Level.WARNING, "because")
    facts = Facts(fresh=list(range(2, 2 + came)), heaviest=Weight(1, 0.5))
    later = rules.decide_group(rule, begun.incident if held else None, facts, Stand(turn), NOW + 5 * HOUR)
    assert [told.reason for told in (later.told if later else ())] == said


@pytest.mark.parametrize(
    ("recent", "held", "rested", "turn"),
    [
        (Ratings(20, 8), False, True, Turn.RAISED),
        (Ratings(20, 8), False, False, None),  # it was called too lately
        (Ratings(20, 8), True, True, None),
        (Ratings(20, 5), False, True, None),
        (Ratings(20, 5.5), True, True, None),  # between the two levels
        (Ratings(20, 3), True, True, Turn.CLEARED),
    ],
)
def test_a_slump_is_raised_and_cleared_at_two_levels(
    recent: Ratings, held: bool, rested: bool, turn: Turn | None
) -> None:
    stand = rules.slumped(GROUPED["slump"], recent, Ratings(100, 12.5), held=held, rested=rested)
    assert stand.turn is turn
    assert stand.note.endswith(" stars in 20 reviews of the last 28 days, 4.5 in the 100 of the year before")


@pytest.mark.parametrize(
    ("recent", "held", "rested", "turn"),
    [
        (Moods(3, 2), False, True, None),
        (Moods(16, 10), False, True, Turn.RAISED),
        (Moods(16, 10), False, False, None),
        (Moods(16, 8), True, True, None),
        (Moods(16, 6), True, True, Turn.CLEARED),
    ],
)
def test_a_share_is_raised_when_it_is_sure_and_cleared_when_it_is_back(
    recent: Moods, held: bool, rested: bool, turn: Turn | None
) -> None:
    stand = rules.soured(GROUPED["share"], recent, held=held, rested=rested)
    assert stand.turn is turn
    assert f"{recent.negative} of {recent.mentions} mentions of the last 7 days are negative" in stand.note


def test_reach_never_lowers_a_level() -> None:
    lighter = decide(RULE, opened(), Facts(fresh=[2], heaviest=LIGHT), NOW + MINUTE)
    assert lighter is not None
    assert lighter.incident.level is Level.CRITICAL


def test_growth_is_counted_while_it_is_held_back_and_told_when_the_pause_is_over() -> None:
    held = decide(RULE, opened(state=State.ACKED), Facts(fresh=[2, 3], heaviest=LIGHT), NOW + MINUTE)
    assert held is not None
    assert not held.told
    assert held.incident.mentions == 3
    assert held.incident.next_step_at == NOW + 15 * MINUTE
    told = decide(RULE, held.incident, Facts(), NOW + 15 * MINUTE)
    assert told is not None
    assert [one.reason for one in told.told] == [Reason.GREW]
    assert told.incident.told_mentions == 3
    assert decide(RULE, told.incident, Facts(), NOW + 60 * MINUTE) is None


def test_a_chain_ends_with_nobody_answered_to_all_and_then_is_silent() -> None:
    facts = Facts(fresh=[1], heaviest=HEAVY, chain=[Step(after=30 * MINUTE, inbox="director")])
    decision = decide(RULE, None, facts, NOW)
    assert decision is not None
    incident = replace(decision.incident, id=7)
    said = []
    for minute in range(1, 600):
        later = decide(RULE, incident, Facts(), NOW + minute * MINUTE)
        if later is not None:
            incident = later.incident
            said += [(minute, told.reason, told.inboxes) for told in later.told]
    assert said == [
        (15, Reason.REMINDER, ("risk",)),
        (30, Reason.ESCALATED, ("director",)),
        (45, Reason.ESCALATED, ("risk", "director")),
    ]
    assert incident.next_step_at is None


def test_a_silenced_rule_opens_its_incident_and_tells_it_when_the_silence_ends() -> None:
    until = NOW + 2 * HOUR
    quiet = decide(RULE, None, Facts(fresh=[1], heaviest=HEAVY, silent_until=until), NOW)
    assert quiet is not None
    assert not quiet.told
    assert quiet.incident.next_step_at == until
    later = decide(RULE, replace(quiet.incident, id=7), Facts(), until)
    assert later is not None
    assert later.told[0].reason is Reason.OPENED


def test_a_rule_about_people_in_danger_speaks_through_a_silence() -> None:
    rule = replace(RULE, unsilenceable=True)
    decision = decide(rule, None, Facts(fresh=[1], heaviest=HEAVY, silent_until=NOW + HOUR), NOW)
    assert decision is not None
    assert [told.reason for told in decision.told] == [Reason.OPENED]


def source(**values: object) -> SourceState:
    base: dict[str, object] = {"name": "s", "platform": "p", "created_at": NOW - 90 * DAY, "next_poll_at": NOW}
    return SourceState(**(base | values))  # type: ignore[arg-type]


FAILING = {"failing_since": NOW - 3 * HOUR, "failures": 5, "error": "why", "remedy": "Unavailable"}


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        ({}, []),
        (FAILING, ["source_failing"]),
        (FAILING | {"failing_since": NOW - 30 * MINUTE}, []),  # an outage of half an hour is nobody's business
        (FAILING | {"failing_since": NOW - MINUTE, "remedy": "AuthRejected"}, ["source_failing"]),
        (FAILING | {"failing_since": NOW, "remedy": "AuthRejected", "failures": 1}, ["source_failing"]),
        (FAILING | {"failing_since": NOW, "remedy": "NotPermitted", "failures": 1}, ["source_failing"]),
        (FAILING | {"failing_since": NOW, "remedy": "Malformed", "failures": 1}, []),  # the next try may read it
        (FAILING | {"failures": 1}, []),
        ({"last_new_at": NOW - 2 * DAY, "mentions": 50, "longest_gap": 5 * HOUR}, ["source_quiet"]),
        ({"last_new_at": NOW - 2 * DAY, "mentions": 50, "longest_gap": DAY}, []),  # it often is that quiet
        ({"last_new_at": NOW - 2 * DAY, "mentions": 5, "longest_gap": HOUR}, []),  # not known well enough
        ({"last_new_at": NOW - 20 * HOUR, "mentions": 50, "longest_gap": HOUR}, []),
    ],
)
def test_what_is_wrong_with_a_source(values: dict[str, object], broken: list[str]) -> None:
    assert [breach.rule for breach in source_breaches(source(**values), NOW)] == broken


def test_a_configured_gap_overrules_the_learned_one() -> None:
    silent = source(last_new_at=NOW - 2 * HOUR, mentions=1)
    assert [one.rule for one in source_breaches(silent, NOW, quiet_after=HOUR)] == ["source_quiet"]


def test_a_failing_source_is_told_once_then_daily_and_its_recovery_once() -> None:
    rule = rules.source_rules(("marketing",))[rules.SOURCE_FAILING]
    breach = Breach(rules.SOURCE_FAILING, "why")
    incident: Incident | None = None
    said = []
    for hour in range(7 * 24 + 2):
        now = NOW + hour * HOUR
        decision = decide_source(rule, incident, breach if hour <= 7 * 24 else None, now)
        if decision is not None:
            incident = replace(decision.incident, id=7)
            said += [(hour, told.reason) for told in decision.told]
    daily = [(24 * day, Reason.REMINDER) for day in range(1, 8)]
    assert said == [(0, Reason.OPENED), *daily, (7 * 24 + 1, Reason.RESOLVED)]
    assert decide_source(rule, None, None, NOW) is None


def test_a_failing_source_that_is_silenced_is_told_when_the_silence_ends_and_not_before() -> None:
    rule = rules.source_rules(("marketing",))[rules.SOURCE_FAILING]
    breach, end = Breach(rules.SOURCE_FAILING, "why"), NOW + 3 * HOUR
    first = decide_source(rule, None, breach, NOW, silent_until=end)
    assert first is not None
    assert (first.told, first.incident.told_at, first.incident.next_step_at) == ((), None, end)
    assert decide_source(rule, first.incident, breach, NOW + HOUR, silent_until=end) is None
    later = decide_source(rule, first.incident, breach, end)
    assert later is not None
    assert [told.reason for told in later.told] == [Reason.OPENED]
    due = decide_source(rule, later.incident, breach, end + DAY, silent_until=end + 2 * DAY)
    assert due is not None
    assert (due.told, due.incident.next_step_at) == ((), end + 2 * DAY)
    over = decide_source(rule, first.incident, None, end)
    assert over is not None
    assert (over.told, over.incident.state) == ((), State.RESOLVED), "nobody heard that it began"


def test_a_source_that_somebody_has_and_that_breaks_down_again_waits_for_nothing() -> None:
    there = opened(state=State.ACKED, told_at=NOW - 2 * DAY, calm_since=NOW - HOUR)
    again = decide_source(Rule(name="source_failing", inboxes=()), there, Breach("source_failing", "no"), NOW)
    assert again is not None
    assert (again.incident.calm_since, again.incident.next_step_at) == (None, None)
