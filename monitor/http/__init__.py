"""The one way out: politeness per host, deadlines, size caps, Retry-After, address guard.

`client` makes the one `httpx.AsyncClient` of the process. Who holds it uses the plain httpx API and knows nothing of
this; whatever goes wrong on the way is an `httpx.TransportError` that names the host and never the address. What does
not speak HTTP gets its connection from the client's `dial`, past the same guard.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version

import httpx

from monitor.http.address import AddressRefused, Guard, Network, Resolve, Resolver, refusal
from monitor.http.body import TooLarge, Undecodable
from monitor.http.connections import Connections
from monitor.http.dial import Client, Dial, Dialler
from monitor.http.gate import Gate
from monitor.http.patience import wait
from monitor.http.redirect import RedirectRefused
from monitor.http.transport import ENCODINGS, PAUSED, Limits, Transport


def client(
    *,
    contact: str,
    allow: Sequence[Network] = (),
    gap: float = 0.5,
    per_host: int = 2,
    total: int = 50,
    deadline: float = 30.0,
    raw_cap: int = 10_000_000,
    cap: int = 10_000_000,
    keep: int = 10,
    expiry: float = 10.0,
    tls: ssl.SSLContext | None = None,
    resolve: Resolve | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Client:
    """The client of this process: make it once, hand it to everybody, close it at the end.

    `contact` is how the owner of a host can reach us, in the User-Agent. `allow` are the non-public networks that may
    be reached. `gap` is seconds between two requests to one host, `per_host` and `total` how many run at once.
    `deadline` is seconds for one request with redirects and body; the wait for its turn is not counted. `raw_cap` and
    `cap` are bytes of a body as sent and as decoded. `keep` idle connections are kept for `expiry` seconds. `tls` is
    for a private certificate authority. `now`, `monotonic`, `sleep` and `resolve` are the clocks and the resolver.

    Its requests raise `httpx.TransportError`, never another kind of `httpx.HTTPError`: AddressRefused, TooLarge,
    Undecodable, RedirectRefused and httpx's own. A 429 or 503 pauses its host for as long as `wait` reads from it,
    for everybody: until then further requests are answered by a 429 with `x-wellheard-paused: 1` and the seconds that
    are left in Retry-After. Retry-After is whole seconds on every 429 and 503 that has it.
    """
    quiet()
    resolver = Resolver()
    guard = Guard(allow, resolver if resolve is None else resolve)
    gate = Gate(gap=gap, per_host=per_host, total=total, monotonic=monotonic, sleep=sleep)
    transport = Transport(
        gate,
        Connections(guard, httpx.create_ssl_context(trust_env=False) if tls is None else tls, keep=keep, expiry=expiry),
        Limits(deadline=deadline, raw_cap=raw_cap, cap=cap),
        now=now,
        close=resolver.close,
    )
    return Client(
        dial=Dialler(gate, guard, deadline=deadline),
        transport=transport,
        headers={"User-Agent": agent(contact), "Accept-Encoding": ENCODINGS},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # sources share the client, never a session
        timeout=None,  # the transport has one deadline for the whole exchange
        follow_redirects=False,
        trust_env=False,  # proxies and .netrc would lead past the address guard
    )


def agent(contact: str) -> str:
    """Our User-Agent. What cannot stand in a header's comment is left out of `contact`."""
    printable = re.sub(r"[^\x20-\x7e]|[()\\]", "", contact).strip()
    return f"wellheard/{_version()} (+{printable})" if printable else f"wellheard/{_version()}"


@cache
def _version() -> str:
    try:
        return version("wellheard")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


def quiet() -> None:
    """Silences what httpx logs at INFO and httpcore at DEBUG: whole addresses, with the keys in their queries."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


__all__ = [
    "PAUSED", "AddressRefused", "Client", "Dial", "RedirectRefused", "TooLarge", "Undecodable", "agent", "client",
    "quiet", "refusal", "wait",
]  # fmt: skip
