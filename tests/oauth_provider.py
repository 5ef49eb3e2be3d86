"""An OAuth 2 provider on loopback that means it: codes are good once, PKCE is checked, tokens expire and rotate."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Form = Mapping[str, str]


@dataclass
class Provider:
    """What it grants and to whom; a test changes it while it runs.

    `lasts`: seconds of an access token. `rotates`: a refresh token is good once; `grace`: how often a spent one is taken
    all the same. `consent` is what the person at the consent page does: "yes", "no", or "forge" another's state.
    `holds`: a token answer waits for it, after the tokens were made. `fails`: what the token endpoint answers next."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    client: tuple[str, str | None] = ("app-1", "canary-client-secret")
    basic: bool = False
    lasts: float | str | None = 7200
    rotates: bool = True
    grace: int = 0
    consent: str = "yes"
    holds: Event | None = None
    assertion_key: Any = None
    fails: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)

    url: str = ""
    asked: list[tuple[str, str, dict[str, str], Form]] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    """Every secret that was ever handed out."""
    codes: dict[str, Form] = field(default_factory=dict)
    refreshes: dict[str, int] = field(default_factory=dict)
    """Refresh tokens by how often they may still be spent."""
    access: dict[str, datetime] = field(default_factory=dict)
    arrived: Event = field(default_factory=Event)
    """A token request was answered, or is about to be."""
    lock: Lock = field(default_factory=Lock)

    @property
    def token_requests(self) -> list[Form]:
        """The forms that the token endpoint got, in order."""
        return [form for _, path, _, form in self.asked if path in ("/token", "/longer")]

    def refresh_token(self) -> str:
        """A refresh token, as if it had been granted before."""
        return self._made("refresh", self.refreshes, 1 + self.grace if self.rotates else 10**6)

    def access_token(self, lasts: float = 7200) -> str:
        """An access token, as if it had been granted before."""
        return self._made("access", self.access, self.now() + timedelta(seconds=lasts))

    def revoke(self) -> None:
        """Ends every access token at once."""
        self.access.clear()

    def _made(self, kind: str, where: dict[str, Any], value: Any) -> str:
        token = f"canary-{kind}-{secrets.token_hex(8)}"
        self.granted.append(token)
        where[token] = value
        return token

    # What it answers

    def authorize(self, query: Form) -> str:
        """Where the browser is sent."""
        state = "somebody-elses" if self.consent == "forge" else query["state"]
        if self.consent == "no":
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': state})}"
        code = self._made("code", self.codes, query)
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': state})}"

    def token(self, form: Form, headers: Mapping[str, str]) -> tuple[int, Any]:
        """The answer to a token request."""
        if not self._client_is_known(form, headers) and "assertion" not in form:
            return 401, {"error": "invalid_client"}
        kind = form["grant_type"]
        if kind == "authorization_code":
            return self._for_code(form)
        if kind == "refresh_token":
            return self._for_refresh(form["refresh_token"])
        if kind == "client_credentials":
            return 200, self._tokens(refresh=False)
        if kind == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return self._for_assertion(form["assertion"])
        return 400, {"error": "unsupported_grant_type"}

    def _client_is_known(self, form: Form, headers: Mapping[str, str]) -> bool:
        name, secret = self.client
        if self.basic:
            pair = base64.b64encode(f"{name}:{secret}".encode()).decode()
            return headers.get("authorization") == f"Basic {pair}" and "client_secret" not in form
        return form.get("client_id") == name and form.get("client_secret") == secret

    def _for_code(self, form: Form) -> tuple[int, Any]:
        asked = self.codes.pop(form["code"], None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant", "error_description": form["code"]}
        if "code_challenge" in asked:
            proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(proof).rstrip(b"=").decode() != asked["code_challenge"]:
                return 400, {"error": "invalid_grant"}
        return 200, self._tokens(refresh=True)

    def _for_refresh(self, token: str) -> tuple[int, Any]:
        left = self.refreshes.get(token, 0)
        if left < 1:
            return 400, {"error": "invalid_grant", "error_description": f"{token} is spent"}
        self.refreshes[token] = left - 1
        return 200, self._tokens(refresh=self.rotates)

    def _for_assertion(self, assertion: str) -> tuple[int, Any]:
        import jwt

        try:
            jwt.decode(assertion, self.assertion_key, algorithms=["RS256"], audience=f"{self.url}/token",
                       options={"verify_exp": False, "verify_iat": False})  # fmt: skip
        except jwt.PyJWTError:
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(refresh=False)

    def longer(self, query: Form) -> tuple[int, Any]:
        """A long-lived token for one that is good."""
        if not self._good(query.get("access_token", "")):
            return 400, {"error": {"type": "OAuthException", "code": 190, "message": query.get("access_token")}}
        return 200, self._tokens(refresh=False)

    def _tokens(self, *, refresh: bool) -> dict[str, Any]:
        lasts = 10**9 if self.lasts is None else float(self.lasts)
        said: dict[str, Any] = {"access_token": self.access_token(lasts), "token_type": "bearer"}
        if self.lasts is not None:
            said["expires_in"] = self.lasts
        return said | ({"refresh_token": self.refresh_token()} if refresh else {})

    def _good(self, token: str) -> bool:
        return token in self.access and self.now() < self.access[token]

    def accounts(self, headers: Mapping[str, str]) -> tuple[int, Any]:
        """What only a good token may see."""
        if not self._good(headers.get("authorization", "").removeprefix("Bearer ")):
            return 401, {"error": "the token is over"}
        return 200, {"accounts": [{"id": "7", "name": "Practice Clinic"}, {"id": "8", "name": 'Nörd "Süd"\n'}]}


@contextmanager
def provider(**how: Any) -> Iterator[Provider]:
    """Runs one on a free port."""
    one = Provider(**how)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (_Answers,), {"provider": one}))
    server.daemon_threads = True
    one.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield one
    finally:
        if one.holds:
            one.holds.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Answers(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:  # http.server's name
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._answer(dict(parse_qsl(body.decode())))

    def _answer(self, form: Form) -> None:
        one, parts = self.provider, urlsplit(self.path)
        query, headers = dict(parse_qsl(parts.query)), {name.lower(): value for name, value in self.headers.items()}
        with one.lock:
            one.asked.append((self.command, parts.path, headers, form or query))
            if parts.path == "/authorize":
                return self._write(302, b"", {"Location": one.authorize(query)})
            if parts.path in ("/token", "/longer") and one.fails:
                return self._write(*one.fails.pop(0))
            if parts.path == "/token":
                code, said = one.token(form, headers)
            elif parts.path == "/longer":
                code, said = one.longer(query)
            else:
                code, said = one.accounts(headers)
        if parts.path == "/token":
            one.arrived.set()
            if one.holds:
                one.holds.wait(30)
        self._write(code, json.dumps(said).encode(), {"Content-Type": "application/json"})
        return None

    def _write(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # who asked was killed
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name
        """Says nothing."""
