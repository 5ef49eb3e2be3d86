"""What an operator writes to let us into a mailbox: a password, or OAuth at the two providers who take none."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal, Self

import httpx
from pydantic import BaseModel, Field, field_validator, model_validator

from connectors.kit.auth import ClientCredentials, Refreshing
from connectors.kit.imap import Account, access_token, session
from connectors.kit.rest import STRICT
from monitor.connector import Answers, Found, Secret

_GOOGLE = "https://oauth2.googleapis.com/token"
_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
_MAILBOXES = "https://outlook.office365.com/.default"


class Login(BaseModel):
    """Where a mailbox is and how one gets in. With `oauth` there is no password: `google` takes a client and a refresh
    token with the scope `https://mail.google.com/`, `microsoft` a client and its tenant (application permission
    IMAP.AccessAsApp, granted for the mailbox). `ca_file` is a certificate authority of one's own."""

    model_config = STRICT
    server: str = Field(pattern=r"^[A-Za-z0-9.:_-]+$")
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    username: str = Field(pattern=r"^[^\x00-\x1f\x7f]+$")
    password: Secret | None = None
    oauth: Literal["google", "microsoft"] | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    tenant: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.-]+$")
    ca_file: Path | None = None

    @field_validator("ca_file")
    @classmethod
    def _is_an_authority(cls, path: Path | None) -> Path | None:
        try:
            if path is not None:
                ssl.create_default_context().load_verify_locations(path)
        except OSError:
            raise ValueError("is no file with the certificate of an authority (PEM)") from None
        return path

    @model_validator(mode="after")
    def _gets_in(self) -> Self:
        if self.security == "none" and not _loopback(self.server):
            raise ValueError("security 'none' is only for a server on this machine: use 'tls' or 'starttls'")
        wanted = {
            None: ("password",),
            "google": ("client_id", "client_secret", "refresh_token"),
            "microsoft": ("tenant", "client_id", "client_secret"),
        }[self.oauth]
        keys = ("password", "tenant", "client_id", "client_secret", "refresh_token")
        if missing := [key for key in wanted if not getattr(self, key)]:
            raise ValueError(f"there is no way in: set {', '.join(missing)}")
        if beside := [key for key in keys if key not in wanted and getattr(self, key)]:
            raise ValueError(f"there are two ways in: take out {', '.join(beside)}, or set oauth")
        return self

    def auth(self) -> httpx.Auth | None:
        """What gets access tokens, None where there is a password."""
        if self.client_id is None:
            return None
        if self.refresh_token is not None:
            return Refreshing(
                _GOOGLE, client_id=self.client_id, client_secret=self.client_secret, refresh_token=self.refresh_token,
                platform="imap",
            )  # fmt: skip
        return ClientCredentials(
            _MICROSOFT.format(tenant=self.tenant), client_id=self.client_id, client_secret=self.client_secret,
            client="body", scope=_MAILBOXES, platform="imap",
        )  # fmt: skip

    async def account(self, auth: httpx.Auth | None, client: httpx.AsyncClient) -> Account:
        """The account, with a token of `auth` where there is one. Raises PollError."""
        return Account(
            host=self.server,
            port=self.port,
            security=self.security,
            username=self.username,
            password=self.password,
            token=await access_token(auth, self.server, client) if auth else None,
            ca_file=self.ca_file,
        )


async def folders(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """Logs in and lists what can be read. Raises PollError, and ValueError for answers that are no log-in."""
    login = Login.model_validate(
        {key: answer for key, answer in answers.items() if key in Login.model_fields and answer}
    )
    async with session(await login.account(login.auth(), client), client) as mailbox:
        for folder in await mailbox.folders():
            name = re.sub(r"[^a-z0-9]+", "-", f"mail {folder.lower()}").strip("-")
            yield Found(name=name, shown=folder, options={"folder": folder})


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
