"""A credential that renews itself: when, by whom, and what a refusal means for it."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Required, TypedDict

import httpx

from connectors.kit.answer import Explain
from connectors.kit.tokens import Tokens, granted
from monitor.connector import Secret, Throttled, Unavailable

Exchanges = AsyncGenerator[httpx.Request, httpx.Response]
Clock = Callable[[], datetime]
Parameters = Mapping[str, "str | Secret"]

EARLY = timedelta(minutes=2)
"""How long before its end an access token is renewed: longer than a request and its wait in line may take."""


def refused(response: httpx.Response) -> bool:
    """Whether a platform that speaks plain HTTP refused the token."""
    return response.status_code == 401


class How(TypedDict, total=False):
    """What every credential that renews itself may be told; see Renewing."""

    platform: Required[str]
    expired: Callable[[httpx.Response], bool]
    explain: Explain | None
    now: Clock


class Renewing(httpx.Auth):
    """Signs with an access token that it asks for: at first, before the last one ends, and once where a request is
    refused for it (`expired`), which is then repeated once.

    One request asks, those beside it wait and take what it got. Raises PollError inside the request that needs a token.
    `explain` says what a refusal of the token endpoint means where neither its code nor its `error` does."""

    def __init__(
        self,
        *,
        platform: str,
        early: timedelta = EARLY,
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
class Client:
    """An app as the platform knows it, and where its credentials stand in a token request."""

    id: str | Secret
    secret: Secret | None
    where: Literal["body", "basic"]

    def post(self, request: httpx.Request, url: str, form: Parameters) -> httpx.Request:
        """A token request with the client's credentials in it."""
        headers = {}
        if self.where == "basic" and self.secret:
            pair = f"{plain(self.id)}:{self.secret.reveal()}".encode()
            headers["authorization"] = f"Basic {b64encode(pair).decode()}"
        else:
            form = {**form, "client_id": self.id} | ({"client_secret": self.secret} if self.secret else {})
        return post(request, url, form, headers)


def post(request: httpx.Request, url: str, form: Parameters, headers: Mapping[str, str] | None = None) -> httpx.Request:
    """A form that goes out like `request` does."""
    headers = {**manners(request), "accept": "application/json", **(headers or {})}
    return httpx.Request("POST", url, headers=headers, data=shown(form), extensions=request.extensions)


def manners(request: httpx.Request) -> dict[str, str]:
    """What a request says of us: nothing else of it may go to another host."""
    return {name: request.headers[name] for name in ("user-agent", "accept-encoding") if name in request.headers}


def shown(form: Parameters) -> dict[str, str]:
    """What is sent."""
    return {name: plain(value) for name, value in form.items()}


def plain(value: str | Secret) -> str:
    """The words themselves, for the one place that sends them."""
    return value.reveal() if isinstance(value, Secret) else value
