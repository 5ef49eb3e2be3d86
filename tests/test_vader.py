"""VADER must score as the installed package scores, to the last digit, and in linear time."""

import json
import os
import random
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import (
    BOOSTER_DICT,
    NEGATE,
    SENTIMENT_LADEN_IDIOMS,
    SPECIAL_CASES,
    SentimentIntensityAnalyzer,
)

from monitor.assess import vader
from monitor.assess.reading import Reading
from monitor.assess.vader import LEXICON, LIMIT, Vader

OWN = Vader()
DATA = Path(os.environ.get("WELLHEARD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data" / "dev"))

TEXTS = [
    "",
    " ",
    "Great!",
    "The nurse was kind, the doctor kind of rude.",
    "The wait was not bad at all, but the parking is HORRIBLE!!!",
    "never so good, never this bad, without doubt the best, without a doubt great",
    "This is so good and this bad. So very good.",
    "no good. No, good or bad? no really good, no one or nice",
    "least helpful, at least helpful, the very least helpful desk, least",
    "It's the bomb, to die for, the shit! yeah right, kiss of death, bad ass bus stop",
    "good but bad but good but GOOD bad good but fine fine fine awful awful",
    "sort of nice, just enough good, kind of a kind nurse, kind of",
    "VERY good, very GOOD, VERY GOOD and barely GOOD? really?? REALLY???",
    "I :) at them :( and :D then :-) 'no'",
    "💘 and 💋 and 😁!! good😀bad ☺️ 👩‍⚕️ 🏥 thanks❤",
    "can't won't isn't ain't good couldn't-care-less n't good uhuh uh-uh bad",
    "neither good nor great nor bad, never ever good, rarely great, despite good",
    "\n\ttabs\u2003and\u00a0spaces good\u200bbad",
    "It\u2019s not good, they don\u2019t care",
    "but but but",
    "good bad good bad but good bad good bad",
    "İSTANBUL good ß GOOD",
]


@cache
def reference():
    return SentimentIntensityAnalyzer()


def assert_equal(text):
    theirs = reference().polarity_scores(text)
    assert repr(OWN.scores(text)) == repr(theirs), text
    if len(text) <= LIMIT:
        assert OWN.compound(text) == theirs["compound"]
        assert Reading(text).sentiment() == theirs["compound"], "what assesses is the shared memo of tokens"


@pytest.mark.parametrize("text", TEXTS)
def test_own_texts_score_as_in_the_package(text):
    assert_equal(text)


TURNING = [
    "no", "or", "nor", "but", "BUT", "least", "at", "very", "never", "so", "this", "without", "doubt", "kind", "of", "sort",
    "just", "enough", "not", "to", "for", "the", "a",
]  # fmt: skip


def vocabulary():
    """Words at which the rules of VADER turn, each kind weighted so that they meet often."""
    words = sorted(LEXICON)
    turning = TURNING
    idioms = [*SPECIAL_CASES, *SENTIMENT_LADEN_IDIOMS]
    emoji = [emoji for emoji in reference().emojis if len(emoji) == 1][:200]
    marks = ["!", "?", "!!!!!", "??", "...", ":)", "-", "it's", "İ", "don\u2019t", "\u200b"]
    return [words, sorted(BOOSTER_DICT), NEGATE, turning, turning, idioms, emoji, marks]


def fuzzed(rnd):
    kinds = vocabulary_of_kinds()
    said = []
    for _ in range(rnd.choice([1, 2, 3, 4, 5, 6, 8, 12, 25])):
        word = rnd.choice(rnd.choice(kinds))
        word = rnd.choice([word, word, word, word.upper(), word.capitalize(), word + rnd.choice("!?.,;'")])
        said.append(word)
    return rnd.choice([" ", " ", " ", "\n", "  "]).join(said)


@cache
def vocabulary_of_kinds():
    return vocabulary()


def test_three_thousand_made_up_texts_score_as_in_the_package():
    rnd = random.Random(20261121)
    for _ in range(3000):
        assert_equal(fuzzed(rnd))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.sampled_from(sorted(LEXICON)[::40]), st.text(max_size=8)), max_size=20))
def test_any_text_scores_as_in_the_package(words):
    assert_equal(" ".join(words))


@pytest.mark.skipif(not DATA.is_dir(), reason="the labelled texts are not on this machine")
def test_a_sample_of_real_texts_scores_as_in_the_package():
    seen = 0
    for path in sorted(DATA.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines()[:400:20]:
            try:
                text = json.loads(line).get("text") or ""
            except ValueError:
                continue
            assert_equal(text[:3000])
            seen += 1
    assert seen > 0


def test_a_long_text_is_scored_by_its_first_pages():
    start = "good " * (LIMIT // 5)
    assert OWN.compound(start + "horrible " * 20_000) == OWN.compound(start) > 0.9


def test_words_of_strangers_do_not_fill_the_memory():
    own = Vader()
    own.compound(" ".join(f"w{i}" for i in range(3000)) + " " + "x" * 500)
    assert len(own._words) == 3000, "a word of 500 letters is not remembered"
    for start in range(0, 90_000, 3000):
        own.compound(" ".join(f"v{i}" for i in range(start, start + 3000)))
    assert len(own._words) <= vader._REMEMBERED


@pytest.mark.parametrize("unit", ["good but ", "😀", "no good ", "GOOD bad ", "never so good ", "x"])
def test_the_work_grows_with_the_length_and_no_faster(unit):
    """Counted, not timed: how often a word's neighbours are looked at, for a text and one four times as long."""
    assert work(unit * 1600) <= 4.5 * work(unit * 400)


def work(text):
    """How many lines of vader.py run for a text: the list and dict operations between them are of constant size."""
    import sys

    ran = 0

    def trace(frame, what, _):
        nonlocal ran
        if frame.f_code.co_filename != vader.__file__:
            return None
        ran += what == "line"
        return trace

    own = Vader()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        own.scores(text)
    finally:
        sys.settrace(before)
    return ran
