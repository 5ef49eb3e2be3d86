"""Mastodon's real answers, wherever the recordings are: each is read, or counted as unreadable, and none is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from connectors.mastodon import Mastodon
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
CASSETTES = recorded("mastodon", "*.yaml", "*.yml")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MARKUP = re.compile(r"</?(?:p|br|a|span)\b|&(?:amp|lt|gt|quot|#39);")


def answers(path: Path) -> Iterator[Any]:
    """The JSON of every answer in a cassette."""
    cassette = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    for exchange in cassette.get("interactions") or cassette.get("http_interactions") or ():
        body = exchange["response"]["body"]
        body = body.get("string", "") if isinstance(body, dict) else body
        try:
            yield json.loads(body or "null")
        except ValueError:
            continue


def is_status(item: Any) -> bool:
    return isinstance(item, dict) and "visibility" in item and "content" in item and "account" in item


def is_ours_to_read(item: Any) -> bool:
    return is_status(item) or (isinstance(item, dict) and "type" in item and is_status(item.get("status")))


def listings(said: Any) -> Iterator[list[Any]]:
    """Every list of statuses or notifications in an answer, and every one of them that stands alone."""
    if isinstance(said, list):
        if any(map(is_ours_to_read, said)):
            yield said
        for one in said:
            yield from listings(one)
    elif isinstance(said, dict):
        if is_ours_to_read(said):
            yield [said]
        for one in said.values():
            yield from listings(one)


def is_public(item: Any) -> bool:
    status = item.get("status", item)
    return status["visibility"] in ("public", "unlisted") and not status.get("reblog")


async def pages(path: Path) -> list[tuple[list[Any], Any]]:
    async with Traffic().client() as client:
        connector = Mastodon(Mastodon.Options(instance="social.example", hashtags=("x",)), client)
        return [(items, connector.page(items, EVER)) for said in answers(path) for items in listings(said)]


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.name)
async def test_every_recorded_listing_is_read(path):
    for items, page in await pages(path):
        public = [item for item in items if is_ours_to_read(item) and is_public(item)]
        assert len(page.mentions) + page.skipped >= len(public)
        assert bool(page.mentions) == bool(public)
        for mention in page.mentions:
            assert mention.published_at.tzinfo is UTC
            assert mention.url is None or mention.url.startswith("https://")
            assert not MARKUP.search(f"{mention.title}\n{mention.text}")
            assert "@" in (mention.author or "")
            assert httpx.URL(mention.external_id).host


@pytest.mark.skipif(not CASSETTES, reason="there are no recordings here")
async def test_the_recordings_hold_something_to_read():
    assert sum([len(page.mentions) for path in CASSETTES for _, page in await pages(path)]) > 0
