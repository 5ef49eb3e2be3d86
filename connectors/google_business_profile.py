"""Google Business Profile: the reviews of our own locations, and our replies to them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
from pydantic import BaseModel, Field, field_validator, model_validator

from connectors.kit import answer, google
from connectors.kit.auth import Refreshing
from connectors.kit.lookup import EVER, recheck
from connectors.kit.paging import Token
from connectors.kit.relist import Relisted
from connectors.kit.rest import STRICT, text, text_or_none, when
from connectors.kit.text import https, plain
from monitor.connector import Access, Answers, Ask, Connect, Found, Page, PollError, Secret
from monitor.model import Json, Kind, Mention

_API = "https://mybusiness.googleapis.com/v4"
_ACCOUNTS = "https://mybusinessaccountmanagement.googleapis.com/v1/accounts?pageSize=20"
_LOCATIONS = "https://mybusinessbusinessinformation.googleapis.com/v1"
_READ = {"readMask": "name,title,storefrontAddress", "pageSize": "100"}
_STARS = {"ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5}
_TRANSLATED, _ORIGINAL = "(Translated by Google)", "(Original)"
_PLACE = re.compile(r"(locations/[^/]+/)")
_ID = re.compile(r"[\w-]+", re.ASCII)
_BATCH, _REPLY = "locations:batchGetReviews", "/reply"
_NEWEST_FIRST: dict[str, str | int] = {"pageSize": 50, "orderBy": "updateTime desc"}
_STATES = {"PENDING": "Waits for Google's approval", "REJECTED": "Refused by Google: nobody sees it"}


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The locations of all accounts that the grant reaches, each once: groups share them."""
    shown, names = set[str](), set[str]()
    async for account in google.each(client, answers, httpx.URL(_ACCOUNTS), "accounts"):
        at = httpx.URL(f"{_LOCATIONS}/{text(account, 'name')}/locations", params=_READ)
        async for place in google.each(client, answers, at, "locations"):
            id_, title = text(place, "name").rpartition("/")[2], text_or_none(place, "title") or "no title"
            if id_ in shown:
                continue
            shown.add(id_)
            town = google.inner(place, "storefrontAddress", "locality")
            yield Found(
                name=google.source_name("google", title, id_, names),
                shown=f"{title}, {town}" if town else title,
                options={"account": text(account, "name").rpartition("/")[2], "location": id_},
                location=title,
            )


class GoogleBusinessProfile(Relisted):
    """Reviews run from the latest change to the oldest, see `Relisted`.

    A reply does not always move its review, and what is deleted is silently missing. So once a day a walk goes to the
    end, see `Relist`. A reply that Google refused answers nothing: it has no parent."""

    platform = "google_business_profile"
    access = Access(
        kind="official",
        sees="reviews of our own verified locations, rating-only ones too, their edits, and our replies, waiting and refused too",
        blind_to="photographs and questions; for up to a day late replies, for up to two days deletions",
        own_replies=True,
        terms="for listings one owns or manages; no use beyond managing them; a project that rests 90 days may be ended",
        needs="a Cloud project that Google approved: an application, a profile verified for over 60 days, weeks of waiting",
        limits="300 requests a minute and project",
        unconfirmed=(
            "the v4 reviews API has the quota of the others",
            "what is stored is to be refreshed or deleted within 30 days",
            "where Google joins a translation to a review, it marks the two with (Translated by Google) and (Original)",
        ),
        recheck=timedelta(days=7),
        refresh=timedelta(days=30),
    )
    connect = Connect(
        before=(
            "1. Make a project in the Google Cloud console. "
            "2. Ask for access with the form 'Application for Basic API Access', as an owner or manager of a profile that"
            " has been verified for over 60 days; the answer takes weeks. "
            "3. Enable 'Google My Business API', 'My Business Account Management API' and 'My Business Business"
            " Information API' in the project. "
            "4. Set up the consent screen and publish it: while it is in testing, a grant ends after 7 days. "
            "5. Make an OAuth client of type 'Desktop app'."
        ),
        asks=(
            Ask(key="client_id", prompt="Client ID of the OAuth client"),
            Ask(key="client_secret", prompt="Client secret of the OAuth client", secret=True),
        ),
        oauth=google.oauth("https://www.googleapis.com/auth/business.manage"),
        keeps=("client_id", "client_secret", "refresh_token"),
        find=_find,
    )
    paging = Token("nextPageToken", "pageToken")
    overlap = timedelta(minutes=10)

    class Options(BaseModel):
        """Whose reviews: `location` is one, `locations` are several of the same account. Ids stand without a prefix."""

        model_config = STRICT
        account: str
        location: str | None = None
        locations: tuple[str, ...] = Field((), max_length=50)  # "for up to 50 specified, verified locations"
        client_id: str
        client_secret: Secret
        refresh_token: Secret

        @field_validator("account", "location", "locations")
        @classmethod
        def _ids(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
            ids = (value,) if isinstance(value, str) else value or ()
            if not all(_ID.fullmatch(one) for one in ids):
                raise ValueError("is no id: write what stands behind accounts/ or locations/")
            return value

        @model_validator(mode="after")
        def _names_a_place(self) -> Self:
            if bool(self.location) == bool(self.locations):
                raise ValueError("set location, or locations where there are several")
            return self

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.floor = EVER
        self.account = f"accounts/{options.account}"
        self.begins = [f"locations/{id_}/" for id_ in options.locations or (options.location,)]
        self.auth = Refreshing(
            google.TOKEN_URL,
            platform=self.platform,
            client_id=options.client_id,
            client_secret=options.client_secret,
            refresh_token=options.refresh_token,
            explain=google.explain,
            now=now,
        )

    def sign(self) -> httpx.Auth:
        return self.auth

    def explain(self, response: httpx.Response) -> PollError | None:
        return google.explain(response)

    async def recheck(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        """Look reviews up again, one by one, once it is sure that their locations may be read at all."""
        await self.ask(self.url(EVER))
        async for page in recheck(self, ids, self.one, self.said):
            yield page

    def one(self, id_: str) -> httpx.URL | None:
        """Return where a review is, and our reply to it."""
        here = id_.startswith(tuple(self.begins))
        return httpx.URL(f"{_API}/{self.account}/{id_.removesuffix(_REPLY)}") if here else None

    def places(self) -> list[str]:
        return self.begins

    def url(self, since: datetime) -> httpx.URL:  # noqa: ARG002  # the listing takes no time
        if len(self.begins) > 1:
            return httpx.URL(f"{_API}/{self.account}/{_BATCH}")
        return httpx.URL(f"{_API}/{self.account}/{self.begins[0]}reviews", params=_NEWEST_FIRST)

    async def ask(self, url: httpx.URL) -> httpx.Response:
        """Get `url`; what lists several locations is posted, its page token too."""
        if not url.path.endswith(_BATCH):
            return await super().ask(url)
        names = [f"{self.account}/{place.rstrip('/')}" for place in self.begins]
        body = {"locationNames": names, **_NEWEST_FIRST, **url.params}
        at = url.copy_with(query=None)
        return await answer.ask(self.client, "POST", at, auth=self.auth, json=body, explain=self.explain)

    def listed(self, response: httpx.Response) -> list[Json]:
        """Return the reviews of an answer, each followed by our reply to it."""
        key = "locationReviews" if len(self.begins) > 1 else "reviews"
        return [said for item in google.listed(response, key) for said in self.said(item)]

    def said(self, item: Json) -> list[Json]:
        """Return a review, under the `id` that it has here, and our reply to it where there is one. The account that its
        name begins with changes when the location moves to another."""
        review = item.get("review", item) if isinstance(item, dict) else None
        if not isinstance(review, dict):
            return [item]
        name = google.inner(review, "name") or ""
        place = _PLACE.search(name) if len(self.begins) > 1 else None
        id_ = google.inner(review, "reviewId") or name.rpartition("/")[2]
        known = {"id": f"{place[1] if place else self.begins[0]}reviews/{id_}" if id_ else None, "review": review}
        reply = review.get("reviewReply")
        return [known, {**known, "id": f"{known['id']}{_REPLY}", "reply": reply}] if reply else [known]

    def page(self, items: Sequence[Json], floor: datetime) -> Page:
        self.floor = floor
        return super().page(items, floor)

    def identity(self, item: Json) -> str:
        return text(item, "id")

    def arrived(self, item: Json) -> datetime:
        return when(item["review"].get("updateTime") or item["review"]["createTime"])

    def mention(self, item: Json) -> Mention | None:
        review, reply, url = item["review"], item.get("reply"), https(google.inner(item["review"], "reviewReplyUrl"))
        if reply:
            state = reply.get("reviewReplyState")
            return Mention(
                external_id=text(item, "id"),
                kind=Kind.COMMENT,
                text=_original(text(reply, "comment")),
                title=_STATES.get(state, ""),
                url=url,
                published_at=when(reply.get("updateTime") or review["updateTime"]),
                parent_id=None if state == "REJECTED" else text(item, "id").removesuffix(_REPLY),
                ours=True,
            )
        written = when(review.get("createTime") or review["updateTime"])
        return Mention(
            external_id=text(item, "id"),
            kind=Kind.REVIEW,
            text=_original(text_or_none(review, "comment") or ""),
            url=url,
            published_at=written if written >= self.floor else self.arrived(item),  # an old review that was edited
            author=google.inner(review, "reviewer", "displayName"),
            stars=_STARS.get(review.get("starRating")),
        )


def _original(comment: str) -> str:
    """What the author wrote, where Google joined a translation to it."""
    if comment.startswith(_TRANSLATED) and _ORIGINAL in comment:
        comment = comment.partition(_ORIGINAL)[2]
    elif _TRANSLATED in comment:
        comment = comment.partition(_TRANSLATED)[0] or comment
    return plain(comment)
