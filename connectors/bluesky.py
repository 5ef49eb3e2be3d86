"""Bluesky (AT Protocol): searches, accounts, and what is said to ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Self

import httpx
from pydantic import BaseModel, field_validator, model_validator

from connectors.kit import answer, atproto
from connectors.kit.paging import Token
from connectors.kit.rest import STRICT, UNREADABLE, Listings, Rest, origin, text, total, when
from monitor.connector import Access, Answers, Ask, Connect, Cursor, Found, Page, PollError, Secret
from monitor.model import Json, Kind, Mention

_REASONS = ("mention", "reply", "quote")
_NONE: set[str] = set()
_HIDDEN = {"!hide", "!takedown", "!no-unauthenticated"}
_EVER = datetime.min.replace(tzinfo=UTC)


class Bluesky(Rest):
    """Every listing is sorted by the platform's own clock, which is what the cursor holds.

    The session is kept for as long as we run; it is opened at `service` and used where the account is kept."""

    platform = "bluesky"
    access = Access(
        kind="official",
        sees="posts that a search finds, posts and replies of the accounts, mentions of, replies to and quotes of ours",
        blind_to="posts dated back by more than 15 minutes; who hides from the logged-out, unless they speak to us",
        own_replies=True,
        needs="an account and an app password",
        limits="3,000 requests in 5 minutes; 300 log-ins a day, of which a start takes one",
        terms="the community guidelines apply; deletions and labels are to be honoured",
        recheck=timedelta(days=2),
    )
    connect: ClassVar[Connect]
    items = ("posts", "feed", "notifications")
    paging = Token("cursor")

    class Options(BaseModel):
        """Whose account asks, and for what. `actors` are handles or DIDs."""

        model_config = STRICT
        handle: str
        app_password: Secret
        service: str = "https://bsky.social"
        queries: tuple[str, ...] = ()
        actors: tuple[str, ...] = ()
        notifications: bool = False

        _origin = field_validator("service")(origin)

        @model_validator(mode="after")
        def _follows_something(self) -> Self:
            if not (self.queries or self.actors or self.notifications):
                raise ValueError("nothing is followed: set queries, actors or notifications")
            return self

    def __init__(self, options: Any, client: httpx.AsyncClient) -> None:
        super().__init__(options, client)
        self.session = atproto.Session(options.service, options.handle, options.app_password)

    def sign(self) -> httpx.Auth | None:
        return self.session

    def explain(self, response: httpx.Response) -> PollError | None:
        return atproto.explain(response)

    def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk every listing back to where the last walk began."""
        self.session.begin()
        return super().poll(cursor, floor)

    async def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look posts up again, 25 at a time: those that are not among the answers are gone."""
        self.session.begin()
        asked = [id_ for id_ in ids if id_.startswith("at://")]
        for some in (asked[start : start + 25] for start in range(0, len(asked), 25)):
            posts = self.listed(await self.ask(self.address("feed.getPosts", uris=some)))
            there = {post.get("uri") for post in posts if isinstance(post, dict)}
            yield replace(self.page(posts, _EVER), gone=[id_ for id_ in some if id_ not in there])

    def listings(self) -> Listings:
        found = {f"search:{query}": partial(self.search, query) for query in self.options.queries}
        for actor in self.options.actors:
            posts = self.address(
                "feed.getAuthorFeed", actor=actor.removeprefix("@"), filter="posts_with_replies", limit=100
            )
            found[f"actor:{actor}"] = partial(_always, posts)
        if self.options.notifications:
            told = self.address("notification.listNotifications", reasons=_REASONS, limit=100)
            found["notifications"] = partial(_always, told)
        return found

    def search(self, query: str, since: datetime) -> httpx.URL:
        start = since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self.address("feed.searchPosts", q=query, sort="latest", since=start, limit=100)

    def address(self, method: str, **params: Any) -> httpx.URL:
        return httpx.URL(f"{self.options.service}/xrpc/app.bsky.{method}", params=params)

    def arrived(self, item: Json) -> datetime:
        reason = item.get("reason")
        if isinstance(reason, str):
            return when(item["indexedAt"])
        return when(reason["indexedAt"]) if _is_repost(reason) else _published(item.get("post", item))

    def mention(self, item: Json) -> Mention | None:
        post, reason = item.get("post", item), item.get("reason")  # an account's posts come wrapped
        told = isinstance(reason, str)
        record, author, uri = post["record"], post["author"], text(post, "uri")
        did, reply, langs = text(author, "did"), record.get("reply"), record.get("langs")
        ours = did == self.session.did
        if _is_repost(reason) or (told and reason not in _REASONS) or (_HIDDEN & _labels(post) and not (told or ours)):
            return None
        return Mention(
            external_id=uri,
            kind=Kind.COMMENT if reply else Kind.POST,
            text=text(record, "text"),
            url=f"https://bsky.app/profile/{did}/post/{uri.rpartition('/')[2]}",
            published_at=_published(post),
            author=text(author, "handle"),
            lang=text(langs, 0) if langs else None,
            parent_id=text(reply["parent"], "uri") if reply else None,
            ours=ours,
            engagement=total(post, "replyCount", "repostCount", "likeCount", "quoteCount"),
        )


async def _found(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The account, with what it says and what is said to it."""
    handle, password, service = str(answers["handle"]), answers["app_password"], origin(str(answers["service"]))
    assert isinstance(password, Secret)
    session = atproto.Session(service, handle, password)
    address = httpx.URL(f"{service}/xrpc/app.bsky.actor.getProfile", params={"actor": handle.removeprefix("@")})
    profile = answer.read(await answer.ask(client, "GET", address, auth=session, explain=atproto.explain))
    name = text(profile, "handle")
    yield Found(name=f"bluesky-{name}", shown=f"@{name}", options={"actors": [name], "notifications": True})


Bluesky.connect = Connect(
    before="1. Log in at Bluesky with the organisation's account. 2. Settings, Privacy and security, App passwords: add one,"
    " without access to direct messages. Never give the account's own password to a program.",
    asks=(
        Ask(key="handle", prompt="Handle, such as practice.bsky.social"),
        Ask(key="app_password", prompt="App password", secret=True),
        Ask(key="service", prompt="Server", default="https://bsky.social"),
    ),
    keeps=("handle", "app_password", "service"),
    find=_found,
)


def _always(url: httpx.URL, _: datetime) -> httpx.URL:
    return url


def _is_repost(reason: Json) -> bool:
    return isinstance(reason, dict) and str(reason.get("$type")).endswith("#reasonRepost")


def _labels(post: Json) -> set[str]:
    labels = (*(post.get("labels") or ()), *(post["author"].get("labels") or ()))
    return {label["val"] for label in labels} if labels else _NONE


def _published(post: Json) -> datetime:
    """The author's word, but not later than when the platform had it: by this its listings are sorted, too."""
    indexed = when(post["indexedAt"])
    try:
        return min(indexed, when(post["record"]["createdAt"]))
    except UNREADABLE:
        return indexed
