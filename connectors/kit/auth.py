"""How a request is signed. A credential that renews itself is made once, in the connector's `__init__`, not in `sign`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Unpack

import httpx

from connectors.kit.renewing import EARLY, Client, How, Parameters, Renewing, manners, shown
from connectors.kit.signed import Es256, ServiceAccount
from connectors.kit.tokens import TokenFile, Tokens, again
from monitor.connector import AuthRejected, NotPermitted, PollError, Secret, Throttled

Exchange = Generator[httpx.Request, httpx.Response, None]

_WHOLE_LIFE = timedelta(days=366)


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


class Refreshing(Renewing):
    """Access tokens for a refresh token that stays the same (RFC 6749, 6); they are kept in memory."""

    def __init__(
        self,
        token_url: str,
        *,
        client_id: str | Secret,
        client_secret: Secret | None = None,
        refresh_token: Secret,
        client: Literal["body", "basic"] = "body",
        parameters: Parameters | None = None,
        **how: Unpack[How],
    ) -> None:
        super().__init__(**how)
        self._url, self._client, self._parameters = token_url, Client(client_id, client_secret, client), parameters
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
        client_id: str | Secret,
        client_secret: Secret | None,
        client: Literal["body", "basic"] = "basic",
        scope: str | None = None,
        parameters: Parameters | None = None,
        **how: Unpack[How],
    ) -> None:
        super().__init__(**how)
        self._url, self._client = token_url, Client(client_id, client_secret, client)
        self._form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {}), **(parameters or {})}

    def _renewal(self, request: httpx.Request) -> httpx.Request:
        return self._client.post(request, self._url, self._form)


class _Filed(Renewing):
    """Keeps its tokens in a file, so that a restart has them, and renews them under a lock that all processes heed."""

    def __init__(
        self,
        path: Path,
        early: timedelta,
        **how: Unpack[How],
    ) -> None:
        super().__init__(early=early, **how)
        self._file = TokenFile(path, self._platform)
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
        client_id: str | Secret,
        client_secret: Secret | None = None,
        client: Literal["body", "basic"] = "basic",
        parameters: Parameters | None = None,
        **how: Unpack[How],
    ) -> None:
        super().__init__(path, EARLY, **how)
        self._url, self._client, self._parameters = token_url, Client(client_id, client_secret, client), parameters
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
        parameters: Parameters,
        token_parameter: str = "access_token",  # noqa: S107  # the parameter's name
        **how: Unpack[How],
    ) -> None:
        super().__init__(path, _WHOLE_LIFE, **how)
        self._url, self._parameters, self._name = token_url, parameters, token_parameter

    def _renewal(self, request: httpx.Request) -> httpx.Request:
        if self._tokens.access is None:
            raise AuthRejected(f"the token in {self._file.path} is not accepted any more: {again(self._platform)}")
        url = httpx.URL(self._url).copy_merge_params(shown({**self._parameters, self._name: self._tokens.access}))
        return httpx.Request("GET", url, headers=manners(request), extensions=request.extensions)


__all__ = [
    "ApiKey", "Bearer", "ClientCredentials", "Es256", "Exchange", "LongLived", "Refreshing", "ServiceAccount", "Stored",
]  # fmt: skip
