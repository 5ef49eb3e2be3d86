"""X: ids that are times, walks that go on where the money ran out, and edits under new ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from connectors.kit import x as kit
from connectors.x import X
from monitor.connector import AuthRejected, Found, Malformed, NotPermitted, Secret, Throttled
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

API = "https://api.x.com/2"
SEARCH, MENTIONS, OWN, LOOKUP = f"{API}/tweets/search/recent", f"{API}/users/42/mentions", f"{API}/users/42/tweets", f"{API}/tweets"  # fmt: skip
OPTIONS: dict[str, Any] = {"token": Secret("not-to-be-seen")}
QUERY = '"Practice Hospital" -is:retweet'


def id_at(at: datetime, n: int = 0) -> str:
    return str((int(at.timestamp() * 1000) - 1288834974657 << 22) + n)


def hour(n: int) -> datetime:
    """When the n-th post was made: one an hour, the tenth now."""
    return NOW - timedelta(hours=10 - n)


def post(n: int, at: datetime | None = None, made: datetime | None = None, **changes: Any) -> dict[str, Any]:
    id_ = id_at(at or hour(n), n)
    created = (made or at or hour(n)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {
        "id": id_, "text": f"Post {n}", "created_at": created, "author_id": "7", "lang": "en",
        "edit_history_tweet_ids": [id_], "conversation_id": id_,
        "public_metrics": {"retweet_count": 1, "reply_count": 2, "like_count": 3, "quote_count": 0, "impression_count": 9},
    }  # fmt: skip
    return said | changes


USERS = [
    {"id": "7", "username": "maple_leaf", "name": "Maple", "public_metrics": {"followers_count": 12}},
    {"id": "42", "username": "PracticeHosp", "name": "Practice Hospital", "public_metrics": {"followers_count": 900}},
]


def listing(*posts: Any, token: str | None = None) -> dict[str, Any]:
    if not posts:
        return {"meta": {"result_count": 0} | ({"next_token": token} if token else {})}
    meta = {"newest_id": posts[0]["id"], "oldest_id": posts[-1]["id"], "result_count": len(posts)}
    return {"data": [*posts], "includes": {"users": USERS}, "meta": meta | ({"next_token": token} if token else {})}


def paged(posts: Sequence[Any], size: int = 3) -> Any:
    """How X lists: newest first, between two ids that are not included, with a token for each further page."""

    def answer(request: httpx.Request) -> Any:
        wanted = request.url.params
        since, until = int(wanted.get("since_id", 0)), int(wanted.get("until_id", 2**63))
        found = sorted((one for one in posts if since < int(one["id"]) < until), key=lambda one: -int(one["id"]))
        start = int(wanted.get("pagination_token", "token-0").removeprefix("token-"))
        end = start + min(size, int(wanted["max_results"]))
        return listing(*found[start:end], token=f"token-{end}" if end < len(found) else None)

    return answer


def problem(code: int, **said: Any) -> httpx.Response:
    return httpx.Response(code, json={"title": "A title", "detail": "Of no use to a reader", "status": code} | said)


RATE = httpx.Response(
    429,
    headers={"x-rate-limit-reset": "1780315290", "date": "Mon, 01 Jun 2026 12:00:00 UTC"},
    json={"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429},
)
CAPPED = problem(429, title="UsageCapExceeded", type="https://api.x.com/2/problems/usage-capped")


class TestXSearch(ConnectorContract):
    connector = X
    options: ClassVar = {**OPTIONS, "queries": (QUERY,), "usd_per_day": 50, "usd_per_month": 500}
    refusals: ClassVar = {
        "429 reset": Refusal(name="429 reset", answer=RATE, raises=Throttled, wait=timedelta(seconds=90)),
        "capped": Refusal(name="capped", answer=CAPPED, raises=NotPermitted),  # waiting is of no use
        "credits": Refusal(name="credits", answer=problem(402, title="CreditsDepleted"), raises=NotPermitted),
    }

    def raw(self, said: Said) -> Any:
        escaped = said.text.replace("&", "&amp;")
        return post(said.n, said.arrived_at, said.published_at, text=escaped)

    def serve(self, items: Any) -> Traffic:
        return Traffic((SEARCH, paged(items)))


class TestXAccount(TestXSearch):
    options: ClassVar = {**OPTIONS, "user_id": "42", "authors": False, "usd_per_day": 50, "usd_per_month": 500}

    def serve(self, items: Any) -> Traffic:
        return Traffic((MENTIONS, paged(items)), (OWN, listing()))


async def polled(
    traffic: Traffic, cursor: Any = None, now: datetime = NOW, floor: datetime = FLOOR, **options: Any
) -> Any:
    """The pages of one poll and the mentions on them."""
    chosen = {**OPTIONS, **(options if {"queries", "user_id"} & options.keys() else {"queries": (QUERY,), **options})}
    async with traffic.client() as client:
        connector = X(X.Options(**chosen), client, now=lambda: now)
        pages = [page async for page in connector.poll(cursor or {}, floor)]
    return pages, [mention for page in pages for mention in page.mentions]


def cursor_of(pages: Any) -> Any:
    return json.loads(json.dumps([page.cursor for page in pages if page.cursor is not None][-1]))


def warnings(pages: Any) -> str:
    return "\n".join(warning for page in pages for warning in page.warnings)


async def rechecked(traffic: Traffic, *ids: str, **options: Any) -> Any:
    async with traffic.client() as client:
        connector = X(X.Options(**OPTIONS, queries=(QUERY,), **options), client, now=lambda: NOW)
        return [page async for page in connector.recheck(ids)]


# What is read


async def test_a_post_becomes_a_mention():
    _, [mention] = await polled(Traffic((SEARCH, listing(post(10, text="Four hours &amp; nobody came &lt;sigh&gt;")))))

    assert mention.external_id == id_at(NOW, 10)
    assert mention.text == "Four hours & nobody came <sigh>"
    assert mention.url == f"https://x.com/maple_leaf/status/{mention.external_id}"
    assert (mention.kind, mention.author, mention.lang) == (Kind.POST, "maple_leaf", "en")
    assert (mention.published_at, mention.engagement, mention.audience) == (NOW, 6, 12)
    assert (mention.ours, mention.parent_id) == (False, None)


async def test_a_long_post_is_read_to_its_end():
    cut = post(10, text="The beginning of …", note_tweet={"text": "The beginning of a long story &amp; its end"})
    _, [mention] = await polled(Traffic((SEARCH, listing(cut))))

    assert mention.text == "The beginning of a long story & its end"


async def test_own_replies_are_ours_with_what_they_answer_and_retweets_are_nobody_s_word():
    reply = post(10, author_id="42", referenced_tweets=[{"type": "replied_to", "id": "555"}])
    quote = post(9, author_id="42", referenced_tweets=[{"type": "quoted", "id": "556"}])
    retweet = post(8, author_id="42", referenced_tweets=[{"type": "retweeted", "id": "557"}])
    traffic = Traffic((OWN, listing(reply, quote, retweet)), (MENTIONS, listing()))
    _, mentions = await polled(traffic, user_id="42")

    assert [(one.kind, one.ours, one.parent_id) for one in mentions] == [
        (Kind.COMMENT, True, "555"),
        (Kind.POST, True, None),
    ]


async def test_accounts_of_ours_are_known_by_name_too():
    _, [mention] = await polled(
        Traffic((SEARCH, listing(post(10, author_id="42")))), queries=(QUERY,), own=("@practicehosp",)
    )

    assert mention.ours


async def test_an_edit_is_the_same_mention_with_other_words_at_the_old_time():
    old, new = id_at(hour(9), 9), id_at(hour(9) + timedelta(minutes=20), 9)
    edited = post(9, at=hour(9) + timedelta(minutes=20), text="Other words", edit_history_tweet_ids=[old, new])
    _, [before] = await polled(Traffic((SEARCH, listing(post(9)))))
    _, [after] = await polled(Traffic((SEARCH, listing(edited, post(9, edit_history_tweet_ids=[old, new])))))

    assert (after.external_id, after.published_at) == (before.external_id, before.published_at)
    assert (after.text, before.text) == ("Other words", "Post 9")


async def test_posts_with_an_id_and_a_text_alone_are_read():
    bare = {"id": id_at(hour(9)), "text": "Words", "edit_history_tweet_ids": [id_at(hour(9))]}
    _, [mention] = await polled(Traffic((SEARCH, listing(bare))))

    assert (mention.published_at, mention.url) == (hour(9), f"https://x.com/i/status/{id_at(hour(9))}")
    assert (mention.author, mention.lang, mention.engagement) == (None, None, None)


@pytest.mark.parametrize("lang", ["und", "qme", "zxx", "qht"])
async def test_what_is_no_language_is_none(lang):
    _, [mention] = await polled(Traffic((SEARCH, listing(post(10, lang=lang)))))

    assert mention.lang is None


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"copyright": True, "country_codes": ["XX"]}, 0),
        ({"copyright": False, "country_codes": ["XY"]}, 0),
        ({"copyright": False, "country_codes": ["DE"]}, 1),
    ],
)
async def test_what_is_withheld_everywhere_is_not_read(said, shown):
    pages, mentions = await polled(Traffic((SEARCH, listing(post(10, withheld=said)))))

    assert len(mentions) == shown
    assert sum(page.skipped for page in pages) == 0


async def test_errors_beside_posts_are_no_reason_to_lose_them():
    partial = listing(post(10)) | {
        "errors": [{"type": "https://api.x.com/2/problems/resource-not-found", "value": "1"}]
    }
    _, mentions = await polled(Traffic((SEARCH, partial)))

    assert len(mentions) == 1


async def test_errors_in_place_of_posts_are_no_empty_listing():
    protected = {"errors": [{"type": "https://api.x.com/2/problems/not-authorized-for-resource", "title": "Authorization Error"}]}  # fmt: skip
    with pytest.raises(NotPermitted, match="protected"):
        await polled(Traffic((MENTIONS, protected), (OWN, listing())), user_id="42")


@given(
    item=spoilt(
        post(9, author=USERS[0], referenced_tweets=[{"type": "replied_to", "id": "5"}], note_tweet={"text": "x"})
    )
)
@settings(max_examples=150, deadline=None)
def test_a_spoilt_post_is_read_right_or_not_at_all(item):
    try:
        mention = kit.mention(item, {"42"})
    except kit.UNREADABLE:
        return
    assert mention is None or is_sound(mention)


# How it is walked


async def test_a_walk_reaches_two_minutes_into_the_last_and_no_further():
    everything = [post(n) for n in range(1, 15)]
    pages, _ = await polled(Traffic((SEARCH, paged(everything[:10]))))
    late = post(99, at=NOW - timedelta(seconds=90))
    traffic = Traffic((SEARCH, paged([*everything, late])))
    _, mentions = await polled(traffic, cursor_of(pages))

    assert traffic.requests[0].url.params["since_id"] == str(kit.id_at(NOW - timedelta(minutes=2)))
    assert sorted(one.text for one in mentions) == ["Post 10", "Post 11", "Post 12", "Post 13", "Post 14", "Post 99"]


async def test_the_newest_id_is_that_of_the_first_page():
    pages, _ = await polled(Traffic((SEARCH, paged([post(n) for n in range(1, 11)]))))
    cursors = [page.cursor for page in pages if page.cursor]

    assert cursors[-1][f"search:{QUERY}"] == {"newest": id_at(NOW, 10)}
    assert all("newest" not in cursor.get(f"search:{QUERY}", {}) for cursor in cursors[:-1])


async def test_nothing_new_costs_one_request_and_no_money():
    pages, _ = await polled(Traffic((SEARCH, paged([post(n) for n in range(1, 11)]))))
    later = NOW + timedelta(minutes=10)
    traffic = Traffic((SEARCH, listing()))
    again, _ = await polled(traffic, cursor_of(pages), later)

    assert len(traffic.requests) == 1
    assert cursor_of(again) == cursor_of(pages)


async def test_a_search_never_asks_further_back_than_it_may_and_says_what_it_missed():
    pages, _ = await polled(Traffic((SEARCH, listing(post(10)))))
    assert warnings(pages) == ""
    traffic = Traffic((SEARCH, listing()))
    later, _ = await polled(traffic, cursor_of(pages), NOW + timedelta(days=9))
    asked = traffic.requests[0].url.params

    assert NOW + timedelta(days=2) < kit.instant(asked["since_id"]) < NOW + timedelta(days=3)
    assert "start_time" not in asked, "X refuses it beside since_id"
    assert "2026-06-01" in warnings(later)


async def test_a_token_that_comes_again_ends_the_walk():
    with pytest.raises(Malformed, match="circle"):
        await polled(Traffic((SEARCH, listing(post(10), token="same"))))


async def test_the_parameter_that_is_refused_is_not_used_again():
    refused = problem(
        400, errors=[{"message": "The query parameter is not valid", "parameters": {"tweet.fields": ["id"]}}]
    )
    page = paged([post(n) for n in range(1, 8)])
    traffic = Traffic((SEARCH, lambda request: refused if "tweet.fields" in request.url.params else page(request)))
    _, mentions = await polled(traffic)

    assert len(mentions) == 7
    assert ["tweet.fields" in request.url.params for request in traffic.requests] == [True, False, False, False]


async def test_authors_are_asked_for_only_where_they_are_wanted():
    dear, cheap = Traffic((SEARCH, listing())), Traffic((SEARCH, listing()))
    await polled(dear)
    await polled(cheap, queries=(QUERY,), authors=False)

    assert dear.requests[0].url.params["expansions"] == "author_id"
    assert "expansions" not in cheap.requests[0].url.params


# What it costs


async def test_money_is_counted_by_what_came():
    pages, _ = await polled(Traffic((SEARCH, paged([post(n) for n in range(1, 8)]))))

    assert cursor_of(pages)["spent"]["day"] == {"day": "2026-06-01", "used": 7 * 15}
    assert cursor_of(pages)["spent"]["month"] == {"day": "2026-06", "used": 7 * 15}


async def test_money_is_taken_before_it_is_spent():
    traffic = Traffic((SEARCH, 503))
    async with traffic.client() as client:
        walk = X(X.Options(**OPTIONS, queries=(QUERY,)), client, now=lambda: NOW).poll({}, FLOOR)
        first = await anext(walk)
        assert not traffic.requests
        await walk.aclose()

    assert first.cursor["spent"]["day"]["used"] == 100 * 15


async def test_a_walk_that_ran_out_of_money_goes_on_the_next_day_where_it_was():
    everything = [post(n, at=NOW - timedelta(minutes=n)) for n in range(1, 41)]
    options = {"queries": (QUERY,), "usd_per_day": 0.12, "authors": False}
    first, found = await polled(Traffic((SEARCH, paged(everything, 10))), **options)
    assert len(found) < 40
    assert "USD are left for today" in warnings(first)

    later = [*everything, post(50, at=NOW + timedelta(hours=20))]
    cursor, texts = cursor_of(first), {one.text for one in found}
    for day in (1, 2):
        pages, found = await polled(Traffic((SEARCH, paged(later, 10))), cursor, NOW + timedelta(days=day), **options)
        cursor, texts = cursor_of(pages), texts | {one.text for one in found}

    assert texts == {one["text"] for one in later}


async def test_the_day_is_not_overspent_whatever_a_restart_forgets():
    everything = [post(n, at=NOW - timedelta(minutes=n)) for n in range(1, 200)]
    cursor, read = {}, 0
    for _ in range(5):
        pages, found = await polled(Traffic((SEARCH, paged(everything, 100))), cursor, usd_per_day=0.6, authors=False)
        cursor, read = cursor_of(pages) if any(page.cursor for page in pages) else cursor, read + len(found)

    assert read == 120


async def test_the_month_ends_the_reading_too():
    spent = {"day": {"day": "2026-05-31", "used": 0}, "month": {"day": "2026-06", "used": 40_000}}
    traffic = Traffic()
    pages, mentions = await polled(traffic, {"spent": spent})

    assert (traffic.requests, mentions) == ([], [])
    assert "0.00 of 40.00 USD are left for this month" in warnings(pages)
    _, mentions = await polled(Traffic((SEARCH, listing(post(900, at=NOW + timedelta(days=30))))), {"spent": spent}, NOW + timedelta(days=30))  # fmt: skip
    assert len(mentions) == 1, "a new month has new money"


async def test_a_budget_too_small_for_a_page_is_said():
    traffic = Traffic()
    pages, _ = await polled(traffic, usd_per_day=0.10)

    assert traffic.requests == []
    assert "0.10 of 0.10 USD are left for today" in warnings(pages)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (problem(402, type="https://api.x.com/2/problems/credits-depleted", title="Payment Required"), NotPermitted, "credits"),
        (problem(402, type="https://api.twitter.com/2/problems/credits", title="CreditsDepleted"), NotPermitted, "credits"),
        (CAPPED, NotPermitted, "out of credits"),
        (problem(401, title="Unauthorized", type="about:blank"), AuthRejected, "wellheard connect x"),
        (problem(403, type="https://api.x.com/2/problems/client-forbidden", reason="client-not-enrolled"), NotPermitted, "enrol"),
        (problem(403, type="https://api.x.com/2/problems/unsupported-authentication"), NotPermitted, "person's access"),
        (problem(400, errors=[{"parameters": {"query": ["("]}, "message": "Rules must be valid"}]), Malformed, "queries"),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_by_meaning(answer, error, words):
    with pytest.raises(error, match=words):
        await polled(Traffic((SEARCH, answer)))


async def test_a_rate_limit_says_how_long():
    with pytest.raises(Throttled) as refused:
        await polled(Traffic((SEARCH, RATE)))

    assert refused.value.wait == timedelta(seconds=90)


# What is looked up again


async def test_what_is_gone_changed_or_hidden_is_told_apart():
    ids = [id_at(hour(n), n) for n in range(1, 6)]
    newer = id_at(hour(2) + timedelta(minutes=5), 2)
    answer = {
        "data": [
            post(1),
            post(2, edit_history_tweet_ids=[ids[1], newer]),
            post(3, withheld={"copyright": True, "country_codes": ["XX"]}),
        ],
        "errors": [
            {
                "resource_id": ids[3],
                "type": "https://api.x.com/2/problems/resource-not-found",
                "title": "Not Found Error",
            },
            {"resource_id": ids[4], "type": "https://api.x.com/2/problems/operational-disconnect", "title": "Later"},
        ],
    }
    latest = {"data": [post(2, at=hour(2) + timedelta(minutes=5), text="Other words", edit_history_tweet_ids=[ids[1], newer])]}  # fmt: skip
    traffic = Traffic((lambda request: request.url.params["ids"] == newer, latest), (LOOKUP, answer))
    [page] = await rechecked(traffic, *ids, "not-ours")

    assert {one.external_id: one.text for one in page.mentions} == {ids[0]: "Post 1", ids[1]: "Other words"}
    assert sorted(page.gone) == sorted([ids[2], ids[3]])


async def test_all_of_them_gone_is_an_answer():
    answer = {"errors": [{"resource_id": "1", "type": "https://api.x.com/2/problems/resource-not-found"}]}
    [page] = await rechecked(Traffic((LOOKUP, answer)), "1")

    assert (page.mentions, page.gone) == ([], ["1"])


async def test_an_answer_without_posts_and_errors_removes_nothing():
    with pytest.raises(Malformed):
        await rechecked(Traffic((LOOKUP, {"meta": {}})), "1")


async def test_a_hundred_are_looked_up_at_a_time_as_far_as_the_money_for_it_goes():
    ids = [str(n) for n in range(1, 351)]

    def answer(request: httpx.Request) -> Any:
        return {"data": [{"id": id_, "text": "Words"} for id_ in request.url.params["ids"].split(",")]}

    traffic = Traffic((LOOKUP, answer))
    pages: list[Any] = []
    async with traffic.client() as client:
        connector = X(X.Options(**OPTIONS, queries=(QUERY,), recheck_usd_per_day=1.1), client, now=lambda: NOW)
        with pytest.raises(Throttled) as spent:
            async for page in connector.recheck(ids):
                pages.append(page)  # noqa: PERF401  # what came before the error is the matter

    assert [len(page.mentions) for page in pages] == [100, 100]
    assert spent.value.wait == timedelta(hours=12)
    assert "expansions" not in traffic.requests[0].url.params


# How it is set up


def granted(path: Any, **changes: Any) -> None:
    said = {
        "access_token": "old",
        "refresh_token": "once",
        "expires_in": 7200,
        "obtained_at": "2026-06-01T08:00:00+00:00",
    }
    path.write_text(json.dumps(said | changes))
    path.chmod(0o600)


async def test_a_person_s_access_is_renewed_and_the_next_refresh_token_kept(tmp_path):
    file = tmp_path / "x.json"
    granted(file)
    renewed = {"token_type": "bearer", "access_token": "new", "refresh_token": "next", "expires_in": 7200, "scope": "x"}
    traffic = Traffic(("POST https://api.x.com/2/oauth2/token", renewed), (SEARCH, listing(post(10))))
    options = {"token": None, "token_file": file, "client_id": "app", "client_secret": Secret("s"), "queries": (QUERY,)}
    _, mentions = await polled(traffic, **options)

    assert len(mentions) == 1
    assert traffic.requests[1].headers["authorization"] == "Bearer new"
    assert traffic.requests[0].headers["authorization"].startswith("Basic ")
    assert json.loads(file.read_text())["refresh_token"] == "next"


async def test_a_spent_refresh_token_asks_for_a_person(tmp_path):
    granted(tmp_path / "x.json")
    traffic = Traffic(("POST https://api.x.com/2/oauth2/token", httpx.Response(400, json={"error": "invalid_request"})))
    with pytest.raises(AuthRejected, match="wellheard connect x"):
        await polled(traffic, token=None, token_file=tmp_path / "x.json", client_id="app", queries=(QUERY,))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"queries": (QUERY,), "token": None},
        {"queries": (QUERY,), "token_file": "x.json", "client_id": "app"},
        {"queries": (QUERY,), "token": None, "token_file": "x.json"},
        {"user_id": "@practicehosp"},
        {"queries": (QUERY,), "usd_per_day": 0},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        X.Options(**{**OPTIONS, **options})


async def test_connect_finds_the_account_that_granted_access():
    traffic = Traffic(
        (f"{API}/users/me", {"data": {"id": "42", "name": "Practice Hospital", "username": "PracticeHosp"}})
    )
    async with traffic.client() as client:
        found = [one async for one in X.connect.find({"access_token": Secret("t")}, client)]

    options = {"user_id": "42", "own": ["PracticeHosp"]}
    assert found == [Found(name="x-practicehosp", shown="@PracticeHosp", options=options)]
    X.Options(**OPTIONS, **options)


def test_the_terms_on_health_and_on_deletion_are_said():
    assert "health" in X.access.terms
    assert X.access.recheck == timedelta(hours=24)


def test_an_id_is_a_time():
    assert kit.instant("1578516068309794817") == datetime(2022, 10, 7, 22, 42, 12, 752000, UTC)
    assert kit.instant(kit.id_at(NOW)) == NOW
