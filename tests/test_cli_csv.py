"""Lists as CSV: one row each, and nothing that a spreadsheet would carry out."""

from __future__ import annotations

import csv

import pytest

from tests.cli import ago, terminal, with_incident
from tests.store import add, found, fresh, said, threat


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


def rows(typed, *words: str) -> list[dict[str, str]]:
    return list(csv.DictReader(typed(*words, "--csv").out.splitlines(keepends=True)))


def test_mentions_come_as_csv_and_no_text_is_a_formula(typed):
    text = '=HYPERLINK("https://bad.example";"Niño 🏥")\nand more'
    with typed.database() as database:
        add(database, fresh(said("1", text, author="@who", stars=1), found(threat())), now=ago(hours=1))
    (row,) = rows(typed, "mentions")

    assert row["text"] == f"'{text}"
    assert row["author"] == "'@who"
    assert (row["stars"], row["risks"], row["location"], row["ours"]) == ("1.0", "threat_to_staff", "Main", "no")


def test_incidents_come_as_csv(typed):
    with_incident(typed)
    (row,) = rows(typed, "incidents")

    assert (row["id"], row["state"], row["rule"]) == ("1", "open", "threat_to_staff")


def test_a_list_of_nothing_has_its_head(typed):
    assert typed("mentions", "--csv").out.startswith('"id","platform"')
    assert rows(typed, "incidents", "--state", "all") == []
