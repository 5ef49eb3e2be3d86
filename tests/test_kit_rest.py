"""The frame: a platform in twenty lines, and what the frame owes it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from pydantic import BaseModel

from connectors.kit.auth import Bearer
from connectors.kit.paging import LinkHeader, Token
from connectors.kit.rest import STRICT, Rest, origin, text, total, when
from monitor.connector import Access, Malformed, NotPermitted, Secret
from monitor.model import Kind, Mention
from monitor.testing import FLOOR, NOW, ConnectorContract, Said, Traffic

POSTS = "https://forum.example/posts"


class Forum(Rest):
    """All that a platform with one listing has to say."""

    platform = "forum"
    access = Access(kind="official", sees="public posts", blind_to="private ones", own_replies=False, terms="free")
    items = ("posts",)
    paging = Token("more", "from")

    class Options(BaseModel):
        model_config = STRICT
        token: Secret

    def sign(self):
        return Bearer(self.options.token)

    def url(self, since):
        return httpx.URL(POSTS)

    def arrived(self, item):
        return when(item["received"])

    def mention(self, item):
        if text(item, "kind") != "post":
            return None
        return Mention(
            external_id=text(item, "id"), kind=Kind.POST, text=text(item, "text"), published_at=when(item["dated"])
        )


def post(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    at = (at or NOW - timedelta(hours=10 - n)).isoformat()
    return {"id": str(n), "kind": "post", "text": f"Post {n}", "received": at, "dated": at} | changes


def forum(items: list[Any], size: int = 3) -> Traffic:
    def page(request: httpx.Request) -> Any:
        start = int(request.url.params.get("from", "0"))
        more = {"more": str(start + size)} if start + size < len(items) else {}
        return {"posts": items[start : start + size]} | more

    return Traffic((POSTS, page))


class TestForum(ConnectorContract):
    connector = Forum
    options: ClassVar = {"token": Secret("t0p-s3cret-token")}

    def raw(self, said: Said) -> Any:
        return post(said.n, said.arrived_at, text=said.text, dated=said.published_at.isoformat())

    def serve(self, items: Any) -> Traffic:
        return forum(list(items))


async def polled(traffic: Traffic, cursor: Any = None, connector: type[Forum] = Forum) -> Any:
    async with traffic.client() as client:
        walk = connector(Forum.Options(token=Secret("x")), client).poll(cursor or {}, FLOOR)
        pages = [page async for page in walk]
    return pages, [mention.external_id for page in pages for mention in page.mentions]


async def test_what_is_no_mention_is_left_out_and_not_counted():
    pages, found = await polled(forum([post(2, kind="poll"), post(1)]))

    assert found == ["1"]
    assert sum(page.skipped for page in pages) == 0


@pytest.mark.parametrize(
    "odd", [None, "text", 7, [], {}, {"id": {}}, post(2, dated="2026-05-31T10:00:00"), post(2, id="")]
)
async def test_whatever_an_item_is_it_costs_only_itself(odd):
    pages, found = await polled(forum([post(3), odd, post(1)]))

    assert found == ["3", "1"]
    assert sum(page.skipped for page in pages) == 1


async def test_a_later_poll_goes_back_behind_the_newest_arrival_by_the_overlap():
    pages, _ = await polled(forum([post(n) for n in range(10, 0, -1)]))
    again = forum([post(10), post(9.9, NOW - timedelta(minutes=14)), *(post(n) for n in range(9, 0, -1))])
    _, found = await polled(again, pages[-1].cursor)

    assert pages[-1].cursor == {"": NOW.isoformat()}
    assert "9.9" in found
    assert len(again.requests) == 2


async def test_a_quiet_listing_keeps_its_cursor():
    cursor = {"": NOW.isoformat()}
    pages, _ = await polled(forum([]), cursor)

    assert pages[-1].cursor == cursor


class Two(Forum):
    """Two listings of different length."""

    def listings(self):
        return {"a": self.url, "b": lambda _: httpx.URL("https://forum.example/b")}


async def test_of_several_listings_a_first_walk_has_one_end_and_later_ones_each_their_own():
    traffic = forum([post(2), post(1)]).on("https://forum.example/b", {"posts": [post(3)]})
    first, _ = await polled(traffic, connector=Two)
    later, _ = await polled(traffic, first[-1].cursor, connector=Two)

    assert [page.cursor is not None for page in first] == [False, False, False, True]
    assert [page.cursor is not None for page in later] == [False, True, False, True]
    assert set(first[-1].cursor) == {"a", "b"}


async def test_what_is_not_followed_any_more_leaves_the_cursor():
    pages, _ = await polled(forum([post(1)]), {"": FLOOR.isoformat(), "dropped": FLOOR.isoformat()})

    assert set(pages[-1].cursor) == {""}


@pytest.mark.parametrize("said", [{"posts": None}, {"posts": {}}, {}, [], "text", None, 5])
async def test_no_list_is_no_empty_listing(said):
    with pytest.raises(Malformed, match=r"^forum\.example sent no list"):
        await polled(Traffic((POSTS, json.dumps(said))))


async def test_a_walk_that_goes_in_a_circle_is_an_error():
    traffic = Traffic((POSTS, {"posts": [post(1)], "more": "0"}))
    with pytest.raises(Malformed, match="in a circle"):
        await polled(traffic)

    assert len(traffic.requests) == 2


@pytest.mark.parametrize("more", ["x" * 70_000, {}, ["a"]])
async def test_a_next_page_that_cannot_be_read_is_an_error_and_no_end(more):
    traffic = Traffic((f"{POSTS}", {"posts": [post(1)], "more": more or {"a": 1}}))
    with pytest.raises(Malformed):
        await polled(traffic)

    assert traffic.requests


async def test_a_refusal_is_explained_by_the_platform_first():
    class Explaining(Forum):
        def explain(self, response):
            return NotPermitted("forum.example is for members") if response.status_code == 400 else None

    with pytest.raises(NotPermitted, match="for members"):
        await polled(Traffic((POSTS, 400)), connector=Explaining)


# Where the next page is


def after(paging: Any, url: str, body: Any = None, **headers: str) -> str | None:
    response = httpx.Response(200, json=body, headers=headers, request=httpx.Request("GET", url))
    found = paging.after(httpx.URL(url), response, [])
    return None if found is None else str(found)


def test_links_are_followed_by_their_relation():
    links = {"link": '<https://forum.example/posts?max=3>; rel="next", </posts?min=9>; rel="prev"'}

    assert after(LinkHeader(), POSTS, **links) == "https://forum.example/posts?max=3"
    assert after(LinkHeader("prev"), POSTS, **links) == "https://forum.example/posts?min=9"
    assert after(LinkHeader(), POSTS) is None


def test_a_link_elsewhere_is_followed_here():
    links = {"link": '<http://thief.example:8080/posts?max=3>; rel="next"'}

    assert after(LinkHeader(), POSTS, **links) == "https://forum.example/posts?max=3"


def test_a_token_is_put_in_place_of_the_one_before():
    assert after(Token(), f"{POSTS}?q=a&cursor=1", {"cursor": "2 &"}) == f"{POSTS}?q=a&cursor=2+%26"
    assert after(Token(), f"{POSTS}?cursor=1", {}) is None


# How a request is signed, and what items say


def test_a_bearer_shows_itself_to_nobody_but_the_platform():
    signed = next(Bearer(Secret("not-to-be-seen")).auth_flow(httpx.Request("GET", POSTS)))

    assert signed.headers["authorization"] == "Bearer not-to-be-seen"
    assert "not-to-be-seen" not in repr(Bearer(Secret("not-to-be-seen")))


def test_half_a_surrogate_pair_and_a_nul_leave_a_text():
    assert text({"a": "x\0y\ud83d"}, "a") == "xy?"


@pytest.mark.parametrize(
    ("item", "sum_"),
    [
        ({"a": 2, "b": 3}, 5),
        ({"a": 2, "b": None}, 2),
        ({}, None),
        ({"a": -1}, None),
        ({"a": True}, None),
        ({"a": 10**30}, None),
    ],
)
def test_counts_are_added_up_as_far_as_they_are_counts(item, sum_):
    assert total(item, "a", "b") == sum_


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("social.example", "https://social.example"),
        ("HTTPS://Social.example/about?x=1", "https://social.example"),
        ("social.example:8443", "https://social.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_a_host_however_it_is_written(address, found):
    assert origin(address) == found


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://social.example",
        "https://",
        "two words",
        "https://a:b@social.example",
        "file:///etc/passwd",
        "https://[::1",
        "x" * 70_000,
    ],
)
def test_what_is_no_server_is_no_origin(address):
    with pytest.raises(ValueError, match="no address of a server"):
        origin(address)
