"""TikTok's documented answers, wherever the recordings are: videos and comments are read, requests are what we send."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.kit import tiktok as kit
from connectors.tiktok import TikTok
from monitor.connector import Secret
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
ANSWERS = recorded("tiktok", "*resp*.json")
REQUESTS = recorded("tiktok", "example_request.json")
QUERIES = recorded("tiktok", "example_query.json")


async def connector() -> TikTok:
    async with Traffic().client() as client:
        return TikTok(
            TikTok.Options(client_key="k", client_secret=Secret("s"), hashtags=("animal",), regions=("JP", "US")),
            client,
        )


def known(said: Any) -> list[tuple[str, str, int]]:
    """What stands in the operations, fields and values of a query."""
    return [(one["operation"], one["field_name"], len(one["field_values"])) for part in said.values() for one in part]


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.name)
def test_every_recorded_item_is_read(path):
    said = json.loads(path.read_text(encoding="utf-8"))
    data = said.get("data") or {}
    response = httpx.Response(200, json=said, request=httpx.Request("POST", "https://open.tiktokapis.com/v2/research/"))
    error = kit.explain(response, timedelta())
    assert (error is None) == ((said.get("error") or {}).get("code") == "ok")
    for key in ("videos", "comments"):
        for item in data.get(key) or ():
            mention = kit.mention(item, set())
            assert mention.external_id == str(item.get("id") or item["video_id"])
            assert mention.published_at == datetime.fromtimestamp(item["create_time"], UTC)
            assert mention.text == (item.get("text") or item.get("video_description"))
            assert bool(mention.parent_id) == (key == "comments")
    if data.get("has_more"):
        assert kit.place(data, {})["cursor"] == data["cursor"]


@pytest.mark.parametrize("path", [*REQUESTS, *QUERIES], ids=lambda path: path.name)
async def test_a_recorded_request_is_made_like_ours(path):
    said = json.loads(path.read_text(encoding="utf-8"))
    query = said.get("query", said)
    ours = (await connector()).query

    assert set(ours) <= {"and", "or", "not"}
    assert {key for part in query.values() for one in part for key in one} == {
        "operation",
        "field_name",
        "field_values",
    }
    assert ("IN", "region_code", 2) in known(query)
    assert ("IN", "region_code", 2) in known(ours)
    for key in ("start_date", "end_date") if "start_date" in said else ():
        assert datetime.strptime(said[key], "%Y%m%d")  # noqa: DTZ007  # a day is all it is
