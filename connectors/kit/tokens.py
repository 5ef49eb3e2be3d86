"""The tokens that a platform grants: what its answer means, and the file that keeps those that are good only once."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkstemp

import httpx

from connectors.kit import answer
from connectors.kit.rest import UNREADABLE, when
from monitor.connector import Answers, AuthRejected, Malformed, NotPermitted, PollError, Secret, Throttled, Unavailable
from monitor.model import Json

_LONGEST = timedelta(days=366 * 10)
_STEP, _PATIENCE = 0.1, 60.0
"""Seconds between two looks at a lock, and after how many it is given up."""

_OVER = ("invalid_grant", "invalid_token", "expired_token", "invalid_request")
"""X answers invalid_request for a refresh token that is spent; a request of ours has no other way to be invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a platform granted. `lasts` is None where it did not say how long `access` is good.

    `asked_at`: since when new ones are being asked for, None where the last answer was stored."""

    access: Secret | None = None
    refresh: Secret | None = None
    obtained_at: datetime | None = None
    lasts: timedelta | None = None
    asked_at: datetime | None = None

    def left(self, now: datetime) -> timedelta | None:
        """How long `access` is still good, None where nobody said."""
        if self.lasts is None or self.obtained_at is None:
            return None
        return self.obtained_at + self.lasts - now

    def due(self, now: datetime, early: timedelta) -> bool:
        """Whether it is time for a new `access`: `early` before it ends, but not in the first half of its life."""
        left = self.left(now)
        if self.access is None or left is None:
            return self.access is None
        return left <= min(early, (self.lasts or early) / 2)


def granted(response: httpx.Response, platform: str, now: datetime | None = None) -> Tokens:
    """Read a token endpoint's answer (RFC 6749, 5.1), obtained `now`. Raises PollError, never with a word of the answer."""
    host = response.request.url.host
    try:
        said = answer.read(response)
    except Malformed:
        said = None
    if refused := _refused(response, said, platform):
        raise refused
    try:
        access, refresh = said["access_token"], said.get("refresh_token")
        if not (access and isinstance(access, str)):
            raise TypeError("no access token")
        lasts = _lasts(said.get("expires_in"))
        kept = Secret(refresh) if refresh and isinstance(refresh, str) else None
        return Tokens(access=Secret(access), refresh=kept, obtained_at=now, lasts=lasts)
    except UNREADABLE:
        raise Malformed(
            f"{host} granted no token in a form that is known: its API has changed, or is not there"
        ) from None


async def exchanged(
    client: httpx.AsyncClient, url: str, parameters: Mapping[str, str | Secret], *, platform: str
) -> Answers:
    """Change a token for one that lasts longer, as Meta's platforms do it: what an `OAuth.exchange` returns.

    Raises PollError."""
    shown = {name: value.reveal() if isinstance(value, Secret) else value for name, value in parameters.items()}
    try:
        response = await client.get(url, params=shown)
    except httpx.HTTPError as error:
        raise answer.unreachable(error) from None
    tokens = granted(response, platform)
    assert tokens.access
    lasts = {"expires_in": f"{tokens.lasts.total_seconds():.0f}"} if tokens.lasts else {}
    return {"access_token": tokens.access, **lasts}


def again(platform: str) -> str:
    """What to do where a credential is worth nothing any more."""
    return f"run `wellheard connect {platform}` again"


def _refused(response: httpx.Response, said: Json, platform: str) -> PollError | None:
    """What an answer without tokens means. Some platforms refuse with a 200 and an `error` in it."""
    code, host = response.status_code, response.request.url.host
    error = said.get("error") if isinstance(said, dict) else None
    if code == 429 or error == "slow_down":
        return Throttled(f"{host} asks for patience before it renews the token", answer.patience(response.headers))
    if code >= 500 or error in ("temporarily_unavailable", "server_error"):
        return Unavailable(f"{host} cannot renew the token now ({code}): it is tried again")
    if error in _OVER:
        return AuthRejected(f"{host} takes the credential no longer, it expired or was withdrawn: {again(platform)}")
    if error == "invalid_client" or (code == 401 and error is None):
        return AuthRejected(f"{host} does not know this client: correct its id and secret, or {again(platform)}")
    if error in ("unauthorized_client", "invalid_scope", "access_denied", "unsupported_grant_type"):
        return NotPermitted(f"{host} does not allow this app to ask for such a token: look at its settings there")
    return None if response.is_success else answer.refusal(response)


def _lasts(seconds: Json) -> timedelta | None:
    """`expires_in`, which some platforms send as text. None where it says nothing."""
    with suppress(TypeError, ValueError, OverflowError):
        lasts = timedelta(seconds=float(seconds))
        return lasts if timedelta() < lasts < _LONGEST else None
    return None


class TokenFile:
    """Keeps tokens at `path`: JSON of the platform's own words, `access_token`, `refresh_token` and `expires_in`, with
    `obtained_at` (ISO 8601). Only its owner may read it, and a reader sees the old or the new, never half of one.

    Raises AuthRejected where a person must do something about the file."""

    def __init__(self, path: Path, platform: str, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self.path = path
        self._platform = platform
        self._sleep = sleep

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Hold the file against other processes, and against other sources of this one."""
        try:
            # Beside the file: that is replaced, and a lock would stay with the old one.
            lock = os.open(f"{self._real()}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            _hand_over(lock, self._real().parent)
            await self._taken(lock)
            yield
        finally:
            os.close(lock)

    async def _taken(self, lock: int) -> None:
        waited = 0.0
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if waited >= _PATIENCE:
                raise Unavailable(f"another process holds {self.path}.lock for too long: it is tried again")
            await self._sleep(_STEP)
            waited += _STEP

    def read(self) -> Tokens:
        """Read what is kept."""
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise AuthRejected(f"{self.path} can be read by others: withdraw it with `chmod 600 {self.path}`")
                said = json.loads(file.read(1 << 20))
            return Tokens(
                access=_secret(said, "access_token"),
                refresh=_secret(said, "refresh_token"),
                obtained_at=_moment(said, "obtained_at"),
                lasts=_lasts(said.get("expires_in")),
                asked_at=_moment(said, "asked_at"),
            )
        except FileNotFoundError:
            raise AuthRejected(f"there is no {self.path}: {again(self._platform)}") from None
        except OSError as error:
            raise AuthRejected(
                f"{self.path} cannot be read ({error.strerror}): let the daemon's user read it"
            ) from None
        except (RecursionError, *UNREADABLE):
            raise AuthRejected(f"{self.path} is no token file: {again(self._platform)}") from None

    def write(self, tokens: Tokens) -> None:
        """Replace what is kept; it is on the disk when this returns."""
        path = self._real()
        try:
            written, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 600
            try:
                with os.fdopen(written, "w") as file:
                    json.dump(_said(tokens), file)
                    file.flush()
                    _hand_over(file.fileno(), path if path.exists() else path.parent)
                    os.fsync(file.fileno())
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            _sync(path.parent)
        except OSError as error:
            raise self._unwritable(error) from None

    def _real(self) -> Path:
        return Path(os.path.realpath(self.path))

    def _unwritable(self, error: OSError) -> AuthRejected:
        what = f"tokens cannot be kept in {self.path.parent} ({error.strerror})"
        return AuthRejected(f"{what}: let the daemon's user write there, or move token_file")


def _hand_over(file: int, like: Path) -> None:
    """What root wrote, as `sudo wellheard poll` does, still belongs to the daemon."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _secret(said: Json, key: str) -> Secret | None:
    value = said.get(key)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return Secret(value) if value else None


def _moment(said: Json, key: str) -> datetime | None:
    return when(said[key]) if said.get(key) else None


def _said(tokens: Tokens) -> Json:
    said = {
        "access_token": tokens.access and tokens.access.reveal(),
        "refresh_token": tokens.refresh and tokens.refresh.reveal(),
        "obtained_at": tokens.obtained_at and tokens.obtained_at.isoformat(),
        "expires_in": tokens.lasts and tokens.lasts.total_seconds(),
        "asked_at": tokens.asked_at and tokens.asked_at.isoformat(),
    }
    return {key: value for key, value in said.items() if value is not None}
