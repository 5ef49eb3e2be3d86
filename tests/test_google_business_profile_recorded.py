"""Google Business Profile's recorded answers, wherever the recordings are."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import httpx
import pytest

from connectors.google_business_profile import GoogleBusinessProfile
from connectors.kit.lookup import EVER
from monitor.connector import Malformed, PollError, Secret
from monitor.model import Kind
from monitor.testing import Traffic
from tests.recordings import recorded

RECORDINGS = recorded("google_business_profile", "*.json")
DEFINITIONS = "discovery_"
OPTIONS: dict[str, Any] = {
    "account": "1",
    "location": "2",
    "client_id": "x",
    "client_secret": Secret("x"),
    "refresh_token": Secret("x"),
}


def connector() -> GoogleBusinessProfile:
    return GoogleBusinessProfile(GoogleBusinessProfile.Options(**OPTIONS), Traffic().client())


def answered(said: Any) -> httpx.Response:
    code = said["error"].get("code", 400) if isinstance(said, dict) and isinstance(said.get("error"), dict) else 200
    return httpx.Response(code, json=said, request=httpx.Request("GET", "https://mybusiness.googleapis.com/v4/x"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_every_recording_is_read_or_knowingly_left_out(path):
    said = json.loads(path.read_text(encoding="utf-8"))
    if path.name.startswith(DEFINITIONS):
        assert said["kind"] == "discovery#restDescription"  # a definition of the API and no answer of it
        return
    if isinstance(said, dict) and "error" in said:
        assert isinstance(connector().explain(answered(said)) or Malformed("x"), PollError)
        return
    if isinstance(said, dict) and ("reviews" in said or said == {}):
        reviews = said.get("reviews", [])
        items = connector().listed(answered(said))
        page = connector().page(items, EVER)
        assert page.skipped == 0
        assert [one.kind for one in page.mentions].count(Kind.REVIEW) == len(reviews)
        assert sum(one.ours for one in page.mentions) == sum(bool(one.get("reviewReply")) for one in reviews)
        for mention in page.mentions:
            assert mention.published_at.tzinfo is UTC
            assert mention.ours or mention.stars in (1, 2, 3, 4, 5)
        return
    with pytest.raises(Malformed):  # accounts, locations, questions, answers: no list of reviews
        connector().listed(answered(said))


@pytest.mark.skipif(not RECORDINGS, reason="there are no recordings here")
async def test_the_recorded_accounts_and_locations_can_be_connected():
    accounts, locations = (
        json.loads(path.read_text(encoding="utf-8"))
        for path in recorded("google_business_profile", "account_list*.json", "location_list*.json")
    )
    find = GoogleBusinessProfile.connect.find
    assert find
    traffic = Traffic(
        (lambda request: "pageToken" in request.url.params, {}),
        (lambda request: request.url.path.endswith("/accounts"), accounts),
        (lambda request: request.url.path.endswith("/locations"), locations),
    )
    async with traffic.client() as client:
        found = [one async for one in find({"access_token": Secret("x")}, client)]

    assert len(found) == len(locations["locations"])
    assert len({one.name for one in found}) == len(found)
    for one in found:
        GoogleBusinessProfile.Options(**{**OPTIONS, **one.options})
