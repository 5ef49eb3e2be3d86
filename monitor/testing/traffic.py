"""A platform that answers from a script: the traffic a connector is tested against."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import httpx

from monitor.model import Json

if TYPE_CHECKING:
    from pathlib import Path

Matches = str | Callable[[httpx.Request], bool]
"""`"GET https://host/path?key=value"` or a question put to the request. The method is GET where none is named; the host
may be left out (`"/path"`); a query that is named must be there, other parameters may be there too."""

Answer = Json | httpx.Response | Exception | Callable[[httpx.Request], Any]
"""A dict or list is sent as JSON, text as it is, a number is a bare status, an exception is raised as if the network
did; a response is sent as it is; a callable is asked for any of these."""


_OF_THE_BODY = {"content-encoding", "content-length", "transfer-encoding"}


class Unexpected(AssertionError):
    """A request that the script has no answer for, or one too many."""


class Traffic:
    """Answers requests from `(matches, answer)` pairs, the first that matches; everything else is an error.

    It is what `httpx.MockTransport` takes. `requests` are those that came, in order; `unexpected` those nothing
    matched. `most` ends a walk that would never end."""

    def __init__(self, *exchanges: tuple[Matches, Answer], most: int = 500) -> None:
        self.exchanges = list(exchanges)
        self.requests: list[httpx.Request] = []
        self.unexpected: list[str] = []
        self.most = most

    @classmethod
    def read(cls, path: Path) -> Traffic:
        """The traffic of a JSON file: a list of `{"request": "GET https://...", "status": 200, "headers": {},
        "json": ...}`, with `"text"` in place of `"json"` for what is not JSON."""
        return cls(*((one["request"], _written(one)) for one in json.loads(path.read_text(encoding="utf-8"))))

    def on(self, matches: Matches, answer: Answer) -> Traffic:
        """Adds an answer; earlier ones go first."""
        self.exchanges.append((matches, answer))
        return self

    def client(self) -> httpx.AsyncClient:
        """A client whose every request ends here."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if len(self.requests) > self.most:
            raise Unexpected(f"more than {self.most} requests: this walk does not end")
        for matches, answer in self.exchanges:
            if _matches(matches, request):
                return response(answer, request)
        self.unexpected.append(f"{request.method} {request.url}")
        raise Unexpected(f"nothing in the traffic answers {request.method} {request.url}")


def response(answer: Answer, request: httpx.Request) -> httpx.Response:
    """The HTTP response that `answer` stands for. Raises it where it is an exception."""
    if isinstance(answer, httpx.Response):
        told = [(key, value) for key, value in answer.headers.multi_items() if key not in _OF_THE_BODY]
        return httpx.Response(answer.status_code, headers=told, content=answer.content)
    if isinstance(answer, Exception):
        raise answer
    if callable(answer):
        return response(answer(request), request)
    if isinstance(answer, str | bytes):
        return httpx.Response(200, content=answer)
    if isinstance(answer, int) and not isinstance(answer, bool):
        return httpx.Response(answer)
    return httpx.Response(200, json=answer)


def _written(one: Mapping[str, Json]) -> httpx.Response:
    status, headers = one.get("status", 200), one.get("headers")
    if "text" in one:
        return httpx.Response(status, headers=headers, text=one["text"])
    return httpx.Response(status, headers=headers, json=one.get("json"))


def _matches(matches: Matches, request: httpx.Request) -> bool:
    if not isinstance(matches, str):
        return matches(request)
    method, _, address = matches.rpartition(" ")
    wanted = httpx.URL(address)
    asked = request.url.params.multi_items()
    return (
        request.method == (method or "GET")
        and request.url.path == wanted.path
        and (not wanted.host or (wanted.scheme, wanted.netloc) == (request.url.scheme, request.url.netloc))
        and all(pair in asked for pair in wanted.params.multi_items())
    )
