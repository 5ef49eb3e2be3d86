"""Facebook: a page's posts and comments, what visitors write there, posts that tag it, and its recommendations."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

import httpx
from pydantic import BaseModel, Field

from connectors.kit import answer, meta
from connectors.kit.auth import Bearer
from connectors.kit.rest import STRICT, UNREADABLE, text, text_or_none, total, when
from connectors.kit.text import https
from monitor.connector import (
    Access,
    Answers,
    Ask,
    AuthRejected,
    Connect,
    Cursor,
    Found,
    Malformed,
    NotPermitted,
    Page,
    Secret,
)  # fmt: skip
from monitor.model import Json, Kind, Mention

_SAID = "id,message,created_time,from{id,name},permalink_url"
_POST = f"{_SAID},shares,comments.filter(stream).limit(0).summary(true),reactions.limit(0).summary(total_count)"
_COMMENT = f"{_SAID},comment_count,like_count,is_private,parent{{id}}"
_RATING = "created_time,recommendation_type,review_text,rating,has_rating,has_review,reviewer{id,name},open_graph_story"
_LINKED = re.compile(r"facebook\.com/(\d+)/posts/(\d+)/?\?comment_id=(\d+)(?:&reply_comment_id=(\d+))?")
_PRIVATE = ("m_", "t_")
_RECOMMENDED = {"positive": "Recommended", "negative": "Not recommended"}


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The pages that the token reaches, or the one whose token it is."""
    token = answers["token"]
    assert isinstance(token, Secret)
    graph = Facebook(Facebook.Options(page="me", token=token), client)
    try:
        listed = graph.pages(graph.address("me/accounts", fields="id,name", limit=100), graph.paging)
        pages = [page async for some in listed for page in some]
    except NotPermitted:  # a page has no pages
        pages = [answer.read(await graph.ask(graph.address("me", fields="id,name")))]
    for page in pages:
        try:
            id_, name = text(page, "id"), text(page, "name")
        except UNREADABLE:
            raise Malformed("graph.facebook.com sent no pages: its API has changed") from None
        yield Found(name=f"facebook-{id_}", shown=name, options={"page": id_})


class Facebook(meta.Graph):
    """What is said is sorted by `created_time`, what tags us by `tagged_time`; see `Graph` for the cursor. A page has a
    token of its own, which is asked for with the one that is configured."""

    platform = "facebook"
    access = Access(
        kind="official",
        sees="posts of the page, of its visitors, and public ones that tag it; comments and answers under those on the page,"
        " ours too; recommendations, as long as the API has them",
        blind_to="what is said of us elsewhere: there is no search; comments under posts of others that tag us; messages;"
        " pictures without words; edits of posts below the newest 100, of comments until their post is read to its end",
        own_replies=True,
        needs="a Meta app with business verification and App Review of pages_read_engagement and pages_read_user_content;"
        " at once where those who run the page have a role in the app",
        limits="4,800 calls a day for each engaged user; a warning from 80 % on",
        terms="Meta Platform Terms: what Meta or a person asks to be deleted is deleted; no profiling; a yearly check-up",
        unconfirmed=(
            "whether recommendations can still be read: declared deprecated from v22.0, and yet documented; error 12 ends it",
            "that a recommendation carries our replies to it, as older recordings do",
        ),
        recheck=timedelta(days=7),
    )
    connect = Connect(
        before="1. At developers.facebook.com make an app of type Business; have it reviewed for pages_show_list,"
        " pages_read_engagement and pages_read_user_content. 2. At business.facebook.com, Settings, System users: add one,"
        " assign it the app and the pages. 3. Generate its token with these permissions, without expiry. (A page's or a"
        " person's long-lived token will do, but dies with a password or a role.)",
        asks=(Ask(key="token", prompt="Token of the system user", secret=True),),
        keeps=("token",),
        find=_find,
    )
    time = "created_time"

    class Options(BaseModel):
        """Which page, by its id, with a token that may read it. `app_secret` where the app requires proof of it."""

        model_config = STRICT
        page: str = Field(pattern=r"^[A-Za-z0-9.]+$")
        token: Secret
        app_secret: Secret | None = None
        tagged: bool = True
        ratings: bool = True
        version: str = Field(default="v25.0", pattern=r"^v\d+\.\d$")

    id = ""
    token: Secret | None = None
    """The page's, as far as they were asked for."""

    @property
    def account(self) -> str:
        return self.id

    def sign(self) -> httpx.Auth:
        proof = self.options.app_secret
        token = self.token or self.options.token
        return meta.Proven(token, proof) if proof and proof.reveal() else Bearer(token)

    def address(self, path: str, **params: Any) -> httpx.URL:
        return httpx.URL(f"https://graph.facebook.com/{self.options.version}/{path}", params=params)

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk the page's feed, the comments that are due, then tags and recommendations."""
        await self.enter()
        try:
            async for page in super().poll(cursor, floor):
                yield page
        except AuthRejected:
            self.id, self.token = "", None
            raise

    async def enter(self) -> None:
        """Ask for the page's id and its token, once."""
        if self.id:
            return
        response = await self.ask(self.address(self.options.page, fields="id,access_token"))
        try:
            page = answer.read(response)
            self.id, token = text(page, "id"), text_or_none(page, "access_token")
        except UNREADABLE:
            raise Malformed(f"{response.request.url.host} sent no page: check the option page") from None
        self.token = Secret(token) if token else None

    def posts(self, since: datetime) -> httpx.URL:
        return self.address(f"{self.id}/feed", fields=_POST, since=int(since.timestamp()), limit=100)

    def comments(self, post: str) -> httpx.URL:
        order = "reverse_chronological"
        return self.address(f"{post}/comments", fields=_COMMENT, filter="stream", order=order, limit=100)

    def count(self, item: Json) -> int | None:
        return total(((item.get("comments") or {}).get("summary") or {}), "total_count")

    def is_ours(self, item: Json) -> bool:
        return text(item, "id").startswith(f"{self.id}_")

    async def others(self, state: Cursor, floor: datetime) -> AsyncIterator[Page]:
        version = self.options.version
        if self.options.tagged:
            async for page in self.walk(state, "tagged", partial(self.edge, "tagged", f"{_SAID},tagged_time"), floor):
                yield page
        if self.options.ratings and state.get("no_ratings") != version:
            try:
                async for page in self.walk(state, "ratings", partial(self.edge, "ratings", _RATING), floor):
                    yield page
            except meta.Deprecated:
                state["no_ratings"] = version
        if self.options.ratings and state.get("no_ratings") == version:
            self.notes.append(
                f"recommendations are not seen: {version} of the API has them no more; set ratings = false"
            )

    def edge(self, name: str, fields: str, _: datetime) -> httpx.URL:
        return self.address(f"{self.id}/{name}", fields=fields, limit=100)

    async def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look posts and comments up again, 50 at a time. That the feed can be read shows that we may still see them:
        Meta has one error for what is deleted and for what we may not see."""
        await self.enter()
        await self.ask(self.posts(self.now()))
        said = [id_ for id_ in ids if "_" in id_]
        for fields, on_page in ((_POST, True), (_COMMENT, False)):
            some = [id_ for id_ in said if id_.startswith(f"{self.id}_") is on_page]
            for batch in (some[start : start + 50] for start in range(0, len(some), 50)):
                yield await self.again(batch, fields)

    def listed(self, response: httpx.Response) -> list[Json]:
        """Our replies to a recommendation stand in it: each is an item of its own."""
        items = super().listed(response)
        return [*items, *(reply for item in items for reply in _replies(item))]

    def arrived(self, item: Json) -> datetime:
        return super().arrived({"created_time": item.get("tagged_time") or item["created_time"]})

    def mention(self, item: Json) -> Mention | None:
        published_at = when(item.get("created_time") or item["tagged_time"])
        if "recommendation_type" in item or "has_rating" in item:
            return self.review(item, published_at)
        id_, parent = self.ids(item)
        said, author = text_or_none(item, "message"), item.get("from") or {}
        if not said or item.get("is_private") or id_.startswith(_PRIVATE):
            return None
        link = https(text_or_none(item, "permalink_url"), "https://www.facebook.com/") or ""
        return Mention(
            external_id=id_,
            kind=Kind.COMMENT if parent or _is_comment(item) else Kind.POST,
            text=said,
            url=link if link.startswith("https://") else f"https://www.facebook.com/{id_}",
            published_at=published_at,
            author=text_or_none(author, "name"),
            parent_id=parent,
            ours=bool(self.id) and author.get("id") == self.id,
            engagement=total(_counts(item), "shares", "comments", "reactions", "comment_count", "like_count"),
        )

    def ids(self, item: Json) -> tuple[str, str | None]:
        """Return the id of what was said, and of what it answers: named, or the post it is listed under, or as its link
        has both, which is all that some answers carry."""
        named = (item.get("parent") or {}).get("id") or item.get("under")
        found = _LINKED.search(text_or_none(item, "permalink_url") or "")
        page, post, comment, reply = found.groups() if found else (None,) * 4
        if not item.get("id") and comment:
            item = {"id": f"{post}_{reply or comment}"}
        linked = (f"{post}_{comment}" if reply else f"{page}_{post}") if comment else None
        id_ = text(item, "id")
        if not named and not linked and _is_comment(item) and self.id:
            linked = f"{self.id}_{id_.partition('_')[0]}"
        return id_, text({"id": named}, "id") if named else linked

    def review(self, item: Json, published_at: datetime) -> Mention:
        """A recommendation is yes or no, and no number of stars, which only those from before August 2018 have."""
        reviewer, said = item.get("reviewer") or {}, text_or_none(item, "review_text") or ""
        known = blake2b(f"{item['created_time']}{reviewer.get('id') or said}".encode(), digest_size=8).hexdigest()
        stars = item.get("rating")
        return Mention(
            external_id=text_or_none(item.get("open_graph_story") or {}, "id") or f"rating:{known}",
            kind=Kind.REVIEW,
            text=said,
            title=_RECOMMENDED.get((text_or_none(item, "recommendation_type") or "").lower(), ""),
            url=f"https://www.facebook.com/{self.id}/reviews" if self.id else None,
            published_at=published_at,
            author=text_or_none(reviewer, "name"),
            stars=float(stars) if stars else None,
        )


def _is_comment(item: Json) -> bool:
    return "under" in item or "comment_count" in item


def _counts(item: Json) -> Json:
    """The numbers in an item, those of what has a summary too."""
    summed = {
        name: total((item.get(name) or {}).get("summary") or {}, "total_count") for name in ("comments", "reactions")
    }
    return {**item, **summed, "shares": (item.get("shares") or {}).get("count")}


def _replies(item: Json) -> list[Json]:
    """Our replies that stand in a recommendation."""
    with suppress(*UNREADABLE):
        story = item["open_graph_story"]
        return [{**reply, "under": story["id"]} for reply in story["comments"]["data"]]
    return []
