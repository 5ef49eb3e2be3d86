"""Feeds of every kind are read, and the quick reader reads them exactly as feedparser does."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
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
    try:
        document = safe(body, "")
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


def reader_of(body: bytes) -> str:
    """Which reader a document is for, and how it is."""
    try:
        quick.read(safe(body, "").body)
    except Unreadable:
        return "nobody: no feed"
    except Unsure as unsure:
        return "feedparser: well-formed" if unsure.tame else "feedparser: broken"
    return "quick"


def test_both_readers_read_every_recording_alike(capsys):
    bodies = {path.name: path.read_bytes() for path in recorded("rss", "*.xml", "*.rss", "*.atom", "*.rdf")}
    readers = Counter(map(reader_of, bodies.values()))
    with capsys.disabled():
        print(f"\nrecorded feeds by reader: {dict(readers)}")  # noqa: T201  # the share is for people

    assert [name for name, body in bodies.items() if (read := both(body)) and read[0] != read[1]] == []
    assert not bodies or readers["quick"] > 2 * readers["feedparser: well-formed"]


SPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    ' xmlns:slash="http://purl.org/rss/1.0/modules/slash/" xmlns:thr="http://purl.org/syndication/thread/1.0"'
    ' xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0" xmlns:play="http://play.example/1.0"'
)
ROOTS = {
    "rss": (f'<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" {SPACES}><channel>', "</channel></rss>", "item"),
    "atom": (f'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:atom="http://www.w3.org/2005/Atom" {SPACES}>', "</feed>", "entry"),
    "atom 0.3": (f'<feed version="0.3" xmlns="http://purl.org/atom/ns#" xmlns:atom="http://purl.org/atom/ns#" {SPACES}>', "</feed>", "entry"),
    "rdf": (
        ('<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:atom="http://purl.org/rss/1.0/"'
        f' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" {SPACES}><channel><title>c</title></channel>'),
        "</rdf:RDF>",
        "item",
    ),
}  # fmt: skip
SAID = st.sampled_from(
    [
        "", " ", "Three hours", " spaced\n out ", "a &amp; b", "<b>bold</b>", "&lt;b&gt;", "x &nbsp; y", "Größe", "Ã¼ber",
        "curly \x93quotes\x94", "日本 👍", "1 < 2", "<p>One</p><p>Two", "https://news.example/a?b=1&c;=2", "AT&T;",
    ]
)  # fmt: skip
URLS = st.sampled_from(
    ["https://news.example/a", "/b", "http:////c.example/d", " https://e.example/ ", "g-1", "tag:x,2026:1", "", "a&b;c"]
)
DATES = st.sampled_from(
    [
        "Tue, 03 Nov 2026 09:00:00 GMT", "3 Nov 2026 09:00 +0130", "Tue, 3 Nov 2026 09:00:00 EST", "2026-11-03",
        "2026-11-03T09:00:00Z", "2026-11-03T09:00:00.25-05:00", "2026-11-03T09:00:00", "1793700000", "Tue Nov 3 2026",
        "Tue, 03 Nov 26 09:00:00 GMT", "03.11.2026", "soon", "", "0001-01-01T00:00:00Z", "Tue, 03 Nov 2026 24:00:00 GMT",
        "20261103T090000Z", "Monday, 02-Nov-26 10:00:00 GMT", "2026-13-01", "Tue, 03 November 2026 09:00:00 UT",
    ]
)  # fmt: skip
PEOPLE = st.sampled_from(
    [
        "Jo Example",
        "a@news.example (Jo Example)",
        "a@b.org",
        "Jo <a@b.org>",
        "",
        "(nobody)",
        "Ã¼n",
        "mailto:a@b.org (Al)",
    ]
)


def element(names: str, said: st.SearchStrategy[str], *attributes: str) -> st.SearchStrategy[str]:
    """An element under one of `names`, with one of `attributes` or none, its text escaped or in CDATA."""
    written = said.map(escape) | said.map(lambda text: f"<![CDATA[{text}]]>")
    return st.builds(
        lambda name, attribute, text: f"<{name}{attribute}>{text}</{name}>",
        st.sampled_from(names.split()),
        st.sampled_from(["", "", "", *(f" {attribute}" for attribute in attributes)]),
        written,
    )


LINKS = st.builds(
    lambda rest, url: f"<link{rest} href={quoteattr(url)}/>",
    st.sampled_from(["", ' rel="alternate"', ' rel="self"', ' rel="replies" thr:count="1"', ' type="text/plain"']),
    URLS,
)
NESTED = st.sampled_from(
    [
        "<author><name>Jo Example</name><uri>https://jo.example</uri></author>",
        "<author><name></name><email>a@b.org</email></author>",
        "<author>\n <name>Jo</name>\n</author>",
        "<media:group><media:title>Media title</media:title><media:description>Media text</media:description></media:group>",
        '<media:content url="x"><media:title>Media title</media:title></media:content>',
        '<media:community><media:starRating count="12"/></media:community>',
        '<media:group><media:community><media:starRating count="5"/></media:community></media:group>',
        '<thr:in-reply-to ref="tag:x,2026:0"/>',
        "<play:box><play:title>Play</play:title></play:box>",
        '<play:title xmlns="http://other.example/">Play</play:title>',
        '<title xmlns="http://other.example/">Other</title>',
        '<source url="https://s.example">Outlet</source>',
        "<source><title>Planet</title><id>tag:p,2026:1</id></source>",
        "<image><title>Picture</title><url>x</url></image>",
        "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>x<b>y</b></div></content>",
        "<description>un<b>escaped</b></description>",
        "<media:thumbnail url='x'/>",
        "<category>a</category><category>b</category>",
        "<!-- a comment -->",
    ]
)
CHILDREN = st.one_of(
    element("title atom:title", SAID, 'type="html"', 'type="text"', 'xml:lang="fr"'),
    element("description summary itunes:summary content:encoded content", SAID, 'type="html"', 'type="text"', 'xml:base="/x/"'),
    element("media:title media:description dc:title dc:description itunes:subtitle play:description", SAID, 'type="html"'),
    element("guid id", URLS, 'isPermaLink="false"', 'isPermalink="false"', 'isPermaLink="true"'),
    element("link feedburner:origLink comments", URLS),
    LINKS,
    element("pubDate published updated dc:date issued modified created", DATES),
    element("author dc:creator itunes:author play:author", PEOPLE),
    element("dc:language language", st.sampled_from(["de", "en-US"])),
    element("slash:comments", st.sampled_from(["0", "12", "many", ""])),
    NESTED,
)  # fmt: skip
HEADS = st.lists(
    st.sampled_from(
        [
            "<title>Feed</title>", "<language>de-AT</language>", "<author><name>Feed author</name></author>",
            "<managingEditor>a@b.org (Ed)</managingEditor>", '<atom:link rel="self" href="x"/>',
            "<image><title>Logo</title><link>x</link></image>", "<itunes:owner><itunes:name>x</itunes:name></itunes:owner>",
        ]
    ),
    max_size=3,
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> str:
    opening, closing, item = ROOTS[draw(st.sampled_from(sorted(ROOTS)))]
    about = st.sampled_from(
        ["", "", ' xml:lang="it"', ' rdf:about="https://r.example/1"' if "rdf:RDF" in opening else ""]
    )
    items = st.lists(CHILDREN, max_size=6).map("".join)
    written = [f"<{item}{draw(about)}>{draw(items)}</{item}>" for _ in range(draw(st.integers(1, 3)))]
    return opening + "".join(draw(HEADS)) + "".join(written) + closing


@settings(max_examples=700)
@given(documents())
def test_both_readers_read_what_hypothesis_writes_alike(document):
    read = both(document.encode())

    event("quick" if read else "left to feedparser")
    if read:
        assert read[0] == read[1]


@given(documents(), st.integers(0, 10**6))
@settings(max_examples=300)
def test_damage_never_makes_the_quick_reader_see_something_else(document, where):
    body = document.encode()
    at = where % len(body)

    read = both(body[:at] + body[at + 1 :])

    assert not read or read[0] == read[1]


# What it is written in


TEXT = '<?xml version="1.0"{}?><rss version="2.0"><channel><title>t</title><item><title>Größe: {}</title></item></channel></rss>'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (TEXT.format("", "дом").encode(), ""),
        (TEXT.format("", "дом").encode("utf-8-sig"), "text/xml"),
        (TEXT.format(' encoding="utf-16"', "дом").encode("utf-16"), ""),
        (TEXT.format("", "дом").encode("utf-16-be"), "text/html"),
        (TEXT.format("", "дом").encode("utf-16-le"), ""),
        (TEXT.format("", "дом").encode("utf-32"), ""),
        (TEXT.format(' encoding="ISO-8859-1"', "дом").encode(), "application/xml"),
        (TEXT.format(' encoding="utf-8"', "wait").encode("latin-1"), "application/rss+xml; charset=utf-8"),
        (TEXT.format("", "wait").encode("cp1252"), "text/xml; charset=iso-8859-1"),
        (TEXT.format(' encoding="iso-8859-1"', "wait").encode("cp1252"), ""),
        (TEXT.format(' encoding="bogus-8"', "wait").encode(), "text/xml; charset=bogus"),
        (TEXT.format("", "wait").encode("utf-8"), "text/xml; charset=utf-7"),
    ],
)
def test_the_encoding_is_found_whatever_is_declared(body, content_type):
    (entry,) = feed.read(body, {"content-type": content_type}, URL).entries

    assert entry.title in ("Größe: дом", "Größe: wait")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("koi8-r", "Больница"), ("windows-1251", "Больница"), ("euc-jp", "病院の待合室"), ("shift_jis", "病院の待合室"),
     ("gb2312", "医院候诊室"), ("euc-kr", "병원 대기실"), ("big5", "醫院候診室"), ("iso-2022-jp", "病院の待合室")],
)  # fmt: skip
def test_declared_encodings_are_believed_where_it_is_not_utf_8(encoding, text):
    body = f'<?xml version="1.0" encoding="{encoding}"?><rss version="2.0"><channel><item><title>{text}</title></item></channel></rss>'

    (entry,) = feed.read(body.encode(encoding), {}, URL).entries

    assert entry.title == text


def test_a_broken_byte_in_utf_8_costs_one_character():
    body = TEXT.format("", "дом und Straße").encode().replace("ß: ".encode(), b"\xc3: ")

    (entry,) = feed.read(body, {}, URL).entries

    assert entry.title == "Grö\ufffd: дом und Straße" or entry.title == "Größe: дом und Straße".replace("ß:", "\ufffd:")


# Dates and names


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Tue, 03 Nov 2026 09:30:00 GMT", datetime(2026, 11, 3, 9, 30, tzinfo=UTC)),
        ("3 Nov 2026 09:30 +0130", datetime(2026, 11, 3, 8, 0, tzinfo=UTC)),
        ("Tue, 03 November 2026 09:30:00 EST", datetime(2026, 11, 3, 14, 30, tzinfo=UTC)),
        ("2026-11-03T09:30:00Z", datetime(2026, 11, 3, 9, 30, tzinfo=UTC)),
        ("2026-11-03 09:30:00.5-05:00", datetime(2026, 11, 3, 14, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-11-03", datetime(2026, 11, 3, tzinfo=UTC)),
        ("1762768800", datetime(2025, 11, 10, 10, 0, tzinfo=UTC)),
        ("Tue, 03 Nov 26 09:30:00 GMT", None),
        ("Tue, 03 Nov 2026 24:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-11-03T09:30:00+99:00", None),
        ("03.11.2026", None),
        ("soon", None),
        ("", None),
    ],
)
def test_ordinary_dates_are_read_and_no_others(text, at):
    assert moment(text) == at


@given(st.text(alphabet="0123456789-+:TZ ,NovGM.", max_size=32) | st.text(max_size=20))
def test_no_date_breaks_it(text):
    at = moment(text)

    assert at is None or at.tzinfo is UTC


def test_dates_that_only_feedparser_knows_are_read_by_it():
    body = b"<rss version='2.0'><channel><item><title>t</title><pubDate>Tue, 03 Nov 26 09:30:00 GMT</pubDate></item></channel></rss>"

    found = feed.read(body, {}, URL)

    assert found.reader == "feedparser"
    assert found.entries[0].published == datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Jo Example", "Jo Example"),
        ("jo@news.example (Jo Example)", "Jo Example"),
        ("Jo Example <jo@news.example>", "Jo Example"),
        ("Jo Example (mailto:jo@news.example)", "Jo Example"),
        ("jo@news.example", "jo@news.example"),
        ("", ""),
    ],
)
def test_an_author_is_a_name_before_an_address(text, name):
    assert person(text) == name


# Which entries are the same


@pytest.mark.parametrize(
    ("ident", "link", "known_as"),
    [
        ("https://news.example/?p=1", "https://news.example/a", "https://news.example/?p=1"),
        ("http://NEWS.example:80/a?utm_source=x&b=1#c", None, "https://news.example/a?b=1#c"),
        ("http://news.example/a?fbclid=1", None, "https://news.example/a"),
        ("tag:news.example,2026:1", None, "tag:news.example,2026:1"),
        ("urn:uuid:1", None, "urn:uuid:1"),
        ("CBMiEXAMPLEEXAMPLEEXAMPLE1", "https://news.google.com/x", "CBMiEXAMPLEEXAMPLEEXAMPLE1"),
        ("t3_abc", "https://www.reddit.com/r/x", "t3_abc"),
        ("1", "https://news.example/a", "news.example:1"),
        ("1", None, "feeds.example:1"),
        ("", "http://news.example/a?utm_medium=rss", "https://news.example/a"),
    ],
)
def test_an_id_holds_across_feeds(ident, link, known_as):
    assert identity(ident, link, "feeds.example") == known_as


def test_an_entry_without_id_and_link_is_known_by_what_it_says():
    assert identity("", None, "a.example", "said") == identity("", None, "b.example", "said")
    assert identity("", None, "a.example", "said") != identity("", None, "a.example", "other")
    assert len(identity("x" * 5_000, None, "a.example")) < 500


@given(st.text(alphabet="htps:/.?&=#utm_aA1", max_size=40))
def test_an_address_as_an_id_is_stable(url):
    assert canonical(canonical(url)) == canonical(url)


def known(ident: str, link: str, day: int) -> Known:
    return Known(Entry(id=ident, published=datetime(2026, 11, day, tzinfo=UTC)), link, ident)


def test_entries_with_the_same_guid_stay_apart_and_keep_their_ids_in_every_window():
    told = [known("g", f"https://news.example/{day}", day) for day in range(9, 0, -1)]
    owners: dict[str, str] = {}
    seen: dict[str, set[str]] = {}
    for window in (told[start : start + 3] for start in range(6, -1, -1)):
        entries, owners = distinct(window, owners)
        assert len({one.id for one in entries}) == 3
        for one in entries:
            seen.setdefault(one.link, set()).add(one.id)

    assert [ids for ids in seen.values() if len(ids) > 1] == []
    assert seen["https://news.example/1"] == {"g"}


def test_the_same_entry_twice_in_a_window_is_one():
    twice = [known("g", "https://news.example/a", 2), known("g", "https://news.example/a", 1)]

    assert distinct(twice, {})[0] == twice[:1]


def test_what_is_remembered_of_guids_is_bounded():
    owners: dict[str, str] = {}
    for n in range(500):
        _, owners = distinct([known(f"g{n}", "a", 1), known(f"g{n}", "b", 2)], owners)

    assert len(owners) == 200


def test_json_feed_entries_of_the_wrong_shape_are_counted():
    body = b'{"version": "https://jsonfeed.org/version/1", "items": [1, {}, {"id": 3, "content_text": "x"}, {"tags": null}]}'

    found = feed.read(body, {}, URL)

    assert [entry.id for entry in found.entries] == ["3"]
    assert found.skipped == 3


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"items": 1}', b'{"version": "2", "items": []}', b'{"error": "no"}', b'"x"']
)
def test_json_that_is_no_feed_is_refused(body):
    with pytest.raises(Malformed, match="^feeds.example "):
        feed.read(body, {}, URL)


def test_a_new_feed_without_entries_is_no_error():
    body = b"<rss version='2.0'><channel><title>Soon</title></channel></rss>"

    assert feed.read(body, {}, URL).entries == []
