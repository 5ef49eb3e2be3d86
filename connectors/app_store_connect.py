"""App Store Connect: the reviews of our own apps in all storefronts, and our replies to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel, field_validator

from connectors.kit import answer, lookup
from connectors.kit.auth import Es256
from connectors.kit.paging import LinkIn
from connectors.kit.rest import STRICT, UNREADABLE, Listings, text, text_or_none, when
from connectors.kit.reviews import Reviews
from monitor.connector import Access, Answers, Ask, Connect, Found, Malformed, Page, Secret
from monitor.model import Json, Kind, Mention

_API = "https://api.appstoreconnect.apple.com/v1"
_REPLY = "/response"


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    key, url = answers["private_key"], httpx.URL(f"{_API}/apps", params={"limit": 200})
    assert isinstance(key, Secret)
    issuer, key_id = str(answers["issuer_id"]), str(answers["key_id"])
    auth = Es256(key_id=key_id, issuer=issuer, private_key=key, platform="app_store_connect")
    said = answer.read(await answer.ask(client, "GET", url, auth=auth))
    try:
        for app in said["data"]:
            id_, shown = text(app, "id"), text_or_none(app["attributes"], "name") or text(app, "id")
            yield Found(name=f"app-store-{id_}", shown=shown, options={"app": id_})
    except UNREADABLE:
        raise Malformed(f"{url.host} sent no list of apps: its API has changed") from None


class AppStoreConnect(Reviews):
    """Reviews are listed by when they were written; a reply of ours comes with the review: see `Reviews`.

    Apple gives a review another id here than in its public listing: read an app through one of the two."""

    platform = "app_store_connect"
    access = Access(
        kind="official",
        sees="all reviews of our own apps in every storefront, with stars and edits, and our published replies",
        blind_to="apps of others; stars without a text; changes and replies of reviews older than 90 days, until the recheck",
        own_replies=True,
        needs="an API key of App Store Connect with the role Customer Support",
        limits="about 3,600 requests an hour",
        terms="the Apple Developer Program's agreement; reviewers are known by their nickname only",
        unconfirmed=("what 429 looks like", "that an edited review keeps its id and date"),
        recheck=timedelta(days=7),
    )
    connect = Connect(
        before="1. Log in to App Store Connect as an admin. 2. Users and Access, Integrations, App Store Connect API: make a"
        " team key with the role Customer Support. 3. Download the .p8 file, which is shown once; copy the issuer and key id.",
        asks=(
            Ask(key="issuer_id", prompt="Issuer id"),
            Ask(key="key_id", prompt="Key id"),
            Ask(key="private_key", prompt="Text of the .p8 file", secret=True),
        ),
        keeps=("issuer_id", "key_id", "private_key"),
        find=_find,
    )
    items = ("data",)
    paging = LinkIn()

    class Options(BaseModel):
        """Which app, by its number, and the key that may read its reviews."""

        model_config = STRICT
        app: str
        issuer_id: str
        key_id: str
        private_key: Secret

        @field_validator("app")
        @classmethod
        def _is_a_number(cls, app: str) -> str:
            if not app.isdecimal():
                raise ValueError("is no app: write its Apple ID, a number")
            return app

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        key, issuer = options.private_key, options.issuer_id
        self.auth = Es256(key_id=options.key_id, issuer=issuer, private_key=key, platform=self.platform, now=now)

    def sign(self) -> httpx.Auth:
        return self.auth

    def listings(self) -> Listings:
        return {self.options.app: self._listing}

    def _listing(self, _: datetime) -> httpx.URL:
        params = {"sort": "-createdDate", "limit": 200, "include": "response"}
        return httpx.URL(f"{_API}/apps/{self.options.app}/customerReviews", params=params)

    def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look reviews and replies up again, one request each."""
        return lookup.recheck(self, ids, _address, _single)

    def listed(self, response: httpx.Response) -> list[Json]:
        """Return the reviews, each with the response that stands beside them."""
        return _joined(super().listed(response), response.json())

    def arrived(self, item: Json) -> datetime:
        return when(item["attributes"]["createdDate"])

    def mention(self, item: Json) -> Mention | None:
        said, stars = item["attributes"], item["attributes"].get("rating")
        return Mention(
            external_id=text(item, "id"),
            kind=Kind.REVIEW,
            text=text_or_none(said, "body") or "",
            title=text_or_none(said, "title") or "",
            url=self._shown_at(),
            published_at=self.arrived(item),
            author=text_or_none(said, "reviewerNickname"),
            stars=stars if stars is None else float(stars),
        )

    def reply(self, item: Json) -> Mention | None:
        reply = item.get("response")
        if not reply or reply.get("state") == "PENDING_PUBLISH":
            return None
        return Mention(
            external_id=f"{text(item, 'id')}{_REPLY}",
            kind=Kind.COMMENT,
            text=text(reply, "responseBody"),
            url=self._shown_at(),
            published_at=when(reply["lastModifiedDate"]),
            parent_id=text(item, "id"),
            ours=True,
        )

    def _shown_at(self) -> str:
        return f"https://apps.apple.com/app/id{self.options.app}?see-all=reviews"


def _address(id_: str) -> httpx.URL:
    return httpx.URL(f"{_API}/customerReviews/{id_.removesuffix(_REPLY)}", params={"include": "response"})


def _single(said: Json) -> list[Json]:
    return _joined([said.get("data")], said) if isinstance(said, dict) else [said]


def _joined(reviews: list[Json], said: Json) -> list[Json]:
    included = said.get("included")
    responses = {
        str(one.get("id")): one.get("attributes")
        for one in (included if isinstance(included, list) else ())
        if isinstance(one, dict) and one.get("type") == "customerReviewResponses"
    }
    return [{**one, "response": responses.get(_response(one))} if isinstance(one, dict) else one for one in reviews]


def _response(review: Json) -> Json:
    """The id of the response that a review names, None where it names none."""
    try:
        return text(review["relationships"]["response"]["data"], "id")
    except UNREADABLE:
        return None
