"""Facebook's real answers, wherever the recordings are: what somebody said in them is read, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.facebook import Facebook
from monitor.connector import Secret
from monitor.model import Kind
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
DEFINITIONS = "spec_"
"""Machine-readable descriptions of the API: no answers of it."""

RECORDINGS = [path for path in recorded("facebook", "*.json") if not path.name.startswith(DEFINITIONS)]


def recording(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def answers(said: Any) -> Iterator[dict[str, Any]]:
    """Everything in a recording that an edge lists, or that was looked up by id; or what it is itself."""
    if not isinstance(said, dict):
        return
    if isinstance(said.get("data"), list):
        yield from said["data"]
    elif said and all(isinstance(one, dict) and one.get("id") == key for key, one in said.items()):
        yield from said.values()
    else:
        yield said


def is_rating(item: dict[str, Any]) -> bool:
    return "has_rating" in item and "created_time" in item


def is_speech(item: dict[str, Any]) -> bool:
    """Whether there are words in it that somebody said in public, and it says which and when."""
    known = "id" in item or "comment_id=" in item.get("permalink_url", "")
    dated = "created_time" in item or "tagged_time" in item
    private = str(item.get("id", "")).startswith(("m_", "t_"))
    return bool(isinstance(item.get("message"), str) and item["message"] and known and dated and not private)


async def read(path: Path) -> tuple[list[dict[str, Any]], Any]:
    async with Traffic().client() as client:
        connector = Facebook(Facebook.Options(page="600", token=Secret("x")), client)
        items = list(answers(recording(path)))
        return items, connector.page(items, EVER)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
async def test_what_somebody_said_is_read_and_nothing_else(path):
    items, page = await read(path)
    said = [item for item in items if is_speech(item)]
    rated = [item for item in items if is_rating(item)]

    assert [one.text for one in page.mentions if one.kind is not Kind.REVIEW] == [item["message"] for item in said]
    assert len([one for one in page.mentions if one.kind is Kind.REVIEW]) == len(rated)
    for mention in page.mentions:
        assert mention.published_at.tzinfo is UTC
        assert mention.url is None or mention.url.startswith("https://www.facebook.com/")


@pytest.mark.parametrize("path", recorded("facebook", "*comments_p*.json"), ids=lambda path: path.name)
async def test_recorded_comments_name_what_they_answer(path):
    _, page = await read(path)

    assert page.mentions
    assert len({mention.external_id for mention in page.mentions}) == len(page.mentions)
    assert all(mention.kind is Kind.COMMENT and mention.parent_id for mention in page.mentions)


@pytest.mark.parametrize("path", recorded("facebook", "*recommendation.json"), ids=lambda path: path.name)
async def test_recorded_recommendations_are_known_by_their_story(path):
    _, page = await read(path)

    [mention] = page.mentions
    assert mention.external_id == recording(path)["open_graph_story"]["id"]
    assert mention.title == "Recommended"


@pytest.mark.skipif(not RECORDINGS, reason="there are no recordings here")
async def test_the_recordings_hold_something_to_read():
    assert sum([len((await read(path))[1].mentions) for path in RECORDINGS]) > 50
