"""What Stack Exchange wraps its answers in: errors by number, and what was said under what."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx

from connectors.kit.rest import UNREADABLE
from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError, Throttled, Unavailable
from monitor.model import Json

_BAD_PARAMETER, _INVALID_TOKEN, _THROTTLED = 400, 402, 502
_IN = re.compile(r"in (\d{1,6}) seconds")
_MEANINGS: dict[int, tuple[type[PollError], str]] = {  # by error_id: nearly all come with 400
    400: (Malformed, "it does not take the request: check site, queries and tags in the source's options"),
    401: (AuthRejected, "it wants a key: set key in the source's options"),
    402: (AuthRejected, "the key is not valid: register a new one and set it in the source's options"),
    403: (NotPermitted, "the key may not read this"),
    404: (Malformed, "it does not know what was asked for: its API has changed"),
    405: (AuthRejected, "it wants a key: set key in the source's options"),
    406: (AuthRejected, "the key may be known to others: register a new one and set it in the source's options"),
    500: (Unavailable, "it is down, and is tried again"),
    503: (Unavailable, "it is down, and is tried again"),
}


def explain(response: httpx.Response) -> PollError | None:
    """What a refusal means: `error_id` says it, whatever the status, which is nearly always 400."""
    host = response.request.url.host
    try:
        said = response.json()
        id_, message = int(said["error_id"]), str(said.get("error_message"))
    except UNREADABLE:
        return None
    if id_ == _THROTTLED:  # by the address, or by the day's quota
        wait = _IN.search(message)
        return Throttled(f"{host} was asked too often", timedelta(seconds=int(wait[1])) if wait else None)
    if id_ == _BAD_PARAMETER and "`key`" in message:
        id_ = _INVALID_TOKEN
    kind, remedy = _MEANINGS.get(id_, _MEANINGS[_BAD_PARAMETER])
    return kind(f"{host} answered with error {id_}: {remedy}")


def said(item: Json) -> list[Json]:
    """An item, its comments, its answers and their comments."""
    if not isinstance(item, dict):
        return [item]
    under = [item.get(key) for key in ("comments", "answers")]
    return [item, *(one for some in under if isinstance(some, list) for child in some for one in said(child))]
