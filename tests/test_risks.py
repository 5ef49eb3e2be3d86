"""The lexicon of risks: every rule keeps its own examples, whose words they are comes first, a signal points at what it saw."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.assess import RISKS, Assessor
from monitor.assess.hunch import hunches
from monitor.assess.lexicon import GUARD, LexiconRule, _check, lexicon
from monitor.assess.reading import Reading
from monitor.assess.signals import Subject
from monitor.model import Kind, Mention

SHARED = Path(os.environ.get("WELLHEARD_SHARED", Path(__file__).resolve().parents[2] / "shared"))
PHRASES = SHARED / "risk" / "phrases.jsonl"
REVIEWS = sorted((SHARED / "data" / "dev").glob("review_*.jsonl"))
NOW = datetime(2026, 11, 21, tzinfo=UTC)
ASSESSOR = Assessor(organisation="Practice Hospital", brands=["practicehosp"], people=["Dr. Ada Example", "Dr. Shah"])
REVIEW = Mention(external_id="r", kind=Kind.REVIEW, text="Bad experience, not again.", author="K. R.", published_at=NOW)


def mention(text, role="public", **more):
    kind = {"public": Kind.REVIEW, "owner_post": Kind.POST}.get(role, Kind.COMMENT)
    parent_id = "r" if kind is Kind.COMMENT else None
    return Mention(
        external_id="m", kind=kind, text=text, ours=role != "public", parent_id=parent_id, published_at=NOW, **more
    )


def signals(text, role="public", parent=REVIEW, **more):
    return ASSESSOR.assess(mention(text, role, **more), None if role == "public" else parent).signals


def risks(text, role="public", **more):
    return {signal.risk for signal in signals(text, role, **more)}


RULES = [rule for rule in lexicon().rules if rule.risk != GUARD]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_keeps_its_own_examples(rule):
    for text in rule.fires:
        assert rule.id in {signal.rule for signal in signals(text, rule.role)}, text
    for text in rule.quiet:
        assert rule.risk not in risks(text, rule.role), text


def test_every_class_has_rules_and_every_rule_has_examples_of_both_kinds():
    assert len(RISKS) == 17
    assert {rule.risk for rule in RULES} == set(RISKS)
    for rule in RULES:
        assert rule.fires, rule.id
        assert rule.quiet, rule.id
        assert rule.means.endswith((".", ":")), rule.id


def test_every_rule_looks_for_a_word_that_is_not_everywhere():
    everywhere = set(list(lexicon().common)[:60])
    index = lexicon()
    for rule in RULES:
        for phrase in rule.find:
            assert phrase.startswith("<") or set(re.findall(r"[\w']+", phrase)) - everywhere, (
                index.version,
                rule.id,
                phrase,
            )


GUARDED = [rule for rule in lexicon().rules if rule.risk == GUARD]


@pytest.mark.parametrize("rule", GUARDED, ids=lambda rule: rule.id)
def test_staff_who_speak_about_their_work_are_left_alone(rule):
    for text in rule.fires:
        assert signals(f"{text} They misdiagnosed my mother.") == (), text
    for text in rule.quiet:
        assert "clinical_harm_allegation" in risks(f"{text} They misdiagnosed my mother."), text


def test_a_threat_and_a_disclosed_patient_override_the_guard():
    assert risks("Union meeting Tuesday. I'm going to kill that nurse.") == {"threat_to_staff"}
    assert risks("My patient in bed 9, the mayor's wife, is detoxing, and we're short again.") == {
        "privacy_breach_allegation"
    }


@pytest.mark.parametrize("risk", [risk for risk in RISKS if risk.startswith("own_")])
def test_what_is_ours_is_never_found_in_the_words_of_others(risk):
    for rule in RULES:
        if rule.risk == risk:
            for text in rule.fires:
                assert not {found for found in risks(text) if found.startswith("own_")}, text


def test_our_own_words_are_judged_by_the_rules_for_us_only():
    public = {rule.risk for rule in RULES if rule.role == "public"} - {"account_compromise"}
    for rule in RULES:
        if rule.role == "public":
            for text in rule.fires:
                assert not risks(text, "owner_reply") & public, text


def test_a_signal_points_at_what_it_saw():
    text = "Kind nurse. But İ fear: the surgeon operated on the wrong knee \u2013 and nobody cared."
    (signal,) = [s for s in signals(text) if s.rule == "clinical_harm_allegation.wrong-part"]
    assert text[signal.start : signal.end] == "operated on the wrong knee"
    assert signal.rule == "clinical_harm_allegation.wrong-part"
    assert (signal.impact, signal.likelihood) == (5, 0.5)


def test_one_signal_a_rule_and_the_worst_first():
    found = signals("They misdiagnosed me. They misdiagnosed my son and he died. The receptionist was rude.")
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    assert len({s.rule for s in found}) == len(found)
    assert found[0].impact == 5
    assert found[0].start > 20, "the find beside the death is the worse one"


class TestReplies:
    def test_what_was_not_in_the_review_weighs_more_than_what_was(self):
        reply = "Your crown failed because of an infection."
        said = Mention(external_id="r", kind=Kind.REVIEW, text="My crown failed after an infection!", published_at=NOW)
        (new,) = [s for s in signals(reply, "owner_reply") if s.rule.endswith(".clinical")]
        (repeated,) = [s for s in signals(reply, "owner_reply", said) if s.rule.endswith(".clinical")]
        assert new.score > 15 > repeated.score > 0

    def test_a_name_that_is_not_the_display_name_gives_somebody_away(self):
        nickname = Mention(external_id="r", kind=Kind.REVIEW, text="Awful.", author="grumpy77", published_at=NOW)
        named = Mention(external_id="r", kind=Kind.REVIEW, text="Awful.", author="Karen Roe", published_at=NOW)
        reply = "Hi Karen, thank you for telling us."
        assert [s.score for s in signals(reply, "owner_reply", nickname)] == [12.5]
        assert signals(reply, "owner_reply", named) == ()
        assert [s.score for s in signals(reply, "owner_reply", None)] == [5.0], "nobody can tell: counted and not told"

    @pytest.mark.parametrize("name", ["Dr. Example", "Ada", "Practice"])
    def test_our_own_names_are_no_patients(self, name):
        assert signals(f"Hi {name}, thank you for telling us.", "owner_reply") == ()

    @pytest.mark.parametrize(
        "reply",
        [
            "Thank you for choosing us!",
            "Thank you so much for your kind words, we will pass them on to the team.",
            "We are sorry to read this. Please call our patient relations office.",
            "Privacy law keeps us from discussing anyone's care here. Please call us.",
            "Hello there, thank you for your feedback.",
        ],
    )
    def test_polite_thanks_are_nothing(self, reply):
        assert signals(reply, "owner_reply") == ()

    def test_confirming_care_is_counted_and_not_told(self):
        (signal,) = signals("It was a pleasure caring for you.", "owner_reply")
        assert 0 < signal.score < 6

    def test_the_same_words_in_a_post_are_no_reply(self):
        assert "own_reply_phi" not in risks("Your crown failed because of an infection.", "owner_post")


class TestMeaning:
    @pytest.mark.parametrize(
        "text",
        [
            "Another hospital misdiagnosed me; this one got it right.",
            "They did not misdiagnose me.",
            "Nobody was misdiagnosed here.",
            "I was never harassed by the nurses.",
            "They saved my life after a heart attack.",
            "Nice flu shot, killer view, bomb tacos, dying of laughter with the nurses.",
            "Sue at the front desk is a gem.",
            "Stable and going home.",
            "The hospital holds an active shooter drill.",
        ],
    )
    def test_what_only_sounds_like_a_risk_is_none(self, text):
        assert [s for s in signals(text) if s.score >= 6] == []

    def test_praise_lowers_and_never_hides(self):
        told = signals("They misdiagnosed me.", stars=1)
        praised = signals("They misdiagnosed me.", stars=5)
        assert told[0].score > 6 > praised[0].score > 0

    def test_an_allegation_stays_one_beside_a_word_about_the_parking(self):
        text = "They misdiagnosed me. Parking is awful too."
        asked, read = hunches().of(["clinical_harm_allegation.hunch"]), Reading(text)
        scored = asked.scored(read)
        assert scored is not None
        assert asked.doubts("clinical_harm_allegation.misdiagnosed", scored, read)  # the whole would be doubted
        assert "clinical_harm_allegation" in risks(text)

    def test_praise_does_not_lower_a_danger(self):
        assert (
            signals("I'm going to kill that surgeon.", stars=5)[0].score
            == signals("I'm going to kill that surgeon.")[0].score
        )

    def test_a_complaint_is_never_told_singly(self):
        for rule in RULES:
            if rule.risk == "brand_service_complaint":
                assert rule.impact * rule.likelihood * 5 < 6

    def test_the_configurations_people_are_staff(self):
        assert "threat_to_staff" in risks("I'm going to hurt Ada Example.")


class TestLexicon:
    @pytest.mark.parametrize(
        "wrong",
        [{"role": "nobody"}, {"impact": 6}, {"likelihood": 0.0}, {"mood": "grim"}, {"find": ("<iris>",)}],
    )
    def test_a_rule_that_could_never_be_read_is_refused(self, wrong):
        from dataclasses import replace

        known = lexicon()
        with pytest.raises(ValueError, match="names what is not there"):
            _check(replace(known, rules=(replace(known.rules[0], **wrong),)))

    def test_two_rules_of_one_name_are_refused(self):
        from dataclasses import replace

        known = lexicon()
        with pytest.raises(ValueError, match="another has too"):
            _check(replace(known, rules=(known.rules[0], known.rules[0])))

    def test_rules_are_values(self):
        assert all(isinstance(rule, LexiconRule) and rule.id.startswith(rule.risk) for rule in lexicon().rules)


def own_words(line):
    """Whether the taxonomy's example is ours, and its text without the notes in brackets."""
    text = line["text"]
    told = re.match(r"\((own|staff|these)[^)]*\) ", text)
    ours = line["risk"].startswith("own_") or bool(told and told[1] == "own") or "(own" in text
    ours = ours and "author is the patient" not in text and "news outlet" not in text
    text = text[told.end() :] if told else text
    return ours, re.sub(r" \([^)]*\)$", "", text)


@pytest.mark.skipif(not PHRASES.is_file(), reason="the taxonomy's examples are not on this machine")
def test_the_taxonomys_examples_fire_and_its_near_misses_do_not():
    wrong = []
    for row in PHRASES.read_text(encoding="utf-8").splitlines():
        line = json.loads(row)
        ours, text = own_words(line)
        reply = line["risk"] in ("own_reply_phi", "own_reply_conduct", "own_medical_advice")
        found = risks(text, ("owner_reply" if reply else "owner_post") if ours else "public")
        held = (
            (found == set()) is line["positive"]
            if line["risk"] == GUARD
            else (line["risk"] in found) is line["positive"]
        )
        if not held:
            wrong.append((line["risk"], line["positive"]))
    assert wrong == []


@pytest.mark.skipif(not REVIEWS, reason="the labelled reviews are not on this machine")
def test_real_reviews_raise_few_signals_that_are_told():
    """On a sample. Whoever is told of every hundredth review stops reading."""
    texts = []
    for path in REVIEWS:
        texts += [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()[::12]]
    told = [s.risk for text in texts for s in signals(text) if s.score >= 6]
    assert len(told) < 0.05 * len(texts)
    assert told.count("threat_to_staff") <= 0.001 * len(texts)
    assert told.count("self_harm_crisis") <= 0.004 * len(texts)


@pytest.mark.parametrize(
    "unit",
    ["a", "I'm going to kill that nurse ", "'\"(", "sent home. ", "misdiagnosed me ", "😀", "know where the nurse ",
     "left left left in ", "call me 555-0100 ", "\n", "Hi A", "i'm Aa Bb ", "1-"],
)  # fmt: skip
@pytest.mark.parametrize("role", ["public", "owner_reply"])
def test_hostile_texts_cost_what_their_length_costs(unit, role):
    """Lines run in the rooms of the rules, not seconds: four times the text, about four times the work."""
    signals(unit, role)  # lists are compiled when they are first needed
    short, long = work(unit * 500, role), work(unit * 2000, role)
    assert long <= 5 * short + 2000


def work(text, role):
    import sys

    from monitor.assess import phrases, reading, shapes
    from monitor.assess import signals as found

    rooms = {found.__file__, phrases.__file__, reading.__file__, shapes.__file__}
    ran = 0

    def trace(frame, what, _):
        nonlocal ran
        if frame.f_code.co_filename not in rooms:
            return None
        ran += what == "line"
        return trace

    asked = mention(text, role)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read = reading.Reading(asked.text)
        ASSESSOR._signals.find([Subject(asked, read, REVIEW if role != "public" else None, 0.0)])
    finally:
        sys.settrace(before)
    return ran
