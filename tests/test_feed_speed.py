"""Ordinary feeds take the quick reader, and a benchmark says how quick it is: `python -m tests.test_feed_speed`."""

from __future__ import annotations

import html
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.kit import feed
from connectors.kit.feed import loose, patient
from connectors.kit.feed.document import safe
from connectors.kit.feed.entry import Feed
from connectors.kit.feed.reading import Reading

URL = "https://news.example/feed"
NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
DATE = "Tue, 03 Nov 2026 10:00:00 GMT"

RSS = """<item><title>{title}</title><link>https://news.example/articles/{n}</link>
<guid isPermaLink="false">https://news.example/?p={n}</guid><pubDate>{at:%a, %d %b %Y %H:%M:%S} +0000</pubDate>
<dc:creator>Jo Example</dc:creator><category>a</category><category>b</category><description>{text}</description></item>
"""
ATOM = """<entry><id>tag:news.example,2026:{n}</id><title type="html">{title}</title>
<link rel="alternate" type="text/html" href="https://news.example/articles/{n}"/><published>{at:%Y-%m-%dT%H:%M:%S}Z</published>
<updated>{at:%Y-%m-%dT%H:%M:%S}Z</updated><author><name>Jo Example</name></author><category term="a"/>
<content type="html">{text}</content></entry>
"""
KINDS = {
    "rss": ('<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>', RSS, "</channel></rss>"),
    "atom": ('<feed xmlns="http://www.w3.org/2005/Atom">', ATOM, "</feed>"),
}


def ordinary(kind: str, entries: int) -> bytes:
    """A feed with entries of some hundred words, in paragraphs with a link and an emphasis."""
    opening, item, closing = KINDS[kind]
    chance = random.Random(1)
    vocabulary = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(2_000)]

    def words(count: int) -> str:
        return " ".join(chance.choices(vocabulary, k=count))

    items = [
        item.format(
            n=n,
            title=words(8),
            at=NOW - timedelta(minutes=n),
            text=html.escape(
                f'<p>{words(50)}</p><p>{words(20)} <b>{words(1)}</b> &amp; <a href="https://news.example/a">{words(2)}</a> {words(25)}</p>'
            ),
        )
        for n in range(entries)
    ]
    return f'<?xml version="1.0" encoding="UTF-8"?>{opening}<title>News</title>{"".join(items)}{closing}'.encode()


def read_all(found: Feed) -> int:
    """From entries to mentions, as the connector does it; how many."""
    reading = Reading(found, url=httpx.URL(URL), date=DATE, floor=NOW - timedelta(days=365))
    entries, _ = reading.distinct({})
    return sum(len(reading.page(entries[at : at + 500]).mentions) for at in range(0, len(entries), 500))


def by_feedparser(body: bytes) -> Feed:
    found = loose.extract(safe(body, "").body)
    return Feed(found["title"], [patient._entry(entry) for entry in found["entries"]], found["lang"], found["author"])


def quickly(body: bytes) -> Feed:
    return feed.read(body, {}, URL)


@pytest.mark.parametrize("kind", KINDS)
def test_ordinary_feeds_are_read_quickly_and_as_feedparser_reads_them(kind):
    body = ordinary(kind, 30)
    found = quickly(body)

    assert found.reader == "quick"
    assert read_all(found) == 30
    assert found.entries == [entry._replace(lang="") for entry in by_feedparser(body).entries]


def speed(read: Callable[[bytes], Feed], body: bytes, entries: int, rounds: int) -> float:
    """Entries a second of CPU, from bytes to mentions, in the best of some rounds."""
    best = 0.0
    for _ in range(rounds):
        start = time.process_time()
        count = read_all(read(body))
        best = max(best, count / (time.process_time() - start))
        assert count == entries
    return best


def main() -> None:
    print("entries of ~100 words a CPU second, from bytes to mentions with plain text")  # noqa: T201  # for people
    for kind in KINDS:
        for entries in (10, 100, 1000):
            body = ordinary(kind, entries)
            quick, slow = speed(quickly, body, entries, 12), speed(by_feedparser, body, entries, 3)
            print(f"{kind:5} {entries:5} entries: quick {quick:8,.0f}  feedparser {slow:7,.0f}  x{quick / slow:.1f}")  # noqa: T201  # for people


if __name__ == "__main__":
    main()
