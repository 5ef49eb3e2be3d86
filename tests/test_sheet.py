"""Tables for spreadsheets: everything comes back as it was, and nothing is a formula."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.messages.sheet import sheet


def read(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline="")))


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}"])
def test_a_text_that_begins_like_a_formula_is_marked_as_text(sign):
    assert read(sheet(["a"], [[f"{sign}cmd|' /C calc'!A0"]]))[1] == [f"'{sign}cmd|' /C calc'!A0"]


def test_a_formula_cannot_hide_behind_another_separator():
    assert sheet(["a"], [["x;=1+1"]]).splitlines()[1] == '"x;=1+1"'


def test_numbers_times_lists_and_nothing_are_what_they_are():
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)

    assert sheet(["a", "b", "c", "d", "e", "f"], [[-1.5, 3, at, ["x", "y"], None, True]]).splitlines()[1] == (
        '-1.5,3,"2026-03-02T12:00:00Z","x y","","yes"'
    )


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1, max_size=4))
def test_every_text_comes_back_and_none_begins_like_a_formula(cells):
    (_, row) = read(sheet(["x"] * len(cells), [cells]))

    assert [cell.removeprefix("'") for cell in row] == [cell.removeprefix("'") for cell in cells]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_what_no_file_can_carry_is_left_out():
    assert sheet(["a"], [["x\0y\ud800"]]).encode() == b'"a"\r\n"xy?"\r\n'
