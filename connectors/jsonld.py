"""Reviews in public web pages, where the page says them in the words of schema.org (JSON-LD or microdata)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, Field, field_validator

from connectors.kit import structured
from connectors.kit.charset import decoded
from connectors.kit.conditional import ask, digest, remembered, unchanged
from connectors.kit.rest import STRICT
from connectors.kit.robots import Robots
from connectors.kit.schema_org import Reading
from connectors.kit.text import https
from monitor.connector import (
    Access,
    Ask,
    AuthRejected,
    Connect,
    Cursor,
    Malformed,
    NotPermitted,
    Page,
    PollError,
)
from monitor.model import Json

_ACCEPT = "text/html, application/xhtml+xml, */*;q=0.5"
_GAP = 0.5
"""Seconds that our client leaves between two requests to one host in any case."""
_REFUSALS: dict[int, tuple[type[PollError], str]] = {
    401: (AuthRejected, "the page wants a log-in: only public pages are read, take it out of urls"),
    403: (NotPermitted, "it lets no programs in, or not at this address: ask the site, or take the page out of urls"),
    404: (NotPermitted, "there is no such page: correct urls in the source's options"),
}


class Jsonld:
    """A page is a window of some reviews and has no cursor: what is new or changed is for the store to find.

    The cursor holds for each page what makes a poll cheap - ETag, Last-Modified, a hash of the body - and, to tell what
    the window hides, how many reviews the page counts and which it showed. A site that asks for a delay between requests
    (Crawl-delay) has one of its pages read a poll, the one that waits longest."""

    platform: ClassVar[str] = "jsonld"
    access: ClassVar[Access] = Access(
        kind="page",
        sees="the reviews that a public page shows to search engines, usually 5 to 20, with stars and our answers",
        blind_to="reviews beyond those the page shows, deletions, pages that are made by scripts, RDFa",
        own_replies=True,
        terms="robots.txt is obeyed, and no more than that: many review portals forbid programs in their terms, which a"
        " person must read for each site before its pages are named here; texts belong to the site and its reviewers",
        limits="one request a page and poll, as far apart as every host gets them, or as its Crawl-delay says",
    )
    connect: ClassVar[Connect] = Connect(
        before="1. Open the page that shows the reviews and read the site's terms: only go on where they allow it.",
        asks=(Ask(key="urls", prompt="Address of the page"),),
        keeps=("urls",),
    )

    class Options(BaseModel):
        """The addresses of the pages. `own` are names under which we answer there, beside the place's own."""

        model_config = STRICT
        urls: tuple[str, ...] = Field(min_length=1, max_length=50)
        own: tuple[str, ...] = ()

        @field_validator("urls", mode="before")
        @classmethod
        def _are_addresses(cls, urls: Any) -> tuple[str, ...]:
            named = (urls,) if isinstance(urls, str) else tuple(urls)
            if not all(isinstance(url, str) and https(url) for url in named):
                raise ValueError("is no address of a page: write it whole, such as https://reviews.example/practice")
            return tuple(dict.fromkeys(https(url) or url for url in named))

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.options, self.client, self.now = options, client, now
        self.robots = Robots(client, now)

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Read each page. One that refuses is told of at the end, and keeps no other from being read."""
        of = digest(repr(self.options.own))
        known = cursor.get("pages", {}) if cursor.get("of") == of else {}
        kept: dict[str, Json] = {digest(url): known[digest(url)] for url in self.options.urls if digest(url) in known}
        urls = sorted(self.options.urls, key=lambda url: kept.get(digest(url), {}).get("at", ""))
        refused: list[PollError] = []
        delayed: set[str] = set()
        for url in urls:
            try:
                page, kept[digest(url)] = await self._read(httpx.URL(url), kept.get(digest(url), {}), delayed)
            except PollError as error:
                refused.append(error)
                continue
            done = url == urls[-1] and not refused
            fresh = [mention for mention in page.mentions if mention.published_at >= floor]
            yield replace(page, mentions=fresh, cursor={"of": of, "pages": dict(kept)} if cursor or done else None)
        if refused:
            raise refused[0]

    async def _read(self, url: httpx.URL, known: Json, delayed: set[str]) -> tuple[Page, Json]:
        """One page, and what is kept of it. Raises PollError."""
        delay = await self._allowed(url, url.host)
        if delay > _GAP:
            if url.host in delayed:
                waits = f"{url.host} wants {delay:g} s between two requests: one of its pages is read a poll, in turn"
                return Page(warnings=[waits]), known
            delayed.add(url.host)
            known = known | {"at": self.now().isoformat()}
        response = await ask(self.client, url, known, accept=_ACCEPT, meanings=_REFUSALS)
        await self._allowed(response.extensions.get("url", url), url.host)
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return Page(), known
        kept = {name: known[name] for name in ("at", "count", "ids") if name in known} | remembered(response)
        if unchanged(response, known):
            return Page(), kept
        return await asyncio.to_thread(self._found, response, kept)

    def _found(self, response: httpx.Response, kept: Json) -> tuple[Page, Json]:
        host = response.request.url.host
        data = structured.read(decoded(response.content, response.charset_encoding))
        if not data.nodes:
            raise Malformed(f"{host} shows no structured data at this address: is it the page with the reviews?")
        reading = Reading(data, page=str(response.request.url), now=self.now(), own=self.options.own)
        mentions, skipped = reading.mentions()
        showed, hidden = reading.shows(mentions, kept)
        warnings = [f"{host} counts {hidden} new reviews that its page does not show"] if hidden else []
        if not reading.found:
            warnings.append(f"{host}: the page shows no review in its structured data")
        kept |= showed
        return Page(mentions=mentions, skipped=skipped + data.skipped, warnings=warnings), kept

    async def _allowed(self, url: httpx.URL, host: str) -> float:
        """The delay that the site asks for. Raises PollError where it does not let programs read the page."""
        rules = await self.robots.rules(url)
        if not rules.allow(url):
            raise NotPermitted(
                f"{host}: the robots.txt of {url.host} keeps programs off this page: take it out of urls"
            )
        return rules.delay
