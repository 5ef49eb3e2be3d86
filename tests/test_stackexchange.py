"""Stack Exchange: pauses and errors in the body, everything under a question, and what comes late."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from html import escape
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.stackexchange import StackExchange
from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError, Secret, Throttled, Unavailable
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

API = "https://api.stackexchange.com/2.3"
SEARCH = f"{API}/search/advanced"
FILTER = (f"{API}/filters/create", {"items": [{"filter": "!invented", "filter_type": "safe"}], "has_more": False})
OPTIONS: dict[str, Any] = {"site": "health", "queries": ("practice hospital",), "key": Secret("not-to-be-seen")}


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def owner(name: str = "Maple &amp; Pine", number: int = 7) -> dict[str, Any]:
    return {"user_id": number, "display_name": name, "user_type": "registered", "link": "https://health.example/u/7"}


def question(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th question, one an hour, the tenth now."""
    at = at or NOW - timedelta(hours=10 - n)
    return {
        "question_id": n,
        "title": "How long is the wait at &quot;Practice Hospital&quot;?",
        "body": "<p>Four hours &amp; nobody came.</p>",
        "score": 3,
        "view_count": 99,
        "answer_count": 1,
        "is_answered": False,
        "creation_date": seconds(at),
        "last_activity_date": seconds(at),
        "owner": owner(),
        "tags": ["waiting"],
        "link": f"https://health.example/questions/{n}",
        "content_license": "CC BY-SA 4.0",
    } | changes


def reply(n: int, to: int, at: datetime, **changes: Any) -> dict[str, Any]:
    made = question(n, at, answer_id=n, question_id=to, body="<p>An answer.</p>", **changes)
    return {key: value for key, value in made.items() if key not in ("title", "answer_count")}


def comment(n: int, to: int, at: datetime, sort: str = "question", **changes: Any) -> dict[str, Any]:
    return {
        "comment_id": n,
        "post_id": to,
        "post_type": sort,
        "body": "A &#39;comment&#39;.",
        "score": 0,
        "creation_date": seconds(at),
        "owner": owner(),
        "link": f"https://health.example/c/{n}",
    } | changes


def wrapped(items: list[Any], **said: Any) -> dict[str, Any]:
    return {"items": items, "has_more": False, "quota_max": 10000, "quota_remaining": 9000} | said


def listing(questions: list[Any], size: int = 3) -> Any:
    """How it pages: by number, newest activity first, not below `min`."""

    def answer(request: httpx.Request) -> Any:
        wanted = request.url.params
        found = [one for one in questions if (one.get("last_activity_date") or 2**40) >= int(wanted["min"])]
        at = (int(wanted.get("page", "1")) - 1) * size
        return wrapped(found[at : at + size], has_more=at + size < len(found))

    return answer


def by_id(questions: list[Any]) -> tuple[Any, Any]:
    """Questions by their numbers; one that is gone is left out."""

    def answer(request: httpx.Request) -> Any:
        wanted = request.url.path.rpartition("/")[2].split(";")
        return wrapped([one for one in questions if str(one.get("question_id")) in wanted])

    return (lambda request: request.url.path.startswith("/2.3/questions/")), answer


def refused(id_: int, message: str = "Of no use", status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"error_id": id_, "error_name": "x", "error_message": message})


def meaning(id_: int, raises: type[PollError], message: str = "Of no use", wait: timedelta | None = None) -> Refusal:
    return Refusal(name=f"{id_} {message}", answer=refused(id_, message), raises=raises, wait=wait)


PATIENCE = "too many requests from this IP, more requests available in 77 seconds"


class TestStackExchange(ConnectorContract):
    connector = StackExchange
    options: ClassVar = OPTIONS
    refusals: ClassVar = {
        one.name: one
        for one in (
            meaning(502, Throttled, PATIENCE, timedelta(seconds=77)),
            meaning(502, Throttled),
            meaning(400, Malformed),
            meaning(400, AuthRejected, "`key` doesn't match a known application"),
            meaning(403, NotPermitted),
            meaning(405, AuthRejected),
            meaning(500, Unavailable),
            meaning(503, Unavailable),
        )
    }

    def raw(self, said: Said) -> Any:
        return question(said.n, said.arrived_at, body=f"<p>{escape(said.text)}</p>")

    def unreadable(self, raw: Any) -> Any:
        return raw | {"creation_date": None}

    def serve(self, items: Any) -> Traffic:
        return Traffic(FILTER, (SEARCH, listing(list(items))), by_id(list(items)))


class TestStackExchangeTag(TestStackExchange):
    options: ClassVar = {"site": "health", "tags": ("waiting",)}

    def serve(self, items: Any) -> Traffic:
        return Traffic(FILTER, (f"{API}/questions?tagged=waiting", listing(list(items))), by_id(list(items)))


class Waits:
    """In place of sleeping."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def polled(traffic: Traffic, cursor: Any = None, sleep: Any = None, **options: Any) -> Any:
    """The pages of one poll and the mentions on them."""
    async with traffic.client() as client:
        made = StackExchange.Options(**OPTIONS | options)
        connector = StackExchange(made, client, now=lambda: NOW, sleep=sleep or Waits())
        pages = [page async for page in connector.poll(cursor or {}, FLOOR)]
    return pages, [mention for page in pages for mention in page.mentions]


def ids(mentions: Any) -> list[str]:
    return sorted({mention.external_id.removeprefix("health/") for mention in mentions})


async def test_a_question_and_all_under_it_become_mentions():
    answers = [reply(91, 9, NOW, comments=[comment(93, 91, NOW, "answer")])]
    whole = question(9, comments=[comment(92, 9, NOW)], answers=answers)
    _, mentions = await polled(Traffic(FILTER, (SEARCH, listing([whole]))))
    asked, under, answered, below = mentions

    assert (asked.external_id, asked.kind, asked.parent_id) == ("health/questions/9", Kind.POST, None)
    assert asked.title == 'How long is the wait at "Practice Hospital"?'
    assert (asked.text, asked.author) == ("Four hours & nobody came.", "Maple & Pine")
    assert (asked.url, asked.engagement) == ("https://health.example/questions/9", 4)
    assert asked.published_at == NOW - timedelta(hours=1)
    assert (under.external_id, under.parent_id, under.text) == ("health/comments/92", asked.external_id, "A 'comment'.")
    assert (answered.external_id, answered.parent_id) == ("health/answers/91", asked.external_id)
    assert (below.external_id, below.parent_id) == ("health/comments/93", answered.external_id)
    assert {mention.kind for mention in mentions[1:]} == {Kind.COMMENT}


async def test_what_our_account_says_is_ours():
    whole = question(9, answers=[reply(91, 9, NOW, owner=owner("Practice", 5))])
    _, mentions = await polled(Traffic(FILTER, (SEARCH, listing([whole]))), own=(5,))

    assert [mention.ours for mention in mentions] == [False, True]


@pytest.mark.parametrize("whose", [None, {}, {"user_type": "does_not_exist", "display_name": "user123"}])
async def test_a_question_of_nobody_is_read(whose):
    _, [said] = await polled(Traffic(FILTER, (SEARCH, listing([question(9, owner=whose)]))))

    assert said.external_id == "health/questions/9"


async def test_the_search_asks_by_activity_and_for_all_fields_in_one():
    traffic = Traffic(FILTER, (SEARCH, listing([])))
    await polled(traffic)
    made, search = traffic.requests

    assert "answer.comments" in made.url.params["include"]
    assert (search.url.params["sort"], search.url.params["filter"]) == ("activity", "!invented")
    assert (search.url.params["min"], search.url.params["key"]) == (str(seconds(FLOOR)), "not-to-be-seen")


async def test_a_late_comment_and_an_edit_are_found_without_any_activity():
    first, _ = await polled(Traffic(FILTER, (SEARCH, listing([question(9)]))))
    later = question(9, body="<p>Edited.</p>", comments=[comment(92, 9, NOW)])
    traffic = Traffic(FILTER, (SEARCH, wrapped([])), by_id([later]))
    _, mentions = await polled(traffic, json.loads(json.dumps(first[-1].cursor)))

    assert {mention.text for mention in mentions} == {"Edited.", "A 'comment'."}
    assert len(traffic.requests) == 3  # the filter is asked for once in the life of a process


async def test_a_question_that_is_gone_is_gone_and_forgotten():
    first, _ = await polled(Traffic(FILTER, (SEARCH, listing([question(9), question(8)]))))
    traffic = Traffic(FILTER, (SEARCH, wrapped([])), by_id([question(8)]))
    pages, _ = await polled(traffic, first[-1].cursor)

    assert [gone for page in pages for gone in page.gone] == ["health/questions/9"]
    assert pages[-1].cursor["questions"] == [8]


async def test_nothing_is_gone_because_an_answer_has_more():
    first, _ = await polled(Traffic(FILTER, (SEARCH, listing([question(9), question(8)]))))
    more = (lambda request: "/questions/" in request.url.path, wrapped([question(8)], has_more=True))
    pages, _ = await polled(Traffic(FILTER, (SEARCH, wrapped([])), more), first[-1].cursor)

    assert not any(page.gone for page in pages)


async def test_no_more_than_a_hundred_questions_are_read_again():
    many = [question(n, NOW - timedelta(minutes=200 - n)) for n in range(200, 0, -1)]
    pages, _ = await polled(Traffic(FILTER, (SEARCH, listing(many, 100))))

    assert pages[-1].cursor["questions"] == list(range(200, 100, -1))


async def test_another_site_is_another_walk():
    first, _ = await polled(Traffic(FILTER, (SEARCH, listing([question(9)]))))
    traffic = Traffic(FILTER, (f"{SEARCH}?site=medical", listing([question(9)])))
    _, mentions = await polled(traffic, first[-1].cursor, site="medical")

    assert [mention.external_id for mention in mentions] == ["medical/questions/9"]


async def test_a_clock_that_runs_ahead_does_not_move_the_cursor():
    pages, _ = await polled(Traffic(FILTER, (SEARCH, wrapped([question(9, NOW + timedelta(days=400))]))))

    assert pages[-1].cursor["search:practice hospital"] == NOW.isoformat()


async def test_a_short_pause_is_waited_for():
    def answer(request: httpx.Request) -> Any:
        return listing([question(n) for n in range(10, 0, -1)], 6)(request) | {"backoff": 10}

    waits = Waits()
    _, mentions = await polled(Traffic(FILTER, (SEARCH, answer)), sleep=waits)

    assert waits.seconds == [10]
    assert len(mentions) == 10


async def test_a_long_pause_ends_the_poll_and_is_kept_by_the_next():
    def answer(request: httpx.Request) -> Any:
        return listing([question(n) for n in range(10, 0, -1)], 6)(request) | {"backoff": 90}

    traffic = Traffic(FILTER, (SEARCH, answer))
    async with traffic.client() as client:
        connector = StackExchange(StackExchange.Options(**OPTIONS), client, now=lambda: NOW)
        for _ in range(2):
            with pytest.raises(Throttled) as refusal:
                [page async for page in connector.poll({}, FLOOR)]
            assert refusal.value.wait == timedelta(seconds=90)

    assert len(traffic.requests) == 2


async def test_a_quota_that_runs_out_is_told():
    few = Traffic(FILTER, (SEARCH, wrapped([], quota_max=300, quota_remaining=12)))
    pages, _ = await polled(few)

    assert pages[-1].warnings == (
        "api.stackexchange.com: 12 of 300 requests left for today; poll less often, or set key",
    )


async def test_a_recheck_asks_for_a_hundred_at_once():
    traffic = Traffic(
        FILTER,
        (f"{API}/questions/1;2", wrapped([question(1, body="Edited.")])),
        (f"{API}/answers/3", wrapped([reply(3, 1, NOW)])),
        (f"{API}/comments/4", wrapped([])),
    )
    ids = ["health/questions/1", "health/questions/2", "health/answers/3", "health/comments/4", "other/questions/5"]
    async with traffic.client() as client:
        connector = StackExchange(StackExchange.Options(**OPTIONS), client)
        pages = [page async for page in connector.recheck(ids)]

    assert [[mention.text for mention in page.mentions] for page in pages] == [["Edited."], ["An answer."], []]
    assert [list(page.gone) for page in pages] == [["health/questions/2"], [], ["health/comments/4"]]


@pytest.mark.parametrize(("key", "kept"), [("", {}), ("not-to-be-seen", {"key": Secret("not-to-be-seen")})])
async def test_connect_tries_the_searches(key, kept):
    async with Traffic(FILTER, (SEARCH, wrapped([]))).client() as client:
        answers = {"site": "health", "queries": "practice hospital", "key": Secret(key)}
        [found] = [one async for one in StackExchange.connect.find(answers, client)]

    assert (found.name, found.options) == ("stackexchange-health", {"queries": ["practice hospital"], **kept})


@settings(max_examples=60, deadline=None)
@given(item=spoilt(question(9)), under=spoilt(comment(8, 9, NOW)))
def test_whatever_stands_in_an_item_only_sound_mentions_leave(item, under):
    page = StackExchange(StackExchange.Options(**OPTIONS), Traffic().client()).page([item, under], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
