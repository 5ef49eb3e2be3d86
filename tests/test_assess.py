"""A mention becomes an assessment: one sentence for each promise of the face."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monitor.assess import RISKS, Assessor
from monitor.model import Assessment, Kind, Mention

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ASSESSOR = Assessor(organisation="Practice Hospital")


def review(text, **more):
    return Mention(external_id="1", kind=Kind.REVIEW, text=text, published_at=NOW, **more)


def assess(text, **more):
    return ASSESSOR.assess(review(text, **more))


def test_a_page_is_assessed_as_its_mentions_alone_are(monkeypatch):
    reply = replace(review("Hi Ann, your crown failed because you skipped visits."), kind=Kind.COMMENT, ours=True)
    texts = [
        "",
        "Rude.",
        "Muy mal servicio, nunca mas",
        "x" * 300,
        "I will kill that doctor.",
        "They lost my chart.",
        "\U0001f600",
    ]
    said = [*((review(text), None) for text in texts * 3), (reply, review("My crown broke.", author="Ann"))]
    alone = [ASSESSOR.assess(*one) for one in said]
    for many, long in ((100, 200_000), (4, 200_000), (100, 30), (1, 1)):
        monkeypatch.setattr("monitor.assess._MANY", many)
        monkeypatch.setattr("monitor.assess._LONG", long)
        assert ASSESSOR.assess_all(said) == alone
    assert len({one.lang for one in alone}) == 3
    assert alone[-1].signals
    assert ASSESSOR.assess_all([]) == []


def test_an_english_text_has_language_sentiment_and_themes():
    found = assess("The nurse was wonderful, but parking is expensive.")
    assert isinstance(found, Assessment)
    assert found.lang == "en"
    assert found.sentiment is not None
    assert -1 <= found.sentiment <= 1
    assert "Environment & equipment" in found.themes
    assert found.assessor == ASSESSOR.name


@pytest.mark.parametrize(
    "text",
    ["Muy mal servicio", "很好的医院", "Bardzo dobry szpital, polecam każdemu", "", "   ", "12/10", "Xyzzy", "🛗"],
)
def test_what_vader_cannot_read_has_no_sentiment(text):
    assert assess(text).sentiment is None


def test_a_neutral_english_text_has_a_sentiment_near_nought():
    assert abs(assess("I was there on Tuesday.").sentiment) < 0.05


def test_themes_that_are_too_often_wrong_are_shown_to_nobody():
    found = assess("The diagnosis was wrong, my relatives say, and parking is a misery.")
    assert found.themes == ("Environment & equipment",)


def test_emoji_alone_are_read():
    assert assess("😀😀").sentiment > 0
    assert assess("😠").sentiment < 0
    assert assess("😀😀").lang is None
    assert assess("👏👏👏❤️").sentiment == 0.0, "VADER reads them and finds neither good nor bad"
    assert assess("👏👏👏❤️").lang is None
    assert assess(":)").sentiment > 0


def test_the_title_speaks_where_there_is_no_text():
    found = assess("", title="Horrible, they misdiagnosed me")
    assert found.sentiment < 0
    assert found.lang == "en"
    assert [s.field for s in found.signals] == ["title"]


class TestTitles:
    def test_a_headline_alone_can_carry_the_risk(self):
        title = "Practice Hospital surgeon operated on the wrong knee"
        found = assess("Full story inside. Read more at noon.", title=title)
        (signal,) = found.signals
        assert (signal.field, signal.risk) == ("title", "clinical_harm_allegation")
        assert title[signal.start : signal.end] == "operated on the wrong knee"

    def test_what_the_text_says_too_is_said_once_and_of_the_text(self):
        text = "It is true:\nthe surgeon operated on the wrong knee."
        found = assess(text, title="Surgeon operated on the wrong knee, says patient").signals
        (signal,) = [one for one in found if one.risk == "clinical_harm_allegation"]
        assert signal.field == "text"
        assert text[signal.start : signal.end] == "operated on the wrong knee"

    def test_a_worse_find_in_the_title_does_not_hide_the_place_in_the_text(self):
        text = "They misdiagnosed me."
        found = assess(text, title="They misdiagnosed my baby and he died")
        by_rule = {s.rule: s for s in found.signals}
        assert by_rule["clinical_harm_allegation.misdiagnosed"].field == "text"

    @pytest.mark.parametrize(
        "title", ["They misdiagnosed me", "They misdiagnosed…", "They misdiagnosed me. I am angry."]
    )
    def test_a_title_that_only_begins_the_text_changes_nothing(self, title):
        text = "They misdiagnosed me. I am angry. The parking was full."
        assert assess(text, title=title) == assess(text)

    def test_every_signal_points_into_its_own_field(self):
        text = "\nI'm going to kill that doctor.\n\n  Call 555-0100 about my biopsy, misdiagnosed twice\n"
        title = "Wrong kidney removed.\nNurse \u2019accused\u2019 of assault!"
        said = {"text": text, "title": title}
        found = assess(text, title=title).signals
        assert {s.field for s in found} == {"text", "title"}
        for s in found:
            seen = said[s.field][s.start : s.end]
            assert seen
            assert seen == seen.strip()

    def test_the_title_gives_context_and_the_sentiment_stays_the_texts(self):
        quiet = assess("Thank you, lovely nurses.", title="Horrible, horrible, horrible")
        assert quiet.sentiment == assess("Thank you, lovely nurses.").sentiment
        guarded = assess("They misdiagnosed my mother.", title="Union meeting Tuesday, nurses on strike")
        assert (
            guarded.signals == assess("Union meeting Tuesday, nurses on strike. They misdiagnosed my mother.").signals
        )


def test_a_complaint_beside_something_graver_is_no_signal_of_its_own():
    complaint = "The receptionist was rude and I waited two hours."
    assert {s.risk for s in assess(complaint).signals} == {"brand_service_complaint"}
    graver = assess(f"{complaint} I'm going to kill that doctor.")
    assert {s.risk for s in graver.signals} == {"threat_to_staff"}
    assert graver.themes == assess(complaint).themes


def test_a_threat_in_english_is_found_whatever_the_language_around_it():
    text = "Muy mal servicio, nunca más vuelvo a este hospital. I'm going to kill that doctor."
    found = assess(text)
    assert found.lang == "es"
    assert {text[s.start : s.end] for s in found.signals} == {"I'm going to kill that doctor"}
    assert found.risk_score == 20


def test_the_text_is_never_gated_on_its_sentiment():
    found = assess("Lovely! Wonderful! I know where that nurse lives.")
    assert found.sentiment > 0.5
    assert found.signals[0].risk == "threat_to_staff"


def test_the_same_mention_is_always_assessed_the_same():
    texts = [
        "They misdiagnosed my son and he died.",
        "Rude.",
        "I want to die.",
        "Great, thank you!",
        "Call me, 555-0100, my biopsy",
    ]
    first = [assess(text) for text in texts]
    assert [Assessor(organisation="Practice Hospital").assess(review(text)) for text in texts] == first
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(assess, texts * 20)) == first * 20


def test_a_risk_or_a_single_rule_can_be_disabled():
    text = "They misdiagnosed me. The surgeon operated on the wrong knee."
    rules = {s.rule for s in assess(text).signals}
    assert {"clinical_harm_allegation.misdiagnosed", "clinical_harm_allegation.wrong-part"} <= rules
    without = Assessor(disabled=["clinical_harm_allegation.misdiagnosed"]).assess(review(text))
    assert {s.rule for s in without.signals} == rules - {"clinical_harm_allegation.misdiagnosed"}
    none = Assessor(disabled=["clinical_harm_allegation"]).assess(review(text))
    assert "clinical_harm_allegation" not in {s.risk for s in none.signals}


def test_what_cannot_be_disabled_is_refused_by_name():
    with pytest.raises(ValueError, match="clinical_ham"):
        Assessor(disabled=["clinical_ham"])


def test_the_name_tells_versions_and_changes_with_what_changes_the_judgement():
    names = {
        Assessor().name,
        Assessor(organisation="A").name,
        Assessor(people=["A"]).name,
        Assessor(disabled=["review_integrity"]).name,
    }
    assert len(names) == 4
    assert all("vader-3" in name and "lexicon-" in name for name in names)
    assert Assessor(organisation="A").name == Assessor(brands=["A"]).name


@pytest.mark.parametrize("name", ["", "...", "?", "{staff}", "_", "#", "*", "a|b", "Dr. O'Neil (MD)", "病院", "\ud800"])
def test_any_name_can_be_ours(name):
    ours = Assessor(organisation=name, brands=[name], people=[name])
    assert ours.assess(review("I'm going to kill that doctor.")).signals[0].risk == "threat_to_staff"


def test_the_risks_are_those_of_the_taxonomy():
    assert len(RISKS) == len(set(RISKS)) == 17
    assert {"own_reply_phi", "threat_to_staff", "self_harm_crisis", "brand_service_complaint"} <= set(RISKS)


@pytest.mark.parametrize(
    "text", ["\ud800 good", "\x00\x01 good", "good " * 30_000, "💩" * 3000, "\u202egood", "a" * 100_000]
)
def test_no_text_breaks_it(text):
    found = assess(text)
    assert all(0 <= s.start < s.end <= len(text) for s in found.signals)
