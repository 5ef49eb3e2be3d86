"""lint: a draft is checked before a person posts it."""

from __future__ import annotations

import io
import re
import sys

import pytest

from monitor.assess.lexicon import RISKS, lexicon
from monitor.cli.drafts import SAFER
from monitor.messages.advice import advice
from monitor.messages.answers import answers
from tests.cli import CONFIG, DISCLOSING, THREAT, terminal

THANKS = "Thank you for your feedback. Please call our office."


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


def draft(typed, text: str) -> str:
    (typed.folder / "draft.txt").write_text(text, encoding="utf-8")
    return "draft.txt"


def test_a_draft_that_gives_a_patient_away_must_not_be_posted(typed):
    done = typed("lint", draft(typed, DISCLOSING))

    assert done.code == 1
    assert done.out.startswith(f"Do not post this.\n  {DISCLOSING}\n\n1. Our reply may reveal a patient\n")
    assert re.search(r'says +"your April 9 appointment" \(characters 3 to 27\)\n', done.out)
    assert re.search(r"which +[A-Z][^\n]+\.\n", done.out)
    assert re.search(r"rule +own_reply_phi\.\S+\n", done.out)
    assert done.out.endswith(
        "Safer, for example\n   Thank you for taking the time to write. Privacy rules keep us from discussing anyone's care"
        " here. Please call our patient relations office, so that we can listen and help.\n"
    )


def test_programs_get_findings_with_spans_and_a_safer_wording(typed):
    done = typed("lint", draft(typed, DISCLOSING), "--json")

    assert done.code == 1
    assert all(DISCLOSING[row["start"] : row["end"]] == row["says"] for row in done.rows)
    assert done.rows[0]["risk"] == "own_reply_phi"
    assert done.rows[0]["must_not_be_posted"] is True
    assert done.rows[0]["safer"] == SAFER["own_reply_phi"]


def test_a_harmless_draft_may_be_posted_and_is_still_no_approval(typed):
    done = typed("lint", draft(typed, THANKS))

    assert (done.code, done.err) == (0, "")
    assert done.out == "Nothing was found. That is no approval: a person decides what is posted.\n"
    assert typed("lint", draft(typed, THANKS), "--json").out == ""


def test_a_draft_is_read_from_standard_input(typed, monkeypatch):
    for how in (["lint"], ["lint", "-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DISCLOSING.encode())))

        assert typed(*how).code == 1


def test_with_the_review_more_is_known(typed):
    """What the review says itself weighs less, and a name that is the reviewer's is no addition."""
    text = draft(typed, "Dear Kim Fiction, you missed your appointment in April and your insurance refused.")
    (typed.folder / "review.txt").write_text("I missed my appointment in April and my insurance refused. Kim Fiction")

    alone = typed("lint", text, "--json").rows
    beside = typed("lint", text, "--review", "review.txt", "--reviewer", "Kim Fiction", "--json").rows

    assert sum(row["score"] for row in beside) < sum(row["score"] for row in alone)


def test_a_high_appetite_does_not_let_a_disclosure_through(typed):
    typed.configure(f"{CONFIG}\n[appetite]\nnotify = 25\nurgent = 25\n")

    assert typed("lint", draft(typed, DISCLOSING)).code == 1


def test_what_is_only_worth_a_look_does_not_forbid(typed):
    rule = next(rule for rule in lexicon().rules if rule.id == "own_reply_phi.confirms-care")
    rows = [row for text in rule.fires for row in typed("lint", draft(typed, text), "--json").rows]
    weak = [row for row in rows if row["score"] < 6]

    assert weak
    assert [row for row in rows if row["must_not_be_posted"] is (row["score"] < 6)] == []


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_draft_is_no_harmless_one(typed, text):
    done = typed("lint", draft(typed, text))

    assert (done.code, done.out) == (2, "")
    assert "the draft is empty" in done.err


def test_a_draft_that_is_no_utf_8_is_read_all_the_same(typed):
    (typed.folder / "draft.txt").write_bytes(DISCLOSING.encode() + b" Caf\xe9 \xff\x00")

    assert typed("lint", "draft.txt").code == 1


def test_every_class_of_finding_in_a_reply_has_a_wording_of_its_own():
    own = {rule.risk for rule in lexicon().rules if rule.risk.startswith("own_")}

    assert own
    assert own == set(SAFER)
    assert set(SAFER) <= set(RISKS)


@pytest.mark.parametrize("risk", SAFER)
def test_a_safer_wording_passes_the_check_itself(typed, risk):
    assert typed("lint", draft(typed, SAFER[risk])).code == 0


def lint(typed, text: str, review: str, *more: str):
    (typed.folder / "review.txt").write_text(review, encoding="utf-8")
    return typed("lint", draft(typed, text), "--review", "review.txt", "--json", *more)


@pytest.mark.parametrize(
    ("review", "situation"),
    [
        ("Wonderful team, kind and caring, I felt safe and would come back any time.", "praise"),
        ("Nobody answered the phone and the front desk was rude.", "complaint"),
        ("Terrible. They overcharged me, and nobody in billing answers about the bill.", "billing"),
        ("They misdiagnosed my father and he died because of their mistake.", "clinical"),
        ("They gave my records to my employer without asking me.", "privacy"),
        ("My attorney will be in touch, keep all the footage from Tuesday.", "legal"),
        (THREAT, "threat"),
        ("I want to kill myself tonight, nobody there listens.", "crisis"),
    ],
)
def test_the_safer_wording_fits_the_review(typed, review, situation):
    row = lint(typed, DISCLOSING, review).rows[0]

    assert row["situation"] == situation
    assert row["safer"] == answers()[situation]["en"]
    assert row["first"] == answers()[situation].get("first", "")


SPOKEN = [(name, lang) for name, table in answers().items() for lang in table if lang != "first"]


@pytest.mark.parametrize(("name", "lang"), SPOKEN)
def test_an_answer_that_is_offered_has_no_finding_worth_a_look(typed, name, lang):
    rows = typed("lint", draft(typed, answers()[name][lang]), "--json").rows

    assert [row for row in rows if row["severity"] != "information"] == []


@pytest.mark.parametrize(("name", "lang"), SPOKEN)
def test_an_answer_never_confirms_that_somebody_was_treated(name, lang):
    confirming = r"your (visit|stay|care\b(?! team)|treatment|appointment)|as a patient|su (visita|cita|tratamiento)|como paciente"

    assert not re.search(confirming, answers()[name][lang], re.IGNORECASE)


def test_a_spanish_draft_gets_spanish_words_and_an_honest_note(typed):
    text = "Gracias por su visita. Su seguro no quiso pagar la operación, como le explicamos por teléfono."

    done = typed("lint", draft(typed, text))

    assert "the rules read English" in done.err
    assert answers()["any"]["es"][:40] in done.out


def test_a_finding_says_what_it_adds_to_the_review_why_it_matters_and_what_to_do(typed):
    row = lint(
        typed, "Dear Kim, your insurance denied the March claim.", "My insurance was no help.", "--reviewer", "Kim"
    ).rows[0]

    assert row["rule"].startswith("own_reply_phi.")
    assert "insurance" not in row["adds"]
    assert set(row["adds"]) & {"denied", "March", "claim"}
    assert row["why"].startswith("HIPAA, 45 CFR 164.502(a)")
    assert row["do"]
    assert row["severity"] == "severe"


def test_a_polite_thank_you_is_information_at_most(typed):
    for text in (THANKS, "Thank you for choosing us!", "Thank you for your kind words, we will pass them on."):
        done = typed("lint", draft(typed, text), "--json")

        assert done.code == 0
        assert {row["severity"] for row in done.rows} <= {"information"}


def test_a_post_is_read_as_a_post_and_answers_nobody(typed):
    story = "Meet Marge, 82, who came to us in March with a broken hip and walked out of our hospital last week."

    done = typed("lint", draft(typed, story), "--post", "--json")

    assert (done.code, done.rows[0]["risk"]) == (1, "own_post_phi")
    (typed.folder / "review.txt").write_text("x")
    assert typed("lint", "draft.txt", "--post", "--review", "review.txt").code == 2


def test_every_class_of_our_own_has_a_reason_in_law_and_something_to_do():
    for risk in {rule.risk for rule in lexicon().rules if rule.role != "public"}:
        told = advice(risk, f"{risk}.any")

        assert told.why, risk
        assert told.do, risk
