"""What Google's errors mean, whatever their status code says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit import google
from connectors.kit.paid import Spent
from monitor.connector import AuthRejected, Malformed, NotPermitted, Throttled, Unavailable

HOST = "api.google.example"
MIDNIGHT = timedelta(hours=19)
"""From noon UTC to midnight in California, in summer."""


def answered(code: int, body: Any, **headers: str) -> httpx.Response:
    headers = {"date": "Mon, 01 Jun 2026 12:00:00 GMT"} | headers
    return httpx.Response(code, headers=headers, json=body, request=httpx.Request("GET", f"https://{HOST}/v1/x?key=y"))


def new(code: int, status: str, reason: str | None = None, *more: Any, message: str = "m", **metadata: str) -> Any:
    """An error in the style of google.rpc.Status."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "metadata": metadata}
    error = {"code": code, "message": message, "status": status, "details": [*([info] if reason else []), *more]}
    return answered(code, {"error": error})


def old(code: int, reason: str, **headers: str) -> Any:
    """An error in the style of the older APIs."""
    errors = [{"domain": "usageLimits", "reason": reason, "message": "m"}]
    return answered(code, {"error": {"errors": errors, "code": code, "message": "m"}}, **headers)


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"}


@pytest.mark.parametrize(
    ("response", "kind", "said"),
    [
        (old(400, "keyInvalid"), AuthRejected, "API key is not valid"),
        (old(403, "dailyLimitExceededUnreg"), AuthRejected, "API key is not valid"),
        (new(400, "INVALID_ARGUMENT", "API_KEY_INVALID"), AuthRejected, "API key is not valid"),
        (
            new(400, "INVALID_ARGUMENT", message="API key not valid. Please pass a valid API key."),
            AuthRejected,
            "API key",
        ),
        (new(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), NotPermitted, "enable it"),
        (old(403, "accessNotConfigured"), NotPermitted, "enable it"),
        (new(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), NotPermitted, "wellheard connect"),
        (new(403, "PERMISSION_DENIED", "API_KEY_SERVICE_BLOCKED"), NotPermitted, "restrictions"),
        (new(403, "PERMISSION_DENIED", "BILLING_DISABLED"), NotPermitted, "billing"),
        (new(403, "PERMISSION_DENIED", "CONSUMER_SUSPENDED"), NotPermitted, "suspended"),
        (new(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", quota_limit_value="0"), NotPermitted, "not approved"),
        (new(429, "RESOURCE_EXHAUSTED", None, {"quota_limit_value": "0"}), NotPermitted, "not approved"),
        (old(401, "permissionDenied"), NotPermitted, "invite it"),
        (old(401, "projectNotLinked"), NotPermitted, "invite it"),
        (old(403, "commentsDisabled"), google.CommentsDisabled, "switched off"),
        (old(400, "processingFailure"), Unavailable, "tried again"),
        (old(400, "invalidPageToken"), Unavailable, "tried again"),
        (new(404, "NOT_FOUND"), google.NotFound, "is not there"),
    ],
)
def test_an_error_is_told_by_its_reason(response, kind, said):
    error = google.explain(response)

    assert type(error) is kind
    assert HOST in str(error)
    assert said in str(error)
    assert "key=y" not in str(error)


@pytest.mark.parametrize(
    "response",
    [
        old(403, "quotaExceeded"),
        old(403, "dailyLimitExceeded"),
        new(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", quota_unit="1/d/{project}", quota_limit_value="100"),
    ],
)
def test_a_quota_of_the_day_is_whole_again_at_midnight_in_california(response):
    error = google.explain(response)

    assert isinstance(error, Spent)
    assert error.wait == MIDNIGHT


@pytest.mark.parametrize(
    ("response", "wait"),
    [
        (old(403, "rateLimitExceeded"), None),
        (old(403, "userRateLimitExceeded", **{"retry-after": "7"}), timedelta(seconds=7)),
        (new(429, "RESOURCE_EXHAUSTED", None, RETRY), timedelta(seconds=30)),
        (
            new(
                429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", quota_unit="1/min/{project}", quota_limit_value="300"
            ),
            None,
        ),
    ],
)
def test_a_quota_of_the_minute_asks_for_patience(response, wait):
    error = google.explain(response)

    assert type(error) is Throttled
    assert error.wait == wait


@pytest.mark.parametrize(
    "response",
    [
        new(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"),
        new(403, "PERMISSION_DENIED"),
        answered(400, {"error": "invalid_grant", "error_description": "x"}),
        answered(400, []),
        answered(500, "x"),
        httpx.Response(403, html="<p>no</p>", request=httpx.Request("GET", f"https://{HOST}/")),
    ],
)
def test_of_other_errors_the_code_says_enough(response):
    assert google.explain(response) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["error", "0", "RATE_LIMIT_EXCEEDED"]),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["error", "errors", "details", "reason", "metadata", "status", "retryDelay"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_stands_in_an_error_it_is_read(body):
    google.explain(answered(429, body))


@pytest.mark.parametrize(
    ("body", "items"),
    [
        ({}, []),
        ({"reviews": []}, []),
        ({"reviews": [1]}, [1]),
        ({"kind": "x", "etag": "y", "pageInfo": {"totalResults": 0}}, []),
        ({"averageRating": 4, "totalReviewCount": 9, "nextPageToken": "x"}, []),
    ],
)
def test_what_is_empty_is_left_out(body, items):
    assert google.listed(answered(200, body), "reviews") == items


@pytest.mark.parametrize("body", [[], None, "x", {"detail": "x"}, {"reviews": None}, {"reviews": {}}, {"error": "x"}])
def test_anything_else_is_no_empty_listing(body):
    with pytest.raises(Malformed, match=HOST):
        google.listed(answered(200, body), "reviews")


def test_an_error_that_comes_with_200_means_what_it_says():
    body = {"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}]}}

    with pytest.raises(Spent):
        google.listed(answered(200, body), "reviews")


@pytest.mark.parametrize(
    ("item", "found"),
    [({"a": {"b": "x\0"}}, "x"), ({"a": {"b": ""}}, None), ({"a": None}, None), ({"a": {"b": 7}}, None), (None, None)],
)
def test_what_stands_within_is_a_text_or_nothing(item, found):
    assert google.inner(item, "a", "b") == found


def test_sources_are_named_apart():
    taken: set[str] = set()
    names = [
        google.source_name("google", shown, id_, taken) for shown, id_ in (("Elm", "1"), ("Elm", "2"), ("\u7df4", "3"))
    ]

    assert names == ["google-elm", "google-elm-2", "google-3"]
    assert len(google.source_name("google", "x" * 200, "y" * 200, {"google-" + "x" * 43})) <= 63
