"""What a platform's answer means: its JSON, or the error that says who can do something about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
from pydantic_core import from_json

from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError, Throttled, Unavailable
from monitor.model import Json

_PARSED = "connectors.json"
"""Where a response keeps what it was parsed to."""

Explain = Callable[[httpx.Response], PollError | None]
"""What a platform means by an answer where its status code does not say it; None: the code says it."""

_RESETS = ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")
_EPOCH = 1_000_000_000  # as seconds left this would be 31 years, as a moment it is 2001

_MEANINGS: dict[int, tuple[type[PollError], str]] = {
    400: (Malformed, "the request is wrong: check the source's options"),
    401: (AuthRejected, "the credential is not accepted: renew it in the source's options"),
    402: (NotPermitted, "the plan or its budget is used up: look at the account there"),
    403: (NotPermitted, "the credential may not do this: check its scopes and approvals"),
    404: (NotPermitted, "what the source's options name is not there: check them"),
    410: (NotPermitted, "what the source's options name is gone: take it out of them"),
    422: (NotPermitted, "it wants other options or another credential: check the source's options"),
    451: (NotPermitted, "what the source's options name is withheld for legal reasons"),
}


async def ask(
    client: httpx.AsyncClient,
    method: str,
    url: httpx.URL,
    *,
    auth: httpx.Auth | None = None,
    json: Json = None,
    headers: dict[str, str] | None = None,
    explain: Explain | None = None,
) -> httpx.Response:
    """Send a request and return the answer if it is a good one (2xx). Raises PollError."""
    try:
        response = await client.request(method, url, auth=auth or httpx.USE_CLIENT_DEFAULT, json=json, headers=headers)
    except httpx.HTTPError as error:
        raise unreachable(error) from None
    if response.is_success:
        return response
    raise (explain and explain(response)) or refusal(response)


def unreachable(error: httpx.HTTPError) -> Unavailable:
    """What a request that got no answer means. Our transport's own sentences begin with the host and say why (too
    large, an address that is not public); the words of any other error may carry the URL and are left out."""
    host = error.request.url.host  # a session may have gone elsewhere
    said = str(error)
    if said.startswith(f"{host}: ") and "://" not in said and "?" not in said:
        return Unavailable(said)
    return Unavailable(f"{host} cannot be reached ({type(error).__name__}): it is tried again")


def refusal(response: httpx.Response, kind: type[PollError] | None = None, remedy: str | None = None) -> PollError:
    """Return the error that `response` is, going by its status code where `kind` and `remedy` are not given.

    404 and 410 are NotPermitted, not Malformed: the answer was understood, and the operator has to change the options.
    """
    code, host = response.status_code, response.request.url.host
    if code == 429 and kind is None:
        return Throttled(f"{host} answered 429: it asks for patience", patience(response.headers))
    if code >= 500 and kind is None:
        return Unavailable(f"{host} answered {code}: it is down, and is tried again")
    usual = _MEANINGS.get(code, (Malformed, "it was not known to answer so: check the address in the source's options"))
    return (kind or usual[0])(f"{host} answered {code}: {remedy or usual[1]}")


def patience(headers: httpx.Headers) -> timedelta | None:
    """How long a 429 asks to wait, None where it does not say.

    Retry-After in whole seconds goes before the reset of a rate limit, which is seconds left, seconds since 1970 or
    ISO 8601. Moments are counted from the answer's own Date, so that no clock need be right."""
    date = headers.get("date", "")
    asked = headers.get("retry-after", "")
    if asked.isdecimal():
        return _until(asked, date)
    waits = [_until(headers.get(name, ""), date) for name in _RESETS]
    return max((wait for wait in waits if wait is not None), default=None)


def _until(reset: str, date: str) -> timedelta | None:
    try:
        if reset.isdecimal() and int(reset) < _EPOCH:
            return timedelta(seconds=int(reset))
        moment = datetime.fromtimestamp(int(reset), UTC) if reset.isdecimal() else datetime.fromisoformat(reset)
        return max(moment - parsedate_to_datetime(date), timedelta())
    except (ValueError, TypeError, OverflowError, OSError):  # no date, no reset, or not one we know
        return None


def read(response: httpx.Response) -> Json:
    """Return the JSON that `response` carries. Raises Malformed for anything else, such as a log-in page.

    It is parsed once, however many look at it: a paging that finds its token there does so after its connector."""
    known = response.extensions
    try:
        if _PARSED not in known:
            known[_PARSED] = _json(response)
        return known[_PARSED]
    except (ValueError, RecursionError):
        what = "a web page" if "html" in response.headers.get("content-type", "") else "something that is no JSON"
        remedy = "check the address in the source's options"
        raise Malformed(f"{response.request.url.host} sent {what} in place of data: {remedy}") from None


def _json(response: httpx.Response) -> Json:
    """The JSON of an answer, by pydantic's parser, in half the time of Python's own; by that one where it is refused: half
    of a surrogate pair, another encoding than UTF-8, and what is no JSON at all."""
    try:
        return from_json(response.content, cache_strings="keys")
    except ValueError:
        return response.json()
