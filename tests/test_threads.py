"""Threads: posts and replies, mentions, searches with their budget, and an app that is not approved."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.threads import Threads
from monitor.connector import AuthRejected, Malformed, NotPermitted, Page, Secret, Throttled
from monitor.model import Kind, Mention
from monitor.testing import FLOOR, NOW, ConnectorContract, Said, Traffic
from tests.graph import REFUSALS, listing, refusal, spent, stamp
from tests.spoiling import is_sound, spoilt

API = "https://graph.threads.net/v1.0"
TOKEN = "THAA-not-to-be-seen"
US = "25000000000000001"
WHO = (f"{API}/me?fields=id,username", {"id": US, "username": "practice.hospital"})
POSTS, REPLIES, MENTIONS, SEARCH = (
    f"{API}/{path}" for path in ("me/threads", "me/replies", "me/mentions", "keyword_search")
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def said_at(n: int) -> datetime:
    return NOW - HOUR * (10 - n)


def post(n: int, **changes: Any) -> dict[str, Any]:
    """The n-th thing said: an hour after the one before, the tenth now."""
    return {
        "id": f"1800{n:013}",
        "media_product_type": "THREADS",
        "media_type": "TEXT_POST",
        "permalink": f"https://www.threads.com/@maple/post/Cx{n}",
        "username": "maple",
        "text": f"Thread number {n}",
        "timestamp": stamp(said_at(n)),
        "shortcode": f"Cx{n}",
        "is_quote_post": False,
        "has_replies": False,
        "is_reply": False,
    } | changes


def ours(n: int, **changes: Any) -> dict[str, Any]:
    return post(n, **({"username": "practice.hospital"} | changes))


def reply(n: int, to: int = 1, root: int = 1, **changes: Any) -> dict[str, Any]:
    return post(n, is_reply=True, root_post={"id": post(root)["id"]}, replied_to={"id": post(to)["id"]}, **changes)


def under(n: int, *replies: Any, size: int = 100) -> tuple[str, Any]:
    return f"{API}/{post(n)['id']}/conversation", listing(replies, size, cursors=True)


def profile(
    posts: Any = (), replies: Any = (), mentions: Any = (), found: Any = (), *more: tuple[str, Any], size: int = 100
) -> Traffic:
    listed = [
        (url, items if isinstance(items, httpx.Response) else listing(items, size, cursors=True))
        for url, items in ((POSTS, posts), (REPLIES, replies), (MENTIONS, mentions), (SEARCH, found))
    ]
    return Traffic(WHO, *more, *listed, (lambda request: request.url.path.endswith("/conversation"), {"data": []}))


async def polled(
    traffic: Traffic, cursor: Any = None, now: datetime = NOW, floor: datetime = FLOOR, **options: Any
) -> tuple[list[Page], dict[str, Mention]]:
    given = ({} if "token_file" in options else {"token": Secret(TOKEN)}) | options
    async with traffic.client() as client:
        connector = Threads(Threads.Options(**given), client, now=lambda: now)
        pages = [page async for page in connector.poll(cursor or {}, floor)]
    return pages, {mention.external_id: mention for page in pages for mention in page.mentions}


async def read(*items: Any) -> Page:
    async with Traffic().client() as client:
        connector = Threads(Threads.Options(token=Secret(TOKEN)), client)
        connector.id, connector.name = US, "practice.hospital"
        return connector.page(items, datetime.min.replace(tzinfo=UTC))


def asked(traffic: Traffic, path: str) -> list[httpx.Request]:
    return [request for request in traffic.requests if request.url.path.endswith(path)]


class Contract(ConnectorContract):
    connector = Threads
    options: ClassVar = {"token": Secret(TOKEN), "mentions": False}
    refusals = REFUSALS

    def raw(self, said):
        return post(said.n, text=said.text, timestamp=stamp(said.published_at))


class Spread(Contract):
    def said(self, n: int, **changes: Any) -> Said:
        """As the suite has it, but two days apart: the connector reads a day twice."""
        at = NOW - 2 * DAY * (14 - n)
        return replace(super().said(n), **({"published_at": at, "arrived_at": at} | changes))


class TestThreadsPosts(Spread):
    def serve(self, items):
        return profile(items, size=3)


class TestThreadsReplies(Contract):
    """The same, said under one post of ours."""

    def serve(self, items):
        one = ours(99, text=None, timestamp=stamp(NOW - 29 * DAY), has_replies=True)
        return profile([one], (), (), (), under(99, *items, size=3))

    # A post does not say how many replies it has: what comes later is found in turn, and here no time passes.
    def test_what_comes_later_is_found(self):
        self._later(range(7, 15))

    def test_a_future_date_does_not_move_the_cursor(self):
        self._later(range(7, 15), self.said(6, published_at=NOW + 400 * DAY))

    def test_an_old_date_on_top_does_not_end_the_walk(self):
        self._later(range(11, 15), self.said(10, published_at=FLOOR - 365 * DAY), before=10)

    def _later(self, numbers, *changed, before=6):
        pages = self.polled(self.platform(before, *changed))
        texts = {mention.text for page in pages for mention in page.mentions}
        assert {self.said(n).text for n in range(1, before)} <= texts
        later = json.loads(json.dumps(pages[-1].cursor))
        later["late"] = {id_: [at, count, read - 7200, new] for id_, (at, count, read, new) in later["late"].items()}
        found = {mention.text for page in self.polled(self.platform(14, *changed), later) for mention in page.mentions}
        assert {self.said(n).text for n in numbers} <= found


class TestThreadsMentions(Spread):
    options: ClassVar = {"token": Secret(TOKEN)}

    def serve(self, items):
        return profile((), (), items, size=3)


class TestThreadsSearch(Spread):
    options: ClassVar = {"token": Secret(TOKEN), "mentions": False, "queries": ("practice hospital",)}

    def serve(self, items):
        return profile((), (), (), items, size=3)


# What is read


async def test_a_post_is_read():
    [mention] = (await read(post(3))).mentions

    assert mention == Mention(
        external_id="18000000000000003",
        kind=Kind.POST,
        text="Thread number 3",
        url="https://www.threads.com/@maple/post/Cx3",
        published_at=said_at(3),
        author="maple",
    )


async def test_a_reply_names_what_it_answers():
    [mention] = (await read(reply(4, to=3))).mentions

    assert (mention.kind, mention.parent_id, mention.ours) == (Kind.COMMENT, post(3)["id"], False)


@pytest.mark.parametrize(
    "mark",
    [{"username": "Practice.Hospital"}, {"username": None, "is_reply_owned_by_me": True}, {"owner": {"id": US}}],
)
async def test_what_we_say_is_ours(mark):
    [mention] = (await read(reply(4, **mark))).mentions

    assert mention.ours


async def test_an_older_address_is_written_as_it_is_today():
    [mention] = (await read(post(3, permalink="https://www.threads.net/@maple/post/Cx3"))).mentions

    assert mention.url == "https://www.threads.com/@maple/post/Cx3"


async def test_a_long_text_is_read_to_its_end():
    [mention] = (await read(post(3, text_attachment={"plaintext": "And there is more."}))).mentions

    assert mention.text == "Thread number 3\nAnd there is more."


@pytest.mark.parametrize("silent", [{"text": None}, {"text": ""}, {"media_type": "REPOST_FACADE"}])
async def test_what_has_no_words_of_its_own_is_no_mention(silent):
    page = await read(post(3, **silent))

    assert (page.mentions, page.skipped) == ([], 0)


async def test_an_edit_is_seen():
    pages, before = await polled(profile([ours(3)]))
    _, after = await polled(profile([ours(3, text="Closed on Monday")]), pages[-1].cursor)

    assert before.keys() == after.keys()
    assert before[post(3)["id"]].fingerprint != after[post(3)["id"]].fingerprint


@settings(max_examples=300)
@given(spoilt(post(2, text_attachment={"plaintext": "x"})), spoilt({**reply(3, owner={"id": "1"}), "under": "2"}))
def test_whatever_threads_sends_costs_no_more_than_itself(one, two):
    page = asyncio.run(read(one, post(9), two))

    assert all(is_sound(mention) for mention in page.mentions)
    assert post(9)["id"] in {mention.external_id for mention in page.mentions}


# How it is walked


async def test_all_that_is_said_is_read_together():
    traffic = profile(
        [ours(1, has_replies=True)], [reply(7, username="practice.hospital")], [post(5)], [post(6)],
        under(1, reply(4, to=3, username="practice.hospital"), reply(3)),
    )  # fmt: skip
    _, found = await polled(traffic, queries=("hospital",), topics=("health",))

    assert set(found) == {post(n)["id"] for n in (1, 3, 4, 5, 6, 7)}
    assert {one["id"] for one in (post(1), post(4), post(7))} == {id_ for id_, one in found.items() if one.ours}
    assert [(request.url.params["q"], request.url.params["search_mode"]) for request in asked(traffic, "search")] == [
        *[("hospital", "KEYWORD")] * 2, *[("health", "TAG")] * 2,
    ]  # fmt: skip
    assert {request.url.params["search_type"] for request in asked(traffic, "search")} == {"RECENT"}


async def test_a_listing_without_links_is_read_by_its_cursor_to_its_end():
    _, found = await polled(traffic := profile((), (), [post(n) for n in range(9, 0, -1)], size=4))

    assert len(found) == 9
    assert [request.url.params.get("after") for request in asked(traffic, "mentions")] == [None, "4", "8", "12"]


async def test_a_cursor_that_does_not_move_ends_the_listing():
    stuck = {"data": [post(1)], "paging": {"cursors": {"before": "x", "after": "x"}}}
    _, found = await polled(traffic := profile((), (), httpx.Response(200, json=stuck)))

    assert list(found) == [post(1)["id"]]
    assert len(asked(traffic, "mentions")) == 2


async def test_a_quiet_poll_asks_once_for_each_listing():
    old = ours(1, has_replies=True, timestamp=stamp(NOW - 2 * DAY))
    pages, _ = await polled(profile([ours(2), old], (), (), (), under(1, reply(3))))
    await polled(again := profile([old]), pages[-1].cursor, NOW + HOUR / 2, mentions=False)

    assert [request.url.path.removeprefix("/v1.0") for request in again.requests] == [
        "/me",
        "/me/threads",
        "/me/replies",
    ]


async def test_a_late_reply_under_an_older_post_is_found():
    old = ours(1, has_replies=True, timestamp=stamp(NOW - 20 * DAY))
    pages, _ = await polled(profile([old], (), (), (), under(1, reply(2))))
    late = reply(50, timestamp=stamp(NOW + HOUR))
    _, found = await polled(profile([old], (), (), (), under(1, late, reply(2))), pages[-1].cursor, NOW + 2 * HOUR)

    assert found[late["id"]].parent_id == post(1)["id"]


async def test_a_first_reply_is_found_at_once():
    pages, _ = await polled(profile([ours(n) for n in range(9, 0, -1)]))
    answered = [ours(n, has_replies=n == 9) for n in range(9, 0, -1)]
    _, found = await polled(profile(answered, (), (), (), under(9, reply(50, 9, 9))), pages[-1].cursor, NOW)

    assert reply(50)["id"] in found


async def test_a_poll_reads_no_more_posts_than_it_may():
    many = [ours(n, has_replies=True, timestamp=stamp(NOW - n * HOUR)) for n in range(1, 31)]
    pages, _ = await polled(profile(many))
    await polled(later := profile(many), pages[-1].cursor, NOW + 2 * HOUR)

    assert len(asked(later, "conversation")) == 5


async def test_a_search_begins_no_earlier_than_threads_allows():
    await polled(traffic := profile(), floor=datetime(2020, 1, 1, tzinfo=UTC), queries=("x",))

    assert {int(request.url.params["since"]) for request in asked(traffic, "search")} == {1_688_540_400}


async def test_a_cursor_of_another_profile_is_none():
    pages, _ = await polled(profile([ours(1)]))
    _, found = await polled(profile([ours(1)]), pages[-1].cursor | {"account": "1"})

    assert list(found) == [post(1)["id"]]


# Searches


async def test_searches_are_counted_over_a_restart_and_end_before_the_limit():
    now = NOW
    pages, _ = await polled(profile((), (), (), [post(1)]), queries=("a",))
    assert sum(pages[-1].cursor["searches"].values()) == 1  # the second page was empty, and free

    nearly = pages[-1].cursor | {"searches": {str(int(now.timestamp())): 2199}}
    later, _ = await polled(
        traffic := profile((), (), (), httpx.Response(200, json={"data": [post(1)]})), nearly, queries=("a", "b", "c")
    )
    assert [request.url.params["q"] for request in asked(traffic, "search")] == ["a"]
    assert "searches of Threads: 0 of 2200 are left, more in about 25 h" in later[-1].warnings

    await polled(
        traffic := profile(), json.loads(json.dumps(later[-1].cursor)), now + 26 * HOUR, queries=("a", "b", "c")
    )
    assert len(asked(traffic, "search")) == 3


async def test_a_search_that_finds_nothing_is_free():
    pages, _ = await polled(profile(), queries=("a", "b"))

    assert sum(pages[-1].cursor["searches"].values()) == 0


async def test_a_search_is_charged_before_it_is_made():
    async with profile((), (), (), httpx.Response(503)).client() as client:
        pages = []
        with pytest.raises(Exception, match="503"):
            async for page in Threads(
                Threads.Options(token=Secret(TOKEN), queries=("a",)), client, now=lambda: NOW
            ).poll({}, FLOOR):
                pages.append(page)  # noqa: PERF401  # what came before the error counts

    assert sum(pages[-1].cursor["searches"].values()) == 1


async def test_a_search_that_runs_out_on_the_way_waits_and_loses_nothing():
    many = [post(n) for n in range(9, 0, -1)]
    nearly = {"account": US, "searches": {str(int(NOW.timestamp())): 2198}}
    async with profile((), (), (), many, size=2).client() as client:
        connector = Threads(Threads.Options(token=Secret(TOKEN), queries=("a",)), client, now=lambda: NOW)
        pages = []
        with pytest.raises(Throttled) as raised:
            async for page in connector.poll(nearly, FLOOR):
                pages.append(page)  # noqa: PERF401  # what came before the error counts

    assert raised.value.wait is not None
    assert raised.value.wait > DAY
    assert "KEYWORD:a" not in pages[-1].cursor
    assert sum(pages[-1].cursor["searches"].values()) == 2200


async def test_people_are_told_when_few_searches_are_left():
    nearly = {"account": US, "searches": {str(int(NOW.timestamp())): 1800}, "others_at": NOW.isoformat()}
    pages, _ = await polled(profile(), nearly, queries=("a",))

    assert pages[-1].warnings == ["searches of Threads: 400 of 2200 are left, more in about 25 h"]


# An app that is not approved


async def test_an_app_that_finds_only_our_own_posts_is_told_of():
    pages, found = await polled(profile((), (), (), [ours(1)]), queries=("hospital",))

    assert found[post(1)["id"]].ours
    assert (
        "nothing that others said so far: unless the app is approved for threads_keyword_search"
        in pages[-1].warnings[0]
    )


async def test_an_app_that_finds_others_is_approved():
    pages, _ = await polled(profile((), (), (), [ours(2), post(1)]), queries=("hospital",))
    later, _ = await polled(profile(), pages[-1].cursor, NOW + 13 * DAY, queries=("hospital",))
    silent, _ = await polled(profile(), pages[-1].cursor, NOW + 15 * DAY, queries=("hospital",))

    assert not pages[-1].warnings
    assert not later[-1].warnings
    assert "nothing that others said since 2026-06-01" in silent[-1].warnings[0]


async def test_without_searches_there_is_nothing_to_tell():
    pages, _ = await polled(profile([ours(1)]))

    assert not pages[-1].warnings


# Errors


@pytest.mark.parametrize(
    ("answer", "error"), [({"id": US}, Malformed), ({"data": []}, Malformed), (refusal(190), AuthRejected)]
)
async def test_whose_the_token_is_must_be_known(answer, error):
    with pytest.raises(error):
        await polled(Traffic((f"{API}/me", answer)))


async def test_a_wait_is_read_in_minutes():
    with pytest.raises(Throttled) as raised:
        await polled(profile(refusal(4, headers=spent(100, 7, "threads"))))

    assert raised.value.wait == timedelta(minutes=7)


async def test_a_missing_permission_says_so():
    with pytest.raises(NotPermitted, match=r"^graph\.threads\.net answered with error 10: a permission is missing"):
        await polled(profile((), (), refusal(10, status=500)))


async def test_a_deleted_post_holds_up_no_other():
    gone = (f"{API}/{post(2)['id']}/conversation", refusal(100, 33))
    posts = [ours(2, has_replies=True), ours(1, has_replies=True)]
    pages, found = await polled(profile(posts, (), (), (), gone, under(1, reply(3))))

    assert reply(3)["id"] in found
    assert "1 posts cannot be read" in pages[-1].warnings[0]


# The token


def kept(folder: Path, **more: Any) -> Path:
    path = folder / "threads.json"
    path.write_text(json.dumps({"access_token": "THAA-old"} | more))
    path.chmod(0o600)
    return path


async def test_a_token_is_renewed_in_the_second_half_of_its_life(tmp_path):
    path = kept(tmp_path, obtained_at=(NOW - 31 * DAY).isoformat(), expires_in=5_184_000)
    url = "https://graph.threads.net/refresh_access_token?grant_type=th_refresh_token&access_token=THAA-old"
    renewal = {"access_token": "THAA-new", "token_type": "bearer", "expires_in": 5_183_944}
    await polled(traffic := profile((), (), (), (), (url, renewal)), token_file=path)
    await polled(again := profile(), now=NOW + DAY, token_file=path)

    assert traffic.requests[-1].headers["authorization"] == "Bearer THAA-new"
    assert {request.headers["authorization"] for request in again.requests} == {"Bearer THAA-new"}


async def test_a_token_that_is_over_must_be_granted_again(tmp_path):
    path = kept(tmp_path, obtained_at=NOW.isoformat(), expires_in=5_184_000)
    traffic = Traffic((f"{API}/me", refusal(190, 463)))
    with pytest.raises(AuthRejected, match="run `wellheard connect threads` again") as raised:
        await polled(traffic, token_file=path)

    assert "THAA" not in str(raised.value)


async def test_no_token_stands_in_an_address():
    await polled(traffic := profile([ours(1, has_replies=True)]), queries=("a",))

    assert not [request for request in traffic.requests if TOKEN in str(request.url)]


@pytest.mark.parametrize("wrong", [{}, {"token": Secret("x"), "token_file": "x"}])
def test_options_want_one_token(wrong):
    with pytest.raises(ValueError, match="set token_file"):
        Threads.Options(**wrong)


# Getting in

GRANTED = {"client_id": "1", "client_secret": Secret("app-secret"), "access_token": Secret("THAA-hour")}


async def test_a_grant_is_changed_for_a_token_of_sixty_days():
    url = "https://graph.threads.net/access_token?grant_type=th_exchange_token&client_secret=app-secret&access_token=THAA-hour"
    traffic = Traffic((url, {"access_token": "THAA-long", "token_type": "bearer", "expires_in": 5_183_944}))
    async with traffic.client() as client:
        tokens = await Threads.connect.oauth.exchange(GRANTED, client)

    assert tokens == {"access_token": Secret("THAA-long"), "expires_in": "5183944"}


@pytest.mark.parametrize(("answer", "error"), [(refusal(190), AuthRejected), ({"x": 1}, Malformed), ([], Malformed)])
async def test_a_grant_that_is_changed_for_nothing_says_why(answer, error):
    async with Traffic(("https://graph.threads.net/access_token", answer)).client() as client:
        with pytest.raises(error) as raised:
            await Threads.connect.oauth.exchange(GRANTED, client)

    assert "THAA" not in str(raised.value)


async def test_the_profile_of_a_token_is_found():
    async with Traffic(WHO).client() as client:
        [one] = [one async for one in Threads.connect.find(GRANTED, client)]

    assert (one.name, one.shown, one.options) == ("threads-practice.hospital", "@practice.hospital", {})
