"""The connector for feeds: what it makes of each kind, what it asks for again, and how it fails."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from connectors.kit.text import tidy
from connectors.rss import Rss
from monitor.connector import (
    AuthRejected,
    Cursor,
    Malformed,
    NotPermitted,
    Page,
    PollError,
    Secret,
    Throttled,
    Unavailable,
)
from monitor.model import Kind, Mention
from tests.recordings import recorded

FIXTURES = Path(__file__).with_name("fixtures") / "rss"
URL = "https://feeds.example/all?token=not-to-be-seen"
NOW = datetime(2026, 11, 4, 10, tzinfo=UTC)
DATE = "Wed, 04 Nov 2026 10:00:00 GMT"
LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)
MARKUP = re.compile(r"</?(?:p|div|span|a|br|li|ul|img|script|style)\b[^<>]*>", re.IGNORECASE)


class Server:
    """A feed's server: what it answers may be changed, what it was asked is remembered."""

    def __init__(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.body, self.status = body, status
        self.headers = {"date": DATE} | headers
        self.asked: list[httpx.Request] = []
        self.error: Exception | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.error:
            raise self.error
        return httpx.Response(self.status, content=self.body, headers=self.headers)

    async def poll(self, cursor: Cursor | None = None, floor: datetime = LONG_AGO, **options) -> list[Page]:
        """The pages of one poll; the cursor travels as JSON, as it does in the store."""
        cursor = json.loads(json.dumps(cursor or {}))
        async with httpx.AsyncClient(transport=httpx.MockTransport(self)) as client:
            connector = Rss(Rss.Options(**{"url": URL, **options}), client)
            return [page async for page in connector.poll(cursor, floor)]

    async def mentions(self, **options) -> list[Mention]:
        return [mention for page in await self.poll(**options) for mention in page.mentions]


async def read(name: str, **options) -> list[Mention]:
    return await Server((FIXTURES / name).read_bytes()).mentions(**options)


def rss(*items: str) -> bytes:
    return f'<rss version="2.0"><channel><title>t</title>{"".join(items)}</channel></rss>'.encode()


def item(n: int, extra: str = "<pubDate>Tue, 03 Nov 2026 09:00:00 GMT</pubDate>") -> str:
    return f"<item><guid>https://news.example/{n}</guid><title>Wait {n}</title>{extra}</item>"


# What it makes of each kind


async def test_an_article_is_read_whole():
    first = (await read("news.xml"))[0]

    assert first == Mention(
        external_id="https://courier.example/?p=101",
        kind=Kind.ARTICLE,
        text="The ward has forty beds & a garden.\nNobody waits three hours any more.",
        published_at=datetime(2026, 11, 3, 9, tzinfo=UTC),
        url="https://courier.example/2026/11/new-ward/",
        author="Robin Example",
        title="Practice Hospital opens new ward – “a relief”",  # noqa: RUF001  # as the site wrote it
        lang="en",
        engagement=7,
    )


async def test_without_a_guid_the_address_is_the_id_and_without_a_date_the_answers_own_date_counts():
    _, letters, notice = await read("news.xml")

    assert letters.external_id == "https://courier.example/2026/11/letters/?page=2"
    assert (letters.title, letters.author) == ("Letters: waiting & waiting", "The Desk")
    assert notice.published_at == NOW
    assert notice.url == "https://courier.example/notice#2"


async def test_atom_inherits_the_author_and_links_a_reply_to_what_it_answers():
    post, comment = await read("blog_atom.xml")

    assert (post.author, post.lang, post.title) == ("Toni Beispiel", "de", "Drei Stunden & mehr")
    assert post.text == "Kurz gesagt: zu lange gewartet, 2 < 3."
    assert post.url == "https://feeds.example/2026/11/drei-stunden.html"
    assert (comment.kind, comment.parent_id) == (Kind.COMMENT, post.external_id)
    assert (comment.author, comment.lang, comment.text) == ("Sam Sample", "en", "Same here.\nFour hours.")


@pytest.mark.parametrize(
    ("name", "external_id", "text"),
    [
        ("xhtml_atom.xml", "urn:uuid:00000000-0000-4000-8000-000000000001", "First line\nsecond & last"),
        ("atom_03.xml", "tag:old.example,2004:1", "Kept in an old format."),
        ("rdf.xml", "https://rdf.example/1", "From Monday, in the hall."),
        ("rss_091.xml", "https://plain.example/a", "One sentence."),
        ("feed.json", "json.example:17", "One & two"),
        ("podcast.xml", "feeds.example:ep-1", "On waiting, at length."),
    ],
)
async def test_each_format_gives_an_id_and_a_text(name, external_id, text):
    first = (await read(name))[0]

    assert (first.external_id, first.text) == (external_id, text)


async def test_an_article_found_by_two_alerts_is_one_and_leads_to_itself():
    (first,), (again,) = await read("google_alerts.xml"), await read("google_alerts_again.xml")

    assert first == again
    assert first.external_id == first.url == "https://courier.example/2026/11/new-ward/"
    assert first.title == "Practice Hospital opens ward & garden"
    assert first.text == "The ward of the Practice Hospital has forty beds ..."


async def test_google_news_names_its_outlet_only_once():
    first, second = await read("google_news.xml")

    assert first.title == "Practice Hospital opens ward"
    assert second.title == "Elm Street - a history"
    assert first.external_id == "CBMiEXAMPLEEXAMPLEEXAMPLE1"


async def test_a_video_is_a_post_of_the_day_it_came_out():
    (video,) = await read("youtube.xml")

    assert (video.kind, video.external_id, video.engagement) == (Kind.POST, "yt:video:AAAAAAAAAAA", 152)
    assert video.published_at == datetime(2026, 10, 20, 19, 15, 1, tzinfo=UTC)
    assert video.text == "Come <in>: https://practice.example/tour?a=1&copy=2\nSecond line"


async def test_a_video_whose_counts_moved_is_no_edit():
    body = (FIXTURES / "youtube.xml").read_bytes()
    moved = body.replace(b"2026-11-03T23:12:12", b"2026-11-04T23:12:12").replace(b'views="3043"', b'views="9999"')

    assert moved != body
    assert await Server(moved).mentions() == await Server(body).mentions()


async def test_reddit_loses_its_wrapping_and_keeps_its_names():
    post, comment = await read("reddit.xml")

    assert (post.external_id, post.kind, post.author) == ("t3_aaa111", Kind.POST, "/u/invented_one")
    assert post.text == "Waited at Practice Hospital. Don't."
    assert (comment.external_id, comment.kind, comment.text) == ("t1_bbb222", Kind.COMMENT, "Same.")


@pytest.mark.parametrize("name", ["mastodon.xml", "bluesky.xml"])
async def test_short_messages_are_posts(name):
    (post,) = await read(name)

    assert (post.kind, post.title) == (Kind.POST, "")
    assert "hours" in post.text


async def test_what_links_to_us_or_is_by_us_is_ours():
    assert [mention.ours for mention in await read("news.xml", own_domains=("www.courier.example",))] == [True] * 3
    assert [mention.ours for mention in await read("news.xml", own_domains=("urier.example",))] == [False] * 3
    assert [mention.ours for mention in await read("news.xml", own_authors=("robin example",))] == [True, False, False]
    assert [mention.ours for mention in await read("reddit.xml", own_authors=("u/Invented_Two",))] == [False, True]


# Dates


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("<pubDate>Tue, 03 Nov 2026 09:00:00 -0500</pubDate>", datetime(2026, 11, 3, 14, tzinfo=UTC)),
        ("<pubDate>Thu, 05 Nov 2026 09:00:00 GMT</pubDate>", datetime(2026, 11, 5, 9, tzinfo=UTC)),
        ("<pubDate>Tue, 03 Nov 2099 09:00:00 GMT</pubDate>", NOW),
        ("<pubDate>Thu, 01 Jan 1970 00:00:00 GMT</pubDate>", NOW),
        ("<pubDate>next Tuesday</pubDate>", NOW),
        ("", NOW),
    ],
)
async def test_a_date_is_taken_unless_it_cannot_be(written, at):
    (mention,) = await Server(rss(item(1, written))).mentions()

    assert mention.published_at == at


async def test_an_undated_entry_of_an_undated_answer_is_as_old_as_may_be():
    server = Server(rss(item(1, "")))
    del server.headers["date"]

    (mention,) = await server.mentions(floor=NOW - timedelta(days=7))

    assert mention.published_at == NOW - timedelta(days=7)


async def test_nothing_older_than_the_floor_is_handed_over_but_what_is_undated_is():
    body = rss(item(1), item(2, "<pubDate>Sun, 01 Nov 2026 09:00:00 GMT</pubDate>"), item(3, ""))

    mentions = await Server(body).mentions(floor=datetime(2026, 11, 2, tzinfo=UTC))

    assert [mention.title for mention in mentions] == ["Wait 1", "Wait 3"]


# Once is enough


async def test_it_asks_with_what_it_was_given_and_a_304_is_a_poll_that_went_well():
    server = Server(rss(item(1)), etag='W/"abc-gzip"', **{"last-modified": "Tue, 03 Nov 2026 09:00:00 GMT"})
    (page,) = await server.poll()
    server.status, server.body = 304, b""

    again = await server.poll(page.cursor)

    assert "if-none-match" not in server.asked[0].headers
    assert server.asked[1].headers["if-none-match"] == 'W/"abc-gzip"'
    assert server.asked[1].headers["if-modified-since"] == "Tue, 03 Nov 2026 09:00:00 GMT"
    assert again == [Page(cursor=page.cursor)]


async def test_the_same_body_is_not_read_again_whatever_its_etag():
    server = Server(rss(item(1)), etag='"a"')
    (page,) = await server.poll()
    server.headers["etag"] = '"b"'

    (again,) = await server.poll(page.cursor)

    assert again.mentions == ()
    assert again.cursor == {**page.cursor, "etag": '"b"'}


async def test_a_changed_body_hands_everything_over_again_so_that_edits_are_found():
    server = Server(rss(item(1), item(2)))
    (page,) = await server.poll()
    server.body = rss(item(1), item(2).replace("Wait", "Long wait"), item(3))

    (again,) = await server.poll(page.cursor)

    assert [mention.title for mention in again.mentions] == ["Wait 1", "Long wait 2", "Wait 3"]


@pytest.mark.parametrize("changed", [{"url": "https://feeds.example/other"}, {"own_domains": ("news.example",)}])
async def test_other_options_begin_anew(changed):
    server = Server(rss(item(1)), etag='"a"')
    (page,) = await server.poll()

    (again,) = await server.poll(page.cursor, **changed)

    assert "if-none-match" not in server.asked[1].headers
    assert len(again.mentions) == 1


@pytest.mark.parametrize("etag", ["é", "x" * 2_000, ""])
async def test_a_header_that_cannot_be_sent_back_is_not_kept(etag):
    server = Server(rss(item(1)))
    server.headers = {"etag": etag.encode()}
    (page,) = await server.poll()

    assert "etag" not in page.cursor
    assert await server.poll(page.cursor)


async def test_entries_that_share_a_guid_keep_their_ids_when_the_window_moves():
    def told(n: int) -> str:
        date = f"<pubDate>Tue, {n:02} Nov 2026 09:00:00 GMT</pubDate>"
        return f"<item><guid isPermaLink='false'>7</guid><link>https://news.example/{n}</link><title>{n}</title>{date}</item>"

    server = Server(rss(told(2), told(1)))
    (page,) = await server.poll()
    server.body = rss(told(3), told(2))
    (again,) = await server.poll(page.cursor)
    ids = {mention.title: mention.external_id for mention in page.mentions}

    assert len(set(ids.values())) == 2
    assert {mention.title: mention.external_id for mention in again.mentions}["2"] == ids["2"]
    assert len({mention.external_id for mention in again.mentions} | set(ids.values())) == 3


async def test_the_same_short_guid_of_two_sites_is_two_mentions_and_a_shared_one_is_one():
    def told(site: str) -> bytes:
        return rss(f"<item><guid isPermaLink='false'>1</guid><link>https://{site}/a</link><title>t</title></item>")

    (one,) = await Server(told("a.example")).mentions(url="https://a.example/feed")
    (other,) = await Server(told("b.example")).mentions(url="https://b.example/feed")
    (same,) = await Server(told("a.example")).mentions(url="https://a.example/another")

    assert one.external_id != other.external_id
    assert one.external_id == same.external_id


async def test_a_large_feed_comes_in_pages_and_the_cursor_with_the_last():
    pages = await Server(rss(*(item(n) for n in range(1_201)))).poll()

    assert [len(page.mentions) for page in pages] == [500, 500, 201]
    assert [page.cursor is None for page in pages] == [True, True, False]


async def test_a_feed_without_entries_is_a_poll_that_went_well():
    (page,) = await Server(rss()).poll()

    assert page.mentions == []
    assert page.cursor


async def test_what_says_nothing_is_counted_and_the_rest_is_read():
    (page,) = await Server(rss(item(1), "<item><guid>https://news.example/2</guid></item>", item(3))).poll()

    assert [mention.title for mention in page.mentions] == ["Wait 1", "Wait 3"]
    assert page.skipped == 1


async def test_an_endless_text_is_cut():
    (mention,) = await Server(rss(item(1, f"<description>{'wait ' * 100_000}</description>"))).mentions()

    assert len(mention.text) == 100_000


# How it fails


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Malformed), (401, AuthRejected), (403, NotPermitted), (404, NotPermitted), (410, NotPermitted),
        (304, Malformed), (418, Malformed), (429, Throttled), (500, Unavailable), (503, Unavailable),
    ],
)  # fmt: skip
async def test_a_refusal_has_its_type_and_names_the_host_only(status, error):
    with pytest.raises(error) as refused:
        await Server(b"<html>no</html>", status).poll()

    assert str(refused.value).startswith(f"feeds.example answered {status}")
    assert "not-to-be-seen" not in str(refused.value)


async def test_a_429_says_how_long():
    with pytest.raises(Throttled) as refused:
        await Server(b"", 429, **{"retry-after": "3600"}).poll()

    assert refused.value.wait == timedelta(hours=1)


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("no"), httpx.ReadTimeout("slow"), httpx.TooManyRedirects("round"), httpx.DecodingError("z")],
)
async def test_a_way_that_is_down_heals_with_time(error):
    server = Server()
    server.error = error

    with pytest.raises(Unavailable, match=r"^feeds\.example cannot be reached") as refused:
        await server.poll()

    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page, not a feed"),
        (b"", "empty"),
        (b"<catalog><book/></catalog>", "no feed"),
        (b'{"error": "no"}', "no JSON Feed"),
    ],
)
async def test_what_is_no_feed_is_no_empty_feed(body, words):
    with pytest.raises(Malformed, match=rf"^feeds\.example .*{words}"):
        await Server(body).poll()


# Options


def test_an_address_may_be_a_secret_and_is_never_shown():
    options = Rss.Options(url=Secret(URL))

    assert "not-to-be-seen" not in repr(options)
    with pytest.raises(ValidationError) as refused:
        Rss.Options(url=Secret("ftp://not-to-be-seen"))
    assert "not-to-be-seen" not in str(refused.value)


async def test_a_secret_address_is_asked_and_no_link_carries_it_on():
    body = rss("<item><title>t</title><link>#top</link></item>")
    server = Server(body)

    (mention,) = await server.mentions(url=Secret(URL))

    assert str(server.asked[0].url) == URL
    assert mention.url == "https://feeds.example/all#top"


@pytest.mark.parametrize("url", ["feeds.example/all", "ftp://feeds.example", "", "https://"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValidationError, match="no address of a feed"):
        Rss.Options(url=url)


# The recordings


@pytest.mark.parametrize("path", recorded("rss", "*"), ids=lambda path: path.name)
async def test_a_recording_gives_sound_mentions_or_a_clear_sentence(path):
    try:
        pages, again = await Server(path.read_bytes()).poll(), await Server(path.read_bytes()).poll()
    except PollError as refused:
        assert re.match(r"feeds\.example (sent|answered) .{8}", str(refused))  # noqa: PT017  # a sentence, or mentions
        return
    mentions = [mention for page in pages for mention in page.mentions]
    assert pages == again
    assert pages[-1].cursor
    assert len({mention.external_id for mention in mentions}) == len(mentions)
    for mention in mentions:
        assert mention.published_at.tzinfo is UTC
        assert LONG_AGO < mention.published_at < NOW + timedelta(days=1, seconds=1)
        assert mention.url is None or mention.url.startswith(("https://", "http://"))
        assert mention.text or mention.title
        assert mention.text == tidy(mention.text)
        assert "\n" not in mention.title
        assert not MARKUP.search(mention.title)
