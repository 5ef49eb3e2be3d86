"""docs/topics.md says what the query language does: each of its examples is run."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor import topics
from monitor.model import Kind, Mention
from monitor.topics import QueryError, Topics, parse
from monitor.topics.fields import NAMES

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "topics.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| `([^`]+)` \| ([^|`]+[^ |`]) \| ([^|`]+[^ |`]) \|$", PAGE, re.MULTILINE)
WRITTEN = re.findall(r"^\| (`[^|]+`) \| ", PAGE.split("## What a word is")[0], re.MULTILINE)


def finds(query: str, text: str) -> bool:
    one = Mention(external_id="1", kind=Kind.POST, text=text, published_at=datetime(2026, 3, 2, tzinfo=UTC))
    return "query" in Topics({"query": parse(query)}).match(one, source="s", labels={})


def test_there_are_examples():
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize(("query", "found", "missed"), EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_an_example_finds_what_it_says_and_nothing_else(query, found, missed):
    assert finds(query, found)
    assert not finds(query, missed)


@pytest.mark.parametrize("query", [query for cell in WRITTEN for query in re.findall(r"`([^`]+)`", cell)])
def test_everything_that_can_be_written_can_be_read(query):
    written = query + '"Main campus"' if query.endswith(":") else query
    if written == "NOT a":  # on its own it is refused, as the page says
        written = "b NOT a"

    assert str(parse(written))


def test_every_field_is_on_the_page():
    assert [name for name in NAMES if f"`{name}" not in PAGE] == []


def test_every_form_of_the_language_is_on_the_page():
    table = (topics.__doc__ or "").split("=\n")[1]
    forms = {form.strip("`, ") for form in re.findall(r"^``[^`]+``", table, re.MULTILINE)}
    cells = " ".join(WRITTEN).replace("`", "")

    assert len(forms) >= 14
    assert [form for form in forms if form.split(":")[0] not in cells] == []


def test_the_configuration_on_the_page_is_one():
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)

    assert parse(tomllib.loads(block)["topics"]["main"]["query"])


def test_the_refusal_on_the_page_is_the_real_one():
    ((query, shown),) = re.findall(r"`([^`]+)`:\n\n```\n(column [^\n]+)\n", PAGE)

    with pytest.raises(QueryError) as refused:
        parse(query)

    assert str(refused.value) == shown
