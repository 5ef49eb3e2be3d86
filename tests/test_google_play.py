"""Google Play: a window of seven days, times that are texts, and a tab between title and words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings

from connectors.google_play import GooglePlay
from monitor.connector import AuthRejected, NotPermitted, Secret, Throttled, Unavailable
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)
ACCOUNT = json.dumps(
    {"client_email": "reader@project.example", "private_key": PEM, "token_uri": "https://oauth2.googleapis.com/token"}
)
TOKEN = "POST https://oauth2.googleapis.com/token"
GRANT = {"access_token": "ya29.seen-by-nobody", "expires_in": 3599, "token_type": "Bearer"}
REVIEWS = "https://androidpublisher.googleapis.com/androidpublisher/v3/applications/org.example.app/reviews"
OPTIONS: dict[str, Any] = {"package": "org.example.app", "service_account": Secret(ACCOUNT)}


def stamp(at: datetime) -> dict[str, Any]:
    return {"seconds": str(int(at.timestamp())), "nanos": at.microsecond * 1000}


def review(n: int, at: datetime | None = None, reply: Any = None, **changes: Any) -> dict[str, Any]:
    """The n-th review, one an hour, the tenth now."""
    said = {
        "text": f"\tCrashes when I book ({n})",
        "lastModified": stamp(at or NOW - timedelta(hours=10 - n)),
        "starRating": 2,
        "reviewerLanguage": "de",
        "device": "invented",
        "androidOsVersion": 33,
        "appVersionCode": 7,
        "appVersionName": "1.2",
        "thumbsUpCount": 3,
        "thumbsDownCount": 1,
        "deviceMetadata": {"productName": "invented (Phone)"},
    } | changes
    ours = [{"developerComment": reply}] if reply else []
    return {"reviewId": f"gp:AOqpTO{n}", "authorName": "Maple", "comments": [{"userComment": said}, *ours]}


def reply(at: datetime, text: str = "Thank you, we look into it.") -> dict[str, Any]:
    return {"text": text, "lastModified": stamp(at)}


def pages(items: list[Any], size: int = 3) -> Any:
    """How Google Play pages: the latest change first, and nothing at all where there is nothing."""

    def answer(request: httpx.Request) -> Any:
        start = int(request.url.params.get("token", "0"))
        more = {"tokenPagination": {"nextPageToken": str(start + size)}} if start + size < len(items) else {}
        info = {"totalResults": len(items), "resultPerPage": size, "startIndex": start}
        return {"reviews": items[start : start + size], "pageInfo": info} | more if items else {}

    return answer


def platform(*items: Any) -> Traffic:
    return Traffic((TOKEN, GRANT), (REVIEWS, pages(list(items))))


def refusal(code: int, reason: str, status: str | None = None) -> httpx.Response:
    error = {"message": "Of no use", "domain": "androidpublisher", "reason": reason}
    told = {"status": status} if status else {}
    return httpx.Response(code, json={"error": {"code": code, "message": "Of no use", "errors": [error], **told}})


REFUSED = (NotPermitted, AuthRejected)
"""AuthRejected where even the token is refused."""


class TestGooglePlay(ConnectorContract):
    connector = GooglePlay
    options: ClassVar = OPTIONS
    secrets = (PEM[60:100], "ya29.seen-by-nobody")
    refusals: ClassVar = {
        # Where the account was not invited, Google Play says 401 and means 403.
        "not invited": Refusal(name="not invited", answer=refusal(401, "permissionDenied"), raises=REFUSED),
        "not linked": Refusal(name="not linked", answer=refusal(401, "projectNotLinked"), raises=REFUSED),
        "no such app": Refusal(name="no such app", answer=refusal(404, "applicationNotFound"), raises=NotPermitted),
        "expired": Refusal(name="expired", answer=refusal(401, "authError", "UNAUTHENTICATED"), raises=AuthRejected),
        "too fast": Refusal(
            name="too fast", answer=refusal(429, "rateLimitExceeded", "RESOURCE_EXHAUSTED"), raises=Throttled
        ),
        "down": Refusal(name="down", answer=refusal(500, "backendError"), raises=Unavailable),
    }

    def raw(self, said: Said) -> Any:
        return review(said.n, said.published_at, text=f"\t{said.text}")

    def serve(self, items: Any) -> Traffic:
        return platform(*items)

    def unreadable(self, raw: Any) -> Any:
        return {"reviewId": raw["reviewId"], "comments": None}


async def polled(traffic: Traffic, cursor: Any = None, now: datetime = NOW) -> Any:
    """The pages of one poll and the mentions on them by id."""
    async with traffic.client() as client:
        connector = GooglePlay(GooglePlay.Options(**OPTIONS), client, now=lambda: now)
        found = [page async for page in connector.poll(json.loads(json.dumps(cursor or {})), FLOOR)]
    return found, {mention.external_id: mention for page in found for mention in page.mentions}


async def test_a_review_and_our_reply_become_two_mentions():
    _, found = await polled(platform(review(3, reply=reply(NOW))))
    said, answer = found["gp:AOqpTO3"], found["gp:AOqpTO3/reply"]

    assert (said.kind, said.stars, said.ours, said.author) == (Kind.REVIEW, 2, False, "Maple")
    assert (said.title, said.text) == ("", "Crashes when I book (3)")
    assert said.url == "https://play.google.com/store/apps/details?id=org.example.app&reviewId=gp%3AAOqpTO3"
    assert said.published_at == datetime(2026, 6, 1, 5, tzinfo=UTC)
    assert (said.engagement, said.lang) == (4, None)  # the language is the device's, not the text's
    assert (answer.kind, answer.ours, answer.parent_id) == (Kind.COMMENT, True, "gp:AOqpTO3")
    assert (answer.text, answer.published_at) == ("Thank you, we look into it.", NOW)


@pytest.mark.parametrize(
    ("written", "title", "text"),
    [
        ("\tOnly words", "", "Only words"),
        ("Bad\tIt crashes\tagain", "Bad", "It crashes again"),
        ("No tab", "", "No tab"),
    ],
)
async def test_a_tab_stands_between_title_and_words(written, title, text):
    _, found = await polled(platform(review(1, text=written)))

    assert (found["gp:AOqpTO1"].title, found["gp:AOqpTO1"].text) == (title, text)


async def test_of_a_translated_review_the_original_is_read_and_no_translation_is_asked_for():
    traffic = platform(review(1, text="\tIt crashes", originalText="\tEs st\u00fcrzt ab"))
    _, found = await polled(traffic)

    assert found["gp:AOqpTO1"].text == "Es st\u00fcrzt ab"
    assert dict(traffic.requests[-1].url.params) == {"maxResults": "100"}


async def test_an_app_without_reviews_answers_nothing_at_all_and_that_is_no_error():
    found, mentions = await polled(platform())

    assert mentions == {}
    assert found[-1].cursor is not None


async def test_a_name_may_be_empty():
    _, found = await polled(platform(review(1) | {"authorName": ""}))

    assert found["gp:AOqpTO1"].author is None


async def test_an_edit_enters_the_window_again_under_the_same_id():
    found, _ = await polled(platform(review(2), review(1)))
    later = NOW + timedelta(hours=1)
    _, mentions = await polled(platform(review(1, later, starRating=5), review(2)), found[-1].cursor, later)

    assert mentions["gp:AOqpTO1"].stars == 5


async def test_a_late_reply_that_moves_nothing_is_found_within_six_hours():
    items = [review(n) for n in range(10, 0, -1)]
    found, _ = await polled(platform(*items))
    items[8] = review(2, reply=reply(NOW + timedelta(minutes=5)))
    soon, unseen = await polled(platform(*items), found[-1].cursor, NOW + timedelta(hours=1))
    _, seen = await polled(platform(*items), soon[-1].cursor, NOW + timedelta(hours=7))

    assert "gp:AOqpTO2/reply" not in unseen
    assert seen["gp:AOqpTO2/reply"].text == "Thank you, we look into it."


async def test_a_quiet_poll_asks_once():
    items = [review(n) for n in range(10, 0, -1)]
    found, _ = await polled(platform(*items))
    again = platform(*items)
    await polled(again, found[-1].cursor, NOW + timedelta(minutes=30))

    assert [request.method for request in again.requests] == ["POST", "GET"]  # the token, and one page


async def test_what_leaves_the_window_is_not_gone_and_not_remembered():
    found, _ = await polled(platform(review(2), review(1)))
    cursor = found[-1].cursor
    for day in (1, 2, 3):
        found, _ = await polled(platform(review(2)), cursor, NOW + timedelta(days=day))
        cursor = found[-1].cursor
        assert [id_ for page in found for id_ in page.gone] == []

    assert cursor["known"]["ids"] == ["gp:AOqpTO2"]


async def test_an_account_that_was_not_invited_is_told_what_to_do():
    traffic = Traffic((TOKEN, GRANT), (REVIEWS, refusal(401, "permissionDenied")))
    with pytest.raises(NotPermitted, match="invite it in the Play console"):
        await polled(traffic)

    assert len(traffic.requests) == 2  # a new token would change nothing


async def test_a_token_that_ended_is_renewed_once():
    answers = iter([refusal(401, "authError", "UNAUTHENTICATED"), pages([review(1)])])
    traffic = Traffic((TOKEN, GRANT), (REVIEWS, lambda request: next(answers)))
    _, mentions = await polled(traffic)

    assert list(mentions) == ["gp:AOqpTO1"]
    assert [request.method for request in traffic.requests] == ["POST", "GET", "POST", "GET"]


async def test_connect_tries_the_app_before_it_offers_it():
    find = GooglePlay.connect.find
    assert find
    answers = {"package": "org.example.app", "service_account": Secret(ACCOUNT)}
    async with platform().client() as client:
        [found] = [one async for one in find(answers, client)]
    async with Traffic((TOKEN, GRANT), (REVIEWS, refusal(401, "permissionDenied"))).client() as client:
        with pytest.raises(NotPermitted):
            [one async for one in find(answers, client)]

    assert (found.name, found.options) == ("google-play-org-example-app", {"package": "org.example.app"})
    GooglePlay.Options(**found.options, service_account=Secret(ACCOUNT))


@pytest.mark.parametrize("package", ["app", "org/example", "org..example", ""])
def test_options_name_an_app_by_its_package(package):
    with pytest.raises(ValueError, match="package name"):
        GooglePlay.Options(package=package, service_account=Secret(ACCOUNT))


@settings(max_examples=100, deadline=None)
@given(item=spoilt(review(1, reply=reply(NOW))))
def test_whatever_google_play_sends_is_read_soundly_or_counted(item):
    connector = GooglePlay(GooglePlay.Options(**OPTIONS), Traffic().client())
    answer = httpx.Response(200, content=json.dumps({"reviews": [item]}), request=httpx.Request("GET", REVIEWS))
    items = connector.listed(answer)
    page = connector.page(items, FLOOR)
    connector.arrivals(items)

    assert all(is_sound(mention) for mention in page.mentions)
    assert page.skipped or page.mentions
