"""LinkedIn: a Page's posts, the comments under them, and posts that mention it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, StringConstraints, field_validator, model_validator

from connectors.kit import answer, linkedin
from connectors.kit.auth import Bearer, Refreshing
from connectors.kit.budget import Budget
from connectors.kit.late import Late
from connectors.kit.rest import STRICT, UNREADABLE, Rest, text, text_or_none, when
from monitor.connector import Access, Answers, Ask, Connect, Cursor, Found, OAuth, Page, PollError, Secret
from monitor.model import Json, Mention

_HOST, _TOKENS, _VERSION = "api.linkedin.com", "https://www.linkedin.com/oauth/v2/accessToken", "202607"
_ACTIONS = ",".join((*linkedin.COMMENTS, linkedin.DELETED, *linkedin.SHARES))
_COUNT, _OVERLAP, _KEPT = 100, timedelta(minutes=10), timedelta(days=59)
"""Items a request; how far a walk reaches into the last; notifications are kept 60 days."""


class LinkedIn(Rest):
    """The cursor is when the newest notification and the newest change of a post came, by the platform's clock; a walk
    begins ten minutes before. Notifications tell of mentions, of comments, their edits and deletions. Comments are also
    read under the posts, as `Late` says: not every one is told of. `spent` are the calls of the day."""

    platform = "linkedin"
    access = Access(
        kind="official",
        sees="a Page's posts, the comments under them and our replies, and posts that mention or share it",
        blind_to="all other posts, since there is no search; who a member is; what is not public; mentions older than 60"
        " days; answers to comments of which no notification tells",
        own_replies=True,
        needs="an app with the Community Management API, for which LinkedIn examines a registered organisation with a"
        " verified Page; an administrator of the Page who grants access, again after 60 days, or 365 where it can be renewed",
        limits="in the first tier 500 calls a day for the app and 100 for each member, until midnight UTC",
        terms="Marketing API Terms and Data Storage Requirements: members' posts and comments are kept 48 hours at most,"
        " their profiles not at all; only to manage the Page, no export, no matching to other data",
        unconfirmed=(
            "no answer of this API is recorded in public: its shapes are those of the documentation",
            "in the first tier there may be no notifications",
            "the number of a comment or post holds the time when it was made",
        ),
        retention=timedelta(hours=48),
    )
    connect: ClassVar[Connect]
    items = ("elements",)
    late = Late(window=timedelta(days=30), reads=3, rounds=3)  # a post does not say how many comments it has

    class Options(BaseModel):
        """Which Page, by its number, and the access that its administrator granted: without `refresh_token` it ends after
        60 days. `version` is a month, which LinkedIn takes for a year. The second tier has more `calls_per_day`."""

        model_config = STRICT
        organization: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]
        access_token: Secret | None = None
        refresh_token: Secret | None = None
        client_id: str | None = None
        client_secret: Secret | None = None
        version: Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}(0[1-9]|1[0-2])$")] = _VERSION
        calls_per_day: int = Field(100, gt=0)

        @field_validator("organization", mode="before")
        @classmethod
        def _number(cls, value: Any) -> Any:
            return str(value).rpartition(":")[2]

        @model_validator(mode="after")
        def _grants(self) -> Self:
            if not (self.access_token or self.refresh_token):
                raise ValueError("set access_token or refresh_token: `wellheard connect linkedin` gets them")
            if self.refresh_token and not (self.client_id and self.client_secret):
                raise ValueError(
                    "refresh_token needs the client_id and client_secret of the app that it was granted to"
                )
            return self

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.own = f"urn:li:organization:{options.organization}"
        self.budget = Budget(name=f"{_HOST}: calls", limit=options.calls_per_day)
        self.headers = _headers(options.version)
        self.credential = _credential(options, now)

    async def ask(self, url: httpx.URL) -> httpx.Response:
        return await answer.ask(
            self.client, "GET", url, auth=self.credential, headers=self.headers, explain=self.explain
        )

    def explain(self, response: httpx.Response) -> PollError | None:
        return linkedin.explain(response, self.budget.wait(self.now()))

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Read what notifications tell, then, as far as the day's calls allow, our posts and the comments under some."""
        now = self.now()
        seen: Cursor = {key: cursor[key] for key in ("told", "posts", "late", "spent") if key in cursor}
        try:
            async for page in self.told(seen, now, floor):
                yield page
            if "posts" not in seen or not self.budget.ahead(seen["spent"], now):
                async for page in self.posts(seen, now, floor):
                    yield page
                for post in self.late.due(seen["late"], first="posts" not in cursor):
                    async for page in self.under(post, seen, now, floor):
                        yield page
        except _Spent:
            yield Page(warnings=[f"{_HOST}: the calls of the day are used up, the rest is read after midnight UTC"])
        if warning := self.budget.warning(seen.get("spent"), now):
            yield Page(warnings=[warning])

    async def told(self, seen: Cursor, now: datetime, floor: datetime) -> AsyncIterator[Page]:
        """Read the notifications since the last walk, in whatever order they come."""
        newest = when(seen["told"]) if "told" in seen else floor
        window = (max(newest - _OVERLAP, floor, now - _KEPT), now + _OVERLAP)
        path = f"organizationalEntityNotifications?q=criteria&organizationalEntity={_quoted(self.own)}"
        path += "&actions=List({})&timeRange=(start:{},end:{})".format(_ACTIONS, *map(_milliseconds, window))
        async for items in self.through(path, seen, now):
            newest = max([newest, *self.arrivals(items)])
            yield replace(self.page(items, floor), cursor=dict(seen))
        seen["told"] = newest.isoformat()
        yield Page(cursor=dict(seen))

    async def posts(self, seen: Cursor, now: datetime, floor: datetime) -> AsyncIterator[Page]:
        """Read our posts from the last changed down to those that have not changed since the last walk."""
        newest = when(seen["posts"]) if "posts" in seen else floor
        since = newest - _OVERLAP
        async for items in self.through(f"posts?q=author&author={_quoted(self.own)}&sortBy=LAST_MODIFIED", seen, now):
            page, arrivals = self.page(items, floor), self.arrivals(items)
            made = {one.external_id: (one.published_at, None) for one in page.mentions}
            seen["late"] = self.late.seen(seen.get("late"), made, now)
            yield replace(page, cursor=dict(seen))
            newest = max([newest, *arrivals])
            if arrivals and max(arrivals) < since:
                break
        seen["posts"] = newest.isoformat()
        yield Page(cursor=dict(seen))

    async def under(self, post: str, seen: Cursor, now: datetime, floor: datetime) -> AsyncIterator[Page]:
        """Read all comments under a post."""
        try:
            async for items in self.through(f"socialActions/{_quoted(post)}/comments?", seen, now):
                known = [item | {"under": post} if isinstance(item, dict) else item for item in items]
                yield replace(self.page(known, floor), cursor=dict(seen))
            seen["late"] = self.late.read(seen["late"], post, now)
        except linkedin.Gone:
            seen["late"] = self.late.gone(seen["late"], post)
        yield Page(cursor=dict(seen))

    async def through(self, path: str, seen: Cursor, now: datetime) -> AsyncIterator[list[Json]]:
        """Yield the pages of a listing, and before each nothing, so that the call is kept before it is made."""
        start: int | None = 0
        while start is not None:
            if not self.budget.left(seen.get("spent"), now):
                raise _Spent
            seen["spent"] = self.budget.spend(seen.get("spent"), now)
            yield []
            response = await self.ask(httpx.URL(f"https://{_HOST}/rest/{path}&start={start}&count={_COUNT}"))
            yield self.listed(response)
            start = _following(answer.read(response), start)

    # How it is read

    def page(self, items: Sequence[Json], floor: datetime) -> Page:
        """Read items; a notification may say that a comment is gone."""
        gone = []
        for item in items:
            with suppress(*UNREADABLE):
                gone += (
                    [linkedin.comment_id(text(item, "generatedActivity"))] if item["action"] == linkedin.DELETED else []
                )
        return replace(super().page(items, floor), gone=gone)

    def arrived(self, item: Json) -> datetime:
        return linkedin.at(item["lastModifiedAt"])

    def mention(self, item: Json) -> Mention | None:
        return linkedin.mention(item, self.own)


class _Spent(Exception):
    """The calls of the day are used up."""


def _following(said: Json, start: int) -> int | None:
    """Where the next page starts. A page may have fewer than were asked for, and only some answers have a total."""
    paging, found = said.get("paging") or {}, len(said["elements"])
    size, total = paging.get("count"), paging.get("total")
    size = size if isinstance(size, int) and size > 0 else _COUNT
    linked = any(link.get("rel") == "next" for link in paging.get("links") or () if isinstance(link, dict))
    more = start + size < total if isinstance(total, int) else found >= size
    return start + size if found and (linked or more) else None


def _quoted(urn: str) -> str:
    return quote(urn, safe="")


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _headers(version: str) -> dict[str, str]:
    return {"linkedin-version": version, "x-restli-protocol-version": "2.0.0"}


def _credential(options: Any, now: Callable[[], datetime]) -> httpx.Auth:
    if not options.refresh_token:
        return Bearer(options.access_token)
    app = {"client_id": options.client_id, "client_secret": options.client_secret}
    return Refreshing(_TOKENS, platform="linkedin", refresh_token=options.refresh_token, now=now, **app)


async def _found(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The Pages that the member administers."""
    token = answers["access_token"]
    assert isinstance(token, Secret)

    async def asked(path: str) -> Json:
        url = httpx.URL(f"https://{_HOST}/rest/{path}")
        return answer.read(await answer.ask(client, "GET", url, auth=Bearer(token), headers=_headers(_VERSION)))

    for role in (await asked("organizationAcls?q=roleAssignee&role=ADMINISTRATOR&state=APPROVED"))["elements"]:
        urn = text_or_none(role, "organization") or text(role, "organizationTarget")
        number = urn.rpartition(":")[2]
        name = text_or_none(await asked(f"organizations/{number}"), "localizedName") or number
        yield Found(name=f"linkedin-{number}", shown=name, options={"organization": number})


LinkedIn.connect = Connect(
    before="1. At linkedin.com/developers make an app for the organisation's verified Page, with an address at the"
    " organisation's own domain, and ask for the Community Management API: a refusal is final for that app. 2. Under Auth"
    " register http://127.0.0.1:8765/ as redirect address. 3. Be logged in as an administrator of the Page.",
    asks=(
        Ask(key="client_id", prompt="Client id of the app"),
        Ask(key="client_secret", prompt="Primary client secret", secret=True),
    ),
    oauth=OAuth(
        authorize="https://www.linkedin.com/oauth/v2/authorization",
        token=_TOKENS,
        scopes=("r_organization_social_feed", "rw_organization_admin"),
        pkce=False,
        port=8765,
    ),
    keeps=("client_id", "client_secret", "access_token", "refresh_token"),
    find=_found,
)
