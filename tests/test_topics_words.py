"""What a word is, and where it stands in the original."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.topics.words import spans, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Practice Hospital", "practice hospital"),
        ("O'Brien, St. Mary's", "o brien st mary s"),
        ("O\u2019Brien", "o brien"),
        ("follow-up a_b info@practice.example", "follow up a b info practice example"),
        ("@practicehosp #PracticeHospital", "practicehosp practicehospital"),
        ("24/7 4.5 stars", "24 7 4 5 stars"),
        ("Café CAFE\u0301 cafe", "cafe cafe cafe"),
        ("Straße STRASSE", "strasse strasse"),
        ("İstanbul Ac\u0131badem", "istanbul acibadem"),
        ("Łódź Ærø œuvre", "lodz aero oeuvre"),
        ("ΟΔΟΣ οδός οδος", "οδοσ οδοσ οδοσ"),
        ("\uff30\uff52\uff41\uff43ti\uff43e", "practice"),
        ("\U0001d40f\U0001d42b\U0001d41a\U0001d41c\U0001d42d\U0001d422\U0001d41c\U0001d41e", "practice"),
        ("e\ufb03cient", "efficient"),
        ("hos\u00adpi\u200dtal", "hospital"),
        ("zero\u200bwidth", "zero width"),
        ("Practice\u2122 hospital\u00b9", "practice hospital"),
        ("great\U0001f600hospital", "great hospital"),
        ("a\u00a0b\u2014c\u2026d", "a b c d"),
        ("病院に行く", "病 院 に 行 く"),
        ("Tokyo病院2", "tokyo 病 院 2"),
        ("ガ カ\u3099 \uff76\uff9e", "カ\u3099 カ\u3099 カ\u3099"),
        ("हिन्दी", "हिन्दी"),
        ("ꯃꯤꯇꯩ \U0001e900\U0001e944", "ꯃꯤꯇꯩ \U0001e922\U0001e944"),
        ("โรงพยาบาลดี", "โ ร ง พ ย า บ า ล ด\u0e35"),
        ("مُسْتَشْفى", "مستشفى"),
        ("", ""),
        ("?! --- \n\t", ""),
    ],
)
def test_words_are_folded_runs_of_letters_and_digits(text, folded):
    assert " ".join(words(text)) == folded


def test_both_forms_of_a_composed_letter_are_the_same_word():
    korean = "병원"
    assert words(korean) == words(unicodedata.normalize("NFD", korean)) != words("병")


@pytest.mark.parametrize(
    ("text", "originals"),
    [
        ("The Café, closed.", ["The", "Café", "closed"]),
        ("Cafe\u0301 x", ["Cafe\u0301", "x"]),
        ("İİ ab", ["İİ", "ab"]),
        ("Straße b", ["Straße", "b"]),
        ("ßß\ufb03 after", ["ßß\ufb03", "after"]),
        ("\ufdfa x", ["\ufdfa"] * 4 + ["x"]),  # one character that stands for four words
        ("\U0001f600\U0001f600 hos\u00adpital\u00ad!", ["hos\u00adpital"]),
        ("病院 x", ["病", "院", "x"]),
        ("\u0301x y\u0301\u0302", ["x", "y\u0301\u0302"]),
        ("plain ASCII", ["plain", "ASCII"]),
    ],
)
def test_a_word_spans_just_what_it_was_in_the_original(text, originals):
    assert [text[start:end] for start, end in spans(text)] == originals


@settings(max_examples=400)
@given(st.text(st.one_of(st.characters(), st.sampled_from("aÉßİ \u0301\u3099\ufb01病ี'_1¹\u00ad")), max_size=30))
def test_every_word_has_its_span_and_the_span_folds_to_it(text):
    found, where = words(text), spans(text)
    assert len(found) == len(where)
    for word, (start, end) in zip(found, where, strict=True):
        assert 0 <= start < end <= len(text)
        assert word in words(text[start:end])


@settings(max_examples=300)
@given(st.text(max_size=30))
def test_folding_again_changes_nothing(text):
    assert words(" ".join(words(text))) == words(text)


@settings(max_examples=200)
@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_ascii_and_other_text_are_cut_alike(text):
    assert [*words(text), "e"] == words(f"{text} é")
    assert spans(text) == spans(f"{text} é")[:-1]
