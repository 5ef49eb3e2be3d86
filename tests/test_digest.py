"""A week in numbers: everything is counted once, in the week it belongs to, and what was not seen is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import digest, timing
from monitor.assess import opinion
from monitor.digest import NO_LOCATION, SENTIMENTS, UNKNOWN, WORDLESS, Alike, Digest, Held, Part, Reply
from monitor.model import (
    NEUTRAL,
    Assessment,
    Incident,
    Kind,
    Level,
    Mention,
    Outcome,
    Signal,
    SourceState,
    State,
    Stored,
)
from monitor.store.rechecks import Recheck
from tests.store import notification

CHICAGO = ZoneInfo("America/Chicago")
WEEK = timing.week("2026-W46", CHICAGO)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def said(
    n: int = 1, *risks: str, mood: float | None = 0.5, lang: str | None = "en", likelihood: float = 0.5, **more: Any
):
    usual: dict[str, Any] = {"source": "google", "first_seen_at": WEEK.since, "labels": {"location": "Main"}}
    found = {
        name: more.pop(name)
        for name in tuple(more)
        if name in {"source", "labels", "history", "gone_at", "first_seen_at"}
    }
    themes = tuple(more.pop("themes", ()))
    mention = {"external_id": str(n), "kind": Kind.REVIEW, "text": "x", "published_at": WEEK.since} | more
    signals = tuple(Signal(risk=risk, impact=5, likelihood=likelihood, start=0, end=1, rule="r") for risk in risks)
    assessment = Assessment(lang=lang, sentiment=mood, signals=signals, themes=themes, assessor="a/1")
    return Stored(id=n, platform="p", mention=Mention(**mention), assessment=assessment, **(usual | found))


def incident(n: int = 1, opened: timedelta = HOUR, **changes: Any) -> Incident:
    usual: dict[str, Any] = {
        "id": n, "rule": "threat_to_staff", "group": "Main", "risk": "threat_to_staff", "level": Level.URGENT, "impact": 5,
        "likelihood": 0.8, "state": State.OPEN, "opened_at": WEEK.since + opened, "inboxes": ("risk",),
    }  # fmt: skip
    return Incident(**(usual | changes))


def ended(n: int, opened: timedelta, after: timedelta, **changes: Any) -> Incident:
    usual = {"state": State.RESOLVED, "resolved_at": WEEK.since + opened + after, "outcome": Outcome.RESPONDED}
    return incident(n, opened, **(usual | changes))


def source(name: str = "google", **changes: Any) -> SourceState:
    usual: dict[str, Any] = {
        "name": name, "platform": "p", "created_at": WEEK.since - 90 * DAY, "next_poll_at": WEEK.until + 8 * HOUR,
        "polled_at": WEEK.until + 7 * HOUR,
    }  # fmt: skip
    return SourceState(**(usual | changes))


def counted(*mentions: Stored, incidents=(), sources=(), notifications=(), period=WEEK, now=None) -> Digest:
    return digest.build(
        period, mentions=mentions, incidents=incidents, sources=sources, notifications=notifications, now=now
    )


# What was said


def test_a_mention_is_counted_once_in_the_whole_in_its_source_and_in_its_location():
    week = counted(
        said(1, stars=4), said(2, source="bluesky", mood=-0.5), said(3, labels={"location": "Elm"}, mood=0.0)
    )

    assert week.whole.mentions == 3
    assert {name: part.mentions for name, part in week.by_source.items()} == {"google": 2, "bluesky": 1}
    assert {name: part.mentions for name, part in week.by_location.items()} == {"Main": 2, "Elm": 1}
    assert week.whole.sentiments == {"positive": 1, "negative": 1, "neutral": 1}
    assert week.by_source["google"].stars == {4: 1}


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (1.0, "positive"), (0.2, "positive"), (0.199, "neutral"), (0.0, "neutral"), (-0.199, "neutral"),
        (-0.2, "negative"), (-1.0, "negative"), (None, "unread"), (float("nan"), "unread"),
    ],
)  # fmt: skip
def test_a_score_has_the_name_that_the_assessor_gives_it(score, name):
    assert digest.sentiment(score) == name
    assert (NEUTRAL, opinion.NEUTRAL) == (0.2, 0.2)


def test_what_is_larger_comes_first_and_what_is_equal_by_name():
    week = counted(said(1, source="b"), said(2, source="a"), said(3, source="c"), said(4, source="c"))

    assert list(week.by_source) == ["c", "a", "b"]


def test_a_mention_without_a_location_is_still_counted():
    week = counted(said(1, labels={}), said(2, labels={"location": ""}), said(3))

    assert {name: part.mentions for name, part in week.by_location.items()} == {NO_LOCATION: 2, "Main": 1}


def test_the_mean_is_of_the_stars_as_given_and_the_distribution_of_whole_ones():
    week = counted(said(1, stars=2.5), said(2, stars=4.5), said(3, stars=1), said(4))

    assert week.whole.mean_stars == pytest.approx(8 / 3)
    assert week.whole.stars == {3: 1, 5: 1, 1: 1}


def test_without_stars_there_is_no_mean():
    assert counted(said(1)).whole.mean_stars is None


def test_history_is_counted_and_is_in_no_other_number():
    week = counted(said(1, "threat_to_staff", history=True, stars=1), said(2))

    assert (week.history, week.whole.mentions, week.by_risk, week.worst) == (1, 1, {}, ())


def test_what_we_said_ourselves_is_counted_apart_and_its_risks_with_the_others():
    reply = said(2, "own_reply_phi", kind=Kind.COMMENT, ours=True, parent_id="1")
    week = counted(said(1), reply, said(3, kind=Kind.POST, ours=True))

    assert (week.whole.mentions, week.ours, week.replies) == (1, 2, 1)
    assert week.by_risk == {"own_reply_phi": 1}
    assert [one.id for one in week.worst] == [2]


def test_a_mention_counts_once_in_every_class_of_risk_it_shows():
    week = counted(
        said(1, "threat_to_staff", "threat_to_staff", "review_integrity"), said(2, "threat_to_staff"), said(3)
    )

    assert week.by_risk == {"threat_to_staff": 2, "review_integrity": 1}
    assert week.at_risk == 2


def test_themes_are_counted_with_their_moods():
    week = counted(said(1, themes=("Food", "Parking"), mood=-0.5), said(2, themes=("Food",), stars=5))

    assert {name: part.mentions for name, part in week.by_theme.items()} == {"Food": 2, "Parking": 1}
    assert week.by_theme["Food"].sentiments == {"negative": 1, "positive": 1}
    assert week.by_theme["Food"].mean_stars == 5


def test_why_a_mood_is_missing_is_told_by_language_or_for_want_of_words():
    week = counted(
        said(1, mood=None, lang="es"), said(2, mood=None, lang="es"), said(3, mood=None, lang=None, text=" ", stars=5),
        said(4, mood=None, lang=None), said(5, lang=None),
    )  # fmt: skip

    assert week.unread == {"es": 2, WORDLESS: 1, UNKNOWN: 1}
    assert sum(week.unread.values()) == week.whole.sentiments["unread"]


def test_what_is_gone_is_not_called_wordless():
    assert counted(said(1, mood=None, lang=None, text="", gone_at=WEEK.until)).unread == {UNKNOWN: 1}


def test_the_five_that_weigh_most_are_kept_out_of_any_number():
    light = [said(n, "review_integrity", likelihood=0.1) for n in range(1, 901)]
    heavy = [said(1000 + n, "threat_to_staff", likelihood=0.5 + n / 100) for n in range(6)]
    week = counted(*light[:450], *heavy, *light[450:])

    assert [one.id for one in week.worst] == [1005, 1004, 1003, 1002, 1001]


def test_a_source_that_had_nothing_to_tell_is_there_with_nothing():
    week = counted(said(1), sources=[source(), source("news")])

    assert {name: part.mentions for name, part in week.by_source.items()} == {"google": 1, "news": 0}
    assert week.sources == 2


PEERS = ({"peer": "Elm Clinic"}, {"peer": "Año", "location": "Main"})

MENTIONS = st.lists(
    st.builds(
        lambda n, risks, **more: said(n, *risks, **more),
        n=st.integers(1, 10**6),
        risks=st.lists(st.sampled_from(["threat_to_staff", "own_reply_phi", "made_up"]), max_size=3),
        mood=st.none() | st.floats(-1, 1),
        lang=st.sampled_from([None, "en", "es", "zh-Hans"]),
        source=st.sampled_from(["google", "bluesky", "Clínica 🏥"]),
        labels=st.sampled_from([{}, {"location": "Main"}, {"location": "Año 🦷"}, {"brand": "x"}, *PEERS]),
        stars=st.none() | st.floats(1, 5),
        text=st.sampled_from(["", "x"]),
        themes=st.lists(st.sampled_from(["Food", "Parking"]), max_size=3),
        ours=st.booleans(),
        history=st.booleans(),
        kind=st.sampled_from(Kind),
    ),
    max_size=40,
    unique_by=lambda one: one.id,
)


@given(MENTIONS)
def test_the_parts_are_the_whole_in_every_breakdown(mentions):
    week = counted(*mentions)
    whole = week.whole

    rivals = [one for one in mentions if one.peer]
    beside = sum(part.mentions for part in week.peers.others.values()) if week.peers else 0
    assert beside == sum(not one.history and not one.mention.ours for one in rivals)
    assert whole.mentions + week.ours + week.history == len(mentions) - len(rivals)
    assert whole.mentions == whole.sentiments.total()
    assert set(whole.sentiments) <= set(SENTIMENTS)
    for parts in (week.by_source.values(), week.by_location.values()):
        assert sum(part.mentions for part in parts) == whole.mentions
        assert sum((part.sentiments for part in parts), Counter()) == whole.sentiments
        assert sum((part.stars for part in parts), Counter()) == whole.stars
        assert sum(part.sum_of_stars for part in parts) == pytest.approx(whole.sum_of_stars)
    assert sum(week.unread.values()) == whole.sentiments["unread"]
    assert set(whole.stars) <= {1, 2, 3, 4, 5}
    assert whole.mean_stars is None or 1 <= whole.mean_stars <= 5
    assert max(week.by_risk.values(), default=0) <= week.at_risk <= whole.mentions + week.ours
    assert week.at_odds <= whole.stars.total()
    assert all(part.mentions <= whole.mentions for part in week.by_theme.values())
    assert week.replies <= week.ours
    assert len(week.worst) == min(week.at_risk, 5)


# Incidents


def test_an_incident_belongs_to_the_week_it_was_opened_in():
    before, first, last, after = (
        incident(n, opened)
        for n, opened in enumerate(
            (-MINUTE, timedelta(0), WEEK.until - WEEK.since - MINUTE, WEEK.until - WEEK.since), 1
        )
    )
    week = counted(incidents=[after, last, first, before])

    assert [one.id for one in week.opened] == [2, 3]
    assert [one.id for one in week.unresolved] == [1, 2, 3]


def test_an_incident_that_is_given_twice_is_counted_once():
    assert len(counted(incidents=[incident(1), incident(1), incident(2)]).opened) == 2


def test_what_was_resolved_after_the_week_was_open_when_it_ended():
    long, short = ended(1, 6 * DAY, 2 * DAY), ended(2, DAY, HOUR)
    week = counted(incidents=[long, short])

    assert week.unresolved == (long,)
    assert (week.resolved, week.to_resolve) == (1, HOUR)


def test_times_are_medians_of_what_was_acknowledged_or_resolved_in_the_week():
    acks = (MINUTE, 3 * MINUTE, 50 * MINUTE)
    found = [ended(n, n * HOUR, n * HOUR, acked_at=WEEK.since + n * HOUR + ack) for n, ack in enumerate(acks, 1)]
    found.append(incident(9, -DAY, state=State.ACKED, acked_at=WEEK.since - HOUR))
    week = counted(incidents=found)

    assert (week.acked, week.to_ack) == (3, 3 * MINUTE)
    assert (week.resolved, week.to_resolve) == (3, 2 * HOUR)


def test_an_old_incident_that_was_acknowledged_this_week_counts_this_week():
    week = counted(incidents=[incident(1, -DAY, state=State.ACKED, acked_at=WEEK.since + HOUR)])

    assert (week.opened, week.acked, week.to_ack) == ((), 1, 25 * HOUR)


def test_without_incidents_there_are_no_times():
    week = counted()

    assert (week.acked, week.resolved, week.to_ack, week.to_resolve) == (0, 0, None, None)


def test_an_acknowledgement_after_its_deadline_is_late():
    due = WEEK.since + HOUR + 15 * MINUTE
    found = [incident(n, ack_due_at=due, acked_at=due + n * MINUTE, state=State.ACKED) for n in (-1, 0, 1)]

    assert counted(incidents=found).late == 1


def test_how_incidents_ended_is_counted_and_a_source_that_recovered_is_no_work():
    recovered = ended(3, HOUR, MINUTE, rule="source_failing", risk=None, group="google", outcome=None)
    alarm = ended(2, HOUR, 5 * HOUR, outcome=Outcome.FALSE_ALARM)
    week = counted(incidents=[ended(1, HOUR, 3 * HOUR), alarm, recovered])

    assert week.outcomes == {"responded": 1, "false-alarm": 1, "": 1}
    assert (week.resolved, week.to_resolve) == (3, 4 * HOUR)


def test_drills_are_counted_and_are_in_no_other_number():
    drill = ended(1, HOUR, HOUR, drill=True, acked_at=WEEK.since + 2 * HOUR)
    found = [drill, incident(2, -DAY, drill=True)]
    week = digest.build(WEEK, mentions=(), incidents=found, sources=(), notifications=(), drills=1)

    assert (week.drills, digest.cut(week, inbox="x", sees=set[str]().__contains__).drills) == (1, 1)
    assert (week.opened, week.unresolved, week.acked, week.resolved) == ((), (), 0, 0)


def test_messages_given_up_in_the_week_are_counted():
    when = (WEEK.since - MINUTE, WEEK.since, WEEK.until - MINUTE, WEEK.until)
    given_up = [notification(str(n), failed_at=moment) for n, moment in enumerate(when)]

    assert counted(notifications=[*given_up, notification("waiting")]).undelivered == 2


# What could not be seen


def test_when_every_source_was_read_nothing_was_missed():
    week = counted(sources=[source(), source("news")])

    assert (week.blind, week.sources) == ((), 2)


def test_a_source_that_fails_is_told_with_since_when_and_why():
    since = WEEK.since + DAY
    (blind,) = counted(sources=[source(failing_since=since, error="feeds.example answers 403")]).blind

    assert (blind.source, blind.since, blind.until, blind.why) == ("google", since, None, "feeds.example answers 403")


def test_a_source_that_began_to_fail_after_the_week_was_seen_in_it():
    assert counted(sources=[source(failing_since=WEEK.until)]).blind == ()


def test_a_source_that_failed_and_recovered_is_told_with_both_times():
    failed = ended(1, DAY, 5 * HOUR, rule="source_failing", risk=None, group="google", note="timed out", outcome=None)
    (blind,) = counted(incidents=[failed], sources=[source()]).blind

    assert (blind.since, blind.until) == (WEEK.since + DAY, WEEK.since + DAY + 5 * HOUR)


def test_an_outage_that_began_before_the_week_and_reached_into_it_is_told():
    old = ended(1, -2 * DAY, DAY, rule="source_failing", risk=None, group="google", outcome=None)
    reaching = ended(2, -2 * DAY, 3 * DAY, rule="source_quiet", risk=None, group="news", outcome=None)

    assert [one.source for one in counted(incidents=[old, reaching]).blind] == ["news"]


def test_a_source_that_fails_now_is_told_once_and_by_its_own_state():
    about = incident(1, DAY, rule="source_failing", risk=None, group="google", note="an old reason")
    week = counted(incidents=[about], sources=[source(failing_since=WEEK.since + HOUR, error="a new reason")])

    assert [(one.since, one.why) for one in week.blind] == [(WEEK.since + HOUR, "a new reason")]


def test_what_lasts_still_comes_before_what_is_over():
    over = ended(1, DAY, HOUR, rule="source_failing", risk=None, group="a", outcome=None)
    week = counted(incidents=[over], sources=[source("b", failing_since=WEEK.since)])

    assert [one.source for one in week.blind] == ["b", "a"]


def test_a_source_that_was_never_read_was_not_seen():
    (blind,) = counted(sources=[source(polled_at=None)]).blind

    assert blind.why == "it has not been read yet"


def test_what_a_source_warns_of_is_seen_in_part_as_of_its_last_reading():
    warned = source(warnings=("40 searches are left", "no approval yet"))
    week = counted(sources=[warned, source("news")])

    assert [(one.source, one.at, one.why) for one in week.partly] == [
        ("google", WEEK.until + 7 * HOUR, "40 searches are left"),
        ("google", WEEK.until + 7 * HOUR, "no approval yet"),
    ]
    assert week.blind == ()


@pytest.mark.parametrize(("since", "told"), [(WEEK.since, 1), (WEEK.until, 1), (WEEK.until + MINUTE, 0)])
def test_rechecks_that_failed_by_the_end_of_the_week_are_told(since, told):
    check = Recheck(source="google", due_at=WEEK.until, tried_at=WEEK.until, failing_since=since, error="renew it")
    week = digest.build(
        WEEK, mentions=(), incidents=(), sources=[source()], notifications=(), rechecks={"google": check}
    )

    assert [one.why for one in week.partly] == ["What is deleted there is not noticed: renew it"] * told


def test_a_source_that_was_not_read_when_it_was_due_was_not_seen_since():
    last = WEEK.since + 3 * DAY
    (blind,) = counted(sources=[source(polled_at=last, next_poll_at=last + HOUR)]).blind

    assert (blind.since, blind.until) == (last, None)


def test_in_a_week_that_is_not_over_no_source_is_expected_to_have_been_read_already():
    noon = WEEK.since + 2 * DAY
    in_time = source("a", polled_at=noon, next_poll_at=noon + HOUR)
    late = source("b", polled_at=WEEK.since, next_poll_at=WEEK.since + HOUR)

    assert [one.source for one in counted(sources=[in_time, late], now=noon).blind] == ["b"]


def test_a_source_that_came_after_the_week_is_no_part_of_it():
    week = counted(sources=[source(created_at=WEEK.until, polled_at=None)])

    assert (week.sources, week.blind, week.watched_since) == (0, (), None)


# Periods


@pytest.mark.parametrize(
    ("name", "hours", "since"),
    [
        ("2026-W46", 168, datetime(2026, 11, 9, 6, tzinfo=UTC)),
        ("2026-W44", 169, datetime(2026, 10, 26, 5, tzinfo=UTC)),
        ("2026-W10", 167, datetime(2026, 3, 2, 6, tzinfo=UTC)),
        ("2026-W53", 168, datetime(2026, 12, 28, 6, tzinfo=UTC)),
    ],
    ids=["usual", "clocks-go-back", "clocks-go-forward", "across-the-year"],
)
def test_every_hour_of_a_local_week_belongs_to_it_and_to_no_other(name, hours, since):
    period = timing.week(name, CHICAGO)
    moments = [since + n * HOUR for n in range(-2, hours + 2)]
    found = [incident(n, opened_at=moment) for n, moment in enumerate(moments)]

    assert period.since == since
    assert len(counted(incidents=found, period=period).opened) == hours


def test_an_empty_week_is_all_zeros():
    week = counted()

    assert week.whole.mentions == 0
    assert (week.by_source, week.by_location, week.by_risk, week.by_theme, week.unread) == ({}, {}, {}, {}, {})
    assert (week.ours, week.history, week.undelivered, week.sources, week.worst) == (0, 0, 0, 0, ())


# Against the weeks before, ratings, replies, records


def earlier(n: int, *said_then: Alike) -> tuple[timing.Period, list[Alike]]:
    return timing.weeks_before(WEEK, 4, CHICAGO)[n], list(said_then)


def test_the_weeks_before_are_those_that_were_watched_from_their_start():
    mid = timing.weeks_before(WEEK, 4, CHICAGO)[1]
    weeks = [earlier(n, Alike("Main", ("Food",), "negative", 2.0, True, n + 1)) for n in range(4)]
    week = digest.build(
        WEEK, mentions=(), incidents=(), notifications=(), before=weeks,
        sources=[source(created_at=mid.since + MINUTE)],
    )  # fmt: skip

    assert [one.period.name for one in week.before] == ["2026-W44", "2026-W45"]
    assert [one.whole.mentions for one in week.before] == [3, 4]
    assert week.before[0].by_location["Main"].sum_of_stars == 6
    assert week.before[0].by_theme["Food"].sentiments == {"negative": 3}


def test_the_weeks_before_are_those_of_the_calendar_across_the_year_and_the_clocks():
    names = [one.name for one in timing.weeks_before(timing.week("2027-W02", CHICAGO), 4, CHICAGO)]
    spring = timing.weeks_before(timing.week("2026-W12", CHICAGO), 4, CHICAGO)

    assert names == ["2026-W51", "2026-W52", "2026-W53", "2027-W01"]
    assert [(one.until - one.since) / HOUR for one in spring] == [168, 168, 167, 168]
    assert all(one.until == other.since for one, other in pairwise(spring))
    assert timing.weeks_before(timing.so_far(WEEK.since, WEEK.until), 4, CHICAGO) == []


@given(st.lists(st.sampled_from([1, 1.5, 2, 3, 4, 4.5, 5]), min_size=1, max_size=300))
def test_a_rating_lies_within_its_range_and_the_range_within_one_and_five(stars):
    part = Part()
    for one in stars:
        part.add("unread", one, review=True)
    low, figure, high = part.rating or (0, 0, 0)

    assert 1 <= low <= figure <= high <= 5
    assert high - low > 0
    assert figure == pytest.approx(sum(stars) / len(stars))


def test_three_reviews_of_five_stars_are_no_proof_of_five_stars():
    few, many = Part(), Part()
    few.add("unread", 5, review=True, times=3)
    many.add("unread", 5, review=True, times=300)

    assert few.rating is not None
    assert many.rating is not None
    assert (round(few.rating.low, 1), few.rating.high) == (2.8, 5)
    assert round(many.rating.low, 2) == 4.95


@pytest.mark.parametrize("chances", [(5, 1, 1, 3, 10), (1, 0, 0, 0, 1), (1, 2, 3, 2, 1), (0, 0, 0, 1, 20)])
@pytest.mark.parametrize("many", [3, 10, 40])
def test_the_range_holds_the_true_rating_in_at_least_nine_of_ten_samples(chances, many):
    dice, held = Random(f"{chances}{many}"), 0
    truth = sum(star * chance for star, chance in enumerate(chances, 1)) / sum(chances)
    for _ in range(400):
        part = Part()
        for star in dice.choices(range(1, 6), chances, k=many):
            part.add("unread", star)
        assert part.rating is not None
        held += part.rating.low <= truth <= part.rating.high

    assert held >= 360


def test_a_share_of_nothing_may_be_anything():
    assert digest.share(0, 0) == (0.0, 0.5, 1.0)


def test_replies_are_timed_from_what_they_answer_where_that_is_known():
    at = WEEK.since + DAY
    replies = [
        Reply(at, at - HOUR), Reply(at, at - 3 * HOUR), Reply(at, at - 50 * HOUR), Reply(at, None), Reply(at, at + HOUR)
    ]  # fmt: skip
    reply = said(2, "own_reply_phi", "own_reply_phi", kind=Kind.COMMENT, ours=True)
    week = digest.build(
        WEEK, mentions=[reply, said(3, "own_reply_phi", kind=Kind.POST, ours=True)], incidents=(), sources=(),
        notifications=(), replies=replies, unanswered=[("Main", 2), ("", 1), ("Main", 3)],
    )  # fmt: skip

    assert (week.to_reply, week.timed, week.disclosed) == (3 * HOUR, 3, 1)
    assert week.unanswered == {"Main": 5, NO_LOCATION: 1}


def test_an_unresolved_incident_is_overdue_or_due_soon_until_somebody_takes_it():
    due = [WEEK.since + DAY, WEEK.until, WEEK.until + DAY, WEEK.until + 8 * DAY]
    found = [incident(n, ack_due_at=at) for n, at in enumerate(due)]
    found.append(incident(9, ack_due_at=due[0], acked_at=WEEK.since + HOUR, state=State.ACKED))
    found.append(incident(8, ack_due_at=due[0], acked_at=WEEK.until + HOUR, state=State.ACKED))
    week = counted(incidents=found)

    assert [one.id for one in week.overdue] == [0, 1, 8]
    assert [one.id for one in week.due_soon] == [2]


def judged(n: int, outcome: Outcome | None, likelihood: float, rule: str = "unkind", **changes: Any) -> Incident:
    return ended(n, -n * HOUR, HOUR, rule=rule, outcome=outcome, impact=3, likelihood=likelihood, **changes)


def test_a_rule_is_right_in_what_was_no_false_alarm_and_a_score_is_named_that_would_have_spared_some():
    found = [judged(n, Outcome.FALSE_ALARM, 0.2 + n / 100) for n in range(1, 5)]
    found += [judged(n, Outcome.RESPONDED, 0.5 + n / 100) for n in range(5, 10)]
    found += [judged(20, Outcome.FALSE_ALARM, 0.9), judged(21, Outcome.OTHER, 0.1), judged(22, None, 0.1)]
    found += [judged(23, Outcome.FALSE_ALARM, 0.1, drill=True)]
    (record,) = counted(incidents=found).records

    assert (record.rule, record.judged, record.false, record.spared) == ("unkind", 10, 5, 4)
    assert record.right.low < record.right.figure == 0.5 < record.right.high
    assert record.threshold == pytest.approx(3 * 0.55 * 5)


@pytest.mark.parametrize("rule", ["threat_to_staff", "self_harm_crisis"])
def test_no_threshold_is_suggested_where_people_may_be_in_danger(rule):
    found = [judged(n, Outcome.FALSE_ALARM if n < 9 else Outcome.REMOVED, n / 20, rule) for n in range(1, 12)]

    assert [(one.false, one.threshold) for one in counted(incidents=found).records] == [(8, None)]


def test_few_verdicts_suggest_nothing_and_old_ones_are_forgotten():
    few = [judged(n, Outcome.FALSE_ALARM if n < 5 else Outcome.REMOVED, n / 20) for n in range(1, 8)]
    old = replace(few[0], id=99, opened_at=WEEK.until - 100 * DAY, resolved_at=WEEK.until - 92 * DAY)
    (record,) = counted(incidents=[*few, old]).records

    assert (record.judged, record.threshold) == (7, None)


# Competitors


RIVALS = {"elm-google": "Elm Clinic", "oak-google": "Oak Clinic"}


def test_what_is_said_about_competitors_is_beside_us_and_in_no_other_number():
    theirs = {"source": "elm-google", "labels": {"peer": "Elm Clinic", "location": "Main"}}
    week = digest.build(
        WEEK,
        mentions=[
            said(1, stars=5), said(2, source="bluesky"), said(3, "threat_to_staff", stars=1, **theirs), said(4, **theirs),
            said(5, history=True, **theirs), said(6, ours=True, **theirs),
        ],
        incidents=[incident(1, rule="source_failing", risk=None, group="oak-google", note="x")],
        sources=[
            source(), source("bluesky", platform="b"), source("elm-google"), source("oak-google", polled_at=None),
        ],
        notifications=(), peers=RIVALS,
    )  # fmt: skip

    assert (week.whole.mentions, week.ours, week.history, week.at_risk, week.worst) == (2, 0, 0, 0, ())
    assert (week.sources, week.blind, list(week.by_source)) == (2, (), ["bluesky", "google"])
    assert week.peers is not None
    assert week.peers.platforms == ("p",)
    assert (week.peers.ours.mentions, week.peers.ours.mean_stars, week.peers.mentions) == (1, 5, 3)
    assert {name: part.mentions for name, part in week.peers.others.items()} == {"Elm Clinic": 2, "Oak Clinic": 0}
    assert {one.source for one in week.peers.blind} == {"oak-google"}
    assert counted(said(1)).peers is None


# Deadlines that a law has set, and what else a week brings


def test_deadlines_that_are_over_or_come_next_week_are_told_for_what_is_unresolved():
    found = [incident(n, -n * DAY) for n in (1, 2, 3)] + [ended(4, DAY, HOUR)]
    due = {1: WEEK.until - HOUR, 2: WEEK.until + 6 * DAY, 3: WEEK.until + 8 * DAY, 4: WEEK.until}
    week = digest.build(
        WEEK, mentions=(), incidents=found, sources=(), notifications=(), clocks=lambda one: [("correct it", due[one.id])]
    )  # fmt: skip
    mine = digest.cut(week, inbox="marketing", sees=set[str]().__contains__)

    assert [(one.incident.id, one.name, one.due_at) for one in week.clocks] == [
        (1, "correct it", due[1]), (2, "correct it", due[2])
    ]  # fmt: skip
    assert mine.clocks == ()


def test_stars_against_words_answers_and_what_was_held_back_are_counted():
    week = digest.build(
        WEEK, mentions=[said(1, stars=5, mood=-0.9), said(2, stars=1, mood=0.6), said(3, stars=1, mood=0.4),
                        said(4, stars=5, mood=-0.9, ours=True), said(5, stars=5, mood=-0.9, history=True)],
        incidents=(), sources=(), notifications=(), answered=[("Main", 1), ("Main", 1)], withheld=[("risk", 2), ("it", 3)],
    )  # fmt: skip

    assert (week.at_odds, week.answered, week.withheld) == (2, {"Main": 2}, {"it": 3, "risk": 2})


# The cut of an inbox


def test_an_inbox_sees_its_own_classes_and_what_it_does_not_see_is_counted():
    week = counted(
        said(1, "threat_to_staff", "review_integrity"), said(2, "threat_to_staff"), said(3, "review_integrity"), said(4),
        incidents=[
            incident(1), incident(2, risk="review_integrity", inboxes=("marketing",)), incident(3, inboxes=("marketing",))
        ],
    )  # fmt: skip
    mine = digest.cut(week, inbox="marketing", sees={"review_integrity"}.__contains__)

    assert (mine.by_risk, mine.at_risk, mine.whole) == ({"review_integrity": 2}, 2, week.whole)
    assert [one.id for one in mine.opened] == [2, 3]
    assert mine.elsewhere == digest.Elsewhere(at_risk=1, opened=1, unresolved=1)
    assert {signal.risk for one in mine.worst for signal in one.assessment.signals} == {"review_integrity"}
    assert sorted(one.id for one in mine.worst) == [1, 3]


@given(MENTIONS, st.sets(st.sampled_from(["threat_to_staff", "own_reply_phi", "made_up"])))
def test_what_is_seen_and_what_is_told_elsewhere_is_the_whole(mentions, classes):
    incidents = [incident(n, risk=risk, inboxes=()) for n, risk in enumerate(["threat_to_staff", "made_up", None])]
    week = counted(*mentions, incidents=incidents)
    mine = digest.cut(week, inbox="x", sees=classes.__contains__)

    assert mine.elsewhere is not None
    assert mine.at_risk + mine.elsewhere.at_risk == week.at_risk
    assert len(mine.opened) + mine.elsewhere.opened == len(week.opened)
    assert set(mine.by_risk) == set(week.by_risk) & classes
    assert len(mine.worst) == min(mine.at_risk, 5)
    assert mine.whole == week.whole


# The register of risks


def quarter(*mentions: Stored, incidents=(), begun=WEEK.until - 300 * DAY, drills=()) -> digest.Register:
    owners = {"threat_to_staff": ("security", "risk"), "review_integrity": ("marketing",)}
    return digest.register(
        WEEK.until, mentions=mentions, incidents=incidents, owners=owners, appetite=(6.0, 15.0), begun=begun,
        drills=drills,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "before", "expected"), [(0, 0, 1), (0, 9, 2), (1, 0, 3), (2, 9, 3), (3, 0, 4), (12, 0, 4), (13, 0, 5)]
)
def test_likelihood_is_what_was_observed(now, before, expected):
    seen = [said(n, "threat_to_staff", first_seen_at=WEEK.until - DAY) for n in range(now)]
    then = [said(99 + n, "threat_to_staff", first_seen_at=WEEK.until - 100 * DAY) for n in range(before)]
    (risk,) = [one for one in quarter(*seen, *then).risks if one.risk == "threat_to_staff"]

    assert (risk.mentions, risk.before, risk.likelihood) == (now, before, expected)
    assert risk.level == (5 * expected if now or before else None)


def test_a_register_says_what_was_done_and_by_whom_and_leaves_out_history():
    found = quarter(
        said(1, "threat_to_staff", first_seen_at=WEEK.until - DAY),
        said(2, "threat_to_staff", first_seen_at=WEEK.until - DAY, history=True),
        said(3, "made_up", first_seen_at=WEEK.until - 200 * DAY),
        incidents=[
            incident(1), ended(2, HOUR, HOUR), ended(3, HOUR, 300 * HOUR), incident(4, drill=True, acked_at=WEEK.since + 2 * HOUR)
        ],
        drills=[Held("old", WEEK.until - 92 * DAY, 2, ()), Held("flood", WEEK.since, 2, (HOUR,))],
    )  # fmt: skip
    threat = found.risks[0]

    assert (threat.risk, threat.mentions, threat.incidents, threat.open) == ("threat_to_staff", 1, 3, 2)
    assert (threat.taken, threat.owners) == ({"responded": 1}, ("security", "risk"))
    assert (found.drills, found.watched) == ((Held("flood", WEEK.since, 2, (HOUR,)),), True)
    assert [one.risk for one in found.risks if one.level is None] == ["made_up", "review_integrity"]
    assert not quarter(begun=WEEK.until - 100 * DAY).watched
