"""Instagram: a professional account's posts and comments, posts that tag it, and posts with a hashtag."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import BaseModel, Field, field_validator, model_validator

from connectors.kit import answer, meta
from connectors.kit.auth import Bearer
from connectors.kit.paging import Paging
from connectors.kit.rest import STRICT, UNREADABLE, text, text_or_none, total, when
from connectors.kit.rolling import Distinct
from connectors.kit.text import https
from monitor.connector import Access, Answers, Ask, Connect, Cursor, Found, Malformed, NotPermitted, Page, Secret
from monitor.model import Json, Kind, Mention

_MEDIA = "id,caption,permalink,timestamp,username,comments_count,like_count"
_SAID = "id,text,timestamp,username,from,like_count,media{permalink}"
_COMMENT = f"{_SAID},replies.limit(50){{{_SAID},parent_id}}"

_TAGS = Distinct(name="hashtags", limit=30, within=timedelta(days=7))
"""How many an account may look for ("Hashtag Search"); what others ask for in its name counts too, and is not known here."""
_SHOWN = timedelta(days=1)
_DEEP = timedelta(hours=6)
_MOST_PAGES = 40


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The accounts that are linked to the pages the token reaches."""
    token = answers["token"]
    assert isinstance(token, Secret)
    graph = Instagram(Instagram.Options(account="0", token=token), client)
    fields = "instagram_business_account{id,username}"
    async for pages in graph.pages(graph.address("me/accounts", fields=fields, limit=100), graph.paging):
        for linked in (page.get("instagram_business_account") for page in pages if isinstance(page, dict)):
            if linked:
                name, id_ = str(linked.get("username")), str(linked.get("id"))
                yield Found(name=f"instagram-{name}", shown=f"@{name}", options={"account": id_})


class Instagram(meta.Graph):
    """Posts and tags are sorted by `timestamp`; comments too, but answers stand under what they answer, so comments are
    read to their end. See `Graph` for the cursor, which also holds `hashtags`: by name the id and when it was first asked
    for, since only 30 different ones may be asked for in seven days, and asking again does not begin the seven anew."""

    platform = "instagram"
    access = Access(
        kind="official",
        sees="posts of the account, comments and answers under them, ours too; public posts in which it is tagged; with"
        " Facebook Login and Public Content Access, public posts with a hashtag, as long as it is polled once a day",
        blind_to="@mentions in captions and comments of others: Instagram tells them to webhooks only; stories; who wrote a"
        " post with a hashtag; comments under posts of others; private accounts; pictures without words",
        own_replies=True,
        needs="a professional account linked to a page, a Meta app with App Review of instagram_basic,"
        " instagram_manage_comments and pages_read_engagement; for hashtags the feature Instagram Public Content Access",
        limits="4,800 calls a day for each impression; 30 different hashtags in 7 days, with a warning from 24 on",
        terms="Meta Platform Terms: what Meta or a person asks to be deleted is deleted; nobody is identified who wrote a"
        " post with a hashtag",
        unconfirmed=(
            "error 24 for a hashtag that does not exist; which error a hashtag gets that Meta holds for sensitive",
            "that answers to comments are listed 50 at a time",
        ),
    )
    connect = Connect(
        before="1. Make the account a professional one and link it to the page. 2. At developers.facebook.com make an app of"
        " type Business; have it reviewed for instagram_basic, instagram_manage_comments, pages_show_list and"
        " pages_read_engagement, for hashtags also for Instagram Public Content Access. 3. At business.facebook.com,"
        " Settings, System users: add one, assign it the app, the page and the account. 4. Generate its token with these"
        " permissions, without expiry.",
        asks=(Ask(key="token", prompt="Token of the system user", secret=True),),
        keeps=("token",),
        find=_find,
    )
    flat = False

    class Options(BaseModel):
        """Which account, by its id. `token` is one of Facebook Login, `token_file` keeps one of Instagram Login, which has
        no hashtags."""

        model_config = STRICT
        account: str = Field(pattern=r"^\d+$")
        token: Secret | None = None
        app_secret: Secret | None = None
        token_file: Path | None = None
        hashtags: tuple[str, ...] = Field(default=(), max_length=_TAGS.limit)
        tagged: bool = True
        version: str = Field(default="v25.0", pattern=r"^v\d+\.\d$")

        @field_validator("hashtags")
        @classmethod
        def _are_words(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
            names = tuple(dict.fromkeys(tag.removeprefix("#").lower() for tag in tags))
            if wrong := [name for name in names if not name.replace("_", "a").isalnum()]:
                raise ValueError(f"{wrong[0]!r} is no hashtag: letters, digits and _ only, and no emoji")
            return names

        @model_validator(mode="after")
        def _has_one_token(self) -> Self:
            if (self.token is None) is (self.token_file is None):
                raise ValueError("set either token, of Facebook Login, or token_file, of Instagram Login")
            if self.hashtags and self.token is None:
                raise ValueError("hashtags need Facebook Login: set token")
            return self

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.name = ""
        self.auth = self.credential()

    def credential(self) -> httpx.Auth:
        token, proof, path = self.options.token, self.options.app_secret, self.options.token_file
        if path:
            url = "https://graph.instagram.com/refresh_access_token"
            return meta.renewed(path, url, "ig_refresh_token", platform=self.platform, now=self.now)
        return meta.Proven(token, proof) if proof and proof.reveal() else Bearer(token)

    @property
    def account(self) -> str:
        account: str = self.options.account
        return account

    def sign(self) -> httpx.Auth:
        return self.auth

    def address(self, path: str, **params: Any) -> httpx.URL:
        host = "graph.facebook.com" if self.options.token else "graph.instagram.com"
        return httpx.URL(f"https://{host}/{self.options.version}/{path}", params=params)

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk the account's posts, the comments that are due, then tags and hashtags."""
        await self.enter()
        async for page in super().poll(cursor, floor):
            yield page

    async def enter(self) -> None:
        """Ask for the account's name, once."""
        if not self.name:
            response = await self.ask(self.address(self.account, fields="id,username"))
            try:
                self.name = text(answer.read(response), "username").lower()
            except UNREADABLE:
                raise Malformed(f"{response.request.url.host} sent no account: check the option account") from None

    def posts(self, since: datetime) -> httpx.URL:
        return self.address(f"{self.account}/media", fields=_MEDIA, since=int(since.timestamp()), limit=100)

    def comments(self, post: str) -> httpx.URL:
        return self.address(f"{post}/comments", fields=_COMMENT, limit=50)

    def count(self, item: Json) -> int | None:
        return total(item, "comments_count")

    async def said(self, post: str, since: datetime | None, floor: datetime) -> AsyncIterator[list[Json]]:
        """Yield the comments, with the answers under each beside it; more answers than come with it are asked for."""
        async for items in super().said(post, since, floor):
            yield [*items, *(reply for item in items for reply in _replies(item))]
            for id_ in (item["id"] for item in items if _has_more(item)):
                url = self.address(f"{id_}/replies", fields=f"{_SAID},parent_id", limit=50)
                async for more in self.pages(url, self.paging):
                    yield [{**reply, "under": id_} if isinstance(reply, dict) else reply for reply in more]

    async def others(self, state: Cursor, floor: datetime) -> AsyncIterator[Page]:
        now = self.now()
        if self.options.tagged:
            if "deep" not in state or now - when(state["deep"]) >= _DEEP:
                state.pop("tagged", None)  # who tags us today may do so in an older post
                state["deep"] = now.isoformat()
            async for page in self.walk(
                state, "tagged", partial(self.media, f"{self.account}/tags", _MEDIA, 100), floor
            ):
                yield page
        refused: dict[str, NotPermitted] = {}
        for tag in self.options.hashtags:
            try:
                async for page in self.hashtag(state, tag, floor):
                    yield page
            except NotPermitted as error:
                refused[tag] = error
        if refused and len(refused) == len(self.options.hashtags):
            raise next(iter(refused.values()))
        self.notes += [f"#{tag} is not seen: {error}" for tag, error in refused.items()]
        if self.options.hashtags:
            self.missed(state, now)

    async def hashtag(self, state: Cursor, tag: str, floor: datetime) -> AsyncIterator[Page]:
        """Walk what was posted with a hashtag in the last 24 hours: Instagram shows no more, and in no strict order."""
        now, asked = self.now(), state.get("hashtags")
        spent = _TAGS.spend(asked, tag, now)
        if spent is None:
            free = f"{_TAGS.free_at(asked, now):%Y-%m-%d %H:%M} UTC"
            self.notes.append(f"#{tag} is not seen until {free}: {_TAGS.limit} others were asked for in 7 days")
            return
        if spent != asked:
            state["hashtags"] = spent
            yield Page(cursor=dict(state))  # spent before it is asked for, whatever happens then
        ids = state.get("ids") or {}
        id_ = ids.get(tag) or await self.id_of(tag)
        state["ids"] = ids | {tag: id_}
        fields, user = "id,caption,permalink,timestamp,comments_count,like_count", self.account
        url = self.address(f"{id_}/recent_media", user_id=user, fields=fields, limit=50)
        async for page in self.walk(state, f"#{tag}", lambda _: url, floor):
            yield page

    async def id_of(self, tag: str) -> str:
        response = await self.ask(self.address("ig_hashtag_search", user_id=self.account, q=tag))
        try:
            return text(self.listed(response)[0], "id")
        except UNREADABLE:
            raise Malformed(f"{response.request.url.host} sent no id of a hashtag: its API has changed") from None

    def missed(self, state: Cursor, now: datetime) -> None:
        """Say what the hashtags cannot show any more, and how many more there may be."""
        last = when(state["hashtags_at"]) if "hashtags_at" in state else now
        if now - last > _SHOWN:
            gap = f"{last:%Y-%m-%d %H:%M} to {now - _SHOWN:%Y-%m-%d %H:%M} UTC"
            self.notes.append(f"posts with the hashtags from {gap} are not seen: poll more often than once a day")
        state["hashtags_at"] = now.isoformat()
        if nearly := _TAGS.warning(state.get("hashtags"), now):
            self.notes.append(nearly)

    async def pages(self, url: httpx.URL, paging: Paging) -> AsyncIterator[list[Json]]:
        """Yield the pages of a listing. Those of a hashtag all have the same address ("IG Hashtag Recent Media"): they end
        where there is no next one, or one that brings nothing new."""
        if not url.path.endswith("/recent_media"):
            async for items in super().pages(url, paging):
                yield items
            return
        known: set[Any] = set()
        for _ in range(_MOST_PAGES):
            response = await self.ask(url)
            items = self.listed(response)
            yield items
            ids = {item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)}
            try:
                following = paging.after(url, response, items)
            except (httpx.InvalidURL, *UNREADABLE):
                raise Malformed(f"{url.host} names a next page that cannot be read: its API has changed") from None
            if following is None or (ids and ids <= known):
                return
            known |= ids
            url = following
        self.notes.append(f"a hashtag has more than {_MOST_PAGES * 50} posts a day: not all of them are seen")

    def media(self, path: str, fields: str, limit: int, _: datetime) -> httpx.URL:
        return self.address(path, fields=fields, limit=limit)

    def mention(self, item: Json) -> Mention | None:
        item = item.get("mentioned_media") or item.get("mentioned_comment") or item  # as they are looked up by their id
        published_at, id_, on = when(item["timestamp"]), text(item, "id"), item.get("media") or {}
        said = text_or_none(item, "text") or text_or_none(item, "caption")
        if not said:
            return None
        author, parent = item.get("from") or {}, item.get("parent_id") or item.get("under") or on.get("id")
        name = text_or_none(item, "username") or text_or_none(author, "username")
        url = https(text_or_none(item, "permalink") or text_or_none(on, "permalink")) or ""
        mine = (name or "").lower() == self.name != "" or author.get("id") == self.account
        return Mention(
            external_id=id_,
            kind=Kind.COMMENT if "text" in item else Kind.POST,
            text=said,
            url=url if url.startswith("https://") else None,
            published_at=published_at,
            author=name,
            parent_id=text({"id": parent}, "id") if parent else None,
            ours=mine or isinstance(item.get("user"), dict),  # which only who wrote it is shown
            engagement=total(item, "like_count", "comments_count"),
        )


def _replies(item: Json) -> list[Json]:
    """The answers that come with a comment."""
    with suppress(*UNREADABLE):
        return [{**reply, "under": item["id"]} for reply in item["replies"]["data"]]
    return []


def _has_more(item: Json) -> bool:
    with suppress(*UNREADABLE):
        return bool(item["replies"]["paging"]["next"]) and isinstance(item["id"], str)
    return False
