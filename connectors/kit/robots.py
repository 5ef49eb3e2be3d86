"""What a site lets programs read: its robots.txt (RFC 9309), kept for a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from connectors.kit.answer import refusal, unreachable
from monitor.connector import Unavailable

AGENT = "wellheard"
"""What we are called in a robots.txt: the product of our User-Agent."""

_KEPT = timedelta(days=1)  # RFC 9309, 2.4
_LONGEST = 512_000  # RFC 9309, 2.5


@dataclass(frozen=True, slots=True)
class Rules:
    """The robots.txt of one site, or that there is none."""

    parsed: Any
    asked_at: datetime

    def allow(self, url: httpx.URL) -> bool:
        """Whether a program may read `url`."""
        return self.parsed is None or bool(self.parsed.can_fetch(str(url), AGENT))

    @property
    def delay(self) -> float:
        """How many seconds the site wants between two requests."""
        return (self.parsed.crawl_delay(AGENT) or 0.0) if self.parsed is not None else 0.0


class Robots:
    """Asks each site at most once a day, and again after every failure."""

    def __init__(self, client: httpx.AsyncClient, now: Callable[[], datetime]) -> None:
        self._client, self._now = client, now
        self._sites: dict[str, Rules] = {}

    async def rules(self, url: httpx.URL) -> Rules:
        """The rules for `url`. Where there is no robots.txt (4xx), all is allowed; where the site cannot say (5xx, no
        connection), nothing is: raises Unavailable, Throttled."""
        site = str(url.copy_with(raw_path=b"/robots.txt", fragment=None, username=None, password=None))
        known = self._sites.get(site)
        if known is None or self._now() - known.asked_at >= _KEPT:
            known = self._sites[site] = Rules(await self._parsed(site), self._now())
        return known

    async def _parsed(self, site: str) -> Any:
        from protego import Protego

        try:
            response = await self._client.get(site, headers={"accept": "text/plain, */*;q=0.5"})
        except httpx.HTTPError as error:
            raise unreachable(error) from None
        if response.is_success:
            return Protego.parse(response.content[:_LONGEST].decode("utf-8-sig", "replace"))
        if response.is_client_error and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return None
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise refusal(response)
        raise Unavailable(f"{response.request.url.host} does not say what programs may read: it is asked again")
