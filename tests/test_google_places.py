"""Google Places: five reviews that Google picks, nothing of which may be stored, and every look costs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.google_places import GooglePlaces
from monitor.connector import AuthRejected, Malformed, NotPermitted, Secret, Throttled
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.clock import Clock
from tests.spoiling import is_sound, spoilt

API = "https://places.googleapis.com/v1/places"
PLACE, OTHER = "ChIJinvented0001", "ChIJinvented0002"
KEY = "AIza-seen-by-nobody"
OPTIONS: dict[str, Any] = {"api_key": Secret(KEY), "places": (PLACE,)}


def review(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th review, one an hour, the tenth now."""
    at = at or NOW - timedelta(hours=10 - n)
    return {
        "name": f"places/{PLACE}/reviews/ChZD{n}",
        "relativePublishTimeDescription": "vor einer Stunde",
        "rating": 2,
        "text": {"text": "Three hours!", "languageCode": "en"},
        "originalText": {"text": f"Drei Stunden! ({n})", "languageCode": "de"},
        "authorAttribution": {"displayName": "Maple Invented", "uri": "https://maps.example/contrib/1/reviews"},
        "publishTime": at.isoformat().replace("+00:00", "Z"),
        "googleMapsUri": "https://maps.example/review/1",
    } | changes


def place(*reviews: Any, id_: str = PLACE, **changes: Any) -> dict[str, Any]:
    shown = {"reviews": list(reviews)} if reviews else {}
    return (
        {"id": id_, "displayName": {"text": "Elm Clinic", "languageCode": "en"}, "userRatingCount": 40}
        | shown
        | changes
    )


def refusal(code: int, status: str, reason: str | None = None, message: str = "Of no use") -> httpx.Response:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    details = [info] if reason else []
    return httpx.Response(
        code, json={"error": {"code": code, "message": message, "status": status, "details": details}}
    )


WRONG_KEY = "API key not valid. Please pass a valid API key."


class TestGooglePlaces(ConnectorContract):
    """Google shows five at most; the suite's ten are served all the same, since nothing here counts them."""

    connector = GooglePlaces
    options: ClassVar = OPTIONS
    refusals: ClassVar = {
        "wrong key": Refusal(
            name="wrong key", answer=refusal(400, "INVALID_ARGUMENT", "API_KEY_INVALID"), raises=AuthRejected
        ),
        "wrong key in words": Refusal(
            name="wrong key in words", answer=refusal(400, "INVALID_ARGUMENT", None, WRONG_KEY), raises=AuthRejected
        ),
        "no billing": Refusal(
            name="no billing", answer=refusal(403, "PERMISSION_DENIED", "BILLING_DISABLED"), raises=NotPermitted
        ),
        "key restricted": Refusal(
            name="key restricted",
            answer=refusal(403, "PERMISSION_DENIED", "API_KEY_SERVICE_BLOCKED"),
            raises=NotPermitted,
        ),
        "too fast": Refusal(name="too fast", answer=refusal(429, "RESOURCE_EXHAUSTED"), raises=Throttled),
        "mask refused": Refusal(name="mask refused", answer=refusal(400, "INVALID_ARGUMENT"), raises=Malformed),
        "nothing": Refusal(name="nothing", answer={}, raises=Malformed),
    }

    def raw(self, said: Said) -> Any:
        return review(said.n, said.published_at, originalText={"text": said.text, "languageCode": "de"})

    def serve(self, items: Any) -> Traffic:
        return Traffic((f"{API}/{PLACE}", place(*items)))

    def unreadable(self, raw: Any) -> Any:
        return dict.fromkeys(raw)


async def polled(traffic: Traffic, cursor: Any = None, now: datetime = NOW, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        connector = GooglePlaces(GooglePlaces.Options(**{**OPTIONS, **options}), client, now=lambda: now)
        pages = [page async for page in connector.poll(json.loads(json.dumps(cursor or {})), FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


async def test_a_review_is_read_as_it_was_written():
    _, [mention] = await polled(Traffic((f"{API}/{PLACE}", place(review(3)))))

    assert mention.external_id == f"places/{PLACE}/reviews/ChZD3"
    assert (mention.kind, mention.stars, mention.ours) == (Kind.REVIEW, 2.0, False)
    assert (mention.text, mention.lang, mention.author) == ("Drei Stunden! (3)", "de", "Maple Invented")
    assert mention.published_at == datetime(2026, 6, 1, 5, tzinfo=UTC)
    assert mention.url == "https://maps.example/review/1"


async def test_stars_without_words_are_a_review():
    bare = review(1)
    del bare["text"], bare["originalText"]
    _, [mention] = await polled(Traffic((f"{API}/{PLACE}", place(bare))))

    assert (mention.text, mention.stars) == ("", 2.0)


async def test_how_long_ago_it_was_changes_nothing():
    _, [before] = await polled(Traffic((f"{API}/{PLACE}", place(review(1)))))
    _, [after] = await polled(Traffic((f"{API}/{PLACE}", place(review(1, relativePublishTimeDescription="gestern")))))

    assert before == after


async def test_a_place_without_reviews_is_no_error():
    pages, mentions = await polled(Traffic((f"{API}/{PLACE}", place())))

    assert mentions == []
    assert pages[-1].cursor is not None


async def test_only_what_is_needed_is_asked_for_and_paid_and_the_key_is_in_no_address():
    traffic = Traffic((f"{API}/{PLACE}", place(review(1))))
    await polled(traffic)
    [asked] = traffic.requests

    assert asked.headers["x-goog-fieldmask"] == "id,displayName,userRatingCount,reviews,movedPlaceId"
    assert asked.headers["x-goog-api-key"] == KEY
    assert KEY not in str(asked.url)


def test_what_is_read_is_not_kept():
    assert GooglePlaces.access.retention is not None
    assert GooglePlaces.access.retention <= timedelta(hours=24)


async def test_nothing_that_google_shows_stands_in_the_cursor():
    pages, _ = await polled(Traffic((f"{API}/{PLACE}", place(review(1)))))

    assert pages[-1].cursor == {"calls": {"day": "2026-06-01", "used": 1}, PLACE: NOW.isoformat()}


async def test_new_ratings_that_are_not_shown_are_told():
    counts = iter([40, 43, 43])
    traffic = Traffic((f"{API}/{PLACE}", lambda request: place(review(1), userRatingCount=next(counts))))
    said = []
    async with traffic.client() as client:
        connector = GooglePlaces(GooglePlaces.Options(**OPTIONS), client, now=lambda: NOW)
        for _ in range(3):
            warnings = [one async for page in connector.poll({}, FLOOR) for one in page.warnings]
            said.append(warnings)

    assert said == [[], ["Elm Clinic has 3 new ratings, and Google shows five reviews of all"], []]


async def test_a_place_that_moved_is_told():
    pages, _ = await polled(Traffic((f"{API}/{PLACE}", place(movedPlaceId="ChIJelsewhere01"))))

    assert pages[-1].warnings == ["Elm Clinic has moved: put its new place id into the source's options"]


async def test_a_place_that_is_not_there_keeps_no_other_from_being_read():
    traffic = Traffic((f"{API}/{PLACE}", refusal(404, "NOT_FOUND")), (f"{API}/{OTHER}", place(review(1), id_=OTHER)))
    found = []
    async with traffic.client() as client:
        options = GooglePlaces.Options(**{**OPTIONS, "places": (PLACE, OTHER)})
        with pytest.raises(NotPermitted, match=r"places\.googleapis\.com answered 404"):
            async for page in GooglePlaces(options, client, now=lambda: NOW).poll({}, FLOOR):
                found += page.mentions

    assert len(found) == 1


async def test_a_call_is_paid_before_it_is_made():
    traffic = Traffic((lambda _: True, lambda request: place(review(1), id_=request.url.path.rpartition("/")[2])))
    pages, _ = await polled(traffic, places=(PLACE, OTHER))

    assert [page.cursor["calls"]["used"] for page in pages if page.cursor] == [1, 2, 2]
    assert pages[0].mentions == ()


async def test_calls_are_spread_over_the_day_and_over_the_places_and_a_restart_forgets_none():
    clock = Clock(datetime(2026, 6, 1, 7, tzinfo=UTC))  # midnight there
    asked: list[str] = []
    cursor: Any = {}
    warnings = []
    for _ in range(48):
        traffic = Traffic((lambda _: True, lambda request: place(id_=request.url.path.rpartition("/")[2])))
        pages, _ = await polled(traffic, cursor, clock.now(), places=(PLACE, OTHER), calls=20)
        cursor = pages[-1].cursor
        warnings = pages[-1].warnings
        asked += [request.url.path.rpartition("/")[2] for request in traffic.requests]
        clock.advance(timedelta(minutes=30))

    assert 19 <= len(asked) <= 20
    assert abs(asked.count(PLACE) - asked.count(OTHER)) <= 1
    assert warnings == [f"calls: {20 - len(asked)} of 20 left for today, renewed in about 1 h"]
    traffic = Traffic((lambda _: True, lambda request: place(id_=request.url.path.rpartition("/")[2])))
    await polled(traffic, cursor, clock.now(), places=(PLACE, OTHER), calls=20)
    assert len(traffic.requests) == 2  # it is midnight


async def test_connect_shows_what_the_ids_name():
    def named(request: httpx.Request) -> Any:
        assert request.headers["x-goog-fieldmask"] == "id,displayName"
        return {"id": request.url.path.rpartition("/")[2], "displayName": {"text": "Elm Clinic"}}

    find = GooglePlaces.connect.find
    assert find
    async with Traffic((lambda _: True, named)).client() as client:
        found = [one async for one in find({"api_key": Secret(KEY), "places": f"{PLACE}, {OTHER}"}, client)]

    assert [(one.name, one.shown, one.options) for one in found] == [
        ("places-elm-clinic", "Elm Clinic", {"places": [PLACE]}),
        ("places-elm-clinic-invented0002", "Elm Clinic", {"places": [OTHER]}),
    ]
    GooglePlaces.Options(**found[0].options, api_key=Secret(KEY))


@pytest.mark.parametrize("places", [(), ("Elm Clinic",), ("places/ChIJinvented0001",)])
def test_options_name_places_by_their_ids(places):
    with pytest.raises(ValueError, match="place id|at least 1"):
        GooglePlaces.Options(api_key=Secret(KEY), places=places)


@settings(max_examples=100, deadline=None)
@given(item=spoilt(review(1)))
def test_whatever_google_sends_is_read_soundly_or_counted(item):
    page = GooglePlaces(GooglePlaces.Options(**OPTIONS), Traffic().client()).page([item], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
