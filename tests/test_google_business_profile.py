"""Google Business Profile: reviews and our replies, what changes silently, and a project that was never let in."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.google_business_profile import GoogleBusinessProfile
from monitor.connector import AuthRejected, Malformed, NotPermitted, Secret, Throttled, Unavailable
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

TOKEN = "POST https://oauth2.googleapis.com/token"
GRANT = {"access_token": "ya29.seen-by-nobody", "expires_in": 3599, "token_type": "Bearer"}
API = "https://mybusiness.googleapis.com/v4/accounts/11"
REVIEWS = f"{API}/locations/22/reviews"
BATCH = f"POST {API}/locations:batchGetReviews"
OPTIONS: dict[str, Any] = {
    "account": "11",
    "location": "22",
    "client_id": "client.example",
    "client_secret": Secret("client-seen-by-nobody"),
    "refresh_token": Secret("1//refresh-seen-by-nobody"),
}
SECRETS = ("ya29.seen-by-nobody", "client-seen-by-nobody", "1//refresh-seen-by-nobody")


def instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def review(n: int, at: datetime | None = None, place: str = "22", **changes: Any) -> dict[str, Any]:
    """The n-th review, one an hour, the tenth now."""
    at = at or NOW - timedelta(hours=10 - n)
    return {
        "reviewId": f"AbFvOq{n}",
        "reviewer": {"profilePhotoUrl": "https://photos.example/a", "displayName": "Maple Invented"},
        "starRating": "TWO",
        "comment": f"Waited long ({n})",
        "createTime": instant(at),
        "updateTime": instant(at),
        "name": f"accounts/11/locations/{place}/reviews/AbFvOq{n}",
    } | changes


def reply(at: datetime, comment: str = "We are sorry.", **changes: Any) -> dict[str, Any]:
    return {"reviewReply": {"comment": comment, "updateTime": instant(at)} | changes}


def pages(items: list[Any], key: str = "reviews", size: int = 3) -> Any:
    """How Google pages: latest change first, a token while there is more, and nothing at all where there is nothing."""

    def answer(request: httpx.Request) -> Any:
        asked = json.loads(request.content) if request.content else request.url.params
        start = int(asked.get("pageToken", "0"))
        more = {"nextPageToken": str(start + size)} if start + size < len(items) else {}
        counts = {"averageRating": 3.5, "totalReviewCount": len(items)} if key == "reviews" else {}
        return {key: items[start : start + size], **counts} | more if items else {}

    return answer


def platform(*items: Any) -> Traffic:
    return Traffic((TOKEN, GRANT), (REVIEWS, pages(list(items))))


def refusal(code: int, status: str, reason: str | None = None, **metadata: str) -> httpx.Response:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "metadata": metadata}
    error = {"code": code, "message": "Of no use to a reader", "status": status, "details": [info] if reason else []}
    return httpx.Response(code, json={"error": error})


UNAPPROVED = refusal(
    429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", quota_limit_value="0", quota_unit="1/min/{project}"
)


class TestGoogleBusinessProfile(ConnectorContract):
    connector = GoogleBusinessProfile
    options: ClassVar = OPTIONS
    secrets = SECRETS
    refusals: ClassVar = {
        # A project that was never let in has a quota of nothing: waiting does not help.
        "unapproved": Refusal(name="unapproved", answer=UNAPPROVED, raises=NotPermitted),
        "expired": Refusal(
            name="expired", answer=refusal(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"), raises=AuthRejected
        ),
        "too fast": Refusal(name="too fast", answer=refusal(429, "RESOURCE_EXHAUSTED"), raises=Throttled),
        "wrong page": Refusal(name="wrong page", answer=refusal(400, "INVALID_ARGUMENT"), raises=Malformed),
        "error with 200": Refusal(
            name="error with 200",
            answer={"error": {"code": 500, "status": "INTERNAL"}},
            raises=(Malformed, Unavailable),
        ),
    }

    def raw(self, said: Said) -> Any:
        changed = {"updateTime": instant(said.arrived_at), "comment": said.text}
        return review(said.n, said.published_at, **changed)

    def serve(self, items: Any) -> Traffic:
        return platform(*items)

    def unreadable(self, raw: Any) -> Any:
        return {key: raw[key] if key == "reviewId" else None for key in raw}


class TestSeveralLocations(TestGoogleBusinessProfile):
    options: ClassVar = {**OPTIONS, "location": None, "locations": ("22", "33")}

    def raw(self, said: Said) -> Any:
        place = "22" if said.n % 2 else "33"
        changed = {"updateTime": instant(said.arrived_at), "comment": said.text}
        return {
            "name": f"accounts/11/locations/{place}",
            "review": review(said.n, said.published_at, place, **changed),
        }

    def serve(self, items: Any) -> Traffic:
        return Traffic((TOKEN, GRANT), (BATCH, pages(list(items), "locationReviews")))

    def unreadable(self, raw: Any) -> Any:
        return {"name": raw["name"], "review": None}


async def polled(
    traffic: Traffic, cursor: Any = None, now: datetime = NOW, floor: datetime = FLOOR, **options: Any
) -> Any:
    """The pages of one poll and the mentions on them by id."""
    async with traffic.client() as client:
        connector = GoogleBusinessProfile(
            GoogleBusinessProfile.Options(**{**OPTIONS, **options}), client, now=lambda: now
        )
        found = [page async for page in connector.poll(json.loads(json.dumps(cursor or {})), floor)]
    return found, {mention.external_id: mention for page in found for mention in page.mentions}


def gone(found: Any) -> list[str]:
    return [id_ for page in found for id_ in page.gone]


def key(n: int) -> str:
    return f"locations/22/reviews/AbFvOq{n}"


async def test_a_review_and_our_reply_become_two_mentions():
    answered = review(3, **reply(NOW, "Thank you <b>kindly</b>"), reviewReplyUrl="https://business.example/reply/3")
    _, found = await polled(platform(answered))
    said, answer = found[key(3)], found[key(3) + "/reply"]

    assert (said.kind, said.stars, said.ours, said.parent_id) == (Kind.REVIEW, 2, False, None)
    assert (said.text, said.author) == ("Waited long (3)", "Maple Invented")
    assert said.url == "https://business.example/reply/3"
    assert said.published_at == datetime(2026, 6, 1, 5, tzinfo=UTC)
    assert (answer.kind, answer.ours, answer.parent_id) == (Kind.COMMENT, True, key(3))
    assert (answer.text, answer.title, answer.published_at) == ("Thank you kindly", "", NOW)


@pytest.mark.parametrize(
    ("word", "stars"),
    [("ONE", 1), ("TWO", 2), ("THREE", 3), ("FOUR", 4), ("FIVE", 5), ("STAR_RATING_UNSPECIFIED", None), (None, None)],
)
async def test_stars_are_words(word, stars):
    _, found = await polled(platform(review(1, starRating=word)))

    assert found[key(1)].stars == stars


async def test_a_review_is_known_by_its_location_and_its_id_whatever_the_account():
    _, here = await polled(platform(review(1, name="accounts/11/locations/22/reviews/AbFvOq1")))
    _, moved = await polled(platform(review(1, name="accounts/99/locations/22/reviews/AbFvOq1")))
    _, unnamed = await polled(platform(review(1, name=None)))

    assert list(here) == list(moved) == list(unnamed) == [key(1)]


async def test_a_review_may_have_no_words_no_name_and_no_reply():
    bare = review(1, reviewReply=None, reviewer={"isAnonymous": True})
    del bare["comment"]
    found, mentions = await polled(platform(bare))

    assert (mentions[key(1)].text, mentions[key(1)].author) == ("", None)
    assert sum(page.skipped for page in found) == 0


@pytest.mark.parametrize(
    "comment",
    [
        "(Translated by Google) Three hours!\n\n(Original)\nDrei Stunden!",
        "Drei Stunden!\n\n(Translated by Google)\nThree hours!",
        "Drei Stunden!",
    ],
)
async def test_of_a_translated_review_the_original_is_kept(comment):
    _, found = await polled(platform(review(1, comment=comment)))

    assert found[key(1)].text == "Drei Stunden!"


@pytest.mark.parametrize("digits", ["", ".5", ".807", ".807123", ".807123456"])
async def test_times_have_any_number_of_digits(digits):
    _, found = await polled(platform(review(1, createTime=f"2026-05-31T09:00:00{digits}Z")))

    assert found[key(1)].published_at.replace(microsecond=0) == datetime(2026, 5, 31, 9, tzinfo=UTC)


async def test_an_empty_location_answers_nothing_at_all_and_that_is_no_error():
    found, mentions = await polled(platform())

    assert mentions == {}
    assert found[-1].cursor is not None


async def test_a_project_without_approval_is_told_so_and_not_to_wait():
    with pytest.raises(NotPermitted, match="has not approved it"):
        await polled(Traffic((TOKEN, GRANT), (REVIEWS, UNAPPROVED)))


async def test_a_grant_that_ended_names_the_remedy():
    over = httpx.Response(
        400, json={"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    )
    with pytest.raises(AuthRejected, match="wellheard connect google_business_profile"):
        await polled(Traffic((TOKEN, over)))


@pytest.mark.parametrize(
    ("code", "status", "reason", "said"),
    [
        (403, "PERMISSION_DENIED", "SERVICE_DISABLED", "enable it"),
        (403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "wellheard connect"),
        (403, "PERMISSION_DENIED", None, "scopes and approvals"),
        (404, "NOT_FOUND", None, "is not there"),
    ],
)
async def test_what_is_not_permitted_says_why(code, status, reason, said):
    with pytest.raises(NotPermitted, match=said):
        await polled(Traffic((TOKEN, GRANT), (REVIEWS, refusal(code, status, reason))))


async def test_a_quiet_poll_asks_once():
    found, _ = await polled(platform(*(review(n) for n in range(10, 0, -1))))
    again = platform(*(review(n) for n in range(10, 0, -1)))
    repeated, _ = await polled(again, found[-1].cursor, NOW + timedelta(minutes=30))

    assert [request.method for request in again.requests] == ["POST", "GET"]  # the token, and one page
    assert repeated[-1].cursor == found[-1].cursor


async def test_an_edited_review_is_read_again_with_its_new_stars():
    found, _ = await polled(platform(*(review(n) for n in range(10, 0, -1))))
    later = NOW + timedelta(hours=1)
    edited = review(2, updateTime=instant(later), starRating="ONE", comment="Worse")
    _, mentions = await polled(platform(edited, review(10), review(9)), found[-1].cursor, later)

    assert (mentions[key(2)].stars, mentions[key(2)].text) == (1, "Worse")
    assert mentions[key(2)].published_at == NOW - timedelta(hours=8)


async def test_an_edit_of_a_review_older_than_the_floor_is_dated_by_the_edit():
    old = review(1, FLOOR - timedelta(days=900), updateTime=instant(NOW), starRating="ONE")
    _, mentions = await polled(platform(old))

    assert mentions[key(1)].published_at == NOW


async def test_a_late_reply_that_does_not_move_its_review_is_found_within_a_day():
    items = [review(n) for n in range(10, 0, -1)]
    found, _ = await polled(platform(*items))
    items[8] |= reply(NOW + timedelta(hours=2))
    soon, unseen = await polled(platform(*items), found[-1].cursor, NOW + timedelta(hours=3))
    _, seen = await polled(platform(*items), soon[-1].cursor, NOW + timedelta(hours=25))

    assert key(2) + "/reply" not in unseen
    assert seen[key(2) + "/reply"].parent_id == key(2)


async def test_a_reply_to_a_review_older_than_the_floor_is_read_all_the_same():
    old = review(1, FLOOR - timedelta(days=900), **reply(NOW))
    _, mentions = await polled(platform(old))

    assert list(mentions) == [key(1) + "/reply"]


async def test_an_edited_reply_keeps_its_id():
    found, before = await polled(platform(review(1, **reply(NOW))))
    edited = review(1, **reply(NOW + timedelta(days=1), "We are very sorry."))
    _, after = await polled(platform(edited), found[-1].cursor, NOW + timedelta(days=1, hours=1))

    assert before.keys() == after.keys()
    assert after[key(1) + "/reply"].text == "We are very sorry."


@pytest.mark.parametrize(
    ("state", "title", "parent"),
    [
        ("APPROVED", "", key(1)),
        ("PENDING", "Waits for Google's approval", key(1)),
        ("REJECTED", "Refused by Google: nobody sees it", None),
        ("REVIEW_REPLY_STATE_UNSPECIFIED", "", key(1)),
    ],
)
async def test_a_reply_says_whether_it_is_public_and_a_refused_one_answers_nothing(state, title, parent):
    _, mentions = await polled(platform(review(1, **reply(NOW, reviewReplyState=state))))

    assert (mentions[key(1) + "/reply"].title, mentions[key(1) + "/reply"].parent_id) == (title, parent)


async def test_a_reply_that_cannot_be_read_costs_only_itself():
    found, mentions = await polled(platform(review(2, reviewReply={"comment": 7}), review(1)))

    assert list(mentions) == [key(2), key(1)]
    assert sum(page.skipped for page in found) == 1


async def relisted(cursor: Any, days: int, *items: Any, **options: Any) -> Any:
    found, _ = await polled(platform(*items), cursor, NOW + timedelta(days=days), **options)
    return found


async def test_what_two_daily_listings_miss_is_gone_and_one_is_not_enough():
    first = await relisted(None, 0, review(3, **reply(NOW)), review(2), review(1))
    once = await relisted(first[-1].cursor, 1, review(3), review(1))
    twice = await relisted(once[-1].cursor, 2, review(3), review(1))
    again = await relisted(twice[-1].cursor, 3, review(3), review(1))

    assert gone(first) == gone(once) == gone(again) == []
    assert sorted(gone(twice)) == [key(2), key(3) + "/reply"]


async def test_what_comes_back_was_never_gone():
    first = await relisted(None, 0, review(2), review(1))
    once = await relisted(first[-1].cursor, 1, review(1))
    back = await relisted(once[-1].cursor, 2, review(2), review(1))
    then = await relisted(back[-1].cursor, 3, review(1))

    assert gone(once) == gone(back) == gone(then) == []


async def test_what_could_not_be_read_is_not_gone():
    odd = review(2, createTime=None, updateTime=None, name=None)
    cursor = (await relisted(None, 0, review(2), review(1)))[-1].cursor
    for day in (1, 2, 3):
        found = await relisted(cursor, day, odd, review(1))
        assert gone(found) == []
        cursor = found[-1].cursor


async def test_what_grew_older_than_the_floor_is_not_gone():
    cursor = (await relisted(None, 0, review(2), review(1)))[-1].cursor
    for day in (40, 41, 42):
        found = await relisted(cursor, day, review(2), review(1), floor=NOW + timedelta(days=10))
        assert gone(found) == []
        cursor = found[-1].cursor


async def test_a_location_that_is_taken_out_of_the_options_is_not_gone_and_a_new_one_is_read_whole():
    def both() -> Traffic:
        items = [
            {"name": f"accounts/11/locations/{place}", "review": review(n, place=place)}
            for n, place in ((4, "22"), (3, "33"))
        ]
        return Traffic((TOKEN, GRANT), (BATCH, pages(items, "locationReviews")), (REVIEWS, pages([review(4)])))

    first, _ = await polled(both())
    wider, found = await polled(both(), first[-1].cursor, location=None, locations=("22", "33"))
    narrow, _ = await polled(both(), wider[-1].cursor, NOW + timedelta(days=1))
    then, _ = await polled(both(), narrow[-1].cursor, NOW + timedelta(days=2))

    assert list(found) == [key(4), "locations/33/reviews/AbFvOq3"]
    assert gone(wider) == gone(narrow) == gone(then) == []


async def test_several_locations_are_one_request_whose_page_token_is_posted():
    items = [{"name": "x", "review": review(n)} for n in range(4, 0, -1)]
    traffic = Traffic((TOKEN, GRANT), (BATCH, pages(items, "locationReviews")))
    await polled(traffic, location=None, locations=("22", "33"))
    bodies = [json.loads(request.content) for request in traffic.requests[1:]]

    assert bodies[0] == {
        "locationNames": ["accounts/11/locations/22", "accounts/11/locations/33"],
        "pageSize": 50,
        "orderBy": "updateTime desc",
    }
    assert bodies[1] == bodies[0] | {"pageToken": "3"}


async def test_reviews_are_asked_for_fifty_at_a_time_latest_change_first():
    traffic = platform(review(1))
    await polled(traffic)

    assert dict(traffic.requests[-1].url.params) == {"pageSize": "50", "orderBy": "updateTime desc"}
    assert traffic.requests[-1].headers["authorization"] == "Bearer ya29.seen-by-nobody"


async def rechecked(traffic: Traffic, *ids: str) -> Any:
    async with traffic.client() as client:
        connector = GoogleBusinessProfile(GoogleBusinessProfile.Options(**OPTIONS), client, now=lambda: NOW)
        return [page async for page in connector.recheck(ids)]


async def test_a_recheck_finds_what_is_gone_and_what_has_changed():
    old = review(1, FLOOR - timedelta(days=900), comment="Edited")
    traffic = platform(review(9)).on(f"{REVIEWS}/AbFvOq1", old).on(f"{REVIEWS}/AbFvOq2", refusal(404, "NOT_FOUND"))
    found = await rechecked(traffic, key(1), key(1) + "/reply", key(2), "locations/99/reviews/x")

    assert {mention.text for page in found for mention in page.mentions} == {"Edited"}
    assert sorted(gone(found)) == [key(1) + "/reply", key(2)]


@pytest.mark.parametrize("code", [403, 404])
async def test_a_location_that_may_not_be_read_any_more_loses_nothing_in_a_recheck(code):
    traffic = Traffic((TOKEN, GRANT), (lambda _: True, refusal(code, "NOT_FOUND")))

    with pytest.raises(NotPermitted):
        await rechecked(traffic, key(1), key(2))


@pytest.mark.parametrize(
    "options",
    [
        {"location": None},
        {"locations": ("33",)},
        {"location": "locations/22"},
        {"account": "accounts/11"},
        {"location": None, "locations": tuple(str(n) for n in range(51))},
    ],
)
def test_options_name_one_location_or_several_by_their_ids(options):
    with pytest.raises(ValueError, match="location|id|50"):
        GoogleBusinessProfile.Options(**{**OPTIONS, **options})


ACCOUNTS = "https://mybusinessaccountmanagement.googleapis.com/v1/accounts"
LOCATIONS = "https://mybusinessbusinessinformation.googleapis.com/v1/accounts"


async def test_connect_finds_the_locations_of_all_accounts_each_once():
    def accounts(request: httpx.Request) -> Any:
        if "pageToken" in request.url.params:
            return {"accounts": [{"name": "accounts/12", "accountName": "Group", "type": "LOCATION_GROUP"}]}
        return {"accounts": [{"name": "accounts/11", "accountName": "Own", "type": "PERSONAL"}], "nextPageToken": "x"}

    main = {"name": "locations/22", "title": "Practice Hospital", "storefrontAddress": {"locality": "Elmtown"}}
    traffic = Traffic(
        (ACCOUNTS, accounts),
        (f"{LOCATIONS}/11/locations", {"locations": [main]}),
        (f"{LOCATIONS}/12/locations", {"locations": [main, {"name": "locations/23", "title": "練習"}]}),
    )
    find = GoogleBusinessProfile.connect.find
    assert find
    async with traffic.client() as client:
        found = [one async for one in find({"access_token": Secret("ya29.seen-by-nobody")}, client)]

    assert [(one.name, one.shown, one.location) for one in found] == [
        ("google-practice-hospital", "Practice Hospital, Elmtown", "Practice Hospital"),
        ("google-23", "練習", "練習"),
    ]
    assert [one.options for one in found] == [{"account": "11", "location": "22"}, {"account": "12", "location": "23"}]
    assert all("name,title" in request.url.params.get("readMask", "name,title") for request in traffic.requests)
    for one in found:
        kept = {name: OPTIONS[name] for name in GoogleBusinessProfile.connect.keeps}
        GoogleBusinessProfile.Options(**one.options, **kept)


async def test_connect_says_it_when_google_has_not_approved_the_project():
    find = GoogleBusinessProfile.connect.find
    assert find
    async with Traffic((ACCOUNTS, UNAPPROVED)).client() as client:
        with pytest.raises(NotPermitted, match="has not approved it"):
            [one async for one in find({"access_token": "ya29.x"}, client)]


async def test_connect_does_not_list_accounts_for_ever():
    find = GoogleBusinessProfile.connect.find
    assert find
    async with Traffic((ACCOUNTS, {"accounts": [], "nextPageToken": "same"})).client() as client:
        with pytest.raises(Malformed, match="again and again"):
            [one async for one in find({"access_token": "ya29.x"}, client)]


def test_google_hands_out_a_refresh_token_only_where_it_is_asked_to():
    oauth = GoogleBusinessProfile.connect.oauth
    assert oauth
    assert oauth.parameters == {"access_type": "offline", "prompt": "consent"}
    assert oauth.scopes == ("https://www.googleapis.com/auth/business.manage",)


@settings(max_examples=100, deadline=None)
@given(item=spoilt(review(1, **reply(NOW), reviewReplyUrl="https://business.example/1")))
def test_whatever_google_sends_is_read_soundly_or_counted(item):
    connector = GoogleBusinessProfile(GoogleBusinessProfile.Options(**OPTIONS), Traffic().client())
    said = json.dumps({"reviews": [deepcopy(item)]})
    items = connector.listed(httpx.Response(200, content=said, request=httpx.Request("GET", API)))
    page = connector.page(items, FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
    assert len(page.mentions) + page.skipped <= len(items)
