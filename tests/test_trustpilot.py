"""Trustpilot: reviews, what changes in them long after, and our replies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.trustpilot import Trustpilot
from monitor.connector import AuthRejected, Secret, Throttled
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Said, Traffic
from tests.spoiling import is_sound, spoilt

UNIT = "5f0c2d3e4b5a69788796a5b4"
API = "https://api.trustpilot.com/v1"
LISTING = f"{API}/business-units/{UNIT}/reviews"
PRIVATE = f"{API}/private/business-units/{UNIT}/reviews"
TOKEN = "POST " + f"{API}/oauth/oauth-business-users-for-applications/accesstoken"
OPTIONS: dict[str, Any] = {"business_unit": UNIT, "api_key": Secret("not-to-be-seen")}
GRANT = {"access_token": "handed-out", "refresh_token": "handed-out-too", "expires_in": "359999"}


def instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def name(n: int) -> str:
    return f"{n:024x}"


def review(n: int, at: datetime | None = None, reply: str | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th review, one an hour, the tenth now; `reply` is what we said to it an hour later."""
    at = at or NOW - timedelta(hours=10 - n)
    replied = {"text": reply, "createdAt": instant(at + timedelta(hours=1)), "updatedAt": None}
    return {
        "id": name(n),
        "consumer": {"id": "5a", "displayName": "Maple", "displayLocation": None, "numberOfReviews": 2},
        "businessUnit": {"id": UNIT, "identifyingName": "practice.example", "displayName": "Practice Hospital"},
        "stars": 2,
        "title": "Waited",
        "text": "Waited four hours.",
        "language": "en",
        "createdAt": instant(at),
        "updatedAt": None,
        "companyReply": replied if reply else None,
        "isVerified": False,
        "numberOfLikes": 3,
        "status": "active",
        "reportData": None,
        "complianceLabels": [],
        "countsTowardsTrustScore": True,
    } | changes


def listing(reviews: list[Any], size: int = 3) -> Any:
    """How Trustpilot pages: by number, and beyond the end an empty list."""

    def answer(request: httpx.Request) -> Any:
        at = (int(request.url.params.get("page", "1")) - 1) * size
        return {"links": [], "reviews": reviews[at : at + size]}

    return answer


class TestTrustpilot(ConnectorContract):
    connector = Trustpilot
    options: ClassVar = OPTIONS

    def raw(self, said: Said) -> Any:
        return review(said.n, said.arrived_at, text=said.text)

    def serve(self, items: Any) -> Traffic:
        return Traffic((LISTING, listing(list(items))))


class TestTrustpilotPrivate(TestTrustpilot):
    options: ClassVar = OPTIONS | {"api_secret": Secret("nor-this")}
    secrets = ("handed-out", "handed-out-too")

    def serve(self, items: Any) -> Traffic:
        return Traffic((TOKEN, GRANT), (PRIVATE, listing(list(items))))


async def polled(traffic: Traffic, cursor: Any = None, floor: datetime = FLOOR, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        connector = Trustpilot(Trustpilot.Options(**OPTIONS | options), client, now=lambda: NOW)
        pages = [page async for page in connector.poll(cursor or {}, floor)]
    return pages, [mention for page in pages for mention in page.mentions]


async def test_a_review_and_our_reply_become_mentions():
    _, [said, ours] = await polled(Traffic((LISTING, listing([review(9, reply="We are sorry.")]))))

    assert (said.external_id, said.kind, said.ours) == (name(9), Kind.REVIEW, False)
    assert (said.title, said.text, said.stars, said.lang) == ("Waited", "Waited four hours.", 2, "en")
    assert (said.author, said.engagement) == ("Maple", 3)
    assert said.url == f"https://www.trustpilot.com/reviews/{name(9)}"
    assert said.published_at == NOW - timedelta(hours=1)
    assert (ours.external_id, ours.kind, ours.ours) == (f"{name(9)}/reply", Kind.COMMENT, True)
    assert (ours.parent_id, ours.text, ours.author) == (name(9), "We are sorry.", "Practice Hospital")
    assert ours.published_at == NOW


async def test_personal_data_of_the_private_listing_is_not_read():
    private = review(9, referralEmail="maple@mail.example", referenceId="order-77", username="maple")
    traffic = Traffic((TOKEN, GRANT), (PRIVATE, listing([private])))
    _, mentions = await polled(traffic, api_secret=Secret("s"))

    assert "order-77" not in repr(mentions)
    assert "maple@mail" not in repr(mentions)


async def test_a_public_call_carries_the_key_and_a_private_one_a_token():
    public, private = Traffic((LISTING, listing([]))), Traffic((TOKEN, GRANT), (PRIVATE, listing([])))
    await polled(public)
    await polled(private, api_secret=Secret("s"))

    assert public.requests[0].headers["apikey"] == "not-to-be-seen"
    assert private.requests[0].headers["authorization"].startswith("Basic ")
    assert private.requests[0].content == b"grant_type=client_credentials"
    assert private.requests[1].headers["authorization"] == "Bearer handed-out"


async def test_a_time_without_a_zone_is_utc():
    _, [said] = await polled(Traffic((LISTING, listing([review(9, createdAt="2026-05-31T13:37:00")]))))

    assert said.published_at == datetime(2026, 5, 31, 13, 37, tzinfo=UTC)


@pytest.mark.parametrize("missing", ["stars", "title", "text", "language", "companyReply", "consumer", "numberOfLikes"])
@pytest.mark.parametrize("gone", [True, False])
async def test_what_is_null_or_missing_loses_no_review(missing, gone):
    odd = review(9, **{missing: None})
    if gone:
        del odd[missing]
    pages, [said] = await polled(Traffic((LISTING, listing([odd]))))

    assert said.external_id == name(9)
    assert sum(page.skipped for page in pages) == 0


async def test_a_reply_that_cannot_be_read_does_not_take_the_review_with_it():
    pages, [said] = await polled(Traffic((LISTING, listing([review(9, companyReply={"text": None})]))))

    assert said.external_id == name(9)
    assert sum(page.skipped for page in pages) == 1


# What changes later


class Months:
    """A business unit with a review a day, which is polled again and again."""

    def __init__(self, count: int = 12) -> None:
        self.reviews = [review(n, NOW - timedelta(days=n)) for n in range(count)]
        self.cursor: Any = {}
        self.asked: list[str] = []

    async def poll(self) -> Any:
        traffic = Traffic((LISTING, listing(self.reviews)))
        pages, mentions = await polled(traffic, self.cursor, NOW - timedelta(days=365))
        self.cursor = json.loads(json.dumps(pages[-1].cursor))
        self.asked = [request.url.params.get("page", "1") for request in traffic.requests]
        return {mention.external_id: mention for mention in mentions}


async def test_each_poll_reads_the_newest_page_and_an_older_one_in_turn():
    months = Months()
    await months.poll()
    turns = [(await months.poll(), months.asked)[1] for _ in range(6)]

    assert turns == [["1", "2"], ["1", "3"], ["1", "4"], ["1", "5"], ["1", "2"], ["1", "3"]]


async def test_a_late_reply_and_other_stars_are_found_after_as_many_polls_as_there_are_pages():
    months = Months()
    before = await months.poll()
    months.reviews[10] = review(10, NOW - timedelta(days=10), reply="Please call us.", stars=5, text="All is well.")
    found: dict[str, Any] = {}
    for _ in range(4):
        found |= await months.poll()

    assert (before[name(10)].stars, found[name(10)].stars, found[name(10)].text) == (2, 5, "All is well.")
    assert found[f"{name(10)}/reply"].parent_id == name(10)


async def test_re_reading_ends_after_ninety_days():
    months = Months(200)
    await months.poll()
    for _ in range(29):
        await months.poll()
    last = months.asked
    await months.poll()

    assert (last, months.asked) == (["1", "30"], ["1", "31"])
    await months.poll()
    assert months.asked == ["1", "2"]


@pytest.mark.parametrize("refusal", [400, 404, 500, {"message": "another shape"}])
async def test_an_older_page_that_is_refused_is_told_and_holds_nothing_up(refusal):
    months = Months()
    await months.poll()
    months.reviews.insert(0, review(99, NOW + timedelta(minutes=5)))
    broken = Traffic(
        (lambda request: request.url.params.get("page") == "2", refusal), (LISTING, listing(months.reviews))
    )
    pages, mentions = await polled(broken, months.cursor)

    assert name(99) in {mention.external_id for mention in mentions}
    assert "older page" in pages[-1].warnings[0]
    assert pages[-1].cursor == {UNIT: {"newest": NOW.isoformat(), "again": None}}


async def test_an_older_page_that_asks_for_patience_ends_the_poll():
    months = Months()
    await months.poll()
    busy = Traffic((lambda request: request.url.params.get("page") == "2", 429), (LISTING, listing(months.reviews)))
    with pytest.raises(Throttled):
        await polled(busy, months.cursor)


async def test_an_empty_list_where_there_were_reviews_is_told_and_moves_nothing():
    months = Months()
    await months.poll()
    before, months.reviews = months.cursor, []
    pages, _ = await polled(Traffic((LISTING, listing([]))), before)

    assert [page.cursor for page in pages] == [before]
    assert "empty list" in pages[0].warnings[0]


async def test_another_business_unit_is_another_walk():
    first, _ = await polled(Traffic((LISTING, listing([review(9)]))))
    other = f"{API}/business-units/5f00/reviews"
    _, mentions = await polled(Traffic((other, listing([review(5)]))), first[-1].cursor, business_unit="5f00")

    assert [mention.external_id for mention in mentions] == [name(5)]


async def test_a_business_unit_without_reviews_is_no_warning():
    first, _ = await polled(Traffic((LISTING, listing([]))))
    second, _ = await polled(Traffic((LISTING, listing([]))), first[-1].cursor)

    assert not any(page.warnings for page in (*first, *second))


async def test_a_recheck_finds_what_is_gone_and_what_has_changed():
    traffic = Traffic(
        (f"{API}/reviews/{name(1)}", review(1, stars=4)),
        (f"{API}/reviews/{name(2)}", 404),
        (f"{API}/reviews/{name(3)}", review(3)),
    )
    async with traffic.client() as client:
        connector = Trustpilot(Trustpilot.Options(**OPTIONS), client)
        pages = [page async for page in connector.recheck([name(1), name(2), f"{name(3)}/reply"])]

    assert [mention.stars for mention in pages[0].mentions] == [4]
    assert [list(page.gone) for page in pages] == [[], [name(2)], [f"{name(3)}/reply"]]


async def test_a_recheck_that_is_refused_calls_nothing_gone():
    async with Traffic((f"{API}/reviews/{name(1)}", 401)).client() as client:
        with pytest.raises(AuthRejected):
            [page async for page in Trustpilot(Trustpilot.Options(**OPTIONS), client).recheck([name(1)])]


async def test_connect_finds_the_business_unit_of_a_domain():
    traffic = Traffic(
        (f"{API}/business-units/find?name=practice.example", {"id": UNIT, "displayName": "Practice Hospital"})
    )
    async with traffic.client() as client:
        answers = {"api_key": Secret("k"), "domain": "practice.example"}
        [found] = [one async for one in Trustpilot.connect.find(answers, client)]

    assert (found.shown, found.options) == ("Practice Hospital", {"business_unit": UNIT})
    assert traffic.requests[0].headers["apikey"] == "k"


def test_options_say_what_is_wrong():
    with pytest.raises(ValueError, match="no id of a business unit"):
        Trustpilot.Options(business_unit="practice.example", api_key=Secret("k"))


@settings(max_examples=60, deadline=None)
@given(item=spoilt(review(9, reply="We are sorry.")))
def test_whatever_stands_in_a_review_only_sound_mentions_leave(item):
    connector = Trustpilot(Trustpilot.Options(**OPTIONS), Traffic().client(), now=lambda: NOW)
    page = connector.page([item], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
