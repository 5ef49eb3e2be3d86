"""Reviews in public pages: robots.txt, what a page says and how dirtily, ratings, ids, answers, and what a window hides."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings

from connectors.jsonld import Jsonld
from connectors.kit import dirty_json, ratings, structured
from connectors.kit.robots import Robots
from connectors.kit.schema_org import Reading
from monitor.connector import AuthRejected, Malformed, NotPermitted, Throttled, Unavailable
from monitor.http import client as our_client
from monitor.model import Kind
from monitor.testing import Traffic
from tests.hostile import by_path, redirect, reply, serving, visitor
from tests.spoiling import is_sound, spoilt

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FLOOR = NOW - timedelta(days=3650)
URL = "https://reviews.example/practice"
ROBOTS = "https://reviews.example/robots.txt"


def review(n: int = 1, **changes):
    usual = {
        "@type": "Review", "author": {"@type": "Person", "name": f"Reviewer {n}"}, "datePublished": "2026-05-31",
        "reviewBody": f"Words of review {n}.", "reviewRating": {"@type": "Rating", "ratingValue": 4},
    }  # fmt: skip
    return usual | changes


def place(*reviews, **changes):
    usual = {
        "@context": "https://schema.org",
        "@type": "Hospital",
        "name": "Practice Hospital",
        "review": list(reviews),
    }
    return usual | changes


def page(*nodes, raw: str = "") -> str:
    blocks = [raw] if raw else [json.dumps(node) for node in nodes]
    return (
        "<html><body>"
        + "".join(f'<script type="application/ld+json">{one}</script>' for one in blocks)
        + "</body></html>"
    )


def read(html: str, **how):
    """The mentions in a page."""
    mentions, skipped = Reading(structured.read(html), page=URL, now=NOW, **how).mentions()
    assert not skipped
    return mentions


def polled(traffic: Traffic, *cursors, urls=(URL,), now=NOW, floor=FLOOR, connector=None, **options):
    """The pages of one poll."""

    async def run():
        async with traffic.client() as client:
            one = connector or Jsonld(Jsonld.Options(urls=urls, **options), client, now=lambda: now)
            one.client = one.robots._client = client
            return [page async for page in one.poll(cursors[0] if cursors else {}, floor)]

    return asyncio.run(run())


def site(html: str | httpx.Response, robots="") -> Traffic:
    return Traffic((ROBOTS, robots), (URL, html))


def asked(traffic: Traffic) -> list[str]:
    return [request.url.path for request in traffic.requests]


# robots.txt


@pytest.mark.parametrize(
    ("robots", "may"),
    [
        ("", True),
        (404, True),
        (403, True),
        (410, True),
        ("<html>not found</html>", True),
        ("User-agent: *\nDisallow: /", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: wellheard\nAllow: /", True),
        ("User-agent: *\nAllow: /\n\nUser-agent: Wellheard\nDisallow: /practice", False),
        ("User-agent: *\nDisallow: /*tice$", False),
        ("User-agent: *\nDisallow: /\nAllow: /practice", True),
        ("\ufeffUser-agent: *\r\nDisallow: /practice\r\n", False),
    ],
)
def test_what_robots_txt_says_is_done(robots, may):
    traffic = site(page(place(review())), robots)
    if may:
        assert len(polled(traffic)[0].mentions) == 1
        return
    with pytest.raises(NotPermitted, match="^reviews.example: the robots.txt of reviews.example keeps programs off"):
        polled(traffic)
    assert asked(traffic) == ["/robots.txt"]


@pytest.mark.parametrize(
    ("robots", "error"),
    [(500, Unavailable), (503, Unavailable), (httpx.ConnectError("no"), Unavailable), (httpx.ReadTimeout("no"), Unavailable),
     (429, Throttled), (httpx.Response(302, headers={"location": "/x"}), Unavailable)],
)  # fmt: skip
def test_where_a_site_cannot_say_what_may_be_read_nothing_is(robots, error):
    traffic = site(page(place(review())), robots)
    with pytest.raises(error):
        polled(traffic)
    assert asked(traffic) == ["/robots.txt"]


def test_robots_txt_is_asked_for_once_a_day_and_after_a_failure_again():
    async def run():
        at = [NOW]
        answers = [500, 200, 200]
        traffic = Traffic((ROBOTS, lambda _: httpx.Response(answers.pop(0), text="User-agent: *\nDisallow: /x")))
        async with traffic.client() as client:
            robots = Robots(client, lambda: at[0])
            with pytest.raises(Unavailable):
                await robots.rules(httpx.URL(URL))
            for hours in (0, 12, 23, 25):
                at[0] = NOW + timedelta(hours=hours)
                assert (await robots.rules(httpx.URL(URL))).allow(httpx.URL(URL))
        return len(traffic.requests)

    assert asyncio.run(run()) == 3


def test_a_port_is_a_site_of_its_own():
    traffic = Traffic(("http://127.0.0.1:8080/robots.txt", ""), ("http://127.0.0.1:8080/p", page(place(review()))))
    assert polled(traffic, urls=("http://127.0.0.1:8080/p?token=x",))[0].mentions


async def test_a_page_that_redirects_is_read_only_where_its_new_site_lets_it():
    target = by_path(
        {"/robots.txt": reply(b"User-agent: *\nDisallow: /private"), "/private": reply(page(place(review())).encode())}
    )
    async with serving(target) as inner:
        answers = {"/robots.txt": reply(b"", 404), "/p": redirect(f"{inner.url}/private")}
        async with serving(by_path(answers)) as outer, visitor() as client:
            connector = Jsonld(Jsonld.Options(urls=(f"{outer.url}/p",)), client, now=lambda: NOW)
            with pytest.raises(NotPermitted, match="robots.txt"):
                _ = [one async for one in connector.poll({}, FLOOR)]


def test_a_crawl_delay_lets_one_page_of_a_site_be_read_a_poll_in_turn():
    urls = tuple(f"https://reviews.example/{n}" for n in "abc")
    robots = "User-agent: *\nCrawl-delay: 10"
    traffic = Traffic((ROBOTS, robots), *((url, page(place(review(author=url)))) for url in urls))
    cursor, read_, warned = {}, [], []
    for poll in range(4):
        before = len(traffic.requests)
        pages = polled(traffic, cursor, urls=urls, now=NOW + timedelta(hours=poll))
        cursor = [one.cursor for one in pages if one.cursor is not None][-1]
        read_ += [path for path in asked(traffic)[before:] if path != "/robots.txt"]
        warned.append([warning for one in pages for warning in one.warnings])
    assert read_ == ["/a", "/b", "/c", "/a"]
    assert all(len(warnings) == 2 and "10 s between" in warnings[0] for warnings in warned)


# Asking again


def test_a_page_that_has_not_changed_is_asked_for_by_its_etag_and_says_nothing():
    first = polled(
        site(httpx.Response(200, text=page(place(review())), headers={"etag": '"a"', "last-modified": "then"}))
    )
    traffic = site(httpx.Response(304))
    again = polled(traffic, first[-1].cursor)
    assert traffic.requests[-1].headers["if-none-match"] == '"a"'
    assert traffic.requests[-1].headers["if-modified-since"] == "then"
    assert ([len(one.mentions) for one in again], again[-1].cursor) == ([0], first[-1].cursor)


def test_a_page_with_the_same_body_says_nothing():
    first = polled(site(page(place(review()))))
    again = polled(site(page(place(review()))), first[-1].cursor)
    assert ([len(one.mentions) for one in again], again[-1].cursor) == ([0], first[-1].cursor)


def test_a_304_that_nobody_asked_for_is_no_page():
    with pytest.raises(Malformed):
        polled(site(httpx.Response(304)))


def test_an_etag_that_cannot_be_sent_back_is_not_kept():
    first = polled(site(httpx.Response(200, text=page(place(review())), headers={"etag": "x" * 5000})))
    assert "etag" not in json.dumps(first[-1].cursor)


def test_one_page_that_refuses_keeps_no_other_from_being_read():
    urls = (URL, "https://reviews.example/gone", "https://reviews.example/other")
    traffic = Traffic((ROBOTS, 404), (URL, page(place(review(1)))), (urls[1], 404), (urls[2], page(place(review(2)))))
    connector = Jsonld(Jsonld.Options(urls=urls), traffic.client(), now=lambda: NOW)
    read_ = []

    async def run():
        async for one in connector.poll({}, FLOOR):
            read_.append(one)  # noqa: PERF401  # the error comes at the end

    with pytest.raises(NotPermitted, match="^reviews.example answered 404: there is no such page"):
        asyncio.run(run())
    assert [len(one.mentions) for one in read_] == [1, 1]
    assert all(one.cursor is None for one in read_)


@pytest.mark.parametrize(
    ("code", "error"), [(401, AuthRejected), (403, NotPermitted), (404, NotPermitted), (410, NotPermitted)]
)
def test_a_refusal_says_what_to_do(code, error):
    with pytest.raises(error, match="urls|address|options"):
        polled(site(code))


@pytest.mark.parametrize("html", ["<html><form>Log in</form></html>", "", page(raw="{broken"), page(raw="null")])
def test_a_page_without_structured_data_is_no_page_without_reviews(html):
    with pytest.raises(Malformed, match="no structured data"):
        polled(site(html))


def test_a_page_that_has_data_and_no_review_is_told_of():
    (one,) = polled(site(page({"@type": "WebSite", "name": "x"})))
    assert "no review" in one.warnings[0]


def test_what_the_window_hides_is_told():
    def rated(count, *reviews):
        return site(
            page(place(*reviews, aggregateRating={"@type": "AggregateRating", "ratingValue": 4, "reviewCount": count}))
        )

    first = polled(rated("1,250", review(1), review(2)))
    second = polled(rated(1251, review(2), review(3)), first[-1].cursor)
    third = polled(rated(1256, review(3), review(4)), second[-1].cursor)
    assert (first[-1].warnings, second[-1].warnings) == ([], [])
    assert third[-1].warnings == ["reviews.example counts 4 new reviews that its page does not show"]
    fourth = polled(rated(1250, review(4)), third[-1].cursor)
    assert fourth[-1].warnings == []


def test_other_options_have_the_pages_read_again():
    first = polled(site(page(place(review()))))
    assert not polled(site(page(place(review()))), first[-1].cursor)[0].mentions
    assert polled(site(page(place(review()))), first[-1].cursor, own=("Reviewer 1",))[0].mentions[0].ours


@pytest.mark.parametrize("urls", [(), ("reviews.example",), ("ftp://reviews.example/x",), ("https://",)])
def test_options_without_an_address_are_refused(urls):
    with pytest.raises(ValueError):
        Jsonld.Options(urls=urls)


def test_one_address_needs_no_list():
    assert Jsonld.Options(urls=URL).urls == (URL,)


# What a page says


@pytest.mark.parametrize(
    "html",
    [
        page(place(review())),
        page(review(itemReviewed={"@type": "Hospital", "name": "Practice Hospital"})),
        page([{"@type": "WebSite"}, place(review())]),
        page({"@context": "https://schema.org", "@graph": [{"@type": "WebPage"}, place(review())]}),
        page({"@type": "WebPage", "mainEntity": place(review())}),
        page({"@type": "Article", "hasPart": [review()]}),
        page(place(review(**{"@type": ["Thing", "http://schema.org/Review"]}))),
        page(place(review(**{"@type": "schema:UserReview"}))),
        page({"@type": "WebSite"}, place(review())),
        page(place(review())).replace("application/ld+json", "APPLICATION/LD+JSON; charset=utf-8"),
        page(place(review())).replace('type="application/ld+json"', "async id=x type='application/ld+json' class=y"),
        page(place(review())).replace("<script", "<SCRIPT").replace("</script", "</Script"),
        page(place(review()), raw="") + page(raw="{broken"),
        page(place(review())) + page(raw="null") + page(raw=" "),
    ],
)
def test_a_review_is_found_wherever_it_stands(html):
    (one,) = Reading(structured.read(html), page=URL, now=NOW).mentions()[0]
    assert (one.kind, one.text, one.stars, one.author) == (Kind.REVIEW, "Words of review 1.", 4.0, "Reviewer 1")
    assert (one.published_at, one.url, one.ours) == (datetime(2026, 5, 31, tzinfo=UTC), URL, False)


@pytest.mark.parametrize(
    "raw",
    [
        '<!-- {"a": "x"} -->',
        '<!-- a comment --> {"a": "x"}',
        '//<![CDATA[\n{"a": "x"}\n//]]>',
        '/*<![CDATA[*/ {"a": "x"} /*]]>*/',
        '<![CDATA[{"a": "x"}]]>',
        '{"a": "x",}',
        '{"b": [1, 2, ], "a": "x" , }',
        '{"a": "x"};',
        '{"a": "x" // why not\n}',
        '{/* why */ "a": "x"}',
        '{"u": "https://x.example/", "a": "x" // and\n,}',
        '{"b": "line\none\ttab", "a": "x"}',
        '{"b": "it\\\'s", "a": "x"}',
        '{"b": "\\u12", "a": "x"}',
        "{&quot;a&quot;: &quot;x&quot;}",
        '\ufeff{"a": "x"}'.replace("\ufeff", " "),
    ],
)
def test_dirty_json_is_read(raw):
    assert dirty_json.loads(raw)["a"] == "x"


@pytest.mark.parametrize(
    "raw", ["", "{", '{"a": }', '{"a": "x" "b": "y"}', "[" * 100_000, "function () {}", '{"a": "x"']
)
def test_what_is_no_json_is_given_up(raw):
    with pytest.raises(ValueError):
        dirty_json.loads(raw)


def test_commas_and_slashes_in_words_stay():
    assert dirty_json.loads('{"a": "no, ] // not /* this */ ,}",}')["a"] == "no, ] // not /* this */ ,}"


def test_a_block_that_cannot_be_read_is_counted():
    pages = polled(site(page(place(review())) + page(raw='{"truncated": ')))
    assert (len(pages[0].mentions), pages[0].skipped) == (1, 1)


def test_markup_and_entities_become_plain_text():
    (one,) = read(
        page(place(review(reviewBody="Waited &amp; waited.<br>Then &quot;home&quot;.", name="So &#39;so&#39;")))
    )
    assert (one.text, one.title) == ('Waited & waited.\nThen "home".', "So 'so'")


def test_words_may_have_a_language_or_stand_elsewhere():
    (one,) = read(page(place(review(reviewBody={"@value": "Lange gewartet.", "@language": "de-CH"}))))
    assert (one.text, one.lang) == ("Lange gewartet.", "de")
    (one,) = read(page(place(review(reviewBody=None, description="Short.", inLanguage="en-US"))))
    assert (one.text, one.lang) == ("Short.", "en")
    notes = {
        "positiveNotes": {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "name": "Friendly"}]},
        "negativeNotes": ["Slow"],
    }
    (one,) = read(page(place(review(reviewBody=None, **notes))))
    assert one.text == "Friendly\nSlow"


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("Ada Example", "Ada Example"), ({"name": "Ada Example"}, "Ada Example"), ([{"name": "Ada"}, {"name": "Bob"}], "Ada"),
        ({"@type": "Organization", "name": ["Guide", "x"]}, "Guide"), ({"@id": "#ada"}, "Ada Elsewhere"), (None, None),
        ({"@type": "Person"}, None), ("https://reviews.example/users/1", None), (7, None),
    ],
)  # fmt: skip
def test_an_author_has_many_shapes(author, name):
    (one,) = read(
        page({"@graph": [place(review(author=author)), {"@id": "#ada", "@type": "Person", "name": "Ada Elsewhere"}]})
    )
    assert one.author == name


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("2026-05-31", datetime(2026, 5, 31, tzinfo=UTC)),
        ("2026-05-31T10:00:00+02:00", datetime(2026, 5, 31, 8, tzinfo=UTC)),
        ("2026-05-31T10:00:00Z", datetime(2026, 5, 31, 10, tzinfo=UTC)),
        ("2026-05-31 10:00", datetime(2026, 5, 31, 10, tzinfo=UTC)),
        (["2026-05-31"], datetime(2026, 5, 31, tzinfo=UTC)),
        ("last week", NOW), ("31/05/2026", NOW), (None, NOW), ("0001-01-01T00:00:00+14:00", NOW), (20260531, NOW),
    ],
)  # fmt: skip
def test_a_date_is_aware_and_an_unreadable_one_is_of_the_first_reading(date, at):
    (one,) = read(page(place(review(datePublished=date))))
    assert (one.published_at, one.published_at.tzinfo) == (at, UTC)


def test_what_says_nothing_is_counted_and_a_mere_reference_is_none():
    data = structured.read(
        page(place(review(), {"@type": "Review", "author": "x"}, {"@type": "Review", "@id": "#elsewhere"}))
    )
    mentions, skipped = Reading(data, page=URL, now=NOW).mentions()
    assert (len(mentions), skipped) == (1, 1)


def test_a_check_of_facts_is_no_review():
    assert read(page({"@type": "ClaimReview", "claimReviewed": "x", "reviewRating": {"ratingValue": 1}})) == []


def test_microdata_is_read_as_well():
    (one,) = read(
        '<div itemscope itemtype="https://schema.org/Hospital"><span itemprop=name>Practice <b>Hospital</b></span>'
        '<div itemprop="review" itemscope itemtype="https://schema.org/Review"><span itemprop="author" itemscope'
        ' itemtype="https://schema.org/Person"><i itemprop="name">Ada Example</i></span>'
        '<time itemprop="datePublished" datetime="2026-05-31">yesterday</time><p itemprop="reviewBody">Nobody &amp; nothing.</p>'
        '<span itemprop="reviewRating" itemscope itemtype="https://schema.org/Rating"><meta itemprop="worstRating" content="1">'
        '<span itemprop="ratingValue">2</span>/<span itemprop="bestRating">5</span></span></div></div>'
    )
    assert (one.text, one.author, one.stars, one.title) == (
        "Nobody & nothing.",
        "Ada Example",
        2.0,
        "Practice Hospital",
    )
    assert one.published_at == datetime(2026, 5, 31, tzinfo=UTC)


def test_what_stands_in_the_page_twice_is_one_review():
    assert len(read(page(place(review()), review()))) == 1


def test_a_page_in_another_charset_is_read():
    body = page(place(review(reviewBody="Größe"))).replace("Gr\\u00f6\\u00dfe", "Größe")
    for raw, kind in (
        (body.encode("cp1252"), "text/html"),
        (body.encode("latin-1"), "text/html; charset=iso-8859-1"),
        (body.encode(), "text/html"),
    ):
        pages = polled(site(httpx.Response(200, content=raw, headers={"content-type": kind})))
        assert pages[0].mentions[0].text == "Größe"


# Ratings


@pytest.mark.parametrize(
    ("rating", "stars"),
    [
        ({"ratingValue": 5}, 5), ({"ratingValue": "4,5"}, 4.5), ({"ratingValue": "4.5/5"}, 4.5), ({"ratingValue": "3 stars"}, 3),
        ({"ratingValue": "90%"}, 4.6), ({"ratingValue": 8}, 4.11), ({"ratingValue": 85}, 4.4), (4, 4), ("4", 4), (["5"], 5),
        ({"ratingValue": 7.6, "bestRating": 10, "worstRating": 1}, 3.93), ({"ratingValue": "0", "bestRating": "10"}, 1),
        ({"ratingValue": 1, "bestRating": 1, "worstRating": 6}, 5), ({"ratingValue": "6,0", "bestRating": "1", "worstRating": "6"}, 1),
        ({"ratingValue": 2, "bestRating": 1, "worstRating": 6}, 4.2), ({"ratingValue": 10, "bestRating": 5}, None),
        ({"ratingValue": 3, "bestRating": 3, "worstRating": 3}, None), ({"ratingValue": "good"}, None), ({"ratingValue": None}, None),
        ({"ratingValue": True}, None), ({"ratingValue": -1}, None), ({"ratingValue": float("inf")}, None), ({}, None),
        ([{"reviewAspect": "x"}, {"ratingValue": 2}], 2), ({"@id": "#r"}, 3), ({"ratingValue": {"@value": "4"}}, 4),
        ({"ratingValue": "&#52;"}, 4),
    ],
)  # fmt: skip
def test_a_rating_of_any_scale_is_stars(rating, stars):
    nodes = {"@graph": [place(review(reviewRating=rating)), {"@id": "#r", "@type": "Rating", "ratingValue": 3}]}
    (one,) = read(page(nodes).replace("Infinity", "1e999"))
    assert one.stars == stars


def test_a_number_is_bounded():
    assert ratings.number("9" * 100_000) == 999999.0
    assert ratings.stars(10**400) is None


# Ids, answers, edits


def ids(*reviews, **how):
    return [one.external_id for one in read(page(place(*reviews)), **how)]


def test_a_review_goes_by_its_own_id_or_address():
    assert ids(review(**{"@id": "#review-7"})) == [f"{URL}#review-7"]
    assert ids(review(url="/practice/review/7")) == ["https://reviews.example/practice/review/7"]
    assert read(page(place(review(url="/practice/review/7"))))[0].url == "https://reviews.example/practice/review/7"


@pytest.mark.parametrize("own", [{"@id": "_:b0"}, {"@id": URL}, {"url": URL}, {"url": "#"}, {"@id": ""}, {"@id": 7}])
def test_what_is_no_id_of_its_own_is_none(own):
    assert ids(review(**own)) == ids(review())


def test_without_an_id_author_and_date_name_it_through_every_edit():
    before = read(page(place(review())))[0]
    after = read(page(place(review(reviewBody="Now it says something else.", reviewRating=1))))[0]
    assert (before.external_id, before.fingerprint) != (after.external_id, after.fingerprint)
    assert before.external_id == after.external_id
    assert before.fingerprint != after.fingerprint


def test_without_author_or_date_its_words_name_it():
    words = {"author": None, "reviewBody": "The same beginning, long enough to be told by. " * 3}
    assert ids(review(**words)) == ids(review(**words | {"reviewBody": words["reviewBody"] + "And more."}))
    assert ids(review(**words)) != ids(review(**words | {"reviewBody": "Other words."}))


def test_reviews_that_share_an_id_or_an_author_and_a_date_are_told_apart():
    assert len(set(ids(review(1, **{"@id": "#r"}), review(2, **{"@id": "#r"})))) == 2
    assert len(set(ids(review(1), review(1, reviewBody="A second one on the same day.")))) == 2


def test_another_page_has_other_ids():
    one = Reading(structured.read(page(place(review()))), page=URL, now=NOW).mentions()[0]
    other = Reading(structured.read(page(place(review()))), page=URL + "/2", now=NOW).mentions()[0]
    assert one[0].external_id != other[0].external_id


def test_an_answer_of_ours_is_ours_and_hangs_on_its_review():
    answer = {
        "@type": "Comment",
        "author": {"@type": "Organization", "name": "The Hospital"},
        "text": "We are sorry.",
        "dateCreated": "2026-06-01",
    }
    said, reply_ = read(page(place(review(comment=answer))))
    assert (reply_.kind, reply_.ours, reply_.parent_id, reply_.text) == (
        Kind.COMMENT,
        True,
        said.external_id,
        "We are sorry.",
    )
    assert reply_.published_at == datetime(2026, 6, 1, tzinfo=UTC)
    again = read(page(place(review(comment={**answer, "text": "We are very sorry."}))))[1]
    assert again.external_id == reply_.external_id


@pytest.mark.parametrize(
    ("author", "ours"),
    [
        ({"@type": "Person", "name": "A Reader"}, False), ({"@type": "Person", "name": "Dr. Example"}, True),
        ("practice hospital", True), ({"@type": ["Hospital"], "name": "x"}, True), (None, False),
    ],
)  # fmt: skip
def test_a_comment_is_ours_by_who_wrote_it(author, ours):
    comments = [{"@type": "Comment", "author": author, "text": "Indeed."}, "odd", {"@type": "Comment"}]
    mentions = read(page(place(review(comment=comments))), own=("Dr. Example",))
    assert [one.ours for one in mentions] == [False, ours]


def test_nothing_older_than_the_floor_and_no_naive_date_is_handed_over():
    old, new = review(1, datePublished="2025-01-01"), review(2)
    (one,) = polled(site(page(place(old, new))), floor=datetime(2026, 1, 1, tzinfo=UTC))
    assert [mention.author for mention in one.mentions] == ["Reviewer 2"]


WHOLE = place(
    review(
        **{"@id": "#1"}, url="/practice/1", name="So so", inLanguage="en", itemReviewed={"@type": "Hospital", "name": "x"},
        comment=[{"@type": "Comment", "text": "Sorry.", "author": {"@type": "Organization", "name": "x"}}],
    ),
    aggregateRating={"@type": "AggregateRating", "reviewCount": "3", "ratingValue": "4,5"},
)  # fmt: skip


@settings(max_examples=200)
@given(node=spoilt(WHOLE))
def test_whatever_stands_in_a_page_only_sound_mentions_leave(node):
    reading = Reading(structured.read(page(node)), page=URL, now=NOW)
    mentions, _ = reading.mentions()
    reading.shows(mentions, {})
    assert all(is_sound(mention) for mention in mentions)


# Pages built to hurt


@pytest.mark.parametrize(
    "html",
    [
        '<script type="application/ld+json">' * 100_000,
        "<script type=x" + " a" * 500_000,
        page(raw="[" * 900_000),
        page(raw=",/*" * 300_000),
        page(raw='{"a":1' + "\n ;" * 300_000 + "x"),
        "<div itemscope><b itemprop=x>" * 100_000,
        "<div itemscope itemprop=review itemtype='http://schema.org/Review'>" * 30_000,
        page(place(review(reviewBody="<a><div>" * 100_000, reviewRating={"ratingValue": "9" * 500_000}))),
    ],
)
def test_a_page_built_to_hurt_is_read_in_time(html):
    Reading(structured.read(html), page=URL, now=NOW).mentions()


def test_our_client_says_who_it_is_by_the_name_that_robots_txt_may_use():
    assert our_client(contact="").headers["user-agent"].startswith("wellheard/")
