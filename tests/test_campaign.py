"""Many alike, hostile, by many authors, in a short time: somebody may have arranged it."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor import campaign
from monitor.connector import Page
from monitor.model import Assessment, Kind, Mention, Stored
from monitor.pipeline import judge, poll_due
from monitor.store import incidents, mentions
from tests.test_pipeline import making, said, turn, watching  # noqa: F401  # a fixture is used by its name

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CALL = "Practice Hospital hurts children and hides it, everybody call their lobby today"
WORDS = [
    "ward",
    "nurse",
    "bill",
    "wait",
    "lunch",
    "room",
    "call",
    "desk",
    "form",
    "lift",
    "sign",
    "door",
    "test",
    "date",
    "mask",
    "line",
    "chart",
    "shoe",
    "lamp",
    "cup",
]


def one(number, text, *, author="", stars=None, mood=-0.6, kind=Kind.POST, ours=False):
    return Stored(
        id=number, platform="p", source="s", first_seen_at=NOW + timedelta(minutes=number),
        mention=Mention(external_id=str(number), kind=kind, text=text, author=author or f"user{number}", stars=stars,
                        published_at=NOW, ours=ours),
        assessment=Assessment(lang="en", sentiment=mood, assessor="t"),
    )  # fmt: skip


def posts(count, text=CALL, **how):
    return [
        one(number, f"{text} {'!' * number} @friend{number} https://x.example/{number}", **how)
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("found", "sizes"),
    [
        (posts(5), [5]),
        (posts(4), []),
        (posts(12, mood=0.8), []),
        (posts(12, author="same"), []),
        ([replace(found, mention=replace(found.mention, author=None)) for found in posts(12)], []),
        (posts(12, kind=Kind.ARTICLE), []),
        (posts(12, ours=True), []),
        (posts(12, text="Worst hospital ever"), []),
        (posts(12, mood=None), []),
        (posts(12, mood=0.8, stars=1.0), [12]),
        (posts(12, mood=-0.8, stars=5.0), []),
        (
            [
                *posts(6),
                *[
                    replace(other, id=100 + other.id)
                    for other in posts(7, "Refuse the new parking fee, nobody should pay them a cent")
                ],
            ],
            [6, 7],
        ),
    ],
)
def test_a_campaign_is_alike_hostile_and_by_many(found, sizes):
    assert sorted(map(len, campaign.candidates(found))) == sizes


def test_words_may_be_added_and_changed_and_others_stay_apart():
    texts = [CALL, f"RT @a: {CALL}", f"Listen: {CALL}, please", CALL.replace("everybody", "we all"),
             "The parking is bad and the food is cold at this hospital today"]  # fmt: skip

    assert campaign.alike(texts) == [[0, 1, 2, 3]]


def test_how_likely_goes_by_number_new_authors_and_speed():
    few, many = posts(5), posts(30)
    slow = [replace(found, first_seen_at=NOW + timedelta(hours=5 * number)) for number, found in enumerate(few)]

    def likely(some, known=()):
        return campaign.campaign(some, known).likelihood

    assert likely(slow, campaign.authors(slow)) < likely(few, campaign.authors(few)) < likely(few) < likely(many) <= 0.9
    assert campaign.campaign(few, ()).first_at == NOW
    assert campaign.signal(few[0], campaign.campaign(few, ())).end == len(few[0].mention.text)


@pytest.mark.parametrize(("today", "usual", "expected"), [
    (5, 0, True), (4, 0, False), (5, 3, False), (9, 3, True), (150, 100, False), (200, 100, True), (0, 0, False),
])  # fmt: skip
def test_only_an_unusual_number_is_looked_at(today, usual, expected):
    assert campaign.unusual(today, usual) is expected


async def test_where_so_many_are_usual_nothing_is_looked_at(making, clock):  # noqa: F811
    bench = await watching(making)
    for day in range(6):
        usual = [said(clock, f"d{day}-{n}", f"The {WORDS[n]} was fine on day {day}.") for n in range(6)]
        bench.fakes["one"].polls.append([Page(mentions=usual, cursor={"at": day + 1})])
        await turn(bench)
        bench.wait(days=1)
    bench.fakes["one"].polls.append([Page(mentions=[posted(clock, n) for n in range(6)], cursor={"at": 9})])
    await turn(bench)

    with bench.database.read() as tx:
        assert [found.rule for found in incidents.listed(tx, None) if found.rule == campaign.RISK] == []


def test_a_thousand_unlike_texts_are_compared_in_little_time():
    draw = random.Random(7)
    texts = [" ".join(draw.choices(WORDS, k=60)) for _ in range(1000)]
    begin = time.perf_counter()

    assert campaign.alike(texts) == []
    assert time.perf_counter() - begin < 5


async def test_a_campaign_is_one_incident_that_says_how_many_and_since_when(making, clock):  # noqa: F811
    bench = await watching(making)
    for number in range(4):
        bench.fakes["one"].polls.append([Page(mentions=[posted(clock, number)], cursor={"at": number + 1})])
        await poll_due(bench.line)
        judge(bench.line)
        bench.wait(minutes=15)
    with bench.database.read() as tx:
        assert [found for found in incidents.listed(tx, None) if found.rule == campaign.RISK] == []
    bench.fakes["one"].polls.append([Page(mentions=[posted(clock, n) for n in (4, 5)], cursor={"at": 9})])
    await turn(bench)

    with bench.database.read() as tx:
        (told,) = [found for found in incidents.listed(tx, None) if found.rule == campaign.RISK]
        members = mentions.by_id(tx, incidents.mention_ids(tx, told.id))
    assert (told.mentions, told.group) == (6, "Main campus")
    assert told.note == "6 mentions say nearly the same, the first seen Mon 2 Mar, 06:15 CST"
    assert all("campaign.alike" in {signal.rule for signal in found.assessment.signals} for found in members)
    assert any(told.note in " ".join(sent.message.text.split()) for sent in bench.channel.taken)


async def test_a_busy_day_of_thanks_is_none(making, clock):  # noqa: F811
    bench = await watching(making)
    thanks = [said(clock, f"m{n}", "Thank you, nurses, for all that you do for every one of us here.", author=f"a{n}", stars=5.0)
              for n in range(20)]  # fmt: skip
    bench.fakes["one"].polls.append([Page(mentions=thanks, cursor={"at": 1})])
    await turn(bench)

    with bench.database.read() as tx:
        assert incidents.listed(tx, None) == []


def posted(clock, number):
    text = f"Terrible, awful, horrible people. Practice Hospital wastes our money on a statue that no one wanted here. {number}"
    return said(clock, f"m{number}", text, kind=Kind.POST, author=f"user{number}")
