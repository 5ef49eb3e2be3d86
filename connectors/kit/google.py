"""What Google's APIs share: what their errors mean, what an empty listing is, how a person lets us in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from connectors.kit import answer
from connectors.kit.auth import Bearer
from connectors.kit.budget import Budget
from connectors.kit.paging import Token
from connectors.kit.paid import Spent
from connectors.kit.rest import UNREADABLE, text
from monitor.connector import (
    Answers,
    AuthRejected,
    Malformed,
    NotPermitted,
    OAuth,
    PollError,
    Secret,
    Throttled,
    Unavailable,
)
from monitor.model import Json

PACIFIC = "America/Los_Angeles"
"""Where Google's day of quota ends ("Daily quotas reset at midnight Pacific Time")."""

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address


class NotFound(NotPermitted):
    """What was asked for is not there."""


class CommentsDisabled(NotPermitted):
    """A video whose owner wants no comments: no matter of credentials."""


def daily(name: str, limit: int) -> Budget:
    """A quota that Google counts by the day."""
    return Budget(name=name, limit=limit, zone=PACIFIC)


def oauth(*scopes: str) -> OAuth:
    """How a person grants `scopes`. Google hands out a refresh token only where `prompt` asks for consent again."""
    return OAuth(
        authorize="https://accounts.google.com/o/oauth2/v2/auth",
        token=TOKEN_URL,
        scopes=scopes,
        parameters={"access_type": "offline", "prompt": "consent"},
    )


def listed(response: httpx.Response, key: str) -> list[Json]:
    """Return the items under `key`. Google leaves out what is empty: `{}` is an empty listing, and so is an answer of
    which only the frame is left. Raises Malformed for anything else, and what an error means that came as a 200."""
    said = answer.read(response)
    if isinstance(said, dict):
        if "error" in said:
            raise explain(response) or answer.refusal(response, Malformed, "it reports an error in place of data")
        items = said.get(key, [] if said.keys() <= _FRAME else None)
        if isinstance(items, list):
            return items
    raise Malformed(f"{response.request.url.host} sent no list where one was known to be: its API has changed")


async def each(client: httpx.AsyncClient, answers: Answers, url: httpx.URL, key: str) -> AsyncIterator[Json]:
    """Yield what the person who granted access reaches under `url`, page by page. Raises PollError."""
    token = answers["access_token"]
    auth = Bearer(token if isinstance(token, Secret) else Secret(token))
    following: httpx.URL | None = url
    while following is not None:
        response = await answer.ask(client, "GET", following, auth=auth, explain=explain)
        for item in listed(response, key):
            yield item
        before, following = following, Token("nextPageToken", "pageToken").after(following, response, ())
        if following == before:
            raise Malformed(f"{url.host} lists the same page again and again: nothing can be done but report it")


def source_name(kind: str, shown: str, id_: str, taken: set[str] | None = None) -> str:
    """Return a name for a source, made of how the thing is called; of its id where that has no letters for it, and of both
    where the name is `taken`, to which it is added."""
    words = [re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") for word in (shown, id_)]
    taken = set() if taken is None else taken
    name = f"{kind}-{words[0] or words[1]}"[:50].strip("-")
    name = f"{name}-{words[1][-12:].strip('-')}" if name in taken else name
    taken.add(name)
    return name


def inner(item: Json, *keys: str) -> str | None:
    """Return the text that stands under `keys`, one within the other; None for whatever else there is."""
    for key in keys:
        item = item.get(key) if isinstance(item, dict) else None
    return text({"": item}, "") if item and isinstance(item, str) else None


_FRAME = {
    "kind", "etag", "pageInfo", "nextPageToken", "prevPageToken", "regionCode", "eventId", "visitorId",
    "tokenPagination", "averageRating", "totalReviewCount", "totalSize",
}  # fmt: skip
"""What Google's listings say beside their items."""


def explain(response: httpx.Response) -> PollError | None:
    """Return what an error means. Its status code does not say it: a wrong key is a 400, a spent quota is a 403, and a
    429 comes also to a project that was never let in. None: the code says it."""
    details = _details(response)
    reasons = {one["reason"] for one in details if isinstance(one.get("reason"), str)} | _said(response)
    metadata: dict[str, Any] = {}
    for one in details:
        metadata |= one | (one["metadata"] if isinstance(one.get("metadata"), dict) else {})
    if str(metadata.get("quota_limit_value")) == "0":
        return answer.refusal(response, NotPermitted, _UNAPPROVED)
    if reasons & _DAILY or (reasons & _PATIENCE and "/d/" in str(metadata.get("quota_unit"))):
        return Spent(
            f"{response.request.url.host}: today's quota is used up until midnight Pacific", _midnight(response)
        )
    if reasons & _PATIENCE:
        return Throttled(
            f"{response.request.url.host}: too many requests, it asks for patience", _wait(response, details)
        )
    for known, kind, remedy in _MEANINGS:
        if reasons & known:
            return answer.refusal(response, kind, remedy)
    return answer.refusal(response, NotFound) if response.status_code == 404 else None


def expired(response: httpx.Response) -> bool:
    """Return whether a new token may help: Google Play says 401 also to an account that was not invited."""
    return response.status_code == 401 and explain(response) is None


_UNAPPROVED = (
    "the Cloud project's quota is 0, so Google has not approved it for this API: ask for access with Google's form and"
    " wait for the answer, which takes weeks"
)
_DAILY = {"quotaExceeded", "dailyLimitExceeded"}
_PATIENCE = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"}
_MEANINGS: tuple[tuple[set[str], type[PollError], str], ...] = (
    (
        {"API_KEY_INVALID", "API_KEY_EXPIRED", "keyInvalid", "keyExpired", "dailyLimitExceededUnreg"},
        AuthRejected,
        "the API key is not valid: copy it again from the Cloud console into the source's options",
    ),
    (
        {"ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions", "insufficientScopes"},
        NotPermitted,
        "the grant does not cover this: run `wellheard connect` again and leave every box ticked",
    ),
    (
        {"SERVICE_DISABLED", "accessNotConfigured"},
        NotPermitted,
        "this API is not switched on in the Cloud project: enable it in the console's API library",
    ),
    (
        {
            "API_KEY_SERVICE_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED", "ipRefererBlocked",
            "API_KEY_ANDROID_APP_BLOCKED", "API_KEY_IOS_APP_BLOCKED",
        },
        NotPermitted,
        "the API key's restrictions do not allow this: change them in the Cloud console",
    ),
    ({"BILLING_DISABLED"}, NotPermitted, "the Cloud project has no billing account: set one up in the console"),
    ({"CONSUMER_SUSPENDED", "CONSUMER_INVALID"}, NotPermitted, "the Cloud project is suspended or gone: look at it there"),
    (
        {"permissionDenied", "projectNotLinked"},
        NotPermitted,
        "the account may not see this app: invite it in the Play console, which takes up to two days to act",
    ),
    ({"commentsDisabled"}, CommentsDisabled, "comments are switched off there"),
    (
        {"processingFailure", "invalidPageToken", "backendError", "UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED"},
        Unavailable,
        "it could not do this now, and is tried again",
    ),
)  # fmt: skip


def _details(response: httpx.Response) -> list[dict[str, Any]]:
    """The parts of an error that carry reasons, in the old style (`errors`) and the new one (`details`)."""
    error = _error(response)
    found = [*_list(error.get("errors")), *_list(error.get("details"))]
    return [one for one in found if isinstance(one, dict)]


def _said(response: httpx.Response) -> set[str]:
    """What the error says of itself as a whole. The Places API words a wrong key, and gives no reason for it."""
    error = _error(response)
    wrong_key = {"API_KEY_INVALID"} if "API key not valid" in str(error.get("message")) else set()
    return {str(error.get("status"))} | wrong_key


def _error(response: httpx.Response) -> dict[str, Any]:
    try:
        error = response.json()["error"]
    except (*UNREADABLE, RecursionError):
        return {}
    return error if isinstance(error, dict) else {}


def _list(value: Json) -> Collection[Json]:
    return value if isinstance(value, list) else ()


def _wait(response: httpx.Response, details: Collection[dict[str, Any]]) -> timedelta | None:
    """How long to wait: Retry-After, or the RetryInfo of the error ("30s")."""
    asked = answer.patience(response.headers)
    for one in details if asked is None else ():
        delay = str(one.get("retryDelay", "")).removesuffix("s")
        if delay.replace(".", "", 1).isdecimal() and len(delay) < 10:
            return timedelta(seconds=float(delay))
    return asked


def _midnight(response: httpx.Response) -> timedelta | None:
    """How long until the quota is whole again, counted from the answer's own Date, so that no clock need be right."""
    try:
        now = parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return None
    return daily("", 0).wait(now if now.tzinfo else now.replace(tzinfo=UTC))
