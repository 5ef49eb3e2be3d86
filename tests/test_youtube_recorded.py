"""YouTube's recorded answers, wherever the recordings are: each is read, or left out for a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.kit.lookup import EVER
from connectors.youtube import YouTube
from monitor.connector import AuthRejected, Malformed, PollError, Secret
from monitor.testing import Traffic
from tests.recordings import recorded

RECORDINGS = recorded("youtube", "*.json")
READ = {"commentThread", "comment", "video", "playlistItem"}
LEFT_OUT = {
    "searchResult": "is looked up: descriptions are cut off there",
    "channel": "says who a channel is",
    "activity": "says what a channel did",
    "videoCategory": "is no video",
    "playlist": "is no video",
    "channelSection": "is no video",
    "subscription": "is no video",
}


def connector() -> YouTube:
    return YouTube(YouTube.Options(api_key=Secret("x"), queries=("x",)), Traffic().client())


def kind(item: Any) -> str:
    return str(item.get("kind", "")).removeprefix("youtube#") if isinstance(item, dict) else ""


def things(said: Any) -> Iterator[Any]:
    """What a recording holds: the items of a listing, the comments of a thread, or the one thing that it is."""
    if isinstance(said, dict):
        for key in ("items", "comments"):
            if isinstance(said.get(key), list):
                yield from said[key]
                return
        yield said


def answered(said: Any) -> httpx.Response:
    error = said.get("error") if isinstance(said, dict) else None
    code = error.get("code", 400) if isinstance(error, dict) else 400 if error else 200
    return httpx.Response(code, json=said, request=httpx.Request("GET", "https://www.googleapis.com/youtube/v3/x"))


def recording(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_every_recorded_thing_is_read_or_knowingly_left_out(path):
    said = recording(path)
    if isinstance(said, dict) and "error" in said:
        error = connector().explain(answered(said)) or Malformed("told by its code")
        assert isinstance(error, AuthRejected if "keyInvalid" in str(said) else PollError)
        return
    for item in things(said):
        page = connector().page([item], EVER)
        if kind(item) in READ and item.get("snippet"):
            assert page.mentions
            assert page.skipped == 0
        elif kind(item) in LEFT_OUT:
            assert not page.mentions or kind(item) != "searchResult"
        for mention in page.mentions:
            assert mention.published_at.tzinfo is UTC
            assert (mention.url or "https://").startswith("https://")


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_every_recorded_listing_is_a_listing(path):
    said = recording(path)
    if not (isinstance(said, dict) and str(said.get("kind", "")).endswith("ListResponse")):
        pytest.skip("no listing: one thing, a definition, an error, a token")

    assert connector().listed(answered(said)) == said.get("items", [])


@pytest.mark.skipif(not RECORDINGS, reason="there are no recordings here")
def test_the_recordings_hold_something_to_read():
    read = {
        kind(item) for path in RECORDINGS for item in things(recording(path)) if connector().page([item], EVER).mentions
    }

    assert read >= READ
