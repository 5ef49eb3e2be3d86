"""How a request is signed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from monitor.connector import Secret

Exchange = Generator[httpx.Request, httpx.Response, None]


class Bearer(httpx.Auth):
    """A token in the Authorization header (RFC 6750)."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Exchange:
        """Yield the request once, signed."""
        request.headers["authorization"] = f"Bearer {self._token.reveal()}"
        yield request
