"""Reddit's real answers, wherever the recordings are: every post and comment is read, or known to be gone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.kit import answer
from connectors.kit.things import KINDS
from connectors.reddit import Reddit
from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError, Secret, Throttled, Unavailable
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
CASSETTES = recorded("reddit", "*.json")
WRAPPING = re.compile(r'<!-- SC_O|<div class="md">|&#39;')
OPTIONS = Reddit.Options(client_id="practice", client_secret=Secret("x"), username="practice", queries=("x",))
ERRORS = {400: Malformed, 401: AuthRejected, 403: NotPermitted, 404: NotPermitted, 429: Throttled}


def exchanges(path: Path) -> Iterator[tuple[str, httpx.Response]]:
    """The requests of a cassette, with what was answered."""
    cassette = json.loads(path.read_text(encoding="utf-8"))
    for one in cassette.get("interactions") or cassette.get("http_interactions") or ():
        asked, told = one["request"], one["response"]
        request = httpx.Request(asked["method"], asked["uri"])
        headers = [(name, value) for name, values in told["headers"].items() for value in values]
        kept = [(name, value) for name, value in headers if name.lower() not in ("content-length", "content-encoding")]
        body = told["body"].get("string") or ""
        yield asked["uri"], httpx.Response(told["status"]["code"], headers=kept, text=body, request=request)


def readable(said: Any) -> Iterator[dict[str, Any]]:
    """The posts and comments in an answer, found without the connector's code."""
    if isinstance(said, list):
        for one in said:
            yield from readable(one)
    elif isinstance(said, dict):
        if said.get("kind") in KINDS and isinstance(said.get("data"), dict):
            yield said
        for one in said.values():
            yield from readable(one)


def is_listing(said: Any) -> bool:
    said = said[0] if isinstance(said, list) and said else said
    return isinstance(said, dict) and (
        said.get("kind") == "Listing" or bool(said.get("json", {}).get("data", {}).get("things"))
    )


async def connector() -> Reddit:
    async with Traffic().client() as client:
        return Reddit(OPTIONS, client)


def is_of_communities(said: Any) -> bool:
    """What Reddit answers in place of a subreddit that does not exist; asked for otherwise only by other programs."""
    return '"kind": "t5"' in json.dumps(said)


def listings(path: Path) -> Iterator[tuple[Any, httpx.Response]]:
    for _, response in exchanges(path):
        said = answer.read(response) if response.status_code == 200 and response.content else None
        if is_listing(said):
            yield said, response


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.name)
async def test_every_recorded_listing_is_read(path):
    reddit = await connector()
    for said, response in listings(path):
        if is_of_communities(said):
            with pytest.raises(NotPermitted):
                reddit.listed(response)
            continue
        things = reddit.listed(response)
        page = reddit.page(things, EVER)
        wanted = {thing["data"]["name"] for thing in readable(said)}
        assert {mention.external_id for mention in page.mentions} | set(page.gone) == wanted
        assert page.skipped == sum(not (isinstance(thing, dict) and thing.get("kind")) for thing in things)
        for mention in page.mentions:
            assert mention.published_at.tzinfo is UTC
            assert mention.url
            assert mention.url.startswith("https://www.reddit.com/")
            assert not WRAPPING.search(mention.text)


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.name)
async def test_every_recorded_refusal_has_its_error(path):
    reddit = await connector()
    for _, response in exchanges(path):
        if not response.is_success:
            code = response.status_code
            error: PollError = reddit.explain(response) or answer.refusal(response)
            usual = NotPermitted if response.is_redirect else Unavailable if code >= 500 else PollError
            assert isinstance(error, ERRORS.get(code, usual))


@pytest.mark.skipif(not CASSETTES, reason="there are no recordings here")
async def test_the_recordings_hold_something_to_read():
    reddit = await connector()
    told = [one for path in CASSETTES for said, one in listings(path) if not is_of_communities(said)]
    assert sum(len(reddit.page(reddit.listed(response), EVER).mentions) for response in told) > 0
