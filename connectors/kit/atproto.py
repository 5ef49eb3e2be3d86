"""A session with an AT Protocol server: opened with an app password, renewed when it is over."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from connectors.kit import answer
from connectors.kit.rest import UNREADABLE, origin, text
from monitor.connector import AuthRejected, Malformed, PollError, Secret
from monitor.model import Json

_REMEDY = "handle or app password is wrong or revoked: make a new app password and set it in the source's options"

Exchange = Generator[httpx.Request, httpx.Response, None]


@dataclass(frozen=True, slots=True)
class _Tokens:
    did: str
    server: str
    access: Secret
    refresh: Secret


class Session(httpx.Auth):
    """Signs requests to `service` and sends them to the server that keeps the account.

    Opening a session is limited to 300 a day: it is tried once, and again only after `begin`. A session that is over is
    answered with 400; both of its tokens are then exchanged, and where they are worth nothing any more, a new session is
    opened. Raises PollError inside the request that needs it."""

    requires_response_body = True

    def __init__(self, service: str, handle: str, password: Secret) -> None:
        self._service, self._handle, self._password = service, handle, password
        self._tokens: _Tokens | None = None
        self._tried = False

    @property
    def did(self) -> str | None:
        """Whose session it is, None before the first request."""
        return self._tokens.did if self._tokens else None

    def begin(self) -> None:
        """Allow for one more attempt to open a session."""
        self._tried = False

    def auth_flow(self, request: httpx.Request) -> Exchange:
        if self._tokens is None:
            yield from self._open(request)
        response = yield self._signed(request)
        if ended(response):
            yield from self._renew(request)
            response = yield self._signed(request)
        if response.status_code == 401:
            self._tokens = None

    def _signed(self, request: httpx.Request) -> httpx.Request:
        if self._tokens:
            server = httpx.URL(self._tokens.server)
            request.url = request.url.copy_with(scheme=server.scheme, host=server.host, port=server.port)
            request.headers["host"] = server.netloc.decode()
            request.headers["authorization"] = f"Bearer {self._tokens.access.reveal()}"
        return request

    def _open(self, request: httpx.Request) -> Exchange:
        if self._tried:
            raise AuthRejected(f"{httpx.URL(self._service).host} ends each session at once: {_REMEDY}")
        self._tried = True
        account = {"identifier": self._handle.removeprefix("@"), "password": self._password.reveal()}
        self._keep((yield _post(request, self._service, "createSession", json=account)))

    def _renew(self, request: httpx.Request) -> Exchange:
        if self._tokens:
            token = f"Bearer {self._tokens.refresh.reveal()}"
            response = yield _post(request, self._tokens.server, "refreshSession", headers={"authorization": token})
            if response.status_code not in (400, 401):
                self._keep(response)
                return
        yield from self._open(request)

    def _keep(self, response: httpx.Response) -> None:
        if not response.is_success:
            raise explain(response) or answer.refusal(response)
        said, server = answer.read(response), response.request.url.copy_with(raw_path=b"/")
        try:
            home = _home(said) or origin(str(server))
            self._tokens = _Tokens(
                text(said, "did"), home, Secret(text(said, "accessJwt")), Secret(text(said, "refreshJwt"))
            )
        except UNREADABLE:
            raise Malformed(f"{server.host} opened no session: check service in the source's options") from None


def ended(response: httpx.Response) -> bool:
    """Return whether it was refused because the session is over, whatever its token looks like by now."""
    with suppress(PollError, *UNREADABLE):
        return response.status_code == 400 and answer.read(response)["error"] in ("ExpiredToken", "InvalidToken")
    return False


def explain(response: httpx.Response) -> PollError | None:
    """Return what a refusal means that has to do with the session."""
    if response.status_code == 401 or ended(response):
        return answer.refusal(response, AuthRejected, _REMEDY)
    return None


def _post(
    request: httpx.Request, server: str, method: str, headers: dict[str, str] | None = None, **how: Any
) -> httpx.Request:
    """A request that goes out like `request` does."""
    shown = {name: request.headers[name] for name in ("user-agent", "accept-encoding") if name in request.headers}
    url = f"{server}/xrpc/com.atproto.server.{method}"
    return httpx.Request("POST", url, headers=shown | (headers or {}), extensions=request.extensions, **how)


def _home(said: Json) -> str | None:
    """The server that keeps the account, as its DID document names it. Raises one of UNREADABLE."""
    services = (said.get("didDoc") or {}).get("service") or ()
    return next((origin(one["serviceEndpoint"]) for one in services if one["id"].endswith("#atproto_pds")), None)
