"""The second opinion on short texts: its arithmetic, its bars, what must stay quiet, and how it is explained."""

import math
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.accuracy.data import FOLDER, rows
from benchmarks.accuracy.phrases import phrases, tables
from monitor.assess import Assessor, carriers
from monitor.assess.hunch import (
    DOUBTED,
    KNOWN,
    LEAST,
    READ,
    Bar,
    Doubt,
    Hunches,
    Unit,
    grams,
    heard,
    hunches,
    packed,
    read_hunches,
)  # fmt: skip
from monitor.assess.lexicon import lexicon
from monitor.assess.reading import Reading
from monitor.model import Kind, Mention

NOW = datetime(2026, 11, 21, tzinfo=UTC)
REVIEW = Mention(external_id="r", kind=Kind.REVIEW, text="-", published_at=NOW)


def weights(said):
    """Grams and the weights of each, packed."""
    return {gram: next(packed(bytes(128 + weight for weight in row), len(row))) for gram, row in said.items()}


UNITS = [Unit(-0.5, 0.25), Unit(0.0, 0.5), Unit(0.0, 1.0)]  # one that is shared, and one of each rule's own
TWO = Hunches(
    UNITS,
    {"one": Bar(-1.0, 0.0, (2.0,), 1), "other": Bar(0.0, 2.0, (-1.0,), 2)},
    weights({"blue": [8, 4, 0], "moon": [-2, 2, -10], ("blue", "moon"): [0, 0, 15]}),
)


def raised_by(asked, read):
    scored = asked.scored(read)
    return [] if scored is None else list(asked.raised(scored, read))


ASSESSOR = Assessor()
ASKED = [rule for rule in lexicon().rules if rule.find == ("<hunch>",)]
WITHOUT = Assessor(disabled=[rule.id for rule in ASKED])


def mention(text, *, ours=False, kind=Kind.POST):
    reply = kind is Kind.COMMENT
    return Mention(external_id="m", kind=kind, text=text, ours=ours, parent_id="r" if reply else None, published_at=NOW)


def suspected(text, assessor=ASSESSOR, **how):
    said = mention(text, **how)
    found = assessor.assess(said, REVIEW if said.parent_id else None).signals
    return {signal.rule: signal for signal in found if ".hunch" in signal.rule}


def test_a_score_is_what_the_features_add_that_a_text_has():
    read = Reading("the blue moon")
    shared = -0.5 + 0.25 * (8 - 2) / math.sqrt(3)
    assert TWO.score(read, "one") == pytest.approx(-1 + 0.5 * (4 + 2) / math.sqrt(3) + 2 * shared)
    assert TWO.score(read, "other") == pytest.approx((0 - 10 + 15) / math.sqrt(3) - shared - 2)


def test_a_shared_feature_is_never_below_nothing_and_a_rules_own_may_be():
    read = Reading("moon moon")
    assert TWO.features(heard(read)) == pytest.approx([0, 0.5 * 4 / math.sqrt(2), -20 / math.sqrt(2)])
    assert TWO.score(read, "other") == pytest.approx(-20 / math.sqrt(2) - 2)


def test_what_the_model_has_never_seen_weighs_nothing():
    assert TWO.score(Reading("nobody knows"), "one") == -1.0
    assert TWO.score(Reading(""), "one") == -1.0


@given(st.lists(st.lists(st.integers(-127, 127), min_size=3, max_size=3), min_size=2 * READ - 1, max_size=2 * READ - 1))
@example([[127, -127, 127]] * (2 * READ - 1))
@example([[-127, 127, -127]] * (2 * READ - 1))
def test_what_is_packed_adds_up_as_it_would_apart(rows):
    words = [f"w{i}" for i in range(READ)]
    model = Hunches(UNITS, TWO.bars, weights(dict(zip(grams(words), rows, strict=True))))
    sums = [sum(column) / math.sqrt(READ) for column in zip(*rows, strict=True)]
    plain = [unit.bias + unit.scale * one for unit, one in zip(UNITS, sums, strict=True)]
    assert model.features(words) == pytest.approx([max(plain[0], 0), *plain[1:]])


@pytest.mark.parametrize("blue", range(1, 12))
def test_what_is_raised_is_what_scores_above_its_bar(blue):
    read = Reading("blue " * blue + "moon " * 5)
    raised = {rule for rule, _ in raised_by(TWO.of(["one", "other"]), read)}
    assert raised == {rule for rule in ("one", "other") if TWO.score(read, rule) > 0}


def test_whoever_is_above_a_bar_of_the_installed_model_is_raised_and_nobody_else():
    model = hunches()
    asked = model.of(model.bars)
    folder = Path(__file__).parents[1] / "benchmarks" / "accuracy"
    for path in (folder / "phrases.txt", folder / "unseen.txt"):
        for read in (Reading(one.text) for one in phrases(path)):
            raised = {rule for rule, _ in raised_by(asked, read)}
            known = asked.scored(read) is not None and model.known(read) >= KNOWN * len(read.words)
            scores = {rule: model.score(read, rule) if known else -1.0 for rule in model.bars}
            assert all((scores[rule] > 0) is (rule in raised) or abs(scores[rule]) < 0.05 for rule in scores), read.text


def test_only_the_rules_that_are_asked_for_are_found():
    read = Reading("blue " * LEAST)
    assert raised_by(TWO.of(["one"]), read) == [("one", read.sentences[0])]
    assert raised_by(TWO.of(["other"]), read) == []


def test_a_sentence_of_a_longer_text_raises_a_hunch_of_a_rule_that_has_a_bar_for_it():
    bars = {"one": TWO.bars["one"]._replace(sentence=1.0), "other": TWO.bars["other"]}
    model = Hunches(UNITS, bars, weights({"blue": [8, 4, 0], "moon": [-2, 2, 0], "red": [0, 0, 0], "the": [0, 0, 0]}))
    asked = model.of(["one", "other"])
    told, quiet = "The blue blue blue blue moon.", "The red red red red red. " * (READ // 5)
    read = Reading(f"{quiet}{told} {quiet}")
    ((rule, span),) = asked.raised_by_sentences(read)
    start, end = read.place(span)
    assert (rule, read.text[start:end]) == ("one", told.rstrip("."))
    assert asked.scored(read) is None
    assert not list(asked.raised_by_sentences(Reading(quiet * 2)))
    assert not list(asked.raised_by_sentences(Reading(told)))
    assert not list(model.of(["other"]).raised_by_sentences(read))


def test_a_find_is_doubted_where_a_text_of_few_words_reads_too_little_like_its_class():
    model = Hunches(
        [Unit(0.0, 1.0), Unit(0.0, 1.0)],
        {"one": Bar(0.0, 3.0, (), 0), "other": Bar(0.0, 3.0, (), 1)},
        weights({"blue": [-4, 0]}),
        {"x.doubted": Doubt("one", -2.0), "x.of-other": Doubt("other", -2.0)},
    )
    asked = model.of(["one", "other"])
    for text, doubted in (
        ("blue " * LEAST, True),
        ("blue and red and red and red", False),
        ("blue " * (DOUBTED + 1), False),
    ):
        read = Reading(text)
        scored = asked.scored(read)
        assert scored is not None
        assert asked.doubts("x.doubted", scored, read) is doubted
        assert not asked.doubts("x.of-other", scored, read)
        assert not asked.doubts("x.believed", scored, read)
        other = model.of(["other"])
        assert not other.doubts("x.doubted", other.scored(read) or 0, read)


def test_what_is_doubted_is_a_wording_of_the_class_that_doubts_it_and_never_a_threat():
    rules = {rule.id: rule for rule in lexicon().rules}
    doubts = hunches().doubts
    assert "self_harm_crisis.mentioned" in doubts
    for found, doubt in doubts.items():
        assert rules[found].risk == rules[doubt.rule].risk != "threat_to_staff"
        assert rules[found].find == ("<theme>",) or not rules[found].find[0].startswith("<")
        assert doubt.below <= hunches().bars[doubt.rule].least


def test_numbers_are_one_word_and_the_end_of_a_sentence_is_a_word():
    words = heard(Reading("Pay $900. 2nd time"))
    assert list(words) == ["pay", "#", ".", "#", "time"]
    assert list(grams(words))[5:] == [("pay", "#"), ("#", "."), (".", "#"), ("#", "time")]


def test_the_sentence_that_carries_most_is_shown():
    text = "The room was fine. The blue moon. It rained."
    read = Reading(text)
    start, end = read.place(TWO.carrier(read, "one"))
    assert text[start:end] == "The blue moon"


def test_the_words_that_weigh_are_shown_with_their_shares():
    shares = dict(TWO.shares(Reading("the blue moon"), "other"))
    blue, moon = -8 * 0.25 + 7.5, 2 * 0.25 - 10 + 7.5  # the shared feature speaks against it
    assert shares == pytest.approx({"blue": blue / (blue - moon), "moon": moon / (blue - moon)})
    assert dict(TWO.shares(Reading("moon"), "other")) == {"moon": -1.0}  # and counts for nothing where it is not there


def test_of_a_longer_text_the_sentence_is_shown_by_its_words():
    long = "moon " * 400  # more than the bits of a sum can hold
    assert dict(TWO.shares(Reading(f"The blue sky. {long}."), "other")) == {"blue": -1.0}
    assert TWO.score(Reading(long), "other") == TWO.score(Reading("moon " * READ), "other")


HEAD = ("# head", "@ 0 1", "@ 0 1", "@ 0 1", "= a 0 1 0.5", "= b 0 1 0.5")


def test_a_file_is_read():
    lines = [*HEAD, "+ a 2.5", "~ found b -1", "", "gYCA\tword", "gIGA\ttwo words"]
    model = read_hunches(f"{line}\n" for line in lines)
    assert model.units == (Unit(0.0, 1.0),) * 3
    assert model.bars == {"a": Bar(0.0, 1.0, (0.5,), 1, 2.5), "b": Bar(0.0, 1.0, (0.5,), 2)}
    assert model.doubts == {"found": Doubt("b", -1.0)}
    assert model.features(["word"]) == [1, 0, 0]
    assert model.features(["two", "words"]) == pytest.approx([0, 1 / math.sqrt(2), 0])


@pytest.mark.parametrize(
    "lines",
    [
        [*HEAD, "", "gIA=\tword"], [*HEAD, "", "z\tword"], [*HEAD, "", "gICA"], [*HEAD[:-1], "= b 0 1", ""],
        [*HEAD, "= c 0", ""], [*HEAD, "@ 0", ""], [*HEAD, "? what", ""], [*HEAD, "~ found", ""],
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(lines):
    with pytest.raises(ValueError, match="."):
        read_hunches(lines)


def test_every_rule_with_a_hunch_is_in_the_file_and_says_that_it_is_a_likeness():
    assert {rule.id for rule in ASKED} == set(hunches().bars)
    assert all(rule.means.startswith("Reads like ") for rule in ASKED)


SAID = next(text for rule in ASKED if rule.id == "misconduct_discrimination.hunch" for text in rule.fires)
HARMED = "The chiropractor twisted my neck and I had a stroke in the car."


def test_a_long_text_and_a_very_short_one_have_no_hunch():
    assert suspected(SAID)
    assert not suspected(f"{SAID} {'The room was blue and the chair was green. ' * (READ // 4)}")
    assert not suspected(" ".join(SAID.split()[: LEAST - 2]))


def test_a_longer_text_has_a_hunch_of_harm_and_the_sentence_is_shown():
    around = "The room was cold and the desk was rude and awful. " * (READ // 8)
    text = f"{around}{HARMED} {around}"
    found = suspected(text)["clinical_harm_allegation.hunch"]
    assert text[found.start : found.end] == HARMED.rstrip(".")
    assert not suspected(around * 2)
    kind = "The room was lovely and the nurse was kind. " * (READ // 8)
    assert not suspected(f"{kind}{HARMED} {kind}")  # it is no complaint


def test_a_hunch_can_be_switched_off_like_any_rule():
    off = list(suspected(SAID))
    assert off
    assert not set(off) & set(suspected(SAID, Assessor(disabled=off)))


def test_why_there_is_a_hunch_can_be_asked():
    (rule,) = [rule for rule in suspected(SAID) if rule.startswith("misconduct_discrimination")]
    shares = carriers(mention(SAID), rule)
    assert shares[0][1] > 0
    assert sum(abs(share) for _, share in shares) == pytest.approx(1, abs=0.2)
    assert carriers(mention(SAID), "clinical_harm_allegation.missed") == []


NAMED = ("Maria", "Tom", "Mrs. Alvarez", "Priya", "Mr. Chen", "Fatima", "Jo", "Samuel")
POLITE = (
    "Hi {}, thank you for telling us.",
    "Hi {}, thank you for letting us know, we are sorry to hear this.",
    "{}, thank you for your kind words!",
    "Thanks so much for the lovely review, {}.",
    "Hello {}, we appreciate your feedback and would like to talk; please call our office.",
    "{}, we are sorry that we fell short. Please write to our patient relations team.",
    "Thank you {}, your comments have been passed on to the team.",
    "{}, we take every comment seriously. Please contact us so that we can learn more.",
    "Dear {}, thanks for taking the time to write to us.",
    "Thank you for the five stars, {}!",
)
PEOPLE = ("Muslims", "immigrants", "gay people", "trans people", "Black people", "disabled people", "women", "refugees")
FRIENDLY = (
    "I love how welcoming this clinic is to {}.",
    "{} deserve the same care as everybody else.",
    "So proud of all the {} who work at our hospital.",
    "My neighbours are {} and they are wonderful friends.",
    "Nobody should ever hurt {}.",
    "We need more {} in medicine.",
    "{} are people like you and me.",
    "I stand with {} today and every day.",
    "Happy to see {} celebrated at the community fair.",
    "Great talk about the health of {} last night.",
)
PLAIN = (
    "Our flu clinic is open on Saturday from nine to one.",
    "Meet our new team of physical therapists!",
    "Parking is free after five in the evening.",
    "Wash your hands, wear a mask if you cough, and stay home when you are ill.",
    "We are hiring nurses for the night shift, apply on our website.",
    "The cafeteria has new soup and I am very happy about it.",
    "Congratulations to our volunteers, who gave 4,000 hours this year.",
    "The garden behind the hospital is in bloom.",
    "Breast cancer screening saves lives. Ask your doctor when yours is due.",
    "Lovely staff, short wait, would come again.",
    "The doctor was kind and explained everything.",
    "Anybody know a good dentist near the station?",
    "Waiting room was full but we were seen on time.",
    "I had my knee done there and it went very well.",
    "Thanks to the whole night team for looking after my dad.",
)


@pytest.mark.parametrize(
    ("texts", "how", "most"),
    [
        ([form.format(name) for form, name in product(POLITE, NAMED)], {"ours": True, "kind": Kind.COMMENT}, 0),
        ([form.format(people) for form, people in product(FRIENDLY, PEOPLE)], {}, 1),
        ([*PLAIN], {}, 0),
        ([*PLAIN[:9]], {"ours": True}, 0),
        ([one.text for one in phrases(Path(__file__).parents[1] / "benchmarks/accuracy/sentences/reputation.txt")
          if one.risk == "none"], {}, 3),
    ],
    ids=["polite replies", "friendly posts", "plain posts", "own posts", "ordinary sentences"],
)  # fmt: skip
def test_ordinary_words_raise_no_hunch_that_is_told(texts, how, most):
    told = [text for text in texts if any(signal.score >= 6 for signal in suspected(text, **how).values())]
    assert len(told) <= most, told


def test_more_is_found_in_sentences_that_nobody_taught_and_few_near_misses_are_mistaken():
    folder = Path(__file__).parents[1] / "benchmarks" / "accuracy"
    said = [one for name in ("unseen.txt", "unseen2.txt", "unseen3.txt") for one in phrases(folder / name)]
    shares = []
    for assessor in (WITHOUT, ASSESSOR):
        measured = tables(assessor, said)
        found = sum(row.recall * row.sentences for row in measured) / sum(row.sentences for row in measured)
        mistaken = sum(row.mistaken * row.near_misses for row in measured) / sum(row.near_misses for row in measured)
        shares.append((found, mistaken))
    (before, _), (after, mistaken) = shares
    assert after > before + 0.15
    assert mistaken <= 0.1


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the labelled texts are not here")
def test_real_reviews_hardly_ever_read_like_a_threat():
    texts = [row["text"] for path in sorted(FOLDER.glob("review_*.jsonl")) for row in rows(FOLDER, path.stem)][::5]
    model = hunches().of(["threat_to_staff.hunch"])
    reads = [Reading(text) for text in texts]
    raised = [one.text for one in reads if raised_by(model, one)]
    assert len(raised) <= 0.0002 * len(texts) + 1


def test_a_text_in_another_language_has_no_hunch():
    assert hunches().known(Reading("Lamentamos mucho lo ocurrido; llame a nuestra oficina, por favor.")) <= 6
    assert not suspected(
        "Lamentamos mucho lo ocurrido; llame a nuestra oficina, por favor.", ours=True, kind=Kind.COMMENT
    )
