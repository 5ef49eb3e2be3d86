"""One voice: the organisation's own policy, applied to drafts and to what was posted."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from monitor import rules
from monitor.connector import Page
from monitor.model import Kind, Level, Mention, Reason
from monitor.pipeline.line import all_rules, assessor
from monitor.rules import Appetite, Facts, Weight
from monitor.store import incidents
from monitor.topics import parse
from monitor.voice import RISK, Policy, Voice, number
from tests.cli import CONFIG, terminal
from tests.configured import read
from tests.line import CONFIG as LINE
from tests.test_pipeline import making, turn, watching  # noqa: F401  # a fixture is used by its name

NOW = datetime(2026, 3, 2, tzinfo=UTC)
WORDS = Policy(name="words", avoid=["cutting edge", "victim*"], say="people with")
FLU = Policy(name="flu", about=parse('vaccin* OR "flu shot"'), needs="Ask your doctor.")
DRUG = Policy(name="drug", about=parse("Examplumab"), approval="MLR-####-@", kinds=frozenset({Kind.POST}))
FOOTER = Policy(name="footer", needs="Practice Hospital", kinds=frozenset({Kind.POST}), level=Level.INFO)


def post(text, kind=Kind.POST, **values):
    return Mention(**({"external_id": "1", "kind": kind, "text": text, "published_at": NOW, "ours": True} | values))


@pytest.mark.parametrize(
    ("policy", "said", "place"),
    [
        (WORDS, post("Our cutting-edge scanner is here."), "cutting-edge"),
        (WORDS, post("Stroke VICTIMS get well."), "VICTIMS"),
        (WORDS, post("Practice Hospital news.", title="Cutting edge"), "Cutting edge"),
        (WORDS, post("We cut the edge."), None),
        (FLU, post("Get your flu shot on Monday."), "flu shot"),
        (FLU, post("Get vaccinated. Ask your doctor!"), None),
        (FLU, post("Parking is free."), None),
        (FLU, post("Vaccines help.", Kind.COMMENT), "Vaccines"),
        (DRUG, post("Examplumab is new here."), "Examplumab"),
        (DRUG, post("Examplumab is new here. (MLR-0042-b)"), None),
        (DRUG, post("Examplumab is new here. MLR-00421-b"), "Examplumab"),
        (DRUG, post("Examplumab is new here. xMLR-0042-b"), "Examplumab"),
        (DRUG, post("Examplumab is new here.", Kind.COMMENT), None),
        (FOOTER, post("Parking is free."), "Parking is free."),
        (FOOTER, post("Parking at Practice Hospital is free."), None),
        (FOOTER, post("", title="Parking"), "Parking"),
        (FOOTER, post("", title=""), None),
        (WORDS, post("Our cutting-edge scanner is here.", ours=False), None),
    ],
)
def test_a_breach_points_at_the_place_that_shows_it(policy, said, place):
    found = Voice([policy]).signals(said)

    assert [(said.title if one.field == "title" else said.text)[one.start : one.end] for one in found] == (
        [place] if place else []
    )
    assert {one.rule for one in found} <= {f"voice.{policy.name}"}


def test_every_breach_is_told_in_the_order_of_the_policy():
    found = Voice([FLU, WORDS]).signals(post("A cutting-edge vaccine."))

    assert [one.rule for one in found] == ["voice.flu", "voice.words"]


def test_another_policy_is_another_assessor():
    assert Voice([FLU]).name != Voice([WORDS]).name
    assert Voice([FLU]).name == Voice([FLU]).name


@pytest.mark.parametrize("pattern", ["(a+)+#", "####" * 60, ".*#.*", "[#", "\\#"])
def test_no_pattern_that_an_operator_writes_takes_long_or_is_a_regular_expression(pattern):
    begin = time.perf_counter()

    assert number(pattern).search("a" * 20_000 + "1" * 20_000) is None
    assert time.perf_counter() - begin < 1
    assert number(pattern).search(f" {pattern.replace('#', '7')} ")


@pytest.mark.parametrize(("level", "appetite", "told"), [
    (Level.INFO, Appetite(), Level.INFO), (Level.WARNING, Appetite(), Level.WARNING),
    (Level.WARNING, Appetite(1, 2), Level.WARNING), (Level.INFO, Appetite(20, 25), Level.INFO),
])  # fmt: skip
def test_a_breach_is_told_and_never_urgent(level, appetite, told):
    (signal,) = Voice([Policy(name="x", avoid=["edge"], level=level)]).signals(post("edge"))
    rule = rules.builtin(notify=appetite.notify)[RISK]

    decision = rules.decide(
        rule, None, Facts(fresh=[1], heaviest=Weight(signal.impact, signal.likelihood)), NOW, appetite
    )

    assert decision is not None
    assert decision.incident.level is told
    assert decision.incident.inboxes == ("marketing",)


def test_an_operator_cannot_make_it_urgent(tmp_path):
    config = read(tmp_path, {"risks.own_voice": 'level = "critical"\ninboxes = ["risk"]'})
    rule = all_rules(config)[RISK]

    decision = rules.decide(rule, None, Facts(fresh=[1], heaviest=Weight(2, 0.6)), NOW)

    assert decision is not None
    assert (decision.incident.level, decision.incident.inboxes) == (Level.WARNING, ("risk",))


def test_the_configuration_is_what_is_applied_and_can_be_switched_off(tmp_path):
    changes = {"voice.campus": 'topic = "main"\nneeds = "Call 555-0100"', "voice.words": 'avoid = ["edge"]'}
    said = post("Practice Hospital is on the edge.")

    on = assessor(read(tmp_path, changes)).assess(said)
    off = assessor(read(tmp_path, changes | {"risks.own_voice": "enabled = false"})).assess(said)

    assert [one.rule for one in on.signals if one.risk == RISK] == ["voice.campus", "voice.words"]
    assert [one for one in off.signals if one.risk == RISK] == []
    assert on.assessor != off.assessor


POLICY = """
[voice.words]
avoid = ["cutting edge"]
say = "modern"

[voice.trials]
about = "trial*"
approval = "MLR-####"
level = "info"
"""


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        one.configure(CONFIG + POLICY)
        yield one


def test_lint_tells_a_breach_with_what_to_do(typed):
    (typed.folder / "draft.txt").write_text("Our cutting-edge rooms are open.")

    done, screen = typed("lint", "draft.txt", "--post", "--json"), typed("lint", "draft.txt", "--post")

    row = next(row for row in done.rows if row["risk"] == RISK)
    assert (done.code, row["rule"], row["says"]) == (1, "voice.words", "cutting-edge")
    assert row["do"] == 'Write "modern" instead.'
    assert "your own policy" in row["means"]
    assert "Safer, for example" not in screen.out
    assert 'Write "modern" instead.' in screen.out


def test_what_the_policy_only_asks_to_look_at_may_be_posted(typed):
    (typed.folder / "draft.txt").write_text("Our trials are open.")

    done = typed("lint", "draft.txt", "--post", "--json")

    assert done.code == 0
    assert [(row["rule"], row["must_not_be_posted"]) for row in done.rows] == [("voice.trials", False)]


async def test_the_daemon_tells_marketing_of_a_breach(making, clock):  # noqa: F811
    said = post("Our cutting-edge rooms are open.", external_id="p1", published_at=clock.now())
    bench = await watching(making, [Page(mentions=[said], cursor={"at": 1})], config=LINE + POLICY)

    await turn(bench)

    with bench.database.read() as tx:
        (one,) = incidents.listed(tx, None)
    assert (one.rule, one.level, one.inboxes) == (RISK, Level.WARNING, ("marketing",))
    assert bench.reasons() == [("marketing", Reason.OPENED.value)]
