"""How right the assessor is: the page says what was measured, and what it says decides what is shown."""

import re
from pathlib import Path

import pytest

from benchmarks.accuracy import risks, themes
from benchmarks.accuracy.__main__ import PAGE, TABLES
from monitor.assess.lexicon import lexicon

UNMEASURED = {"Cost & billing", "Digital"}


def page(name):
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_on_the_page(name):
    assert page(name).count("\n| ") > 3


def test_a_theme_is_shown_where_its_f1_is_at_least_a_half():
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page("themes").splitlines()[2:]]
    measured = {row[0]: float(row[4]) for row in rows}
    assert measured.keys() == themes.LABELS.keys()
    assert {name for name, f1 in measured.items() if f1 < themes.SHOWN} == lexicon().unreliable
    assert lexicon().themes.keys() - measured.keys() == UNMEASURED


def test_every_source_of_the_table_meets_what_the_page_says():
    macro = next(line for line in page("sentiment").splitlines() if "macro" in line)
    auc, balanced, f1 = map(float, macro.split("|")[3:6])
    assert (auc >= 0.965, balanced >= 0.91, f1 >= 0.86) == (True, True, True)


def comment(words, *labels, fold=0):
    return themes.Comment(grams=frozenset(words.split()), labels=frozenset(labels), found=frozenset(), fold=fold)


def test_a_list_is_made_of_the_words_that_tell_a_theme():
    said = [comment(f"soup w{i} was cold", "Food & diet", fold=i % 5) for i in range(20)]
    said += [comment(f"bed w{i} was cold", fold=i % 5) for i in range(20)]
    assert themes.proposed("Food & diet", said) == ["soup"]
    assert themes.folded("Food & diet", said).f1 == 1.0


def test_rates_are_of_what_is_found_and_of_what_is_true():
    one = risks.rated([(True, True), (True, False), (False, True), (False, True), (False, False)])
    assert (one.precision, one.recall, one.f1) == (0.5, pytest.approx(1 / 3), pytest.approx(0.4))


def test_fraud_is_found_by_its_rules_among_the_complaints():
    assert risks.found("They billed my insurance for a visit I never had.", risks.FRAUD)
    assert not risks.found("The receptionist was rude.", risks.FRAUD)


def test_our_own_phrases_are_read_with_class_role_and_side():
    said = list(risks.invented())
    assert {positive for _, positive, _, _ in said} == {True, False}
    assert {role for _, _, role, _ in said} == {"public", "owner_post", "owner_reply"}
    assert {risk for risk, _, _, _ in said} - {rule.risk for rule in lexicon().rules} == set()


def test_nothing_of_the_labelled_texts_is_in_the_repository():
    root = Path(__file__).parents[1] / "benchmarks" / "accuracy"
    assert not [path for path in root.rglob("*") if path.suffix in (".jsonl", ".csv", ".parquet")]
