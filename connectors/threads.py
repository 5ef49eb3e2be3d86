"""Threads: a profile's posts and the replies to them, its replies to others, mentions of it, and searches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import BaseModel, model_validator

from connectors.kit import answer, meta
from connectors.kit.auth import Bearer
from connectors.kit.late import Late
from connectors.kit.rest import STRICT, UNREADABLE, text, text_or_none, when
from connectors.kit.rolling import Rolling
from connectors.kit.text import https
from monitor.connector import Access, Answers, Ask, Connect, Cursor, Found, Malformed, OAuth, Page, Secret, Throttled
from monitor.model import Json, Kind, Mention

_API = "https://graph.threads.net"
_POST = "id,text,timestamp,username,permalink,media_type,has_replies,is_quote_post,is_reply"
_REPLY = f"{_POST},is_reply_owned_by_me,root_post,replied_to"
_SEARCHES = Rolling(name="searches of Threads", limit=2200, within=timedelta(days=1))
"""Of one user over all apps; those that find nothing are free ("Keyword Search")."""
_EARLIEST = 1_688_540_400
_SILENCE = timedelta(days=14)


async def _exchange(answers: Answers, client: httpx.AsyncClient) -> Answers:
    """A token of an hour for one of 60 days."""
    token, secret = answers["access_token"], answers["client_secret"]
    assert isinstance(token, Secret)
    assert isinstance(secret, Secret)
    asked = {"grant_type": "th_exchange_token", "client_secret": secret.reveal(), "access_token": token.reveal()}
    explain = partial(meta.explain, platform="threads")
    said = answer.read(
        await answer.ask(client, "GET", httpx.URL(f"{_API}/access_token", params=asked), explain=explain)
    )
    try:
        return {"access_token": Secret(text(said, "access_token")), "expires_in": str(said.get("expires_in") or "")}
    except UNREADABLE:
        raise Malformed("graph.threads.net granted no token of 60 days: its API has changed") from None


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The profile whose token it is."""
    token = answers["access_token"]
    assert isinstance(token, Secret)
    profile = Threads(Threads.Options(token=token), client)
    await profile.enter()
    yield Found(name=f"threads-{profile.name}", shown=f"@{profile.name}", options={})


class Threads(meta.Graph):
    """Everything is listed by `timestamp`, a search not strictly so; see `Graph` for the cursor, which also holds
    `searches`, how many were made in the last 24 hours, and `others_at`, when one last brought what somebody else said."""

    platform = "threads"
    access = Access(
        kind="official",
        sees="posts of the profile, replies to them at any depth, its replies to others, mentions of it by public profiles,"
        " and public posts that a search or a topic tag finds",
        blind_to="private profiles; searches for words that Meta holds for sensitive, which find nothing and do not say so;"
        " without approval all but our own posts in a search and all but testers' mentions; edits below the newest 100",
        own_replies=True,
        needs="a Meta app with the use case Threads and App Review of threads_keyword_search and threads_manage_mentions",
        limits="2,200 searches in 24 hours for each profile; 4,800 other calls a day for each impression",
        terms="Meta Platform Terms: what Meta or a person asks to be deleted is deleted",
        unconfirmed=("that graph.threads.net takes the token in a header", "that a search has more than one page"),
    )
    connect = Connect(
        before="1. At developers.facebook.com make an app with the use case Access the Threads API. 2. Add the permissions"
        " threads_basic, threads_read_replies, threads_manage_mentions and threads_keyword_search; have the last two"
        " reviewed. 3. In its settings register a redirect address that begins with https://, and copy the Threads app id"
        " and its secret.",
        asks=(
            Ask(key="client_id", prompt="Threads app id"),
            Ask(key="client_secret", prompt="Threads app secret", secret=True),
        ),
        oauth=OAuth(
            authorize="https://threads.net/oauth/authorize",
            token=f"{_API}/oauth/access_token",
            scopes=("threads_basic", "threads_read_replies", "threads_manage_mentions", "threads_keyword_search"),
            pkce=False,
            loopback=False,
            exchange=_exchange,
        ),
        keeps=("token_file",),
        find=_find,
    )
    paging = meta.Next(cursors=True)
    late = Late(rounds=5, again=timedelta(hours=1))  # a post says whether it has replies, not how many

    class Options(BaseModel):
        """Whose token, and what is searched for. `token_file` keeps a token of 60 days and is renewed."""

        model_config = STRICT
        token_file: Path | None = None
        token: Secret | None = None
        queries: tuple[str, ...] = ()
        topics: tuple[str, ...] = ()
        mentions: bool = True

        @model_validator(mode="after")
        def _has_one_token(self) -> Self:
            if (self.token is None) is (self.token_file is None):
                raise ValueError("set token_file, which is renewed, or token, which is not")
            return self

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.id = self.name = ""
        self.spent: Json = None
        self.auth: httpx.Auth = Bearer(options.token) if options.token else self.renewed(options.token_file)

    def renewed(self, path: Path) -> httpx.Auth:
        url = f"{_API}/refresh_access_token"
        return meta.renewed(path, url, "th_refresh_token", platform=self.platform, now=self.now)

    @property
    def account(self) -> str:
        return self.id

    def sign(self) -> httpx.Auth:
        return self.auth

    def address(self, path: str, **params: Any) -> httpx.URL:
        return httpx.URL(f"{_API}/v1.0/{path}", params=params)

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk the profile's posts, the replies that are due, then its own replies, mentions and searches."""
        await self.enter()
        async for page in super().poll(cursor, floor):
            yield page

    async def enter(self) -> None:
        """Ask whose token it is, once."""
        if not self.id:
            profile = answer.read(await self.ask(self.address("me", fields="id,username")))
            try:
                self.name, self.id = text(profile, "username").lower(), text(profile, "id")
            except UNREADABLE:
                raise Malformed("graph.threads.net sent no profile: its API has changed") from None

    def posts(self, since: datetime) -> httpx.URL:
        return self.edge("me/threads", _POST, since)

    def comments(self, post: str) -> httpx.URL:
        return self.address(f"{post}/conversation", fields=_REPLY, reverse="true", limit=100)

    def count(self, item: Json) -> int | None:
        some = item.get("has_replies")
        return int(some) if isinstance(some, bool) else None

    def edge(self, path: str, fields: str, since: datetime, **params: Any) -> httpx.URL:
        return self.address(path, **params, fields=fields, since=max(int(since.timestamp()), _EARLIEST), limit=100)

    async def others(self, state: Cursor, floor: datetime) -> AsyncIterator[Page]:
        async for page in self.walk(state, "replies", partial(self.edge, "me/replies", _REPLY), floor):
            yield page
        if self.options.mentions:
            mentions = self.address("me/mentions", fields=_REPLY, limit=100)
            async for page in self.walk(state, "mentions", lambda _: mentions, floor):
                yield page
        for mode, words in (("KEYWORD", self.options.queries), ("TAG", self.options.topics)):
            for word in words:
                async for page in self.search(state, mode, word, floor):
                    yield page
        self.told(state)

    async def search(self, state: Cursor, mode: str, word: str, floor: datetime) -> AsyncIterator[Page]:
        """Walk a search. What it costs is handed over before it is asked for, and page by page."""
        now, self.spent = self.now(), state.get("searches")
        if not _SEARCHES.left(self.spent, now):
            return
        state["searches"] = self.spent = _SEARCHES.spend(self.spent, now)
        yield Page(cursor=dict(state))
        find = partial(self.edge, "keyword_search", _POST, q=word, search_type="RECENT", search_mode=mode)
        async for page in self.walk(state, f"{mode}:{word}", find, floor):
            state["searches"] = self.spent
            if any(not mention.ours for mention in page.mentions):
                state["others_at"] = now.isoformat()
            yield replace(page, cursor=dict(state))
        state["searches"] = self.spent

    async def ask(self, url: httpx.URL) -> httpx.Response:
        """Get `url`, signed. The first page of a search was paid for; further ones are here, and one without a result is
        free. Raises PollError."""
        if not url.path.endswith("/keyword_search"):
            return await super().ask(url)
        now = self.now()
        if "after" in url.params:
            if not _SEARCHES.left(self.spent, now):
                sentence = f"{url.host}: the {_SEARCHES.limit} searches of 24 hours are made: search for less"
                raise Throttled(sentence, _SEARCHES.wait(self.spent, now))
            self.spent = _SEARCHES.spend(self.spent, now)
        response = await super().ask(url)
        if not self.listed(response):
            self.spent = _SEARCHES.spend(self.spent, now, -1)
        return response

    def told(self, state: Cursor) -> None:
        """Say what searches did not show: Threads itself is silent on it."""
        now = self.now()
        if nearly := _SEARCHES.warning(state.get("searches"), now):
            self.notes.append(nearly)
        last = when(state["others_at"]) if "others_at" in state else None
        if (self.options.queries or self.options.topics) and (last is None or now - last > _SILENCE):
            since = f"since {last:%Y-%m-%d}" if last else "so far"
            self.notes.append(
                f"searches brought nothing that others said {since}: unless the app is approved for threads_keyword_search,"
                " Threads searches our own posts only"
            )

    def mention(self, item: Json) -> Mention | None:
        published_at, id_ = when(item["timestamp"]), text(item, "id")
        attached = text_or_none(item.get("text_attachment") or {}, "plaintext")
        said = "\n".join(part for part in (text_or_none(item, "text"), attached) if part)
        if not said or item.get("media_type") == "REPOST_FACADE":
            return None
        name, answered = text_or_none(item, "username"), item.get("replied_to") or item.get("root_post") or {}
        parent = answered.get("id") or item.get("under")
        mine = (name or "").lower() == self.name != "" or (item.get("owner") or {}).get("id") == self.id != ""
        url = (https(text_or_none(item, "permalink")) or "").replace(
            "https://www.threads.net/", "https://www.threads.com/"
        )
        return Mention(
            external_id=id_,
            kind=Kind.COMMENT if parent or item.get("is_reply") is True else Kind.POST,
            text=said,
            url=url if url.startswith("https://") else None,
            published_at=published_at,
            author=name,
            parent_id=text({"id": parent}, "id") if parent else None,
            ours=mine or item.get("is_reply_owned_by_me") is True,
        )
