"""Reddit: subreddits, searches, our accounts, and what is said to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import httpx
from pydantic import BaseModel, field_validator, model_validator

from connectors.kit import answer, things
from connectors.kit.auth import ClientCredentials
from connectors.kit.late import Late
from connectors.kit.rest import STRICT, UNREADABLE, Rest, text, total
from monitor.connector import (
    Access,
    Answers,
    Ask,
    Connect,
    Cursor,
    Found,
    Malformed,
    NotPermitted,
    Page,
    PollError,
    Secret,
)
from monitor.model import Json, Mention

_HOST = "oauth.reddit.com"
_EVER = datetime.min.replace(tzinfo=UTC)
_KNOWN, _ENOUGH, _BATCH = 100, 3, 100


class Reddit(Rest):
    """The cursor holds the newest fullnames of each listing: a walk goes down from the top until it meets some of them.

    Reddit's own `before` names a single post or comment, and is answered with nothing for ever once that is deleted.
    Three of the known must be met, because one may be pinned. The newest page is read again every time: it shows edits,
    deletions, what moderators let through late and what the search found late. Comments under posts elsewhere than in
    the followed subreddits are read again as `Late` says; a search finds posts only."""

    platform = "reddit"
    access = Access(
        kind="official",
        sees="posts and comments of the subreddits, posts that a search finds and the comments under them, what our"
        " accounts say, and mentions of and replies to the account that asks",
        blind_to="comments elsewhere that only mention us; private subreddits; what is below the newest 1,000 of a"
        " listing, or 250 of a search; in one thread more than 600 comments; chat and private messages",
        own_replies=True,
        needs="an app that Reddit has approved (Responsible Builder Policy, since November 2025), or an older one; for"
        " what is said to us, also the account's password, without a second factor",
        costs="free as far as Reddit approves it; commercial use needs a contract",
        limits="100 requests a minute, averaged over ten",
        terms="Data API Terms: what is deleted there is deleted here, names of deleted accounts too; nothing sensitive is"
        " inferred about a user, no model is trained, no commercial use without a contract",
        unconfirmed=("a search ends at about 250 posts", "deletions must be followed within 48 hours"),
        recheck=timedelta(hours=24),  # half of the 48 hours, so that one run may fail
    )
    connect: ClassVar[Connect]
    late = Late()

    class Options(BaseModel):
        """What is followed. `username` is whose app it is, which Reddit wants to be told; `own` are accounts of ours."""

        model_config = STRICT
        client_id: str
        client_secret: Secret
        username: str
        password: Secret | None = None
        subreddits: tuple[str, ...] = ()
        queries: tuple[str, ...] = ()
        own: tuple[str, ...] = ()
        inbox: bool = False
        comments: bool = True

        @field_validator("username", "subreddits", "own")
        @classmethod
        def _names(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
            return _name(value) if isinstance(value, str) else tuple(map(_name, value))

        @model_validator(mode="after")
        def _follows_something(self) -> Self:
            if not (self.subreddits or self.queries or self.own or self.inbox):
                raise ValueError("nothing is followed: set subreddits, queries, own or inbox")
            if self.inbox and self.password is None:
                raise ValueError("inbox is what is said to username: set its password, too")
            return self

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.own = {name.lower() for name in (options.username, *options.own)}
        self.followed = {name.lower() for name in options.subreddits}
        self.credential = _credential(options.client_id, options.client_secret, options.username, options.password)

    async def ask(self, url: httpx.URL) -> httpx.Response:
        """Get `url` under a name of our own: those of HTTP libraries are refused."""
        named = _headers(self.options.username)
        return await answer.ask(self.client, "GET", url, auth=self.credential, headers=named, explain=self.explain)

    def explain(self, response: httpx.Response) -> PollError | None:
        """Tell a subreddit that is closed to us from an app that is."""
        if response.is_redirect:
            return answer.refusal(response, NotPermitted, "a subreddit in the source's options does not exist")
        with suppress(PollError, *UNREADABLE):
            if response.status_code in (403, 404) and (reason := answer.read(response).get("reason")):
                why = reason if reason in ("private", "quarantined", "gold_only", "banned") else "closed"
                return answer.refusal(response, NotPermitted, f"a subreddit or account in its options is {why}")
        if response.status_code == 403:
            return answer.refusal(response, NotPermitted, "has Reddit approved the app? See the terms of its Data API")
        return None

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk every listing down to what is known, then read again the comments that are due."""
        now, listings = self.now(), self.addresses()
        seen: Cursor = {name: cursor[name] for name in ("late", *listings) if name in cursor}
        for name, url in listings.items():
            top: list[str] = []
            async for found in self.down(url, set(seen.get(name, ())), floor):
                top += things.fullnames(found)
                seen["late"] = self.late.seen(seen.get("late"), self.posts(name, found), now)
                yield self.page(found, floor)
            seen[name] = top[:_KNOWN]
            yield Page(cursor=dict(seen) if cursor or name == list(listings)[-1] else None)
        for post in self.late.due(seen["late"], first=not cursor):
            async for page in self.comments(post, floor):
                yield page
            seen["late"] = self.late.read(seen["late"], post, now)
            yield Page(cursor=dict(seen))
        if warning := self.late.warning(seen["late"], now):
            yield Page(warnings=[f"{_HOST}: {warning}"])

    def addresses(self) -> dict[str, httpx.URL]:
        """Return where the listings are, by names that stay the same."""
        places = "+".join(self.options.subreddits)
        found: dict[str, httpx.URL] = {}
        if places:
            found |= {f"{what}:{places}": _address(f"r/{places}/{what}") for what in ("new", "comments")}
        for query in self.options.queries:
            found[f"search:{query}"] = _address("search", q=query, sort="new", t="all", type="link")
        for name in self.options.own:
            found[f"own:{name}"] = _address(f"user/{name}/overview", sort="new")
        return found | ({"inbox": _address("message/inbox", mark="false")} if self.options.inbox else {})

    async def down(self, url: httpx.URL, known: set[str], floor: datetime) -> AsyncIterator[list[Json]]:
        """Yield the pages of a listing until enough of the known is met, or all of one is older than the floor."""
        met: set[str] = set()
        async for found in self.pages(url, things.After()):
            yield found
            met |= known.intersection(things.fullnames(found))
            arrivals = self.arrivals(found)
            if 0 < min(_ENOUGH, len(known)) <= len(met) or (arrivals and max(arrivals) < floor):
                return

    def posts(self, listing: str, found: Sequence[Json]) -> dict[str, tuple[datetime, int | None]]:
        """Return the posts whose comments no listing shows, with the number of their comments."""
        posts: dict[str, tuple[datetime, int | None]] = {}
        for thing in found if self.options.comments and not listing.startswith(("new:", "comments:")) else ():
            with suppress(*UNREADABLE):
                if thing["kind"] == "t3" and str(thing["data"].get("subreddit")).lower() not in self.followed:
                    posts[things.fullname(thing)] = (things.created(thing), total(thing["data"], "num_comments"))
        return posts

    async def comments(self, post: str, floor: datetime) -> AsyncIterator[Page]:
        """Read the newest 500 comments under a post, and 100 of those that were left out."""
        with suppress(NotPermitted):  # the post is gone, or its subreddit was closed
            found = self.listed(await self.ask(_address(f"comments/{post[3:]}", sort="new", limit="500")))
            yield self.page(found, floor)
            if more := things.left_out(found)[:_BATCH]:
                url = _address("api/morechildren", link_id=post, children=",".join(more), api_type="json", sort="new")
                yield self.page(self.listed(await self.ask(url)), floor)

    async def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look posts and comments up again, 100 at a time: what is blanked or not among the answers is gone."""
        asked = [id_ for id_ in ids if id_.startswith(("t1_", "t3_"))]
        for some in (asked[start : start + _BATCH] for start in range(0, len(asked), _BATCH)):
            found = self.listed(await self.ask(_address("api/info", id=",".join(some))))
            page, there = self.page(found, _EVER), set(things.fullnames(found))
            yield replace(page, gone=[*page.gone, *(id_ for id_ in some if id_ not in there)])

    def listed(self, response: httpx.Response) -> list[Json]:
        """Return the things of an answer. Raises Malformed, and NotPermitted for the search that stands in for a
        subreddit that does not exist."""
        said = answer.read(response)
        try:
            found = things.things(said)
        except UNREADABLE:
            raise Malformed(f"{_HOST} sent no listing where one was known to be: its API has changed") from None
        if any(isinstance(thing, dict) and thing.get("kind") == "t5" for thing in found):
            raise NotPermitted(f"{_HOST} offers other subreddits: one in the source's options does not exist")
        return found

    def page(self, items: Sequence[Json], floor: datetime) -> Page:
        """Read things; those that were blanked are gone."""
        readable = [thing for thing in items if things.fullnames([thing])]
        gone = [things.fullname(thing) for thing in readable if things.gone(thing)]
        unsigned = [things.fullname(thing) for thing in readable if things.unsigned(thing)]
        return replace(super().page(items, floor), gone=gone, unsigned=unsigned)

    def arrived(self, item: Json) -> datetime:
        return things.created(item)

    def mention(self, item: Json) -> Mention | None:
        return things.mention(item, self.own)


def _address(path: str, **params: str) -> httpx.URL:
    return httpx.URL(f"https://{_HOST}/{path}", params={"limit": "100", "raw_json": "1", **params})


def _name(value: str) -> str:
    """A subreddit's or account's name without what people write before it."""
    name = value.strip().strip("/").rpartition("/")[2]
    if not (name.isascii() and name.replace("_", "").replace("-", "").isalnum()):
        raise ValueError("is no name: write it without r/ or u/")
    return name


def _credential(client_id: str, secret: Secret, username: str, password: Secret | None) -> ClientCredentials:
    person: dict[str, str | Secret] = {"grant_type": "password", "username": username}
    url = "https://www.reddit.com/api/v1/access_token"
    grant = person | {"password": password} if password else None
    return ClientCredentials(url, platform="reddit", client_id=client_id, client_secret=secret, parameters=grant)


def _headers(username: str) -> dict[str, str]:
    """What Reddit wants a program to be called ("Reddit Data API Wiki"): platform:app:version (by /u/account)."""
    return {"user-agent": f"linux:wellheard:1 (by /u/{username})"}


async def _found(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The account, with what it says and what is said to it."""
    secret, password, username = answers["client_secret"], answers["password"], _name(str(answers["username"]))
    assert isinstance(secret, Secret)
    assert isinstance(password, Secret)
    auth = _credential(str(answers["client_id"]), secret, username, password)
    said = await answer.ask(client, "GET", _address("api/v1/me"), auth=auth, headers=_headers(username))
    name = text(answer.read(said), "name")
    yield Found(name=f"reddit-{name.lower()}", shown=f"u/{name}", options={"own": [name], "inbox": True})


Reddit.connect = Connect(
    before="1. Ask Reddit for access to its Data API (Responsible Builder Policy) and wait until it is approved. 2. Log in"
    " with the account that is to ask, without a second factor. 3. At reddit.com/prefs/apps make an app of the type"
    " script, with any redirect address. 4. Its id stands under its name, its secret beside it.",
    asks=(
        Ask(key="client_id", prompt="Id of the app"),
        Ask(key="client_secret", prompt="Secret of the app", secret=True),
        Ask(key="username", prompt="Account whose app it is"),
        Ask(key="password", prompt="Password of that account", secret=True),
    ),
    keeps=("client_id", "client_secret", "username", "password"),
    find=_found,
)
