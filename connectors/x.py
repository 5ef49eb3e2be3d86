"""X: searches of the last seven days, our account, and what mentions it; every post that is read is paid for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import httpx
from pydantic import BaseModel, Field, StringConstraints, model_validator

from connectors.kit import answer, x
from connectors.kit.auth import Bearer, Stored
from connectors.kit.budget import Budget
from connectors.kit.rest import STRICT, UNREADABLE, Rest, text
from monitor.connector import Access, Answers, Ask, Connect, Cursor, Found, Malformed, OAuth, Page, Secret, Throttled
from monitor.model import Json, Mention

_HOST, _TOKENS = "api.x.com", "https://api.x.com/2/oauth2/token"
_EVER = datetime.min.replace(tzinfo=UTC)
_REACH = timedelta(days=7) - timedelta(hours=1)
"""How far back a search may begin, but for an hour: clocks differ."""
_LATE = timedelta(minutes=2)
"""Posts become searchable out of the order of their ids."""
_POST, _AUTHOR, _LEAST, _MOST = 5, 10, 10, 100
"""Prices in thousandths of a dollar (docs.x.com, "Pricing", 2026), and how many posts a request may bring."""
_FIELDS = "created_at,author_id,lang,referenced_tweets,public_metrics,edit_history_tweet_ids,note_tweet,withheld"


class X(Rest):
    """The cursor holds for each listing the `newest` id when it was last walked to the end and, where a walk was cut, how
    far it came: `since` what it goes, `top` and `until` the newest and oldest id that it saw. So a walk that runs out of
    money goes on below once there is some. Ids are times (Snowflake), which is how a walk reaches into the last one.

    `spent` is the money: the price of a full page is taken before it is asked for, what it does not bring given back."""

    platform = "x"
    access = Access(
        kind="official",
        sees="posts of the last 7 days that a search finds, what our account says, and what mentions or answers it",
        blind_to="older posts that only a search would find; protected accounts; quotes that do not name us; edits more"
        " than an hour old; what the budget does not pay for, until it does",
        own_replies=True,
        needs="a developer account with credits and an app of it; the app's token, or access that a person grants",
        costs="0.005 USD a post, and 0.010 USD for its author: no more than the budgets in the options",
        limits="450 searches in 15 minutes, 3 million posts a month; by default 2 USD a day and 40 USD a month",
        terms="Developer Agreement: nothing about a user's health may be derived, inferred or kept, and no user be matched"
        " to a patient; changes and deletions are followed within 24 hours; only ids may be passed on",
        unconfirmed=("whether fields are asked for as tweet.fields or post.fields: both are tried",),
        recheck=timedelta(hours=24),
    )
    connect: ClassVar[Connect]

    class Options(BaseModel):
        """Who asks, for what, for how much money. `token` is the app's, `token_file` a person's, with the app's `client_id`
        and `client_secret`. `user_id` is our account, by number, `own` are names of ours; `authors` tells who wrote."""

        model_config = STRICT
        token: Secret | None = None
        token_file: Path | None = None
        client_id: str | None = None
        client_secret: Secret | None = None
        user_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")] | None = None
        own: tuple[str, ...] = ()
        queries: tuple[str, ...] = ()
        authors: bool = True
        usd_per_day: float = Field(2.0, gt=0)
        usd_per_month: float = Field(40.0, gt=0)
        recheck_usd_per_day: float = Field(0.5, ge=0)

        @model_validator(mode="after")
        def _makes_sense(self) -> Self:
            if not (self.queries or self.user_id):
                raise ValueError("nothing is followed: set queries or user_id")
            if (self.token is None) == (self.token_file is None):
                raise ValueError("set either token or token_file")
            if self.token_file and not self.client_id:
                raise ValueError("token_file needs the client_id of the app that it was granted to")
            return self

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.own = {name.removeprefix("@").lower() for name in (*options.own, options.user_id) if name}
        self.price = _POST + (_AUTHOR if options.authors else 0)
        self.money = x.Money(round(options.usd_per_day * 1000), round(options.usd_per_month * 1000))
        self.rechecks = Budget(name="rechecks", limit=round(options.recheck_usd_per_day * 1000))
        self.rechecked: Json = None  # in memory: what is read again on the same day is not charged again
        self.fields = "tweet.fields"
        self.credential = _credential(options, now)

    async def ask(self, url: httpx.URL) -> httpx.Response:
        """Get `url`. The parameter for the fields is being renamed: one that is refused is not used again."""
        try:
            return await self.asked(url)
        except x.Renamed:
            self.fields = "post.fields" if self.fields == "tweet.fields" else "tweet.fields"
            return await self.asked(url)

    async def asked(self, url: httpx.URL) -> httpx.Response:
        url, name = url.copy_set_param(self.fields, _FIELDS), self.fields
        return await answer.ask(
            self.client, "GET", url, auth=self.credential, explain=lambda response: x.explain(response, name)
        )

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Finish what was cut, then walk every listing down to where its last whole walk began."""
        addresses = self.addresses()
        seen: Cursor = {name: cursor[name] for name in ("spent", *addresses) if name in cursor}
        for name, url in addresses.items():
            cut = "until" in seen.get(name, {})
            async for page in self.walk(name, url, seen, floor):
                yield page
            if cut and "until" not in seen[name]:  # what came since then
                async for page in self.walk(name, url, seen, floor):
                    yield page
        if warnings := self.money.warnings(seen.get("spent"), self.now(), _LEAST * self.price):
            yield Page(warnings=[f"{_HOST}: {warning}" for warning in warnings])

    async def walk(self, name: str, url: httpx.URL, seen: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Walk a listing from its top, or from where it was cut, as far as the money goes. `seen` is the cursor."""
        state, now = self.begun(name, seen.get(name) or {}, floor), self.now()
        if lost := self.lost(name, seen.get(name) or {}, now):
            yield Page(warnings=[lost])
        url = url.copy_merge_params({f"{key}_id": state[key] for key in ("since", "until") if key in state})
        if int(state.get("until", state["since"])) < int(state["since"]):  # a search does not reach there any more
            seen[name] = {"newest": state["top"]}
            yield Page(cursor=dict(seen))
            return
        tokens = [""]
        while tokens[-1] or len(tokens) == 1:
            size = min(_MOST, self.money.left(seen.get("spent"), now) // self.price)
            if size < _LEAST:
                return
            seen["spent"] = self.money.spend(seen.get("spent"), now, size * self.price)
            yield Page(cursor=dict(seen))
            asked = url.copy_set_param("max_results", size)
            response = await self.ask(asked.copy_set_param("pagination_token", tokens[-1]) if tokens[-1] else asked)
            posts, meta = x.posts(response), answer.read(response).get("meta") or {}
            brought = len(answer.read(response).get("data") or ())
            seen["spent"] = self.money.spend(seen["spent"], now, (brought - size) * self.price)
            tokens.append(self.following(meta, tokens))
            state = x.passed(state, meta, posts)
            seen[name] = state if tokens[-1] else {"newest": state["top"]} if "top" in state else {}
            yield replace(self.page(posts, floor), cursor=dict(seen))

    def begun(self, name: str, state: Json, floor: datetime) -> dict[str, str]:
        """Return the walk to go on with, or a new one."""
        reach = max(floor, self.now() - _REACH) if name.startswith("search:") else floor
        since = state.get("since") or (x.id_at(x.instant(state["newest"]) - _LATE) if "newest" in state else "1")
        top = {"top": state["newest"]} if "newest" in state else {}
        return {**top, **state, "since": str(max(int(since), int(x.id_at(reach))))}

    def lost(self, name: str, state: Json, now: datetime) -> str | None:
        """Return the sentence for people where a search cannot reach back to what was seen last."""
        newest = x.instant(state["newest"]) if "newest" in state else now
        if not name.startswith("search:") or now - newest < _REACH:
            return None
        return f"{_HOST} searches 7 days only: posts from {newest:%Y-%m-%d} to {now - _REACH:%Y-%m-%d} were not seen"

    def following(self, meta: Json, tokens: Sequence[str]) -> str:
        """Return the token of the next page, "" after the last. Raises Malformed where it comes again."""
        token = str(meta.get("next_token") or "")
        if token and token in tokens:
            raise Malformed(f"{_HOST} sends the walk in a circle: nothing can be done here but wait or report it")
        return token

    def addresses(self) -> dict[str, httpx.URL]:
        """Return where the listings are, by names that stay the same."""
        found = {f"search:{query}": self.address("tweets/search/recent", query=query) for query in self.options.queries}
        if self.options.user_id:
            found["mentions"] = self.address(f"users/{self.options.user_id}/mentions")
            found["own"] = self.address(f"users/{self.options.user_id}/tweets", exclude="retweets")
        return found

    def address(self, path: str, **params: str) -> httpx.URL:
        if self.options.authors:
            params |= {"expansions": "author_id", "user.fields": "username,public_metrics"}
        return httpx.URL(f"https://{_HOST}/2/{path}", params=params)

    async def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look posts up again, 100 at a time and without their authors. What was edited has another id: it is asked for by
        that, and handed over under the first. Raises Throttled where the money for this is spent for today."""
        asked = [id_ for id_ in ids if id_.isdecimal()]
        for some in (asked[start : start + _MOST] for start in range(0, len(asked), _MOST)):
            posts, gone = await self.lookup(some)
            newer = [id_ for id_ in map(x.edited, posts) if id_ is not None]
            latest = (await self.lookup(newer))[0] if newer else []
            current = [post for post in posts if x.edited(post) is None] + latest
            yield replace(self.page(current, _EVER), gone=[*set(some).intersection(gone), *x.hidden(current)])

    async def lookup(self, ids: Sequence[str]) -> tuple[list[Json], list[str]]:
        """Return the posts with these ids, and which of the ids are gone."""
        now, cost = self.now(), len(ids) * _POST
        if self.rechecks.left(self.rechecked, now) < cost:
            wait = self.rechecks.wait(now)
            raise Throttled(f"{_HOST}: recheck_usd_per_day is spent, the rest is looked up tomorrow", wait)
        self.rechecked = self.rechecks.spend(self.rechecked, now, cost)
        url = httpx.URL(f"https://{_HOST}/2/tweets", params={"ids": ",".join(ids)})
        said = answer.read(await self.ask(url))
        try:
            posts, gone = list(said.get("data") or ()), x.gone(said)
            if not (posts or said["errors"]):
                raise TypeError("neither posts nor errors")
        except UNREADABLE:
            raise Malformed(f"{_HOST} sent no posts where some were known to be: its API has changed") from None
        return posts, gone

    def mention(self, item: Json) -> Mention | None:
        return x.mention(item, self.own)


def _credential(options: Any, now: Callable[[], datetime]) -> httpx.Auth:
    if options.token:
        return Bearer(options.token)
    app = {"client_id": options.client_id, "client_secret": options.client_secret}
    return Stored(options.token_file, _TOKENS, platform="x", now=now, **app)


async def _found(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The account that granted access."""
    token = answers["access_token"]
    assert isinstance(token, Secret)
    url = httpx.URL(f"https://{_HOST}/2/users/me")
    said = await answer.ask(client, "GET", url, auth=Bearer(token), explain=lambda refused: x.explain(refused, ""))
    account = answer.read(said)["data"]
    name = text(account, "username")
    yield Found(name=f"x-{name.lower()}", shown=f"@{name}", options={"user_id": text(account, "id"), "own": [name]})


X.connect = Connect(
    before="1. At console.x.com make a developer account, buy credits and set a spending limit. 2. Make an app; under User"
    " authentication settings choose OAuth 2.0, Web App, Read, and enter http://127.0.0.1:8765/ as callback address."
    " 3. Copy the client id and the client secret, which is shown once. 4. Be logged in with the organisation's account.",
    asks=(
        Ask(key="client_id", prompt="OAuth 2.0 client id"),
        Ask(key="client_secret", prompt="Client secret", secret=True),
    ),
    oauth=OAuth(
        authorize="https://x.com/i/oauth2/authorize",
        token=_TOKENS,
        scopes=("tweet.read", "users.read", "offline.access"),
        client="basic",
        port=8765,
    ),
    keeps=("client_id", "client_secret", "token_file"),
    find=_found,
)
