"""Discourse: posts by id, forums that hide some, whispers and private categories, and patience in the body."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from html import escape
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.discourse import Discourse
from monitor.connector import Malformed, NotPermitted, Secret, Throttled, Unavailable
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

URL = "https://forum.example"
OPTIONS: dict[str, Any] = {"url": "forum.example"}
KEY: dict[str, Any] = OPTIONS | {"key": Secret("not-to-be-seen"), "username": "listener"}


def instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def post(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th post, one an hour, the tenth now; it opens a topic of its own."""
    at = at or NOW - timedelta(hours=10 - n)
    return {
        "id": n,
        "name": None,
        "username": "Maple",
        "created_at": instant(at),
        "cooked": "<p>Waited four hours.</p>",
        "raw": "Waited four hours.",
        "post_number": 1,
        "post_type": 1,
        "updated_at": instant(NOW),
        "reply_to_post_number": None,
        "topic_id": 100 + n,
        "topic_slug": "waiting",
        "topic_title": "Waiting",
        "category_id": 1,
        "version": 1,
        "actions_summary": [{"id": 2, "count": 3}, {"id": 4, "count": 1}],
        "moderator": False,
        "admin": False,
        "staff": False,
        "hidden": False,
        "deleted_at": None,
        "user_deleted": False,
    } | changes


def latest(posts: list[Any], size: int = 3) -> Any:
    """How a forum pages: below an id, by id, so many."""

    def answer(request: httpx.Request) -> Any:
        before = int(request.url.params.get("before", "1000000"))
        return {"latest_posts": [one for one in posts if one["id"] < before][:size]}

    return answer


def older(posts: list[Any], hidden: set[int], size: int = 3) -> Any:
    """How forums did before: down from an id, and what we may not see is taken out of the page that was filled."""

    def answer(request: httpx.Request) -> Any:
        before = int(request.url.params.get("before", "1000000"))
        page = [one for one in posts if one["id"] <= before][:size]
        return {"latest_posts": [one for one in page if one["id"] not in hidden]}

    return answer


def busy(wait: float | None = 40, **headers: str) -> httpx.Response:
    said = {"errors": ["Of no use"], "error_type": "rate_limit"} | ({"extras": {"wait_seconds": wait}} if wait else {})
    return httpx.Response(429, headers=headers, json=said)


class TestDiscourse(ConnectorContract):
    connector = Discourse
    options: ClassVar = OPTIONS
    refusals: ClassVar = {
        "body": Refusal(name="body", answer=busy(), raises=Throttled, wait=timedelta(seconds=40)),
        "both": Refusal(
            name="both", answer=busy(4, **{"retry-after": "9"}), raises=Throttled, wait=timedelta(seconds=9)
        ),
        "closed": Refusal(
            name="closed",
            answer=httpx.Response(403, json={"errors": ["x"], "error_type": "not_logged_in"}),
            raises=NotPermitted,
        ),
    }

    def raw(self, said: Said) -> Any:
        return post(said.n, said.arrived_at, cooked=f"<p>{escape(said.text)}</p>")

    def unreadable(self, raw: Any) -> Any:
        return raw | {"cooked": None}

    def serve(self, items: Any) -> Traffic:
        return Traffic((f"{URL}/posts.json", latest(list(items))))


class TestDiscourseWithKey(TestDiscourse):
    options: ClassVar = KEY

    def serve(self, items: Any) -> Traffic:
        return Traffic((f"{URL}/site.json", {"categories": []}), (f"{URL}/posts.json", latest(list(items))))


def finds(posts: list[Any], size: int = 3) -> tuple[Any, ...]:
    """A search that gives excerpts, and the posts themselves."""

    def search(request: httpx.Request) -> Any:
        at = (int(request.url.params["page"]) - 1) * size
        hits = [{"id": one["id"], "blurb": "Waited..."} for one in posts[at : at + size]]
        topics = [{"id": one["topic_id"], "title": one["topic_title"]} for one in posts[at : at + size]]
        return {"posts": hits, "topics": topics, "grouped_search_result": {"post_ids": []}}

    def single(request: httpx.Request) -> Any:
        number = int(request.url.path.split("/")[2].removesuffix(".json"))
        return {
            key: value for one in posts if one["id"] == number for key, value in one.items() if key != "topic_title"
        }

    return (
        (f"{URL}/search.json", search),
        (lambda request: request.url.path.startswith("/posts/"), single),
    )


class TestDiscourseSearch(ConnectorContract):
    connector = Discourse
    options: ClassVar = OPTIONS | {"queries": ("practice hospital",)}
    # What a search finds is asked for one by one: one that is gone meanwhile is no reason to stop, so 404 and 410 are
    # tried below, at the search itself.
    refusals: ClassVar = {"404": None, "410": None, "another shape": None}

    def raw(self, said: Said) -> Any:
        return post(said.n, said.arrived_at, cooked=f"<p>{escape(said.text)}</p>")

    def unreadable(self, raw: Any) -> Any:
        return raw | {"cooked": None}

    def serve(self, items: Any) -> Traffic:
        return Traffic(*finds(list(items), 5))


async def polled(traffic: Traffic, cursor: Any = None, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        connector = Discourse(Discourse.Options(**OPTIONS | options), client)
        pages = [page async for page in connector.poll(cursor or {}, FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


def texts(mentions: Any) -> list[str]:
    return sorted(mention.external_id.removeprefix("forum.example/t/") for mention in mentions)


async def test_an_opening_post_and_an_answer_become_mentions():
    answer = post(9, topic_id=108, post_number=4, reply_to_post_number=2, username="Pine")
    _, [reply, opening] = await polled(Traffic((f"{URL}/posts.json", latest([answer, post(8)]))))

    assert (opening.external_id, opening.kind, opening.parent_id) == ("forum.example/t/108/1", Kind.POST, None)
    assert (opening.title, opening.text, opening.author) == ("Waiting", "Waited four hours.", "Maple")
    assert opening.url == "https://forum.example/t/waiting/108/1"
    assert (opening.published_at, opening.engagement, opening.ours) == (NOW - timedelta(hours=2), 3, False)
    assert (reply.kind, reply.parent_id, reply.title) == (Kind.COMMENT, "forum.example/t/108/2", "")


async def test_an_answer_to_nobody_answers_the_opening():
    _, [reply] = await polled(Traffic((f"{URL}/posts.json", latest([post(9, topic_id=108, post_number=4)]))))

    assert reply.parent_id == "forum.example/t/108/1"


@pytest.mark.parametrize(
    "private",
    [
        {"post_type": 4},
        {"post_type": 3},
        {"category_id": None},
        {"hidden": True},
        {"user_deleted": True},
        {"deleted_at": "2026-06-01T00:00:00Z"},
    ],
)
async def test_whispers_and_what_was_taken_away_are_no_mentions(private):
    pages, mentions = await polled(Traffic((f"{URL}/posts.json", latest([post(9, **private), post(8)]))))

    assert texts(mentions) == ["108/1"]
    assert sum(page.skipped for page in pages) == 0


async def test_a_key_shows_no_more_than_the_public_sees():
    site = {"categories": [{"id": 7, "read_restricted": True}, {"id": 1, "read_restricted": False}]}
    traffic = Traffic((f"{URL}/site.json", site), (f"{URL}/posts.json", latest([post(9, category_id=7), post(8)])))
    _, mentions = await polled(traffic, **KEY)

    assert texts(mentions) == ["108/1"]
    assert traffic.requests[1].headers["Api-Key"] == "not-to-be-seen"
    assert traffic.requests[1].headers["Api-Username"] == "listener"


async def test_a_page_with_everything_hidden_is_not_the_end():
    posts = [post(n) for n in range(120, 0, -1)]
    for one in posts:
        one["created_at"] = instant(NOW)
    hidden = set(range(10, 111))
    _, mentions = await polled(Traffic((f"{URL}/posts.json", older(posts, hidden, 50))))

    assert {f"{100 + n}/1" for n in range(111, 121)} <= set(texts(mentions))
    assert {f"{100 + n}/1" for n in range(1, 10)} <= set(texts(mentions))


async def test_our_accounts_are_ours_and_staff_only_where_it_is_said():
    traffic = Traffic((f"{URL}/posts.json", latest([post(9, username="PracticeHosp"), post(8, moderator=True)])))
    _, some = await polled(traffic, own=("@practicehosp",))
    _, both = await polled(traffic, own=("practicehosp",), own_staff=True)

    assert [mention.ours for mention in some] == [True, False]
    assert [mention.ours for mention in both] == [True, True]


class Forum:
    """A forum with a post an hour, polled again and again."""

    def __init__(self, count: int) -> None:
        self.posts = [post(n, NOW - timedelta(minutes=count - n)) for n in range(count, 0, -1)]
        self.cursor: Any = {}
        self.asked: list[str | None] = []

    async def poll(self) -> Any:
        traffic = Traffic((f"{URL}/posts.json", latest(self.posts, 50)))
        pages, mentions = await polled(traffic, self.cursor)
        self.cursor = json.loads(json.dumps(pages[-1].cursor))
        self.asked = [request.url.params.get("before") for request in traffic.requests]
        return {mention.external_id: mention for mention in mentions}


async def test_each_poll_reads_the_newest_page_and_one_of_the_two_hundred_ids_below():
    forum = Forum(1000)
    await forum.poll()
    turns = [(await forum.poll(), forum.asked)[1] for _ in range(4)]

    assert turns == [[None, "950"], [None, "900"], [None, "850"], [None, "950"]]


async def test_a_post_that_waited_for_approval_and_an_edit_are_found_below_the_cursor():
    forum = Forum(1000)
    await forum.poll()
    forum.posts[120] = post(880, NOW, cooked="<p>Edited.</p>", version=2)
    found: dict[str, Any] = {}
    for _ in range(3):
        found |= await forum.poll()

    assert found["forum.example/t/980/1"].text == "Edited."


async def test_another_forum_is_another_walk():
    pages, _ = await polled(Traffic((f"{URL}/posts.json", latest([post(9)]))))
    traffic = Traffic(("https://other.example/posts.json", latest([post(5)])))
    _, mentions = await polled(traffic, pages[-1].cursor, url="other.example")

    assert [mention.external_id for mention in mentions] == ["other.example/t/105/1"]


async def test_a_search_reads_whole_posts_and_each_only_once():
    found = [post(9, cooked="<p>Waited four hours, and nobody came.</p>"), post(8)]
    pages, mentions = await polled(Traffic(*finds(found)), queries=("practice",))
    again = Traffic(*finds([post(12), *found]))
    _, later = await polled(again, pages[-1].cursor, queries=("practice",))

    assert [mention.text for mention in mentions] == ["Waited four hours, and nobody came.", "Waited four hours."]
    assert texts(later) == ["112/1"]
    assert {mention.title for mention in (*mentions, *later)} == {"Waiting"}
    assert len(again.requests) == 2


async def test_what_a_search_found_and_is_gone_meanwhile_does_not_end_the_walk():
    gone = (f"{URL}/posts/9.json", httpx.Response(404, html="<p>x</p>"))
    _, mentions = await polled(Traffic(gone, *finds([post(9), post(8)])), queries=("practice",))

    assert texts(mentions) == ["108/1"]


@pytest.mark.parametrize(("code", "error"), [(404, NotPermitted), (409, Unavailable), (503, Unavailable)])
async def test_a_search_that_is_refused_is_no_empty_one(code, error):
    with pytest.raises(error):
        await polled(Traffic((f"{URL}/search.json", code)), queries=("practice",))


def topic(*posts: Any) -> dict[str, Any]:
    """A topic as it is shown around a place; its posts do not say its title."""
    bare = [{key: value for key, value in one.items() if key not in ("topic_title", "category_id")} for one in posts]
    return {"id": 108, "title": "Waiting", "category_id": 1, "post_stream": {"posts": bare, "stream": []}}


async def test_a_recheck_asks_for_the_place_in_the_topic():
    shown = topic(post(8), post(11, topic_id=108, post_number=3, hidden=True))
    places = {f"{URL}/t/108/{number}.json": shown for number in (1, 2, 3)}
    traffic = Traffic(*places.items(), (f"{URL}/t/109/1.json", 404))
    ids = [f"{host}/t/{place}" for host, place in (
        ("forum.example", "108/1"), ("forum.example", "108/2"), ("forum.example", "108/3"), ("forum.example", "109/1"),
        ("other.example", "108/1"),
    )]  # fmt: skip
    async with traffic.client() as client:
        pages = [page async for page in Discourse(Discourse.Options(**OPTIONS), client).recheck(ids)]

    assert texts(pages[0].mentions) == ["108/1"]
    assert [list(page.gone) for page in pages] == [[], ids[1:2], ids[2:3], ids[3:4]]


async def test_a_recheck_reads_the_same_as_the_walk_did():
    _, before = await polled(Traffic((f"{URL}/posts.json", latest([post(8)]))))
    async with Traffic((f"{URL}/t/108/1.json", topic(post(8)))).client() as client:
        [page] = [
            page async for page in Discourse(Discourse.Options(**OPTIONS), client).recheck(["forum.example/t/108/1"])
        ]

    assert list(page.mentions) == before


async def test_connect_reads_the_forum_first():
    async with Traffic((f"{URL}/posts.json", {"latest_posts": []})).client() as client:
        answers = {"url": "https://forum.example/", "own": "practicehosp"}
        [found] = [one async for one in Discourse.connect.find(answers, client)]

    assert (found.name, found.options) == ("discourse-forum.example", {"own": ["practicehosp"]})


async def test_connect_refuses_what_is_no_forum():
    async with Traffic((f"{URL}/posts.json", "<!DOCTYPE html><p>Welcome</p>")).client() as client:
        with pytest.raises(Malformed):
            [one async for one in Discourse.connect.find({"url": "forum.example"}, client)]


@settings(max_examples=60, deadline=None)
@given(item=spoilt(post(9, post_number=3, reply_to_post_number=2)))
def test_whatever_stands_in_a_post_only_sound_mentions_leave(item):
    page = Discourse(Discourse.Options(**OPTIONS), Traffic().client()).page([item], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
