"""Threads' real answers, wherever the recordings are: what somebody said in them is read, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.threads import Threads
from monitor.connector import Secret
from monitor.model import Kind
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
COLLECTION = "threads-api.postman_collection.json"
"""Requests with examples of their answers, which stand in it as text."""

RECORDINGS = [path for path in recorded("threads", "*.json") if path.name != COLLECTION]


def answers(said: Any) -> Iterator[dict[str, Any]]:
    """Everything that an edge lists in an answer, or what it is itself."""
    if isinstance(said, dict) and isinstance(said.get("data"), list):
        yield from said["data"]
    elif isinstance(said, dict):
        yield said


def examples(said: Any) -> Iterator[Any]:
    """The answers in a collection that are JSON: some have blanks in them."""
    for request in said.get("item", ()):
        yield from examples(request)
        for response in request.get("response", ()):
            try:
                yield json.loads(response.get("body") or "null")
            except ValueError:
                continue


def is_speech(item: dict[str, Any]) -> bool:
    return bool(item.get("text")) and "id" in item and "timestamp" in item


async def read(items: list[dict[str, Any]]) -> Any:
    async with Traffic().client() as client:
        return Threads(Threads.Options(token=Secret("x")), client).page(items, EVER)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
async def test_what_somebody_said_is_read_and_nothing_else(path):
    items = list(answers(json.loads(path.read_text(encoding="utf-8"))))
    page = await read(items)

    assert [mention.text for mention in page.mentions] == [item["text"] for item in items if is_speech(item)]
    for mention in page.mentions:
        assert mention.published_at.tzinfo is UTC
        assert mention.url is None or mention.url.startswith("https://www.threads.com/")


@pytest.mark.parametrize("path", recorded("threads", "basic-list-reply.json"), ids=lambda path: path.name)
async def test_recorded_replies_name_what_they_answer(path):
    page = await read(list(answers(json.loads(path.read_text(encoding="utf-8")))))

    assert len(page.mentions) == 3
    assert all(mention.kind is Kind.COMMENT and mention.parent_id for mention in page.mentions)


@pytest.mark.parametrize("path", recorded("threads", COLLECTION), ids=lambda path: path.name)
async def test_the_examples_of_the_collection_are_read(path):
    every = [list(answers(one)) for one in examples(json.loads(path.read_text(encoding="utf-8")))]
    spoken = [item for items in every for item in items if is_speech(item)]

    assert spoken
    assert [mention.text for mention in (await read(spoken)).mentions] == [item["text"] for item in spoken]


@pytest.mark.skipif(not RECORDINGS, reason="there are no recordings here")
async def test_the_recordings_hold_something_to_read():
    every = [list(answers(json.loads(path.read_text(encoding="utf-8")))) for path in RECORDINGS]

    assert sum([len((await read(items)).mentions) for items in every]) == 4
