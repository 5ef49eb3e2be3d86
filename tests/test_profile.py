"""A post of ours that is unlike all before it may be somebody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitor.connector import Page
from monitor.model import Assessment, Kind, Mention
from monitor.pipeline import poll_due, rescore
from monitor.profile import LEAST, Post, links, means, profile, unlike
from monitor.rules import builtin
from tests.test_pipeline import making, turn  # noqa: F401  # a fixture is used by its name

ZONE = ZoneInfo("America/Chicago")
NOON = datetime(2026, 3, 2, 18, tzinfo=UTC)
DAYS = [NOON - timedelta(days=number) for number in range(1, 61)]
PAST = [Post("en", at, frozenset({"practice.example"})) for at in DAYS]
PLAIN = "Our flu clinic is open: https://www.practice.example/flu"
SCAM = "Giveaway! Send 1 BTC to https://coins.example/win and get two back."


def said(text, at=NOON):
    return Mention(external_id="1", kind=Kind.POST, text=text, published_at=at, ours=True)


def found(lang="en"):
    return Assessment(lang=lang, sentiment=0.0, assessor="t")


def rule_of(text, *, lang="en", at=NOON, past=PAST):
    signal = unlike(said(text, at), found(lang), profile(past, ZONE), ZONE)
    return None if signal is None else signal.rule


@pytest.mark.parametrize(
    ("text", "how", "rule"),
    [
        (PLAIN, {}, None),
        ("Come to www.coins.example now", {}, "profile.domain"),
        (SCAM, {}, "profile.domain+scam"),
        (SCAM, {"lang": "ru"}, "profile.domain+scam+language"),
        (PLAIN, {"lang": "es"}, "profile.language"),
        (PLAIN, {"lang": None}, None),
        (PLAIN, {"at": NOON + timedelta(hours=9)}, "profile.hour"),
        (PLAIN, {"at": NOON + timedelta(hours=1)}, None),
        (SCAM, {"past": PAST[: LEAST - 1]}, None),
        (SCAM, {"past": []}, None),
        ("Nobody earns on crypto: beware of it", {}, "profile.scam"),
    ],
)
def test_what_is_unlike_all_before_is_named(text, how, rule):
    assert rule_of(text, **how) == rule


def test_many_within_an_hour_are_a_burst_unless_that_is_our_way():
    burst = [Post("en", NOON - timedelta(minutes=5 * number), frozenset()) for number in range(1, 5)]
    usual = [Post("en", NOON - timedelta(days=9, minutes=5 * number), frozenset()) for number in range(6)]

    assert rule_of("News.", past=[*PAST, *burst]) == "profile.burst"
    assert rule_of("News.", past=[*PAST, *burst[:3]]) is None
    assert rule_of("News.", past=[*PAST, *usual, *burst]) is None


def test_one_thing_alone_is_counted_two_are_told_and_all_are_urgent():
    """By the usual appetite: told from 6, urgent from 15."""
    burst = [Post("en", NOON + timedelta(hours=9, minutes=-5 * number), frozenset()) for number in range(1, 5)]
    known = profile([*PAST, *burst], ZONE)
    late = NOON + timedelta(hours=9)

    def score(text, lang="en", at=NOON):
        signal = unlike(said(text, at), found(lang), known, ZONE)
        assert signal is not None
        return signal.score

    assert score("See https://coins.example") < 6
    assert score(PLAIN, "es") < 6
    assert 6 <= score(SCAM) < 15
    assert score(SCAM, "ru") < 15 <= score(SCAM, "ru", at=late)


def test_the_signal_points_at_the_link():
    signal = unlike(said(SCAM), found(), profile(PAST, ZONE), ZONE)

    assert signal is not None
    assert SCAM[signal.start : signal.end] == "https://coins.example"
    assert means(signal.rule) == (
        "Unlike all our posts before: it links to a domain that we never linked to, has words of scams."
    )


@pytest.mark.parametrize(("text", "domains"), [
    ("https://www.practice.example/x?y http://a.b.practice.example", ["practice.example"] * 2),
    ("www.practice.co.uk", ["practice.co.uk"]), ("https://user@coins.example:8080/", ["coins.example"]),
    ("mail us@practice.example", []), ("https://", []),
])  # fmt: skip
def test_the_domain_of_a_link(text, domains):
    assert [link.domain for link in links(text)] == domains


async def test_a_hijacked_account_is_told_by_what_it_never_did_before(making, clock):  # noqa: F811
    before = [
        Mention(external_id=f"p{n}", kind=Kind.POST, text=f"News number {n} for our town, read it at {PLAIN[-33:]}",
                published_at=clock.now() - timedelta(days=n), ours=True) for n in range(1, 15)
    ]  # fmt: skip
    bench = making([Page(mentions=before, cursor={"at": 0})])
    await turn(bench)
    bench.wait(minutes=15)
    strange = Mention(external_id="x", kind=Kind.POST, ours=True, published_at=clock.now(),
                      text="Act now: https://coins.example/claim")  # fmt: skip
    usual = Mention(external_id="y", kind=Kind.POST, text=PLAIN, ours=True, published_at=clock.now())
    bench.fakes["one"].polls.append([Page(mentions=[strange, usual], cursor={"at": 1})])
    await poll_due(bench.line)

    def rules():
        with bench.database.read() as tx:
            from monitor.store import mentions

            return {one.mention.external_id: [signal.rule for signal in one.assessment.signals
                                              if signal.rule.startswith("profile.")]
                    for one in mentions.listed(tx)}  # fmt: skip

    first = rules()
    rescore(bench.line, everything=True)
    await turn(bench)

    assert first["x"] == ["profile.domain+scam"]
    assert [key for key, some in first.items() if some] == ["x"], "history and what is like it show nothing"
    assert rules() == first, "what history showed is kept where the text is assessed again"
    assert any("account" in subject.lower() for _, subject in bench.subjects())
    assert builtin()["account_compromise"].inboxes == ("security", "marketing")
