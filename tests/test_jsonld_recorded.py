"""Real structured data, wherever the recordings are: every review in it is read, and what cannot be read is counted."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.kit import structured
from connectors.kit.schema_org import REVIEWS, Reading
from tests.recordings import recorded

RECORDINGS = recorded("jsonld", "*.html", "*.jsonld", "*.json")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
_REVIEW = re.compile(r'"@?type"\s*:\s*"(?:https?://schema\.org/)?(\w+)"')


def page(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    return text if path.suffix == ".html" else f'<script type="application/ld+json">{text}</script>'


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_every_recording_is_read_or_counted(path):
    data = structured.read(page(path))
    assert data.skipped == ("INVALIDJSON" in path.name)
    reading = Reading(data, page="https://reviews.example/practice", now=NOW)
    mentions, skipped = reading.mentions()
    said = [kind for kind in _REVIEW.findall(page(path).replace("\\u0040", "@")) if kind in REVIEWS]
    assert skipped == 0
    assert len(mentions) == (0 if data.skipped else len(said))
    for mention in mentions:
        assert mention.text
        assert mention.published_at.tzinfo is UTC
        assert mention.stars is None or 1 <= mention.stars <= 5


@pytest.mark.skipif(not RECORDINGS, reason="there are no recordings here")
def test_the_recordings_hold_something_to_read():
    found = [
        Reading(structured.read(page(path)), page="https://x.example/", now=NOW).mentions()[0] for path in RECORDINGS
    ]
    assert sum(map(len, found)) > 10
