"""Competitors: what is said about them is counted beside us, opens nothing, and is told to nobody."""

from __future__ import annotations

import pytest

from monitor import timing
from monitor.connector import Page, Unavailable
from monitor.model import Kind
from monitor.pipeline import judge, poll_due, rescore
from monitor.pipeline.report import numbers, peers, register
from monitor.store import incidents, mentions, sources
from tests.line import CONFIG
from tests.test_pipeline import THREAT, all_incidents, everything, making, said, turn  # noqa: F401  # a fixture is used by its name

CALL = "Practice Hospital hurts children and hides it, everybody call their lobby today"
RIVAL = (
    CONFIG.replace("[inboxes.marketing]", """
[sources.rival]
connector = "fake"
every = "15m"
peer = "Elm Clinic"
labels = { location = "Main campus" }

[inboxes.marketing]""", 1)
    + """
[rules.unanswered]
kinds = ["review"]
unanswered_for = "48h"
inboxes = ["marketing"]

[rules.sudden]
surge = "high"
inboxes = ["marketing"]
"""
)  # fmt: skip


async def beside(making, ours=(), theirs=()):  # noqa: F811
    """A line that has walked both sources once, and what each brings next."""
    bench = making([Page(cursor={"at": 0})], config=RIVAL)
    bench.fakes["rival"] = type(bench.fakes["one"])([Page(cursor={"at": 0})])
    await turn(bench)
    bench.wait(minutes=15)
    bench.fakes["one"].polls += ours
    bench.fakes["rival"].polls += theirs
    return bench


def page(*found):
    return [Page(mentions=list(found), cursor={"at": 1})]


def of_week(bench):
    with bench.database.read() as tx:
        week = timing.week_of(bench.clock.now(), bench.line.config.timezone)
        return numbers(tx, week, bench.clock.now(), bench.line.config.timezone, peers(bench.line))


async def test_nothing_that_is_said_about_a_competitor_opens_an_incident_or_is_told(making, clock):  # noqa: F811
    call = [said(clock, f"m{n}", f"{CALL} {'!' * n}", kind=Kind.POST, author=f"user{n}") for n in range(40)]
    bench = await beside(making, theirs=[page(said(clock, "1", THREAT, stars=1.0), *call)])
    for _ in range(14):
        await turn(bench)
        bench.wait(hours=4)

    assert all_incidents(bench) == []
    assert bench.channel.taken == []
    assert {one.peer for one in everything(bench)} == {"Elm Clinic"}
    assert {one.assessment.risk_score for one in everything(bench)} == {0}
    with bench.database.read() as tx:
        assert mentions.unjudged(tx, 10) == []
        assert all(risk.mentions == 0 for risk in register(bench.line, tx, bench.clock.now()).risks)


async def test_the_digest_has_it_beside_us(making, clock):  # noqa: F811
    bench = await beside(
        making, [page(said(clock, "1", "Kind staff.", stars=5.0))],
        [page(said(clock, "2", THREAT, stars=1.0), said(clock, "3", "Thanks for asking.", ours=True, kind=Kind.COMMENT, parent_id="2"))],
    )  # fmt: skip
    await turn(bench)
    week = of_week(bench)

    assert (week.whole.mentions, week.ours, week.at_risk, week.sources) == (1, 0, 0, 1)
    assert week.peers is not None
    assert {name: part.mean_stars for name, part in week.peers.others.items()} == {"Elm Clinic": 1}
    assert week.peers.ours.mean_stars == 5
    assert len(everything(bench)) == 2  # what a competitor says itself is not even stored


async def test_a_competitors_source_that_fails_is_told_in_the_digest_alone(making):  # noqa: F811
    bench = await beside(making, theirs=[[Unavailable("elm.example answers 503")] for _ in range(12)])
    for _ in range(12):
        await turn(bench)
        bench.wait(hours=3)
    with bench.database.read() as tx:
        state = sources.one(tx, "rival")

    assert state is not None
    assert state.failing_since is not None
    assert [one for one in all_incidents(bench) if one.group == "rival"] == []
    week = of_week(bench)
    assert week.peers is not None
    assert [one.source for one in week.peers.blind] == ["rival"]
    assert "rival" not in {one.source for one in week.blind}


@pytest.mark.parametrize("edited", [False, True])
async def test_what_is_about_us_too_is_ours_whoever_found_it_first(making, clock, edited):  # noqa: F811
    both = said(clock, "1", THREAT)
    bench = await beside(making, [page(), page(both)], [page(both), page()])
    await turn(bench)
    assert [one.source for one in everything(bench)] == ["rival"]
    bench.wait(minutes=15)
    await turn(bench)

    (one,) = everything(bench)
    assert (one.source, one.peer, one.first_seen_at) == ("one", "", bench.clock.now())
    assert [incident.risk for incident in all_incidents(bench)] == ["threat_to_staff"]

    bench.wait(minutes=15)
    again = said(clock, "1", f"{THREAT} {'I mean it.' if edited else ''}".strip())
    bench.fakes["rival"].polls.append(page(again))
    await turn(bench)
    (one,) = everything(bench)
    assert (one.source, one.peer, one.assessment.risk_score > 0, one.mention.text) == ("one", "", True, THREAT)


async def test_assessing_again_finds_no_risk_in_it(making, clock):  # noqa: F811
    bench = await beside(making, theirs=[page(said(clock, "1", THREAT))])
    await poll_due(bench.line)
    assert rescore(bench.line, everything=True) == 1
    with bench.database.write() as tx:
        mentions.judge_again(tx, [one.id for one in mentions.listed(tx)])
    judge(bench.line)

    assert [one.assessment.signals for one in everything(bench)] == [()]
    with bench.database.read() as tx:
        assert incidents.listed(tx, None) == []
