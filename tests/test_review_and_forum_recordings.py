"""Real answers of the smaller platforms, wherever the recordings are: each item is a mention, or knowingly none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.app_store import AppStore
from connectors.discourse import Discourse
from connectors.gdelt import Gdelt
from connectors.hackernews import HackerNews, hit
from connectors.lemmy import Lemmy
from connectors.stackexchange import StackExchange
from connectors.trustpilot import Trustpilot
from connectors.yelp import Yelp
from monitor.connector import Malformed, Secret, Throttled
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
CLIENT = Traffic().client()
KEY = Secret("x")

APP_STORE = AppStore(AppStore.Options(app="1", countries=("gb",)), CLIENT)
DISCOURSE = Discourse(Discourse.Options(url="forum.example"), CLIENT)
GDELT = Gdelt(Gdelt.Options(queries=("practice",)), CLIENT)
HACKERNEWS = HackerNews(HackerNews.Options(queries=("practice",)), CLIENT)
LEMMY = Lemmy(Lemmy.Options(instance="lemmy.example", queries=("practice",)), CLIENT)
STACKEXCHANGE = StackExchange(StackExchange.Options(site="health", queries=("practice",)), CLIENT)
TRUSTPILOT = Trustpilot(Trustpilot.Options(business_unit="5f", api_key=KEY), CLIENT)
YELP = Yelp(Yelp.Options(business="practice", api_key=KEY), CLIENT)

NO_ANSWERS = {
    "schema_": "describes what an answer looks like",
    "openapi": "describes what an answer looks like",
    "docs_posts__posts.json": "describes what an answer looks like",
    "SOURCES": "says where the others are from",
}
"""Recordings that are no answers of a platform, by a part of their name, and what they are."""


def answers(platform: str, *patterns: str) -> list[Path]:
    return [
        path
        for path in recorded(platform, *(patterns or ("*.json",)))
        if not any(one in path.name for one in NO_ANSWERS)
    ]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def response(body: str | bytes, url: str, status: int = 200) -> httpx.Response:
    content = body.encode() if isinstance(body, str) else body
    return httpx.Response(status, content=content, request=httpx.Request("GET", url))


def within(said: Any, wanted: Any) -> Iterator[Any]:
    """Everything in a recording that is what is `wanted`, from the outside in."""
    if isinstance(said, dict) and wanted(said):
        yield said
    elif isinstance(said, dict | list):
        for one in said.values() if isinstance(said, dict) else said:
            yield from within(one, wanted)


def by_name(path: Path) -> str:
    return path.name


def rating(entry: Any) -> float | None:
    label = entry["im:rating"]["label"]
    return float(label) if label in list("12345") else None


@pytest.mark.parametrize("path", answers("app_store"), ids=by_name)
def test_every_entry_of_a_storefront_is_a_review(path):
    said = read(path)
    entries = said["feed"].get("entry", [])
    url = "https://itunes.apple.com/gb/rss/customerreviews/page=1/id=1/sortby=mostrecent/json"
    items = APP_STORE.listed(response(path.read_bytes(), url))
    page = APP_STORE.page(items, EVER)

    assert len(page.mentions) == (len(entries) if isinstance(entries, list) else 1)
    assert page.skipped == 0
    assert all(mention.text and mention.author for mention in page.mentions)
    assert [mention.stars for mention in page.mentions] == [rating(one) for one in items]


def is_post(said: Any) -> bool:
    return {"id", "cooked", "topic_id", "post_number", "username"} <= said.keys()


@pytest.mark.parametrize("path", answers("discourse"), ids=by_name)
def test_every_post_of_a_forum_is_read_or_knowingly_left_out(path):
    posts = list(within(read(path), is_post))
    page = DISCOURSE.page(posts, EVER)
    left_out = [one for one in posts if one.get("post_type", 1) != 1 or one.get("hidden") or one.get("deleted_at")]

    assert len(page.mentions) == len(posts) - len(left_out)
    assert page.skipped == 0
    assert not any("<p>" in mention.text for mention in page.mentions)


@pytest.mark.parametrize("path", answers("gdelt", "*artlist*.json"), ids=by_name)
def test_every_article_with_a_time_is_read(path):
    articles = GDELT.listed(response(path.read_bytes(), "https://api.gdeltproject.org/api/v2/doc/doc"))
    page = GDELT.page(articles, EVER)

    assert [mention.url for mention in page.mentions] == [one["url"] for one in articles if one["seendate"]]
    assert page.skipped == len([one for one in articles if not one["seendate"]])
    assert all(mention.lang for mention in page.mentions)


@pytest.mark.parametrize("path", answers("gdelt", "*error*.json"), ids=by_name)
def test_every_sentence_of_gdelt_is_the_error_that_it_means(path):
    for case in read(path)["cases"]:
        answer = response(case["body"], "https://api.gdeltproject.org/api/v2/doc/doc", case["status"])
        if case["body"] == "{}":
            assert GDELT.listed(answer) == []
        elif case["status"] == 429:
            assert isinstance(GDELT.explain(answer), Throttled)
        else:
            with pytest.raises((Malformed, Throttled)) as refusal:
                GDELT.listed(answer)
            assert "no data" not in str(refusal.value), "its sentence was not recognised"


def is_hit(said: Any) -> bool:
    return {"objectID", "created_at_i"} <= said.keys()


def is_thing(said: Any) -> bool:
    return {"id", "time", "type"} <= said.keys()


@pytest.mark.parametrize("path", answers("hackernews"), ids=by_name)
def test_every_hit_and_item_of_hacker_news_is_read_or_gone(path):
    said = read(path)
    items = [*within(said, is_hit), *(hit(one) for one in within(said, is_thing))]
    page = HACKERNEWS.page(items, EVER)
    gone = [one for one in items if one.get("deleted") or one.get("dead")]

    assert len(page.mentions) == len(items) - len(gone)
    assert page.skipped == 0
    assert bool(items) or not isinstance(said, dict)


@pytest.mark.parametrize("path", answers("stackexchange"), ids=by_name)
def test_every_item_of_stack_exchange_is_read(path):
    items = STACKEXCHANGE.listed(response(path.read_bytes(), "https://api.stackexchange.com/2.3/questions"))
    page = STACKEXCHANGE.page(items, EVER)

    assert items
    assert (len(page.mentions), page.skipped) == (len(items), 0)
    assert all(mention.title and mention.author and mention.url for mention in page.mentions)


@pytest.mark.parametrize("path", answers("lemmy"), ids=by_name)
def test_every_post_of_lemmy_is_read(path):
    items = LEMMY.listed(response(path.read_bytes(), "https://lemmy.example/api/v3/search"))
    page = LEMMY.page(items, EVER)

    assert items
    assert (len(page.mentions), page.skipped) == (len(items), 0)
    assert not any("<b>" in mention.text for mention in page.mentions)


def is_review(said: Any) -> bool:
    return {"id", "stars", "createdAt"} <= said.keys()


@pytest.mark.parametrize("path", answers("trustpilot"), ids=by_name)
def test_every_review_that_trustpilot_tells_is_read(path):
    items = list(within(read(path), is_review))
    page = TRUSTPILOT.page(items, EVER)

    assert items
    assert (len(page.mentions), page.skipped) == (len(items), 0)
    assert all(mention.text and mention.author for mention in page.mentions)


def is_excerpt(said: Any) -> bool:
    return {"id", "text", "rating", "time_created"} <= said.keys()


@pytest.mark.parametrize("path", answers("yelp"), ids=by_name)
def test_every_excerpt_of_yelp_is_read(path):
    items = list(within(read(path), is_excerpt))
    page = YELP.page(items, EVER)

    assert bool(items) == ("review" in path.name)  # the others are businesses
    assert (len(page.mentions), page.skipped) == (len(items), 0)
