"""Thresholds of groups and of reach through the line: from a poll to an incident, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor import daemon, rules
from monitor.connector import Page, Unavailable
from monitor.model import Kind, Level, Mention, Outcome, State
from monitor.pipeline import judge, poll_due, retain
from monitor.pipeline.deliver import deliver_all
from monitor.pipeline.stand import look, series
from monitor.pipeline.work import resolve
from monitor.store import incidents, tallies
from tests.clock import Clock
from tests.line import CONFIG, Bench, Fake

DAY = timedelta(days=1)
THREAT = "Next time I see that receptionist I'm putting her through the window."
ANGRY = "Terrible, awful, rude and disgusting. The worst place I have ever seen."
KIND = "Everybody was kind and the doctor took her time. Thank you, wonderful!"
CAR_PARK = "A new car park."
SURGE = '\n[rules.sudden]\nsurge = "medium"\nkinds = ["post"]\ninboxes = ["marketing"]\n'
BURST = '\n[rules.burst]\nsurge = "medium"\nkinds = ["review"]\ninboxes = ["marketing"]\n'
SLUMP = '\n[rules.slump]\nslump = "medium"\ninboxes = ["marketing"]\n'
SHARE = '\n[rules.mood]\nnegative_share = 0.4\ninboxes = ["marketing"]\n'
ODD = '\n[rules.odd]\nat_odds = true\ninboxes = ["marketing"]\n'

Making = Callable[..., Bench]


@pytest.fixture
def making(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Making]:
    made: list[Bench] = []

    def make(config: str) -> Bench:
        if made:
            made.pop().line.close()
        bench = Bench(database_url, tmp_path, clock, config=CONFIG + config)
        bench.fakes["one"] = Fake()
        made.append(bench)
        daemon.begin(bench.line)
        return bench

    yield make
    for bench in made:
        bench.line.close()


def said(key: str, at: datetime, text: str = CAR_PARK, **values: Any) -> Mention:
    return Mention(**({"external_id": key, "kind": Kind.POST, "text": text, "published_at": at} | values))


def review(key: str, at: datetime, stars: float, text: str = "As it was.") -> Mention:
    return said(key, at, text, kind=Kind.REVIEW, stars=stars)


async def turn(bench: Bench, *some: Mention, source: str = "one", wait: timedelta = timedelta(0)) -> None:
    """Lets these come, judges and delivers, and lets time pass."""
    bench.fakes[source].polls.append([Page(mentions=list(some), cursor={"at": bench.clock.now().isoformat()})])
    await poll_due(bench.line)
    judge(bench.line)
    await deliver_all(bench.line)
    bench.clock.advance(wait)


def of(bench: Bench, rule: str) -> list[Any]:
    with bench.database.read() as tx:
        return [one for one in incidents.listed(tx, None) if one.rule == rule]


HOUR = timedelta(hours=1)


async def test_what_takes_off_after_it_was_told_is_told_once_for_each_step(making: Making, clock: Clock) -> None:
    bench = making("")
    await turn(bench, wait=HOUR)
    at = clock.now()
    told: dict[int, list[str]] = {}
    for likes in (3, 60, 99, 101, 98, 140, 900, 1_200, 15_000, 17_000):
        before = len(bench.channel.taken)
        await turn(bench, said("t", at, THREAT, engagement=likes), wait=15 * timedelta(minutes=1))
        told[likes] = [one.reason.value for one in bench.channel.taken[before:] if one.inbox == "risk"]
    assert {likes: "worsened" in some for likes, some in told.items()} == {
        3: False, 60: False, 99: False, 101: True, 98: False, 140: False, 900: False, 1_200: True, 15_000: True,
        17_000: False,
    }  # fmt: skip
    (incident,) = of(bench, "threat_to_staff")
    assert (incident.reach, incident.mentions) == (3, 1)
    assert incident.note.startswith("one of its mentions has come to 10,000 reactions")


@pytest.mark.parametrize(("outcome", "count"), [(Outcome.RESPONDED, 2), (Outcome.FALSE_ALARM, 1)])
async def test_what_takes_off_after_the_end_is_a_new_incident_unless_it_was_a_false_alarm(
    making: Making, clock: Clock, outcome: Outcome, count: int
) -> None:
    bench = making("")
    await turn(bench, wait=HOUR)
    at = clock.now()
    await turn(bench, said("t", at, THREAT, engagement=3), wait=HOUR)
    resolve(bench.line, of(bench, "threat_to_staff")[0].id, outcome)
    for likes in (90, 5_000, 900, 5_000):
        await turn(bench, said("t", at, THREAT, engagement=likes), wait=HOUR)
    found = sorted(of(bench, "threat_to_staff"), key=lambda one: one.id)
    assert [one.state for one in found] == [State.RESOLVED, State.OPEN][:count]
    assert found[-1].mentions == 1
    told = [one.reason.value for one in bench.channel.taken if one.incident_id == found[-1].id and one.inbox == "risk"]
    assert told.count("opened") == 1


async def test_what_was_too_light_to_be_told_and_takes_off_opens_an_incident(making: Making, clock: Clock) -> None:
    bench = making("\n[appetite]\nnotify = 15\nurgent = 20\n")
    await turn(bench, wait=HOUR)
    at = clock.now()
    await turn(bench, said("t", at, "I will sue them.", engagement=1), wait=HOUR)
    assert of(bench, "legal_regulatory_threat") == []  # 4 x 0.7: 14 of 25
    await turn(bench, said("t", at, "I will sue them.", engagement=90), wait=HOUR)
    assert of(bench, "legal_regulatory_threat") == []
    await turn(bench, said("t", at, "I will sue them.", engagement=100), wait=HOUR)
    (incident,) = of(bench, "legal_regulatory_threat")
    assert (incident.impact, incident.reach, incident.level) == (5, 1, Level.WARNING)


async def test_history_that_takes_off_stays_history(making: Making, clock: Clock) -> None:
    bench = making("")
    old = clock.now() - 60 * DAY
    await turn(bench, said("t", old, THREAT, engagement=1), wait=HOUR)
    await turn(bench, said("t", old, THREAT, engagement=50_000), wait=HOUR)
    assert of(bench, "threat_to_staff") == []


def year(now: datetime, stars: float = 5) -> list[Mention]:
    """A review every fifth day of the year before, each ninth of one star."""
    return [review(f"old{n}", now - n * 5 * DAY, 1 if n % 9 == 0 else stars) for n in range(1, 74)]


async def test_stars_that_fall_are_one_incident_that_says_how_far_and_ends_when_they_are_back(
    making: Making, clock: Clock
) -> None:
    bench = making(SLUMP)
    await turn(bench, *year(clock.now()), wait=2 * HOUR)
    clock.advance(12 * DAY)
    await turn(bench, *(review(f"bad{n}", clock.now() - n * DAY, 1 if n % 2 else 3) for n in range(12)), wait=DAY)
    (incident,) = of(bench, "slump")
    assert (incident.state, incident.level, incident.group) == (State.OPEN, Level.WARNING, "Main campus")
    assert " stars in " in incident.note
    assert incident.note.endswith("4.6 in the 73 of the year before")
    assert incident.mentions == 12
    told = [one.reason.value for one in bench.channel.taken if one.inbox == "marketing"]
    assert told == ["backfilled", "opened"]
    clock.advance(28 * DAY)
    await turn(bench, *(review(f"good{n}", clock.now() - n * DAY / 2, 5) for n in range(40)))
    (incident,) = of(bench, "slump")
    assert incident.state is State.RESOLVED
    assert incident.mentions == 12  # what speaks for the group is no part of it


async def test_a_past_that_was_no_better_is_no_slump(making: Making, clock: Clock) -> None:
    bench = making(SLUMP)
    await turn(bench, *year(clock.now(), stars=2), wait=2 * HOUR)
    clock.advance(12 * DAY)
    await turn(bench, *(review(f"bad{n}", clock.now() - n * DAY, 1 if n % 2 else 3) for n in range(12)), wait=DAY)
    assert of(bench, "slump") == []


async def test_a_new_rule_knows_the_stored_past_and_tells_nobody_of_it(making: Making, clock: Clock) -> None:
    bench = making("")
    await turn(bench, *year(clock.now()), wait=2 * HOUR)
    clock.advance(12 * DAY)
    await turn(bench, *(review(f"before{n}", clock.now() - n * DAY, 1) for n in range(12)), wait=DAY)
    bench = making(SLUMP)
    await turn(bench, wait=2 * HOUR)
    rule = bench.line.rules["slump"]
    with bench.database.read() as tx:
        assert tallies.done(tallies.progress(tx, rules.counted_as(rule)))
        counted = tallies.by_source(tx, rules.counted_as(rule), "Main campus", clock.now() - 365 * DAY)
    assert counted["one"].mentions == 12 + 70  # of a year that ends two weeks later
    await turn(bench, review("first", clock.now(), 1), wait=DAY)
    assert of(bench, "slump") == []  # what was said before anybody watched is nobody's slump
    for n in range(4):
        await turn(bench, *(review(f"after{n}-{m}", clock.now(), 1) for m in range(2)), wait=DAY)
    (incident,) = of(bench, "slump")
    assert incident.mentions <= 9


async def month(bench: Bench) -> None:
    """Thirty days with a post every second day, all of which come at their end."""
    await turn(bench, wait=30 * DAY)
    some = [said(f"old{n}", bench.clock.now() - n * 2 * DAY) for n in range(1, 15)]
    await turn(bench, *some, wait=HOUR)


@pytest.mark.parametrize("before", ["", SLUMP], ids=["counted from the store", "counted as they came"])
async def test_a_review_that_is_rated_anew_counts_once_and_as_what_it_says_now(
    making: Making, clock: Clock, before: str
) -> None:
    bench = making(before)
    at = clock.now() - 60 * DAY
    await turn(bench, review("past", at, 5), review("worse", at, 5), wait=2 * HOUR)  # history
    late = clock.now()
    await turn(bench, review("better", late, 1), review("same", late, 3), wait=HOUR)
    bench = making(SLUMP)
    await turn(bench, wait=HOUR)
    name = rules.counted_as(bench.line.rules["slump"])

    def counted() -> tuple[int, float]:
        with bench.database.read() as tx:
            return tallies.by_source(tx, name, "Main campus", clock.now() - 400 * DAY)["one"]

    assert counted() == (4, 1.5)
    edits = review("past", at, 5, "Still."), review("worse", at, 1), review("better", late, 5)
    for _ in range(2):
        await turn(bench, *edits, wait=HOUR)
        assert counted() == (4, 1.5)  # one has lost all that another has won
    await turn(bench, review("better", late, 2), wait=HOUR)
    assert counted() == (4, 2.25)


async def test_a_new_rule_on_a_surge_works_at_once(making: Making, clock: Clock) -> None:
    bench = making("")
    await month(bench)
    bench = making(SURGE)
    await turn(bench, wait=2 * HOUR)
    await turn(bench, *(said(f"n{n}", clock.now()) for n in range(9)), wait=HOUR)
    (incident,) = of(bench, "sudden")
    assert incident.note.startswith("9 mentions since ")


async def test_a_new_rule_on_a_surge_says_nothing_of_one_that_was(making: Making, clock: Clock) -> None:
    bench = making("")
    await month(bench)
    await turn(bench, *(said(f"n{n}", clock.now()) for n in range(30)), wait=HOUR)
    bench = making(SURGE)
    await turn(bench, wait=2 * HOUR)
    await turn(bench, said("one more", clock.now()), wait=HOUR)
    assert of(bench, "sudden") == []


async def test_a_burst_of_reviews_is_a_surge_of_that_kind_alone(making: Making, clock: Clock) -> None:
    bench = making(BURST)
    await turn(bench, wait=30 * DAY)
    await turn(bench, *(review(f"r{n}", clock.now() - n * 2 * DAY, 5) for n in range(1, 15)), wait=HOUR)
    await turn(bench, *(said(f"p{n}", clock.now()) for n in range(40)), wait=HOUR)
    assert of(bench, "burst") == []
    await turn(bench, *(review(f"b{n}", clock.now(), 5) for n in range(9)), wait=HOUR)
    (incident,) = of(bench, "burst")
    assert incident.note.startswith("9 mentions since ")


TWO = '\n[sources.two]\nconnector = "fake"\nevery = "15m"\nlabels = { location = "Main campus" }\n'


@pytest.mark.parametrize("past", [0, 30])
async def test_a_source_that_joins_a_group_is_no_surge(making: Making, clock: Clock, past: int) -> None:
    bench = making(SURGE)
    await month(bench)
    bench = making(SURGE + TWO)
    bench.fakes["two"] = Fake()
    old = [said(f"old{n}", clock.now() - n * DAY - HOUR) for n in range(past) for _ in range(4)]
    bench.fakes["two"].polls.append([Page(mentions=old, cursor={"at": 1})])
    await turn(bench, wait=HOUR)
    for n in range(20):
        some = [said(f"two{n}-{m}", clock.now() - m * 6 * HOUR) for m in range(4)]
        bench.fakes["two"].polls.append([Page(mentions=some, cursor={"n": n})])
        await turn(bench, wait=DAY)
    assert of(bench, "sudden") == []


async def outage(bench: Bench) -> datetime:
    """A day in which the only source does not answer. Returns when it began."""
    began_at = bench.clock.now()
    bench.fakes["one"].polls += [[Unavailable("fake.example does not answer")] for _ in range(4)]
    for _ in range(4):
        await poll_due(bench.line)
        judge(bench.line)
        bench.clock.advance(6 * HOUR)
    assert [one.state for one in of(bench, "source_failing")] == [State.OPEN]
    return began_at


async def test_no_verdict_reaches_back_into_an_outage_that_was_not_caught_up_with(making: Making, clock: Clock) -> None:
    bench = making(SURGE)
    await month(bench)
    began_at = await outage(bench)
    await turn(bench, wait=DAY)
    await turn(bench)
    with bench.database.read() as tx:
        known = series(bench.line, tx, bench.line.rules["sudden"], "Main campus", clock.now())
    (failing,) = of(bench, "source_failing")
    lost = {
        (failing.opened_at - known.first) // HOUR + n for n in range(-2, (began_at + DAY - failing.opened_at) // HOUR)
    }
    assert lost <= known.partial
    assert 0 not in known.partial


async def test_an_outage_that_the_source_caught_up_with_is_whole(making: Making, clock: Clock) -> None:
    bench = making(SURGE)
    await month(bench)
    began_at = await outage(bench)
    late = [said(f"late{n}", began_at + timedelta(hours=20, minutes=n)) for n in range(9)]
    await turn(bench, *late, wait=HOUR)
    await turn(bench, said("one more", clock.now()), wait=HOUR)
    (incident,) = of(bench, "sudden")
    assert incident.note.startswith("9 mentions since ")
    with bench.database.read() as tx:
        assert not series(bench.line, tx, bench.line.rules["sudden"], "Main campus", clock.now()).partial


async def test_a_share_of_negative_is_told_when_it_is_sure_and_ends_when_it_is_back(
    making: Making, clock: Clock
) -> None:
    bench = making(SHARE)
    await turn(bench, wait=2 * HOUR)
    for n, text in enumerate([ANGRY, ANGRY, KIND]):
        await turn(bench, said(f"few{n}", clock.now(), text), wait=HOUR)
    assert of(bench, "mood") == []  # two of three
    for n in range(6):
        await turn(bench, said(f"more{n}", clock.now(), ANGRY), wait=HOUR)
    (incident,) = of(bench, "mood")
    assert incident.state is State.OPEN
    assert "are negative: surely over " in incident.note
    for n in range(16):
        await turn(bench, said(f"kind{n}", clock.now(), KIND), wait=HOUR)
    (incident,) = of(bench, "mood")
    assert incident.state is State.RESOLVED


async def test_stars_at_odds_with_the_words_open_an_incident(making: Making, clock: Clock) -> None:
    bench = making(ODD)
    await turn(bench, wait=HOUR)
    await turn(bench, review("1", clock.now(), 1, ANGRY), review("2", clock.now(), 5, KIND), wait=HOUR)
    assert of(bench, "odd") == []
    await turn(bench, review("3", clock.now(), 5, ANGRY), review("4", clock.now(), 1, KIND), wait=HOUR)
    (incident,) = of(bench, "odd")
    assert incident.mentions == 2


async def test_counts_that_no_rule_needs_are_purged_and_a_rule_that_comes_back_counts_anew(
    making: Making, clock: Clock
) -> None:
    bench = making(SURGE)
    await month(bench)
    name = rules.counted_as(bench.line.rules["sudden"])

    def hours() -> int:
        with bench.database.read() as tx:
            return len(tallies.hours(tx, name, "Main campus", clock.now() - 400 * DAY))

    assert hours() == 14
    retain(bench.line)
    assert hours() == 14
    clock.advance(50 * DAY)
    retain(bench.line)
    assert 0 < hours() < 14
    bench = making("")
    retain(bench.line)
    assert hours() == 0
    bench = making(SURGE)
    await turn(bench)
    assert 0 < hours() < 14


async def test_a_dismissed_slump_does_not_come_back_at_once(making: Making, clock: Clock) -> None:
    bench = making(SLUMP)
    await turn(bench, *year(clock.now()), wait=2 * HOUR)
    clock.advance(12 * DAY)
    await turn(bench, *(review(f"bad{n}", clock.now() - n * DAY, 1) for n in range(12)), wait=DAY)
    (incident,) = of(bench, "slump")
    resolve(bench.line, incident.id, Outcome.FALSE_ALARM, by="Ana")
    await turn(bench, review("worse", clock.now(), 1), wait=DAY)
    assert len(of(bench, "slump")) == 1
    with bench.database.read() as tx:
        assert look(bench.line, tx, bench.line.rules["slump"], "Main campus", None).stand.turn is None
