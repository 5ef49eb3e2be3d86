"""docs/promises.md names tests that exist."""

from __future__ import annotations

import ast
import re

import pytest

from tests.configured import ROOT

ROWS = re.findall(r"^\| (?!promise|-)([^|]+) \| ([^|]+) \|$", (ROOT / "docs" / "promises.md").read_text(), re.MULTILINE)


def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_page_has_its_rows():
    assert len(ROWS) >= 38


@pytest.mark.parametrize(("promise", "held_by"), ROWS)
def test_a_promise_is_held_by_tests_that_exist(promise, held_by):
    named = re.findall(r"`(tests/(?:\w+/)?\w+\.py)::(test_\w+)`", held_by)
    assert len(named) == held_by.count("`") // 2 > 0, promise
    assert [f"{path}::{name}" for path, name in named if name not in functions(path)] == []
