"""Credentials that sign with a key of ours. The library for it is loaded when the first of them is used."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Unpack

import httpx

from connectors.kit.renewing import EARLY, How, Renewing, post
from connectors.kit.rest import UNREADABLE, origin
from monitor.connector import AuthRejected, Secret

_ASSERTED = timedelta(hours=1)
_ES256_LIFE = timedelta(minutes=19)
"""App Store Connect takes no token that lasts over 20 minutes ("Generating tokens for API requests")."""


class ServiceAccount(Renewing):
    """Access tokens for a Google service account: an assertion signed with its key, sent to the key's `token_uri`
    ("Using OAuth 2.0 for Server to Server Applications"). `key_json` is the key file as Google made it."""

    def __init__(
        self,
        key_json: Secret,
        scopes: Sequence[str] = (),
        **how: Unpack[How],
    ) -> None:
        super().__init__(**how)
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
        return post(request, url, {"grant_type": grant, "assertion": assertion})


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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._key_id, self._issuer, self._key, self._audience = key_id, issuer, private_key, audience
        self._platform, self._now = platform, now
        self._token: Secret | None = None
        self._until = 0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request once, signed."""
        request.headers["authorization"] = f"Bearer {self._current().reveal()}"
        yield request

    def _current(self) -> Secret:
        now = int(self._now().timestamp())
        if self._token is None or now >= self._until - EARLY.total_seconds():
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
    import jwt  # with its cryptography 11 MB, which only these platforms need

    try:
        return jwt.encode(dict(claims), key, algorithm=algorithm, headers={"kid": key_id} if key_id else None)
    except (jwt.PyJWTError, TypeError, ValueError):
        raise ValueError("no such key") from None
