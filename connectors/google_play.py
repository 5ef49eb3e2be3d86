"""Google Play: the reviews of an app of ours, and our replies to them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel, field_validator

from connectors.kit import answer, google
from connectors.kit.auth import ServiceAccount
from connectors.kit.relist import Relist, Relisted
from connectors.kit.rest import STRICT, epoch, text, text_or_none, total
from connectors.kit.text import tidy
from connectors.kit.tried import tried
from monitor.connector import Access, Answers, Ask, Connect, Found, PollError, Secret
from monitor.model import Json, Kind, Mention

_API = "https://androidpublisher.googleapis.com/androidpublisher/v3/applications"
_SCOPE = "https://www.googleapis.com/auth/androidpublisher"
_PACKAGE = re.compile(r"[a-zA-Z]\w*(\.[a-zA-Z]\w*)+", re.ASCII)
_REPLY = "/reply"


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The app that was named, once its reviews could be read."""
    key, package = answers["service_account"], str(answers["package"]).strip()
    options = {"service_account": key if isinstance(key, Secret) else Secret(key), "package": package}
    name = google.source_name("google-play", package, package)
    async for found in tried(GooglePlay, options, client, name=name, shown=package, kept=("service_account",)):
        yield found


class _Tokens:
    """The token of the next page stands one level down."""

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:  # noqa: ARG002
        """Return `url` with the token of the next page."""
        token = google.inner(answer.read(response), "tokenPagination", "nextPageToken")
        return url.copy_set_param("token", token) if token else None


class GooglePlay(Relisted):
    """Only what was written or edited in the last 7 days is listed, the latest change first. A reply of ours changes
    nothing in that order: so the whole window is read again every 6 hours, see `Relisted`.

    A review has one time, that of its last edit: an edited one enters the window again, under the same id."""

    platform = "google_play"
    access = Access(
        kind="official",
        sees="reviews with text of the production version of an app of ours, their edits, and our replies to them",
        blind_to="stars without text, beta feedback, deletions, replies to what is older than 7 days, a week without a poll",
        own_replies=True,
        terms="for apps of one's own; what it tells of the reviewer's device is not kept",
        needs="a service account that was invited in the Play Console; an invitation takes up to two days to act",
        limits="3,000 requests a minute",
        unconfirmed=("200 requests an hour and app, as older pages say",),
    )
    connect = Connect(
        before=(
            "1. Make a project in the Google Cloud console and enable 'Google Play Android Developer API' in it. "
            "2. Make a service account there and a key for it in JSON. "
            "3. Invite its address in the Play Console under 'Users and permissions', for the app, with 'View app"
            " information' and 'Reply to reviews'; wait up to two days."
        ),
        asks=(
            Ask(key="package", prompt="Package name of the app, such as org.example.app"),
            Ask(key="service_account", prompt="The key file's JSON", secret=True),
        ),
        keeps=("service_account",),
        find=_find,
    )
    paging = _Tokens()
    overlap = timedelta(hours=1)
    relist = Relist(every=timedelta(hours=6), window=True)

    class Options(BaseModel):
        """Which app, and the JSON key of the service account that may read its reviews."""

        model_config = STRICT
        package: str
        service_account: Secret

        @field_validator("package")
        @classmethod
        def _is_a_package(cls, package: str) -> str:
            if not _PACKAGE.fullmatch(package):
                raise ValueError("is no package name: write it as in the app's address, such as org.example.app")
            return package

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.auth = ServiceAccount(
            options.service_account, (_SCOPE,), platform=self.platform, expired=google.expired, now=now
        )

    def sign(self) -> httpx.Auth:
        return self.auth

    def explain(self, response: httpx.Response) -> PollError | None:
        return google.explain(response)

    def url(self, since: datetime) -> httpx.URL:  # noqa: ARG002  # the window is Google's
        return httpx.URL(f"{_API}/{self.options.package}/reviews", params={"maxResults": 100})

    def listed(self, response: httpx.Response) -> list[Json]:
        """Return the reviews, each followed by our reply to it."""
        return [said for item in google.listed(response, "reviews") for said in _said(item)]

    def identity(self, item: Json) -> str:
        return text(item, "reviewId") + (_REPLY if "reply" in item else "")

    def arrived(self, item: Json) -> datetime:
        return _time(item.get("said", item)["lastModified"])

    def mention(self, item: Json) -> Mention:
        id_ = text(item, "reviewId")
        url = httpx.URL(
            "https://play.google.com/store/apps/details", params={"id": self.options.package, "reviewId": id_}
        )
        if "reply" in item:
            return Mention(
                external_id=id_ + _REPLY,
                kind=Kind.COMMENT,
                text=tidy(text(item["reply"], "text")),
                url=str(url),
                published_at=_time(item["reply"]["lastModified"]),
                parent_id=id_,
                ours=True,
            )
        said = item["said"]
        written = text_or_none(said, "originalText") or text_or_none(said, "text") or ""
        title, tab, words = written.partition("\t")  # which older reviews have between the two
        stars = said.get("starRating")
        return Mention(
            external_id=id_,
            kind=Kind.REVIEW,
            text=tidy(words if tab else written),
            title=tidy(title if tab else ""),
            url=str(url),
            published_at=self.arrived(item),
            author=google.inner(item, "authorName"),
            stars=stars if stars in (1, 2, 3, 4, 5) else None,
            engagement=total(said, "thumbsUpCount", "thumbsDownCount"),
        )


def _said(item: Json) -> list[Json]:
    """What the user says in a review, and what we answer; an item that holds neither is itself."""
    comments = item.get("comments") if isinstance(item, dict) else None
    comments = [one for one in comments if isinstance(one, dict)] if isinstance(comments, list) else []
    user = next((one["userComment"] for one in comments if one.get("userComment")), None)
    ours = next((one["developerComment"] for one in comments if one.get("developerComment")), None)
    if user is None:
        return [item]
    review = {"reviewId": item.get("reviewId"), "authorName": item.get("authorName"), "said": user}
    return [review, review | {"reply": ours}] if ours else [review]


def _time(stamp: Json) -> datetime:
    """Read `{"seconds": "1780000000", "nanos": 5}`: seconds since 1970, as a text."""
    return epoch(int(stamp["seconds"]) + int(stamp.get("nanos") or 0) / 1e9)
