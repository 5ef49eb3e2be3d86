"""Open connections, kept for a moment after use in case the same host is asked again."""

from __future__ import annotations

import ssl
from collections import OrderedDict

import httpcore
import httpx

Origin = tuple[str, bytes, int | None]


def origin(url: httpx.URL) -> Origin:
    """Scheme, host and port (None: the scheme's own) of `url`: what may share a connection and a credential."""
    return url.scheme, url.raw_host, url.port


class Connections:
    """At most `keep` idle connections; one older than `expiry` seconds is not used again, and closed at the next return.

    `httpcore.AsyncConnectionPool` asks every open connection at every request (encode/httpx#3215): at 50 that is half
    of a request's time. The gate already bounds how many are open, so all that is left to do is to remember idle ones.
    """

    def __init__(self, guard: httpcore.AsyncNetworkBackend, tls: ssl.SSLContext, *, keep: int, expiry: float) -> None:
        self._guard, self._tls = guard, tls
        self._keep, self._expiry = keep, expiry
        self._idle: OrderedDict[httpcore.AsyncHTTPConnection, Origin] = OrderedDict()

    async def take(self, url: httpx.URL) -> httpcore.AsyncHTTPConnection:
        """A connection to the origin of `url` that is the caller's alone until it is given back."""
        wanted = origin(url)
        while connection := self._pick(wanted):
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(
            origin=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/").origin,
            ssl_context=self._tls,
            keepalive_expiry=self._expiry,
            network_backend=self._guard,
        )

    async def give(self, connection: httpcore.AsyncHTTPConnection, url: httpx.URL) -> None:
        """Takes `connection` to the origin of `url` back, whatever state its use has left it in."""
        if not connection.is_idle() or connection.has_expired() or _left_over(connection):
            await connection.aclose()
            return
        self._idle[connection] = origin(url)
        while self._idle and (len(self._idle) > self._keep or next(iter(self._idle)).has_expired()):
            oldest, _ = self._idle.popitem(last=False)
            await oldest.aclose()

    def _pick(self, wanted: Origin) -> httpcore.AsyncHTTPConnection | None:
        """The freshest idle connection to `wanted`, no longer idle; searched anew each time, as others pick too."""
        for connection, at in reversed(self._idle.items()):
            if at == wanted:
                del self._idle[connection]
                return connection
        return None

    async def aclose(self) -> None:
        """Closes what is idle, and what is still in use when it is given back."""
        self._keep = 0
        while self._idle:
            connection, _ = self._idle.popitem()
            await connection.aclose()


def _left_over(connection: httpcore.AsyncHTTPConnection) -> bool:
    """Whether the server sent more than its answer. What follows would be read as the answer to the next request,
    which may be another source's; httpcore keeps it and offers no public way to ask."""
    parser = getattr(connection._connection, "_h11_state", None)  # noqa: SLF001 (see above; a test watches it)
    return parser is None or bool(parser.trailing_data[0])
