"""Instagram's real answers, wherever the recordings are: what somebody said in them is read, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.instagram import Instagram
from monitor.connector import Secret
from monitor.model import Kind
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
DEFINITIONS = "spec_"
"""Machine-readable descriptions of the API: no answers of it."""

RECORDINGS = [path for path in recorded("instagram", "*.json") if not path.name.startswith(DEFINITIONS)]


def recording(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def answers(said: Any) -> Iterator[dict[str, Any]]:
    """Everything in a recording that an edge lists, or that was looked up by id; or what it is itself."""
    if not isinstance(said, dict):
        return
    if isinstance(said.get("business_discovery"), dict):
        said = said["business_discovery"].get("media", {})
    if isinstance(said.get("data"), list):
        yield from said["data"]
    elif said and all(isinstance(one, dict) and one.get("id") == key for key, one in said.items()):
        yield from said.values()
    else:
        yield said


def spoken(item: dict[str, Any]) -> str | None:
    """The words in it that somebody said in public, if it says which and when."""
    item = item.get("mentioned_media") or item
    words = item.get("text") or item.get("caption")
    return words if isinstance(words, str) and "id" in item and "timestamp" in item else None


async def read(path: Path) -> tuple[list[dict[str, Any]], Any]:
    async with Traffic().client() as client:
        connector = Instagram(Instagram.Options(account="1", token=Secret("x")), client)
        items = list(answers(recording(path)))
        return items, connector.page(items, EVER)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
async def test_what_somebody_said_is_read_and_nothing_else(path):
    items, page = await read(path)

    assert [one.text for one in page.mentions] == [words for item in items if (words := spoken(item))]
    for mention in page.mentions:
        assert mention.published_at.tzinfo is UTC
        assert mention.url is None or mention.url.startswith(("https://www.instagram.com/", "https://instagram.com/"))


@pytest.mark.parametrize(
    "path", recorded("instagram", "*comment*.json", "comments__replies.json"), ids=lambda path: path.name
)
async def test_recorded_comments_are_comments(path):
    if path.name.startswith(DEFINITIONS):
        pytest.skip("a definition")
    _, page = await read(path)

    assert page.mentions
    assert {mention.kind for mention in page.mentions} == {Kind.COMMENT}


@pytest.mark.skipif(not RECORDINGS, reason="there are no recordings here")
async def test_the_recordings_hold_something_to_read():
    assert sum([len((await read(path))[1].mentions) for path in RECORDINGS]) > 20
