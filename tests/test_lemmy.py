"""Lemmy: two generations of its API, names that hold everywhere, and comments that come late or were taken away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.lemmy import Lemmy
from monitor.connector import AuthRejected, Malformed, Secret, Throttled
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

HOME = "https://lemmy.example"
V3, V4 = f"{HOME}/api/v3", f"{HOME}/api/v4"
SITE = {"site_view": {}, "all_languages": [{"id": 0, "code": "und"}, {"id": 37, "code": "en"}]}
OLD = ((f"{V4}/site", 404), (f"{V3}/site", SITE))
NEW = ((f"{V4}/site", SITE),)
OPTIONS: dict[str, Any] = {"instance": "lemmy.example", "queries": ("practice hospital",)}
MAPLE = {"id": 7, "name": "maple", "actor_id": "https://far.example/u/maple"}


def instant(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def post(n: int, at: datetime | None = None, comments: int = 0, **changes: Any) -> dict[str, Any]:
    """The n-th post, one an hour, the tenth now, as 0.19 has it."""
    at = at or NOW - timedelta(hours=10 - n)
    made = {
        "id": n,
        "name": f"Waiting, the {n}th",
        "body": "Four hours, **really**.",
        "ap_id": f"{HOME}/post/{n}",
        "creator_id": 7,
        "published": instant(at),
        "removed": False,
        "deleted": False,
        "language_id": 37,
    } | changes
    counts = {"post_id": n, "comments": comments, "score": 3, "upvotes": 4, "downvotes": 1, "published": instant(at)}
    return {"post": made, "creator": MAPLE, "community": {"name": "health"}, "counts": counts}


def comment(n: int, at: datetime | None = None, to: int = 1, path: str = "", **changes: Any) -> dict[str, Any]:
    at = at or NOW - timedelta(hours=10 - n)
    made = {
        "id": n,
        "content": "Nobody came.",
        "ap_id": f"https://far.example/comment/{n}",
        "post_id": to,
        "path": path or f"0.{n}",
        "published": instant(at),
        "removed": False,
        "deleted": False,
        "language_id": 0,
    } | changes
    counts = {"comment_id": n, "score": 1, "upvotes": 1, "downvotes": 0}
    return {"comment": made, "post": post(to)["post"], "creator": MAPLE, "community": {}, "counts": counts}


def fresh(item: dict[str, Any]) -> dict[str, Any]:
    """An item as 1.0 has it: other names, the counts in the thing itself."""
    made = {key: dict(value) for key, value in item.items()}
    counts = made.pop("counts")
    for thing in (made[key] for key in ("post", "comment") if key in made):
        thing["published_at"] = thing.pop("published", None)
    made["comment" if "comment" in made else "post"] |= {k: counts[k] for k in ("score", "upvotes", "downvotes")}
    if "comment" not in made:
        made["post"]["comments"] = counts["comments"]
    made["creator"]["ap_id"] = made["creator"].pop("actor_id")
    return made | {"type_": "comment" if "comment" in made else "post"}  # type: ignore[dict-item]


def listing(items: list[Any], size: int = 3) -> Any:
    """How 0.19 pages a search: by number, posts and comments beside each other."""

    def answer(request: httpx.Request) -> Any:
        at = (int(request.url.params.get("page", "1")) - 1) * size
        page = items[at : at + size]
        return {
            "type_": "All",
            "posts": [one for one in page if "comment" not in one],
            "comments": [one for one in page if "comment" in one],
            "communities": [],
            "users": [],
        }

    return answer


def paged(items: list[Any], size: int = 3) -> Any:
    """How 1.0 pages: by an opaque cursor."""

    def answer(request: httpx.Request) -> Any:
        at = int(request.url.params.get("page_cursor", "P0").removeprefix("P"))
        more = {"next_page": f"P{at + size}"} if at + size < len(items) else {}
        return {"items": items[at : at + size], **more}

    return answer


NOTHING_OLD = (f"{V3}/comment/list", {"comments": []})
NOTHING_NEW = (f"{V4}/comment/list", {"items": []})


class TestLemmyOld(ConnectorContract):
    connector = Lemmy
    options: ClassVar = OPTIONS
    refusals: ClassVar = {
        "log-in": Refusal(
            name="log-in", answer=httpx.Response(400, json={"error": "not_logged_in"}), raises=AuthRejected
        ),
        "patience": Refusal(
            name="patience", answer=httpx.Response(400, json={"error": "rate_limit_error"}), raises=Throttled
        ),
    }

    def raw(self, said: Said) -> Any:
        return post(said.n, said.published_at, body=said.text)

    def unreadable(self, raw: Any) -> Any:
        return {"post": {"id": raw["post"]["id"], "published": None}}

    def serve(self, items: Any) -> Traffic:
        return Traffic(*OLD, (f"{V3}/search", listing(list(items))), NOTHING_OLD)


class TestLemmyComments(TestLemmyOld):
    def raw(self, said: Said) -> Any:
        return comment(said.n, said.published_at, content=said.text)

    def unreadable(self, raw: Any) -> Any:
        return {"comment": {"id": raw["comment"]["id"], "published": None}}


class TestLemmyNew(TestLemmyOld):
    def raw(self, said: Said) -> Any:
        return fresh(super().raw(said))

    def unreadable(self, raw: Any) -> Any:
        return {"type_": "post", "post": {"id": raw["post"]["id"], "published_at": None}}

    def serve(self, items: Any) -> Traffic:
        return Traffic(*NEW, (f"{V4}/search", paged(list(items))), NOTHING_NEW)


class TestLemmyCommunity(TestLemmyOld):
    options: ClassVar = {"instance": "lemmy.example", "communities": ("health",), "token": Secret("not-to-be-seen")}

    def serve(self, items: Any) -> Traffic:
        def answer(request: httpx.Request) -> Any:
            said = paged(list(items))(request)
            return {"posts": said["items"], "next_page": said.get("next_page")}

        return Traffic(*OLD, (f"{V3}/post/list?community_name=health", answer), NOTHING_OLD)


async def polled(traffic: Traffic, cursor: Any = None, now: datetime = NOW, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        connector = Lemmy(Lemmy.Options(**OPTIONS | options), client, now=lambda: now)
        pages = [page async for page in connector.poll(cursor or {}, FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


def old(*items: Any) -> Traffic:
    return Traffic(*OLD, (f"{V3}/search", listing(list(items))), NOTHING_OLD)


async def test_a_post_becomes_a_mention():
    _, [said] = await polled(old(post(9)))

    assert (said.external_id, said.url) == ("https://lemmy.example/post/9", "https://lemmy.example/post/9")
    assert (said.kind, said.title, said.text) == (Kind.POST, "Waiting, the 9th", "Four hours, **really**.")
    assert (said.author, said.lang, said.engagement) == ("maple@far.example", "en", 5)
    assert (said.published_at, said.ours, said.parent_id) == (NOW - timedelta(hours=1), False, None)


async def test_both_generations_say_the_same():
    items = [post(9, comments=2), comment(8, path="0.3.8")]
    _, before = await polled(old(*items))
    made = Traffic(*NEW, (f"{V4}/search", paged([fresh(one) for one in items])), NOTHING_NEW)
    _, after = await polled(made)

    assert before == after
    assert len(after) == 2


async def test_a_comment_knows_what_it_answers():
    items = [comment(9, path="0.8.9"), comment(8), comment(7, path="0.5.7")]
    _, mentions = await polled(old(*items))

    assert [mention.parent_id for mention in mentions] == [
        "https://far.example/comment/8",
        "https://lemmy.example/post/1",
        "https://lemmy.example/comment/5",
    ]
    assert {(mention.kind, mention.lang) for mention in mentions} == {(Kind.COMMENT, None)}


async def test_a_time_without_a_zone_is_utc():
    _, [said] = await polled(old(post(9, published="2026-05-31T13:37:00.123456")))

    assert said.published_at == datetime(2026, 5, 31, 13, 37, 0, 123456, UTC)


async def test_an_empty_page_that_names_a_next_one_is_not_the_end():
    pages = {"": {"items": [], "next_page": "P1"}, "P1": {"items": [fresh(post(9))]}}
    traffic = Traffic(
        *NEW, (f"{V4}/search", lambda request: pages[request.url.params.get("page_cursor", "")]), NOTHING_NEW
    )
    _, mentions = await polled(traffic)

    assert len(mentions) == 1


async def test_communities_and_people_that_a_search_finds_are_no_mentions():
    others = [{"type_": "community", "community": {}}, {"type_": "person", "person": {}}]
    pages, mentions = await polled(Traffic(*NEW, (f"{V4}/search", paged([*others, fresh(post(9))])), NOTHING_NEW))

    assert len(mentions) == 1
    assert sum(page.skipped for page in pages) == 0


@pytest.mark.parametrize("flag", ["deleted", "removed"])
async def test_what_was_taken_away_is_gone(flag):
    pages, mentions = await polled(
        old(post(9, body="", **{flag: True}), comment(8, content="", **{flag: True}), post(7))
    )

    assert [mention.external_id for mention in mentions] == ["https://lemmy.example/post/7"]
    assert [id_ for page in pages for id_ in page.gone] == [
        "https://lemmy.example/post/9",
        "https://far.example/comment/8",
    ]


async def test_our_account_is_ours_wherever_its_home_is():
    _, [said] = await polled(old(post(9)), own=("@Maple@far.example",))

    assert said.ours


async def test_an_edit_is_seen_for_a_day_once_an_hour():
    pages, _ = await polled(old(post(10), post(1)))
    cursor = json.loads(json.dumps(pages[-1].cursor))
    shallow = old(*(post(n) for n in range(10, 0, -1)))
    await polled(shallow, cursor)
    deep = old(*(post(n) for n in range(10, 1, -1)), post(1, body="Edited."))
    _, mentions = await polled(deep, cursor, NOW + timedelta(hours=1))

    assert sum("/search" in request.url.path for request in shallow.requests) == 2
    assert "Edited." in {mention.text for mention in mentions}


async def test_a_date_ahead_does_not_move_the_cursor():
    pages, _ = await polled(old(post(9, NOW + timedelta(days=400))))

    assert pages[-1].cursor["search:practice hospital"] == NOW.isoformat()


async def test_late_comments_that_do_not_name_us_are_found_under_a_post_that_does():
    pages, _ = await polled(old(post(9)))
    late = comment(99, NOW + timedelta(minutes=30), to=9, content="Same here.")
    traffic = Traffic(
        *OLD, (f"{V3}/search", listing([post(9, comments=1)])), (f"{V3}/comment/list?post_id=9", listing([late]))
    )
    _, mentions = await polled(traffic, json.loads(json.dumps(pages[-1].cursor)), NOW + timedelta(hours=1))

    assert "Same here." in {mention.text for mention in mentions}


async def test_another_instance_is_another_walk():
    pages, _ = await polled(old(post(9)))
    cursor = pages[-1].cursor | {"instance": "https://other.example"}
    again = old(*(post(n) for n in range(10, 0, -1)))
    _, mentions = await polled(again, cursor)

    assert len({mention.external_id for mention in mentions}) == 10


async def test_what_speaks_neither_api_is_no_empty_instance():
    with pytest.raises(Malformed, match="neither API"):
        await polled(Traffic((lambda request: "/site" in request.url.path, 404)))


async def test_a_recheck_asks_the_instance_for_what_it_is_home_to():
    traffic = Traffic(
        *OLD,
        (f"{V3}/post?id=1", {"post_view": post(1, body="Edited.")}),
        (f"{V3}/post?id=2", httpx.Response(404, json={"error": "couldnt_find_post"})),
        (f"{V3}/comment?id=3", {"comment_view": comment(3, ap_id=f"{HOME}/comment/3", deleted=True)}),
    )
    ids = [f"{HOME}/post/1", f"{HOME}/post/2", f"{HOME}/comment/3", "https://far.example/comment/4"]
    async with traffic.client() as client:
        pages = [page async for page in Lemmy(Lemmy.Options(**OPTIONS), client).recheck(ids)]

    assert [[mention.text for mention in page.mentions] for page in pages] == [["Edited."], [], []]
    assert [list(page.gone) for page in pages] == [[], ids[1:2], ids[2:3]]


async def test_connect_tries_the_searches():
    async with old().client() as client:
        answers = {"instance": "lemmy.example", "queries": "practice hospital", "own": ""}
        [found] = [one async for one in Lemmy.connect.find(answers, client)]

    assert (found.name, found.options) == ("lemmy-lemmy.example", {"queries": ["practice hospital"], "own": []})


@settings(max_examples=60, deadline=None)
@given(item=spoilt(post(9)), said=spoilt(comment(8, path="0.3.8")), new=spoilt(fresh(comment(7))))
def test_whatever_stands_in_an_item_only_sound_mentions_leave(item, said, new):
    page = Lemmy(Lemmy.Options(**OPTIONS), Traffic().client(), now=lambda: NOW).page([item, said, new], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
