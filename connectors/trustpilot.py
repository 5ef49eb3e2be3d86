"""Trustpilot: the reviews of a business unit, and our replies to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel, field_validator

from connectors.kit import answer, lookup
from connectors.kit.auth import ApiKey, ClientCredentials
from connectors.kit.paging import Numbered
from connectors.kit.rest import STRICT, UNREADABLE, Listings, text, text_or_none, total, zoned
from connectors.kit.reviews import Reviews
from monitor.connector import Access, Answers, Ask, Connect, Found, Malformed, Page, Secret
from monitor.model import Json, Kind, Mention

_API = "https://api.trustpilot.com/v1"
_TOKEN = f"{_API}/oauth/oauth-business-users-for-applications/accesstoken"
_REPLY = "/reply"


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    key = answers["api_key"]
    assert isinstance(key, Secret)
    url = httpx.URL(f"{_API}/business-units/find", params={"name": str(answers["domain"])})
    unit = answer.read(await answer.ask(client, "GET", url, auth=ApiKey("apikey", key)))
    try:
        id_, shown = text(unit, "id"), text_or_none(unit, "displayName") or str(answers["domain"])
    except UNREADABLE:
        raise Malformed(f"{url.host} sent no business unit: its API has changed") from None
    yield Found(name=f"trustpilot-{answers['domain']}", shown=shown, options={"business_unit": id_})


class Trustpilot(Reviews):
    """Reviews are listed by when they were written, which no edit, new star or reply of ours moves: see `Reviews`."""

    platform = "trustpilot"
    access = Access(
        kind="official",
        sees="the reviews of one business unit with stars and edits, and our replies to them",
        blind_to="changes and replies of reviews older than 90 days; product reviews; what was deleted, until the recheck",
        own_replies=True,
        needs="a business plan with the API module, and an API key; with its secret, the organisation's own view",
        costs="a paid plan of Trustpilot",
        limits="about 833 requests in 5 minutes and 10,000 an hour",
        terms="stars and scores are to be shown by Trustpilot's own rules; reference numbers and mail addresses are not read",
        unconfirmed=("what the errors 401, 403 and 429 look like", "that client credentials open the private listing"),
        recheck=timedelta(days=7),
    )
    connect = Connect(
        before="1. Log in to Trustpilot Business with a plan that has the API module. 2. Integrations, Developers, APIs:"
        " create an application. 3. Copy its API key; the secret is needed only for the organisation's own view.",
        asks=(
            Ask(key="api_key", prompt="API key", secret=True),
            Ask(key="domain", prompt="Domain as Trustpilot knows it, such as practice.example"),
        ),
        keeps=("api_key",),
        find=_find,
    )
    items = ("reviews",)
    paging = Numbered()

    class Options(BaseModel):
        """Which business unit, by its 24 hex digits. With `api_secret`, what only the business sees is read as well."""

        model_config = STRICT
        business_unit: str
        api_key: Secret
        api_secret: Secret | None = None

        @field_validator("business_unit")
        @classmethod
        def _is_an_id(cls, unit: str) -> str:
            if not unit.isalnum():
                raise ValueError("is no id of a business unit: run `wellheard connect trustpilot`, which finds it")
            return unit

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.auth: httpx.Auth = ApiKey("apikey", options.api_key)
        if options.api_secret:
            self.auth = ClientCredentials(
                _TOKEN, platform="trustpilot", client_id=options.api_key, client_secret=options.api_secret, now=now
            )
        self.base = f"{_API}/private" if options.api_secret else _API

    def sign(self) -> httpx.Auth:
        return self.auth

    def listings(self) -> Listings:
        return {self.options.business_unit: self._listing}

    def _listing(self, _: datetime) -> httpx.URL:
        address = f"{self.base}/business-units/{self.options.business_unit}/reviews"
        return httpx.URL(address, params={"orderBy": "createdat.desc", "perPage": 100})

    def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look reviews and replies up again, one request each."""
        return lookup.recheck(self, ids, self._address)

    def _address(self, id_: str) -> httpx.URL | None:
        review = id_.removesuffix(_REPLY)
        return httpx.URL(f"{self.base}/reviews/{review}") if review.isalnum() else None

    def arrived(self, item: Json) -> datetime:
        return zoned(text(item, "createdAt"))

    def mention(self, item: Json) -> Mention | None:
        id_, consumer, stars = text(item, "id"), item.get("consumer") or {}, item.get("stars")
        return Mention(
            external_id=id_,
            kind=Kind.REVIEW,
            text=text_or_none(item, "text") or "",
            title=text_or_none(item, "title") or "",
            url=f"https://www.trustpilot.com/reviews/{id_}",
            published_at=zoned(text(item, "createdAt")),
            author=text_or_none(consumer, "displayName") or text_or_none(consumer, "name"),
            stars=stars if stars is None else float(stars),
            lang=text_or_none(item, "language"),
            engagement=total(item, "numberOfLikes"),
        )

    def reply(self, item: Json) -> Mention | None:
        reply, id_ = item.get("companyReply"), text(item, "id")
        if not reply:
            return None
        return Mention(
            external_id=f"{id_}{_REPLY}",
            kind=Kind.COMMENT,
            text=text(reply, "text"),
            url=f"https://www.trustpilot.com/reviews/{id_}",
            published_at=zoned(text(reply if reply.get("createdAt") else item, "createdAt")),
            author=text_or_none(item.get("businessUnit") or {}, "displayName"),
            parent_id=id_,
            ours=True,
        )
