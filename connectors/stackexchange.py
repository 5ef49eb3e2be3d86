"""Stack Exchange: questions that a search or a tag finds, with everything that is said under them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

import httpx
from pydantic import BaseModel, model_validator

from connectors.kit import answer
from connectors.kit import stackexchange as wrapper
from connectors.kit.lookup import EVER
from connectors.kit.pace import Pace, Sleep
from connectors.kit.paging import Numbered
from connectors.kit.rest import STRICT, UNREADABLE, Listings, Rest, epoch, text, text_or_none, total
from connectors.kit.text import https, plain
from connectors.kit.tried import tried, words
from monitor.connector import (
    Access,
    Answers,
    Ask,
    Connect,
    Cursor,
    Found,
    Malformed,
    Page,
    PollError,
    Secret,
    Throttled,
)  # fmt: skip
from monitor.model import Json, Kind, Mention

_API = "https://api.stackexchange.com/2.3"
_MOST = 100
"""Ids in a request, and entries on a page."""
_LONGEST_WAIT = timedelta(seconds=30)
_FIELDS = (
    "question.body", "question.answers", "question.comments", "answer.body", "answer.comments", "answer.link",
    "comment.body", "comment.link", "comment.post_type",
)  # fmt: skip


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    site, key = str(answers["site"]), answers.get("key")
    options = {
        "site": site,
        "queries": words(answers, "queries"),
        **({"key": key} if isinstance(key, Secret) and key.reveal() else {}),
    }
    name, shown = f"stackexchange-{site}", f"searches on {site}"
    async for found in tried(StackExchange, options, client, name=name, shown=shown, kept=("site",)):
        yield found


class StackExchange(Rest):
    """Questions are listed by their last activity, which an edit and an answer moves and a comment does not. So the newest
    hundred questions that were found are read again by every poll, in one request: it shows late comments, and which
    questions are gone. The cursor holds their ids, and the last activity that was seen of each listing."""

    platform = "stackexchange"
    access = Access(
        kind="official",
        sees="questions that a search or a tag finds on one site, with their answers, comments and edits",
        blind_to="comments under questions older than the newest 100 found; answers that name us under others",
        own_replies=True,
        needs="nothing; a free key of stackapps.com for more requests",
        limits="300 requests a day and address, 10,000 with a key; it may ask for a pause after any of them",
        terms="CC BY-SA: what is shown needs its author's name and a link",
        unconfirmed=("that a search by activity can be limited with min",),
        recheck=timedelta(days=7),
    )
    connect = Connect(
        before="1. Find the site at stackexchange.com/sites: its name is the first part of its address. 2. For more than 300"
        " requests a day, register an application at stackapps.com: any name and address; copy its key.",
        asks=(
            Ask(key="site", prompt="Site, such as health or stackoverflow"),
            Ask(key="queries", prompt="Searches, separated by commas"),
            Ask(key="key", prompt="Key (may be left empty)", secret=True, default=""),
        ),
        keeps=("site",),
        find=_find,
    )
    items = ("items",)
    paging = Numbered(more="has_more")

    class Options(BaseModel):
        """Which site, and what on it; `own` are the numbers of our accounts there."""

        model_config = STRICT
        site: str
        queries: tuple[str, ...] = ()
        tags: tuple[str, ...] = ()
        own: tuple[int, ...] = ()
        key: Secret | None = None

        @model_validator(mode="after")
        def _follows_something(self) -> Self:
            if not (self.queries or self.tags):
                raise ValueError("nothing is followed: set queries or tags")
            return self

    def __init__(
        self,
        options: Any,
        client: httpx.AsyncClient,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(options, client, now=now)
        self.sleep, self.pace = sleep, Pace()
        self.filter: str | None = None
        self.warnings: list[str] = []
        self.questions: dict[int, None] = {}  # those this poll found, in the order of finding

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk the listings, then read again what was found before."""
        self.questions.clear()
        self.warnings.clear()
        kept = cursor if cursor.get("site") == self.options.site else {}  # ids mean nothing elsewhere
        known: list[int] = kept.get("questions", [])
        self.filter = self.filter or await self._new_filter()
        seen = kept
        async for page in super().poll(kept, floor):
            seen = page.cursor or seen
            yield replace(page, cursor=None)
        newest = list(dict.fromkeys([*self.questions, *known]))[:_MOST]
        if again := [id_ for id_ in known if id_ not in self.questions]:
            page = await self._again("questions", again, floor)
            yield page
            newest = [id_ for id_ in newest if self._id("questions", id_) not in page.gone]
        yield Page(
            cursor={**seen, "site": self.options.site, "questions": newest},
            warnings=tuple(dict.fromkeys(self.warnings)),
        )

    async def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look questions, answers and comments up again, a hundred of a sort at a time."""
        self.filter = self.filter or await self._new_filter()
        for sort in ("questions", "answers", "comments"):
            beginning = self._id(sort, "")
            numbers = [int(id_.removeprefix(beginning)) for id_ in ids if id_.startswith(beginning)]
            for start in range(0, len(numbers), _MOST):
                yield await self._again(sort, numbers[start : start + _MOST], EVER)

    async def _again(self, sort: str, numbers: Sequence[int], floor: datetime) -> Page:
        """Read what these numbers are: those that are not among the answers are gone."""
        url = self._address(f"{sort}/{';'.join(map(str, numbers))}")
        response = await self.ask(url)
        items = self.listed(response)
        if answer.read(response).get("has_more"):
            return self.page(items, floor)  # what is not on this page need not be gone
        there = {item.get(f"{sort.removesuffix('s')}_id") for item in items if isinstance(item, dict)}
        return replace(self.page(items, floor), gone=[self._id(sort, one) for one in numbers if one not in there])

    async def _new_filter(self) -> str:
        """Return the name of the filter that has all we read in one answer; the same fields have the same name forever."""
        response = await self.ask(self._url("filters/create", include=";".join(_FIELDS), base="default"))
        try:
            return text(super().listed(response)[0], "filter")
        except UNREADABLE:
            raise Malformed("api.stackexchange.com sent no filter: its API has changed") from None

    def listings(self) -> Listings:
        found = {
            f"search:{query}": partial(self._listing, "search/advanced", q=query) for query in self.options.queries
        }
        return found | {f"tag:{tag}": partial(self._listing, "questions", tagged=tag) for tag in self.options.tags}

    def _listing(self, path: str, since: datetime, **params: str) -> httpx.URL:
        return self._address(path, sort="activity", order="desc", min=int(max(since.timestamp(), 0)), **params)

    def _address(self, path: str, **params: str | int) -> httpx.URL:
        return self._url(path, site=self.options.site, filter=self.filter or "withbody", pagesize=_MOST, **params)

    def _url(self, path: str, **params: str | int) -> httpx.URL:
        key = {"key": self.options.key.reveal()} if self.options.key else {}
        return httpx.URL(f"{_API}/{path}", params=params | key)

    async def ask(self, url: httpx.URL) -> httpx.Response:
        """Get `url` once the pause is over that the last answer may have asked for. Raises PollError."""
        if (left := self.pace.left(self.now())) > _LONGEST_WAIT:
            raise Throttled(f"{url.host} asked for a pause", left)
        await self.pace.turn(self.now(), self.sleep)
        return await super().ask(url)

    def explain(self, response: httpx.Response) -> PollError | None:
        return wrapper.explain(response)

    def listed(self, response: httpx.Response) -> list[Json]:
        """Return what was said: questions, each followed by its comments, its answers and their comments."""
        items, said = super().listed(response), answer.read(response)
        if isinstance(backoff := said.get("backoff"), int | float):
            self.pace.hold(self.now(), timedelta(seconds=backoff))
        left, most = said.get("quota_remaining"), said.get("quota_max")
        if isinstance(left, int) and isinstance(most, int) and left < most / 10:
            host = response.request.url.host
            self.warnings = [f"{host}: {left} of {most} requests left for today; poll less often, or set key"]
        return [one for item in items for one in wrapper.said(item)]

    def arrived(self, item: Json) -> datetime:
        return min(epoch(item["last_activity_date"]), self.now())

    def mention(self, item: Json) -> Mention | None:
        sort = next((sort for sort in ("comment", "answer") if f"{sort}_id" in item), "question")
        number, owner = item[f"{sort}_id"], item.get("owner") or {}
        if sort == "question":
            self.questions[int(number)] = None
        author = text_or_none(owner, "display_name")
        return Mention(
            external_id=self._id(f"{sort}s", int(number)),
            kind=Kind.POST if sort == "question" else Kind.COMMENT,
            text=plain(text_or_none(item, "body") or text_or_none(item, "excerpt") or ""),
            title=plain(text_or_none(item, "title") or "") if sort == "question" else "",
            url=https(text_or_none(item, "link")),
            published_at=epoch(item["creation_date"]),
            author=plain(author) if author else None,
            parent_id=self._parent(sort, item),
            ours=owner.get("user_id") in self.options.own,
            engagement=total(item, "score", "answer_count"),
        )

    def _parent(self, sort: str, item: Json) -> str | None:
        if sort == "answer":
            return self._id("questions", int(item["question_id"]))
        known = sort == "comment" and item.get("post_type") in ("question", "answer")
        return self._id(f"{item['post_type']}s", int(item["post_id"])) if known else None

    def _id(self, sort: str, number: int | str) -> str:
        return f"{self.options.site}/{sort}/{number}"
