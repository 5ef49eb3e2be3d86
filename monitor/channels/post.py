"""One POST to somebody's endpoint, and what its answer means for the delivery."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import httpx

from monitor.channels.delivery import DeliveryError
from monitor.connector import Secret
from monitor.http import AddressRefused, wait
from monitor.model import Json

WITHIN = timedelta(seconds=30)
"""How long one delivery may take: Standard Webhooks recommends 15 to 30 seconds."""

_TRANSIENT = frozenset({408, 409, 421, 423, 425, 429})
_SENTENCES = {
    401: "does not know us; renew the address or the secret",
    403: "does not let us in; renew the address or the secret",
    404: "has no such endpoint; correct the address",
    408: "took too long",
    410: "says that the endpoint is gone; take it out of the configuration or correct the address",
    429: "asks for patience",
}


def encoded(body: Json) -> bytes:
    """`body` as JSON in UTF-8; half surrogate pairs, which UTF-8 cannot carry, become question marks."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace")


def host(url: Secret) -> str:
    """The only part of an endpoint's address that may be shown."""
    try:
        return httpx.URL(url.reveal()).host or "the endpoint"
    except httpx.InvalidURL:
        return "the endpoint"


async def post(
    client: httpx.AsyncClient,
    url: Secret,
    content: bytes,
    *,
    now: Callable[[], datetime],
    headers: Mapping[str, str] | None = None,
    within: timedelta = WITHIN,
) -> str:
    """Posts JSON and returns the beginning of the answer's body. Raises DeliveryError for all but a 2xx.

    A redirect is a failure and never followed: it would lead the message somewhere nobody has configured.
    """
    there = host(url)
    try:
        async with asyncio.timeout(within.total_seconds()):
            response = await client.post(
                url.reveal(),
                content=content,
                headers={"Content-Type": "application/json", **(headers or {})},
                follow_redirects=False,
                timeout=within.total_seconds(),
            )
    except (TimeoutError, httpx.TimeoutException):
        raise DeliveryError(f"{there} took too long to answer", permanent=False) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError):
        raise DeliveryError(
            "the endpoint's address is none that can be posted to; correct it", permanent=True
        ) from None
    except AddressRefused as error:  # its sentence names the host, why, and what would allow it
        raise DeliveryError(str(error), permanent=False) from None
    except (httpx.HTTPError, OSError) as error:
        raise DeliveryError(f"{there} cannot be reached ({type(error).__name__})", permanent=False) from None
    if not response.is_success:
        raise refusal(there, response.status_code, wait(response.headers, now=now()))
    return response.text[:1000]


def refusal(there: str, status: int, patience: timedelta | None = None) -> DeliveryError:
    """What a status other than 2xx means: 408, 429 and 5xx pass, everything else needs a person."""
    if 300 <= status < 400:
        sentence = "redirects, which is not followed; configure the address it leads to"
    else:
        sentence = _SENTENCES.get(status, "failed" if status >= 500 else "refused the message")
    passing = status in _TRANSIENT or status >= 500
    return DeliveryError(
        f"{there} {sentence} (HTTP {status})",
        permanent=not passing,
        wait=patience if passing else None,
        gone=status == 410,
    )
