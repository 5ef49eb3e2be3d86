"""YouTube: threads that replies do not move, searches that are counted, and what a video's JSON leaves out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.youtube import YouTube
from monitor.connector import AuthRejected, Malformed, NotPermitted, Secret, Throttled, Unavailable
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.clock import Clock
from tests.spoiling import is_sound, spoilt

API = "https://www.googleapis.com/youtube/v3"
OWN = "UCinvented0hospital00000"
KEY = "AIza-seen-by-nobody"
OPTIONS: dict[str, Any] = {"api_key": Secret(KEY), "channel": OWN}
VIDEO = "video-00001"


def instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def hour(n: int) -> datetime:
    """When the n-th thing is said: one an hour, the tenth now."""
    return NOW - timedelta(hours=10 - n)


def comment(id_: str, at: datetime, said: str = "Waited long", **changes: Any) -> dict[str, Any]:
    snippet = {
        "authorDisplayName": "@maple-invented",
        "authorChannelId": {"value": "UCsomebody0else000000000"},
        "channelId": OWN,
        "textDisplay": said,
        "canRate": True,
        "viewerRating": "none",
        "likeCount": 2,
        "publishedAt": instant(at),
        "updatedAt": instant(at),
    } | changes
    return {"kind": "youtube#comment", "etag": "e", "id": id_, "snippet": snippet}


def replies(parent: str, *numbers: int, at: datetime = NOW) -> list[dict[str, Any]]:
    return [comment(f"{parent}.r{n}", at, f"Reply {n}", parentId=parent) for n in numbers]


def thread(n: int, at: datetime | None = None, *shown: Any, total: int | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th thread, with the replies that it shows and the number of all it has."""
    top = comment(f"Ug{n}", at or hour(n), **{"said": f"Comment {n}", **changes}, videoId=VIDEO)
    snippet = {"channelId": OWN, "videoId": VIDEO, "topLevelComment": top, "canReply": True, "isPublic": True}
    made = {"kind": "youtube#commentThread", "etag": "e", "id": f"Ug{n}"}
    made |= {"snippet": {**snippet, "totalReplyCount": len(shown) if total is None else total}}
    return made | ({"replies": {"comments": list(shown)}} if shown else {})


def upload(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    snippet = {
        "publishedAt": instant(at or hour(n)),
        "channelId": OWN,
        "title": f"Video {n}",
        "description": "How we work",
        "thumbnails": {"default": {"url": "https://thumbs.example/1"}},
        "channelTitle": "Practice Hospital",
        "resourceId": {"kind": "youtube#video", "videoId": f"video-{n:05}"},
    } | changes
    details = {"videoId": f"video-{n:05}", "videoPublishedAt": snippet["publishedAt"]}
    return {"kind": "youtube#playlistItem", "id": "UEx", "snippet": snippet, "contentDetails": details}


def video(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    snippet = {
        "publishedAt": instant(at or hour(n)),
        "channelId": "UCsomebody0else000000000",
        "title": f"My stay & what I saw {n}",
        "description": "The whole of the description",
        "channelTitle": "Maple",
        "defaultAudioLanguage": "en",
    } | changes
    counts = {"viewCount": "900", "likeCount": "7", "commentCount": "3"}
    return {"kind": "youtube#video", "id": f"video-{n:05}", "snippet": snippet, "statistics": counts}


def hit(one: Any) -> dict[str, Any]:
    """A video as a search shows it."""
    snippet = {**one["snippet"], "title": "My stay &amp; what", "description": "The whole of ..."}
    return {"kind": "youtube#searchResult", "id": {"kind": "youtube#video", "videoId": one["id"]}, "snippet": snippet}


def listing(items: Iterable[Any], size: int = 3) -> Any:
    """How YouTube pages; where nothing is left, `items` may be left out."""
    listed = list(items)

    def answer(request: httpx.Request) -> Any:
        start = int(request.url.params.get("pageToken", "0"))
        more = {"nextPageToken": str(start + size)} if start + size < len(listed) else {}
        found = {"items": listed[start : start + size]} if listed else {}
        return {"kind": "youtube#listResponse", "etag": "e", "pageInfo": {"totalResults": 99}} | found | more

    return answer


def by_id(items: Iterable[Any]) -> Any:
    """How YouTube looks up by ids: what is not there is left out."""
    listed = list(items)

    def answer(request: httpx.Request) -> Any:
        wanted = request.url.params["id"].split(",")
        assert len(wanted) <= 50
        return {"kind": "youtube#listResponse", "items": [one for one in listed if one["id"] in wanted]}

    return answer


def channel(threads: Iterable[Any] = (), uploads: Iterable[Any] = (), said: Iterable[Any] = ()) -> Traffic:
    """Our channel: the threads under its videos, the videos, and all replies."""
    known, answers = list(threads), list(said)

    def under(request: httpx.Request) -> Any:
        found = [one for one in answers if one["id"].startswith(request.url.params["parentId"] + ".")]
        return listing(found)(request)

    return Traffic(
        (f"{API}/playlistItems?playlistId=UU{OWN[2:]}", listing(uploads)),
        (f"{API}/commentThreads?allThreadsRelatedToChannelId={OWN}", listing(known)),
        (lambda request: request.url.path.endswith("/commentThreads") and "id" in request.url.params, by_id(known)),
        (lambda request: request.url.path.endswith("/comments") and "parentId" in request.url.params, under),
        (f"{API}/comments", by_id(answers)),
    )


def found_by_search(videos: Iterable[Any], size: int = 3) -> Traffic:
    known = list(videos)
    readable = [one for one in known if one.get("snippet")]
    hits = [hit(one) if one.get("snippet") else {**one, "id": None} for one in known]
    return Traffic((f"{API}/search", listing(hits, size)), (f"{API}/videos", by_id(readable)))


def refusal(code: int, reason: str, domain: str = "youtube.quota") -> httpx.Response:
    error = {"message": "Of no use", "domain": domain, "reason": reason}
    date = {"date": "Mon, 01 Jun 2026 12:00:00 GMT"}
    return httpx.Response(code, headers=date, json={"error": {"code": code, "message": "Of no use", "errors": [error]}})


MIDNIGHT = timedelta(hours=19)
"""From noon UTC to midnight in California, in summer."""

REFUSALS = {
    "wrong key": Refusal(name="wrong key", answer=refusal(400, "keyInvalid", "usageLimits"), raises=AuthRejected),
    "expired": Refusal(name="expired", answer=refusal(401, "authError"), raises=AuthRejected),
    "too fast": Refusal(name="too fast", answer=refusal(403, "rateLimitExceeded"), raises=Throttled),
    "not switched on": Refusal(name="not switched on", answer=refusal(403, "accessNotConfigured"), raises=NotPermitted),
    "transient": Refusal(name="transient", answer=refusal(400, "processingFailure"), raises=Unavailable),
    "old page": Refusal(name="old page", answer=refusal(400, "invalidPageToken"), raises=Unavailable),
    "wrong": Refusal(name="wrong", answer=refusal(400, "invalidFilters"), raises=Malformed),
}


class TestYouTubeComments(ConnectorContract):
    connector = YouTube
    options: ClassVar = OPTIONS
    refusals: ClassVar = REFUSALS | {
        "day used up": Refusal(
            name="day used up", answer=refusal(403, "quotaExceeded"), raises=Throttled, wait=MIDNIGHT
        ),
        "limit of the day": Refusal(
            name="limit of the day", answer=refusal(403, "dailyLimitExceeded"), raises=Throttled, wait=MIDNIGHT
        ),
    }

    def raw(self, said: Said) -> Any:
        return thread(said.n, said.published_at, said=said.text)

    def serve(self, items: Any) -> Traffic:
        return channel(items)


class TestYouTubeVideos(TestYouTubeComments):
    def raw(self, said: Said) -> Any:
        return upload(said.n, said.published_at, description=said.text)

    def serve(self, items: Any) -> Traffic:
        return channel(uploads=items)


class TestYouTubeSearch(ConnectorContract):
    connector = YouTube
    options: ClassVar = {"api_key": Secret(KEY), "queries": ('"Practice Hospital"',)}
    refusals: ClassVar = REFUSALS

    def raw(self, said: Said) -> Any:
        return video(said.n, said.published_at, description=said.text)

    def serve(self, items: Any) -> Traffic:
        return found_by_search(items, 20)  # all of a day: the overlap asks for no less


class Tube:
    """A connector over polls: the cursor travels as it would, the clock is the test's."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock(NOW)
        self.options = YouTube.Options(**{**OPTIONS, **options})
        self.cursor: Any = {}
        self.pages: list[Any] = []
        self.asked: list[str] = []

    async def poll(self, traffic: Traffic, hours: float = 0, floor: datetime = FLOOR) -> dict[str, Any]:
        """The mentions of one poll, `hours` after the last, by id."""
        self.clock.advance(timedelta(hours=hours))
        self.pages, before = [], len(traffic.requests)
        async with traffic.client() as client:
            connector = YouTube(self.options, client, now=self.clock.now)
            try:
                async for page in connector.poll(json.loads(json.dumps(self.cursor)), floor):
                    self.cursor = page.cursor or self.cursor
                    self.pages.append(page)
            finally:
                self.asked = [request.url.path.rpartition("/")[2] for request in traffic.requests[before:]]
        return {mention.external_id: mention for page in self.pages for mention in page.mentions}

    @property
    def gone(self) -> list[str]:
        return [id_ for page in self.pages for id_ in page.gone]

    @property
    def warnings(self) -> list[str]:
        return [warning for page in self.pages for warning in page.warnings]


async def test_a_thread_becomes_a_comment_and_its_replies():
    ours = comment("Ug3.r1", hour(4), "We are sorry", parentId="Ug3", authorChannelId={"value": OWN})
    found = await Tube().poll(channel([thread(3, None, ours)]))
    said, answer = found["Ug3"], found["Ug3.r1"]

    assert (said.kind, said.text, said.author, said.ours) == (Kind.COMMENT, "Comment 3", "@maple-invented", False)
    assert (said.parent_id, said.engagement) == (VIDEO, 2)
    assert said.url == f"https://www.youtube.com/watch?v={VIDEO}&lc=Ug3"
    assert said.published_at == datetime(2026, 6, 1, 5, tzinfo=UTC)
    assert (answer.ours, answer.parent_id) == (True, "Ug3")
    assert answer.url == f"https://www.youtube.com/watch?v={VIDEO}&lc=Ug3.r1"


async def test_our_own_video_is_ours():
    found = await Tube().poll(channel(uploads=[upload(3)]))
    mine = found["video-00003"]

    assert (mine.kind, mine.ours, mine.title, mine.text) == (Kind.POST, True, "Video 3", "How we work")
    assert mine.url == "https://www.youtube.com/watch?v=video-00003"


async def test_a_video_is_dated_by_its_publication_not_by_its_place_in_the_playlist():
    late = upload(3, NOW - timedelta(days=90))
    late["contentDetails"]["videoPublishedAt"] = instant(NOW)
    found = await Tube().poll(channel(uploads=[late]))

    assert found["video-00003"].published_at == NOW


@pytest.mark.parametrize("title", ["Private video", "Deleted video"])
async def test_what_is_hidden_in_the_playlist_is_no_mention(title):
    tube = Tube()
    hidden = upload(3, title=title, description="This video is private.", thumbnails={})
    found = await tube.poll(channel(uploads=[hidden, upload(2)]))

    assert list(found) == ["video-00002"]
    assert sum(page.skipped for page in tube.pages) == 0


async def test_html_and_plain_text_read_the_same():
    html = thread(1, said="Tom &amp; I<br>waited", textOriginal=None)
    words = thread(2, said="x", textOriginal="Tom & I\nwaited")
    found = await Tube().poll(channel([words, html]))

    assert found["Ug1"].text == found["Ug2"].text == "Tom & I\nwaited"


async def test_a_deleted_author_is_nobody():
    bare = thread(1, authorChannelId=None, authorDisplayName="")
    found = await Tube().poll(channel([bare]))

    assert (found["Ug1"].author, found["Ug1"].ours) == (None, False)


async def test_an_edited_comment_keeps_its_id():
    tube = Tube()
    await tube.poll(channel([thread(1)]))
    found = await tube.poll(channel([thread(1, said="Edited", updatedAt=instant(NOW))]), 1)

    assert found["Ug1"].text == "Edited"


async def test_a_quiet_poll_asks_twice():
    tube = Tube()
    traffic = channel([thread(n) for n in range(10, 0, -1)], [upload(n) for n in range(10, 0, -1)])
    await tube.poll(traffic, floor=NOW - timedelta(days=1))
    threads = [thread(n, NOW - timedelta(days=9 - n)) for n in (9, 5, 4, 3, 2, 1)]
    await tube.poll(channel(threads, [upload(9), upload(1, NOW - timedelta(days=9))]), 0.5)

    assert tube.asked == ["playlistItems", "commentThreads"]


async def test_the_key_stands_in_a_header_and_in_no_address():
    traffic = channel([thread(1)])
    await Tube().poll(traffic)

    assert all(request.headers["x-goog-api-key"] == KEY for request in traffic.requests)
    assert not any(KEY in str(request.url) for request in traffic.requests)


async def test_text_is_asked_for_as_plain_text_newest_thread_first():
    traffic = channel([thread(1)])
    await Tube().poll(traffic)
    asked = dict(traffic.requests[-1].url.params)

    assert (asked["textFormat"], asked["order"], asked["maxResults"]) == ("plainText", "time", "100")
    assert asked["part"] == "snippet,replies"


async def test_of_a_thread_that_shows_five_replies_all_are_read():
    everything = replies("Ug1", *range(1, 9))
    found = await Tube().poll(channel([thread(1, None, *everything[:5], total=8)], said=everything))

    assert {f"Ug1.r{n}" for n in range(1, 9)} <= found.keys()
    assert found["Ug1.r8"].url == f"https://www.youtube.com/watch?v={VIDEO}&lc=Ug1.r8"


async def test_a_late_reply_is_found_although_it_does_not_move_its_thread():
    tube = Tube()
    newer = [thread(n, NOW - timedelta(hours=n)) for n in range(20, 30)]
    old = thread(1, NOW - timedelta(days=20))
    await tube.poll(channel([*newer, old]))
    late = thread(1, NOW - timedelta(days=20), *replies("Ug1", 1, at=NOW))
    soon = await tube.poll(channel([*newer, late]), 0.5)
    found = await tube.poll(channel([*newer, late]), 6)

    assert "Ug1.r1" not in soon
    assert found["Ug1.r1"].parent_id == "Ug1"


async def test_late_replies_beyond_the_five_that_are_shown_are_all_read_once():
    tube = Tube()
    everything = replies("Ug1", *range(1, 9), at=NOW)
    old = NOW - timedelta(days=20)
    await tube.poll(channel([thread(2), thread(1, old, *everything[:5], total=6)], said=everything[:6]))
    grown = channel([thread(2), thread(1, old, *everything[:5], total=8)], said=everything)
    found = await tube.poll(grown, 7)
    asked = tube.asked
    await tube.poll(grown, 7)

    assert {"Ug1.r7", "Ug1.r8"} <= found.keys()
    assert asked.count("comments") == 3
    assert "comments" not in tube.asked


async def test_the_first_walk_reads_all_replies_so_that_none_is_taken_for_new_later():
    tube = Tube()
    everything = {n: replies(f"Ug{n}", *range(1, 8), at=hour(n)) for n in range(1, 31)}
    threads = [thread(n, NOW - timedelta(hours=40 - n), *everything[n][:5], total=7) for n in range(30, 0, -1)]
    found = await tube.poll(channel(threads, said=[one for said in everything.values() for one in said]))

    assert {f"Ug{n}.r7" for n in range(1, 31)} <= found.keys()


async def test_later_no_more_than_twenty_threads_are_read_a_poll_and_the_others_next():
    tube = Tube()
    await tube.poll(channel([thread(100)]))
    everything = {n: replies(f"Ug{n}", *range(1, 8)) for n in range(1, 31)}
    threads = [thread(n, NOW - timedelta(minutes=n), *everything[n][:5], total=7) for n in range(1, 31)]
    busy = channel(threads, said=[one for said in everything.values() for one in said])
    first = await tube.poll(busy, 0.1)
    second = await tube.poll(busy, 0.1)

    assert [sum(id_.endswith(".r7") for id_ in found) for found in (first, second)] == [20, 10]


async def test_a_thread_is_told_of_its_video_even_where_only_its_replies_were_left_to_read():
    tube = Tube()
    everything = replies("Ug1", *range(1, 9), at=NOW)
    newer = [thread(n, NOW - timedelta(hours=n)) for n in range(20, 30)]
    old = thread(1, NOW - timedelta(days=2), *everything[:5], total=8)
    down = channel([*newer, old], said=everything)
    down.exchanges.insert(0, (lambda request: "parentId" in request.url.params, 503))
    with pytest.raises(Unavailable):
        await tube.poll(down)
    found = await tube.poll(channel([*newer, old], said=everything), 0.1)

    assert found["Ug1.r8"].url == f"https://www.youtube.com/watch?v={VIDEO}&lc=Ug1.r8"


async def test_a_thread_that_is_not_there_when_it_is_looked_up_is_gone():
    tube = Tube()
    newer = [thread(n, NOW - timedelta(hours=n)) for n in range(20, 30)]
    await tube.poll(channel([*newer, thread(1, NOW - timedelta(days=20))]))
    await tube.poll(channel(newer), 7)
    gone = tube.gone
    await tube.poll(channel(newer), 7)

    assert gone == ["Ug1"]
    assert tube.gone == []


@pytest.mark.parametrize("answer", [refusal(403, "commentsDisabled"), refusal(404, "commentNotFound")])
async def test_a_thread_whose_video_takes_no_comments_any_more_is_left_alone(answer):
    tube = Tube()
    traffic = channel([thread(1, None, *replies("Ug1", 1), total=8), thread(0)])
    traffic.exchanges.insert(0, (lambda request: "parentId" in request.url.params, answer))
    found = await tube.poll(traffic)
    await tube.poll(traffic, 0.1)

    assert {"Ug1", "Ug1.r1", "Ug0"} <= found.keys()
    assert "comments" not in tube.asked


async def test_a_channel_without_videos_is_no_fault_but_one_that_is_not_there_is():
    tube = Tube()
    bare = channel([])
    bare.exchanges.insert(0, (f"{API}/playlistItems", refusal(404, "playlistNotFound")))
    await tube.poll(bare)
    assert tube.warnings == ["www.googleapis.com knows no videos of this channel"]

    bare.exchanges.insert(0, (f"{API}/commentThreads", refusal(404, "channelNotFound")))
    with pytest.raises(NotPermitted):
        await tube.poll(bare)


async def test_another_channel_s_threads_are_not_looked_up():
    tube = Tube()
    await tube.poll(channel([thread(1)]))
    other = "UCinvented1hospital11111"
    tube.options = YouTube.Options(**{**OPTIONS, "channel": other})
    traffic = channel()
    traffic.exchanges[:0] = [
        (f"{API}/playlistItems?playlistId=UU{other[2:]}", listing([])),
        (f"{API}/commentThreads?allThreadsRelatedToChannelId={other}", listing([])),
    ]
    await tube.poll(traffic, 24)

    assert tube.asked == ["playlistItems", "commentThreads"]
    assert tube.gone == []


@pytest.mark.parametrize("token", ["same", {"no": "token"}, ["x"]])
async def test_a_listing_that_does_not_go_on_is_no_endless_walk(token):
    round_and_round = Traffic((f"{API}/playlistItems", {"items": [upload(1)], "nextPageToken": token}))

    with pytest.raises(Malformed, match="www.googleapis.com"):
        await Tube().poll(round_and_round)
    assert len(round_and_round.requests) <= 3


# Searching

SEARCHING = {"channel": None, "queries": ('"Practice Hospital" -concert',)}


async def test_a_search_looks_up_what_it_finds():
    traffic = found_by_search([video(3)])
    found = await Tube(**SEARCHING).poll(traffic)
    mention = found["video-00003"]

    assert (mention.title, mention.text) == ("My stay & what I saw 3", "The whole of the description")
    assert (mention.engagement, mention.lang, mention.ours, mention.author) == (10, "en", False, "Maple")
    assert dict(traffic.requests[0].url.params) == {
        "part": "snippet",
        "type": "video",
        "order": "date",
        "maxResults": "50",
        "q": '"Practice Hospital" -concert',
        "publishedAfter": "2026-05-02T12:00:00Z",
    }


async def test_reactions_that_are_hidden_are_not_counted():
    hidden = video(1)
    hidden["statistics"] = {"viewCount": "1"}
    found = await Tube(**SEARCHING).poll(found_by_search([hidden]))

    assert found["video-00001"].engagement is None


async def test_our_own_video_that_a_search_finds_is_ours():
    found = await Tube(queries=("x",)).poll(
        Traffic(*found_by_search([video(1, channelId=OWN)]).exchanges, *channel().exchanges)
    )

    assert found["video-00001"].ours


async def test_a_later_search_goes_back_a_day_behind_the_newest_video():
    tube = Tube(**SEARCHING)
    await tube.poll(found_by_search([video(9)]))
    again = found_by_search([video(9), video(2)])
    found = await tube.poll(again, 2)

    assert again.requests[0].url.params["publishedAfter"] == "2026-05-31T11:00:00Z"
    assert "video-00002" in found


async def test_other_things_that_a_search_finds_are_counted_as_not_read():
    tube = Tube(**SEARCHING)
    traffic = found_by_search([video(1)])
    odd = {"kind": "youtube#searchResult", "id": {"kind": "youtube#playlist", "playlistId": "PL1"}, "snippet": {}}
    traffic.exchanges.insert(0, (f"{API}/search", {"items": [odd, hit(video(1))]}))

    assert list(await tube.poll(traffic)) == ["video-00001"]
    assert sum(page.skipped for page in tube.pages) == 1


async def test_a_search_is_paid_before_it_is_made_so_that_a_crash_forgets_nothing():
    tube = Tube(**SEARCHING)
    async with found_by_search([video(1)]).client() as client:
        walk = YouTube(tube.options, client, now=tube.clock.now).poll({}, FLOOR)
        first = await anext(walk)
        await walk.aclose()

    assert first.cursor["searches"] == {"day": "2026-06-01", "used": 1}
    assert first.mentions == ()


async def test_every_page_of_a_search_counts():
    tube = Tube(**SEARCHING)
    await tube.poll(found_by_search([video(n) for n in range(10, 0, -1)]))

    assert tube.cursor["searches"]["used"] == 4
    assert tube.cursor["requests"]["used"] == 4


async def test_searches_are_spread_over_the_day_and_over_the_queries():
    tube = Tube(channel=None, queries=("a", "b", "c", "d"), searches=20)
    tube.clock.set(datetime(2026, 6, 1, 7, 30, tzinfo=UTC))  # half past midnight there
    asked: list[str] = []
    used = []
    for _ in range(47):
        traffic = found_by_search([video(1, NOW - timedelta(days=1))])
        await tube.poll(traffic)
        asked += [request.url.params["q"] for request in traffic.requests if "q" in request.url.params]
        used.append(len(asked))
        tube.clock.advance(timedelta(minutes=30))

    assert used[0] == 4
    assert used[23] <= 13
    assert 19 <= used[-1] <= 20
    assert {asked.count(query) for query in "abcd"} == {5}


async def test_what_is_spent_counts_until_midnight_in_california():
    tube = Tube(channel=None, queries=("a",), searches=1)
    tube.clock.set(datetime(2026, 6, 2, 6, 59, tzinfo=UTC))
    await tube.poll(found_by_search([video(1)]))
    await tube.poll(found_by_search([video(1)]))
    assert tube.asked == []
    assert tube.warnings == ["searches: 0 of 1 left for today, renewed in about 1 h"]

    await tube.poll(found_by_search([video(1)]), 1 / 60)
    assert tube.asked == ["search", "videos"]


@pytest.mark.parametrize("reason", ["quotaExceeded", "dailyLimitExceeded"])
async def test_where_google_says_the_searches_are_spent_comments_are_still_read(reason):
    tube = Tube(queries=("a", "b"))
    traffic = channel([thread(1)])
    traffic.on(f"{API}/search", refusal(403, reason))
    found = await tube.poll(traffic)

    assert "Ug1" in found
    assert tube.asked.count("search") == 1
    assert any("used up until midnight Pacific" in warning for warning in tube.warnings)

    await tube.poll(traffic, 1)
    assert "search" not in tube.asked


async def test_where_all_requests_are_spent_the_source_waits_until_midnight():
    tube = Tube(units=100)
    tube.cursor = {"requests": {"day": "2026-06-01", "used": 90}}
    with pytest.raises(Throttled, match="all 90 requests of today are used up, for about 19 h") as refused:
        await tube.poll(channel([thread(1)]))

    assert refused.value.wait == MIDNIGHT
    assert tube.asked == []


# Looking up again


async def rechecked(traffic: Traffic, *ids: str) -> list[Any]:
    async with traffic.client() as client:
        return [page async for page in YouTube(YouTube.Options(**OPTIONS), client).recheck(ids)]


async def test_a_recheck_finds_what_is_gone_and_what_has_changed():
    top = thread(1, datetime(2020, 1, 1, tzinfo=UTC), said="Edited")
    known = channel([top], said=replies("Ug1", 1)).on(f"{API}/videos", by_id([video(7)]))
    pages = await rechecked(known, "video-00007", "video-00008", "Ug1", "Ug2", "Ug1.r1", "Ug1.r2", "Ug2.r1")
    found = {mention.external_id: mention for page in pages for mention in page.mentions}

    assert sorted(id_ for page in pages for id_ in page.gone) == ["Ug1.r2", "Ug2", "Ug2.r1", "video-00008"]
    assert found["Ug1"].text == "Edited"
    assert found["Ug1.r1"].url == f"https://www.youtube.com/watch?v={VIDEO}&lc=Ug1.r1"
    assert found["video-00007"].title == "My stay & what I saw 7"


async def test_a_recheck_asks_fifty_at_a_time():
    traffic = channel().on(f"{API}/videos", by_id([]))
    await rechecked(traffic, *(f"video-{n:05}" for n in range(101)), *(f"Ug{n}.r1" for n in range(60)))
    asked = [
        (request.url.path.rpartition("/")[2], len(request.url.params["id"].split(","))) for request in traffic.requests
    ]

    assert [one for one in asked if one[0] == "videos"] == [("videos", 50), ("videos", 50), ("videos", 1)]
    assert [one for one in asked if one[0] == "comments"] == [("comments", 50), ("comments", 10)]


@pytest.mark.parametrize("answer", [refusal(403, "quotaExceeded"), 503, {"detail": "x"}])
async def test_a_recheck_that_is_refused_loses_nothing(answer):
    with pytest.raises((Throttled, Unavailable, Malformed)):
        await rechecked(Traffic((f"{API}/videos", answer)), "video-00007")


# Getting in


async def test_connect_finds_the_channel_of_a_handle():
    traffic = Traffic((f"{API}/channels?forHandle=@practicehosp", {"items": [{"id": OWN, "snippet": {"title": "PH"}}]}))
    find = YouTube.connect.find
    assert find
    async with traffic.client() as client:
        [found] = [one async for one in find({"api_key": Secret(KEY), "channel": "@practicehosp"}, client)]

    assert (found.name, found.shown, found.options) == ("youtube-ph", "PH", {"channel": OWN})
    YouTube.Options(**found.options, api_key=Secret(KEY))


async def test_connect_says_it_when_there_is_no_such_channel():
    find = YouTube.connect.find
    assert find
    async with Traffic((f"{API}/channels", {"kind": "x", "pageInfo": {"totalResults": 0}})).client() as client:
        with pytest.raises(NotPermitted, match="no channel"):
            [one async for one in find({"api_key": Secret(KEY), "channel": "@nobody"}, client)]


@pytest.mark.parametrize("options", [{"channel": None}, {"channel": "@practicehosp"}, {"searches": 0}])
def test_options_say_what_is_followed(options):
    with pytest.raises(ValueError, match="channel|greater"):
        YouTube.Options(**{**OPTIONS, **options})


SPOILT = thread(1, None, *replies("Ug1", 1, 2))


@settings(max_examples=100, deadline=None)
@given(item=spoilt(SPOILT) | spoilt(upload(1)) | spoilt(video(1)))
def test_whatever_youtube_sends_is_read_soundly_or_counted(item):
    connector = YouTube(YouTube.Options(**OPTIONS), Traffic().client(), now=lambda: NOW)
    page = connector.page([item], FLOOR)
    connector.note([item])
    connector.arrivals([item])

    assert all(is_sound(mention) for mention in page.mentions)
