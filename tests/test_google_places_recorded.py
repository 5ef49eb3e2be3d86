"""Places' recorded answers, wherever the recordings are. The legacy API, which cannot be switched on any more, is left
out."""

from __future__ import annotations

import json
from datetime import UTC

import pytest

from connectors.google_places import GooglePlaces
from connectors.kit.lookup import EVER
from monitor.connector import Secret
from monitor.testing import Traffic
from tests.recordings import recorded

LEFT_OUT = ("discovery_", "legacy_", "maps_http_")
RECORDINGS = [path for path in recorded("google_places", "*.json") if not path.name.startswith(LEFT_OUT)]


def connector() -> GooglePlaces:
    return GooglePlaces(GooglePlaces.Options(api_key=Secret("x"), places=("ChIJinvented0001",)), Traffic().client())


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_every_recorded_review_is_read(path):
    place = json.loads(path.read_text(encoding="utf-8"))
    if "error" in place:
        return
    reviews = connector().reviews(place)
    page = connector().page(reviews, EVER)

    assert page.skipped == 0
    assert len(page.mentions) == len(reviews)
    for mention, review in zip(page.mentions, reviews, strict=True):
        assert mention.external_id == review["name"]
        assert mention.published_at.tzinfo is UTC
        assert mention.stars in (1, 2, 3, 4, 5)
        assert mention.author
        assert bool(mention.text) == bool(review.get("originalText", review.get("text")))


@pytest.mark.skipif(not RECORDINGS, reason="there are no recordings here")
def test_the_recordings_hold_something_to_read():
    places = [json.loads(path.read_text(encoding="utf-8")) for path in RECORDINGS]

    assert sum(len(connector().page(connector().reviews(place), EVER).mentions) for place in places) > 0
