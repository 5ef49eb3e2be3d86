"""config.example.toml runs as it stands, and so does everything in it that is commented out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import SECTIONS, Config, ConfigError, Mistake, keys, load
from monitor.config.lines import lines
from tests.configured import ROOT, SIGNING, connectors, declared

EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
ENVIRON = {
    name: SIGNING
    if name.endswith("_SECRET")
    else "json://localhost/in"
    if name.endswith("_APPRISE_URL")
    else "https://hooks.example/in"
    for name in re.findall(r'env = "(\w+)"', EXAMPLE)
}
SPOKEN = re.compile(r"^#(?=\S)")


def blocks() -> list[range]:
    """The line numbers, from 0, of each example that is commented out: lines with a # and no space behind it."""
    found: list[range] = []
    for number, line in enumerate(EXAMPLE.splitlines()):
        if SPOKEN.match(line):
            joined = found and found[-1].stop == number
            found[-1:] = [range(found[-1].start, number + 1)] if joined else [*found[-1:], range(number, number + 1)]
    return found


def uncommented(*chosen: range) -> str:
    """The example with these blocks in use. A key that they set takes the place of the one in the line above."""
    text = EXAMPLE.splitlines()
    for block in chosen:
        for number in block:
            text[number] = SPOKEN.sub("", text[number])
        key = text[block.start].partition(" = ")[0]
        if text[block.start - 1].startswith(f"{key} = "):
            text[block.start - 1] = ""
    return "\n".join(text)


def loaded(folder: Path, text: str) -> Config:
    (folder / "secrets").mkdir(exist_ok=True)
    for name in re.findall(r'"(secrets/[\w.-]+)"', EXAMPLE):
        (folder / name).write_text("https://hooks.example/in")
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ=ENVIRON, connectors=declared)


def test_the_example_runs_as_it_stands(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    config = load(path, environ={}, connectors=declared)
    assert config.organisation == "Practice Hospital"
    assert [source.connector for source in config.sources.values()] == ["scenario"]
    assert {name: inbox.folder for name, inbox in config.inboxes.items()} == {
        name: tmp_path / "mail" / name for name in ("marketing", "risk", "risk-director")
    }
    assert config.smtp is None


@pytest.mark.parametrize("block", blocks(), ids=lambda block: EXAMPLE.splitlines()[block.start][1:40])
def test_every_example_in_it_can_be_used(tmp_path, block):
    mail = next(one for one in blocks() if EXAMPLE.splitlines()[one.start] == "#[smtp]")
    text = uncommented(block, *([mail] if block != mail else []))
    assert loaded(tmp_path, text).smtp is not None
    assert len(lines(text)) > len(lines(EXAMPLE))


def test_all_examples_in_it_can_be_used_together(tmp_path):
    config = loaded(tmp_path, uncommented(*blocks()))
    assert len(config.sources) == 6
    assert config.database.startswith("postgresql")


def test_every_key_there_is_stands_in_it_once_at_least():
    text = uncommented(*blocks())
    tables = {section: set[str]() for section in SECTIONS}
    for path in lines(text):
        for section, model in SECTIONS.items():
            pattern = section.split(".") if section else []
            if len(path) == len(pattern) + 1 and all(
                want in ("*", part) for want, part in zip(pattern, path, strict=False)
            ):
                tables[section].add(path[-1])
            # Inline tables are looked at as text: their keys stand on the line of the table.
            if len(path) == len(pattern) and pattern and path[-1] == pattern[-1]:
                line = text.splitlines()[lines(text)[path] - 1]
                tables[section] |= set(re.findall(r"[{,] *(\w+) =", line)) & set(keys(model))
    headings = {
        "topics",
        "sources",
        "inboxes",
        "risks",
        "rules",
        "network",
        "smtp",
        "appetite",
        "digest",
        "retention",
        "voice",
    }
    tables[""] |= {path[0] for path in lines(text) if path[0] in headings}
    missing = {section: set(keys(model)) - tables[section] for section, model in SECTIONS.items()}
    assert {section: names for section, names in missing.items() if names} == {}


def test_the_example_has_no_other_key_than_there_are():
    assert [line for line in EXAMPLE.splitlines() if line.startswith("#") and not re.match(r"# |#\S|#$", line)] == []


LITERALS = st.sampled_from([
    "1", "-1", "0", "nan", "inf", "-inf", "1e400", "true", '""', '"x"', "[]", "[1]", "[[]]", "{}", "{ env = 1 }",
    '{ env = "" }', '{ file = "/" }', '{ file = "\\u0000" }', '{ env = "A\\u0000=" }', "1979-05-27", "07:32:00",
    '"\\u0000"', '"99999999y"', '"sqlite:///"', '"sqlite:///\\u0000"', '"http://[::1"', '"a@b"', '["a", 1]', "0x10",
    '"postgresql+psycopg://[/x"', '"mon 24:00"', '"\\u2028"', "{ a = { b = { c = 1 } } }", '"../.."', '"America"',
])  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """The example with a few lines changed: a value replaced, a line lost, doubled, moved or cut."""
    text = uncommented(*blocks()).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(text) - 1))
        text[number : number + 1] = draw(st.sampled_from(list(_changes(text[number], draw))))
    return "\n".join(text)


def _changes(line: str, draw: st.DrawFn) -> Iterator[list[str]]:
    key, _, value = line.partition(" = ")
    yield []
    yield [line, line]
    yield [line[: draw(st.integers(0, len(line)))]]
    yield [
        f"{key} = {draw(LITERALS)}"
        if value
        else f"[{draw(st.sampled_from(['a', 'rules.x', 'sources', 'inboxes.x.y']))}]"
    ]
    yield [line + draw(st.text(max_size=3))]
    yield [
        draw(st.sampled_from(["organisation", "smtp", "sources", "rules", "inboxes.risk", "name", "url"]))
        + " = "
        + draw(LITERALS)
    ]


@given(spoilt())
def test_whatever_is_wrong_is_told_and_nothing_crashes(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "spoilt.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    mistakes = told(path)
    assert all(mistake.wrong and str(mistake).startswith(str(path)) for mistake in mistakes)


def told(path: Path) -> tuple[Mistake, ...]:
    """What is wrong with a file; anything but a configuration or a ConfigError flies through."""
    try:
        load(path, environ=ENVIRON | {"X": "x"}, connectors=connectors_or_any)
    except ConfigError as error:
        return error.mistakes or (Mistake(file="", line=None, key="", wrong="", right=""),)
    return ()


def connectors_or_any(name: str):
    """Every connector that is named is there; one is particular about its options."""
    return connectors("gazette" if name == "rss" else "diary")
