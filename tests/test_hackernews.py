"""Hacker News: slices of a search, comments under the stories it found, and what is gone."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from html import escape
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.hackernews import HackerNews
from monitor.connector import Malformed, NotPermitted, Unavailable
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

SEARCH = "https://hn.algolia.com/api/v1/search_by_date"
TRUTH = "https://hacker-news.firebaseio.com/v0/item"
OPTIONS: dict[str, Any] = {"queries": ('"Practice Hospital"',)}


def hit(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th story, one an hour, the tenth now."""
    at = at or NOW - timedelta(hours=10 - n)
    return {
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "title": "Practice Hospital opens its data",
        "url": "https://practice.example/data",
        "author": "maple",
        "points": 3,
        "story_text": None,
        "comment_text": None,
        "num_comments": 1,
        "story_id": None,
        "story_title": None,
        "story_url": None,
        "parent_id": None,
        "created_at_i": int(at.timestamp()),
        "_tags": ["story", "author_maple", f"story_{n}"],
        "objectID": str(n),
        "_highlightResult": {"title": {"value": "<em>Practice</em> Hospital", "matchLevel": "full"}},
    } | changes


def comment(n: int, at: datetime | None = None, story: int = 1, **changes: Any) -> dict[str, Any]:
    """The n-th comment, as newer answers have it: what it has not is not there."""
    made = hit(n, at, comment_text="Waited four hours.", _tags=["comment", "author_maple", f"story_{story}"])
    for key in ("title", "url", "story_text", "points", "num_comments"):
        del made[key]
    return made | {"story_id": story, "parent_id": story, "story_title": "Practice Hospital"} | changes


def search(hits: list[Any], size: int = 3) -> Any:
    """How the search answers: newest first, within the numeric filters, with the tags, so many and no more."""

    def answer(request: httpx.Request) -> Any:
        wanted = request.url.params
        tags = wanted["tags"]
        stories = set(re.findall(r"story_(\d+)", tags))
        found = [one for one in hits if _within(one, wanted["numericFilters"])]
        if stories:
            found = [one for one in found if "comment" in (one["_tags"] or ()) and str(one.get("story_id")) in stories]
        elif author := re.match(r"author_(\w+),", tags):
            found = [one for one in found if one.get("author") == author[1]]
        else:
            found = [one for one in found if "elsewhere" not in one]
        return {"hits": found[:size], "nbHits": len(found), "page": 0, "nbPages": 1, "hitsPerPage": size}

    return answer


def _within(one: Any, filters: str) -> bool:
    at = one.get("created_at_i")
    if not isinstance(at, int):
        return True
    limits = {sign: int(value) for sign, value in re.findall(r"created_at_i([<>]=)(\d+)", filters)}
    return limits[">="] <= at <= limits.get("<=", at)


class TestHackerNews(ConnectorContract):
    connector = HackerNews
    options: ClassVar = OPTIONS
    refusals: ClassVar = {
        "bad query": Refusal(
            name="bad query",
            answer=httpx.Response(400, json={"message": "invalid numeric attribute(x)", "status": 400}),
            raises=Malformed,
        ),
        "not found": Refusal(
            name="not found",
            answer=httpx.Response(404, json={"status": 404, "error": "Not Found"}),
            raises=NotPermitted,
        ),
    }

    def raw(self, said: Said) -> Any:
        return hit(said.n, said.arrived_at, story_text=f"<p>{escape(said.text)}")

    def unreadable(self, raw: Any) -> Any:
        return {"objectID": raw["objectID"], "created_at_i": raw["created_at_i"], "_tags": None}

    def serve(self, items: Any) -> Traffic:
        return Traffic((SEARCH, search(list(items))))


class TestHackerNewsComments(TestHackerNews):
    def raw(self, said: Said) -> Any:
        return comment(said.n, said.arrived_at, comment_text=escape(said.text).replace("&quot;", "&#x22;"))


async def polled(traffic: Traffic, cursor: Any = None, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        connector = HackerNews(HackerNews.Options(**options or OPTIONS), client, now=lambda: NOW)
        pages = [page async for page in connector.poll(cursor or {}, FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


def ids(mentions: Any) -> list[str]:
    return sorted({mention.external_id for mention in mentions}, key=int)


async def test_a_story_becomes_a_mention():
    _, [said] = await polled(Traffic((SEARCH, search([hit(9)]))))

    assert (said.external_id, said.kind, said.author, said.ours) == ("9", Kind.POST, "maple", False)
    assert said.title == "Practice Hospital opens its data"
    assert said.text == "https://practice.example/data"
    assert said.url == "https://news.ycombinator.com/item?id=9"
    assert (said.published_at, said.engagement, said.parent_id) == (NOW - timedelta(hours=1), 4, None)


async def test_a_comment_is_plain_text_and_knows_what_it_answers():
    said = comment(9, comment_text='It&#x27;s slow.<p>See <a href="x">this</a> &amp; that', parent_id=77)
    _, [mention] = await polled(Traffic((SEARCH, search([said]))))

    assert (mention.kind, mention.parent_id, mention.title) == (Kind.COMMENT, "77", "")
    assert mention.text == "It's slow.\nSee this & that"


async def test_the_search_is_for_the_words_as_they_are():
    traffic = Traffic((SEARCH, search([])))
    await polled(traffic)
    [request] = traffic.requests

    assert request.url.params["query"] == '"Practice Hospital"'
    assert (request.url.params["typoTolerance"], request.url.params["queryType"]) == ("false", "prefixNone")
    assert request.url.params["numericFilters"] == f"created_at_i>={int(FLOOR.timestamp())}"


async def test_more_than_a_search_shows_is_read_in_slices():
    hits = [hit(n) for n in range(20, 0, -1)]
    traffic = Traffic((SEARCH, search(hits, 5)))
    _, mentions = await polled(traffic)

    assert ids(mentions) == [str(n) for n in range(1, 21)]
    assert all("page" not in request.url.params for request in traffic.requests)


async def test_a_second_that_is_fuller_than_a_page_does_not_hold_the_walk():
    hits = [hit(n, NOW) for n in range(12, 5, -1)] + [hit(n) for n in range(5, 0, -1)]
    _, mentions = await polled(Traffic((SEARCH, search(hits, 5))))

    assert {"1", "2", "3", "4", "5"} <= set(ids(mentions))


async def test_a_search_goes_back_two_hours():
    first, _ = await polled(Traffic((SEARCH, search([comment(9)]))))
    again = Traffic((SEARCH, search([])))
    await polled(again, first[-1].cursor)

    since = int((NOW - timedelta(hours=3)).timestamp())
    assert [request.url.params["numericFilters"] for request in again.requests] == [f"created_at_i>={since}"]


async def test_a_clock_that_runs_ahead_does_not_move_the_cursor():
    pages, _ = await polled(Traffic((SEARCH, search([hit(9, NOW + timedelta(days=400)), hit(8)]))))

    assert pages[-1].cursor['search:"Practice Hospital"'] == NOW.isoformat()


async def test_an_edit_is_seen():
    first, before = await polled(Traffic((SEARCH, search([comment(9)]))))
    _, after = await polled(Traffic((SEARCH, search([comment(9, comment_text="Edited.")]))), first[-1].cursor)

    assert [mention.text for mention in (*before, *after)] == ["Waited four hours.", "Edited."]


async def test_comments_that_do_not_name_us_are_found_under_a_story_that_does():
    under = comment(8, story=5, elsewhere=True)
    first, mentions = await polled(Traffic((SEARCH, search([under, hit(5)]))))
    assert ids(mentions) == ["5", "8"]

    late = comment(30, NOW + timedelta(hours=1), story=5, elsewhere=True)
    traffic = Traffic((SEARCH, search([late, under, hit(5)])))
    _, mentions = await polled(traffic, json.loads(json.dumps(first[-1].cursor)))
    assert "30" in ids(mentions)
    assert len(traffic.requests) == 2


async def test_a_story_counts_as_known_only_once_its_comments_were_read():
    hits = [comment(8, story=5, elsewhere=True), hit(5)]
    down = Traffic(
        (lambda request: "story_" in request.url.params["tags"], httpx.Response(500)), (SEARCH, search(hits))
    )
    pages = []
    async with down.client() as client:
        connector = HackerNews(HackerNews.Options(**OPTIONS), client, now=lambda: NOW)
        with pytest.raises(Unavailable):
            async for page in connector.poll({}, FLOOR):
                pages += [page]

    assert ids([mention for page in pages for mention in page.mentions]) == ["5"]
    assert [page.cursor for page in pages if page.cursor] == []


async def test_no_more_than_fifty_stories_are_remembered():
    hits = [hit(n, NOW - timedelta(minutes=100 - n)) for n in range(80, 0, -1)]
    pages, _ = await polled(Traffic((SEARCH, search(hits, 40))))

    assert pages[-1].cursor["stories"] == [str(n) for n in range(80, 30, -1)]


async def test_our_own_words_are_ours_and_found_without_our_name_in_them():
    ours = comment(9, author="practicehosp", elsewhere=True)
    _, [said] = await polled(Traffic((SEARCH, search([ours]))), queries=('"Practice"',), own=("practicehosp",))

    assert said.ours


async def test_what_is_left_of_a_deleted_comment_is_no_mention():
    deleted = comment(9, comment_text=None, author=None)
    pages, mentions = await polled(Traffic((SEARCH, search([deleted, comment(8)]))))

    assert ids(mentions) == ["8"]
    assert sum(page.skipped for page in pages) == 0


async def test_a_recheck_asks_hacker_news_itself():
    alive = {"by": "maple", "id": 1, "parent": 7, "text": "It&#x27;s better.", "time": 1780315200, "type": "comment"}
    story = {"by": "maple", "id": 2, "score": 9, "time": 1780315200, "title": "Practice", "type": "story"}
    traffic = Traffic(
        (f"{TRUTH}/1.json", alive),
        (f"{TRUTH}/2.json", story),
        (f"{TRUTH}/3.json", {"id": 3, "parent": 1, "time": 1780315200, "type": "comment", "deleted": True}),
        (f"{TRUTH}/4.json", {**alive, "id": 4, "dead": True}),
        (f"{TRUTH}/5.json", "null"),
        (f"{TRUTH}/6.json", ["odd"]),
    )
    async with traffic.client() as client:
        pages = [page async for page in HackerNews(HackerNews.Options(**OPTIONS), client).recheck(list("123456"))]

    assert [[mention.text for mention in page.mentions] for page in pages[:2]] == [["It's better."], [""]]
    assert pages[0].mentions[0].parent_id == "7"
    assert [list(page.gone) for page in pages] == [[], [], ["3"], ["4"], ["5"], []]


async def test_a_recheck_reads_the_same_as_the_search_did():
    _, [before] = await polled(Traffic((SEARCH, search([hit(9)]))))
    told = hit(9)
    item = {"id": 9, "type": "story", "by": "maple", "time": told["created_at_i"], "descendants": 1, "score": 3}
    async with Traffic((f"{TRUTH}/9.json", item | {"title": told["title"], "url": told["url"]})).client() as client:
        [page] = [page async for page in HackerNews(HackerNews.Options(**OPTIONS), client).recheck(["9"])]

    assert list(page.mentions) == [before]


async def test_connect_tries_the_searches():
    async with Traffic((SEARCH, search([]))).client() as client:
        [found] = [one async for one in HackerNews.connect.find({"queries": '"Practice", "Maple Clinic"'}, client)]

    assert HackerNews.Options(**found.options).queries == ('"Practice"', '"Maple Clinic"')


async def test_connect_refuses_no_search_at_all():
    async with Traffic().client() as client:
        with pytest.raises(Malformed, match="set queries"):
            [one async for one in HackerNews.connect.find({"queries": " "}, client)]


@settings(max_examples=60, deadline=None)
@given(item=spoilt(hit(9)), said=spoilt(comment(8)))
def test_whatever_stands_in_a_hit_only_sound_mentions_leave(item, said):
    page = HackerNews(HackerNews.Options(**OPTIONS), Traffic().client()).page([item, said], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
