"""RSS, Atom and JSON feeds: news, blogs, podcasts, Google Alerts and News, YouTube, Reddit, Mastodon, Bluesky."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, field_validator

from connectors.kit import feed
from connectors.kit.answer import refusal, unreachable
from connectors.kit.feed.reading import Reading
from connectors.kit.rest import STRICT
from connectors.kit.text import https
from monitor.connector import (
    Access,
    Answers,
    Ask,
    AuthRejected,
    Connect,
    Cursor,
    Found,
    NotPermitted,
    Page,
    PollError,
    Secret,
)

_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml, application/xml;q=0.9,"
    " text/xml;q=0.9, */*;q=0.5"
)
_A_PAGE = 500
_LONGEST_HEADER = 1_000
_REFUSALS: dict[int, tuple[type[PollError], str]] = {
    401: (AuthRejected, "it wants a log-in or another token: renew the address in the source's options"),
    403: (NotPermitted, "it does not let feed readers in, or not at this address: check it in the source's options"),
    404: (NotPermitted, "there is no feed at this address: check it in the source's options"),
    410: (NotPermitted, "this feed has ended: take the source out"),
}


class Rss:
    """A feed is a window of its newest entries and has no cursor: what is new or changed is for the store to find.

    The cursor holds what makes a poll cheap - ETag, Last-Modified and a hash of the body - and which of several
    entries with the same guid goes by it; all of it only for as long as the options stay the same."""

    platform: ClassVar[str] = "rss"
    access: ClassVar[Access] = Access(
        kind="feed",
        sees="the entries in a feed's window, usually the newest 10 to 100: titles, and texts as far as they are given",
        blind_to="what leaves the window between two polls; deletions; most reactions; Google News' real links",
        own_replies=False,
        needs="the address of a feed; Reddit and Google Alerts give addresses that are secrets",
        limits="what the feed's host asks for",
        terms="headline, excerpt and link may be kept, whole articles only under a licence; Google News feeds are"
        " for personal use; Reddit wants the personal address with a token",
    )

    class Options(BaseModel):
        """Where the feed is; an address that holds a token or user id is a secret. `own_domains` and `own_authors` are
        us: entries that link there or are by them are ours."""

        model_config = STRICT
        url: str | Secret
        own_domains: tuple[str, ...] = ()
        own_authors: tuple[str, ...] = ()

        @field_validator("url")
        @classmethod
        def _is_an_address(cls, url: str | Secret) -> str | Secret:
            if not https(url.reveal() if isinstance(url, Secret) else url):
                raise ValueError("is no address of a feed: write it whole, such as https://news.example/feed")
            return url

    connect: ClassVar[Connect]

    def __init__(self, options: Any, client: httpx.AsyncClient) -> None:
        self.options = options
        self.client = client
        self.url = options.url.reveal() if isinstance(options.url, Secret) else options.url

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        of = _hash(f"{self.url} {self.options.own_domains} {self.options.own_authors}".encode())
        known = cursor if cursor.get("of") == of else {}
        response = await self._ask(known)
        if response.status_code == httpx.codes.NOT_MODIFIED:
            yield Page(cursor=cursor)
            return
        headers = response.headers
        cursor = {"of": of, "body": _hash(response.content), "owners": known.get("owners", {})}
        cursor |= {name: value for name in ("etag", "last-modified") if _sendable(value := headers.get(name, ""))}
        if known.get("body") == cursor["body"]:
            yield Page(cursor=cursor)
            return
        found = await asyncio.to_thread(feed.read, response.content, headers, self.url)
        reading = Reading(
            found,
            url=response.request.url,
            date=headers.get("date", ""),
            floor=floor,
            own_domains=self.options.own_domains,
            own_authors=self.options.own_authors,
        )
        entries, cursor["owners"] = await asyncio.to_thread(reading.distinct, cursor["owners"])
        for at in range(0, len(entries) or 1, _A_PAGE):
            page = await asyncio.to_thread(reading.page, entries[at : at + _A_PAGE])
            last = at + _A_PAGE >= len(entries)
            skipped = page.skipped + (found.skipped if last else 0)
            yield Page(mentions=page.mentions, cursor=cursor if last else None, skipped=skipped)

    async def _ask(self, known: Cursor) -> httpx.Response:
        headers = {"accept": _ACCEPT}
        if "etag" in known:
            headers["if-none-match"] = known["etag"]
        if "last-modified" in known:
            headers["if-modified-since"] = known["last-modified"]
        try:
            response = await self.client.get(self.url, headers=headers)
        except httpx.HTTPError as error:
            raise unreachable(error) from None
        if response.is_success or (response.status_code == httpx.codes.NOT_MODIFIED and known):
            return response
        raise refusal(response, *_REFUSALS.get(response.status_code, ()))


def _sendable(header: str) -> bool:
    """Whether a header can be sent back verbatim: httpx refuses what is not ASCII, and a cursor is no place for much."""
    return header.isascii() and header.isprintable() and 0 < len(header) <= _LONGEST_HEADER


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=12).hexdigest()


async def _found(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The feed, once it has been read."""
    url = answers["url"]
    assert isinstance(url, Secret)
    of = httpx.URL(url.reveal()).host
    async for page in Rss(Rss.Options(url=url), client).poll({}, datetime.min.replace(tzinfo=UTC)):
        if page.cursor is not None:
            yield Found(name=f"rss-{of}", shown=f"a feed of {of}", options={})


Rss.connect = Connect(
    before="1. Find the address of the feed: a page's own feed link, google.com/alerts with delivery to RSS, or Reddit's"
    " preferences, RSS feeds. It is kept as a secret, since some of these carry a token.",
    asks=(Ask(key="url", prompt="Address of the feed", secret=True),),
    keeps=("url",),
    find=_found,
)
