"""TikTok: searches by day that are found late, a search_id that is forgotten, and errors in a 200."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from connectors.kit import tiktok as kit
from connectors.tiktok import TikTok
from monitor.connector import AuthRejected, Found, Malformed, NotPermitted, Secret, Throttled, Unavailable
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

API = "POST https://open.tiktokapis.com/v2/research"
VIDEOS, COMMENTS = f"{API}/video/query/", f"{API}/video/comment/list/"
GRANTED = {"access_token": "clt.granted", "expires_in": 7200, "token_type": "Bearer"}
TOKEN = ("POST https://open.tiktokapis.com/v2/oauth/token/", GRANTED)
OPTIONS: dict[str, Any] = {"client_key": "project", "client_secret": Secret("not-to-be-seen")}
OK = {"code": "ok", "message": "", "log_id": "20260601"}
FIRST = 7_300_000_000_000_000_000


def hour(n: int) -> datetime:
    """When the n-th video was made: one an hour, the tenth now."""
    return NOW - timedelta(hours=10 - n)


def video(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    made = {
        "id": FIRST + n, "create_time": int((at or hour(n)).timestamp()), "username": "maple_leaf", "region_code": "DE",
        "video_description": f"Video {n} #care", "like_count": 1, "comment_count": 0, "share_count": 2, "view_count": 900,
    }  # fmt: skip
    return made | changes


def comment(n: int, under: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    made = {
        "id": FIRST + 500_000 + n, "video_id": FIRST + under, "text": f"Comment {n}", "parent_comment_id": FIRST + under,
        "create_time": int((at or hour(n)).timestamp()), "like_count": 3, "reply_count": 1,
    }  # fmt: skip
    return made | changes


def answer(key: str, items: Sequence[Any], **data: Any) -> dict[str, Any]:
    return {"data": {key: [*items], "has_more": False, "cursor": len(items), **data}, "error": OK}


def body(request: httpx.Request) -> Any:
    return json.loads(request.content)


def day(at: datetime) -> str:
    return f"{at:%Y%m%d}"


def written(day: str) -> date:
    return date.fromisoformat(day)


def searched(videos: Sequence[Any], size: int = 3) -> Any:
    """How TikTok searches: by day, newest first, with a place in a search that it remembers."""

    def reply(request: httpx.Request) -> Any:
        asked = body(request)
        first, last = asked["start_date"], asked["end_date"]

        def within(one: Any) -> bool:
            made = one.get("create_time")
            return made is None or first <= day(datetime.fromtimestamp(made, NOW.tzinfo)) <= last

        found = [one for one in videos if within(one)]
        start = asked.get("cursor", 0)
        end = start + min(size, asked["max_count"])
        return answer("videos", found[start:end], has_more=end < len(found), cursor=end, search_id=f"s-{first}")

    return reply


def tiktok(*exchanges: Any) -> Traffic:
    return Traffic(TOKEN, *exchanges, (COMMENTS, answer("comments", [])))


def refused(status: int, code: str, message: str = "Of no use to a reader") -> httpx.Response:
    return httpx.Response(status, json={"data": {}, "error": {"code": code, "message": message, "log_id": "1"}})


class TestTikTok(ConnectorContract):
    connector = TikTok
    options: ClassVar = {**OPTIONS, "keywords": ("Practice Hospital",), "comments": False}
    secrets = ("clt.granted",)
    refusals: ClassVar = {
        "rate": Refusal(name="rate", answer=refused(429, "rate_limit_exceeded"), raises=Throttled),
        "failed": Refusal(name="failed", answer=refused(500, "internal_error"), raises=Unavailable),
        "unknown": Refusal(name="unknown", answer=refused(200, "something_new"), raises=Malformed),
    }

    def raw(self, said: Said) -> Any:
        return video(said.n, said.published_at, video_description=said.text)

    def serve(self, items: Any) -> Traffic:
        return tiktok((VIDEOS, searched(items)))


async def polled(
    traffic: Traffic, cursor: Any = None, now: datetime = NOW, floor: datetime = FLOOR, **options: Any
) -> Any:
    """The pages of one poll and the mentions on them."""
    chosen = {**OPTIONS, **({"keywords": ("x",)} | options)}
    pages = []
    async with traffic.client() as client:
        async for page in TikTok(TikTok.Options(**chosen), client, now=lambda: now).poll(cursor or {}, floor):
            pages.append(page)  # noqa: PERF401  # where the poll fails, what came before is kept for the test
    return pages, [mention for page in pages for mention in page.mentions]


def cursor_of(pages: Any) -> Any:
    return json.loads(json.dumps([page.cursor for page in pages if page.cursor is not None][-1]))


def asked(traffic: Traffic) -> list[Any]:
    return [body(request) for request in traffic.requests if "research" in request.url.path]


# What is read


async def test_a_video_becomes_a_mention_with_what_is_said_in_it():
    said = video(10, voice_to_text="Four hours and nobody came")
    _, [mention] = await polled(tiktok((VIDEOS, searched([said]))))

    assert mention.external_id == str(FIRST + 10), "an id of 64 bits is exact"
    assert mention.text == "Video 10 #care\nFour hours and nobody came"
    assert mention.url == f"https://www.tiktok.com/@maple_leaf/video/{FIRST + 10}"
    assert (mention.kind, mention.author, mention.published_at) == (Kind.POST, "maple_leaf", NOW)
    assert (mention.engagement, mention.ours) == (3, False)


async def test_videos_of_our_accounts_are_ours():
    _, [mention] = await polled(
        tiktok((VIDEOS, searched([video(10, username="PracticeHospital")]))), own=("@practicehospital",)
    )

    assert mention.ours


async def test_comments_are_read_with_what_they_answer():
    traffic = tiktok(
        (VIDEOS, searched([video(9, comment_count=2)])),
        (COMMENTS, answer("comments", [comment(9, 9), comment(10, 9, parent_comment_id=FIRST + 500_009)])),
    )
    _, mentions = await polled(traffic)

    assert [(one.kind, one.parent_id) for one in mentions[1:]] == [
        (Kind.COMMENT, str(FIRST + 9)),
        (Kind.COMMENT, str(FIRST + 500_009)),
    ]


async def test_the_shape_of_the_documentation_is_read_too():
    old = {
        "video_id": 702874395068494965,
        "create_time": int(NOW.timestamp()),
        "video_description": "Words",
        "region_code": "CA",
    }
    _, [mention] = await polled(tiktok((VIDEOS, answer("videos", [old]))), floor=NOW - timedelta(days=1))

    assert (mention.external_id, mention.url, mention.author) == ("702874395068494965", None, None)


async def test_an_id_that_went_through_a_float_is_not_taken_for_another():
    pages, mentions = await polled(tiktok((VIDEOS, answer("videos", [video(9, id=7.3e18)]))))

    assert mentions == []
    assert sum(page.skipped for page in pages) == 2, "in each of the two spans"


@given(item=spoilt(video(9, voice_to_text="x")))
@settings(max_examples=150, deadline=None)
def test_a_spoilt_video_is_read_right_or_not_at_all(item):
    try:
        mention = kit.mention(item, {"practicehospital"})
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return
    assert is_sound(mention)


# How it is walked


async def test_a_search_spans_30_days_at_most_and_all_days_are_searched():
    traffic = tiktok((VIDEOS, searched([])))
    await polled(traffic, floor=NOW - timedelta(days=70))
    spans = [(written(one["start_date"]), written(one["end_date"])) for one in asked(traffic)]

    assert all(end - start <= timedelta(days=29) for start, end in spans)
    assert all(begin - end == timedelta(days=1) for (_, end), (begin, _) in pairwise(spans))
    assert (spans[0][0], spans[-1][1]) == ((NOW - timedelta(days=70)).date(), NOW.date())


async def test_a_video_that_is_found_two_days_late_is_found():
    pages, _ = await polled(tiktok((VIDEOS, searched([video(10)]))))
    later = NOW + timedelta(hours=47)
    traffic = tiktok((VIDEOS, searched([video(11, at=NOW - timedelta(minutes=5)), video(10)])))
    _, mentions = await polled(traffic, cursor_of(pages), later)

    assert str(FIRST + 11) in {one.external_id for one in mentions}
    assert len(asked(traffic)) == 2, "nothing new costs one request, and one for the video whose turn it is"


async def test_a_search_that_was_cut_goes_on_where_it_was():
    videos = [video(n) for n in range(10, 0, -1)]
    calls = iter([None, None, refused(500, "internal_error")])
    whole = searched(videos)
    floor = NOW - timedelta(days=2)
    pages: list[Any] = []
    traffic = tiktok((VIDEOS, lambda request: next(calls, None) or whole(request)))
    async with traffic.client() as client:
        connector = TikTok(TikTok.Options(**OPTIONS, keywords=("x",)), client, now=lambda: NOW)
        with pytest.raises(Unavailable):
            async for page in connector.poll({}, floor):
                pages.append(page)  # noqa: PERF401
    first = {one.external_id for page in pages for one in page.mentions}
    again = tiktok((VIDEOS, whole))
    _, rest = await polled(again, cursor_of(pages), floor=floor)

    assert first | {one.external_id for one in rest} == {str(FIRST + n) for n in range(1, 11)}
    assert (asked(again)[0]["cursor"], asked(again)[0]["search_id"]) == (6, f"s-{day(floor)}")


@pytest.mark.parametrize("message", ["Search Id s-1 is invalid or expired", "Invalid count or cursor"])
async def test_a_search_that_was_forgotten_begins_again(message):
    videos = [video(n) for n in range(10, 0, -1)]
    calls = iter([None, refused(400, "invalid_params", message)])
    whole = searched(videos)
    traffic = tiktok((VIDEOS, lambda request: next(calls, None) or whole(request)))
    _, mentions = await polled(traffic, floor=NOW - timedelta(days=1))

    assert {one.external_id for one in mentions} == {str(FIRST + n) for n in range(1, 11)}
    assert "search_id" not in asked(traffic)[2]


async def test_yesterdays_search_is_not_gone_on_with():
    walk = {"day": "2026-05-31", "start": "2026-05-20", "more": True, "search_id": "old", "cursor": 100}
    traffic = tiktok((VIDEOS, searched([])))
    await polled(traffic, {"through": "2026-05-31", "walk": walk})

    assert [(one["start_date"], one.get("search_id")) for one in asked(traffic)] == [("20260528", None)]


async def test_an_empty_page_does_not_end_a_search():
    pages = iter(
        [answer("videos", [], has_more=True, cursor=100, search_id="s"), answer("videos", [video(9)], cursor=200)]
    )
    _, mentions = await polled(tiktok((VIDEOS, lambda _: next(pages))), floor=NOW)

    assert mentions == []
    pages = iter(
        [answer("videos", [], has_more=True, cursor=100, search_id="s"), answer("videos", [video(9)], cursor=200)]
    )
    _, mentions = await polled(tiktok((VIDEOS, lambda _: next(pages))), floor=NOW - timedelta(hours=5))
    assert len(mentions) == 1


async def test_a_place_that_comes_again_ends_the_walk():
    with pytest.raises(Malformed, match="circle"):
        await polled(tiktok((VIDEOS, answer("videos", [video(9)], has_more=True, cursor=100))))


async def test_what_is_followed_is_searched_in_tiktoks_words():
    traffic = tiktok((VIDEOS, searched([])))
    await polled(
        traffic, keywords=("practice",), hashtags=("#care",), usernames=("@maple",), own=("oak",), regions=("DE",)
    )

    assert asked(traffic)[0]["query"] == {
        "or": [
            {"operation": "IN", "field_name": "keyword", "field_values": ["practice"]},
            {"operation": "IN", "field_name": "hashtag_name", "field_values": ["care"]},
            {"operation": "IN", "field_name": "username", "field_values": ["maple", "oak"]},
        ],
        "and": [{"operation": "IN", "field_name": "region_code", "field_values": ["DE"]}],
    }


async def test_late_comments_are_found_when_the_number_changes():
    pages, _ = await polled(tiktok((VIDEOS, searched([video(9, comment_count=0)]))))
    traffic = tiktok(
        (VIDEOS, searched([video(9, comment_count=1)])),
        (COMMENTS, answer("comments", [comment(20, 9, at=NOW + timedelta(hours=20))])),
    )
    _, mentions = await polled(traffic, cursor_of(pages), NOW + timedelta(days=1))

    assert "Comment 20" in {one.text for one in mentions}


async def test_nothing_is_lost_wherever_a_walk_with_comments_is_cut():
    def traffic() -> Traffic:
        videos = searched([video(n, comment_count=1) for n in range(10, 5, -1)])
        return tiktok((VIDEOS, videos), (COMMENTS, lambda request: answer("comments", [comment(body(request)["video_id"] % 100, 9)])))  # fmt: skip

    whole, mentions = await polled(traffic())
    found = {one.external_id for one in mentions}
    assert len(found) == 10
    for cut in range(1, len(whole)):
        cursor = next((page.cursor for page in reversed(whole[:cut]) if page.cursor is not None), {})
        _, rest = await polled(traffic(), cursor)
        first = {one.external_id for page in whole[:cut] for one in page.mentions}
        assert first | {one.external_id for one in rest} == found, f"cut after page {cut}"


async def test_no_more_than_a_thousand_comments_are_asked_for():
    def reply(request: httpx.Request) -> Any:
        start = body(request)["cursor"]
        return answer("comments", [comment(start, 9)], has_more=True, cursor=start + body(request)["max_count"])

    traffic = tiktok((VIDEOS, searched([video(9, comment_count=5000)])), (COMMENTS, reply))
    await polled(traffic, floor=NOW - timedelta(days=1))

    assert [one["cursor"] for one in asked(traffic)[1:]] == list(range(0, 1000, 100))
    assert all(one["video_id"] == FIRST + 9 for one in asked(traffic)[1:])


async def test_a_video_that_is_gone_does_not_fail_the_poll():
    traffic = tiktok((VIDEOS, searched([video(9, comment_count=1)])), (COMMENTS, refused(400, "invalid_params")))
    pages, mentions = await polled(traffic)

    assert len(mentions) == 1
    assert cursor_of(pages)["through"] == "2026-06-01"


async def test_comments_may_be_left_out():
    traffic = tiktok((VIDEOS, searched([video(9, comment_count=1)])))
    await polled(traffic, comments=False)

    assert all("query" in one for one in asked(traffic))


# What a day allows, and what goes wrong


async def test_the_requests_of_the_day_are_counted_across_restarts():
    cursor, count, pages = {}, 0, []
    for _ in range(5):
        traffic = tiktok((VIDEOS, searched([])))
        pages, _ = await polled(traffic, cursor, requests_per_day=4)
        cursor, count = cursor_of(pages) if any(page.cursor for page in pages) else cursor, count + len(asked(traffic))

    assert count == 4
    assert "used up" in " ".join(warning for page in pages for warning in page.warnings)
    traffic = tiktok((VIDEOS, searched([])))
    await polled(traffic, cursor, NOW + timedelta(days=1), requests_per_day=4)
    assert len(asked(traffic)) == 1


@pytest.mark.parametrize(
    ("told", "error", "words"),
    [
        (refused(400, "invalid_params", "bad field"), Malformed, "correct keywords"),
        (refused(403, "scope_not_authorized"), NotPermitted, "research project"),
        (refused(401, "access_token_invalid"), AuthRejected, "wellheard connect tiktok"),
        (refused(200, "internal_error"), Unavailable, "tried again"),
        (httpx.Response(200, json={"data": {}, "error": OK}), Malformed, "no videos"),
        (httpx.Response(200, json={"data": None, "error": OK}), Malformed, "no data"),
    ],
)
async def test_an_error_is_told_by_its_code(told, error, words):
    with pytest.raises(error, match=words):
        await polled(tiktok((VIDEOS, told)))


async def test_a_quota_that_is_used_up_is_whole_again_at_midnight_utc():
    with pytest.raises(Throttled) as told:
        await polled(tiktok((VIDEOS, refused(429, "daily_quota_limit_exceeded"))))

    assert told.value.wait == timedelta(hours=12)


async def test_a_client_that_is_not_let_in_is_told_although_it_is_a_200():
    traffic = Traffic((TOKEN[0], {"error": "invalid_client", "error_description": "x", "log_id": "1"}))
    with pytest.raises(AuthRejected):
        await polled(traffic)


# How it is set up


async def test_the_client_goes_by_the_name_of_key():
    traffic = tiktok((VIDEOS, searched([])))
    await polled(traffic)
    form = httpx.QueryParams(traffic.requests[0].content.decode())

    assert (form["client_key"], form["client_secret"], form["grant_type"]) == (
        "project",
        "not-to-be-seen",
        "client_credentials",
    )
    assert traffic.requests[1].headers["authorization"] == "Bearer clt.granted"


def test_options_that_search_nothing_are_refused():
    with pytest.raises(ValidationError):
        TikTok.Options(**OPTIONS, regions=("DE",))


async def test_connect_finds_the_account():
    traffic = tiktok((f"{API}/user/info/", {"data": {"display_name": "Practice Hospital"}, "error": OK}))
    async with traffic.client() as client:
        found = [one async for one in TikTok.connect.find({**OPTIONS, "username": "@PracticeHospital"}, client)]

    assert found == [
        Found(name="tiktok-practicehospital", shown="@practicehospital", options={"own": ["practicehospital"]})
    ]
    TikTok.Options(**OPTIONS, **found[0].options)


async def test_connect_tells_an_error_in_a_200():
    traffic = tiktok((f"{API}/user/info/", refused(200, "scope_not_authorized")))
    async with traffic.client() as client:
        with pytest.raises(NotPermitted):
            _ = [one async for one in TikTok.connect.find({**OPTIONS, "username": "x"}, client)]


def test_what_is_not_confirmed_for_15_days_is_removed():
    assert TikTok.access.refresh == timedelta(days=15)
