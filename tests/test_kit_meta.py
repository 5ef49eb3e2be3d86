"""The Graph API: errors by code, figures of use in percent and minutes, paging."""

from __future__ import annotations

import hmac
import json
from datetime import timedelta

import httpx
import pytest

from connectors.kit import meta
from monitor.connector import AuthRejected, NotPermitted, Secret, Throttled, Unavailable
from tests.graph import TOKEN, refusal, spent
from tests.recordings import recorded

URL = httpx.URL("https://graph.example/v25.0/600/feed?limit=100")


def answered(response: httpx.Response) -> httpx.Response:
    response.request = httpx.Request("GET", URL)
    return response


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "said"),
    [
        (190, 463, AuthRejected, "expired"),
        (190, 460, AuthRejected, "password"),
        (190, 458, AuthRejected, "removed"),
        (190, 467, AuthRejected, "invalid"),
        (190, None, AuthRejected, "not accepted"),
        (102, None, AuthRejected, "run `wellheard connect facebook` again"),
        (10, None, NotPermitted, "permission"),
        (3, None, NotPermitted, "permission"),
        (200, None, NotPermitted, "permission"),
        (299, None, NotPermitted, "permission"),
        (368, None, NotPermitted, "policies"),
        (4, None, Throttled, "limit"),
        (17, 2446079, Throttled, "limit"),
        (32, None, Throttled, "limit"),
        (613, None, Throttled, "limit"),
        (80001, None, Throttled, "limit"),
        (80002, None, Throttled, "limit"),
        (1, None, meta.Overloaded, "tried again"),
        (2, None, Unavailable, "tried again"),
        (12, None, meta.Deprecated, "version"),
        (100, 33, meta.Gone, "not there"),
        (803, None, meta.Gone, "not there"),
        (24, None, meta.Gone, "not there"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_an_error_means_what_its_code_says_whatever_its_status(code, subcode, kind, said, status):
    error = meta.explain(answered(refusal(code, subcode, status=status)), "facebook")

    assert type(error) is kind
    assert str(error).startswith(f"graph.example answered with error {code}")
    assert said in str(error)
    assert "these-words" not in str(error)


def test_100_alone_is_no_proof_that_something_is_gone():
    assert type(meta.explain(answered(refusal(100)), "facebook")) is NotPermitted


def test_an_unknown_error_is_transient_only_if_it_says_so():
    assert meta.explain(answered(refusal(7777)), "facebook") is None
    assert type(meta.explain(answered(refusal(7777, is_transient=True)), "facebook")) is Unavailable


@pytest.mark.parametrize("body", [{"error": "text"}, {"error": {"code": "x"}}, {"error": {}}, [], "text", None])
def test_what_is_no_error_of_meta_is_left_to_its_status(body):
    assert meta.explain(answered(httpx.Response(400, json=body)), "facebook") is None


def test_a_wait_is_in_minutes():
    error = meta.explain(answered(refusal(80001, headers=spent(100, 10))), "facebook")

    assert isinstance(error, Throttled)
    assert error.wait == timedelta(minutes=10)


def test_the_longest_wait_counts():
    figures = {"1": [{"estimated_time_to_regain_access": 3}, {"estimated_time_to_regain_access": 19}], "2": [{}]}
    headers = httpx.Headers({"x-business-use-case-usage": json.dumps(figures)})

    assert meta.usage(headers) == (0, timedelta(minutes=19))


def test_what_is_used_is_the_highest_percentage():
    headers = httpx.Headers(spent(41) | {"x-app-usage": json.dumps({"call_count": 2, "total_time": 87})})

    assert meta.usage(headers) == (87, None)


@pytest.mark.parametrize("header", ["", "no json", "[]", '{"1": "x"}', '{"1": [7]}', '{"1": [{"call_count": null}]}'])
def test_a_header_that_cannot_be_read_says_nothing(header):
    assert meta.usage(httpx.Headers({"x-business-use-case-usage": header})) == (0, None)


@pytest.mark.parametrize(
    ("following", "path"),
    [
        (f"?access_token={TOKEN}&limit=9&after=x", "/v25.0/600/feed?limit=9&after=x"),
        (f"?limit=9&access_token={TOKEN}&after=a%3D%3D", "/v25.0/600/feed?limit=9&after=a%3D%3D"),
        (f"?until&__previous=1&access_token={TOKEN}", "/v25.0/600/feed?until&__previous=1"),
        (f"?appsecret_proof=12&access_token={TOKEN}", "/v25.0/600/feed"),
        (f"https://thief.example/v25.0/1?access_token={TOKEN}&a=b", "/v25.0/1?a=b"),
    ],
)
def test_the_next_page_is_followed_as_it_is_without_the_token(following, path):
    response = answered(httpx.Response(200, json={"data": [], "paging": {"next": following}}))

    assert meta.Next().after(URL, response, []) == httpx.URL(f"https://graph.example{path}")


@pytest.mark.parametrize("paging", [None, {}, {"next": ""}, {"next": None}, {"cursors": {"after": "x"}}])
def test_a_listing_ends_where_no_next_page_is_named(paging):
    response = answered(httpx.Response(200, json={"data": [{}], "paging": paging}))

    assert meta.Next().after(URL, response, [{}]) is None


def test_a_listing_that_names_no_next_page_is_followed_by_its_cursor():
    response = answered(httpx.Response(200, json={"data": [{}], "paging": {"cursors": {"after": "QVFI"}}}))

    assert meta.Next(cursors=True).after(URL, response, [{}]) == URL.copy_set_param("after", "QVFI")
    assert meta.Next(cursors=True).after(URL, response, []) is None


def test_the_proof_is_the_apps_signature_of_the_token():
    auth = meta.Proven(Secret(TOKEN), Secret("app-secret"))
    request = next(auth.auth_flow(httpx.Request("GET", URL)))

    wanted = hmac.new(b"app-secret", TOKEN.encode(), "sha256").hexdigest()
    assert request.url.params["appsecret_proof"] == wanted
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_token_is_known_to_be_over_by_the_code():
    assert meta.expired(answered(refusal(190, 463)))
    assert meta.expired(answered(httpx.Response(401)))
    assert not meta.expired(answered(refusal(10)))
    assert not meta.expired(answered(httpx.Response(200, json={"data": []})))


ERRORS = {
    "base__error_data.json": NotPermitted,
    "restfb_json__oauthExampleError.json": meta.Overloaded,
    "exception.json": meta.Gone,
}
RECORDINGS = [path for platform in ("facebook", "threads") for path in recorded(platform, *ERRORS)]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_the_recorded_errors_have_their_types(path):
    error = meta.explain(answered(httpx.Response(400, content=path.read_bytes())), "facebook")

    assert type(error) is ERRORS[path.name]


@pytest.mark.parametrize("path", recorded("facebook", "restfb_api__header-business.json"), ids=lambda path: path.name)
def test_the_recorded_header_is_in_percent_and_minutes(path):
    header = json.dumps(json.loads(path.read_text()))

    assert meta.usage(httpx.Headers({"x-business-use-case-usage": header})) == (100, timedelta(minutes=10))
