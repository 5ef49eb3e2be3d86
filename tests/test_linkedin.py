"""LinkedIn: what notifications tell, comments by their number, and the calls of a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from connectors.kit import linkedin as kit
from connectors.linkedin import LinkedIn
from monitor.connector import AuthRejected, Found, Malformed, NotPermitted, Secret, Throttled
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

API = "https://api.linkedin.com/rest"
TOLD, POSTS = f"{API}/organizationalEntityNotifications", f"{API}/posts"
OPTIONS: dict[str, Any] = {"organization": "4242", "access_token": Secret("not-to-be-seen")}
PAGE, MEMBER = "urn:li:organization:4242", "urn:li:person:Inv3nted"
POST, ACTIVITY = "urn:li:share:7094637247487995904", "urn:li:activity:7094637247890620418"


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def hour(n: int) -> datetime:
    """When the n-th thing was said: one an hour, the tenth now."""
    return NOW - timedelta(hours=10 - n)


def number(n: int, at: datetime | None = None) -> int:
    """The number of the n-th comment: its upper bits are the time."""
    return (ms(at or hour(n)) << 22) + n


def told(
    n: int, action: str = "COMMENT", at: datetime | None = None, made: datetime | None = None, **comment: Any
) -> Any:
    """A notification of the n-th comment, in the shape of the documentation."""
    id_ = number(n, made or at)
    said = {
        "owner": MEMBER, "text": f"Comment {n}", "entity": f"urn:li:comment:({ACTIVITY},{id_})", "object": ACTIVITY,
    }  # fmt: skip
    return {
        "notificationId": 4406000 + n, "action": action, "organizationalEntity": PAGE, "subscriber": MEMBER,
        "sourcePost": ACTIVITY, "decoratedSourcePost": {"owner": PAGE, "text": "Our post", "entity": POST},
        "generatedActivity": f"urn:li:comment:(activity:{ACTIVITY.rpartition(':')[2]},{id_})",
        "decoratedGeneratedActivity": {"comment": said | comment}, "lastModifiedAt": ms(at or hour(n)),
    }  # fmt: skip


def post(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    made = {
        "id": f"urn:li:share:{number(n)}", "author": PAGE, "commentary": f"Post {n}", "visibility": "PUBLIC",
        "lifecycleState": "PUBLISHED", "createdAt": ms(hour(n)), "publishedAt": ms(hour(n)),
        "lastModifiedAt": ms(at or hour(n)),
    }  # fmt: skip
    return made | changes


def comment(n: int, **changes: Any) -> dict[str, Any]:
    made = {
        "id": str(number(n)), "commentUrn": f"urn:li:comment:({ACTIVITY},{number(n)})", "actor": MEMBER, "object": ACTIVITY,
        "message": {"text": f"Comment {n}", "attributes": []}, "created": {"actor": MEMBER, "time": ms(hour(n))},
        "lastModified": {"actor": MEMBER, "time": ms(hour(n))}, "likesSummary": {"totalLikes": 2},
    }  # fmt: skip
    return made | changes


def listing(*elements: Any, **paging: Any) -> dict[str, Any]:
    return {"paging": {"start": 0, "count": 100, "links": [], **paging}, "elements": [*elements]}


def paged(items: Sequence[Any], size: int = 3) -> Any:
    """How notifications are paged, within the span of time that was asked for."""

    def answer(request: httpx.Request) -> Any:
        span = request.url.params["timeRange"].removeprefix("(start:").removesuffix(")")
        begin, _ = (int(one) for one in span.split(",end:"))  # the suite's clock stands while things are said
        found = [item for item in items if begin <= (item.get("lastModifiedAt") or begin)]
        start = int(request.url.params["start"])
        return listing(*found[start : start + size], start=start, count=size, total=len(found))

    return answer


def served(notifications: Any = None, posts: Any = None, *more: Any) -> Traffic:
    return Traffic((TOLD, notifications or listing()), (POSTS, posts or listing()), *more)


class TestLinkedIn(ConnectorContract):
    connector = LinkedIn
    options: ClassVar = OPTIONS
    refusals: ClassVar = {
        "day": Refusal(
            name="day",  # there is no header: the day ends at midnight UTC
            answer=httpx.Response(429, json={"status": 429, "code": "TOO_MANY_REQUESTS", "message": "Resource level throttle MEMBER DAY limit for calls to this resource is reached."}),
            raises=Throttled,
            wait=timedelta(hours=12),
        ),
    }  # fmt: skip

    def raw(self, said: Said) -> Any:
        return told(said.n, at=said.arrived_at, made=said.published_at, text=said.text)

    def serve(self, items: Any) -> Traffic:
        return served(paged(items))


class TestLinkedInPosts(TestLinkedIn):
    # Under a post they mean that it was deleted meanwhile; elsewhere they are tried above.
    refusals: ClassVar = {"404": None, "410": None}

    def raw(self, said: Said) -> Any:
        return post(said.n, said.arrived_at, commentary=said.text, publishedAt=ms(said.published_at))

    def serve(self, items: Any) -> Traffic:
        def answer(request: httpx.Request) -> Any:
            start = int(request.url.params["start"])
            return listing(*items[start : start + 3], start=start, count=3, total=len(items))

        return served(None, answer, (lambda request: request.url.path.endswith("/comments"), listing()))


async def polled(traffic: Traffic, cursor: Any = None, now: datetime = NOW, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        connector = LinkedIn(LinkedIn.Options(**{**OPTIONS, **options}), client, now=lambda: now)
        pages = [page async for page in connector.poll(cursor or {}, FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


def cursor_of(pages: Any) -> Any:
    return [page.cursor for page in pages if page.cursor is not None][-1]


def gone(pages: Any) -> list[str]:
    return [id_ for page in pages for id_ in page.gone]


# What is read


async def test_a_comment_that_is_told_of_becomes_a_mention():
    _, [mention] = await polled(served(listing(told(10, text="Four hours & nobody came"))))

    assert mention.external_id == f"urn:li:comment:{number(10)}"
    assert (mention.kind, mention.text, mention.parent_id) == (Kind.COMMENT, "Four hours & nobody came", POST)
    assert mention.url == f"https://www.linkedin.com/feed/update/{POST}"
    assert (mention.published_at, mention.author, mention.ours) == (NOW, None, False)


async def test_a_comment_is_one_wherever_it_is_read_and_however_its_urn_is_written():
    activity, share = comment(9), comment(9, commentUrn=f"urn:li:comment:({POST},{number(9)})")
    written = told(9)
    del written["decoratedGeneratedActivity"]["comment"]["entity"]
    ids = {kit.mention(one, PAGE).external_id for one in (activity, share, told(9), written)}

    assert ids == {f"urn:li:comment:{number(9)}"}
    assert kit.mention(activity, PAGE).fingerprint == kit.mention(told(9), PAGE).fingerprint


async def test_own_posts_and_replies_are_ours_with_what_they_answer():
    ours = told(9, "ADMIN_COMMENT", owner=PAGE, parentComment=f"urn:li:comment:({ACTIVITY},{number(8)})")
    traffic = served(
        listing(ours), listing(post(7)), (f"{API}/socialActions/urn:li:share:{number(7)}/comments", listing())
    )
    _, mentions = await polled(traffic)

    assert [(one.kind, one.ours, one.parent_id) for one in mentions] == [
        (Kind.COMMENT, True, f"urn:li:comment:{number(8)}"),
        (Kind.POST, True, None),
    ]


async def test_an_edit_is_the_same_comment_at_the_old_time():
    _, [before] = await polled(served(listing(told(9))))
    _, [after] = await polled(served(listing(told(9, "COMMENT_EDIT", at=NOW, made=hour(9), text="Other words"))))

    assert (after.external_id, after.published_at, after.text) == (before.external_id, hour(9), "Other words")


async def test_a_deleted_comment_is_gone():
    deleted = told(9, "COMMENT_DELETE", at=NOW, made=hour(9))
    del deleted["decoratedGeneratedActivity"]
    pages, mentions = await polled(served(listing(deleted, told(10))))

    assert gone(pages) == [f"urn:li:comment:{number(9)}"]
    assert [one.text for one in mentions] == ["Comment 10"]
    assert sum(page.skipped for page in pages) == 0


async def test_a_post_that_mentions_the_page_is_read_even_where_its_text_is_not_given():
    urn = f"urn:li:share:{number(10)}"
    bare = {
        "notificationId": 1, "action": "SHARE_MENTION", "generatedActivity": urn, "lastModifiedAt": ms(NOW),
        "organizationalEntity": PAGE,
    }  # fmt: skip
    full = bare | {
        "decoratedGeneratedActivity": {"share": {"entity": urn, "owner": MEMBER, "text": "At Practice Hospital"}}
    }
    _, [without] = await polled(served(listing(bare)))
    _, [mention] = await polled(served(listing(full)))

    assert (without.external_id, without.text) == (mention.external_id, "")
    assert (mention.kind, mention.text, mention.url) == (
        Kind.POST,
        "At Practice Hospital",
        f"https://www.linkedin.com/feed/update/{urn}",
    )


async def test_a_share_without_a_word_and_a_like_are_no_mentions():
    pages, mentions = await polled(
        served(listing(told(9, "LIKE"), told(8, "SHARE") | {"decoratedGeneratedActivity": {}}))
    )

    assert mentions == []
    assert sum(page.skipped for page in pages) == 0


async def test_drafts_are_no_posts():
    _, mentions = await polled(served(None, listing(post(9, lifecycleState="DRAFT"))))

    assert mentions == []


@pytest.mark.parametrize(
    ("little", "read"),
    [
        (r"Thanks \(all\) \@ \{home\}", "Thanks (all) @ {home}"),
        ("With @[Practice Hospital](urn:li:organization:4242) today", "With Practice Hospital today"),
        (r"{hashtag|\#|health} and {hashtag|#|care}", "#health and #care"),
        (r"@[A \[B\]](urn:li:person:x)", "A [B]"),
    ],
)
def test_little_text_is_shown_as_a_reader_sees_it(little, read):
    assert kit.shown(little) == read


@given(item=spoilt(told(9, parentComment=f"urn:li:comment:({ACTIVITY},{number(8)})")))
@settings(max_examples=150, deadline=None)
def test_a_spoilt_notification_is_read_right_or_not_at_all(item):
    try:
        mention = kit.mention(item, PAGE)
    except kit.UNREADABLE:
        return
    assert mention is None or is_sound(mention)


@given(item=spoilt(comment(9) | {"under": POST}))
@settings(max_examples=150, deadline=None)
def test_a_spoilt_comment_is_read_right_or_not_at_all(item):
    try:
        mention = kit.mention(item, PAGE)
    except kit.UNREADABLE:
        return
    assert mention is None or is_sound(mention)


# How it is walked


async def test_a_walk_begins_ten_minutes_before_the_newest_notification():
    pages, _ = await polled(served(listing(told(10))))
    traffic = served()
    await polled(traffic, cursor_of(pages), NOW + timedelta(hours=1))
    url = str(traffic.requests[0].url)

    assert f"timeRange=(start:{ms(NOW - timedelta(minutes=10))}," in url
    assert "actions=List(COMMENT,COMMENT_EDIT,ADMIN_COMMENT,COMMENT_DELETE,SHARE_MENTION,SHARE)" in url
    assert "organizationalEntity=urn%3Ali%3Aorganization%3A4242" in url
    assert len(traffic.requests) == 2, "nothing new costs two requests"


async def test_notifications_are_kept_for_60_days_and_not_asked_for_before():
    traffic = served()
    async with traffic.client() as client:
        connector = LinkedIn(LinkedIn.Options(**OPTIONS), client, now=lambda: NOW)
        _ = [page async for page in connector.poll({}, NOW - timedelta(days=300))]

    assert f"start:{ms(NOW - timedelta(days=59))}" in str(traffic.requests[0].url)


async def test_every_request_says_the_version():
    traffic = served()
    await polled(traffic, version="202609")

    assert {request.headers["linkedin-version"] for request in traffic.requests} == {"202609"}
    assert {request.headers["x-restli-protocol-version"] for request in traffic.requests} == {"2.0.0"}


async def test_a_late_comment_under_an_old_post_is_found_after_a_restart():
    old, under = post(2), f"{API}/socialActions/urn:li:share:{number(2)}/comments"
    pages, _ = await polled(served(None, listing(old), (under, listing(comment(3)))))
    late = comment(300, created={"time": ms(NOW + timedelta(days=9))}, actor=PAGE)
    traffic = served(None, listing(), (under, listing(comment(3), late)))
    _, mentions = await polled(traffic, cursor_of(pages), NOW + timedelta(days=10))

    found = {one.external_id: one for one in mentions}[f"urn:li:comment:{number(300)}"]
    assert (found.parent_id, found.ours) == (f"urn:li:share:{number(2)}", True)
    assert "/socialActions/urn%3Ali%3Ashare%3A" in str(traffic.requests[-1].url)


async def test_nothing_is_lost_wherever_a_walk_with_comments_is_cut():
    def traffic() -> Traffic:
        under = [
            (f"{API}/socialActions/urn:li:share:{number(n)}/comments", listing(comment(n + 100))) for n in (7, 8, 9)
        ]
        return served(paged([told(n) for n in range(1, 5)], 2), listing(*(post(n) for n in (9, 8, 7))), *under)

    whole, mentions = await polled(traffic())
    found = {one.external_id for one in mentions}
    assert len(found) == 10
    for cut in range(1, len(whole)):
        cursor = next((page.cursor for page in reversed(whole[:cut]) if page.cursor is not None), {})
        _, rest = await polled(traffic(), cursor)
        first = {one.external_id for page in whole[:cut] for one in page.mentions}
        assert first | {one.external_id for one in rest} == found, f"cut after page {cut}"


async def test_comments_are_read_again_under_three_posts_a_poll():
    cursor = {"told": NOW.isoformat(), "posts": FLOOR.isoformat(), "late": {}}
    comments = (lambda request: request.url.path.endswith("/comments"), listing())
    traffic = served(None, listing(*(post(n) for n in range(1, 10))), comments)
    await polled(traffic, cursor)

    assert len(traffic.requests) == 2 + 3


async def test_a_deleted_post_does_not_fail_the_poll():
    traffic = served(None, listing(post(9)), (f"{API}/socialActions/urn:li:share:{number(9)}/comments", 404))
    pages, [mention] = await polled(traffic)

    assert mention.text == "Post 9"
    assert "posts" in cursor_of(pages)


@pytest.mark.parametrize(
    ("answer", "following"),
    [
        (listing(1, 2, 3, count=3, total=7), 3),
        (listing(1, 2, 3, count=3, total=3), None),
        (listing(1, count=3, links=[{"rel": "next", "href": "/rest/x?start=3"}]), 3),
        (listing(1, count=3), None),
        (listing(count=3, total=9), None),
        ({"elements": [0] * 100}, 100),
    ],
)
async def test_a_listing_goes_on_as_its_paging_says(answer, following):
    traffic = Traffic(
        (lambda request: request.url.params["start"] == "0", answer), (TOLD, listing()), (POSTS, listing())
    )
    await polled(traffic)
    starts = [request.url.params["start"] for request in traffic.requests if request.url.path.endswith("Notifications")]

    assert starts == (["0"] if following is None else ["0", str(following)])


# What a day allows


async def test_the_calls_of_the_day_are_counted_across_restarts():
    cursor: Any = {}
    asked = 0
    for _ in range(6):
        traffic = served()
        pages, _ = await polled(traffic, cursor, calls_per_day=7)
        cursor, asked = (
            cursor_of(pages) if any(page.cursor for page in pages) else cursor,
            asked + len(traffic.requests),
        )

    assert asked == 7
    assert "used up" in " ".join(warning for page in pages for warning in page.warnings)
    traffic = served()
    await polled(traffic, cursor, NOW + timedelta(days=1), calls_per_day=7)
    assert len(traffic.requests) == 2


async def test_mentions_go_before_posts_where_the_day_is_short():
    spent = {"day": "2026-06-01", "used": 75}
    traffic = served()
    await polled(traffic, {"told": NOW.isoformat(), "posts": NOW.isoformat(), "late": {}, "spent": spent})

    assert [request.url.path for request in traffic.requests] == ["/rest/organizationalEntityNotifications"]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (httpx.Response(401, json={"status": 401, "serviceErrorCode": 65602, "code": "EXPIRED_ACCESS_TOKEN", "message": "x"}), AuthRejected, "wellheard connect linkedin"),
        (httpx.Response(403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED", "message": "x"}), NotPermitted, "administrator"),
        (httpx.Response(426, json={"status": 426, "code": "NONEXISTENT_VERSION", "message": "x"}), NotPermitted, "set version"),
        (httpx.Response(400, json={"status": 400, "code": "VERSION_MISSING", "message": "x"}), NotPermitted, "set version"),
        (httpx.Response(200, json={"elements": None}), Malformed, "no list"),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_by_meaning(answer, error, words):
    with pytest.raises(error, match=words):
        await polled(served(answer))


# How it is set up


async def test_a_refresh_token_gets_the_access():
    granted = {
        "access_token": "new",
        "expires_in": 5184000,
        "refresh_token": "same",
        "refresh_token_expires_in": 31536000,
    }
    traffic = Traffic(
        ("POST https://www.linkedin.com/oauth/v2/accessToken", granted), (TOLD, listing()), (POSTS, listing())
    )
    await polled(traffic, access_token=None, refresh_token=Secret("r"), client_id="app", client_secret=Secret("s"))

    assert httpx.QueryParams(traffic.requests[0].content.decode())["grant_type"] == "refresh_token"
    assert traffic.requests[1].headers["authorization"] == "Bearer new"


@pytest.mark.parametrize(
    "options",
    [{"access_token": None}, {"organization": "practice"}, {"refresh_token": Secret("r")}, {"version": "2026"}],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        LinkedIn.Options(**{**OPTIONS, **options})


@pytest.mark.parametrize("written", [4242, "4242", PAGE])
def test_a_page_is_taken_by_number_or_urn(written):
    assert LinkedIn.Options(**{**OPTIONS, "organization": written}).organization == "4242"


async def test_connect_finds_the_pages_that_are_administered():
    roles = listing({"role": "ADMINISTRATOR", "organization": PAGE, "state": "APPROVED"}, {"organizationTarget": "urn:li:organization:7"})  # fmt: skip
    traffic = Traffic(
        (f"{API}/organizationAcls", roles),
        (f"{API}/organizations/4242", {"id": 4242, "localizedName": "Practice Hospital"}),
        (f"{API}/organizations/7", {"id": 7}),
    )
    async with traffic.client() as client:
        found = [one async for one in LinkedIn.connect.find({"access_token": Secret("t")}, client)]

    assert found == [
        Found(name="linkedin-4242", shown="Practice Hospital", options={"organization": "4242"}),
        Found(name="linkedin-7", shown="7", options={"organization": "7"}),
    ]


def test_members_words_are_kept_for_48_hours():
    assert LinkedIn.access.retention == timedelta(hours=48)
