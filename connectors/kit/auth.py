"""How a request is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Generator

    from monitor.connector import Secret


class Bearer(httpx.Auth):
    """A token in the Authorization header (RFC 6750)."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request once, signed."""
        request.headers["authorization"] = f"Bearer {self._token.reveal()}"
        yield request
