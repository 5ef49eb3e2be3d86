"""Apple's App Store: the customer reviews of an app, as Apple's public listing has them, a storefront each."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import httpx
from pydantic import BaseModel, field_validator

from connectors.kit import answer
from connectors.kit.rest import STRICT, UNREADABLE, Listings, text, when
from connectors.kit.reviews import Reviews
from monitor.connector import Access, Answers, Ask, Connect, Found, Malformed
from monitor.model import Json, Kind, Mention

_PAGE = re.compile(rb"/page=(\d+)/")
_DEEPEST = 10
"""Apple answers that `page depth is limited to 10`."""


@dataclass(frozen=True, slots=True)
class _Depth:
    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:  # noqa: ARG002
        found = _PAGE.search(url.raw_path)
        number = int(found[1]) + 1 if found else 0
        path = _PAGE.sub(f"/page={number}/".encode(), url.raw_path)
        return url.copy_with(raw_path=path) if items and 1 < number <= _DEEPEST else None


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    name, country = str(answers["name"]), str(answers["country"]).lower()
    url = httpx.URL("https://itunes.apple.com/search", params={"term": name, "entity": "software", "country": country})
    said = answer.read(await answer.ask(client, "GET", url.copy_set_param("limit", 10)))
    try:
        for app in said["results"]:
            id_, shown = str(app["trackId"]), f"{text(app, 'trackName')} by {text(app, 'artistName')}"
            yield Found(name=f"app-store-{id_}", shown=shown, options={"app": id_, "countries": [country]})
    except UNREADABLE:
        raise Malformed(f"{url.host} sent no list of apps: its API has changed") from None


class AppStore(Reviews):
    """A storefront shows at most 500 reviews, newest change first. A page that is suddenly empty is a fault of Apple's and
    no news: see `Reviews`."""

    platform = "app_store"
    access = Access(
        kind="feed",
        sees="the newest 500 reviews of an app in each storefront, with stars and edits",
        blind_to="our replies (app_store_connect sees them); older reviews; deletions; whatever Apple leaves out that day",
        own_replies=False,
        limits="none published; 10 pages of 50 reviews a storefront",
        terms="Apple's terms for its store listings apply: show where a review is from; Apple may end this at any time",
        unconfirmed=("that this listing is filled for every app: since 2026 it is reported to be empty for many",),
    )
    connect = Connect(
        before="1. Nothing to do at Apple. 2. If the app is your own, prefer app_store_connect: it is exact and has replies.",
        asks=(
            Ask(key="name", prompt="Name of the app"),
            Ask(key="country", prompt="Storefront, two letters", default="us"),
        ),
        find=_find,
    )
    paging = _Depth()

    class Options(BaseModel):
        """Which app, by the number in its address, and the storefronts, such as `gb` and `de`."""

        model_config = STRICT
        app: str
        countries: tuple[str, ...]

        @field_validator("app")
        @classmethod
        def _is_a_number(cls, app: str) -> str:
            if not app.isdecimal():
                raise ValueError("is no app: write the number after `id` in its App Store address")
            return app

        @field_validator("countries")
        @classmethod
        def _are_countries(cls, countries: tuple[str, ...]) -> tuple[str, ...]:
            if not countries or not all(re.fullmatch("[A-Za-z]{2}", one) for one in countries):
                raise ValueError("are no storefronts: write two letters for each, such as gb")
            return tuple(one.lower() for one in countries)

    def listings(self) -> Listings:
        return {f"{self.options.app}/{country}": partial(self._listing, country) for country in self.options.countries}

    def _listing(self, country: str, _: datetime) -> httpx.URL:
        path = f"rss/customerreviews/page=1/id={self.options.app}/sortby=mostrecent/json"
        return httpx.URL(f"https://itunes.apple.com/{country}/{path}")

    def listed(self, response: httpx.Response) -> list[Json]:
        """Return the entries, each with the storefront that they do not name. One review stands there without a list."""
        said, url = answer.read(response), response.request.url
        listing = said.get("feed") if isinstance(said, dict) else None
        if not isinstance(listing, dict):
            raise Malformed(f"{url.host} sent no list of reviews: its listing has changed or ended")
        entries = listing.get("entry") or []
        entries = entries if isinstance(entries, list) else [entries]
        country = url.path.split("/")[1]
        return [{**one, "country": country} if isinstance(one, dict) else one for one in entries]

    def arrived(self, item: Json) -> datetime:
        return when(_label(item, "updated"))

    def mention(self, item: Json) -> Mention | None:
        if "im:name" in item:
            return None  # the app itself, which older answers have on top
        return Mention(
            external_id=_label(item, "id"),
            kind=Kind.REVIEW,
            text=_label(item, "content"),
            title=_label_or_none(item, "title") or "",
            url=f"https://apps.apple.com/{item['country']}/app/id{self.options.app}?see-all=reviews",
            published_at=self.arrived(item) if item.get("updated") else self.now(),  # some answers have no dates
            author=_label_or_none(item.get("author"), "name"),
            stars=_stars(_label_or_none(item, "im:rating")),
            engagement=_count(_label_or_none(item, "im:voteCount")),
        )


def _label(item: Json, key: str) -> str:
    """A text is wrapped; where it comes both plain and as HTML, plain goes first."""
    found = item[key]
    return text(found[0] if isinstance(found, list) else found, "label")


def _label_or_none(item: Json, key: str) -> str | None:
    try:
        return _label(item, key) or None
    except UNREADABLE:
        return None


def _stars(said: str | None) -> float | None:
    """A review whose stars cannot be read is still a review."""
    return float(said) if said in {"1", "2", "3", "4", "5"} else None


def _count(said: str | None) -> int | None:
    return int(said) if said and said.isdecimal() and len(said) < 16 else None
