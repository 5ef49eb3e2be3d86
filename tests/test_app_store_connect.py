"""App Store Connect: signed by ourselves, reviews with the responses that stand beside them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings

from connectors.app_store_connect import AppStoreConnect
from monitor.connector import AuthRejected, NotPermitted, Secret
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

API = "https://api.appstoreconnect.apple.com/v1"
LISTING = f"{API}/apps/1234567890/customerReviews"
PAIR = ec.generate_private_key(ec.SECP256R1())
KEY = PAIR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
OPTIONS: dict[str, Any] = {
    "app": "1234567890",
    "issuer_id": "57246542-96fe-1a63-e053-0824d011072a",
    "key_id": "2X9R4HXF34",
    "private_key": Secret(KEY),
}


def name(n: int) -> str:
    return f"00000028-b08c-0014-729e-{n:012d}"


def review(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th review, one an hour, the tenth now, dated in Apple's own zone."""
    at = (at or NOW - timedelta(hours=10 - n)) - timedelta(hours=8)
    attributes = {
        "rating": 2,
        "title": "Kept waiting",
        "body": "The appointment never shows.",
        "reviewerNickname": "Maple7",
        "createdDate": at.strftime("%Y-%m-%dT%H:%M:%S-08:00"),
        "territory": "GBR",
    } | changes
    own = f"{API}/customerReviews/{name(n)}"
    link = {"links": {"self": f"{own}/relationships/response", "related": f"{own}/response"}}
    return {"type": "customerReviews", "id": name(n), "attributes": attributes, "relationships": {"response": link}}


def answered(said: dict[str, Any], words: str, state: str = "PUBLISHED") -> tuple[dict[str, Any], dict[str, Any]]:
    """A review with the response that is included beside it."""
    id_ = f"response-of-{said['id']}"
    said["relationships"]["response"]["data"] = {"type": "customerReviewResponses", "id": id_}
    attributes = {"responseBody": words, "lastModifiedDate": "2026-06-01T04:30:00-07:00", "state": state}
    return said, {"type": "customerReviewResponses", "id": id_, "attributes": attributes}


def listing(reviews: list[Any], size: int = 3, included: tuple[Any, ...] = ()) -> Any:
    def answer(request: httpx.Request) -> Any:
        at = int(request.url.params.get("cursor", "0"))
        links = {"self": str(request.url)}
        if at + size < len(reviews):
            links["next"] = str(request.url.copy_set_param("cursor", at + size))
        return {"data": reviews[at : at + size], "included": list(included), "links": links}

    return answer


def refused(status: int, code: str) -> httpx.Response:
    error = {"id": "x", "status": str(status), "code": code, "title": "Of no use", "detail": "To a reader"}
    return httpx.Response(status, json={"errors": [error]})


class TestAppStoreConnect(ConnectorContract):
    connector = AppStoreConnect
    options: ClassVar = OPTIONS
    secrets = (KEY.split("\n")[1],)
    refusals: ClassVar = {
        "no role": Refusal(name="no role", answer=refused(403, "FORBIDDEN_ERROR"), raises=NotPermitted),
        "old key": Refusal(name="old key", answer=refused(401, "NOT_AUTHORIZED"), raises=AuthRejected),
    }

    def raw(self, said: Said) -> Any:
        return review(said.n, said.arrived_at, body=said.text)

    def serve(self, items: Any) -> Traffic:
        return Traffic((LISTING, listing(list(items))))


async def polled(traffic: Traffic, cursor: Any = None) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        connector = AppStoreConnect(AppStoreConnect.Options(**OPTIONS), client, now=lambda: NOW)
        pages = [page async for page in connector.poll(cursor or {}, FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


async def test_a_review_and_our_response_become_mentions():
    one, response = answered(review(9), "We are on it.")
    _, [said, ours] = await polled(Traffic((LISTING, listing([one], included=(response,)))))

    assert (said.external_id, said.kind, said.stars, said.ours) == (name(9), Kind.REVIEW, 2, False)
    assert (said.title, said.text, said.author) == ("Kept waiting", "The appointment never shows.", "Maple7")
    assert said.published_at == NOW - timedelta(hours=1)
    assert (ours.external_id, ours.parent_id, ours.kind, ours.ours) == (
        f"{name(9)}/response",
        name(9),
        Kind.COMMENT,
        True,
    )
    assert (ours.text, ours.published_at) == ("We are on it.", NOW - timedelta(minutes=30))


async def test_a_response_that_is_not_published_yet_was_not_said():
    one, response = answered(review(9), "Draft.", "PENDING_PUBLISH")
    _, [said] = await polled(Traffic((LISTING, listing([one], included=(response,)))))

    assert said.external_id == name(9)


async def test_each_request_is_signed_with_a_token_that_apple_takes():
    traffic = Traffic((LISTING, listing([])))
    await polled(traffic)
    [request] = traffic.requests
    token = request.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(
        token, PAIR.public_key(), algorithms=["ES256"], audience="appstoreconnect-v1", options={"verify_exp": False}
    )

    assert jwt.get_unverified_header(token)["kid"] == "2X9R4HXF34"
    assert claims["iss"] == OPTIONS["issuer_id"]
    assert claims["exp"] - claims["iat"] <= 20 * 60
    assert request.url.params["sort"] == "-createdDate"
    assert request.url.params["include"] == "response"


async def test_the_next_page_is_asked_at_the_same_host_wherever_its_link_leads():
    def answer(request: httpx.Request) -> Any:
        if "cursor" in request.url.params:
            return {"data": [review(1)], "links": {}}
        return {
            "data": [review(2)],
            "links": {"next": "https://elsewhere.example/v1/apps/1234567890/customerReviews?cursor=x"},
        }

    traffic = Traffic((LISTING, answer))
    await polled(traffic)

    assert [request.url.host for request in traffic.requests] == ["api.appstoreconnect.apple.com"] * 2


async def test_a_late_response_is_found_on_an_older_page():
    reviews = [review(n) for n in range(10, 0, -1)]
    first, _ = await polled(Traffic((LISTING, listing(reviews))))
    _, response = answered(reviews[5], "Sorry for the wait.")
    second, mentions = await polled(Traffic((LISTING, listing(reviews, included=(response,)))), first[-1].cursor)

    assert [mention.parent_id for mention in mentions if mention.ours] == [name(5)]
    assert "cursor=6" in second[-1].cursor["1234567890"]["again"]


@pytest.mark.parametrize("missing", ["rating", "title", "body", "reviewerNickname", "territory"])
async def test_what_is_null_loses_no_review(missing):
    _, [said] = await polled(Traffic((LISTING, listing([review(9, **{missing: None})]))))

    assert said.external_id == name(9)


async def test_a_recheck_finds_what_is_gone_and_what_has_changed():
    one, response = answered(review(1, rating=4), "Thank you.")
    traffic = Traffic(
        (f"{API}/customerReviews/{name(1)}?include=response", {"data": one, "included": [response]}),
        (f"{API}/customerReviews/{name(2)}", 404),
        (f"{API}/customerReviews/{name(3)}", {"data": review(3)}),
    )
    ids = [name(1), f"{name(1)}/response", name(2), f"{name(3)}/response"]
    async with traffic.client() as client:
        connector = AppStoreConnect(AppStoreConnect.Options(**OPTIONS), client)
        pages = [page async for page in connector.recheck(ids)]

    assert [(mention.stars, mention.ours) for mention in pages[0].mentions] == [(4, False), (None, True)]
    assert [list(page.gone) for page in pages] == [[], [], [name(2)], [f"{name(3)}/response"]]


async def test_a_key_that_cannot_be_read_is_told_without_showing_it():
    options = OPTIONS | {"private_key": Secret("no key at all")}
    async with Traffic((LISTING, listing([]))).client() as client:
        connector = AppStoreConnect(AppStoreConnect.Options(**options), client)
        with pytest.raises(AuthRejected) as refusal:
            [page async for page in connector.poll({}, FLOOR)]

    assert "no key at all" not in str(refusal.value)


async def test_connect_finds_the_apps_of_the_key():
    traffic = Traffic((f"{API}/apps", {"data": [{"id": "1234567890", "attributes": {"name": "Practice"}}]}))
    answers = {key: value for key, value in OPTIONS.items() if key != "app"}
    async with traffic.client() as client:
        [found] = [one async for one in AppStoreConnect.connect.find(answers, client)]

    assert (found.shown, found.options) == ("Practice", {"app": "1234567890"})


@settings(max_examples=60, deadline=None)
@given(item=spoilt(review(9)), reply=spoilt({"responseBody": "x", "lastModifiedDate": "2026-06-01T04:30:00-07:00"}))
def test_whatever_stands_in_a_review_only_sound_mentions_leave(item, reply):
    connector = AppStoreConnect(AppStoreConnect.Options(**OPTIONS), Traffic().client(), now=lambda: NOW)
    page = connector.page([item, {**item, "response": reply}], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)


async def test_a_response_with_an_odd_id_loses_no_review():
    odd = {"type": "customerReviewResponses", "id": {"uri": 1}, "attributes": {}}
    _, [said] = await polled(Traffic((LISTING, listing([review(9)], included=(odd, "odd")))))

    assert said.external_id == name(9)
