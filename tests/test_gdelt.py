"""GDELT: slices of time, sentences in place of errors, and five seconds between two requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.gdelt import Gdelt
from connectors.kit.pace import Pace
from monitor.connector import Malformed, Throttled
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

DOC = "https://api.gdeltproject.org/api/v2/doc/doc"
OPTIONS: dict[str, Any] = {"queries": ('"Practice Hospital"',), "own_domains": ("practice.example",)}
PATIENCE = "Please limit requests to one every 5 seconds or contact somebody@mail.example for larger queries."


def moment(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")


def article(n: int, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """The n-th article, one an hour, the tenth now."""
    return {
        "url": f"https://news.example/{n}",
        "url_mobile": "",
        "title": "Practice Hospital ' s queues , again",
        "seendate": moment(at or NOW - timedelta(hours=10 - n)),
        "socialimage": "",
        "domain": "news.example",
        "language": "English",
        "sourcecountry": "United Kingdom",
    } | changes


def news(articles: list[Any]) -> Any:
    """How GDELT answers: newest first, within the times, 250 at most, and nothing at all as an empty object."""

    def answer(request: httpx.Request) -> Any:
        wanted = request.url.params
        start, end = (wanted[key] for key in ("startdatetime", "enddatetime"))
        found = [one for one in articles if start <= _digits(one, start) <= end][:250]
        return {"articles": found} if found else {}

    return answer


def _digits(one: Any, otherwise: str) -> str:
    return (one.get("seendate") or otherwise).replace("T", "").removesuffix("Z")


def sentence(words: str, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=words.encode(), headers={"content-type": "text/html; charset=utf-8"})


class Waits:
    """In place of sleeping."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


MINUTE = timedelta(minutes=1)


class TestGdelt(ConnectorContract):
    connector = Gdelt
    options: ClassVar = OPTIONS
    refusals: ClassVar = {
        # It means a minute at least, whatever it says.
        "429": Refusal(name="429", answer=sentence(PATIENCE, 429), raises=Throttled, wait=MINUTE),
        "429 in a 200": Refusal(name="429 in a 200", answer=sentence(PATIENCE), raises=Throttled, wait=MINUTE),
        "too short": Refusal(
            name="too short", answer=sentence("Your query was too short or too long."), raises=Malformed
        ),
        "character": Refusal(
            name="character",
            answer=sentence("One or more of your keywords contained an illegal character. "),
            raises=Malformed,
        ),
        "mode": Refusal(name="mode", answer=sentence("Invalid mode."), raises=Malformed),
    }

    def started(self, client: httpx.AsyncClient) -> Any:
        return Gdelt(Gdelt.Options(**self.options), client, now=lambda: NOW + timedelta(hours=5), sleep=Waits())

    def raw(self, said: Said) -> Any:
        return article(said.n, said.arrived_at, title=said.text)

    def unreadable(self, raw: Any) -> Any:
        return {"seendate": raw["seendate"], "url": None}

    def serve(self, items: Any) -> Traffic:
        return Traffic((DOC, news(list(items))))


async def polled(traffic: Traffic, cursor: Any = None, floor: datetime = FLOOR, **options: Any) -> Any:
    """The pages of one poll, the mentions on them, and how long was waited."""
    waits = Waits()
    async with traffic.client() as client:
        connector = Gdelt(Gdelt.Options(**OPTIONS | options), client, now=lambda: NOW, sleep=waits)
        connector.pace = Pace(timedelta(seconds=5))  # of its own, for the test
        pages = [page async for page in connector.poll(cursor or {}, floor)]
    return pages, [mention for page in pages for mention in page.mentions], waits.seconds


async def test_an_article_becomes_a_mention():
    _, [said], _ = await polled(Traffic((DOC, news([article(9)]))))

    assert (said.kind, said.title, said.text) == (Kind.ARTICLE, "Practice Hospital's queues, again", "")
    assert (said.external_id, said.url) == ("https://news.example/9", "https://news.example/9")
    assert (said.author, said.lang, said.ours) == ("news.example", "en", False)
    assert said.published_at == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("domain", "ours"), [("practice.example", True), ("www.practice.example", True), ("malpractice.example", False)]
)
async def test_articles_on_our_domains_are_ours(domain, ours):
    _, [said], _ = await polled(Traffic((DOC, news([article(9, domain=domain)]))))

    assert said.ours is ours


async def test_what_only_tells_readers_apart_is_no_part_of_an_address():
    one = article(9, url="https://news.example/9?id=7&utm_source=x&fbclid=y#top")
    _, [said], _ = await polled(Traffic((DOC, news([one]))))

    assert said.external_id == "https://news.example/9?id=7"


async def test_nothing_found_is_an_empty_object():
    pages, mentions, _ = await polled(Traffic((DOC, {})))

    assert mentions == []
    assert pages[-1].cursor == {'"Practice Hospital"': FLOOR.isoformat()}


async def test_an_article_without_a_time_is_counted_and_loses_no_other():
    pages, mentions, _ = await polled(Traffic((DOC, {"articles": [article(9, seendate=""), article(8)]})))

    assert [mention.external_id for mention in mentions] == ["https://news.example/8"]
    assert sum(page.skipped for page in pages) == 1


@pytest.mark.parametrize(
    ("written", "read"),
    [('A \\"quoted\\" word', 'A "quoted" word'), ("A stray \\slash", "A stray \\slash"), ("A\ttab", "A tab"),
     ("Two \\\\ and \\u00e9", "Two \\ and é")],
)  # fmt: skip
async def test_a_headline_that_is_no_proper_json_is_read(written, read):
    body = json.dumps({"articles": [article(9, title="TITLE")]}).replace("TITLE", written)
    _, [said], _ = await polled(Traffic((DOC, sentence(body))))

    assert said.title == read


async def test_a_full_answer_is_followed_by_the_slice_below_it():
    articles = [article(n, NOW - timedelta(minutes=15 * n)) for n in range(600)]
    traffic = Traffic((DOC, news(articles)))
    _, mentions, waits = await polled(traffic)

    assert len({mention.external_id for mention in mentions}) == 600
    assert len(traffic.requests) == 3
    assert waits == [5, 10]  # the clock of this test stands still


async def test_more_articles_than_fit_at_one_time_do_not_hold_the_walk():
    crowd = [article(n, NOW - timedelta(hours=1)) for n in range(300)]
    _, mentions, _ = await polled(Traffic((DOC, news([*crowd, article(999, NOW - timedelta(days=1))]))))

    assert "https://news.example/999" in {mention.external_id for mention in mentions}


async def test_an_hour_is_read_again_and_nothing_older_than_three_months_is_asked_for():
    first = Traffic((DOC, news([article(9)])))
    pages, _, _ = await polled(first, floor=NOW - timedelta(days=400))
    again = Traffic((DOC, news([])))
    await polled(again, pages[-1].cursor)

    assert first.requests[0].url.params["startdatetime"] == "20260304120000"
    assert again.requests[0].url.params["startdatetime"] == "20260601100000"
    assert again.requests[0].url.params["enddatetime"] == "20260601120000"
    assert len(again.requests) == 1


async def test_a_clock_that_runs_ahead_does_not_move_the_cursor():
    pages, _, _ = await polled(Traffic((DOC, {"articles": [article(9, NOW + timedelta(days=400))]})))

    assert pages[-1].cursor == {'"Practice Hospital"': NOW.isoformat()}


async def test_the_sentence_for_people_says_what_is_wrong_with_the_query():
    with pytest.raises(Malformed, match="OR stands only inside"):
        await polled(Traffic((DOC, sentence("One or more of your parenthetical clauses had an error in it."))))


async def test_sources_take_turns():
    pace, now, waits = Pace(timedelta(seconds=5)), datetime(2026, 6, 1, tzinfo=UTC), Waits()
    for seconds in (0, 1, 30, 31):
        await pace.turn(now + timedelta(seconds=seconds), waits)
    pace.hold(now + timedelta(seconds=40), timedelta(seconds=60))
    await pace.turn(now + timedelta(seconds=90), waits)

    assert waits.seconds == [4, 4, 10]


@pytest.mark.parametrize("query", ["ab", '""', '"Practice Hospital" OR "Practice Clinic"'])
def test_options_say_what_gdelt_would_refuse(query):
    with pytest.raises(ValueError, match=r"three letters|outside of parentheses"):
        Gdelt.Options(queries=(query,))


async def test_connect_tries_the_queries():
    async with Traffic((DOC, {})).client() as client:
        answers = {"queries": '"Practice Hospital"', "own_domains": "practice.example"}
        [found] = [one async for one in Gdelt.connect.find(answers, client)]

    assert found.options == {"queries": ['"Practice Hospital"'], "own_domains": ["practice.example"]}


@settings(max_examples=60, deadline=None)
@given(item=spoilt(article(9)))
def test_whatever_stands_in_an_article_only_sound_mentions_leave(item):
    page = Gdelt(Gdelt.Options(**OPTIONS), Traffic().client()).page([item], FLOOR)

    assert all(is_sound(mention) for mention in page.mentions)
