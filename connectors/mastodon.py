"""Mastodon, and what speaks its API (GoToSocial, Pleroma, Akkoma): hashtags, accounts, and mentions of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar, Self
from urllib.parse import quote

import httpx
from pydantic import BaseModel, field_validator, model_validator

from connectors.kit import answer
from connectors.kit.auth import Bearer
from connectors.kit.paging import LinkHeader
from connectors.kit.rest import STRICT, UNREADABLE, Rest, origin, text, text_or_none, total, when
from connectors.kit.text import plain
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
)
from monitor.model import Json, Kind, Mention


class Mastodon(Rest):
    """The cursor is the newest id of each listing; ids are opaque, and in the order of arrival at the instance.

    What is above that id is read with `min_id`, which skips nothing. The newest page is read again every time: it shows
    edits, and what was federated late and so got an id below the cursor."""

    platform = "mastodon"
    access = Access(
        kind="official",
        sees="public and unlisted posts with the hashtags, by the accounts, and to the account of the token",
        blind_to="private posts; posts the instance never received; edits and late arrivals below the newest 40",
        own_replies=True,
        needs="nothing for most instances; a token of an account there for mentions, and where the instance is closed",
        limits="300 requests in 5 minutes",
        terms="free; the rules of the instance apply, and some instances want a token",
    )
    connect: ClassVar[Connect]

    class Options(BaseModel):
        """What is followed on one instance. `own` names accounts that are us, beside the token's."""

        model_config = STRICT
        instance: str
        token: Secret | None = None
        hashtags: tuple[str, ...] = ()
        accounts: tuple[str, ...] = ()
        mentions: bool = False
        own: tuple[str, ...] = ()

        _origin = field_validator("instance")(origin)

        @model_validator(mode="after")
        def _follows_something(self) -> Self:
            if not (self.hashtags or self.accounts or self.mentions):
                raise ValueError("nothing is followed: set hashtags, accounts or mentions")
            if self.mentions and self.token is None:
                raise ValueError("mentions need a user's token: set token, with the scope read:notifications")
            return self

    def __init__(self, options: Any, client: httpx.AsyncClient) -> None:
        super().__init__(options, client)
        self.host = httpx.URL(options.instance).host
        self.own = {name.removeprefix("@").lower() for name in options.own}
        self.found: dict[str, httpx.URL] = {}  # the listings by name
        self.posts: dict[str, str] = {}  # uri by id, of what this poll saw
        self.people: dict[str, str] = {}  # uri by id, of accounts of the instance

    def sign(self) -> httpx.Auth | None:
        return Bearer(self.options.token) if self.options.token else None

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk down to the floor at first, later up from the newest id."""
        self.posts.clear()
        found = self.found or await self.find()
        cursor = cursor if cursor.get("instance") == self.options.instance else {}  # ids mean nothing elsewhere
        seen = {"instance": self.options.instance} | {name: cursor[name] for name in found if name in cursor}
        for name, url in found.items():
            known = newest = seen.get(name)
            async for items in self.up(url, known) if known else self.back(url, floor):
                # Going up, the newest id is on the last page that has any; going back, on the first.
                newest = next(iter(_ids(items)), newest) if known or not newest else newest
                yield self.page(items, floor)
            seen |= {name: newest} if newest else {}
            yield Page(cursor=dict(seen) if cursor or name == list(found)[-1] else None)
        self.found = found

    async def find(self) -> dict[str, httpx.URL]:
        """Ask whose the token is and where the accounts' posts are; return the listings."""
        if self.options.token:
            with suppress(AuthRejected, NotPermitted):  # an app's token has no account; a wrong one fails below, too
                self.own.add((await self.account("verify_credentials"))["id"].lower())
        paths = {f"tag:{tag}": f"timelines/tag/{quote(tag.lstrip('#'), safe='')}" for tag in self.options.hashtags}
        for name in self.options.accounts:
            account = await self.account(f"lookup?acct={quote(name.lstrip('@'))}")
            paths[f"account:{name}"] = f"accounts/{quote(account['id'], safe='')}/statuses?exclude_reblogs=true"
        paths |= {"mentions": "notifications?types[]=mention"} if self.options.mentions else {}
        return {name: self.address(path).copy_set_param("limit", "40") for name, path in paths.items()}

    def address(self, path: str) -> httpx.URL:
        return httpx.URL(f"{self.options.instance}/api/v1/{path}")

    async def account(self, path: str) -> Json:
        """Ask for an account. Raises PollError."""
        account = answer.read(await self.ask(self.address(f"accounts/{path}")))
        try:
            self.learn(account)
        except UNREADABLE:
            raise Malformed(f"{self.host} sent no account where one was wanted: is this a Mastodon instance?") from None
        return account

    def learn(self, account: Json) -> None:
        """Keep what an account of this instance is called everywhere. Raises one of UNREADABLE."""
        id_, name = text(account, "id"), text(account, "acct")
        if "@" not in name:
            self.people[id_] = text_or_none(account, "uri") or f"{self.options.instance}/users/{name}"

    async def up(self, url: httpx.URL, known: str) -> AsyncIterator[list[Json]]:
        """Yield the newest page and, where that does not reach down to `known`, all pages from there upwards."""
        top = self.listed(await self.ask(url))
        yield top
        if known not in _ids(top):
            async for items in self.pages(url.copy_set_param("min_id", known), LinkHeader("prev")):
                yield items

    def page(self, items: Sequence[Json], floor: datetime) -> Page:
        """Read a page. Replies stand above what they answer, so what things are called is learnt first."""
        for item in items:
            with suppress(*UNREADABLE):
                self.posts[text(_status(item), "id")] = text(_status(item), "uri")
                self.learn(_status(item)["account"])
        return super().page(items, floor)

    def arrived(self, item: Json) -> datetime:
        return when(item["created_at"])

    def mention(self, item: Json) -> Mention | None:
        status = _status(item)
        if text(status, "visibility") not in ("public", "unlisted") or status.get("reblog"):
            return None
        account, url = status["account"], text_or_none(status, "url") or text(status, "uri")
        name = text(account, "acct")
        author = name if "@" in name else f"{name}@{self.host}"
        return Mention(
            external_id=text(status, "uri"),
            kind=Kind.COMMENT if status.get("in_reply_to_id") else Kind.POST,
            text=plain(text(status, "content")),
            title=text_or_none(status, "spoiler_text") or "",
            url=url if url.startswith("https://") else None,
            published_at=when(status["created_at"]),
            author=author,
            lang=text_or_none(status, "language"),
            parent_id=self.parent(status),
            ours=not self.own.isdisjoint({account["id"], name.lower(), author.lower()}),
            engagement=total(status, "replies_count", "reblogs_count", "favourites_count"),
            audience=total(account, "followers_count"),
        )

    def parent(self, status: Json) -> str | None:
        """Return the uri of what a post answers. The post itself gives only the instance's ids.

        It is known if this poll saw it, and made as Mastodon makes it if its author belongs to the instance; else it is
        an address on the instance that leads there, which stays the same but is nobody's `external_id`."""
        id_ = text_or_none(status, "in_reply_to_id")
        if not id_:
            return None
        author = self.people.get(status.get("in_reply_to_account_id"), self.options.instance)
        return self.posts.get(id_) or f"{author}/statuses/{id_}"


async def _found(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The account of the token, with what is said to it."""
    instance, token = str(answers["instance"]), answers["token"]
    address = httpx.URL(f"{origin(instance)}/api/v1/accounts/verify_credentials")
    auth = Bearer(token) if isinstance(token, Secret) else None
    account = answer.read(await answer.ask(client, "GET", address, auth=auth))
    name = text(account, "acct")
    yield Found(
        name=f"mastodon-{name}", shown=f"{name} at {address.host}", options={"accounts": [name], "mentions": True}
    )


Mastodon.connect = Connect(
    before="1. Log in to the instance where the organisation has its account. 2. Preferences, Development, New application:"
    " any name, only the scopes read:accounts, read:statuses and read:notifications. 3. Open it: there is the access token.",
    asks=(
        Ask(key="instance", prompt="Instance, such as social.example"),
        Ask(key="token", prompt="Access token", secret=True),
    ),
    keeps=("instance", "token"),
    find=_found,
)


def _status(item: Json) -> Json:
    return item.get("status", item)  # a notification carries one


def _ids(items: Sequence[Json]) -> list[str]:
    return [item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]
