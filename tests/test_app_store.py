"""The App Store's public listing: its wrapped texts, its storefronts, and its empty days."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.app_store import AppStore
from monitor.connector import Malformed, Unavailable
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

OPTIONS: dict[str, Any] = {"app": "1234567890", "countries": ("gb",)}
DEPTH = httpx.Response(200, text="CustomerReviews RSS page depth is limited to 10")


def label(value: str, **attributes: str) -> dict[str, Any]:
    return {"label": value} | ({"attributes": attributes} if attributes else {})


def entry(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th review, one an hour, the tenth now, dated in Apple's own zone."""
    at = (at or NOW - timedelta(hours=10 - n)).astimezone(UTC) - timedelta(hours=7)
    return {
        "author": {"uri": label("https://itunes.apple.com/gb/reviews/id77"), "name": label("Maple7"), "label": ""},
        "updated": label(at.strftime("%Y-%m-%dT%H:%M:%S-07:00")),
        "im:version": label("1.0.1"),
        "im:rating": label("2"),
        "id": label(str(6_000_000_000 + n)),
        "title": label("Kept waiting"),
        "content": label("The appointment never shows.", type="text"),
        "link": {"attributes": {"rel": "related", "href": "https://itunes.apple.com/gb/review?id=1234567890"}},
        "im:voteSum": label("0"),
        "im:contentType": {"attributes": {"term": "Application", "label": "Application"}},
        "im:voteCount": label("3"),
    } | changes


def listing(entries: list[Any]) -> dict[str, Any]:
    """A page as Apple sends it: one entry stands alone, none is no entry, links that lead nowhere are empty."""
    links = [{"attributes": {"rel": rel, "href": ""}} for rel in ("first", "last", "previous", "next")]
    shown = {} if not entries else {"entry": entries[0] if len(entries) == 1 else entries}
    return {"feed": {"author": {"name": label("iTunes Store")}, **shown, "updated": label("x"), "link": links}}


def store(country: str, entries: list[Any], size: int = 3) -> tuple[Any, Any]:
    """A storefront: ten pages at most, and beyond them a sentence in place of data."""

    def page(request: httpx.Request) -> int:
        found = re.fullmatch(
            rf"/{country}/rss/customerreviews/page=(\d+)/id=1234567890/sortby=mostrecent/json", request.url.path
        )
        return int(found[1]) if found else 0

    def answer(request: httpx.Request) -> Any:
        at = (page(request) - 1) * size
        return DEPTH if page(request) > 10 else listing(entries[at : at + size])

    return (lambda request: page(request) > 0), answer


class TestAppStore(ConnectorContract):
    connector = AppStore
    options: ClassVar = OPTIONS
    refusals: ClassVar = {
        "502": Refusal(name="502", answer=httpx.Response(502, html="<p>Bad Gateway</p>"), raises=Unavailable),
        "too deep": Refusal(name="too deep", answer=DEPTH, raises=Malformed),
    }

    def raw(self, said: Said) -> Any:
        return entry(said.n, said.arrived_at, content=label(said.text, type="text"))

    def serve(self, items: Any) -> Traffic:
        return Traffic(store("gb", list(items)))


class TestAppStoreTwoStorefronts(TestAppStore):
    options: ClassVar = OPTIONS | {"countries": ("gb", "DE")}

    def serve(self, items: Any) -> Traffic:
        odd, even = list(items)[::2], list(items)[1::2]
        return Traffic(store("gb", odd), store("de", even))


async def polled(traffic: Traffic, cursor: Any = None, floor: datetime = FLOOR, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        connector = AppStore(AppStore.Options(**OPTIONS | options), client, now=lambda: NOW)
        pages = [page async for page in connector.poll(cursor or {}, floor)]
    return pages, [mention for page in pages for mention in page.mentions]


async def test_a_single_review_stands_without_a_list():
    _, [said] = await polled(Traffic(store("gb", [entry(9)])))

    assert (said.external_id, said.kind, said.stars) == ("6000000009", Kind.REVIEW, 2)
    assert (said.title, said.text) == ("Kept waiting", "The appointment never shows.")
    assert (said.author, said.engagement, said.ours) == ("Maple7", 3, False)
    assert said.published_at == NOW - timedelta(hours=1)
    assert said.url == "https://apps.apple.com/gb/app/id1234567890?see-all=reviews"


async def test_the_app_itself_on_top_is_no_review():
    app = {"im:name": label("Practice"), "id": label("x"), "title": label("Practice"), "im:artist": label("Practice")}
    pages, mentions = await polled(Traffic(store("gb", [app, entry(9), entry(8)])))

    assert [mention.external_id for mention in mentions] == ["6000000009", "6000000008"]
    assert sum(page.skipped for page in pages) == 0


@pytest.mark.parametrize("rating", ["", "0", "6", "five"])
async def test_stars_that_cannot_be_read_lose_no_review(rating):
    _, [said] = await polled(Traffic(store("gb", [entry(9, **{"im:rating": label(rating)})])))

    assert (said.stars, said.text) == (None, "The appointment never shows.")


async def test_a_text_in_two_forms_is_read_in_the_plain_one():
    both = [label("Never shows & waits", type="text"), label("<p>Never shows &amp; waits</p>", type="html")]
    _, [said] = await polled(Traffic(store("gb", [entry(9, content=both)])))

    assert said.text == "Never shows & waits"


async def test_reviews_without_a_date_were_published_when_they_were_read():
    entries = [entry(n) for n in (9, 8, 7, 6)]
    for one in entries:
        del one["updated"]
    pages, mentions = await polled(Traffic(store("gb", entries)))

    assert {mention.published_at for mention in mentions} == {NOW}
    assert len(mentions) == 4

    again = Traffic(store("gb", entries))
    await polled(again, pages[-1].cursor)
    assert len(again.requests) == 2


async def test_no_page_below_the_tenth_is_asked_for():
    traffic = Traffic(store("gb", [entry(n) for n in range(50, 0, -1)]))
    _, mentions = await polled(traffic)

    assert len(traffic.requests) == 10
    assert len(mentions) == 30


async def test_an_edited_review_is_on_top_again_under_the_same_id():
    before, first = await polled(Traffic(store("gb", [entry(8), entry(7)])))
    edited = entry(7, NOW, **{"im:rating": label("5"), "content": label("It works now.")})
    _, second = await polled(Traffic(store("gb", [edited, entry(8)])), before[-1].cursor)
    old, new = ({one.external_id: one for one in found}["6000000007"] for found in (first, second))

    assert (old.stars, new.stars, new.text) == (2, 5, "It works now.")
    assert old.fingerprint != new.fingerprint


async def test_a_storefront_that_is_suddenly_empty_is_told_and_holds_up_no_other():
    both = {"countries": ("gb", "de")}
    before, _ = await polled(Traffic(store("gb", [entry(8)]), store("de", [entry(7)])), **both)
    pages, mentions = await polled(
        Traffic(store("gb", []), store("de", [entry(9), entry(7)])), before[-1].cursor, **both
    )
    cursor = pages[-1].cursor

    assert [one for page in pages for one in page.warnings] == [
        "itunes.apple.com sent an empty list for 1234567890/gb where there were reviews: it is asked again at the next poll"
    ]
    assert "6000000009" in {mention.external_id for mention in mentions}
    assert cursor["1234567890/gb"] == before[-1].cursor["1234567890/gb"]
    assert cursor["1234567890/de"]["newest"] == (NOW - timedelta(hours=1)).isoformat()


async def test_a_poll_without_news_asks_a_storefront_twice_at_most():
    entries = [entry(n, NOW - timedelta(hours=30 - n)) for n in range(30, 0, -1)]
    pages, _ = await polled(Traffic(store("gb", entries)))
    again = Traffic(store("gb", entries))
    await polled(again, pages[-1].cursor)

    assert [re.findall(r"page=(\d+)", request.url.path) for request in again.requests] == [["1"], ["2"]]


async def test_connect_finds_apps_by_name():
    app = {"trackId": 1234567890, "trackName": "Practice", "artistName": "Practice Hospital"}
    traffic = Traffic(("https://itunes.apple.com/search?term=Practice&entity=software&country=gb", {"results": [app]}))
    async with traffic.client() as client:
        [found] = [one async for one in AppStore.connect.find({"name": "Practice", "country": "GB"}, client)]

    assert found.shown == "Practice by Practice Hospital"
    assert AppStore.Options(**found.options).app == "1234567890"


@pytest.mark.parametrize("wrong", [{"app": "practice"}, {"countries": ()}, {"countries": ("gbr",)}])
def test_options_say_what_is_wrong(wrong):
    with pytest.raises(ValueError, match=r"is no app|are no storefronts"):
        AppStore.Options(**OPTIONS | wrong)


@settings(max_examples=60, deadline=None)
@given(item=spoilt(entry(9)))
def test_whatever_stands_in_an_entry_only_sound_mentions_leave(item):
    connector = AppStore(AppStore.Options(**OPTIONS), Traffic().client(), now=lambda: NOW)
    page = connector.page([{**item, "country": "gb"}], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
