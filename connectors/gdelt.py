"""GDELT: news articles of the world by their headlines, as its DOC 2.0 API finds them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, field_validator

from connectors.kit import gdelt as dialect
from connectors.kit.answer import patience
from connectors.kit.pace import Pace, Sleep
from connectors.kit.rest import STRICT, Listings, Rest, moments, text, text_or_none
from connectors.kit.text import https
from connectors.kit.tried import tried, words
from monitor.connector import Access, Answers, Ask, Connect, Found, Malformed, PollError, Throttled
from monitor.model import Json, Kind, Mention

_DOC = "https://api.gdeltproject.org/api/v2/doc/doc"
_MOST = 250
_STEP = timedelta(minutes=15)
_REACH = timedelta(days=89)  # it answers for three months
_PATIENCE = timedelta(minutes=1)
_TIME = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True)
class _Slices:
    """There are no pages: a full answer is followed by the slice that ends where it began."""

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:  # noqa: ARG002
        if len(items) < _MOST:
            return None
        until = datetime.strptime(url.params["enddatetime"], _TIME).replace(tzinfo=UTC)
        oldest = min(moments(items, _seen))
        return url.copy_set_param("enddatetime", min(oldest, until - _STEP).strftime(_TIME))


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    options = {"queries": words(answers, "queries"), "own_domains": words(answers, "own_domains")}
    async for found in tried(Gdelt, options, client, name="gdelt", shown=f"news on {', '.join(options['queries'])}"):
        yield found


class Gdelt(Rest):
    """The cursor holds when the newest article of each query was seen, in GDELT's own steps of 15 minutes; an hour is read
    again. All sources in this process keep five seconds between two requests, as GDELT asks."""

    platform = "gdelt"
    access = Access(
        kind="official",
        sees="headlines of online news in 65 languages, 15 minutes to hours after they appeared",
        blind_to="the articles' texts and authors; edits and deletions; what GDELT does not crawl; articles over 3 months old",
        own_replies=True,
        limits="one request in 5 seconds; 250 articles an answer. It is often overloaded, and then answers 429 for hours",
        terms="free with a citation of GDELT; the articles belong to their publishers",
    )
    connect = Connect(
        before="1. Nothing to do at GDELT. 2. Think of names that are in headlines, each in quotation marks; OR stands only in"
        ' parentheses, as in ("Practice Hospital" OR "Practice Clinic").',
        asks=(
            Ask(key="queries", prompt='Queries, separated by commas, such as "Practice Hospital"'),
            Ask(key="own_domains", prompt="Our own domains, separated by commas", default=""),
        ),
        find=_find,
    )
    overlap = timedelta(hours=1)
    paging = _Slices()
    pace: ClassVar[Pace] = Pace(timedelta(seconds=5))

    class Options(BaseModel):
        """What is searched for, in GDELT's own query language; articles on `own_domains` are ours."""

        model_config = STRICT
        queries: tuple[str, ...]
        own_domains: tuple[str, ...] = ()

        @field_validator("queries")
        @classmethod
        def _can_be_asked(cls, queries: tuple[str, ...]) -> tuple[str, ...]:
            if not queries or any(len(query.strip('"() ')) < 3 for query in queries):
                raise ValueError("are no queries: each needs three letters at least")
            if any(" OR " in re.sub(r"\([^()]*\)", "", query) for query in queries):
                raise ValueError("have an OR outside of parentheses, which GDELT refuses")
            return queries

    def __init__(
        self,
        options: Any,
        client: httpx.AsyncClient,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(options, client, now=now)
        self.sleep = sleep

    def listings(self) -> Listings:
        return {query: partial(self._slice, query) for query in self.options.queries}

    def _slice(self, query: str, since: datetime) -> httpx.URL:
        now = self.now()
        start = min(max(since, now - _REACH), now - self.overlap)
        params = {"query": query, "mode": "artlist", "format": "json", "maxrecords": _MOST, "sort": "datedesc"}
        return httpx.URL(
            _DOC, params=params | {"startdatetime": start.strftime(_TIME), "enddatetime": now.strftime(_TIME)}
        )

    async def ask(self, url: httpx.URL) -> httpx.Response:
        await self.pace.turn(self.now(), self.sleep)
        return await super().ask(url)

    def explain(self, response: httpx.Response) -> PollError | None:
        if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return None
        return _busy(response, max(patience(response.headers) or _PATIENCE, _PATIENCE))

    def listed(self, response: httpx.Response) -> list[Json]:
        """Return the articles. What is wrong is said in a sentence with a 200; nothing found is an empty object."""
        body, host = response.text.strip(), response.request.url.host
        if not body.startswith("{"):
            raise _sentence(response, body)
        found = dialect.lenient(body)
        articles = found.get("articles", None if found else []) if isinstance(found, dict) else None
        if not isinstance(articles, list):
            raise Malformed(f"{host} sent no list of articles: its API has changed")
        return articles

    def arrived(self, item: Json) -> datetime:
        return min(_seen(item), self.now())

    def mention(self, item: Json) -> Mention | None:
        address = https(text(item, "url"))
        if address is None:
            raise ValueError("no address")
        domain = (text_or_none(item, "domain") or httpx.URL(address).host).lower()
        canonical = dialect.canonical(address)
        return Mention(
            external_id=canonical,
            kind=Kind.ARTICLE,
            text="",
            title=dialect.headline(text(item, "title")),
            url=canonical,
            published_at=_seen(item),
            author=domain,
            lang=dialect.LANGUAGES.get(text_or_none(item, "language") or ""),
            ours=any(f".{domain}".endswith(f".{own.lower()}") for own in self.options.own_domains),
        )


def _seen(item: Json) -> datetime:
    return datetime.strptime(text(item, "seendate"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _sentence(response: httpx.Response, body: str) -> PollError:
    if "limit requests" in body[:200]:
        return _busy(response, _PATIENCE)
    wrong = dialect.complaint(body) or "it sent something that is no data: it may be down or have changed"
    return Malformed(f"{response.request.url.host}: {wrong}")


def _busy(response: httpx.Response, wait: timedelta) -> Throttled:
    return Throttled(f"{response.request.url.host} is overloaded or asked too often: it asks for patience", wait)
