"""X's real answers, wherever the recordings are: every post is read, and every refusal has its error."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from connectors.kit import answer
from connectors.kit import x as kit
from connectors.x import X
from monitor.connector import AuthRejected, Malformed, NotPermitted, Secret, Throttled
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CASSETTES = [
    path
    for path in recorded("x", "*.yaml", "*.yml", "*.json")
    if path.stem not in ("openapi", "errors_observed")  # a definition, and the refusals, which are read below
]
OBSERVED = recorded("x", "errors_observed.json")
POSTS = ("/2/tweets", "/2/users/")
ERRORS = {
    "no credits (pay-per-use), older shape": NotPermitted,
    "no credits, newer shape": NotPermitted,
    "since_id older than the 7-day window": Malformed,
    "usage cap (same status as a rate limit)": NotPermitted,
    "rate limit": Throttled,
    "bad token": AuthRejected,
}


def body(told: Any) -> Any:
    """The JSON of a recorded answer, which may be zipped."""
    said = told["body"]
    said = said.get("string", said.get("base64_string", said)) if isinstance(said, dict) else said
    if isinstance(said, bytes):
        said = gzip.decompress(said) if said[:2] == b"\x1f\x8b" else said
    if isinstance(said, str):
        said = b64decode(said) if said.startswith("H4sI") else said
        said = gzip.decompress(said) if isinstance(said, bytes) else said
    try:
        return json.loads(said) if isinstance(said, str | bytes) else said
    except ValueError:  # a web page, or nothing
        return None


def exchanges(path: Path) -> Iterator[tuple[httpx.URL, httpx.Response]]:
    """The GET requests of a cassette, with what was answered."""
    written = path.read_text(encoding="utf-8")
    cassette = json.loads(written) if path.suffix == ".json" else yaml.load(written, LOADER)
    for one in cassette if isinstance(cassette, list) else cassette["interactions"]:
        told = one["response"]
        status = told["status"]["code"] if isinstance(told["status"], dict) else told["status"]
        request = httpx.Request(one["request"]["method"], one["request"]["uri"])
        if request.method == "GET":
            yield request.url, httpx.Response(status, json=body(told), request=request)


def holds_posts(url: httpx.URL, said: Any) -> bool:
    """Whether an answer is of the kind that the connector asks for: a list of posts. What has version 1.1 in its path is of
    the API before this one, which is closed."""
    data = said.get("data") if isinstance(said, dict) else None
    return url.path.startswith(POSTS) and isinstance(data, list) and all({"text", "id"} <= set(one) for one in data)


async def connector() -> X:
    async with Traffic().client() as client:
        return X(X.Options(token=Secret("t"), queries=("x",)), client)


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.name)
async def test_every_recorded_post_is_read(path):
    x = await connector()
    for url, response in exchanges(path):
        said = answer.read(response)
        if holds_posts(url, said):
            page = x.page(kit.posts(response), EVER)
            retweets = [one for one in said["data"] if "retweeted" in json.dumps(one.get("referenced_tweets"))]
            assert len(page.mentions) == len(said["data"]) - len(retweets)
            assert page.skipped == 0
            for mention in page.mentions:
                assert mention.text
                assert mention.published_at.year >= 2010
                assert mention.url.startswith("https://x.com/")


@pytest.mark.skipif(not CASSETTES, reason="there are no recordings here")
async def test_the_recordings_hold_something_to_read():
    x = await connector()
    answers = [one for path in CASSETTES for one in exchanges(path)]
    read = [x.page(kit.posts(told), EVER).mentions for url, told in answers if holds_posts(url, answer.read(told))]
    assert sum(map(len, read)) > 0


@pytest.mark.parametrize(
    "case",
    [case for path in OBSERVED for case in json.loads(path.read_text())["cases"] if case["status"] != 200],
    ids=lambda case: case["case"],
)
async def test_every_refusal_that_was_seen_has_its_error(case):
    request = httpx.Request("GET", "https://api.x.com/2/tweets/search/recent")
    told = httpx.Response(case["status"], headers=case.get("headers"), json=case["body"], request=request)
    error = kit.explain(told, "tweet.fields") or answer.refusal(told)

    assert type(error) is ERRORS.get(case["case"], type(error))
    assert "api.x.com" in str(error)


@pytest.mark.parametrize(
    "case",
    [case for path in OBSERVED for case in json.loads(path.read_text())["cases"] if case["status"] == 200],
    ids=lambda case: case["case"],
)
async def test_a_partial_answer_is_read_and_tells_what_is_gone(case):
    request = httpx.Request("GET", "https://api.x.com/2/tweets")
    posts = kit.posts(httpx.Response(200, json=case["body"], request=request))

    assert [one["id"] for one in posts] == ["123"]
    assert kit.gone(case["body"]) == ["456"]
