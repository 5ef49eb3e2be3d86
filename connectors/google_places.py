"""Google Places: the few reviews that Google shows of any place, such as one that is not ours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel, Field, field_validator

from connectors.kit import answer, google
from connectors.kit.auth import ApiKey
from connectors.kit.paid import Paid
from connectors.kit.rest import STRICT, text, text_or_none, when
from connectors.kit.text import https, tidy
from connectors.kit.tried import words
from monitor.connector import (
    Access,
    Answers,
    Ask,
    Connect,
    Cursor,
    Found,
    Malformed,
    NotPermitted,
    Page,
    PollError,
    Secret,
)
from monitor.model import Json, Kind, Mention

_HOST = "places.googleapis.com"
_API = f"https://{_HOST}/v1/places"
_MASK = "id,displayName,userRatingCount,reviews,movedPlaceId"
_NAMED = "id,displayName"
_PLACE = re.compile(r"[\w-]{10,300}", re.ASCII)


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """The places of the ids, with how they are called."""
    key = answers["api_key"]
    places, names = tuple(words(answers, "places")), set[str]()
    asking = GooglePlaces(
        GooglePlaces.Options(api_key=key if isinstance(key, Secret) else Secret(key), places=places), client
    )
    for id_ in places:
        place = await asking.place(id_, _NAMED)
        title = google.inner(place, "displayName", "text") or id_
        yield Found(
            name=google.source_name("places", title, id_, names), shown=title, options={"places": [id_]}, location=title
        )


class GooglePlaces(Paid):
    """There is no list to walk: Google picks at most five reviews of a place by relevance, and says no more. Each poll
    reads them; how many ratings are new since is said as a warning, since nothing new among five proves nothing.

    Nothing but place ids may be stored. So text and author stay for an hour, long enough to be judged and told."""

    platform = "google_places"
    access = Access(
        kind="official",
        sees="five reviews of a place, picked by Google by relevance",
        blind_to="all other reviews, replies to them, deletions; an edited review looks like a later one",
        own_replies=False,
        terms="nothing but place ids may be stored: what is read is blanked within hours; shown with author and link only",
        needs="an API key of a Cloud project with billing",
        costs="a Place Details Enterprise + Atmosphere request for each place and poll",
        limits="the calls a day that the options set",
        unconfirmed=("about 25 USD for 1,000 requests after 1,000 free ones a month", "600 requests a minute"),
        retention=timedelta(hours=1),
    )
    connect = Connect(
        before=(
            "1. Make a project in the Google Cloud console and set up billing for it. "
            "2. Enable 'Places API (New)' in it. "
            "3. Make an API key and restrict it to this API. "
            "4. Look up the ids of the places with Google's Place ID Finder."
        ),
        asks=(
            Ask(key="api_key", prompt="API key", secret=True),
            Ask(key="places", prompt="Place ids, separated by commas"),
        ),
        keeps=("api_key",),
        find=_find,
    )

    class Options(BaseModel):
        """Which places. `calls` is how many requests a day may be paid for: 30 stay within 1,000 a month."""

        model_config = STRICT
        api_key: Secret
        places: tuple[str, ...] = Field(min_length=1)
        calls: int = Field(default=30, ge=1)

        @field_validator("places")
        @classmethod
        def _ids(cls, places: tuple[str, ...]) -> tuple[str, ...]:
            if not all(_PLACE.fullmatch(place) for place in places):
                raise ValueError("is no place id, which looks like ChIJ...: Google's Place ID Finder shows it")
            return places

    def __init__(
        self, options: Any, client: httpx.AsyncClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(options, client, now=now)
        self.auth = ApiKey("X-Goog-Api-Key", options.api_key)
        self.calls = google.daily("calls", options.calls)
        self.ratings: dict[str, int] = {}  # how many each place had: not to be stored

    @property
    def host(self) -> str:
        return _HOST

    def explain(self, response: httpx.Response) -> PollError | None:
        return google.explain(response)

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Read what is shown of each place, those first that were not for longest, as far as the day's calls go. A place
        that is not there is said at the end: it keeps no other from being read."""
        self.kept = {name: kept for name, kept in cursor.items() if name in ("calls", *self.options.places)}
        lost: NotPermitted | None = None
        warnings: list[str] = []
        for id_ in sorted(self.options.places, key=lambda id_: self.kept.get(id_, "")):
            if self.calls.ahead(self.kept.get("calls"), self.now()):
                break
            yield self.paid(self.calls)
            self.kept[id_] = self.now().isoformat()
            try:
                place = await self.place(id_, _MASK)
            except google.NotFound as error:
                lost = error
                continue
            warnings += self.changes(id_, place)
            yield self.page(self.reviews(place), floor)
        warnings += filter(None, [self.calls.warning(self.kept.get("calls"), self.now())])
        yield Page(cursor=dict(self.kept), warnings=warnings)
        if lost:
            raise lost

    async def place(self, id_: str, mask: str) -> Json:
        """Ask for a place. Raises PollError."""
        at = httpx.URL(f"{_API}/{id_}")
        response = await answer.ask(
            self.client, "GET", at, auth=self.auth, headers={"X-Goog-FieldMask": mask}, explain=self.explain
        )
        place = answer.read(response)
        if not google.inner(place, "id"):
            raise Malformed(f"{_HOST} sent no place where one was asked for: its API has changed")
        return place

    def reviews(self, place: Json) -> list[Json]:
        """Return the reviews that are shown; a place without any has none."""
        reviews = place.get("reviews") or []
        if not isinstance(reviews, list):
            raise Malformed(f"{_HOST} sent no list of reviews where one was known to be: its API has changed")
        return reviews

    def changes(self, id_: str, place: Json) -> list[str]:
        """Return what is to be said of a place since it was read last, by this process."""
        name, count = google.inner(place, "displayName", "text") or id_, place.get("userRatingCount")
        said = []
        if type(count) is int:
            new = count - self.ratings.get(id_, count)
            self.ratings[id_] = count
            said += [f"{name} has {new} new ratings, and Google shows five reviews of all"] if new > 0 else []
        if google.inner(place, "movedPlaceId"):
            said.append(f"{name} has moved: put its new place id into the source's options")
        return said

    def mention(self, item: Json) -> Mention:
        """Read a review, in the language it was written in."""
        written = item.get("originalText") or item.get("text") or {}
        rating = item.get("rating")
        return Mention(
            external_id=text(item, "name"),
            kind=Kind.REVIEW,
            text=tidy(text_or_none(written, "text") or ""),
            url=https(google.inner(item, "googleMapsUri")),
            published_at=when(item["publishTime"]),
            author=google.inner(item, "authorAttribution", "displayName"),
            stars=float(rating) if type(rating) in (int, float) and 1 <= rating <= 5 else None,
            lang=google.inner(written, "languageCode"),
        )
