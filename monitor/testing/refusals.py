"""What a platform answers when it does not give what it was asked for, and what a connector makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx

from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError, Throttled, Unavailable

if TYPE_CHECKING:
    from monitor.testing.traffic import Answer

BODY = "these-words-stand-in-the-body"
"""No error may repeat them."""

_LOGIN_PAGE = f"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>{BODY}</form></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the platform answers in place of a listing, and what the connector must raise then."""

    name: str
    answer: Answer
    raises: type[PollError] | tuple[type[PollError], ...]
    wait: timedelta | None = None


def _status(code: int, **headers: str) -> httpx.Response:
    return httpx.Response(code, headers=headers, json={"error": BODY, "message": BODY})


REFUSALS: tuple[Refusal, ...] = (
    Refusal(name="400", answer=_status(400), raises=(Malformed, NotPermitted)),
    Refusal(name="401", answer=_status(401), raises=AuthRejected),
    Refusal(name="403", answer=_status(403), raises=NotPermitted),
    Refusal(name="404", answer=_status(404), raises=(Malformed, NotPermitted)),
    Refusal(name="410", answer=_status(410), raises=(Malformed, NotPermitted)),
    Refusal(name="429", answer=_status(429), raises=Throttled),
    Refusal(
        name="429 retry-after",
        answer=_status(429, **{"retry-after": "120"}),
        raises=Throttled,
        wait=timedelta(minutes=2),
    ),
    Refusal(name="500", answer=_status(500), raises=Unavailable),
    Refusal(name="503", answer=httpx.Response(503, html=_LOGIN_PAGE), raises=Unavailable),
    Refusal(name="time-out", answer=httpx.ReadTimeout(BODY), raises=Unavailable),
    Refusal(name="no connection", answer=httpx.ConnectError(BODY), raises=Unavailable),
    Refusal(name="log-in page", answer=httpx.Response(200, html=_LOGIN_PAGE), raises=Malformed),
    Refusal(name="noise", answer=httpx.Response(200, content=b"\xff\xfe\x00" + BODY.encode()), raises=Malformed),
    Refusal(name="another shape", answer={"detail": BODY}, raises=Malformed),
)
