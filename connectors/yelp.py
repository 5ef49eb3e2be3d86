"""Yelp: excerpts of the newest reviews of a business, as its Places API gives them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
from pydantic import BaseModel, Field, field_validator

from connectors.kit import answer
from connectors.kit.auth import Bearer
from connectors.kit.budget import Budget
from connectors.kit.rest import STRICT, UNREADABLE, Rest, text, text_or_none, zoned
from connectors.kit.text import https
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
    PollError,
    Secret,
    Throttled,
)  # fmt: skip
from monitor.model import Json, Kind, Mention

_API = "https://api.yelp.com/v3/businesses"
_PACIFIC = ZoneInfo("America/Los_Angeles")
"""Yelp's times have no zone: they are those of California."""
_BREATH = timedelta(seconds=10)
_LOCALE = re.compile("[a-z]{2,3}_[A-Z]{2}")


async def _find(answers: Answers, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    key, params = answers["api_key"], {"term": str(answers["name"]), "location": str(answers["place"])}
    assert isinstance(key, Secret)
    url = httpx.URL(f"{_API}/search", params=params | {"limit": "10"})
    said = answer.read(await answer.ask(client, "GET", url, auth=Bearer(key), explain=explain))
    try:
        for one in said["businesses"]:
            where = ", ".join((one.get("location") or {}).get("display_address") or ())
            name, shown = text_or_none(one, "alias") or text(one, "id"), f"{text(one, 'name')}, {where}".rstrip(", ")
            yield Found(
                name=f"yelp-{name}", shown=shown, options={"business": text(one, "id")}, location=text(one, "name")
            )
    except UNREADABLE:
        raise Malformed(f"{url.host} sent no list of businesses: its API has changed") from None


class Yelp(Rest):
    """There is nothing to walk: each poll asks for the newest few reviews, one request for each locale, and the store
    knows which are new. The cursor holds only how many of the day's requests are spent."""

    platform = "yelp"
    access = Access(
        kind="licensed",
        sees="excerpts of about 160 letters of the newest 3 to 7 reviews in each locale, with stars",
        blind_to="whole texts; older reviews; what Yelp does not recommend; replies of owners; deletions; other languages",
        own_replies=False,
        needs="an API key; whether reviews are in it depends on the plan",
        costs="a trial of 30 days, then a paid plan",
        limits="the requests a day of the plan, 300 in the trial",
        terms="nothing but ids may be kept longer than 24 hours; ratings are not to be analysed, summed up, or mixed with those"
        " of others; shown only with Yelp's stars, logo and link",
        unconfirmed=("how many excerpts each plan has, and that sort_by=newest is allowed in all",),
        retention=timedelta(hours=24),
    )
    connect = Connect(
        before="1. Have Yelp's 24-hour rule accepted by whoever answers for data here. 2. At yelp.com/developers make an app,"
        " start the trial or choose a plan with reviews. 3. Copy the API key.",
        asks=(
            Ask(key="api_key", prompt="API key", secret=True),
            Ask(key="name", prompt="Name of the business"),
            Ask(key="place", prompt="Town or address"),
        ),
        keeps=("api_key",),
        find=_find,
    )
    items = ("reviews",)

    class Options(BaseModel):
        """Which business, by id or alias, and in which `locales`: a review is seen in its own language only. `daily` is how
        many requests a day the plan has for this source."""

        model_config = STRICT
        business: str
        api_key: Secret
        locales: tuple[str, ...] = ("en_US",)
        daily: int = Field(default=250, ge=1)

        @field_validator("locales")
        @classmethod
        def _are_locales(cls, locales: tuple[str, ...]) -> tuple[str, ...]:
            if not locales or not all(map(_LOCALE.fullmatch, locales)):
                raise ValueError("are no locales: write them as en_US")
            return locales

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Ask for the newest reviews in each locale, as long as the day's requests last."""
        budget, started, host = Budget(name="Yelp requests", limit=self.options.daily), self.now(), httpx.URL(_API).host
        spent, count = cursor.get("budget"), len(self.options.locales)
        if budget.left(spent, started) < count:
            wait = budget.wait(started)
            raise Throttled(
                f"{host}: the requests of the day are spent: raise daily in the options, or poll less often", wait
            )
        spent = budget.spend(spent, started, count)
        yield Page(cursor={"budget": spent})
        warnings = [warning] if (warning := budget.warning(spent, started)) else []
        for locale in self.options.locales:
            response = await self.ask(self._reviews(locale))
            items, total = self.listed(response), answer.read(response).get("total")
            if total and not items:
                warnings.append(_withheld(host, locale))
            yield self.page([{**one, "locale": locale} if isinstance(one, dict) else one for one in items], floor)
        yield Page(cursor={"budget": spent}, warnings=tuple(warnings))

    def _reviews(self, locale: str) -> httpx.URL:
        params = {"locale": locale, "limit": 50, "sort_by": "newest"}
        return httpx.URL(f"{_API}/{quote(self.options.business, safe='')}/reviews", params=params)

    def sign(self) -> httpx.Auth:
        return Bearer(self.options.api_key)

    def explain(self, response: httpx.Response) -> PollError | None:
        return explain(response)

    def mention(self, item: Json) -> Mention | None:
        return Mention(
            external_id=text(item, "id"),
            kind=Kind.REVIEW,
            text=text_or_none(item, "text") or "",
            url=https(text_or_none(item, "url")),
            published_at=zoned(text(item, "time_created"), _PACIFIC),
            author=text_or_none(item.get("user") or {}, "name"),
            stars=None if item.get("rating") is None else float(item["rating"]),
            lang=str(item.get("locale", "")).partition("_")[0] or None,
        )


def explain(response: httpx.Response) -> PollError | None:
    """What a refusal means: Yelp says it in `error.code`, and 400 is also what it answers to a missing key."""
    host = response.request.url.host
    try:
        error = response.json()["error"]
        code, field = text(error, "code"), str(error.get("field"))
    except UNREADABLE:
        return None
    if code == "VALIDATION_ERROR" and field.lower() == "authorization":
        code = "TOKEN_MISSING"
    meaning: dict[str, PollError] = {
        "TOKEN": AuthRejected(f"{host} does not take the key: run `wellheard connect yelp` again"),
        "UNAUTHORIZED": AuthRejected(f"{host} does not take the key: run `wellheard connect yelp` again"),
        "TOO": Throttled(f"{host} was asked too quickly", _BREATH),
        "ACCESS": Throttled(f"{host}: the plan's requests of the day are spent", _until_reset(response.headers)),
        "BUSINESS": NotPermitted(
            f"{host} shows no such business: check business in the source's options{_moved(error)}"
        ),
    }
    return meaning.get(code.partition("_")[0])


def _until_reset(headers: httpx.Headers) -> timedelta | None:
    """Yelp's own header names the moment; it is counted from the answer's own date."""
    return answer.patience(
        httpx.Headers({"ratelimit-reset": headers.get("ratelimit-resettime", ""), "date": headers.get("date", "")})
    )


def _moved(error: Json) -> str:
    """Businesses are merged; the error then has the id of the one that is left."""
    id_ = error.get("new_business_id")
    return f", where it is now {id_}" if isinstance(id_, str) and re.fullmatch(r"[\w-]{1,64}", id_) else ""


def _withheld(host: str, locale: str) -> str:
    return f"{host}: there are reviews, and none of them for this key in {locale}: look at the plan and at locales"
