"""Where a redirect leads, and whether it may be followed: pure."""

from __future__ import annotations

import re

import httpx

from monitor.http.connections import origin

LIMIT = 5
"""How many redirects one request follows."""

_CODES = (301, 302, 303, 307, 308)
_HARMLESS = ("accept", "accept-encoding", "user-agent")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS = frozenset({
    "auth", "authorization", "bearer", "cookie", "credential", "credentials", "dpop", "jwt", "oauth", "passwd", "pwd",
    "pw", "sess", "session", "sessionid", "sid", "sig", "sign", "signature",
})  # fmt: skip
_SECRET_ENDINGS = ("key", "token", "secret", "password")


class RedirectRefused(httpx.TransportError):
    """A redirect that is not followed: it would weaken TLS, carry a credential elsewhere, leave HTTP, or never end."""


def onward(request: httpx.Request, response: httpx.Response) -> httpx.Request | None:
    """The request that follows `response`, None where it is no redirect of a GET or HEAD.

    At the same origin it is the same request. To another origin goes only what carries no credential, with no header
    but Accept, Accept-Encoding and User-Agent. Raises RedirectRefused, naming both hosts and the reason."""
    if response.status_code not in _CODES or "location" not in response.headers:
        return None
    if request.method not in ("GET", "HEAD"):
        return None
    url = target(request.url, response.headers["location"])
    if url is None:
        raise RedirectRefused(f"{request.url.host}: redirects to an address that cannot be read")
    if origin(url) == origin(request.url):
        return httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
    if reason := _against(request, url):
        raise RedirectRefused(f"{request.url.host}: redirects to {url.host or 'no host'}, refused: {reason}")
    headers = {name: value for name, value in request.headers.items() if name in _HARMLESS}
    timeout = {name: value for name, value in request.extensions.items() if name == "timeout"}
    return httpx.Request(request.method, url, headers=headers, extensions=timeout)


def target(url: httpx.URL, location: str) -> httpx.URL | None:
    """The absolute address that `location` means in an answer from `url`, without user and password; or None."""
    try:
        joined = url.join(location)
        return joined.copy_with(username="", password="") if joined.userinfo else joined
    except (httpx.InvalidURL, ValueError):
        return None


def _against(request: httpx.Request, url: httpx.URL) -> str | None:
    if url.scheme not in ("http", "https") or not url.host:
        return "only http and https are spoken here"
    if request.url.scheme == "https" and url.scheme == "http":
        return "it leaves TLS"
    if any(secret(name) for name in request.headers):
        return "the request carries a credential in its headers; configure the new address if it is right"
    if any(secret(name) for name in request.url.params):
        return "the request carries a credential in its query; configure the new address if it is right"
    return None


def secret(name: str) -> bool:
    """Whether a header or query parameter of this name looks like a credential: X-Api-Key, access_token, sig."""
    words = [word.lower() for word in _WORD.findall(name)]
    return any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words)
