"""Google Play's definition, wherever it is: there is no recording, so what the connector reads is held against it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from connectors.google_play import GooglePlay
from connectors.kit.lookup import EVER
from monitor.connector import Secret
from monitor.testing import Traffic
from tests.recordings import recorded

DEFINITIONS = recorded("google_play", "discovery_*.json")
RECORDINGS = [path for path in recorded("google_play", "*.json") if path not in DEFINITIONS]


def example(schemas: Any, name: str) -> Any:
    """Something that has every field of a schema, each of its type."""
    schema = schemas[name]
    return {key: _value(schemas, key, one) for key, one in schema.get("properties", {}).items()}


def _value(schemas: Any, key: str, one: Any) -> Any:
    if "$ref" in one:
        return example(schemas, one["$ref"])
    if one["type"] == "array":
        return [_value(schemas, key, one["items"])]
    return {"string": "1780000000" if one.get("format") else key, "integer": 3, "boolean": True}[one["type"]]


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.name)
def test_what_the_definition_says_is_what_is_read(path):
    answer = example(json.loads(path.read_text(encoding="utf-8"))["schemas"], "ReviewsListResponse")
    response = httpx.Response(200, json=answer, request=httpx.Request("GET", "https://androidpublisher.example/x"))
    connector = GooglePlay(
        GooglePlay.Options(package="org.example.app", service_account=Secret("x")), Traffic().client()
    )
    said, reply = connector.page(connector.listed(response), EVER).mentions

    assert (said.external_id, said.text, said.stars, said.author) == ("reviewId", "originalText", 3, "authorName")
    assert (reply.external_id, reply.text, reply.ours) == ("reviewId/reply", "text", True)
    following = connector.paging.after(response.request.url, response, ())
    assert following
    assert following.params["token"] == "nextPageToken"


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_every_recording_is_read(path):
    said = json.loads(path.read_text(encoding="utf-8"))
    if "error" in said:
        return
    connector = GooglePlay(
        GooglePlay.Options(package="org.example.app", service_account=Secret("x")), Traffic().client()
    )
    response = httpx.Response(200, json=said, request=httpx.Request("GET", "https://androidpublisher.example/x"))
    page = connector.page(connector.listed(response), EVER)

    assert page.skipped == 0
    assert len(page.mentions) >= len(said.get("reviews", []))
