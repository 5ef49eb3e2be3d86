"""Bluesky: the session, opaque pages, and who is speaking to whom."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.bluesky import Bluesky
from monitor.connector import AuthRejected, Malformed, Secret, Throttled, Unavailable
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

FIXTURES = Path(__file__).parent / "fixtures" / "bluesky"
POST = json.loads((FIXTURES / "post.json").read_text())
NOTIFICATION = json.loads((FIXTURES / "notification.json").read_text())
SESSION = json.loads((FIXTURES / "session.json").read_text())
OWN = SESSION["did"]
PASSWORD = "not-to-be-seen"
OPTIONS = {"handle": "@practicehosp.example", "app_password": Secret(PASSWORD)}
OPEN = "POST https://bsky.social/xrpc/com.atproto.server.createSession"
RENEW = "POST https://pds.example/xrpc/com.atproto.server.refreshSession"
XRPC = "https://pds.example/xrpc/app.bsky"
SEARCH, FEED, TOLD = f"{XRPC}.feed.searchPosts", f"{XRPC}.feed.getAuthorFeed", f"{XRPC}.notification.listNotifications"


def instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def post(n: int, at: datetime | None = None, indexed: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th post, one an hour, the tenth now; `changes` are to its record."""
    at = at or NOW - timedelta(hours=10 - n)
    made: dict[str, Any] = deepcopy(POST)
    made |= {"uri": f"at://did:plc:invented2maple/app.bsky.feed.post/{n}", "indexedAt": instant(indexed or at)}
    made["record"] |= {"createdAt": instant(at), **changes}
    return made


def notification(n: int, at: datetime | None = None, reason: str = "mention", **changes: Any) -> dict[str, Any]:
    made = post(n, at, **changes)
    told = {key: made[key] for key in ("uri", "cid", "author", "record", "indexedAt")}
    return told | {"reason": reason, "isRead": False, "labels": []}


def sort_at(item: Any) -> str:
    one = item.get("post", item)
    created = one["record"]["createdAt"] if isinstance(one.get("record"), dict) else "~"
    return min(created, one["indexedAt"]) if one.get("indexedAt") else "0"


def listing(key: str, items: list[Any], size: int = 3) -> Any:
    """How the network pages: newest first, an opaque cursor, a short page in the middle and an empty one before the end."""

    def answer(request: httpx.Request) -> Any:
        wanted = request.url.params
        found = [one for one in items if sort_at(one) >= wanted.get("since", "") or sort_at(one) == "0"]
        at = int(wanted.get("cursor", "0").removeprefix("opaque-"))
        page = found[at : at + (1 if at == size else size)]
        return {key: page} | ({"cursor": f"opaque-{at + len(page)}"} if page else {})

    return answer


def refused(code: int, error: str, **headers: str) -> httpx.Response:
    return httpx.Response(code, headers=headers, json={"error": error, "message": "Of no use to a reader"})


PATIENCE = refused(
    429, "RateLimitExceeded", **{"ratelimit-reset": "1780315290", "date": "Mon, 01 Jun 2026 12:00:00 GMT"}
)


def entry() -> tuple[str, Any]:
    return OPEN, SESSION


class TestBlueskySearch(ConnectorContract):
    connector = Bluesky
    options: ClassVar = {**OPTIONS, "queries": ('"Practice Hospital"',)}
    refusals: ClassVar = {
        "429 reset": Refusal(name="429 reset", answer=PATIENCE, raises=Throttled, wait=timedelta(seconds=90)),
        # What the server says where others say 401; a session that is over even when it is new is a matter for a person.
        "expired": Refusal(name="expired", answer=refused(400, "ExpiredToken"), raises=AuthRejected),
        "garbage": Refusal(name="garbage", answer=refused(400, "InvalidToken"), raises=AuthRejected),
        "no such method": Refusal(
            name="no such method", answer=refused(501, "MethodNotImplemented"), raises=Unavailable
        ),
    }
    secrets = (SESSION["accessJwt"], SESSION["refreshJwt"])

    def raw(self, said: Said) -> Any:
        return post(said.n, said.published_at, said.arrived_at, text=said.text)

    def serve(self, items: Any) -> Traffic:
        return Traffic(entry(), (SEARCH, listing("posts", sorted(items, key=sort_at, reverse=True))))


class TestBlueskyNotifications(ConnectorContract):
    connector = Bluesky
    options: ClassVar = {**OPTIONS, "notifications": True}
    secrets = (SESSION["accessJwt"], SESSION["refreshJwt"])

    def raw(self, said: Said) -> Any:
        made = notification(said.n, said.published_at, text=said.text)
        return made | {"indexedAt": instant(said.arrived_at)}

    def serve(self, items: Any) -> Traffic:
        return Traffic(entry(), (TOLD, listing("notifications", list(items))))


class TestBlueskyAccount(TestBlueskySearch):
    options: ClassVar = {**OPTIONS, "actors": ("@maple.example",)}

    def serve(self, items: Any) -> Traffic:
        wrapped = [{"post": item} for item in items]
        return Traffic(entry(), (FEED, listing("feed", wrapped)))


async def polled(traffic: Traffic, cursor: Any = None, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    options = options or {"queries": ("Practice Hospital",)}
    async with traffic.client() as client:
        connector = Bluesky(Bluesky.Options(**OPTIONS, **options), client)
        pages = [page async for page in connector.poll(cursor or {}, FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


def numbers(mentions: Any) -> list[int]:
    return sorted({int(mention.external_id.rpartition("/")[2]) for mention in mentions})


async def test_a_post_becomes_a_mention():
    _, [mention] = await polled(Traffic(entry(), (SEARCH, {"posts": [POST]})))

    assert mention.external_id == "at://did:plc:invented2maple/app.bsky.feed.post/3n2maple00001"
    assert mention.url == "https://bsky.app/profile/did:plc:invented2maple/post/3n2maple00001"
    assert mention.text == "Four hours & nobody came <sigh> \U0001f44d #PracticeHospital"
    assert mention.published_at == datetime(2026, 5, 31, 9, 15, 41, 629646, UTC)
    assert (mention.kind, mention.author, mention.lang) == (Kind.POST, "maple.example", "en")
    assert (mention.engagement, mention.audience, mention.ours) == (8, None, False)


async def test_a_reply_to_ours_is_read_although_its_author_hides_from_the_logged_out():
    _, [mention] = await polled(Traffic(entry(), (TOLD, {"notifications": [NOTIFICATION]})), notifications=True)

    assert (mention.kind, mention.text, mention.lang) == (Kind.COMMENT, "Leider nein.", "de")
    assert mention.parent_id == "at://did:plc:invented1hosp/app.bsky.feed.post/3n2hosp000001"


async def test_who_hides_from_the_logged_out_is_not_read_in_a_search():
    hidden = post(1)
    hidden["author"]["labels"] = NOTIFICATION["author"]["labels"]
    pages, mentions = await polled(Traffic(entry(), (SEARCH, {"posts": [hidden, post(2)]})))

    assert numbers(mentions) == [2]
    assert sum(page.skipped for page in pages) == 0


@pytest.mark.parametrize("reason", ["like", "repost", "follow", "starterpack-joined", "subscribed-post"])
async def test_other_notifications_are_no_mentions(reason):
    told = [notification(2, reason=reason), notification(1, reason="quote")]
    pages, mentions = await polled(Traffic(entry(), (TOLD, {"notifications": told})), notifications=True)

    assert numbers(mentions) == [1]
    assert sum(page.skipped for page in pages) == 0


async def test_only_what_speaks_to_us_is_asked_for():
    traffic = Traffic(entry(), (TOLD, {"notifications": []}))
    await polled(traffic, notifications=True)

    assert traffic.requests[-1].url.params.get_list("reasons") == ["mention", "reply", "quote"]


async def test_own_posts_are_ours_and_read_even_where_we_hide_from_the_logged_out():
    mine = post(1)
    mine["author"] |= {"did": OWN, "labels": NOTIFICATION["author"]["labels"]}
    _, mentions = await polled(Traffic(entry(), (FEED, {"feed": [{"post": mine}]})), actors=("practicehosp.example",))

    assert [mention.ours for mention in mentions] == [True]


async def test_a_repost_is_nobody_s_word_and_a_pin_does_not_end_the_walk():
    long_ago = FLOOR - timedelta(days=400)
    repost = {"$type": "app.bsky.feed.defs#reasonRepost", "by": {}, "indexedAt": instant(NOW)}
    feed = [
        {"post": post(99, long_ago), "reason": {"$type": "app.bsky.feed.defs#reasonPin"}},
        {"post": post(98, long_ago), "reason": repost},
        *({"post": post(n)} for n in range(10, 0, -1)),
    ]
    _, mentions = await polled(Traffic(entry(), (FEED, listing("feed", feed))), actors=("maple.example",))

    assert numbers(mentions) == list(range(1, 11))


async def test_a_post_dated_ahead_was_published_when_it_was_indexed():
    ahead = post(1, NOW + timedelta(days=400), indexed=NOW)
    pages, [mention] = await polled(Traffic(entry(), (SEARCH, {"posts": [ahead]})))

    assert mention.published_at == NOW
    assert pages[-1].cursor == {"search:Practice Hospital": NOW.isoformat()}


@pytest.mark.parametrize("created", ["last Tuesday", "0000-01-01T00:00:00Z", "2026-06-01T12:00:00", None])
async def test_a_date_that_cannot_be_read_is_the_platform_s(created):
    odd = post(1, NOW)
    odd["record"]["createdAt"] = created
    _, [mention] = await polled(Traffic(entry(), (SEARCH, {"posts": [odd]})))

    assert mention.published_at == NOW


async def test_an_empty_page_with_a_cursor_is_not_the_end():
    pages = {"": {"posts": [], "cursor": "a"}, "a": {"posts": [post(2)], "cursor": "b"}, "b": {"posts": [post(1)]}}
    traffic = Traffic(entry(), (SEARCH, lambda request: pages[request.url.params.get("cursor", "")]))
    _, mentions = await polled(traffic)

    assert numbers(mentions) == [1, 2]


async def test_a_cursor_that_comes_again_is_an_error_and_no_endless_walk():
    traffic = Traffic(entry(), (SEARCH, {"posts": [post(1)], "cursor": "a"}))
    with pytest.raises(Malformed, match="in a circle"):
        await polled(traffic)

    assert len(traffic.requests) == 3


async def test_a_search_goes_back_fifteen_minutes_behind_the_newest_post():
    traffic = Traffic(entry(), (SEARCH, listing("posts", [post(10), post(9)])))
    pages, _ = await polled(traffic)
    again = Traffic(entry(), (SEARCH, {"posts": []}))
    later, _ = await polled(again, pages[-1].cursor)

    assert traffic.requests[1].url.params["since"] == instant(FLOOR)
    assert again.requests[1].url.params["since"] == "2026-06-01T11:45:00.000Z"
    assert again.requests[1].url.params["sort"] == "latest"
    assert later[-1].cursor == pages[-1].cursor


async def test_a_search_that_knows_no_since_is_ended_by_what_is_old():
    posts = [post(n) for n in range(30, 0, -1)]

    def page(request: httpx.Request) -> Any:
        at = int(request.url.params.get("cursor", "0"))
        return {"posts": posts[at : at + 3], "cursor": str(at + 3)}

    deaf = Traffic(entry(), (SEARCH, page))
    _, mentions = await polled(deaf, {"search:Practice Hospital": (NOW + timedelta(hours=18)).isoformat()})

    assert {28, 29, 30} <= set(numbers(mentions))
    assert len(deaf.requests) == 3


# The session


class Server:
    """A server that opens sessions, lets them end, and counts."""

    def __init__(self) -> None:
        self.opened = self.renewed = 0
        self.good: set[str] = set()
        self.renewable: set[str] = set()
        self.traffic = Traffic((OPEN, self.open), (RENEW, self.renew), (SEARCH, self.search))

    def hand_out(self) -> dict[str, Any]:
        n = f"{self.opened}.{self.renewed}"
        self.good, self.renewable = {f"access-{n}"}, {f"refresh-{n}"}
        return SESSION | {"accessJwt": f"access-{n}", "refreshJwt": f"refresh-{n}"}

    def open(self, request: httpx.Request) -> Any:
        self.opened += 1
        assert json.loads(request.content) == {"identifier": "practicehosp.example", "password": PASSWORD}
        return self.hand_out()

    def renew(self, request: httpx.Request) -> Any:
        assert request.content == b""
        if request.headers["authorization"].removeprefix("Bearer ") not in self.renewable:
            return httpx.Response(400, json={"error": "ExpiredToken", "message": "Token has been revoked"})
        self.renewed += 1
        return self.hand_out()

    def search(self, request: httpx.Request) -> Any:
        if request.headers["authorization"].removeprefix("Bearer ") not in self.good:
            return httpx.Response(400, json={"error": "ExpiredToken", "message": "Token has expired"})
        return {"posts": [post(1)]}


@pytest.fixture
async def source():
    """A server, and a poll of a connector that keeps its session from one to the next."""
    server = Server()
    async with server.traffic.client() as client:
        connector = Bluesky(Bluesky.Options(**OPTIONS, queries=("Practice Hospital",)), client)

        async def poll() -> list[int]:
            return numbers([mention async for page in connector.poll({}, FLOOR) for mention in page.mentions])

        yield server, poll


async def test_a_session_is_opened_once_and_kept(source):
    server, poll = source

    assert [await poll(), await poll()] == [[1], [1]]
    assert (server.opened, server.renewed) == (1, 0)


async def test_requests_go_to_the_server_that_keeps_the_account(source):
    server, poll = source
    await poll()

    assert [request.url.host for request in server.traffic.requests] == ["bsky.social", "pds.example"]
    assert [request.headers["host"] for request in server.traffic.requests] == ["bsky.social", "pds.example"]


async def test_without_a_document_they_go_where_the_session_was_opened():
    bare = {key: SESSION[key] for key in ("accessJwt", "refreshJwt", "did")}
    traffic = Traffic((OPEN, bare), ("https://bsky.social/xrpc/app.bsky.feed.searchPosts", {"posts": [post(1)]}))
    _, mentions = await polled(traffic)

    assert numbers(mentions) == [1]


async def test_a_session_that_is_over_is_renewed_with_both_tokens(source):
    server, poll = source
    await poll()
    for _ in range(2):
        server.good = set()
        assert await poll() == [1]

    assert (server.opened, server.renewed) == (1, 2)


async def test_a_session_that_cannot_be_renewed_is_opened_again(source):
    server, poll = source
    await poll()
    server.good = server.renewable = set()

    assert await poll() == [1]
    assert (server.opened, server.renewed) == (2, 0)


async def test_it_logs_in_no_more_than_once_in_a_poll(source):
    server, poll = source
    server.traffic.exchanges.insert(0, (SEARCH, httpx.Response(400, json={"error": "ExpiredToken"})))
    with pytest.raises(AuthRejected, match="make a new app password"):
        await poll()
    assert server.opened == 1

    with pytest.raises(AuthRejected, match="make a new app password"):
        await poll()
    assert server.opened <= 2


async def test_it_recovers_with_the_next_poll(source):
    server, poll = source
    server.traffic.exchanges.insert(0, (SEARCH, httpx.Response(401, json={"error": "AuthMissing"})))
    with pytest.raises(AuthRejected):
        await poll()
    del server.traffic.exchanges[0]

    assert await poll() == [1]


async def test_a_server_that_is_down_while_renewing_costs_no_session(source):
    server, poll = source
    await poll()
    server.good = set()
    server.traffic.exchanges.insert(0, (RENEW, 502))
    with pytest.raises(Unavailable, match=r"^pds\.example"):
        await poll()
    del server.traffic.exchanges[0]

    assert await poll() == [1]
    assert (server.opened, server.renewed) == (1, 1)


async def test_a_wrong_password_says_what_to_do():
    wrong = httpx.Response(401, json={"error": "AuthenticationRequired", "message": "Invalid identifier or password"})
    with pytest.raises(AuthRejected, match=r"^bsky\.social answered 401: .*make a new app password") as raised:
        await polled(Traffic((OPEN, wrong)))

    assert "Invalid identifier" not in str(raised.value)


async def test_too_many_log_ins_wait_for_the_reset():
    with pytest.raises(Throttled) as raised:
        await polled(Traffic((OPEN, PATIENCE)))

    assert raised.value.wait == timedelta(seconds=90)


@pytest.mark.parametrize("server", ["http://pds.example", "not an address", None, "https://maple:x@pds.example"])
async def test_a_session_whose_server_makes_no_sense_is_none(server):
    document = {"service": [{"id": "#atproto_pds", "serviceEndpoint": server}]}
    with pytest.raises(Malformed, match="opened no session"):
        await polled(Traffic((OPEN, SESSION | {"didDoc": document})))


# Looking again


async def test_what_the_platform_leaves_out_is_gone():
    there = {f"at://did:plc:invented2maple/app.bsky.feed.post/{n}": post(n) for n in range(1, 31) if n != 7}
    posts = f"{XRPC}.feed.getPosts"
    traffic = Traffic(
        entry(),
        (posts, lambda request: {"posts": [there[uri] for uri in request.url.params.get_list("uris") if uri in there]}),
    )
    ids = [f"at://did:plc:invented2maple/app.bsky.feed.post/{n}" for n in range(1, 31)]
    async with traffic.client() as client:
        connector = Bluesky(Bluesky.Options(**OPTIONS, queries=("x",)), client)
        pages = [page async for page in connector.recheck([*ids, "of-another-platform"])]

    assert [gone for page in pages for gone in page.gone] == [ids[6]]
    assert numbers(mention for page in pages for mention in page.mentions) == [n for n in range(1, 31) if n != 7]
    assert [len(request.url.params.get_list("uris")) for request in traffic.requests[1:]] == [25, 5]


def test_options_say_what_is_missing():
    with pytest.raises(ValueError, match="nothing is followed") as raised:
        Bluesky.Options(**OPTIONS)

    assert PASSWORD not in str(raised.value)


@settings(max_examples=300, deadline=None)
@given(spoilt(NOTIFICATION), spoilt({"post": POST}), spoilt(POST))
def test_whatever_the_network_sends_costs_no_more_than_itself(told, wrapped, bare):
    async def read() -> Any:
        async with Traffic().client() as client:
            connector = Bluesky(Bluesky.Options(**OPTIONS, queries=("x",)), client)
            items = [told, wrapped, post(1), bare]
            return connector.page(items, datetime.min.replace(tzinfo=UTC)), connector.arrivals(items)

    page, arrivals = asyncio.run(read())

    assert all(is_sound(mention) for mention in page.mentions)
    assert "at://did:plc:invented2maple/app.bsky.feed.post/1" in {mention.external_id for mention in page.mentions}
    assert len(page.mentions) + page.skipped <= 4
    assert arrivals
