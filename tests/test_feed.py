"""Feeds of every kind are read, and the quick reader reads them exactly as feedparser does."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import httpx
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from connectors.kit import feed
from connectors.kit.feed import patient, quick
from connectors.kit.feed.document import safe
from connectors.kit.feed.entry import Entry, Feed, Unreadable, Unsure, moment
from connectors.kit.feed.identity import Known, canonical, distinct, identity
from connectors.kit.feed.loose import person
from connectors.kit.feed.reading import Reading
from monitor.connector import Malformed
from tests.recordings import recorded

FIXTURES = sorted(Path(__file__).with_name("fixtures").joinpath("rss").glob("*"))
URL = "https://feeds.example/all?token=not-to-be-seen"
DATE = "Wed, 04 Nov 2026 10:00:00 GMT"
LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)


def mentions(found: Feed) -> list:
    """What the connector would hand over, and how many entries it would skip."""
    reading = Reading(found, url=httpx.URL(URL), date=DATE, floor=LONG_AGO)
    page = reading.page(reading.distinct({})[0])
    return [*page.mentions, page.skipped]


def both(body: bytes) -> tuple[list, list] | None:
    """The mentions by the quick reader and by feedparser; None where the quick reader leaves it to feedparser."""
    document = safe(body, "")
    try:
        found = quick.read(document.body)
    except (Unsure, Unreadable):
        return None
    return mentions(found), mentions(patient.read(document.body, tame=True))


# Every kind


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_kind_of_feed_is_read(path):
    found = feed.read(path.read_bytes(), {}, URL)

    assert found.title
    assert found.entries
    assert found.reader == {"feed": "json", "xhtml_atom": "feedparser"}.get(path.stem, "quick")


@pytest.mark.parametrize("path", [path for path in FIXTURES if path.suffix == ".xml"], ids=lambda path: path.stem)
def test_both_readers_read_a_fixture_alike(path):
    if read := both(path.read_bytes()):
        assert read[0] == read[1]
    else:
        assert path.stem == "xhtml_atom"


def test_both_readers_read_every_recording_alike(capsys):
    readers: Counter[str] = Counter()
    for path in recorded("rss", "*.xml", "*.rss", "*.atom", "*.rdf"):
        try:
            document = safe(path.read_bytes(), "")
            readers["feedparser: broken"] += 1
            found = quick.read(document.body)
        except Unsure as unsure:
            if unsure.tame:
                readers.subtract(["feedparser: broken"])
                readers["feedparser: well-formed"] += bool(patient.read_or_none(document.body))
            continue
        except Unreadable:
            continue
        readers.subtract(["feedparser: broken"])
        readers["quick"] += 1
        assert mentions(found) == mentions(patient.read(document.body, tame=True)), path.name
    with capsys.disabled():
        print(f"\nrecorded feeds by reader: {dict(readers)}")  # noqa: T201  # the share is for people

    assert not readers or readers["quick"] > 2 * readers["feedparser: well-formed"]
