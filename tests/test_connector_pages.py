"""Every connector that comes with Wellheard has its page, with the facts that its code has and examples that are right."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest

from monitor.config import load
from monitor.connector import Connect, names
from monitor.connector import load as connector
from tests.configured import ROOT, written

PAGES = ROOT / "docs" / "connectors"
OURS = [name for name in names() if connector(name).__module__.startswith("connectors.")]

WITHOUT_CREDENTIALS = {"file", "scenario"}
"""Connectors that have nothing to connect to."""


def test_the_facts_are_those_of_the_code():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "pages", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_no_page_without_a_connector():
    assert {path.stem for path in PAGES.glob("*.md")} == {*OURS, "README"}


@pytest.mark.parametrize("name", OURS)
def test_a_page_says_how_to_get_in_and_what_is_read(name):
    text = (PAGES / f"{name}.md").read_text()

    assert re.findall("^## (.*)$", text, re.MULTILINE) == ["Getting access", "What is read, and how", "Traps"]
    assert f'connector = "{name}"' in text


@pytest.mark.parametrize("name", OURS)
def test_the_example_of_a_page_is_a_configuration(name, tmp_path):
    environ: dict[str, str] = {}
    shown = "\n".join(re.findall(r"```toml\n(.*?)```", (PAGES / f"{name}.md").read_text(), re.DOTALL))
    for source in tomllib.loads(shown)["sources"].values():
        _provide(source.get("options", {}), environ, tmp_path)
    shown = re.sub(r'file = "([^"]*)"', lambda found: f'file = "{tmp_path / _flat(found[1])}"', shown)
    path = tmp_path / "config.toml"
    path.write_text(f"{written({'sources.news': '-'})}\n{shown}")

    config = load(path, environ=environ)

    assert {source.connector for source in config.sources.values()} == {name}


def _provide(options: Any, environ: dict[str, str], folder: Any) -> None:
    """Sets every variable, and writes every file, that the options name."""
    for value in options.values():
        if isinstance(value, dict) and set(value) == {"env"}:
            environ[value["env"]] = "https://news.example/feed?token=secret"
        elif isinstance(value, dict) and set(value) == {"file"}:
            (folder / _flat(value["file"])).write_text("let-me-in")


def _flat(path: str) -> str:
    return path.strip("/").replace("/", "-")


@pytest.mark.parametrize("name", sorted(set(OURS) - WITHOUT_CREDENTIALS))
def test_an_operator_is_walked_into_every_platform(name):
    connect = connector(name).connect

    assert isinstance(connect, Connect)
    assert connect.before
    fields = {field.alias or key for key, field in connector(name).Options.model_fields.items()}
    assert set(connect.keeps) <= fields, "connect keeps what is no option of the source"


@pytest.mark.parametrize("name", OURS)
def test_a_connector_says_what_it_needs_and_costs(name):
    access = connector(name).access

    assert all((access.sees, access.blind_to, access.terms, access.needs, access.costs, access.limits))
