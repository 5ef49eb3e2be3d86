"""Reddit: a walk that deletions cannot stop, threads that are read again, and what is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from connectors.kit import things
from connectors.reddit import Reddit
from monitor.connector import AuthRejected, Found, Malformed, NotPermitted, Secret, Throttled
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

API = "https://oauth.reddit.com"
TOKEN = ("POST https://www.reddit.com/api/v1/access_token", {"access_token": "granted-to-us", "token_type": "bearer", "expires_in": 86400, "scope": "*"})  # fmt: skip
OPTIONS: dict[str, Any] = {
    "client_id": "practice-app",
    "client_secret": Secret("not-to-be-seen"),
    "username": "PracticeHospital",
    "password": Secret("nor-to-be-seen"),
}
SEARCH, NEW, COMMENTS = f"{API}/search", f"{API}/r/practicetown/new", f"{API}/r/practicetown/comments"
MINE, INBOX, INFO = f"{API}/user/PracticeHospital/overview", f"{API}/message/inbox", f"{API}/api/info"


def post(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th post as it is listed, one an hour, the tenth now."""
    said = {
        "name": f"t3_a{n}", "id": f"a{n}", "title": f"Post {n}", "author": "maple_leaf", "author_fullname": "t2_maple",
        "subreddit": "Elsewhere", "selftext": "Words", "selftext_html": None, "edited": False, "is_self": True,
        "created": 1.0, "created_utc": (at or NOW - timedelta(hours=10 - n)).timestamp(), "score": 5, "num_comments": 0,
        "permalink": f"/r/Elsewhere/comments/a{n}/post/", "removed_by_category": None, "url": "https://i.example/1",
    }  # fmt: skip
    return {"kind": "t3", "data": said | changes}


def comment(n: int, at: datetime | None = None, replies: Any = "", **changes: Any) -> dict[str, Any]:
    said = {
        "name": f"t1_c{n}", "id": f"c{n}", "author": "oak_tree", "body": f"Comment {n}", "link_id": "t3_a1",
        "body_html": f'<div class="md"><p>Comment {n}</p>\n</div>', "parent_id": "t3_a1", "subreddit": "practicetown",
        "created_utc": (at or NOW - timedelta(hours=10 - n)).timestamp(), "score": 1, "edited": False,
        "permalink": f"/r/practicetown/comments/a1/post/c{n}/", "replies": replies, "link_title": "Post 1",
    }  # fmt: skip
    return {"kind": "t1", "data": said | changes}


def listing(*children: Any, after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"after": after, "before": None, "dist": len(children), "children": [*children]}}


def paged(items: Sequence[Any], size: int = 3) -> Any:
    """How Reddit pages: newest first, `after` names the last of a page; what is deleted meanwhile is simply not there."""

    def answer(request: httpx.Request) -> Any:
        names = [item["data"]["name"] if item["data"] else None for item in items]
        wanted = request.url.params.get("after")
        start = names.index(wanted) + 1 if wanted else 0
        page = list(items[start : start + size])
        last = next((item["data"]["name"] for item in reversed(page) if item["data"]), None)
        return listing(*page, after=last if start + size < len(items) else None)

    return answer


def thread(top: Any, *comments: Any) -> list[Any]:
    """A post and the tree of its comments."""
    return [listing(top), listing(*comments)]


def reddit(*exchanges: Any) -> Traffic:
    return Traffic(TOKEN, *exchanges)


class TestRedditSearch(ConnectorContract):
    connector = Reddit
    options: ClassVar = {**OPTIONS, "queries": ('"Practice Hospital"',), "comments": False}
    secrets = ("granted-to-us",)
    refusals: ClassVar = {
        "429 reset": Refusal(
            name="429 reset",  # seconds left, whatever the header's name makes of it elsewhere
            answer=httpx.Response(429, headers={"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "53"}),
            raises=Throttled,
            wait=timedelta(seconds=53),
        ),
    }

    def raw(self, said: Said) -> Any:
        shown = said.text.replace("&", "&amp;")
        html = f'<!-- SC_OFF --><div class="md"><p>{shown}</p>\n</div><!-- SC_ON -->'
        return post(said.n, said.published_at, selftext=said.text, selftext_html=html)

    def serve(self, items: Any) -> Traffic:
        return reddit((SEARCH, paged(items)))

    def unreadable(self, raw: Any) -> Any:
        return {"kind": "t3", "data": {"name": raw["data"]["name"], "title": None}}


class TestRedditSubreddit(TestRedditSearch):
    options: ClassVar = {**OPTIONS, "password": None, "subreddits": ("r/practicetown",)}

    def raw(self, said: Said) -> Any:
        return comment(said.n, said.published_at, body=said.text, body_html=None)

    def serve(self, items: Any) -> Traffic:
        return reddit((NEW, listing()), (COMMENTS, paged(items)))

    def unreadable(self, raw: Any) -> Any:
        return {"kind": "t1", "data": {"name": raw["data"]["name"], "body": None}}


class TestRedditInbox(TestRedditSubreddit):
    options: ClassVar = {**OPTIONS, "inbox": True}

    def serve(self, items: Any) -> Traffic:
        return reddit((INBOX, paged(items)))


async def polled(traffic: Traffic, cursor: Any = None, now: datetime = NOW, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    chosen = {**OPTIONS, **(options or {"queries": ("x",)})}
    async with traffic.client() as client:
        connector = Reddit(Reddit.Options(**chosen), client, now=lambda: now)
        pages = [page async for page in connector.poll(cursor or {}, FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


async def rechecked(traffic: Traffic, *ids: str) -> Any:
    async with traffic.client() as client:
        return [page async for page in Reddit(Reddit.Options(**OPTIONS, queries=("x",)), client).recheck(ids)]


def cursor_of(pages: Any) -> Any:
    return [page.cursor for page in pages if page.cursor is not None][-1]


def ids(mentions: Any) -> list[str]:
    return sorted({mention.external_id for mention in mentions})


def gone(pages: Any) -> list[str]:
    return [id_ for page in pages for id_ in page.gone]


def asked(traffic: Traffic) -> list[str]:
    return [request.url.path for request in traffic.requests if request.method == "GET"]


# What is read


async def test_a_post_becomes_a_mention():
    told = post(10, selftext_html='<div class="md"><p>Four hours &amp; nobody came</p>\n\n<p>Never again</p>\n</div>')
    _, [mention] = await polled(reddit((SEARCH, listing(told))), queries=("x",), comments=False)

    assert mention.external_id == "t3_a10"
    assert (mention.title, mention.text) == ("Post 10", "Four hours & nobody came\nNever again")
    assert mention.url == "https://www.reddit.com/r/Elsewhere/comments/a10/post/"
    assert (mention.kind, mention.author, mention.published_at) == (Kind.POST, "maple_leaf", NOW)
    assert (mention.engagement, mention.parent_id, mention.ours) == (5, None, False)


async def test_own_posts_and_replies_are_ours_with_what_they_answer():
    mine = [
        comment(9, author="practicehospital", parent_id="t1_c8"),
        post(8, author="PracticeHospital", num_comments=0),
    ]
    _, mentions = await polled(reddit((MINE, listing(*mine))), own=("u/PracticeHospital",))

    assert [(one.kind, one.ours, one.parent_id) for one in mentions] == [
        (Kind.COMMENT, True, "t1_c8"),
        (Kind.POST, True, None),
    ]


async def test_a_reply_in_the_inbox_is_the_comment_that_it_is_in_the_subreddit():
    listed = comment(9)
    told = comment(
        9, subject="comment reply", was_comment=True, context="/r/practicetown/comments/a1/post/c9/?context=3"
    )
    for key in ("permalink", "link_id", "replies"):
        del told["data"][key]
    _, [there] = await polled(reddit((NEW, listing()), (COMMENTS, listing(listed))), subreddits=("practicetown",))
    _, [here] = await polled(reddit((INBOX, listing(told))), inbox=True)

    assert here == there
    assert here.fingerprint == there.fingerprint


async def test_private_messages_are_not_read():
    message = {
        "kind": "t4",
        "data": {"name": "t4_m1", "id": "m1", "body": "Between us", "created_utc": NOW.timestamp()},
    }
    pages, mentions = await polled(reddit((INBOX, listing(message, comment(9)))), inbox=True)

    assert ids(mentions) == ["t1_c9"]
    assert sum(page.skipped for page in pages) == 0


async def test_the_author_of_a_deleted_account_is_nobody_and_what_was_said_stays():
    _, [mention] = await polled(
        reddit((NEW, listing()), (COMMENTS, listing(comment(9, author="[deleted]")))), subreddits=("practicetown",)
    )

    assert (mention.author, mention.text) == (None, "Comment 9")


@pytest.mark.parametrize(
    "blanked",
    [
        comment(9, author="[deleted]", body="[deleted]", body_html="<p>[deleted]</p>"),
        comment(9, body="[removed]"),
        comment(9, body="[ Removed by Reddit ]"),
        post(9, selftext="[removed]"),
        post(9, title="[deleted by user]"),
        post(9, selftext="", author="[deleted]", removed_by_category="deleted"),
        post(9, removed_by_category="automod_filtered"),
    ],
)
async def test_what_was_deleted_or_removed_is_gone(blanked):
    pages, mentions = await polled(reddit((SEARCH, listing(post(10), blanked))), queries=("x",), comments=False)

    assert ids(mentions) == ["t3_a10"]
    assert gone(pages) == [blanked["data"]["name"]]
    assert sum(page.skipped for page in pages) == 0


async def test_an_old_comment_without_a_link_gets_one():
    old = comment(9)
    del old["data"]["permalink"]
    _, [mention] = await polled(reddit((NEW, listing()), (COMMENTS, listing(old))), subreddits=("practicetown",))

    assert mention.url == "https://www.reddit.com/comments/a1/_/c9/"


async def test_the_title_of_its_post_does_not_make_a_comment_look_edited():
    listed, in_tree = comment(9), comment(9)
    del in_tree["data"]["link_title"]

    assert things.mention(listed, set()) == things.mention(in_tree, set())


@given(item=spoilt(comment(9)))
@settings(max_examples=150, deadline=None)
def test_a_spoilt_comment_is_read_right_or_not_at_all(item):
    try:
        mention = things.mention(item, {"practicehospital"})
    except things.UNREADABLE:
        return
    assert mention is None or is_sound(mention)


# How it is walked


async def test_a_deleted_anchor_does_not_stop_the_walk():
    everything = [post(n) for n in range(20, 0, -1)]
    pages, _ = await polled(reddit((SEARCH, paged(everything[10:]))), queries=("x",), comments=False)
    left = [item for item in everything if item["data"]["name"] not in ("t3_a10", "t3_a9")]
    _, mentions = await polled(reddit((SEARCH, paged(left))), cursor_of(pages), queries=("x",), comments=False)

    assert {f"t3_a{n}" for n in range(11, 21)} <= set(ids(mentions))


async def test_a_known_post_pinned_on_top_does_not_end_the_walk():
    everything = [post(n) for n in range(14, 0, -1)]
    pages, _ = await polled(reddit((MINE, paged(everything[10:]))), own=("PracticeHospital",), comments=False)
    pinned = [post(4), *(item for item in everything if item["data"]["id"] != "a4")]
    _, mentions = await polled(
        reddit((MINE, paged(pinned))), cursor_of(pages), own=("PracticeHospital",), comments=False
    )

    assert {f"t3_a{n}" for n in range(5, 15)} <= set(ids(mentions))


async def test_before_is_never_asked_for_and_nothing_new_costs_one_request():
    everything = [post(n) for n in range(10, 0, -1)]
    pages, _ = await polled(reddit((SEARCH, paged(everything))), queries=("x",), comments=False)
    again = reddit((SEARCH, paged(everything)))
    await polled(again, cursor_of(pages), queries=("x",), comments=False)

    assert asked(again) == ["/search"]
    assert "before" not in again.requests[-1].url.params


async def test_edits_and_what_was_let_through_late_are_seen_on_the_newest_page():
    pages, _ = await polled(reddit((SEARCH, listing(post(10), post(8)))), queries=("x",), comments=False)
    later = listing(post(10, edited=NOW.timestamp(), selftext="Other words"), post(9), post(8))
    _, mentions = await polled(reddit((SEARCH, later)), cursor_of(pages), queries=("x",), comments=False)

    assert [one.text for one in mentions] == ["Other words", "Words", "Words"]


async def test_it_is_said_what_is_wanted_and_who_asks():
    traffic = reddit((SEARCH, listing()))
    await polled(traffic, queries=('"Practice Hospital"',))
    [granted, search] = traffic.requests

    form = httpx.QueryParams(granted.content.decode())
    assert (form["grant_type"], form["username"]) == ("password", "PracticeHospital")
    assert dict(search.url.params) == {
        "q": '"Practice Hospital"', "sort": "new", "t": "all", "type": "link", "limit": "100", "raw_json": "1",
    }  # fmt: skip
    assert granted.headers["user-agent"] == search.headers["user-agent"] == "linux:wellheard:1 (by /u/PracticeHospital)"
    assert search.headers["authorization"] == "Bearer granted-to-us"


async def test_without_a_password_the_app_asks_for_itself():
    traffic = reddit((SEARCH, listing()))
    await polled(traffic, queries=("x",), password=None)

    assert httpx.QueryParams(traffic.requests[0].content.decode())["grant_type"] == "client_credentials"


async def test_reading_the_inbox_marks_nothing_as_read():
    traffic = reddit((INBOX, listing()))
    await polled(traffic, inbox=True)

    assert traffic.requests[-1].url.params["mark"] == "false"


# Comments that come late


async def test_comments_under_a_post_that_was_found_are_read_with_the_answers_to_them():
    tree = thread(post(9, num_comments=2), comment(9, link_id="t3_a9", replies=listing(comment(10, parent_id="t1_c9"))))
    traffic = reddit((SEARCH, listing(post(9, num_comments=2))), (f"{API}/comments/a9", tree))
    _, mentions = await polled(traffic)

    assert ids(mentions) == ["t1_c10", "t1_c9", "t3_a9"]
    assert {one.external_id: one.parent_id for one in mentions}["t1_c10"] == "t1_c9"


async def test_a_late_comment_under_an_old_post_is_found_after_a_restart():
    first = reddit((SEARCH, listing(post(2, num_comments=0))), (f"{API}/comments/a2", thread(post(2))))
    pages, _ = await polled(first)
    tree = thread(post(2, num_comments=1), comment(300, at=NOW + timedelta(days=9)))
    later = reddit((SEARCH, listing(post(2, num_comments=1))), (f"{API}/comments/a2", tree))
    _, mentions = await polled(later, cursor_of(pages), NOW + timedelta(days=10))

    assert "t1_c300" in ids(mentions)


async def test_nothing_is_lost_wherever_a_walk_with_comments_is_cut():
    found = [post(n, num_comments=1) for n in (9, 8, 7)]
    trees = [(f"{API}/comments/a{n}", thread(post(n, num_comments=1), comment(n))) for n in (9, 8, 7)]
    whole, mentions = await polled(reddit((SEARCH, listing(*found)), *trees))
    for cut in range(1, len(whole)):
        cursor = next((page.cursor for page in reversed(whole[:cut]) if page.cursor is not None), {})
        first = [mention for page in whole[:cut] for mention in page.mentions]
        _, rest = await polled(reddit((SEARCH, listing(*found)), *trees), cursor)
        assert ids([*first, *rest]) == ids(mentions), f"cut after page {cut}"


async def test_comments_are_read_again_with_a_budget():
    found = [post(n, num_comments=1) for n in range(40, 0, -1)]
    trees = [(f"{API}/comments/a{n}", thread(post(n))) for n in range(1, 41)]
    traffic = reddit((SEARCH, listing(*found)), *trees)
    pages, _ = await polled(traffic, {"search:x": ["t3_a1"]})

    assert len(asked(traffic)) == 1 + Reddit.late.reads
    again = reddit((SEARCH, listing(*found)), *trees)
    await polled(again, cursor_of(pages))
    assert not set(asked(traffic)[1:]) & set(asked(again)[1:]), "the same posts were read again, others never"


async def test_posts_of_followed_subreddits_are_not_read_twice():
    traffic = reddit((SEARCH, listing(post(9, subreddit="PracticeTown", num_comments=5))), (NEW, listing()), (COMMENTS, listing()))  # fmt: skip
    await polled(traffic, subreddits=("practicetown",), queries=("x",))

    assert sorted(asked(traffic)) == ["/r/practicetown/comments", "/r/practicetown/new", "/search"]


async def test_what_a_tree_leaves_out_is_asked_for_once():
    more = {"kind": "more", "data": {"count": 2, "name": "t1_m1", "id": "m1", "children": ["c7", "c8"]}}
    rest = {"json": {"errors": [], "data": {"things": [comment(7), comment(8)]}}}
    endless = {"kind": "more", "data": {"count": 0, "name": "t1__", "id": "_", "children": []}}
    tree = thread(post(9, num_comments=3), comment(9, replies=listing(endless)), more)
    traffic = reddit((SEARCH, listing(post(9, num_comments=3))), (f"{API}/comments/a9", tree), (f"{API}/api/morechildren", rest))  # fmt: skip
    pages, mentions = await polled(traffic)

    assert ids(mentions) == ["t1_c7", "t1_c8", "t1_c9", "t3_a9"]
    assert traffic.requests[-1].url.params["children"] == "c7,c8"
    assert sum(page.skipped for page in pages) == 0


async def test_a_post_that_was_taken_away_does_not_fail_the_poll():
    traffic = reddit((SEARCH, listing(post(9, num_comments=3))), (f"{API}/comments/a9", 404))
    _, mentions = await polled(traffic)

    assert ids(mentions) == ["t3_a9"]


def test_a_thread_deeper_than_a_recursion_is_read():
    tree: Any = comment(1)
    for n in range(2, 3000):
        tree = comment(n % 100, replies=listing(tree))

    assert len(things.things([listing(post(1)), listing(tree)])) == 3000


async def test_more_posts_than_can_be_remembered_are_said():
    found = [post(n, NOW - timedelta(minutes=n), num_comments=0) for n in range(301)]
    pages, _ = await polled(reddit((SEARCH, listing(*found)), (lambda r: "/comments/" in r.url.path, thread(post(1)))), {"search:x": ["t3_a1"]})  # fmt: skip

    assert any("are not seen" in warning or "may not be seen" in warning for page in pages for warning in page.warnings)


# What goes wrong


async def test_a_wrong_password_is_a_200():
    traffic = Traffic((TOKEN[0], {"error": "invalid_grant"}))
    with pytest.raises(AuthRejected, match="wellheard connect reddit"):
        await polled(traffic)


async def test_a_wrong_app_is_told():
    traffic = Traffic((TOKEN[0], httpx.Response(401, json={"message": "Unauthorized", "error": 401})))
    with pytest.raises(AuthRejected, match=r"www\.reddit\.com"):
        await polled(traffic)


async def test_a_token_that_is_over_is_renewed_once():
    over = iter([httpx.Response(401, json={"message": "Unauthorized", "error": 401}), listing(post(9))])
    traffic = reddit((SEARCH, lambda _: next(over)))
    _, mentions = await polled(traffic, queries=("x",), comments=False)

    assert ids(mentions) == ["t3_a9"]
    assert sum(request.method == "POST" for request in traffic.requests) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(403, json={"message": "Forbidden", "error": 403, "reason": "private"}), "is private"),
        (httpx.Response(404, json={"message": "Not Found", "error": 404, "reason": "banned"}), "is banned"),
        (httpx.Response(403, html="<p>blocked by network security</p>"), "approved the app"),
        (httpx.Response(302, headers={"location": f"{API}/subreddits/search?q=practicetown"}), "does not exist"),
        (listing({"kind": "t5", "data": {"display_name": "practicetown2"}}), "does not exist"),
    ],
)
async def test_what_may_not_be_read_is_told_by_meaning(answer, words):
    with pytest.raises(NotPermitted, match=words):
        await polled(reddit((NEW, answer), (COMMENTS, answer)), subreddits=("practicetown",))


@pytest.mark.parametrize(
    "answer", [{}, {"kind": "t5", "data": {}}, {"kind": "Listing", "data": {}}, {"json": {"errors": []}}, 1]
)
async def test_an_answer_that_is_no_listing_is_not_an_empty_one(answer):
    with pytest.raises(Malformed):
        await polled(reddit((SEARCH, httpx.Response(200, json=answer))))


# What is looked up again


async def test_what_is_deleted_or_not_there_any_more_is_gone():
    answer = listing(post(1, selftext="Edited"), comment(2, author="[deleted]", body="[deleted]", body_html=None))
    [page] = await rechecked(reddit((INFO, answer)), "t3_a1", "t1_c2", "t1_c3", "not-ours")

    assert [(one.external_id, one.text) for one in page.mentions] == [("t3_a1", "Edited")]
    assert sorted(page.gone) == ["t1_c2", "t1_c3"]


async def test_a_name_of_deleted_alone_says_that_the_account_is_gone_and_the_words_stay():
    for pages in (
        await rechecked(reddit((INFO, listing(post(1), comment(2, author="[deleted]")))), "t3_a1", "t1_c2"),
        (await polled(reddit((SEARCH, listing(post(1), comment(2, author="[deleted]"))))))[0],
    ):
        assert [(one.external_id, one.author is None) for page in pages for one in page.mentions] == [
            ("t3_a1", False),
            ("t1_c2", True),
        ]
        assert [id_ for page in pages for id_ in page.unsigned] == ["t1_c2"]
        assert gone(pages) == []


async def test_a_hundred_are_looked_up_at_a_time():
    wanted = [f"t1_c{n}" for n in range(250)]
    traffic = reddit((INFO, lambda request: listing(*(comment(int(name[4:])) for name in request.url.params["id"].split(",")))))  # fmt: skip
    pages = await rechecked(traffic, *wanted)

    assert [len(page.mentions) for page in pages] == [100, 100, 50]
    assert gone(pages) == []


# How it is set up


@pytest.mark.parametrize(
    "options",
    [{}, {"inbox": True, "password": None}, {"subreddits": ("two words",)}, {"own": ("a/b?c",)}],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        Reddit.Options(**{**OPTIONS, **options})


def test_names_are_taken_as_people_write_them():
    options = Reddit.Options(**{**OPTIONS, "username": "/u/PracticeHospital"}, subreddits=("/r/practicetown/", "x_y"))

    assert (options.username, options.subreddits) == ("PracticeHospital", ("practicetown", "x_y"))


async def test_connect_finds_the_account():
    traffic = reddit((f"{API}/api/v1/me", {"name": "PracticeHospital", "id": "h1"}))
    answers = {**OPTIONS, "username": "u/PracticeHospital"}
    async with traffic.client() as client:
        found = [one async for one in Reddit.connect.find(answers, client)]

    assert found == [
        Found(
            name="reddit-practicehospital",
            shown="u/PracticeHospital",
            options={"own": ["PracticeHospital"], "inbox": True},
        )
    ]
    Reddit.Options(**OPTIONS, **found[0].options)


def test_deletions_are_followed_in_time():
    assert Reddit.access.recheck
    assert Reddit.access.recheck <= timedelta(hours=48)
