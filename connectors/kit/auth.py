"""How a request is signed. A credential that renews itself is made once, in the connector's `__init__`, not in `sign`."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import httpx

from connectors.kit.answer import Explain
from connectors.kit.rest import UNREADABLE, origin
from connectors.kit.tokens import TokenFile, Tokens, again, granted
from monitor.connector import AuthRejected, NotPermitted, PollError, Secret, Throttled, Unavailable

Exchange = Generator[httpx.Request, httpx.Response, None]
Exchanges = AsyncGenerator[httpx.Request, httpx.Response]
Clock = Callable[[], datetime]
Parameters = Mapping[str, "str | Secret"]

_EARLY = timedelta(minutes=2)
"""How long before its end an access token is renewed: longer than a request and its wait in line may take."""
_ASSERTED = timedelta(hours=1)
_ES256_LIFE = timedelta(minutes=19)
"""App Store Connect takes no token that lasts over 20 minutes ("Generating tokens for API requests")."""


class Bearer(httpx.Auth):
    """A token in the Authorization header (RFC 6750)."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Exchange:
        """Yield the request once, signed."""
        request.headers["authorization"] = f"Bearer {self._token.reveal()}"
        yield request


class ApiKey(httpx.Auth):
    """A key in a header of the platform's own, such as `X-Api-Key`."""

    def __init__(self, header_name: str, secret: Secret) -> None:
        self._header, self._secret = header_name, secret

    def auth_flow(self, request: httpx.Request) -> Exchange:
        """Yield the request once, signed."""
        request.headers[self._header] = self._secret.reveal()
        yield request


def refused(response: httpx.Response) -> bool:
    """Whether a platform that speaks plain HTTP refused the token."""
    return response.status_code == 401


class Renewing(httpx.Auth):
    """Signs with an access token that it asks for: at first, before the last one ends, and once where a request is
    refused for it (`expired`), which is then repeated once.

    One request asks, those beside it wait and take what it got. Raises PollError inside the request that needs a token.
    `explain` says what a refusal of the token endpoint means where neither its code nor its `error` does."""

    def __init__(
        self,
        *,
        platform: str,
        early: timedelta = _EARLY,
        expired: Callable[[httpx.Response], bool] = refused,
        explain: Explain | None = None,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._platform, self._early = platform, early
        self._expired, self._explain, self._now = expired, explain, now
        self._lock = asyncio.Lock()
        self._tokens = Tokens()
        self._not_before: datetime | None = None

    async def async_auth_flow(self, request: httpx.Request) -> Exchanges:
        """Yield the request, signed, and what is asked for in order to sign it."""
        for _ in range(2):
            if self._due():
                async with self._turn():
                    if self._due():
                        response = yield self._renewal(request)
                        await response.aread()
                        self._take(response)
            used = self._tokens.access
            response = yield self._signed(request)
            await response.aread()
            if not self._expired(response):
                return
            self._drop(used)

    def _due(self) -> bool:
        now = self._now()
        if self._not_before and now < self._not_before:
            return False
        return self._tokens.due(now, self._early)

    def _turn(self) -> AbstractAsyncContextManager[None]:
        """Hold what only one may do."""
        return self._lock

    def _renewal(self, request: httpx.Request) -> httpx.Request:
        """The request for a new token, which goes out like `request` does."""
        raise NotImplementedError

    def _take(self, response: httpx.Response) -> None:
        try:
            self._keep(self._granted(response))
            self._not_before = None
        except (Throttled, Unavailable):
            now = self._now()
            left = self._tokens.left(now)
            if self._tokens.access is None or not left or left <= timedelta():
                raise
            self._not_before = now + left / 4  # the token is still good: there is time to ask again

    def _granted(self, response: httpx.Response) -> Tokens:
        if self._explain and not response.is_success and (error := self._explain(response)):
            raise error
        return granted(response, self._platform, self._now())

    def _keep(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def _signed(self, request: httpx.Request) -> httpx.Request:
        if self._tokens.access:
            request.headers["authorization"] = f"Bearer {self._tokens.access.reveal()}"
        return request

    def _drop(self, used: Secret | None) -> None:
        """Forget a token that was refused, unless somebody has renewed it meanwhile."""
        if self._tokens.access == used:
            self._tokens = replace(self._tokens, access=None)
            self._not_before = None


@dataclass(frozen=True, slots=True)
class _Client:
    """An app as the platform knows it, and where its credentials stand in a token request."""

    id: str | Secret
    secret: Secret | None
    where: Literal["body", "basic"]

    def post(self, request: httpx.Request, url: str, form: Parameters) -> httpx.Request:
        headers = {}
        if self.where == "basic" and self.secret:
            pair = f"{_plain(self.id)}:{self.secret.reveal()}".encode()
            headers["authorization"] = f"Basic {b64encode(pair).decode()}"
        else:
            form = {**form, "client_id": self.id} | ({"client_secret": self.secret} if self.secret else {})
        return _post(request, url, form, headers)


class Refreshing(Renewing):
    """Access tokens for a refresh token that stays the same (RFC 6749, 6); they are kept in memory."""

    def __init__(
        self,
        token_url: str,
        *,
        platform: str,
        client_id: str | Secret,
        client_secret: Secret | None = None,
        refresh_token: Secret,
        client: Literal["body", "basic"] = "body",
        parameters: Parameters | None = None,
        expired: Callable[[httpx.Response], bool] = refused,
        explain: Explain | None = None,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(platform=platform, expired=expired, explain=explain, now=now)
        self._url, self._client, self._parameters = token_url, _Client(client_id, client_secret, client), parameters
        self._refresh = refresh_token

    def _renewal(self, request: httpx.Request) -> httpx.Request:
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh, **(self._parameters or {})}
        return self._client.post(request, self._url, form)

    def _keep(self, tokens: Tokens) -> None:
        self._refresh = tokens.refresh or self._refresh
        super()._keep(tokens)


class ClientCredentials(Renewing):
    """Access tokens for the app itself (RFC 6749, 4.4). `parameters` are added to the token request, or take the place
    of what stands in it: platforms have grant types of their own."""

    def __init__(
        self,
        token_url: str,
        *,
        platform: str,
        client_id: str | Secret,
        client_secret: Secret | None,
        client: Literal["body", "basic"] = "basic",
        scope: str | None = None,
        parameters: Parameters | None = None,
        expired: Callable[[httpx.Response], bool] = refused,
        explain: Explain | None = None,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(platform=platform, expired=expired, explain=explain, now=now)
        self._url, self._client = token_url, _Client(client_id, client_secret, client)
        self._form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {}), **(parameters or {})}

    def _renewal(self, request: httpx.Request) -> httpx.Request:
        return self._client.post(request, self._url, self._form)


class _Filed(Renewing):
    """Keeps its tokens in a file, so that a restart has them, and renews them under a lock that all processes heed."""

    def __init__(
        self,
        path: Path,
        *,
        platform: str,
        early: timedelta,
        expired: Callable[[httpx.Response], bool],
        explain: Explain | None,
        now: Clock,
    ) -> None:
        super().__init__(platform=platform, early=early, expired=expired, explain=explain, now=now)
        self._file = TokenFile(path, platform)
        self._refused: Secret | None = None
        self._unkept: Tokens | None = None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        async with self._lock, self._file.locked():
            self._load()
            yield

    def _load(self) -> None:
        """Take what another process may have stored, and store what could not be stored before."""
        if self._unkept:
            self._keep(self._unkept)
        tokens = self._file.read()
        self._tokens = replace(tokens, access=None) if tokens.access == self._refused else tokens

    def _keep(self, tokens: Tokens) -> None:
        """Store tokens before they are used. Where that fails they are kept in mind: the platform has them out once."""
        self._unkept = replace(tokens, refresh=tokens.refresh or self._tokens.refresh)
        self._file.write(self._unkept)
        self._tokens, self._unkept = self._unkept, None

    def _drop(self, used: Secret | None) -> None:
        self._refused = used
        super()._drop(used)


class Stored(_Filed):
    """Access tokens for a refresh token that is good once: each answer brings the next one, kept at `path`.

    That new ones are asked for is written down before it is done. Where the process dies before the answer is stored, the
    old token is tried again; where the platform says that it is spent, the error says what happened."""

    def __init__(
        self,
        path: Path,
        token_url: str,
        *,
        platform: str,
        client_id: str | Secret,
        client_secret: Secret | None = None,
        client: Literal["body", "basic"] = "basic",
        parameters: Parameters | None = None,
        expired: Callable[[httpx.Response], bool] = refused,
        explain: Explain | None = None,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(path, platform=platform, early=_EARLY, expired=expired, explain=explain, now=now)
        self._url, self._client, self._parameters = token_url, _Client(client_id, client_secret, client), parameters
        self._unfinished: datetime | None = None

    def _renewal(self, request: httpx.Request) -> httpx.Request:
        refresh = self._tokens.refresh
        if refresh is None:
            raise AuthRejected(f"{self._file.path} has no refresh token: {again(self._platform)}")
        self._unfinished = self._tokens.asked_at
        self._file.write(replace(self._file.read(), asked_at=self._unfinished or self._now()))
        form = {"grant_type": "refresh_token", "refresh_token": refresh, **(self._parameters or {})}
        return self._client.post(request, self._url, form)

    def _granted(self, response: httpx.Response) -> Tokens:
        try:
            return super()._granted(response)
        except (AuthRejected, NotPermitted, Throttled) as error:
            if isinstance(error, AuthRejected) and self._unfinished:
                raise self._spent(response.request.url.host, self._unfinished) from None
            self._file.write(replace(self._file.read(), asked_at=self._unfinished))  # nothing was spent this time
            raise

    def _spent(self, host: str, since: datetime) -> PollError:
        return AuthRejected(
            f"{host} takes the refresh token no longer: it is good once, and was spent at {since:%Y-%m-%d %H:%M} UTC by a"
            f" process that ended before it stored the new one: {again(self._platform)}"
        )


class LongLived(_Filed):
    """A token of weeks that is exchanged for a new one, by a GET with the token as a parameter: Threads, Instagram and
    Facebook. It is kept at `path` and renewed in the second half of its life; the old one stays good meanwhile."""

    def __init__(
        self,
        path: Path,
        token_url: str,
        *,
        platform: str,
        parameters: Parameters,
        token_parameter: str = "access_token",  # noqa: S107  # the parameter's name
        expired: Callable[[httpx.Response], bool] = refused,
        explain: Explain | None = None,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        early = timedelta(days=366)
        super().__init__(path, platform=platform, early=early, expired=expired, explain=explain, now=now)
        self._url, self._parameters, self._name = token_url, parameters, token_parameter

    def _renewal(self, request: httpx.Request) -> httpx.Request:
        if self._tokens.access is None:
            raise AuthRejected(f"the token in {self._file.path} is not accepted any more: {again(self._platform)}")
        url = httpx.URL(self._url).copy_merge_params(_shown({**self._parameters, self._name: self._tokens.access}))
        return httpx.Request("GET", url, headers=_manners(request), extensions=request.extensions)


class ServiceAccount(Renewing):
    """Access tokens for a Google service account: an assertion signed with its key, sent to the key's `token_uri`
    ("Using OAuth 2.0 for Server to Server Applications"). `key_json` is the key file as Google made it."""

    def __init__(
        self,
        key_json: Secret,
        scopes: Sequence[str] = (),
        *,
        platform: str,
        expired: Callable[[httpx.Response], bool] = refused,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(platform=platform, expired=expired, now=now)
        self._key, self._scopes = key_json, tuple(scopes)

    def _renewal(self, request: httpx.Request) -> httpx.Request:
        try:
            key = json.loads(self._key.reveal())
            url = key["token_uri"]
            origin(url)  # a key must not go over an open line
            now = int(self._now().timestamp())
            life = int(_ASSERTED.total_seconds())
            claims = {"iss": key["client_email"], "scope": " ".join(self._scopes), "aud": url, "iat": now}
            assertion = _jwt({**claims, "exp": now + life}, key["private_key"], "RS256", key.get("private_key_id"))
        except UNREADABLE:
            raise AuthRejected(
                "the service account's key cannot be read: set the whole JSON file that Google made"
            ) from None
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return _post(request, url, {"grant_type": grant, "assertion": assertion})


class Es256(httpx.Auth):
    """A token that we sign ourselves (ES256), as App Store Connect takes it. `private_key` is the PEM text of the .p8
    file, `issuer` None for an individual key."""

    def __init__(
        self,
        *,
        key_id: str,
        issuer: str | None,
        private_key: Secret,
        platform: str,
        audience: str = "appstoreconnect-v1",
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._key_id, self._issuer, self._key, self._audience = key_id, issuer, private_key, audience
        self._platform, self._now = platform, now
        self._token: Secret | None = None
        self._until = 0

    def auth_flow(self, request: httpx.Request) -> Exchange:
        """Yield the request once, signed."""
        request.headers["authorization"] = f"Bearer {self._current().reveal()}"
        yield request

    def _current(self) -> Secret:
        now = int(self._now().timestamp())
        if self._token is None or now >= self._until - _EARLY.total_seconds():
            self._until = now + int(_ES256_LIFE.total_seconds())
            who = {"iss": self._issuer} if self._issuer else {"sub": "user"}
            claims = {**who, "iat": now, "exp": self._until, "aud": self._audience}
            try:
                key = self._key.reveal().replace("\\n", "\n")  # environment files keep a key on one line
                self._token = Secret(_jwt(claims, key, "ES256", self._key_id))
            except UNREADABLE:
                what = f"the private key for {self._platform} cannot be read"
                raise AuthRejected(f"{what}: set the whole text of the .p8 file") from None
        return self._token


def _jwt(claims: Mapping[str, object], key: str, algorithm: str, key_id: str | None) -> str:
    """Raises ValueError where the key is none of its kind."""
    import jwt  # with its cryptography 15 MB, which only these platforms need

    try:
        return jwt.encode(dict(claims), key, algorithm=algorithm, headers={"kid": key_id} if key_id else None)
    except (jwt.PyJWTError, TypeError, ValueError):
        raise ValueError("no such key") from None


def _post(
    request: httpx.Request, url: str, form: Parameters, headers: Mapping[str, str] | None = None
) -> httpx.Request:
    headers = {**_manners(request), "accept": "application/json", **(headers or {})}
    return httpx.Request("POST", url, headers=headers, data=_shown(form), extensions=request.extensions)


def _manners(request: httpx.Request) -> dict[str, str]:
    """What a request says of us: nothing else of it may go to another host."""
    return {name: request.headers[name] for name in ("user-agent", "accept-encoding") if name in request.headers}


def _shown(form: Parameters) -> dict[str, str]:
    return {name: _plain(value) for name, value in form.items()}


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
