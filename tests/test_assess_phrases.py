"""Phrases: what each of their few signs finds, and that no text makes the search slow."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.assess import phrases, reading
from monitor.assess.lexicon import readable
from monitor.assess.phrases import END, Index
from monitor.assess.reading import Reading

LISTS = {
    "staff": ["nurse*", "dr _", "front desk", "doctor"],
    "harm": ["hurt", "run over", "{worse}"],
    "worse": ["kill*"],
    "nobody": [],
    "loop": ["a ...2 b"],
}
COMMON = {"the": 400.0, "i": 300.0, "a": 200.0, "to": 300.0}


def found(phrase, text):
    words = Reading(text)
    return [" ".join(words.words[a:b]) for _, a, b in Index([(phrase, 0)], LISTS, COMMON).hits(words.words)]


@pytest.mark.parametrize(
    ("phrase", "text", "finds"),
    [
        ("wrong tooth", "He pulled the WRONG tooth.", ["wrong tooth"]),
        ("wrong tooth", "Wrong. Tooth hurts", []),
        ("misdiagnos*", "Misdiagnosed twice, a misdiagnosis", ["misdiagnosed", "misdiagnosis"]),
        ("x ray", "the x-ray and the X ray", ["x ray", "x ray"]),
        ("no_one|nobody came", "No one came, nobody came, no came", ["no one came", "nobody came"]),
        ("left ... alone", "left him all night alone", ["left him all night alone"]),
        ("left ... alone", "left him there all night alone", []),
        ("left ...4 alone", "left him there all night alone", ["left him there all night alone"]),
        ("left ... alone", "left him. All alone", []),
        ("very? rude staff", "rude staff, very rude staff", ["rude staff", "very rude staff", "rude staff"]),
        ("mr _ left", "Mr Example left", ["mr example left"]),
        ("# hours late", "3 hours late, 3rd hours late, $5 hours late, x hours late",
         ["3 hours late", "3rd hours late", "$5 hours late"]),
        ("$* bill", "a $900 bill and a 900 bill", ["$900 bill"]),
        ("{harm} the {staff}", "hurt the nurses; run over the front desk; killing the Dr. Who",
         ["hurt the nurses", "run over the front desk", "killing the dr who"]),
        ("{staff} ...2 {harm}", "front desk was hurt", ["front desk was hurt"]),
        ("{nobody}|doctor left", "doctor left", ["doctor left"]),
        ("{loop} c", "a x b c", ["a x b c"]),
        ("don't care", "They don\u2019t care, 'don't' care", ["don't care", "don't care"]),
    ],
)  # fmt: skip
def test_each_sign_of_a_phrase(phrase, text, finds):
    assert found(phrase, text) == finds


@pytest.mark.parametrize("phrase", ["", "... left", "left ...", "a?|b c", "{unheard_of} left", "_ ... _", "# #"])
def test_what_cannot_be_read_is_refused(phrase):
    with pytest.raises(ValueError, match="phrase|word list"):
        found(phrase, "a b c")


def test_words_know_their_place_in_the_text():
    text = "Dr. Example\u2019s nurse İs \u2018here\u2019 \u2013 it's 'fine'!! 2nd"
    words = Reading(text)
    assert words.words == ["dr", "example's", "nurse", "İs", "here", "it's", "fine", END, "2nd"]
    assert [text[slice(*words.place((i, i + 1)))] for i in range(len(words.words))] == [
        "Dr",
        "Example\u2019s",
        "nurse",
        "İs",
        "here",
        "it's",
        "fine",
        "!",
        "2nd",
    ]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.one_of(st.sampled_from(" .'!?\n\u2019\u2003x1-@Dr"), st.characters()), max_size=60))
def test_every_word_of_any_text_stands_where_it_is_said_to_stand(text):
    read = Reading(text, text)
    assert read.words[: read.titled - 1] == read.words[read.titled :]
    ends = 0
    for i, word in enumerate(read.words[read.titled :], read.titled):
        if word != END:
            start, end = read.place((i, i + 1))
            assert ends <= start < end <= len(text)
            assert end - start == len(word)
            assert read.words_of(start, end) == (i, i + 1)
            ends = end


def test_what_is_remembered_of_tokens_is_bounded():
    for start in range(0, 80_000, 4000):
        Reading(" ".join(f"t{i}" for i in range(start, start + 4000)) + " " + "y" * 500)
    assert len(reading._TOKENS) <= 65_536
    assert "y" * 500 not in reading._TOKENS


def test_titles_and_decimals_end_no_sentence():
    words = Reading("Dr. A met Mr. B at 2.30. Then she left... Late\nHome")
    assert [words.words[a] for a, _ in words.sentences] == ["dr", "then", "late", "home"]


def test_a_sentence_without_end_is_cut():
    sentences = Reading("word " * 1000).sentences
    assert max(b - a for a, b in sentences) < 60
    assert sum(b - a for a, b in sentences) == 1000


def test_the_rarest_word_is_the_one_looked_for():
    index = Index([("to the surgeon", 0), ("i", 1)], {}, COMMON)
    assert index["the"] is index["to"] is None
    assert index["surgeon"] is not None
    assert index["i"] is not None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([*"abcx", "left", "alone", "nurse", "doctor", "hurt", "killed", "over", END]), max_size=14)
)
def test_a_whole_text_is_searched_as_its_parts_are(words):
    """A whole text's candidates are first asked whether their rarest other word stands in it, those of a part are not."""
    phrases = ["left ...2 alone", "a ...3 {staff} ... c", "{loop} ... {harm}", "x|{worse} ... _ b", "c ... nurse|a_b"]
    index = Index([(phrase, tag) for tag, phrase in enumerate(phrases)], LISTS, COMMON)
    assert list(index.hits(words)) == list(index.hits(words, 0, len(words)))
    assert index.any(words, 0, len(words)) == (list(index.hits(words)) != [])


def test_what_is_remembered_of_words_is_bounded():
    index = Index([("surgeon", 0)], {}, COMMON)
    for start in range(0, 80_000, 4000):
        assert list(index.hits([f"w{i}" for i in range(start, start + 4000)])) == []
    assert len(index) <= 65_536


@pytest.mark.parametrize("unit", ["left ", "left. ", "nurse hurt ", "a b ", "'", "dr. ", "a", "run over the "])
def test_the_work_grows_with_the_length_and_no_faster(unit):
    index = Index(
        [("left ...6 alone", 0), ("{staff} ...8 {harm} ...8 {staff}", 1), ("{loop} ...6 {loop}", 2)], LISTS, COMMON
    )
    assert work(index, unit * 1600) <= 4.6 * work(index, unit * 400)


@pytest.mark.parametrize(
    ("phrase", "most"),
    [
        ("x ...3 x ...3 x ...2 x ...2 x ...2 y", 300),
        ("x x? x? x? ...4 x ...4 x ...4 y", 8 * 300),  # words that may be left out make a phrase several
        ("x|x_x|x_x_x ...6 x|x_x|x_x_x ...6 x|x_x|x_x_x x|x_x|x_x_x y", 6000),
        ("x*|z ...4 x* ...4 x* ...4 x* # y", 300),
    ],
)
def test_no_phrase_that_an_organisation_may_write_tries_every_way_through_its_gaps(phrase, most):
    """There are 432 ways through the first from each word: what failed from a word on is remembered, and not tried again."""
    readable(phrase)
    index = Index([(phrase, 0)], {}, {"x": 1e-9, "y": 1e9})  # so that x is what is looked for, wherever it stands
    long, short = work(index, "x " * 400 + ". y"), work(index, "x " * 100 + ". y")
    assert long <= 4.3 * short
    assert long <= most * 400  # lines of code


@pytest.mark.parametrize("phrase", ["a ...12 b ... c", "a b? c? d? e?", "a ...99 b", "a ...5? b ...5? c ...5 d"])
def test_a_phrase_that_leaves_too_much_open_is_refused(phrase):
    with pytest.raises(ValueError, match="leaves too much open: its gaps may skip 12 words together, and 3 words"):
        readable(phrase)


def work(index, text):
    """How many lines of phrases.py run for a text."""
    ran = 0

    def trace(frame, what, _):
        nonlocal ran
        if frame.f_code.co_filename not in (phrases.__file__, reading.__file__):
            return None
        ran += what == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        words = Reading(text)
        list(index.hits(words.words))
        assert words.sentences is not None
    finally:
        sys.settrace(before)
    return ran


def test_what_was_compiled_for_a_tag_can_be_left_out():
    index = Index([("to the surgeon", 0), ("surgeon left", 1)], {}, COMMON)
    said = ["to", "the", "surgeon", "left"]
    assert [tag for tag, _, _ in index.without([0]).hits(said)] == [1]
    assert {tag for tag, _, _ in index.hits(said)} == {0, 1}
