"""One exchange with one host: in turn, in time, in bounds; redirects and pauses included."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpcore
import httpx

from monitor.http import redirect
from monitor.http.body import Body, too_large
from monitor.http.connections import Connections
from monitor.http.gate import Gate
from monitor.http.patience import wait, whole_seconds

PAUSED = "x-wellheard-paused"
"""Marks a 429 that no host sent: the transport gave it, because the host had asked for patience before."""

ENCODINGS = "gzip, deflate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost: `deadline` in seconds, with redirects and the body and without waiting for its turn;
    `raw_cap` and `cap` in bytes, as sent and as decoded."""

    deadline: float
    raw_cap: int
    cap: int


class Transport(httpx.AsyncBaseTransport):
    """What our client sends through. Its answers are complete and decoded; what it raises is an
    `httpx.TransportError` that names the host and nothing else of the address."""

    def __init__(
        self,
        gate: Gate,
        connections: Connections,
        limits: Limits,
        *,
        now: Callable[[], datetime],
        close: Callable[[], object] = lambda: None,
    ) -> None:
        self._gate, self._connections, self._limits = gate, connections, limits
        self._now = now
        self._close = close

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to `request` and to the redirects it meets.

        `response.extensions["url"]` is where it came from in the end."""
        left = self._limits.deadline
        for _ in range(redirect.LIMIT + 1):
            response = await self._in_turn(request, left)
            onward = redirect.onward(request, response)
            if onward is None:
                return _final(request, response)
            left -= response.elapsed.total_seconds()
            request = onward
        raise redirect.RedirectRefused(f"{request.url.host}: redirects more than {redirect.LIMIT} times")

    async def aclose(self) -> None:
        """Closes what is open."""
        await self._connections.aclose()
        self._close()

    async def _in_turn(self, request: httpx.Request, left: float) -> httpx.Response:
        name = _name(request.url)
        async with self._gate.turn(name) as pause:
            if pause:
                return _paused(pause)
            response = await self._exchange(request, left)
            self._heed(name, response)
            return response

    def _heed(self, name: str, response: httpx.Response) -> None:
        """Pauses a host that asks for it, and says its wish in one unit: Retry-After in whole seconds, or not at all."""
        if response.status_code not in (429, 503):
            return
        patience = wait(response.headers, now=self._now())
        if patience is None:
            response.headers.pop("retry-after", None)
            return
        response.headers["retry-after"] = whole_seconds(patience)
        self._gate.pause(name, patience.total_seconds())

    async def _exchange(self, request: httpx.Request, left: float) -> httpx.Response:
        host = request.url.host
        if request.url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"{host or 'no host'}: only http and https are spoken here")
        time = asyncio.get_running_loop().time
        started = time()
        try:
            async with asyncio.timeout(left):
                response = await self._send(request)
        except TimeoutError:
            raise httpx.ReadTimeout(f"{host}: no complete answer within {self._limits.deadline:g} s") from None
        except _FAILURES as error:
            # Without the cause: h11 quotes the bytes it choked on, which may be a mention's text or our own header.
            raise _failure(host, error) from None
        response.elapsed = timedelta(seconds=time() - started)
        return response

    async def _send(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        request.headers["accept-encoding"] = ENCODINGS
        connection = await self._connections.take(url)
        try:
            answer = await connection.handle_async_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
            async with aclosing(answer):
                return await self._read(request, answer)
        finally:
            await self._connections.give(connection, url)

    async def _read(self, request: httpx.Request, answer: httpcore.Response) -> httpx.Response:
        host, limits = request.url.host, self._limits
        headers = httpx.Headers(answer.headers)
        empty = request.method == "HEAD" or answer.status in (204, 304)
        declared = headers.get("content-length", "")
        if not empty and declared.isdecimal() and int(declared) > limits.raw_cap:
            raise too_large(host, limits.raw_cap)
        body = Body(host, headers.get("content-encoding", ""), raw_cap=limits.raw_cap, cap=limits.cap)
        pieces = 0
        async for piece in answer.aiter_stream():
            body.add(piece)
            pieces += 1
            if pieces % 256 == 0:  # thousands of crumbs may come with one read: let others in, and the deadline
                await asyncio.sleep(0)
        content = body.finish()
        for name in ("content-encoding", "transfer-encoding", PAUSED, *(() if empty else ("content-length",))):
            headers.pop(name, None)
        said = {name: value for name, value in answer.extensions.items() if name in ("http_version", "reason_phrase")}
        return httpx.Response(answer.status, headers=headers, content=content, extensions=said)


def _name(url: httpx.URL) -> str:
    """What politeness calls one host: http and https of a name are one, two ports of it are two."""
    host = url.host.rstrip(".")
    return host if url.port is None else f"{host}:{url.port}"


def _final(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    response.extensions["url"] = request.url
    location = response.headers.get("location")
    if location is not None and redirect.target(request.url, location) is None:
        del response.headers["location"]  # httpx reads it even where nobody follows, and fails in a way of its own
    return response


def _paused(seconds: float) -> httpx.Response:
    response = httpx.Response(429, headers={"retry-after": whole_seconds(seconds), PAUSED: "1"})
    response.elapsed = timedelta()
    return response


_FAILURES = (
    httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError,
)  # fmt: skip

_SENTENCES = {
    httpx.ConnectError: "cannot be reached",
    httpx.ConnectTimeout: "took too long to accept a connection",
    httpx.ReadError: "broke the connection off",
    httpx.ReadTimeout: "took too long to answer",
    httpx.WriteError: "broke the connection off",
    httpx.WriteTimeout: "took too long to take the request",
    httpx.RemoteProtocolError: "hung up in mid-answer, or does not speak HTTP",
    httpx.LocalProtocolError: "the request cannot be sent, it has a character that HTTP does not allow",
}


def _failure(host: str, error: Exception) -> httpx.TransportError:
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.ReadError)
    sentence = _SENTENCES.get(kind, "failed")
    detail = _system_says(error) if kind is httpx.ConnectError else ""
    return kind(f"{host}: {sentence}" + (f" ({detail})" if detail else ""))


def _system_says(error: BaseException | None) -> str:
    """What the resolver, the kernel or TLS gave as the reason: their words name no more than the host."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        if isinstance(error, ssl.SSLError):
            return error.reason
        if isinstance(error, OSError) and error.errno:
            return error.strerror or "" if error.errno < 0 else os.strerror(error.errno)
        error = error.__cause__ or error.__context__
    return ""
