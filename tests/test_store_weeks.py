"""Weeks that the database adds up: the same numbers as from mentions read one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from monitor import digest, timing
from monitor.digest import Reply
from monitor.model import Assessment, Kind
from monitor.store import Database, log, mentions, weeks
from tests.store import NOW, fresh, said, threat

HOUR = timedelta(hours=1)
WEEK = timing.Period(name="2026-W10", since=NOW, until=NOW + 168 * HOUR)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.upgrade()
    yield database
    database.close()


def anything(dice: Random, n: int):
    mood = dice.choice([None, -0.6, -0.2, 0.0, 0.199, 0.2, 0.9])
    labels = dice.choice([{}, {"location": "Main"}, {"location": "Año 🦷", "brand": "x"}, {"peer": 'Elm "Clinic'}])
    signals = (threat(),) if dice.random() < 0.2 and "peer" not in labels else ()
    lang = dice.choice([None, "en", "es"])
    themes = tuple(dice.sample(["Food", "Parking"], dice.randrange(3)))
    assessment = Assessment(lang=lang, sentiment=mood, signals=signals, themes=themes, assessor="t")
    stars = dice.choice([None, 1.0, 2.5, 4.0, 5.0])
    kind, text = dice.choice(list(Kind)), dice.choice(["", " \n", "word"])
    mention = said(str(n), text, stars=stars, kind=kind, ours=dice.random() < 0.2)
    return fresh(mention, assessment, labels=labels, history=dice.random() < 0.1)


def test_what_is_added_up_is_what_is_counted_one_by_one(database):
    dice = Random(4)
    with database.write() as tx:
        for n, source in enumerate(["google", "Clínica", "news"]):
            rows = [anything(dice, 100 * n + i) for i in range(100)]
            mentions.add(tx, "p", source, rows, NOW + n * HOUR)
        mentions.add(tx, "p", "news", [fresh(said("early"))], NOW - HOUR)
        mentions.forget(tx, "p", ["3", "4", "5"], NOW + HOUR)
    nothing = {"incidents": (), "sources": (), "notifications": ()}
    with database.read() as tx:
        slow = digest.build(WEEK, mentions=mentions.listed(tx, since=WEEK.since, until=WEEK.until), **nothing)
        fast = digest.build(
            WEEK, mentions=mentions.listed(tx, since=WEEK.since, until=WEEK.until, order="risk"),
            calm=weeks.calm(tx, WEEK.since, WEEK.until), **nothing,
        )  # fmt: skip
        alike = list(weeks.alike(tx, WEEK.since, WEEK.until))

    assert fast == slow
    assert slow.peers is not None
    beside = slow.peers.others['Elm "Clinic'].mentions
    assert slow.whole.mentions + slow.ours + slow.history < 300 - beside
    assert min(beside, slow.at_odds) > 10
    assert sum(one.many for one in alike) == slow.whole.mentions
    for mood in digest.SENTIMENTS:
        assert sum(one.many for one in alike if one.mood == mood) == slow.whole.sentiments[mood]
    assert sum(one.many for one in alike if one.review) == slow.whole.reviews


def test_a_reply_knows_what_it_answers_and_a_review_whether_it_was_answered_in_time(database):
    with database.write() as tx:
        asked = [fresh(said(key)) for key in ("1", "2", "3", "4")]
        mentions.add(tx, "p", "rival", [fresh(said("8"), labels={"peer": "Elm Clinic"})], NOW)
        mentions.add(tx, "p", "s", [*asked, fresh(said("5", kind=Kind.POST)), fresh(said("6"), history=True)], NOW)
        reply = {"kind": Kind.COMMENT, "ours": True, "published_at": NOW + 3 * HOUR}
        mentions.add(tx, "p", "s", [fresh(said("r1", parent_id="1", **reply)), fresh(said("r0", **reply))], NOW + HOUR)
        mentions.add(tx, "p", "s", [fresh(said("r2", parent_id="2", **reply))], WEEK.until + HOUR)
        mentions.add(tx, "q", "s", [fresh(said("r3", parent_id="3", **reply))], NOW + HOUR)
        mentions.forget(tx, "p", ["4"], NOW + HOUR)
    with database.read() as tx:
        replies = weeks.replies(tx, WEEK.since, WEEK.until)
        unanswered = weeks.unanswered(tx, WEEK.since, WEEK.until)
        answered = weeks.answered(tx, WEEK.since, WEEK.until)

    at = NOW + 3 * HOUR
    assert sorted(replies, key=lambda one: one.asked_at or at) == [Reply(at, NOW), Reply(at, None), Reply(at, None)]
    assert unanswered == [("Main", 2)]
    assert answered == [("Main", 1)]


def test_what_a_ceiling_held_back_is_in_the_log(database):
    held = {"messages": 3, "inbox": "risk", "channel": "email", "why": "ceiling"}
    with database.write() as tx:
        for at in (NOW - HOUR, NOW, WEEK.until - HOUR, WEEK.until):
            log.add(tx, at, "withheld", "inbox:risk", held)
        log.add(tx, NOW, "acknowledged", "incident:1", {})
    with database.read() as tx:
        assert weeks.withheld(tx, WEEK.since, WEEK.until) == [("risk", 3), ("risk", 3)]
