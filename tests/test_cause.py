"""Why an incident has so many mentions: words that rose, near-duplicates, and what a campaign mutes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import campaign
from monitor.cause import LEAST, Alike, Cause, Term, Wide, risen
from monitor.cli.story import Story
from monitor.connector import Page
from monitor.messages import causes
from monitor.model import Detail, Kind, Reason, State
from monitor.pipeline import judge, poll_due
from monitor.pipeline.cause import cause
from monitor.store import incidents
from tests.test_messages import CHICAGO, NOW, incident, stored, told, whole
from tests.test_pipeline import making, said, turn, watching  # noqa: F401  # a fixture is used by its name

USUAL = [f"The nurses were kind and the room was clean number {n}." for n in range(40)]
COMPLAINT = "The receptionist at Practice Hospital was so rude to us, we waited four hours and were overcharged twice."


def test_a_word_rises_where_its_share_is_far_above_the_groups_own():
    now = [f"The parking garage charged me again, kind nurses though {n}" for n in range(12)]
    assert [(one.word, one.mentions) for one in risen(now, USUAL)][:2] == [("again", 12), ("charged", 12)]
    words = {one.word for one in risen(now, USUAL)}
    assert "kind" not in words
    assert "nurses" not in words


def test_without_a_history_or_enough_mentions_nothing_is_said_to_rise():
    now = ["The parking garage charged me"] * 12
    assert risen(now, USUAL[:10]) == []
    assert risen(now[: LEAST - 1], USUAL) == []
    assert risen(USUAL, USUAL) == []


def test_a_word_is_told_as_it_is_mostly_written_and_a_text_counts_once():
    now = ["Parking parking parking"] * 5 + ["parking"] * 3 + ["PARKING"]
    (found,) = risen(now, USUAL)
    assert found == Term("parking", 9, 0.0)


@given(st.lists(st.text(max_size=30), max_size=40), st.lists(st.text(max_size=30), max_size=40))
def test_whatever_was_said_what_rose_is_more_frequent_than_before(now, before):
    for one in risen(now, before):
        assert 3 <= one.mentions <= len(now)
        assert one.mentions / len(now) > 2 * one.before


def test_by_chance_alone_hardly_a_word_rises():
    draw = random.Random(11)
    words = [f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(200)]
    texts = [" ".join(draw.choices(words, k=20)) for _ in range(300)]
    assert sum(len(risen(texts[n : n + 10], texts[100:])) for n in range(0, 100, 10)) <= 3


MADE_OF = Cause(
    terms=(Term("parking", 14, 0.02), Term("Marisol", 12, 0.0)),
    alike=(Alike(14, 11, NOW - timedelta(hours=3)),),
    widest=Wide(3, 45_000, 310),
    muted=9,
)


@pytest.mark.parametrize(
    ("detail", "shown"), [(Detail.NONE, []), (Detail.REDACTED, ["parking"]), (Detail.FULL, ["parking", "Marisol"])]
)
def test_words_of_mentions_are_told_only_as_far_as_detail_goes(detail, shown):
    message = told(about=incident(mentions=18), detail=detail, cause=MADE_OF)
    for word in ("parking", "Marisol"):
        assert (word in whole(message)) is (word in shown)
    assert [one["term"] for one in message.data["data"]["cause"]["terms"]] == shown


def test_a_name_that_all_write_small_is_told_to_nobody_who_must_not_see_names():
    message = told(about=incident(mentions=18), detail=Detail.REDACTED, cause=Cause(terms=(Term("schwartz", 12, 0.0),)))
    assert "schwartz" not in whole(message)


def test_the_cause_names_near_duplicates_reach_and_what_is_told_only_here():
    said = dict(causes.sentences(MADE_OF, detail=Detail.NONE, keep=(), timezone=CHICAGO, now=NOW))
    assert said == {
        "Nearly the same": "14 mentions by 11 authors, first published Mon 9 Nov, 11:17 CST",
        "Most widely read": "mention 3: 45,000 followers, 310 reactions",
        "Told only here": "9 of them, which are no incidents of single complaints besides",
    }
    text = " ".join(told(about=incident(mentions=18), cause=MADE_OF).text.split())
    assert "Why so many - Nearly the same: 14 mentions by 11 authors" in text


def test_of_a_very_large_incident_it_says_how_many_speak_for_it():
    said = causes.sentences(replace(MADE_OF, read=500), detail=Detail.NONE, keep=(), timezone=CHICAGO, now=NOW)
    assert ("Looked at", "the 500 weightiest mentions") in said


def test_a_small_incident_needs_no_summary():
    assert "Why so many" not in told().text
    assert told().data["data"]["cause"] is None
    over = incident(state=State.RESOLVED, mentions=18)
    assert "Why so many" not in told(Reason.RESOLVED, about=over, cause=MADE_OF).text


def complaint(clock, number, text=COMPLAINT):
    return said(clock, f"c{number}", f"{text} {number}", kind=Kind.POST, author=f"user{number}", audience=100 * number)


def by_rule(bench):
    with bench.database.read() as tx:
        return {one.rule: one for one in incidents.listed(tx, None)}


async def test_a_campaign_mutes_its_single_complaints_counts_them_and_says_so(making, clock):  # noqa: F811
    bench = await watching(making)
    for number in range(4):  # before anybody can know that it is a campaign
        bench.fakes["one"].polls.append([Page(mentions=[complaint(clock, number)], cursor={"at": number + 1})])
        await poll_due(bench.line)
        judge(bench.line)
        bench.wait(minutes=15)
    found = [complaint(clock, n) for n in range(4, 9)]
    bench.fakes["one"].polls.append([Page(mentions=found, cursor={"at": 9})])
    await turn(bench)

    there = by_rule(bench)
    assert campaign.RISK in there
    assert "brand_service_complaint" not in there
    with bench.database.read() as tx:
        about = there[campaign.RISK]
        made_of = cause(bench.line, tx, about)
        story = Story(bench.line, tx, chain=True)
        matched = [match for one in story.mentions(about) for match in story.matched(one)]
    assert made_of is not None
    assert made_of.muted == about.mentions == 9
    assert [one.mentions for one in made_of.alike] == [9]
    assert made_of.widest == Wide(9, 800, None)
    muted = [match for match in matched if match["rule"] == "brand_service_complaint"]
    assert len(muted) == 9
    assert {match["muted_by"] for match in muted} == {about.id}
    text = " ".join(bench.channel.taken[-1].message.text.split())
    assert "Told only here: 9 of them" in text


async def test_complaints_that_are_no_campaign_are_told_as_what_they_are(making, clock):  # noqa: F811
    bench = await watching(making)
    texts = [
        "The front desk was so rude to my mother this morning.",
        "Waited three hours past my appointment time, nobody said a word.",
        "The waiting room was filthy and the bathroom worse.",
        "Billing charged me twice and will not call back.",
        "Rude receptionist, hung up on me two times.",
        "We waited four hours to be seen and then were sent home.",
    ]
    found = [said(clock, f"c{n}", text, author=f"user{n}", stars=1.0) for n, text in enumerate(texts)]
    bench.fakes["one"].polls.append([Page(mentions=found, cursor={"at": 1})])
    await turn(bench)
    assert "brand_service_complaint" in by_rule(bench)
    assert campaign.RISK not in by_rule(bench)


async def test_a_threat_within_a_campaign_is_told_as_a_threat(making, clock):  # noqa: F811
    bench = await watching(making)
    text = "I will kill the nurse who did this to me, Practice Hospital, you will all pay for it."
    found = [complaint(clock, n, text) for n in range(6)]
    bench.fakes["one"].polls.append([Page(mentions=found, cursor={"at": 1})])
    await turn(bench)
    assert {campaign.RISK, "threat_to_staff"} <= by_rule(bench).keys()


def test_the_first_mention_chooses_the_playbook():
    other = replace(stored(2), platform="facebook")
    assert "On Google" in told(mentions=[stored(), other]).text
    assert "On Facebook" in told(mentions=[other, stored()]).text


def test_nobody_is_sent_to_ask_for_what_is_gone():
    gone = replace(stored(), gone_at=NOW)
    assert "On Facebook" in told(mentions=[gone, replace(stored(2), platform="facebook")]).text
    assert "--asked" not in told(mentions=[gone]).text
