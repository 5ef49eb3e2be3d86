"""Opinions: what the words of a text weigh, that they explain the score, and that nothing but Python is needed for it."""

import math
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from benchmarks.accuracy import metrics
from benchmarks.accuracy.data import FOLDER, NEUTRAL, REVIEWS, facts, opinions
from monitor.assess import Assessor, opinion
from monitor.assess.opinion import Line, Model, Odds, Row, grams, read_model, score
from monitor.assess.reading import Reading
from monitor.assess.vader import LIMIT, Felt
from monitor.model import Assessment, Kind, Mention, Stored

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ASSESSOR = Assessor()


def post(text, **more):
    return Mention(external_id="1", kind=Kind.REVIEW, text=text, published_at=NOW, **more)


def about(text):
    return ASSESSOR.opinion(post(text))


PRAISE = [
    "The nurses were kind and attentive, thank you!", "Could not have been looked after better.", "Good.",
    "Knowledgeable, prompt and thorough dentist.", "They listened and explained every step.", "Friendly staff, clean rooms",
]  # fmt: skip
BLAME = [
    "Rude.", "dismissive, unhelpful and unprofessional", "misdiagnosed twice", "They couldn't care less",
    "I would not recommend this place", "The nurse was rude and nobody listened. I waited four hours.",
    "Nobody called back. Still waiting for help.", "Please avoid, they do not care about patients",
]  # fmt: skip
FACTS = [
    "The clinic is open from eight to five on weekdays.", "I was there on Tuesday.",
    "Study of 200 patients found severe pain and death after surgery.",
    "Patients with severe toxicity died of respiratory failure during treatment.",
    "The department reports 412 new infections and nine deaths in the county.",
]  # fmt: skip


@pytest.mark.parametrize("text", PRAISE)
def test_praise_of_care_is_positive(text):
    assert about(text).name == "positive"


@pytest.mark.parametrize("text", BLAME)
def test_blame_is_negative_also_where_vader_knows_no_bad_word(text):
    assert about(text).name == "negative"


@pytest.mark.parametrize("text", FACTS)
def test_facts_are_neutral_whatever_their_words(text):
    assert about(text).name == "neutral"
    assert abs(about(text).score) < 0.3


def test_what_is_for_and_against_is_mixed_and_not_sure():
    found = about("The reception was rude and the wait endless. But the doctor was wonderful, kind and thorough.")
    assert found.name == "mixed"
    assert found.confidence < 0.7


def test_of_what_is_not_care_vader_decides():
    for text in ("Love my new bike", "Traffic sucks today"):
        found = about(text)
        assert math.copysign(1, found.score) == math.copysign(1, found.compound)


@pytest.mark.parametrize("text", PRAISE + BLAME + FACTS)
def test_vaders_own_score_stays_what_it_is(text):
    assert about(text).compound == SentimentIntensityAnalyzer().polarity_scores(text)["compound"]


@pytest.mark.parametrize("text", PRAISE + BLAME)
def test_what_explains_the_score_is_the_score(text):
    found = about(text)
    assert found.score == ASSESSOR.assess(post(text)).sentiment
    shares = [share for _, share in found.words]
    assert shares == sorted(shares, key=lambda one: -abs(one))
    assert sum(map(abs, shares)) <= 1.000001
    assert 0 <= found.confidence <= 1


def test_the_words_that_carried_a_score_are_the_ones_a_reader_would_name():
    (first, share), *_ = about("The receptionist was rude on Tuesday").words
    assert (first, share < 0) == ("rude", True)
    assert dict(about("Attentive nurses on the second floor").words)["attentive"] > 0.2


def test_what_is_not_english_has_no_opinion():
    assert about("Muy mal servicio") is None
    assert about("") is None


def test_a_longer_text_weighs_no_more_words_than_are_read():
    text = "The nurse was kind. " * 20_000
    assert len(text) > LIMIT
    words = Reading(text).words
    assert sum(1 for _ in grams(words)) == 3 * opinion.READ - 3
    assert about(text).name == "positive"


ROWS = {"kind": Row(90, 40, 3, 20), "rude": Row(-127, -127, -127, 30), ("not", "kind"): Row(-60, 127, 5, 60)}
LINES = [
    Line(constant=0.5, unit=0.2, felt=(0.1,) * 10),
    Line(constant=-0.5, unit=0.3),
    Line(constant=0.0, unit=1.0),
]


def test_a_model_adds_what_its_words_weigh():
    odds = Model(ROWS, LINES).odds(["not", "kind", "kind", "rude", "unheard"], Felt(compound=1.0))
    length = math.sqrt(20 + 30 + 60)
    assert odds == pytest.approx((0.5 + 0.2 * -97 / length + 0.1, -0.5 + 0.3 * 40 / length, -119 / length))


@given(st.lists(st.tuples(*[st.integers(-127, 127)] * 3, st.integers(1, 130)), min_size=1, max_size=40))
def test_numbers_that_travel_together_are_told_apart_again(numbers):
    rows = {f"w{i}": Row(*row) for i, row in enumerate(numbers)}
    direction, stance, subject, rarity = map(sum, zip(*numbers, strict=True))
    units = [Line(constant=0.0, unit=1.0)] * 3
    odds = Model(rows, units).odds(list(rows), Felt())
    length = math.sqrt(rarity)
    assert odds == pytest.approx((direction / length, stance / length, subject / length))


@given(st.floats(-1, 1), *[st.floats(-1e6, 1e6)] * 3)
def test_a_score_is_never_beyond_one(compound, direction, stance, subject):
    assert -1 <= score(compound, Odds(direction, stance, subject)) <= 1


class TestTheFile:
    text = files("monitor.assess").joinpath("opinion.tsv").read_text(encoding="utf-8")

    def test_it_is_small_and_says_where_it_comes_from(self):
        assert len(self.text.encode()) < 2_000_000
        head = tomllib.loads("\n".join(line[2:] for line in self.text.splitlines() if line.startswith("#")))
        assert set(REVIEWS) <= set(head["texts"])
        assert set(NEUTRAL) <= set(head["texts"])
        assert head["learned_with"].startswith("scikit-learn")
        assert head["settings"]["kept"] == 40_000

    def test_it_holds_words_and_no_numbers_that_could_be_somebodys(self):
        said = [line.split("\t")[4] for line in self.text.splitlines() if not line.startswith("#")]
        assert len(said) == len(set(said))
        assert not any(sum(map(str.isdigit, word)) > 2 for gram in said for word in gram.split())
        assert max(len(gram.split()) for gram in said) == 3

    def test_a_broken_one_is_refused(self):
        with pytest.raises((ValueError, KeyError)):
            read_model(self.text.replace("[stance]", "[stanza]"))

    def test_it_is_applied_without_what_learned_it(self):
        code = (
            "import sys; from monitor.assess import Assessor; Assessor();"
            "sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'sklearn')))"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def stored(stars, sentiment):
    found = Assessment(lang="en", sentiment=sentiment, assessor="a")
    return Stored(id=1, platform="p", source="s", mention=post("x", stars=stars), assessment=found, first_seen_at=NOW)


@pytest.mark.parametrize(
    ("stars", "sentiment", "mood", "at_odds"),
    [
        (5, -0.8, 0.1, True), (1, 0.9, -0.05, True), (5, 0.9, 0.95, False), (3, -0.8, -0.4, False), (4, -0.2, 0.15, False),
        (None, -0.8, -0.8, False), (2, None, -0.5, False), (None, None, None, False),
    ],
)  # fmt: skip
def test_stars_and_words_are_fused_and_may_be_at_odds(stars, sentiment, mood, at_odds):
    one = stored(stars, sentiment)
    assert one.mood == (None if mood is None else pytest.approx(mood))
    assert one.at_odds is at_odds


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the labelled texts are not on this machine")
class TestLabelledTexts:
    """The weights have seen these: that they still fit, and are applied as they were learned, is all that can be said."""

    @pytest.mark.parametrize("source", REVIEWS)
    def test_reviews_are_told_apart(self, source):
        said = [one for one in opinions(FOLDER, source) if one.label][:400]
        scores = [opinion.weighed(Reading(one.text)) for one in said]
        truth = [one.label > 0 for one in said]
        assert metrics.auc(truth, scores) > 0.93
        assert metrics.balanced(truth, [one > 0 for one in scores]) > 0.83

    @pytest.mark.parametrize("source", NEUTRAL)
    def test_facts_are_held_near_nought(self, source):
        scores = [opinion.weighed(Reading(one.text)) for one in facts(FOLDER, source)[::20]]
        assert metrics.share([abs(one) > 0.5 for one in scores]) < 0.03


def test_the_numbers_of_the_tables():
    truth, scores = [True, True, False, False], [0.9, 0.2, 0.2, -0.5]
    assert metrics.auc(truth, scores) == pytest.approx(0.875)
    found = [one > 0 for one in scores]
    assert metrics.balanced(truth, found) == pytest.approx(0.75)
    assert metrics.f1(truth, found) == pytest.approx(0.8)
    assert metrics.correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert metrics.table(("a", "b"), [("x", 0.5)]) == "| a | b |\n| --- | --- |\n| x | 0.500 |"
