"""Facebook: a page's feed, late comments, tags and recommendations, and what Meta's errors mean."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.facebook import Facebook
from monitor.connector import AuthRejected, Malformed, NotPermitted, Page, Secret, Throttled
from monitor.model import Kind, Mention
from monitor.testing import FLOOR, NOW, ConnectorContract, Said, Traffic
from tests.graph import REFUSALS, TOKEN, listing, refusal, spent, stamp
from tests.spoiling import is_sound, spoilt

API = "https://graph.facebook.com/v25.0"
PAGE = "600100200300"
FEED, TAGGED, RATINGS = f"{API}/{PAGE}/feed", f"{API}/{PAGE}/tagged", f"{API}/{PAGE}/ratings"
PAGE_TOKEN = "EAAB-of-the-page-itself"
US = {"id": PAGE, "name": "Practice Hospital"}
MAPLE = {"id": "7001", "name": "Maple"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def said_at(n: int) -> datetime:
    return NOW - HOUR * (10 - n)


def post(n: int, comments: int = 0, **changes: Any) -> dict[str, Any]:
    """The n-th post on the page, by a visitor: an hour after the one before, the tenth now."""
    return {
        "id": f"{PAGE}_{n}",
        "message": f"Visitor number {n}",
        "created_time": stamp(said_at(n)),
        "from": MAPLE,
        "permalink_url": f"https://www.facebook.com/{PAGE}/posts/{n}",
        "shares": {"count": 2},
        "comments": {"data": [], "summary": {"order": "chronological", "total_count": comments, "can_comment": True}},
        "reactions": {"data": [], "summary": {"total_count": 5}},
    } | changes


def comment(n: int, under: int = 1, **changes: Any) -> dict[str, Any]:
    """The n-th comment on the page."""
    return {
        "id": f"{under}_{n}",
        "message": f"Comment number {n}",
        "created_time": stamp(said_at(n)),
        "permalink_url": f"https://www.facebook.com/{PAGE}/posts/{under}/?comment_id={n}",
        "comment_count": 0,
        "like_count": 3,
        "is_private": False,
    } | changes


def recommendation(n: int, **changes: Any) -> dict[str, Any]:
    return {
        "created_time": stamp(said_at(n)),
        "recommendation_type": "positive",
        "review_text": f"Review number {n}",
        "has_rating": False,
        "has_review": True,
        "open_graph_story": {"id": f"900{n}", "type": "sellers.rates", "data": {"recommendation_type": "positive"}},
    } | changes


def node(answer: Any = None) -> tuple[str, Any]:
    return f"{API}/{PAGE}?fields=id,access_token", answer or {"id": PAGE, "access_token": PAGE_TOKEN}


def under(n: int, *comments: Any, size: int = 100) -> tuple[str, Any]:
    return f"{API}/{PAGE}_{n}/comments", listing(comments, size)


def page_of(feed: Any = (), tagged: Any = (), ratings: Any = (), *more: tuple[str, Any], size: int = 100) -> Traffic:
    listed = [
        (url, items if isinstance(items, httpx.Response) else listing(items, size))
        for url, items in ((FEED, feed), (TAGGED, tagged), (RATINGS, ratings))
    ]
    return Traffic(node(), *more, *listed, (_is_comments, {"data": []}))


def _is_comments(request: httpx.Request) -> bool:
    return request.url.path.endswith("/comments")


async def polled(
    traffic: Traffic, cursor: Any = None, now: datetime = NOW, floor: datetime = FLOOR, **options: Any
) -> tuple[list[Page], dict[str, Mention]]:
    async with traffic.client() as client:
        connector = Facebook(Facebook.Options(page=PAGE, token=Secret(TOKEN), **options), client, now=lambda: now)
        pages = [page async for page in connector.poll(cursor or {}, floor)]
    return pages, {mention.external_id: mention for page in pages for mention in page.mentions}


async def read(*items: Any) -> Page:
    async with Traffic().client() as client:
        connector = Facebook(Facebook.Options(page=PAGE, token=Secret(TOKEN)), client)
        connector.id = PAGE
        return connector.page(items, datetime.min.replace(tzinfo=UTC))


class Contract(ConnectorContract):
    connector = Facebook
    options: ClassVar = {"page": PAGE, "token": Secret(TOKEN), "app_secret": Secret("app-secret-not-to-be-seen")}
    secrets = (PAGE_TOKEN,)
    refusals = REFUSALS


class Spread(Contract):
    def said(self, n: int, **changes: Any) -> Said:
        """As the suite has it, but two days apart: the connector reads a day twice."""
        at = NOW - 2 * DAY * (14 - n)
        return replace(super().said(n), **({"published_at": at, "arrived_at": at} | changes))


class TestFacebookFeed(Spread):
    def raw(self, said):
        return post(said.n, message=said.text, created_time=stamp(said.published_at))

    def serve(self, items):
        return page_of(items, size=3)


class TestFacebookComments(Contract):
    """The same, said under one post of ours."""

    def raw(self, said):
        return comment(said.n, under=99, message=said.text, created_time=stamp(said.published_at))

    def serve(self, items):
        ours = post(99, len(items), created_time=stamp(NOW - 29 * DAY), message=None)
        return page_of([ours], (), (), under(99, *items, size=3))


class TestFacebookRatings(Spread):
    def raw(self, said):
        at = stamp(said.published_at)
        return recommendation(said.n, review_text=said.text, created_time=at) | {"id": f"900{said.n}"}

    def serve(self, items):
        return page_of((), (), items, size=3)


# What is read


async def test_a_visitors_post_is_read():
    [mention] = (await read(post(3))).mentions

    assert mention == Mention(
        external_id=f"{PAGE}_3",
        kind=Kind.POST,
        text="Visitor number 3",
        url=f"https://www.facebook.com/{PAGE}/posts/3",
        published_at=said_at(3),
        author="Maple",
        engagement=7,
    )


async def test_what_the_page_says_is_ours():
    [mention] = (await read(post(3, **{"from": US}))).mentions

    assert mention.ours


async def test_our_answer_to_a_comment_is_ours_and_names_what_it_answers():
    answer = comment(4, **{"from": US, "parent": {"id": "1_3"}, "under": f"{PAGE}_1"})
    [mention] = (await read(answer)).mentions

    assert (mention.kind, mention.ours, mention.parent_id) == (Kind.COMMENT, True, "1_3")


async def test_a_comment_without_an_author_is_read_all_the_same():
    [mention] = (await read({**comment(4), "under": f"{PAGE}_1"})).mentions

    assert (mention.kind, mention.author, mention.ours, mention.parent_id) == (Kind.COMMENT, None, False, f"{PAGE}_1")


async def test_ids_are_taken_from_the_link_where_there_are_no_others():
    link = f"https://www.facebook.com/{PAGE}/posts/88/?comment_id=41"
    first, answer = ({"permalink_url": link + more} for more in ("", "&reply_comment_id=42"))
    page = await read(
        *({key: value for key, value in comment(4).items() if key != "id"} | one for one in (first, answer))
    )

    assert [(one.external_id, one.parent_id) for one in page.mentions] == [("88_41", f"{PAGE}_88"), ("88_42", "88_41")]


async def test_a_comment_that_was_looked_up_names_its_post():
    [mention] = (
        await read(comment(4, permalink_url="https://www.facebook.com/practice/posts/pfbid02x?comment_id=4"))
    ).mentions

    assert (mention.kind, mention.parent_id) == (Kind.COMMENT, f"{PAGE}_1")


@pytest.mark.parametrize(
    "silent",
    [
        post(1, message=None, story="Practice Hospital updated their cover photo."),
        comment(1, message=""),
        comment(1, is_private=True),
        {"id": "m_mid.14", "message": "a private message", "created_time": stamp(NOW), "from": MAPLE},
    ],
)
async def test_what_has_no_words_or_is_private_is_no_mention(silent):
    page = await read(silent)

    assert (page.mentions, page.skipped) == ([], 0)


@pytest.mark.parametrize(("spelt", "title"), [("positive", "Recommended"), ("NEGATIVE", "Not recommended"), (None, "")])
async def test_a_recommendation_is_yes_or_no_and_no_stars(spelt, title):
    [mention] = (await read(recommendation(4, recommendation_type=spelt))).mentions

    assert (mention.kind, mention.title, mention.stars) == (Kind.REVIEW, title, None)
    assert (mention.external_id, mention.text, mention.author) == ("9004", "Review number 4", None)


async def test_an_old_rating_has_its_stars():
    old = recommendation(4, rating=2, has_rating=True, reviewer={"id": "7", "name": "Rowan"})
    [mention] = (await read({key: value for key, value in old.items() if key != "recommendation_type"})).mentions

    assert (mention.stars, mention.author) == (2.0, "Rowan")


async def test_a_recommendation_without_an_id_has_one_that_stays():
    bare = {key: value for key, value in recommendation(4).items() if key != "open_graph_story"}
    [first, again, other] = (await read(bare, bare, bare | {"created_time": stamp(NOW)})).mentions

    assert first.external_id == again.external_id != other.external_id


async def test_a_recommendation_that_is_turned_is_an_edit():
    [before, after] = (await read(recommendation(4), recommendation(4, recommendation_type="negative"))).mentions

    assert before.external_id == after.external_id
    assert before.fingerprint != after.fingerprint


async def test_our_reply_to_a_recommendation_is_read():
    reply = comment(7, under=9004, **{"from": US})
    story = {"id": "9004", "comments": {"data": [reply], "count": 1}}
    _, found = await polled(page_of(ratings=[recommendation(4, open_graph_story=story)]))

    assert (found["9004_7"].ours, found["9004_7"].parent_id) == (True, "9004")


async def test_a_post_that_tags_us_is_read_by_when_it_did():
    old = NOW - 300 * DAY
    tag = {"id": "88_1", "message": "With @practice", "tagged_time": stamp(said_at(4)), "from": MAPLE}
    late = tag | {"id": "88_2", "created_time": stamp(old), "tagged_time": stamp(said_at(6))}
    pages, found = await polled(page_of(tagged=[late, tag]))

    assert found["88_1"].published_at == said_at(4)
    assert "88_2" not in found  # written before the floor
    assert pages[-1].cursor["tagged"] == said_at(6).isoformat()


@settings(max_examples=300)
@given(
    spoilt(post(2, 3)), spoilt({**comment(3, parent={"id": "1_2"}), "from": US}), spoilt(recommendation(4, rating=3))
)
def test_whatever_meta_sends_costs_no_more_than_itself(one, two, three):
    page = asyncio.run(read(one, post(9), two, three))

    assert all(is_sound(mention) for mention in page.mentions)
    assert f"{PAGE}_9" in {mention.external_id for mention in page.mentions}


# How it is walked


async def test_a_quiet_poll_asks_once_for_each_listing():
    pages, _ = await polled(page_of([post(1, 1, **{"from": US})], (), (), under(1, comment(3))))
    again = page_of([post(1, 1, **{"from": US})])
    await polled(again, pages[-1].cursor, NOW + HOUR, tagged=False, ratings=False)

    assert [request.url.path for request in again.requests] == [f"/v25.0/{PAGE}", f"/v25.0/{PAGE}/feed"]


async def test_an_empty_page_with_a_next_one_does_not_end_the_walk():
    feed = httpx.Response(200, json={"data": [], "paging": {"next": f"{FEED}?fields=x&after=2&access_token={TOKEN}"}})
    traffic = Traffic(
        node(), (f"{FEED}?after=2", {"data": [post(1)]}), (FEED, feed), (TAGGED, {"data": []}), (RATINGS, {"data": []})
    )
    _, found = await polled(traffic)

    assert list(found) == [f"{PAGE}_1"]


async def test_no_token_stands_in_an_address():
    traffic = page_of(
        [post(n, 1) for n in range(8, 0, -1)], (), (), *(under(n, comment(9, n)) for n in range(1, 9)), size=2
    )
    await polled(traffic)

    assert len([request for request in traffic.requests if request.url.path == f"/v25.0/{PAGE}/feed"]) == 4
    assert not [request for request in traffic.requests if "EAAB" in str(request.url)]


async def test_the_pages_own_token_is_asked_for_once_and_used():
    traffic = page_of([post(1)])
    async with traffic.client() as client:
        connector = Facebook(Facebook.Options(page=PAGE, token=Secret(TOKEN)), client, now=lambda: NOW)
        for _ in range(2):
            _ = [page async for page in connector.poll({}, FLOOR)]

    used = [request.headers["authorization"] for request in traffic.requests]
    assert used == [f"Bearer {TOKEN}", *[f"Bearer {PAGE_TOKEN}"] * 6]


async def test_a_token_that_is_the_pages_is_used_as_it_is():
    traffic = page_of([post(1)])
    traffic.exchanges[0] = node({"id": PAGE})
    await polled(traffic)

    assert {request.headers["authorization"] for request in traffic.requests} == {f"Bearer {TOKEN}"}


async def test_a_page_token_that_died_is_asked_for_again():
    traffic = page_of([post(1)])
    traffic.exchanges.insert(1, (FEED, refusal(190, 460)))
    async with traffic.client() as client:
        connector = Facebook(Facebook.Options(page=PAGE, token=Secret(TOKEN)), client, now=lambda: NOW)
        with pytest.raises(AuthRejected, match="run `wellheard connect facebook` again"):
            _ = [page async for page in connector.poll({}, FLOOR)]
        del traffic.exchanges[1]
        pages = [page async for page in connector.poll({}, FLOOR)]

    assert [request.url.path for request in traffic.requests].count(f"/v25.0/{PAGE}") == 2
    assert pages[0].mentions


async def test_the_proof_is_sent_where_the_app_requires_it():
    traffic = page_of([post(1)])
    await polled(traffic, app_secret=Secret("app-secret"))
    await polled(bare := page_of([post(1)]), app_secret=Secret(""))

    assert all(len(request.url.params["appsecret_proof"]) == 64 for request in traffic.requests)
    assert not any("appsecret_proof" in request.url.params for request in bare.requests)


async def test_half_is_asked_for_where_it_is_too_much_at_once():
    too_much = lambda request: int(request.url.params.get("limit", 0)) > 40 and request.url.path.endswith("/feed")  # noqa: E731
    traffic = page_of([post(1)])
    traffic.exchanges.insert(0, (too_much, refusal(1, status=500)))
    _, found = await polled(traffic)

    asked = [request.url.params["limit"] for request in traffic.requests if request.url.path.endswith("/feed")]
    assert asked == ["100", "50", "25"]
    assert list(found) == [f"{PAGE}_1"]


async def test_a_cursor_of_another_page_is_none():
    theirs = {"77_1": [int(NOW.timestamp()) - 86400, 3, 0, True]}
    cursor = {"account": "77", "posts": NOW.isoformat(), "late": theirs, "no_ratings": "v25.0"}
    pages, found = await polled(traffic := page_of([post(1)]), cursor)

    assert list(found) == [f"{PAGE}_1"]
    assert not [request for request in traffic.requests if _is_comments(request)]
    assert pages[-1].cursor.keys() == {"account", "posts", "late", "tagged", "ratings"}


# Late comments


async def test_a_late_comment_under_an_older_post_is_found():
    old = post(1, 1, created_time=stamp(NOW - 20 * DAY))
    pages, first = await polled(page_of([post(9), old], (), (), under(1, comment(2))))
    later = NOW + DAY
    late = comment(50, created_time=stamp(later - HOUR))
    changed = old | {"comments": {"summary": {"total_count": 2}}}
    _, found = await polled(page_of([post(9), changed], (), (), under(1, late, comment(2))), pages[-1].cursor, later)

    assert "1_2" in first
    assert "1_50" in found
    assert found["1_50"].parent_id == f"{PAGE}_1"


async def test_a_late_comment_is_found_where_the_count_says_nothing():
    old = post(1, 1, created_time=stamp(NOW - 20 * DAY))
    pages, _ = await polled(page_of([old], (), (), under(1, comment(2))))
    later = NOW + DAY
    _, found = await polled(page_of([old], (), (), under(1, comment(50))), pages[-1].cursor, later)

    assert "1_50" in found


async def test_comments_under_posts_older_than_the_floor_are_found():
    old = post(1, 1, created_time=stamp(NOW - 20 * DAY))
    _, found = await polled(page_of([old], (), (), under(1, comment(2))), floor=NOW - 2 * DAY)

    assert list(found) == ["1_2"]


async def test_the_first_walk_reads_all_comments_also_where_it_was_cut():
    feed = [post(n, 1, created_time=stamp(NOW - n * HOUR)) for n in range(1, 31)]
    every = [under(n, comment(100 + n, n)) for n in range(1, 31)]
    _, found = await polled(page_of(feed, (), (), *every))
    async with page_of(feed, (), (), *every).client() as client:
        connector = Facebook(Facebook.Options(page=PAGE, token=Secret(TOKEN)), client, now=lambda: NOW)
        walk = connector.poll({}, FLOOR)
        cut = [await anext(walk) for _ in range(20)]
        await walk.aclose()
    _, rest = await polled(page_of(feed, (), (), *every), cut[-1].cursor or cut[-2].cursor)

    assert len(found) == 60
    assert found.keys() == {mention.external_id for page in cut for mention in page.mentions} | rest.keys()


async def test_a_poll_reads_no_more_posts_than_it_may():
    pages, _ = await polled(page_of([post(n) for n in range(9, 0, -1)]))
    later = NOW + DAY
    busy = [post(n, 1, created_time=stamp(said_at(n))) for n in range(30, 0, -1)]
    traffic = page_of(busy, (), (), *(under(n, comment(100 + n, n)) for n in range(1, 31)))
    pages, _ = await polled(traffic, pages[-1].cursor, later)
    first = {request.url.path for request in traffic.requests if request.url.path.endswith("/comments")}
    for n in range(1, 4):
        pages, _ = await polled(traffic, pages[-1].cursor, later + n * HOUR)

    every = {request.url.path for request in traffic.requests if request.url.path.endswith("/comments")}
    assert len(first) == 10
    assert len(every) == 30


async def test_new_comments_are_read_down_to_the_last_reading_only():
    many = [comment(n, created_time=stamp(NOW - n * DAY)) for n in range(1, 13)]
    ours = post(1, 12, created_time=stamp(NOW - 20 * DAY))
    pages, found = await polled(page_of([ours], (), (), under(1, *many, size=2)))
    later, late = NOW + HOUR, comment(50, created_time=stamp(NOW))
    again = page_of([ours | {"comments": {"summary": {"total_count": 13}}}], (), (), under(1, late, *many, size=2))
    _, newer = await polled(again, pages[-1].cursor, later)

    assert len(found) == 13
    assert "1_50" in newer
    assert len([request for request in again.requests if request.url.path.endswith("/comments")]) == 2


async def test_posts_of_others_that_tag_us_have_no_comments_for_us():
    await polled(traffic := page_of([post(1, 5, id="88_1")]))

    assert not [request for request in traffic.requests if request.url.path.endswith("/comments")]


async def test_a_post_whose_comments_are_refused_holds_up_no_other():
    refused = (f"{API}/{PAGE}_2/comments", refusal(100, 33))
    feed = [post(n, 1) for n in (3, 2, 1)]
    pages, found = await polled(page_of(feed, (), (), under(1, comment(4)), refused, under(3, comment(5, 3))))

    assert {"1_4", "3_5"} <= set(found)
    assert "1 posts cannot be read" in " ".join(pages[-1].warnings)


# What it cannot see


async def test_recommendations_that_the_api_has_no_more_are_asked_for_once_and_told_of():
    pages, found = await polled(page_of([post(1)], (), refusal(12)))
    again = page_of([post(1)])
    later, _ = await polled(again, pages[-1].cursor)

    assert list(found) == [f"{PAGE}_1"]
    assert "recommendations are not seen" in pages[-1].warnings[0]
    assert "recommendations are not seen" in later[-1].warnings[0]
    assert not [request for request in again.requests if request.url.path.endswith("/ratings")]


async def test_another_version_of_the_api_is_tried_again():
    pages, _ = await polled(page_of([post(1)], (), refusal(12)))
    newer = Traffic(
        (lambda request: request.url.path == f"/v26.0/{PAGE}", {"id": PAGE}), (lambda _: True, {"data": []})
    )
    later, _ = await polled(newer, pages[-1].cursor, version="v26.0")

    assert [request for request in newer.requests if request.url.path.endswith("/ratings")]
    assert not later[-1].warnings


async def test_a_missing_permission_is_told_after_what_can_be_read():
    async with page_of([post(1)], refusal(10, status=403)).client() as client:
        connector = Facebook(Facebook.Options(page=PAGE, token=Secret(TOKEN)), client, now=lambda: NOW)
        found = []
        with pytest.raises(
            NotPermitted, match=r"^graph\.facebook\.com answered with error 10: a permission is missing"
        ):
            async for page in connector.poll({}, FLOOR):
                found += page.mentions

    assert [mention.external_id for mention in found] == [f"{PAGE}_1"]


async def test_a_limit_that_is_nearly_spent_is_told():
    feed = httpx.Response(200, json={"data": [post(1)]}, headers=spent(85))
    pages, _ = await polled(page_of(feed))
    calm, _ = await polled(page_of(httpx.Response(200, json={"data": []}, headers=spent(79))))

    assert pages[-1].warnings == ["graph.facebook.com: 85 % of the calls that Meta allows are used"]
    assert not calm[-1].warnings


async def test_a_wait_is_read_in_minutes():
    with pytest.raises(Throttled) as raised:
        await polled(page_of(refusal(80001, headers=spent(100, 12))))

    assert raised.value.wait == timedelta(minutes=12)


async def test_what_is_no_page_is_said_to_be_none():
    with pytest.raises(Malformed, match="check the option page"):
        await polled(Traffic(node({"success": True})))


# Looking up again


async def rechecked(traffic: Traffic, *ids: str) -> list[Page]:
    async with traffic.client() as client:
        connector = Facebook(Facebook.Options(page=PAGE, token=Secret(TOKEN)), client, now=lambda: NOW)
        return [page async for page in connector.recheck(ids)]


async def test_posts_and_comments_are_looked_up_together():
    changed = post(1, message="All is well")
    traffic = page_of(
        (),
        (),
        (),
        (f"{API}/?ids=1_4", {"1_4": comment(4)}),
        (f"{API}/?ids={PAGE}_1,{PAGE}_2", {f"{PAGE}_1": changed, f"{PAGE}_2": post(2)}),
    )
    pages = await rechecked(traffic, f"{PAGE}_1", "1_4", f"{PAGE}_2", "9004", "rating:12ab")

    found = {mention.external_id: mention.text for page in pages for mention in page.mentions}
    assert found == {f"{PAGE}_1": "All is well", f"{PAGE}_2": "Visitor number 2", "1_4": "Comment number 4"}
    assert not [one for page in pages for one in page.gone]
    assert len(traffic.requests) == 4


async def test_fifty_are_looked_up_at_a_time():
    many = [f"{PAGE}_{n}" for n in range(60)]
    answer = lambda request: {id_: post(int(id_.split("_")[1])) for id_ in request.url.params["ids"].split(",")}  # noqa: E731
    traffic = page_of((), (), (), (f"{API}/", answer))
    pages = await rechecked(traffic, *many)

    assert [len(page.mentions) for page in pages] == [50, 10]


async def test_what_is_refused_twice_is_gone():
    refusals = iter([refusal(100, 33), refusal(100, 33)])
    traffic = page_of(
        (), (), (),
        (f"{API}/?ids={PAGE}_1,{PAGE}_2", refusal(100, 33)),
        (f"{API}/{PAGE}_1", lambda _: next(refusals)),
        (f"{API}/{PAGE}_2", post(2)),
    )  # fmt: skip
    [page] = await rechecked(traffic, f"{PAGE}_1", f"{PAGE}_2")

    assert page.gone == [f"{PAGE}_1"]
    assert [mention.external_id for mention in page.mentions] == [f"{PAGE}_2"]


async def test_what_is_refused_once_is_not_gone():
    answers = iter([refusal(100, 33), post(1)])
    traffic = page_of((), (), (), (f"{API}/?ids={PAGE}_1", refusal(803)), (f"{API}/{PAGE}_1", lambda _: next(answers)))
    [page] = await rechecked(traffic, f"{PAGE}_1")

    assert not page.gone


async def test_nothing_is_gone_where_the_permission_is():
    with pytest.raises(NotPermitted):
        await rechecked(page_of(refusal(10)), f"{PAGE}_1")


# Getting in


async def found(traffic: Traffic) -> list[Any]:
    async with traffic.client() as client:
        return [one async for one in Facebook.connect.find({"token": Secret(TOKEN)}, client)]


async def test_the_pages_of_a_token_are_found():
    pages = [{"id": f"{n}", "name": f"Practice {n}", "access_token": "x", "tasks": ["MODERATE"]} for n in (1, 2, 3)]
    first, *others = await found(Traffic((f"{API}/me/accounts", listing(pages, 2))))

    assert (first.name, first.shown, first.options) == ("facebook-1", "Practice 1", {"page": "1"})
    assert len(others) == 2
    assert Facebook.Options(token=Secret(TOKEN), **first.options).page == "1"


async def test_the_page_of_a_pages_token_is_found():
    traffic = Traffic((f"{API}/me/accounts", refusal(100)), (f"{API}/me", {"id": PAGE, "name": "Practice Hospital"}))

    assert [one.options for one in await found(traffic)] == [{"page": PAGE}]


@pytest.mark.parametrize(("answer", "error"), [(refusal(190, 463), AuthRejected), ({"data": [{"id": 7}]}, Malformed)])
async def test_a_token_that_finds_nothing_says_why(answer, error):
    with pytest.raises(error):
        await found(Traffic((f"{API}/me/accounts", answer)))


@pytest.mark.parametrize("wrong", [{"page": "a page"}, {"page": "1/2"}, {"version": "25"}, {"token": "plain"}])
def test_options_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError):
        Facebook.Options(**({"page": PAGE, "token": Secret(TOKEN)} | wrong))
