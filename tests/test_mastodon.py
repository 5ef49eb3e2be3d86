"""Mastodon: exact forward paging, late arrivals, replies, and what is nobody's business."""

from __future__ import annotations

import asyncio
import html
import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings

from connectors.mastodon import Mastodon
from monitor.connector import AuthRejected, Malformed, NotPermitted, Secret, Throttled
from monitor.model import Kind
from monitor.testing import FLOOR, NOW, ConnectorContract, Refusal, Said, Traffic
from tests.spoiling import is_sound, spoilt

FIXTURES = Path(__file__).parent / "fixtures" / "mastodon"
STATUS = json.loads((FIXTURES / "status.json").read_text())
ACCOUNT = json.loads((FIXTURES / "account.json").read_text())
HOST = "https://social.example"
TAG = f"{HOST}/api/v1/timelines/tag/PracticeHospital"
TOLD = f"{HOST}/api/v1/notifications"
ID = 10**17
PATIENCE = httpx.Response(
    429,
    headers={"x-ratelimit-reset": "2026-08-01T14:00:00.500Z", "date": "Sat, 01 Aug 2026 13:58:30 GMT"},
    json={"error": "Too many requests"},
)


def status(n: int, **changes: Any) -> dict[str, Any]:
    """The n-th status at the instance: an hour after the one before, the tenth now."""
    changes.setdefault("created_at", (NOW - timedelta(hours=10 - n)).isoformat())
    uri = f"https://elsewhere.example/users/maple/statuses/{n}"
    return deepcopy(STATUS) | {"id": str(ID + n), "uri": uri, "url": f"https://elsewhere.example/@maple/{n}"} | changes


def notification(n: int, **changes: Any) -> dict[str, Any]:
    said = status(n, **changes)
    return {
        "id": str(n),
        "type": "mention",
        "created_at": said["created_at"],
        "account": said["account"],
        "status": said,
    }


def listing(items: list[Any], size: int = 3) -> Any:
    """How an instance pages: `max_id` below it, `min_id` just above it, both newest first, with links to go on."""

    def answer(request: httpx.Request) -> httpx.Response:
        wanted, url = request.url.params, request.url
        sort = sorted(items, key=lambda item: int(item["id"]), reverse=True)
        if "min_id" in wanted:
            found = [item for item in sort if int(item["id"]) > int(wanted["min_id"])][-size:]
        else:
            found = [item for item in sort if int(item["id"]) < int(wanted.get("max_id", 10**30))][:size]
        if not found:
            return httpx.Response(200, json=[])
        down = url.copy_remove_param("min_id").copy_set_param("max_id", found[-1]["id"])
        up = url.copy_remove_param("max_id").copy_set_param("min_id", found[0]["id"])
        return httpx.Response(200, json=found, headers={"link": f'<{down}>; rel="next", <{up}>; rel="prev"'})

    return answer


def who(account: Any = ACCOUNT) -> tuple[str, Any]:
    return f"{HOST}/api/v1/accounts/verify_credentials", account


class TestMastodonHashtag(ConnectorContract):
    connector = Mastodon
    options: ClassVar = {"instance": "social.example", "hashtags": ("#PracticeHospital",)}

    def raw(self, said: Said) -> Any:
        return status(said.n, content=f"<p>{html.escape(said.text)}</p>", created_at=said.published_at.isoformat())

    def serve(self, items: Any) -> Traffic:
        return Traffic((TAG, listing(items)))


class TestMastodonMentions(ConnectorContract):
    connector = Mastodon
    options: ClassVar = {"instance": HOST, "mentions": True, "token": Secret("t0p-s3cret-token")}
    refusals: ClassVar = {
        "429 reset": Refusal(name="429 reset", answer=PATIENCE, raises=Throttled, wait=timedelta(seconds=90.5)),
        # What some versions say to the token of an app, and what a status alone says in every language.
        "422": Refusal(name="422", answer=httpx.Response(422, json={"error": "認証が必要です"}), raises=NotPermitted),
    }

    def raw(self, said: Said) -> Any:
        content = f"<p>{html.escape(said.text)}</p>"
        return notification(said.n, content=content, created_at=said.published_at.isoformat())

    def serve(self, items: Any) -> Traffic:
        return Traffic(who(), (f"{TOLD}?types[]=mention", listing(items)))


async def polled(traffic: Traffic, cursor: Any = None, floor: datetime = FLOOR, **options: Any) -> Any:
    """The pages of one poll, and the mentions on them by the number of their status."""
    options = {"instance": "social.example", "hashtags": ("PracticeHospital",)} | options
    async with traffic.client() as client:
        pages = [page async for page in Mastodon(Mastodon.Options(**options), client).poll(cursor or {}, floor)]
    return pages, [mention for page in pages for mention in page.mentions]


def numbers(mentions: Any) -> list[int]:
    return sorted({int(mention.external_id.rpartition("/")[2]) for mention in mentions})


async def read(*statuses: dict[str, Any], **options: Any) -> Any:
    _, mentions = await polled(Traffic((TAG, list(statuses)), who()), **options)
    return mentions


async def test_a_status_becomes_a_mention():
    [mention] = await read(STATUS)

    assert mention.external_id == "https://elsewhere.example/users/maple/statuses/114870142137562212"
    assert mention.url == "https://elsewhere.example/@maple/114870142137562212"
    assert mention.text == (
        "Four hours in the waiting room of #PracticeHospital & nobody came.\n"
        "Photos: https://photos.example/a/long/address\nSecond paragraph."
    )
    assert mention.published_at == datetime(2026, 5, 31, 9, 15, 42, 867000, UTC)
    assert (mention.kind, mention.author, mention.lang) == (Kind.POST, "maple@elsewhere.example", "en")
    assert (mention.engagement, mention.audience, mention.ours) == (7, 321, False)


async def test_a_content_warning_is_the_title():
    [mention] = await read(status(1, spoiler_text="hospital, complaint"))

    assert mention.title == "hospital, complaint"


@pytest.mark.parametrize("visibility", ["private", "direct", "limited", "local"])
async def test_what_is_not_public_is_not_read_and_not_counted(visibility):
    pages, mentions = await polled(Traffic((TAG, [status(1, visibility=visibility), status(2, visibility="unlisted")])))

    assert numbers(mentions) == [2]
    assert sum(page.skipped for page in pages) == 0


async def test_a_boost_is_nobody_s_word():
    assert await read(status(2, content="", reblog=status(1))) == []


async def test_a_link_that_is_not_https_is_left_out():
    [mention] = await read(status(1, url="http://elsewhere.example/@maple/1"))

    assert mention.url is None


async def test_a_status_without_a_page_is_linked_by_its_uri():
    [mention] = await read(status(1, url=None))

    assert mention.url == mention.external_id


async def test_a_reply_on_the_same_page_has_its_parent():
    reply, post = await read(status(2, in_reply_to_id=str(ID + 1)), status(1))

    assert (reply.kind, reply.parent_id) == (Kind.COMMENT, post.external_id)


async def test_a_reply_to_the_token_s_own_post_has_its_parent_though_that_is_not_listed():
    [reply] = await read(
        status(2, in_reply_to_id="114", in_reply_to_account_id=ACCOUNT["id"]), token=Secret("not-to-be-seen")
    )

    assert reply.parent_id == "https://social.example/ap/users/109300000000000777/statuses/114"


async def test_a_reply_to_somebody_unknown_keeps_an_address_that_stays_the_same():
    [reply] = await read(status(2, in_reply_to_id="114", in_reply_to_account_id="5"))

    assert reply.parent_id == "https://social.example/statuses/114"


@pytest.mark.parametrize("own", ["@PracticeHosp", "practicehosp@social.example", "109300000000000777"])
async def test_own_accounts_are_ours(own):
    mine, other = await read(status(2, account=ACCOUNT), status(1), own=(own,))

    assert (mine.ours, mine.author, other.ours) == (True, "practicehosp@social.example", False)


async def test_the_account_of_the_token_is_ours():
    mine, other = await read(status(2, account=ACCOUNT), status(1), token=Secret("not-to-be-seen"))

    assert (mine.ours, other.ours) == (True, False)


@pytest.mark.parametrize("code", [401, 403, 422])
async def test_the_token_of_an_app_has_no_account_and_reads_hashtags_all_the_same(code):
    refused = httpx.Response(code, json={"error": "この操作にはユーザー認証が必要です"})
    _, mentions = await polled(Traffic(who(refused), (TAG, [status(1)])), token=Secret("not-to-be-seen"))

    assert numbers(mentions) == [1]


async def test_mentions_with_the_token_of_an_app_are_refused_with_the_remedy():
    refused = httpx.Response(422, json={"error": "この操作にはユーザー認証が必要です"})
    with pytest.raises(NotPermitted, match=r"^social\.example answered 422: .*credential"):
        await polled(Traffic(who(refused), (TOLD, refused)), token=Secret("x"), hashtags=(), mentions=True)


async def test_what_is_not_mastodon_is_said_to_be_no_mastodon():
    with pytest.raises(Malformed, match="is this a Mastodon instance"):
        await polled(Traffic(who({"data": {}})), token=Secret("not-to-be-seen"))


async def test_the_token_is_sent_in_the_header_only():
    traffic = Traffic(who(), (TAG, [status(1)]))
    await polled(traffic, token=Secret("not-to-be-seen"))

    assert {request.headers["authorization"] for request in traffic.requests} == {"Bearer not-to-be-seen"}
    assert not any("not-to-be-seen" in str(request.url) for request in traffic.requests)


async def test_a_wait_is_read_from_the_reset_of_the_limit():
    with pytest.raises(Throttled) as raised:
        await polled(Traffic((TAG, PATIENCE)))

    assert raised.value.wait == timedelta(seconds=90.5)


async def test_a_quiet_poll_is_one_request():
    pages, _ = await polled(Traffic((TAG, listing([status(n) for n in range(1, 11)]))))
    again = Traffic((TAG, listing([status(n) for n in range(1, 11)])))
    await polled(again, pages[-1].cursor)

    assert len(again.requests) == 1


async def test_a_gap_is_walked_upwards_until_a_page_is_empty():
    cursor = {"instance": HOST, "tag:PracticeHospital": str(ID + 2)}
    traffic = Traffic((TAG, listing([status(n) for n in range(1, 13)])))
    pages, mentions = await polled(traffic, cursor)

    asked = [request.url.params.get("min_id") for request in traffic.requests]
    assert asked == [None, *(str(ID + n) for n in (2, 5, 8, 11, 12))]
    assert numbers(mentions) == list(range(3, 13))
    assert pages[-1].cursor == {"instance": HOST, "tag:PracticeHospital": str(ID + 12)}


async def test_what_is_federated_late_below_the_cursor_is_found_on_the_newest_page():
    there = [status(n) for n in (1, 2, 4, 5)]
    pages, _ = await polled(Traffic((TAG, listing(there))))
    _, mentions = await polled(Traffic((TAG, listing([*there, status(3)], size=40))), pages[-1].cursor)

    assert 3 in numbers(mentions)


async def test_an_edit_is_seen_on_the_newest_page():
    pages, [before] = await polled(Traffic((TAG, [status(1)])))
    edited = status(1, content="<p>All is well.</p>", edited_at=NOW.isoformat())
    _, [after] = await polled(Traffic((TAG, [edited])), pages[-1].cursor)

    assert after.external_id == before.external_id
    assert after.fingerprint != before.fingerprint


async def test_the_status_of_the_cursor_may_be_deleted():
    there = listing([status(n) for n in (1, 2, 4, 5, 6, 7, 8)])
    _, mentions = await polled(Traffic((TAG, there)), {"instance": HOST, "tag:PracticeHospital": str(ID + 3)})

    assert numbers(mentions) == [4, 5, 6, 7, 8]


async def test_a_cursor_of_another_instance_is_none():
    cursor = {"instance": "https://former.example", "tag:PracticeHospital": str(ID + 9)}
    pages, mentions = await polled(Traffic((TAG, listing([status(n) for n in range(1, 6)]))), cursor)

    assert numbers(mentions) == [1, 2, 3, 4, 5]
    assert pages[-1].cursor == {"instance": HOST, "tag:PracticeHospital": str(ID + 5)}


async def test_whose_the_token_is_is_asked_again_until_a_poll_has_succeeded():
    refused = httpx.Response(401, json={"error": "no"})
    traffic = Traffic((TAG, [status(1, account=ACCOUNT)]), who())
    traffic.exchanges[:0] = [who(refused), (TAG, refused)]
    async with traffic.client() as client:
        options = Mastodon.Options(instance=HOST, hashtags=("PracticeHospital",), token=Secret("x"))
        connector = Mastodon(options, client)
        with pytest.raises(AuthRejected):
            _ = [page async for page in connector.poll({}, FLOOR)]
        del traffic.exchanges[:2]
        [mention] = [mention async for page in connector.poll({}, FLOOR) for mention in page.mentions]

    assert mention.ours


async def test_an_empty_instance_ends_the_walk():
    pages, _ = await polled(Traffic((TAG, [])))

    assert pages[-1].cursor == {"instance": HOST}


async def test_ids_of_other_servers_are_taken_as_they_are():
    flake = [status(1, id="AbCdEf9"), status(2, id="AbCdEf8")]
    pages, _ = await polled(Traffic((TAG, flake)))
    again, mentions = await polled(Traffic((TAG, flake)), pages[-1].cursor)

    assert again[-1].cursor == {"instance": HOST, "tag:PracticeHospital": "AbCdEf9"}
    assert numbers(mentions) == [1, 2]


async def test_a_first_walk_over_several_listings_has_a_cursor_only_at_its_end():
    traffic = Traffic(
        who(), (TAG, listing([status(n) for n in range(1, 6)])), (TOLD, listing([notification(n) for n in (3, 4)]))
    )
    pages, mentions = await polled(traffic, token=Secret("x"), mentions=True)

    assert [page.cursor is None for page in pages] == [True] * (len(pages) - 1) + [False]
    assert pages[-1].cursor == {"instance": HOST, "tag:PracticeHospital": str(ID + 5), "mentions": "4"}
    assert numbers(mentions) == [1, 2, 3, 4, 5]


async def test_later_walks_hand_over_each_listing_so_that_a_broken_one_holds_up_no_other():
    cursor = {"instance": HOST, "tag:PracticeHospital": str(ID + 1), "mentions": "1"}
    traffic = Traffic(who(), (TAG, listing([status(1), status(2)])), (TOLD, 503))
    async with traffic.client() as client:
        options = Mastodon.Options(instance=HOST, hashtags=("PracticeHospital",), mentions=True, token=Secret("x"))
        walk = Mastodon(options, client).poll(cursor, FLOOR)
        pages = [await anext(walk), await anext(walk)]
        with pytest.raises(Exception, match="503"):
            await anext(walk)

    assert pages[-1].cursor == {"instance": HOST, "tag:PracticeHospital": str(ID + 2), "mentions": "1"}


async def test_an_account_is_looked_up_once_and_read_without_boosts():
    account = f"{HOST}/api/v1/accounts"
    traffic = Traffic(
        (f"{account}/lookup?acct=practicehosp", ACCOUNT),
        (f"{account}/{ACCOUNT['id']}/statuses?exclude_reblogs=true&limit=40", [status(1, account=ACCOUNT)]),
    )
    async with traffic.client() as client:
        options = Mastodon.Options(instance=HOST, accounts=("@practicehosp",), own=("practicehosp",))
        connector = Mastodon(options, client)
        first = [page async for page in connector.poll({}, FLOOR)]
        _ = [page async for page in connector.poll(first[-1].cursor, FLOOR)]

    assert [mention.ours for mention in first[0].mentions] == [True]
    assert sum("lookup" in str(request.url) for request in traffic.requests) == 1


async def test_links_are_followed_at_the_configured_origin_only():
    elsewhere = {"link": f'<https://thief.example/api/v1/timelines/tag/PracticeHospital?max_id={ID}>; rel="next"'}
    traffic = Traffic(
        (f"{TAG}?max_id={ID}", []), (TAG, httpx.Response(200, json=[status(1)], headers=elsewhere)), who()
    )
    await polled(traffic, token=Secret("x"))

    assert {request.url.host for request in traffic.requests} == {"social.example"}


async def test_an_answer_in_a_foreign_language_is_understood_by_its_status():
    with pytest.raises(AuthRejected) as raised:
        await polled(Traffic((TAG, httpx.Response(401, json={"error": "アクセストークンが無効です"}))))

    assert "アクセス" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"instance": "social.example"}, "nothing is followed"),
        ({"instance": "social.example", "mentions": True}, "set token"),
        ({"instance": "http://social.example", "hashtags": ("x",)}, "no address of a server"),
        ({"instance": "ftp://social.example", "hashtags": ("x",)}, "no address of a server"),
        ({"instance": "https://maple:secret@social.example", "hashtags": ("x",)}, "no address of a server"),
    ],
)
def test_options_say_what_is_missing(options, problem):
    with pytest.raises(ValueError, match=problem) as raised:
        Mastodon.Options(**options)

    assert "secret@" not in str(raised.value)


@pytest.mark.parametrize(
    "written", ["social.example", "https://social.example", "https://social.example/@practicehosp"]
)
def test_an_instance_is_a_host_or_an_address(written):
    assert Mastodon.Options(instance=written, hashtags=("x",)).instance == "https://social.example"


def test_the_pages_of_the_fake_instance_meet_without_gap():
    """What the paging tests rest on: `min_id` gives the page just above, not the newest one."""
    answer = listing([status(n) for n in range(1, 11)])
    url = httpx.URL(TAG).copy_set_param("min_id", str(ID + 2))
    page = answer(httpx.Request("GET", url)).json()

    assert [int(one["id"]) - ID for one in page] == [5, 4, 3]
    assert all(int(upper["id"]) > int(lower["id"]) for upper, lower in pairwise(page))


@settings(max_examples=300, deadline=None)
@given(spoilt(notification(2, in_reply_to_id="1", in_reply_to_account_id="2", spoiler_text="x")), spoilt(status(3)))
def test_whatever_an_instance_sends_costs_no_more_than_itself(one, other):
    async def read() -> Any:
        async with Traffic().client() as client:
            connector = Mastodon(Mastodon.Options(instance=HOST, hashtags=("x",)), client)
            items = [one, status(1), other]
            return connector.page(items, datetime.min.replace(tzinfo=UTC)), connector.arrivals(items)

    page, arrivals = asyncio.run(read())

    assert all(is_sound(mention) for mention in page.mentions)
    assert 1 in numbers(mention for mention in page.mentions if mention.url == "https://elsewhere.example/@maple/1")
    assert len(page.mentions) + page.skipped <= 3
    assert arrivals
