"""The Graph API, as Facebook, Instagram and Threads speak it: what its errors mean, how it pages, how much it lets us ask."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import httpx

from connectors.kit import answer
from connectors.kit.auth import Bearer, Exchange, LongLived
from connectors.kit.late import Late
from connectors.kit.lookup import EVER
from connectors.kit.rest import UNREADABLE, Rest, text, when
from monitor.connector import (
    AuthRejected,
    Cursor,
    Malformed,
    NotPermitted,
    Page,
    PollError,
    Secret,
    Throttled,
    Unavailable,
)
from monitor.model import Json

_CREDENTIALS = re.compile(rb"(?<=[?&])(?:access_token|appsecret_proof)=[^&]*&?")
_USAGE = ("x-business-use-case-usage", "x-app-usage", "x-page-usage")
_NEARLY = 80
"""From this percentage of what Meta allows on, people are told."""
_FEWEST = 10
_LIFE = timedelta(days=60)

_TOKEN = {
    458: "the app was removed from the account",
    459: "the account has to pass a check on facebook.com",
    460: "the password was changed",
    463: "the token is expired",
    464: "the account is not confirmed",
    467: "the token is invalid",
    492: "the account has no role on the page any more",
}


class Gone(NotPermitted):
    """What was asked for is not there, or not for us: Meta does not tell the two apart (100/33)."""


class Deprecated(NotPermitted):
    """What was asked for is no part of this version of the API any more (12)."""


class Overloaded(Unavailable):
    """It failed at Meta, as it does where too much is asked for at once (1)."""


_MEANINGS: dict[int, tuple[type[PollError], str]] = {
    **dict.fromkeys((102, 190), (AuthRejected, "the token is not accepted")),
    **dict.fromkeys((4, 17, 32, 341, 613, *range(80000, 80015)), (Throttled, "its limit of calls is reached")),
    **dict.fromkeys(
        (3, 10, *range(200, 300)),
        (NotPermitted, "a permission is missing; look at the app's review and at what the token was granted"),
    ),
    **dict.fromkeys(
        (24, 100, 803),
        (NotPermitted, "it is not there, or a permission is missing; check the options and the app's permissions"),
    ),
    1: (Overloaded, "it failed there, and is tried again"),
    2: (Unavailable, "it is down, and is tried again"),
    12: (Deprecated, "this version of the API does not have it any more"),
    368: (NotPermitted, "Meta has blocked this for a breach of its policies; look at the app's dashboard"),
}


def explain(response: httpx.Response, platform: str) -> PollError | None:
    """What a refusal means: its code says so, neither the HTTP status, mostly 400, nor the message, which is localised.

    Source: "Handle Errors" and "Rate Limits" of the Graph API documentation."""
    said = failure(response)
    code, sub = _number(said.get("code")), _number(said.get("error_subcode"))
    host = response.request.url.host
    kind, means = _MEANINGS.get(code, (None, ""))
    if kind is None:
        transient = Unavailable(f"{host} answered with error {code}: it is down, and is tried again")
        return transient if said.get("is_transient") is True else None
    if kind is AuthRejected:
        means = f"{_TOKEN.get(sub, means)}; run `wellheard connect {platform}` again"
    sentence = f"{host} answered with error {code}{f'/{sub}' if sub else ''}: {means}"
    if kind is Throttled:
        return Throttled(sentence, usage(response.headers)[1] or answer.patience(response.headers))
    return (Gone if (code, sub) == (100, 33) or code in (24, 803) else kind)(sentence)


def expired(response: httpx.Response) -> bool:
    """Whether it was refused because the token is not good any more, whatever the HTTP status."""
    return response.status_code == 401 or _number(failure(response).get("code")) in (102, 190)


def failure(response: httpx.Response) -> dict[str, Json]:
    """The error that an answer carries, whatever its status: empty where it carries none."""
    with suppress(PollError, *UNREADABLE):
        error = answer.read(response).get("error")
        return error if isinstance(error, dict) else {}
    return {}


def usage(headers: httpx.Headers) -> tuple[int, timedelta | None]:
    """How many percent of what Meta allows are used, and how long it refuses if all are: its unit is minutes."""
    figures = [figure for name in _USAGE for figure in _figures(headers.get(name))]
    used = [_number(figure.get(key)) for figure in figures for key in ("call_count", "total_cputime", "total_time")]
    minutes = max((_number(figure.get("estimated_time_to_regain_access")) for figure in figures), default=0)
    return max(used, default=0), timedelta(minutes=minutes) if minutes > 0 else None


def _figures(header: str | None) -> list[dict[str, Json]]:
    """The figures in a header: they stand alone, or in lists by the id of a business or page."""
    with suppress(*UNREADABLE, RecursionError):
        said = json.loads(header or "{}")
        lists = [value for value in said.values() if isinstance(value, list)]
        return [figure for figure in (said, *(one for some in lists for one in some)) if isinstance(figure, dict)]
    return []


def _number(value: Json) -> int:
    with suppress(TypeError, ValueError, OverflowError):
        return int(value)
    return 0


class Proven(Bearer):
    """A token with the proof that it is used by its app ("Secure Graph API Calls"): an app may ask for it."""

    def __init__(self, token: Secret, app_secret: Secret) -> None:
        super().__init__(token)
        self._proof = hmac.new(app_secret.reveal().encode(), token.reveal().encode(), "sha256").hexdigest()

    def auth_flow(self, request: httpx.Request) -> Exchange:
        """Yield the request once, signed."""
        request.url = request.url.copy_set_param("appsecret_proof", self._proof)
        yield from super().auth_flow(request)


@dataclass(frozen=True, slots=True)
class Next:
    """`paging.next`, as it is but for the credentials that Meta writes into it, until there is none: a page may be short
    or empty, where something is nobody's business, and not be the last.

    `cursors`: this listing names no next page and is followed by its `after` until a page is empty."""

    cursors: bool = False

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:
        """Return the next page, always at the origin of `url`: a credential travels nowhere else."""
        paging = answer.read(response).get("paging") or {}
        if paging.get("next"):
            path = _CREDENTIALS.sub(b"", url.join(paging["next"]).raw_path).rstrip(b"?&")
            return url.copy_with(raw_path=path)
        after = (paging.get("cursors") or {}).get("after")
        goes_on = self.cursors and items and after and after != url.params.get("after")
        return url.copy_set_param("after", after) if goes_on else None


class Graph(Rest):
    """Walks our posts, what is said under them, and other listings. A platform gives `address`, `posts`, `comments`,
    `mention` and its `others`.

    The cursor: `account`, whose it is; for each listing the newest time seen; `late`, our posts and when their comments
    were last read; and `first` until one whole walk was made. A post is listed with its number of comments: where that
    has changed they are read, and in turn those of the others (see `Late`)."""

    items = ("data",)
    paging = Next()
    overlap = timedelta(days=1)
    late: ClassVar[Late] = Late()
    time: ClassVar[str] = "timestamp"
    flat: ClassVar[bool] = True
    """Whether answers to comments are listed like comments, so that what is new is on top."""

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.used = 0
        self.notes: list[str] = []

    # What a platform says of itself

    @property
    def account(self) -> str:
        """Whose posts these are."""
        raise NotImplementedError

    def posts(self, since: datetime) -> httpx.URL:
        """Return where our posts are listed, from new to old. Its first page shows the counts of all that may be of use,
        so `since` is always the beginning of the window."""
        raise NotImplementedError

    def comments(self, post: str) -> httpx.URL:
        """Return where is listed what was said under a post."""
        raise NotImplementedError

    def count(self, item: Json) -> int | None:
        """Return how many comments a post of ours says it has, None where it does not."""
        raise NotImplementedError

    def is_ours(self, item: Json) -> bool:  # noqa: ARG002  # for a platform that lists others' posts beside ours
        """Return whether the comments under a listed post are ours to read."""
        return True

    def others(self, state: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk what else is followed. Cursors are handed over as `Page(cursor=dict(state))`."""
        raise NotImplementedError

    # How it is walked

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk our posts, then the comments that are due, then the rest."""
        self.used, now = 0, self.now()
        self.notes.clear()
        state = dict(cursor) if cursor.get("account") == self.account else {"account": self.account, "first": True}
        async for page in self.walk(state, "posts", self.posts, floor, back_to=min(floor, now - self.late.window)):
            yield page
        async for page in self.under(state, floor, now):
            yield page
        async for page in self.others(state, floor):
            yield page
        state.pop("first", None)
        yield Page(cursor=dict(state), warnings=self.warnings(state, now))

    async def walk(
        self,
        state: Cursor,
        name: str,
        url: Callable[[datetime], httpx.URL],
        floor: datetime,
        back_to: datetime | None = None,
    ) -> AsyncIterator[Page]:
        """Walk one listing back to where the last walk began; keep in `state` how far, and our posts.

        `back_to`: how far back the listing is to begin, whose first page is read in any case, where that is further."""
        now, kept = self.now(), state.get("late")
        since = self.since(when(state[name]) if name in state else None, back_to or floor)
        newest = max(since, when(state[name])) if name in state else since
        async for items in self.back(url(back_to or since), since):
            newest = max([newest, *self.arrivals(items)])
            if name == "posts":
                kept = self.late.seen(kept, self.counted(items), now)
            yield self.page(items, floor)
        state |= {name: newest.isoformat()} | ({"late": kept} if name == "posts" else {})
        yield Page(cursor=dict(state))

    async def under(self, state: Cursor, floor: datetime, now: datetime) -> AsyncIterator[Page]:
        """Read the comments under the posts that are due."""
        closed = 0
        for post in self.late.due(state["late"], now=now, first="first" in state):
            try:
                async for items in self.said(post, self.late.since(state["late"], post), floor):
                    yield self.page(items, floor)
            except Gone:
                closed += 1  # deleted, or its comments are closed to us: it is its turn again later
            state["late"] = self.late.read(state["late"], post, now)
            yield Page(cursor=dict(state))
        if closed:
            self.notes.append(f"the comments under {closed} posts cannot be read: deleted, or a permission is missing")

    async def said(self, post: str, since: datetime | None, floor: datetime) -> AsyncIterator[list[Json]]:
        """Yield what was said under a post, each with the post as `under`."""
        since = max(floor, since - self.overlap) if since and self.flat else floor
        walked = self.back(self.comments(post), since) if self.flat else self.pages(self.comments(post), self.paging)
        async for items in walked:
            yield [{**item, "under": post} if isinstance(item, dict) else item for item in items]

    async def again(self, ids: Sequence[str], fields: str) -> Page:
        """Look things up again, at most 50. Where one of them cannot be had Meta refuses all: then one by one, and what is
        refused twice is gone."""
        many = self.address("", ids=",".join(ids), fields=fields)
        try:
            return self.page(list(answer.read(await self.ask(many)).values()), EVER)
        except (Gone, AttributeError):
            found = {id_: await self.once(self.address(id_, fields=fields)) for id_ in ids}
        there = [item for item in found.values() if item is not None]
        return replace(self.page(there, EVER), gone=[id_ for id_, item in found.items() if item is None])

    async def once(self, url: httpx.URL) -> Json:
        """Look one thing up, None where it is refused twice."""
        for _ in range(2):
            with suppress(Gone):
                return answer.read(await self.ask(url))
        return None

    def counted(self, items: Sequence[Json]) -> Mapping[str, tuple[datetime, int | None]]:
        """Return our posts with their time and their number of comments."""
        found = {}
        for item in items:
            with suppress(*UNREADABLE):
                if self.is_ours(item):
                    found[text(item, "id")] = (when(item[self.time]), self.count(item))
        return found

    def arrived(self, item: Json) -> datetime:
        at = when(item[self.time])
        if at > self.now() + self.overlap:
            raise ValueError("a date that is still to come says nothing of when it arrived")
        return at

    def warnings(self, state: Cursor, now: datetime) -> Sequence[str]:
        """Return what people must know of this walk."""
        full = self.late.warning(state.get("late"), now)
        host = self.address("").host
        nearly = [f"{host}: {self.used} % of the calls that Meta allows are used"] if self.used >= _NEARLY else []
        return [*self.notes, *([full] if full else []), *nearly]

    def address(self, path: str, **params: Any) -> httpx.URL:
        """Return the URL of `path`."""
        raise NotImplementedError

    async def ask(self, url: httpx.URL) -> httpx.Response:
        """Get `url`, signed; with half the limit where that is too much at once. Raises PollError."""
        try:
            response = await super().ask(url)
        except Overloaded:
            limit = _number(url.params.get("limit")) // 2
            if limit < _FEWEST:
                raise
            return await self.ask(url.copy_set_param("limit", limit))
        self.used = max(self.used, usage(response.headers)[0])
        if failure(response):
            raise self.explain(response) or Malformed(f"{url.host} sent an error that is not known: try again later")
        return response

    def explain(self, response: httpx.Response) -> PollError | None:
        return explain(response, self.platform)


class Renewed(LongLived):
    """The token of Instagram Login and of Threads, good for 60 days and renewed before. One that was pasted and of which
    nobody said how long it lasts is taken to last so long from when its file was written."""

    def _load(self) -> None:
        super()._load()
        if self._tokens.access and self._tokens.lasts is None:
            at = self._tokens.obtained_at or datetime.fromtimestamp(self._file.path.stat().st_mtime, UTC)
            self._tokens = replace(self._tokens, lasts=_LIFE, obtained_at=at)


def renewed(path: Path, url: str, grant: str, *, platform: str, now: Callable[[], datetime]) -> Renewed:
    """A token kept at `path` that `url` renews for the `grant_type`."""
    return Renewed(
        path, url, platform=platform, parameters={"grant_type": grant}, expired=expired,
        explain=partial(explain, platform=platform), now=now,
    )  # fmt: skip
