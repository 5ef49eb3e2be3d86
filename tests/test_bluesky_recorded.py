"""Bluesky's real answers, wherever the recordings are: each is read, or counted as unreadable, and none is an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.bluesky import Bluesky
from monitor.connector import Secret
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
RECORDINGS = recorded("bluesky", "*.json")


def is_post(item: Any) -> bool:
    return isinstance(item, dict) and "record" in item and "author" in item and "uri" in item


def listings(said: Any) -> Iterator[tuple[str, list[Any]]]:
    """Every list of posts, wrapped posts or notifications in a recording, with the key it stands under."""
    if isinstance(said, dict):
        for key, one in said.items():
            if key in ("feed", "posts", "notifications") and isinstance(one, list):
                yield key, one
            else:
                yield from listings(one)
    elif isinstance(said, list):
        for one in said:
            yield from listings(one)


def is_speech(item: Any) -> bool:
    """Whether there is something in it that somebody said, and did not pass on."""
    reason = item.get("reason")
    post = item.get("post", item)
    if not is_post(post) or not isinstance(post["record"].get("text"), str):
        return False
    return reason in ("mention", "reply", "quote") if isinstance(reason, str) else "Repost" not in str(reason)


def hidden(item: Any) -> bool:
    post = item.get("post", item)
    return "!no-unauthenticated" in str([post.get("labels"), post["author"].get("labels")])


def recording(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


async def pages(path: Path) -> list[tuple[list[Any], Any]]:
    async with Traffic().client() as client:
        options = Bluesky.Options(handle="practicehosp.example", app_password=Secret("x"), queries=("x",))
        connector = Bluesky(options, client)
        return [(items, connector.page(items, EVER)) for _, items in listings(recording(path))]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
async def test_every_recorded_listing_is_read(path):
    for items, page in await pages(path):
        speech = [item for item in items if isinstance(item, dict) and is_speech(item) and not hidden(item)]
        assert len(page.mentions) + page.skipped >= len(speech)
        assert bool(page.mentions) >= bool(speech)
        for mention in page.mentions:
            assert mention.external_id.startswith("at://did:")
            assert (mention.url or "").startswith("https://bsky.app/profile/did:")
            assert mention.published_at.tzinfo is UTC
            assert mention.author


@pytest.mark.skipif(not RECORDINGS, reason="there are no recordings here")
async def test_the_recordings_hold_something_to_read():
    assert sum([len(page.mentions) for path in RECORDINGS for _, page in await pages(path)]) > 0
