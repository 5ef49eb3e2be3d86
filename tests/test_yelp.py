"""Yelp: excerpts, times without a zone, a budget for the day, and a rule of 24 hours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given, settings

from connectors.yelp import Yelp
from monitor.connector import AuthRejected, Malformed, NotPermitted, Secret, Throttled
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

BUSINESS = "practice-hospital-anywhere"
REVIEWS = f"https://api.yelp.com/v3/businesses/{BUSINESS}/reviews"
OPTIONS: dict[str, Any] = {"business": BUSINESS, "api_key": Secret("not-to-be-seen")}
DATE = {"date": "Mon, 01 Jun 2026 12:00:00 GMT"}


def review(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th review, one an hour, the tenth now, dated as in California."""
    at = (at or NOW - timedelta(hours=10 - n)).astimezone(ZoneInfo("America/Los_Angeles"))
    return {
        "id": f"xAG4O7l-t1ubbw{n:08d}",
        "url": f"https://www.yelp.com/biz/{BUSINESS}?hrid=xAG4O7l-t1ubbw{n:08d}&adjust_creative=x",
        "text": "Waited four hours, and then they said that the doctor had...",
        "rating": 2,
        "time_created": at.strftime("%Y-%m-%d %H:%M:%S"),
        "user": {"id": "W8", "profile_url": "https://www.yelp.com/u", "image_url": None, "name": "Maple A."},
    } | changes


def said(reviews: list[Any], total: int = 240) -> dict[str, Any]:
    return {"reviews": reviews, "total": total, "possible_languages": ["en", "de"]}


def refused(status: int, code: str, **more: str) -> httpx.Response:
    headers = DATE | {"RateLimit-ResetTime": "2026-06-02T00:00:00+00:00", "RateLimit-Remaining": "0.0"}
    return httpx.Response(status, headers=headers, json={"error": {"code": code, "description": "Of no use", **more}})


def meaning(status: int, code: str, raises: Any, wait: timedelta | None = None, **more: str) -> Refusal:
    return Refusal(name=f"{code} {more}", answer=refused(status, code, **more), raises=raises, wait=wait)


class TestYelp(ConnectorContract):
    connector = Yelp
    options: ClassVar = OPTIONS
    refusals: ClassVar = {
        one.name: one
        for one in (
            meaning(401, "TOKEN_INVALID", AuthRejected),
            meaning(401, "UNAUTHORIZED_ACCESS_TOKEN", AuthRejected),
            meaning(400, "VALIDATION_ERROR", AuthRejected, field="Authorization"),
            meaning(400, "VALIDATION_ERROR", Malformed, field="locale"),
            meaning(403, "BUSINESS_UNAVAILABLE", NotPermitted),
            meaning(404, "BUSINESS_NOT_FOUND", NotPermitted),
            meaning(301, "BUSINESS_MIGRATED", NotPermitted, new_business_id="new-id"),
            meaning(429, "TOO_MANY_REQUESTS_PER_SECOND", Throttled, timedelta(seconds=10)),
            meaning(429, "ACCESS_LIMIT_REACHED", Throttled, timedelta(hours=12)),
        )
    }

    def raw(self, said: Said) -> Any:
        return review(said.n, said.published_at, text=said.text)

    def serve(self, items: Any) -> Traffic:
        return Traffic((REVIEWS, said(list(items))))


async def polled(traffic: Traffic, cursor: Any = None, now: datetime = NOW, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        connector = Yelp(Yelp.Options(**OPTIONS | options), client, now=lambda: now)
        pages = [page async for page in connector.poll(cursor or {}, FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


def warnings(pages: Any) -> list[str]:
    return [one for page in pages for one in page.warnings]


async def test_a_review_becomes_a_mention():
    traffic = Traffic((REVIEWS, said([review(9)])))
    _, [mention] = await polled(traffic)

    assert (mention.external_id, mention.kind, mention.stars) == ("xAG4O7l-t1ubbw00000009", Kind.REVIEW, 2)
    assert (mention.author, mention.lang, mention.ours) == ("Maple A.", "en", False)
    assert mention.text.endswith("the doctor had...")
    assert "hrid=xAG4O7l" in (mention.url or "")
    assert traffic.requests[0].url.params["sort_by"] == "newest"
    assert traffic.requests[0].headers["authorization"] == "Bearer not-to-be-seen"


@pytest.mark.parametrize(
    ("written", "hour"), [("2026-05-29 00:41:13", 7), ("2026-05-03 23:00:00", 6)], ids=["summer", "next day"]
)
async def test_a_time_is_that_of_california(written, hour):
    _, [mention] = await polled(Traffic((REVIEWS, said([review(9, time_created=written)]))))

    assert mention.published_at.hour == hour


async def test_a_time_in_winter_is_eight_hours_behind():
    connector = Yelp(Yelp.Options(**OPTIONS), Traffic().client())
    page = connector.page([review(9, time_created="2016-01-29 00:41:13")], datetime(2010, 1, 1, tzinfo=UTC))

    assert page.mentions[0].published_at == datetime(2016, 1, 29, 8, 41, 13, tzinfo=UTC)


async def test_half_stars_are_read():
    _, [mention] = await polled(Traffic((REVIEWS, said([review(9, rating=4.5)]))))

    assert mention.stars == 4.5


async def test_other_stars_are_seen_under_the_same_id():
    pages, [before] = await polled(Traffic((REVIEWS, said([review(9)]))))
    _, [after] = await polled(Traffic((REVIEWS, said([review(9, rating=5)]))), pages[-1].cursor)

    assert before.external_id == after.external_id
    assert before.fingerprint != after.fingerprint


async def test_each_locale_is_asked_for():
    german = Traffic((f"{REVIEWS}?locale=de_DE", said([review(8)])), (f"{REVIEWS}?locale=en_US", said([review(9)])))
    _, mentions = await polled(german, locales=("en_US", "de_DE"))

    assert [mention.lang for mention in mentions] == ["en", "de"]


async def test_a_plan_without_reviews_is_told_and_a_business_without_them_is_not():
    withheld, _ = await polled(Traffic((REVIEWS, said([]))))
    none, _ = await polled(Traffic((REVIEWS, said([], total=0))))

    assert "look at the plan" in warnings(withheld)[0]
    assert warnings(none) == []


# The budget of the day


async def test_requests_are_counted_before_they_are_made_and_a_restart_forgets_none():
    cursor: Any = {}
    down = Traffic((REVIEWS, 500))
    for _ in range(3):
        pages = []
        async with down.client() as client:
            connector = Yelp(Yelp.Options(**OPTIONS, daily=3), client, now=lambda: NOW)
            with pytest.raises(Exception, match="500"):
                async for page in connector.poll(cursor, FLOOR):
                    pages += [page]
        cursor = json.loads(json.dumps(pages[-1].cursor))
    with pytest.raises(Throttled, match="requests of the day") as refusal:
        await polled(down, cursor, daily=3)

    assert refusal.value.wait == timedelta(hours=12)
    assert len(down.requests) == 3
    await polled(Traffic((REVIEWS, said([]))), cursor, NOW + timedelta(hours=12), daily=3)


async def test_a_budget_that_runs_out_is_told():
    pages, _ = await polled(
        Traffic((REVIEWS, said([review(9)]))), {"budget": {"day": "2026-06-01", "used": 85}}, daily=100
    )

    assert warnings(pages) == ["Yelp requests: 14 of 100 left for today, renewed in about 12 h"]


async def test_the_new_id_of_a_business_is_told():
    moved = refused(301, "BUSINESS_MIGRATED", new_business_id="practice-hospital-2")
    with pytest.raises(NotPermitted, match="practice-hospital-2"):
        await polled(Traffic((REVIEWS, moved)))


def test_nothing_is_kept_for_longer_than_a_day():
    assert Yelp.access.retention == timedelta(hours=24)


async def test_connect_finds_the_business_by_name_and_place():
    one = {
        "id": "xAG4",
        "alias": BUSINESS,
        "name": "Practice Hospital",
        "location": {"display_address": ["1 Way", "Anywhere"]},
    }
    traffic = Traffic(
        ("https://api.yelp.com/v3/businesses/search?term=Practice&location=Anywhere", {"businesses": [one]})
    )
    answers = {"api_key": Secret("k"), "name": "Practice", "place": "Anywhere"}
    async with traffic.client() as client:
        [found] = [one async for one in Yelp.connect.find(answers, client)]

    assert (found.shown, found.options) == ("Practice Hospital, 1 Way, Anywhere", {"business": "xAG4"})
    assert found.location == "Practice Hospital"


async def test_connect_tells_a_wrong_key():
    answers = {"api_key": Secret("k"), "name": "Practice", "place": "Anywhere"}
    async with Traffic(("/v3/businesses/search", refused(401, "TOKEN_INVALID"))).client() as client:
        with pytest.raises(AuthRejected, match="wellheard connect yelp"):
            [one async for one in Yelp.connect.find(answers, client)]


def test_options_say_what_is_wrong():
    with pytest.raises(ValueError, match="are no locales"):
        Yelp.Options(**OPTIONS, locales=("english",))


@settings(max_examples=60, deadline=None)
@given(item=spoilt(review(9)))
def test_whatever_stands_in_a_review_only_sound_mentions_leave(item):
    page = Yelp(Yelp.Options(**OPTIONS), Traffic().client(), now=lambda: NOW).page([item], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
