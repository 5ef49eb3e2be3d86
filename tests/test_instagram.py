"""Instagram: posts and their comments, tags, hashtags with their budget, and both kinds of token."""

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

from connectors.instagram import Instagram
from monitor.connector import AuthRejected, Malformed, NotPermitted, Page, Secret, Throttled
from monitor.model import Kind, Mention
from monitor.testing import FLOOR, NOW, ConnectorContract, Said, Traffic
from tests.graph import REFUSALS, TOKEN, listing, meant, refusal, spent, stamp
from tests.spoiling import is_sound, spoilt

API = "https://graph.facebook.com/v25.0"
LOGIN = "https://graph.instagram.com/v25.0"
US = "17840000000000001"
WHO = (f"/v25.0/{US}", {"id": US, "username": "practice.hospital"})
MEDIA, TAGS = f"/v25.0/{US}/media", f"/v25.0/{US}/tags"
HASHTAG = f"{API}/77/recent_media?user_id={US}"
SEARCH = f"{API}/ig_hashtag_search?user_id={US}"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def said_at(n: int) -> datetime:
    return NOW - HOUR * (10 - n)


def post(n: int, comments: int = 0, **changes: Any) -> dict[str, Any]:
    """The n-th post of ours: an hour after the one before, the tenth now."""
    return {
        "id": f"1789{n:013}",
        "caption": f"Picture number {n}",
        "permalink": f"https://www.instagram.com/p/Cx{n}/",
        "timestamp": stamp(said_at(n)),
        "username": "practice.hospital",
        "comments_count": comments,
        "like_count": 4,
    } | changes


def comment(n: int, *replies: Any, **changes: Any) -> dict[str, Any]:
    answered = {"replies": {"data": list(replies)}} if replies else {}
    return (
        {
            "id": f"1795{n:013}",
            "text": f"Comment number {n}",
            "timestamp": stamp(said_at(n)),
            "username": "maple",
            "from": {"id": "9001", "username": "maple"},
            "like_count": 1,
            "media": {"permalink": "https://www.instagram.com/p/Cx1/", "id": "17890000000000001"},
        }
        | answered
        | changes
    )


def under(n: int, *comments: Any, size: int = 50) -> tuple[str, Any]:
    return f"/v25.0/{post(n)['id']}/comments", listing(comments, size)


def account_of(posts: Any = (), tagged: Any = (), *more: tuple[str, Any], size: int = 100) -> Traffic:
    listed = [
        (url, items if isinstance(items, httpx.Response) else listing(items, size))
        for url, items in ((MEDIA, posts), (TAGS, tagged))
    ]
    return Traffic(WHO, *more, *listed, (lambda request: request.url.path.endswith("/comments"), {"data": []}))


def recent(*items: Any, size: int = 50) -> Any:
    """Pages whose links are all the same, as those of a hashtag: the platform knows by itself where it was."""
    begun = iter(range(0, len(items) + size, size))

    def answer(request: httpx.Request) -> dict[str, Any]:
        begin = next(begun)
        following = (
            {"next": f"{request.url}&after=same&access_token={TOKEN}"} if "after" not in str(request.url) else {}
        )
        if "after" in str(request.url) and begin + size < len(items):
            following = {"next": f"{request.url}&access_token={TOKEN}"}
        return {"data": list(items[begin : begin + size]), "paging": {"cursors": {"after": "same"}} | following}

    return answer


async def polled(
    traffic: Traffic, cursor: Any = None, now: datetime = NOW, floor: datetime = FLOOR, **options: Any
) -> tuple[list[Page], dict[str, Mention]]:
    given = {"account": US} | ({} if "token_file" in options else {"token": Secret(TOKEN)}) | options
    async with traffic.client() as client:
        connector = Instagram(Instagram.Options(**given), client, now=lambda: now)
        pages = [page async for page in connector.poll(cursor or {}, floor)]
    return pages, {mention.external_id: mention for page in pages for mention in page.mentions}


async def read(*items: Any) -> Page:
    async with Traffic().client() as client:
        connector = Instagram(Instagram.Options(account=US, token=Secret(TOKEN)), client)
        connector.name = "practice.hospital"
        return connector.page(items, datetime.min.replace(tzinfo=UTC))


class Contract(ConnectorContract):
    connector = Instagram
    options: ClassVar = {"account": US, "token": Secret(TOKEN), "app_secret": Secret("app-secret-not-to-be-seen")}
    refusals = REFUSALS


class Spread(Contract):
    def said(self, n: int, **changes: Any) -> Said:
        """As the suite has it, but two days apart: the connector reads a day twice."""
        at = NOW - 2 * DAY * (14 - n)
        return replace(super().said(n), **({"published_at": at, "arrived_at": at} | changes))


class TestInstagramPosts(Spread):
    def raw(self, said):
        return post(said.n, caption=said.text, timestamp=stamp(said.published_at))

    def serve(self, items):
        return account_of(items, size=3)


class TestInstagramComments(Contract):
    """Under one picture of ours, without words, each second of them an answer to the one before."""

    def raw(self, said):
        return comment(said.n, text=said.text, timestamp=stamp(said.published_at))

    def serve(self, items):
        ours = post(1, len(items), timestamp=stamp(NOW - 29 * DAY), caption=None)
        pairs = [
            {**one, "replies": {"data": answers}}
            for one, *answers in (items[n : n + 2] for n in range(0, len(items), 2))
        ]
        return account_of([ours], (), under(1, *pairs, size=3))


class TestInstagramTags(Spread):
    def raw(self, said):
        return post(said.n, caption=said.text, timestamp=stamp(said.published_at), username="maple")

    def serve(self, items):
        return account_of((), items, size=3)


class TestInstagramHashtag(Spread):
    options: ClassVar = Contract.options | {"hashtags": ("PracticeHospital",), "tagged": False}
    # With a single hashtag, what refuses it refuses all.
    refusals = REFUSALS | {"error 24": meant(24, NotPermitted)}

    def raw(self, said):
        bare = post(said.n, caption=said.text, timestamp=stamp(said.published_at))
        return {key: value for key, value in bare.items() if key != "username"}

    def serve(self, items):
        found = {"data": [{"id": "77", "name": "practicehospital"}]}
        return account_of((), (), (f"{SEARCH}&q=practicehospital", found), (HASHTAG, listing(items)))


# What is read


async def test_a_post_of_ours_is_read():
    [mention] = (await read(post(3, 2))).mentions

    assert mention == Mention(
        external_id="17890000000000003",
        kind=Kind.POST,
        text="Picture number 3",
        url="https://www.instagram.com/p/Cx3/",
        published_at=said_at(3),
        author="practice.hospital",
        ours=True,
        engagement=6,
    )


@pytest.mark.parametrize(
    "mark",
    [
        {"username": "Practice.Hospital", "from": None},
        {"username": None, "from": {"id": US}},
        {"username": None, "from": None, "user": {"id": "some-other-id-of-ours"}},
    ],
)
async def test_what_we_answer_is_ours(mark):
    [mention] = (await read(comment(3, under="178", parent_id="1795", **mark))).mentions

    assert (mention.ours, mention.kind, mention.parent_id) == (True, Kind.COMMENT, "1795")


async def test_a_comment_names_its_post_and_has_its_link():
    [mention] = (await read(comment(3, under="178"))).mentions

    assert (mention.parent_id, mention.author, mention.ours) == ("178", "maple", False)
    assert mention.url == "https://www.instagram.com/p/Cx1/"


async def test_answers_stand_under_what_they_answer():
    answers = [comment(4), comment(5, username="practice.hospital", parent_id=comment(3)["id"])]
    _, found = await polled(account_of([post(1, 3)], (), under(1, comment(3, *answers))))

    assert found[comment(3)["id"]].parent_id == post(1)["id"]
    assert {found[one["id"]].parent_id for one in answers} == {comment(3)["id"]}
    assert found[comment(5)["id"]].ours


async def test_more_answers_than_come_with_a_comment_are_asked_for():
    asked = comment(3, comment(4))
    asked["replies"]["paging"] = {
        "cursors": {"after": "x"},
        "next": f"{API}/{asked['id']}/replies?access_token={TOKEN}",
    }
    replies = (f"{API}/{asked['id']}/replies", listing([comment(4), comment(5), comment(6)], 2))
    _, found = await polled(account_of([post(1, 4)], (), under(1, asked), replies))

    assert {comment(n)["id"] for n in (3, 4, 5, 6)} <= set(found)
    assert found[comment(6)["id"]].parent_id == asked["id"]


async def test_a_post_with_a_hashtag_has_no_author():
    [mention] = (await read({key: value for key, value in post(3).items() if key != "username"})).mentions

    assert (mention.author, mention.ours) == (None, False)


async def test_a_picture_without_words_is_no_mention_but_its_comments_are():
    bare = {key: value for key, value in post(1, 1).items() if key != "caption"}
    _, found = await polled(account_of([bare], (), under(1, comment(2))))

    assert list(found) == [comment(2)["id"]]


async def test_what_mentions_us_is_read_as_it_is_looked_up():
    page = await read(
        {"mentioned_media": post(3, username="maple"), "id": US}, {"mentioned_comment": comment(4), "id": US}
    )

    assert [(one.kind, one.author) for one in page.mentions] == [(Kind.POST, "maple"), (Kind.COMMENT, "maple")]


async def test_another_caption_is_an_edit():
    [before, after] = (await read(post(3), post(3, caption="Closed on Monday"))).mentions

    assert before.external_id == after.external_id
    assert before.fingerprint != after.fingerprint


@settings(max_examples=300)
@given(spoilt(post(2, 3)), spoilt({**comment(3, parent_id="1"), "under": "2"}))
def test_whatever_instagram_sends_costs_no_more_than_itself(one, two):
    page = asyncio.run(read(one, post(9), two))

    assert all(is_sound(mention) for mention in page.mentions)
    assert post(9)["id"] in {mention.external_id for mention in page.mentions}


# How it is walked


async def test_a_quiet_poll_asks_once_for_each_listing():
    pages, _ = await polled(account_of([post(1, 1)], (), under(1, comment(3))))
    await polled(again := account_of([post(1, 1)]), pages[-1].cursor, NOW + HOUR, tagged=False)

    assert [request.url.path for request in again.requests] == [f"/v25.0/{US}", MEDIA]


async def test_a_late_comment_under_an_older_post_is_found():
    old = post(1, 1, timestamp=stamp(NOW - 20 * DAY))
    pages, _ = await polled(account_of([post(9), old], (), under(1, comment(2))))
    late = comment(50, timestamp=stamp(NOW + HOUR))
    changed = account_of([post(9), old | {"comments_count": 2}], (), under(1, late, comment(2)))
    _, found = await polled(changed, pages[-1].cursor, NOW + 2 * HOUR)

    assert late["id"] in found


async def test_a_late_answer_to_an_old_comment_is_found():
    old = post(1, 2, timestamp=stamp(NOW - 20 * DAY))
    aged = [comment(n, timestamp=stamp(NOW - n * DAY)) for n in range(2, 9)]
    pages, _ = await polled(account_of([old], (), under(1, *aged, size=2)))
    answer = comment(50, timestamp=stamp(NOW + HOUR))
    aged[-1] = aged[-1] | {"replies": {"data": [answer]}}
    changed = account_of([old | {"comments_count": 3}], (), under(1, *aged, size=2))
    _, found = await polled(changed, pages[-1].cursor, NOW + 2 * HOUR)

    assert found[answer["id"]].parent_id == aged[-1]["id"]


async def test_who_tags_us_in_an_older_post_is_found_within_hours():
    tagged = [post(n, username="maple", timestamp=stamp(NOW - n * DAY)) for n in range(1, 9)]
    pages, _ = await polled(account_of((), tagged, size=2))
    tagged.insert(6, post(50, username="maple", timestamp=stamp(NOW - 7 * DAY)))
    soon, _ = await polled(first := account_of((), tagged, size=2), pages[-1].cursor, NOW + HOUR)
    _, found = await polled(account_of((), tagged, size=2), soon[-1].cursor, NOW + 6 * HOUR)

    assert len(first.requests) < 6
    assert post(50)["id"] in found


async def test_a_cursor_of_another_account_is_none():
    pages, _ = await polled(account_of([post(1)]))
    _, found = await polled(account_of([post(1)]), pages[-1].cursor | {"account": "1"})

    assert list(found) == [post(1)["id"]]


async def test_no_token_stands_in_an_address():
    traffic = account_of([post(n) for n in range(8, 0, -1)], size=2)
    await polled(traffic, app_secret=Secret("app-secret"))

    assert len(traffic.requests) == 6
    assert not [request for request in traffic.requests if "EAAB" in str(request.url)]
    assert {len(request.url.params["appsecret_proof"]) for request in traffic.requests} == {64}


async def test_what_is_no_account_is_said_to_be_none():
    with pytest.raises(Malformed, match="check the option account"):
        await polled(Traffic((f"/v25.0/{US}", {"id": US})))


async def test_a_wait_is_read_in_minutes():
    with pytest.raises(Throttled) as raised:
        await polled(account_of(refusal(80002, headers=spent(100, 44, "instagram"))))

    assert raised.value.wait == timedelta(minutes=44)


async def test_a_limit_that_is_nearly_spent_is_told():
    pages, _ = await polled(account_of(httpx.Response(200, json={"data": []}, headers=spent(92, kind="instagram"))))

    assert pages[-1].warnings == ["graph.facebook.com: 92 % of the calls that Meta allows are used"]


# Hashtags


def tag_of(n: int) -> str:
    return f"tag{n}"


def hashtags(*more: tuple[str, Any]) -> Traffic:
    """Every hashtag has the id that is its number."""
    found = lambda request: {"data": [{"id": request.url.params["q"].removeprefix("tag")}]}  # noqa: E731
    return account_of(
        (), (), *more, (SEARCH, found), (lambda request: request.url.path.endswith("/recent_media"), {"data": []})
    )


def asked_for(traffic: Traffic) -> list[str]:
    return [request.url.params["q"] for request in traffic.requests if "q" in request.url.params]


async def test_the_id_of_a_hashtag_is_asked_for_once():
    pages, _ = await polled(first := hashtags(), hashtags=("#Tag7", "tag8"))
    await polled(again := hashtags(), pages[-1].cursor, NOW + HOUR, hashtags=("#Tag7", "tag8"))

    assert asked_for(first) == ["tag7", "tag8"]
    assert asked_for(again) == []
    assert [request.url.path for request in again.requests][-2:] == ["/v25.0/7/recent_media", "/v25.0/8/recent_media"]


async def test_the_pages_of_a_hashtag_have_one_address_and_are_all_read():
    posts = [post(n, timestamp=stamp(NOW - n * HOUR)) for n in (3, 1, 7, 5, 2, 6, 4)]  # in no strict order
    _, found = await polled(hashtags((HASHTAG, recent(*posts, size=2))), hashtags=("tag77",))

    assert set(found) == {one["id"] for one in posts}


async def test_a_hashtag_that_only_repeats_itself_ends():
    same = {"data": [post(1)], "paging": {"next": f"{HASHTAG}&after=same"}}
    pages, _ = await polled(traffic := hashtags((HASHTAG, same)), hashtags=("tag77",))

    assert len(traffic.requests) == 6
    assert not pages[-1].warnings


async def test_a_hashtag_with_more_than_can_be_read_is_told():
    numbers = iter(range(1, 1000))
    busy = lambda _: {"data": [post(next(numbers), timestamp=stamp(NOW))], "paging": {"next": f"{HASHTAG}&after=same"}}  # noqa: E731
    pages, found = await polled(hashtags((HASHTAG, busy)), hashtags=("tag77",))

    assert len(found) == 40
    assert "more than 2000 posts a day" in pages[-1].warnings[0]


async def test_a_hashtag_is_charged_before_it_is_asked_for():
    async with hashtags((SEARCH, 503)).client() as client:
        options = Instagram.Options(account=US, token=Secret(TOKEN), hashtags=("tag1",))
        pages = []
        with pytest.raises(Exception, match="503"):
            async for page in Instagram(options, client, now=lambda: NOW).poll({}, FLOOR):
                pages.append(page)  # noqa: PERF401  # what came before the error counts

    assert pages[-1].cursor["hashtags"] == {"tag1": NOW.isoformat()}


async def test_thirty_different_hashtags_in_a_week_survive_a_restart():
    pages, _ = await polled(hashtags(), hashtags=tuple(map(tag_of, range(30))))
    assert "hashtags: 0 of 30 different ones in 7 days are left" in pages[-1].warnings

    stored = json.loads(json.dumps(pages[-1].cursor))
    later, _ = await polled(traffic := hashtags(), stored, NOW + 6 * DAY, hashtags=("tag3", "tag99"))
    assert asked_for(traffic) == []
    assert "#tag99 is not seen until 2026-06-08 12:00 UTC: 30 others were asked for in 7 days" in later[-1].warnings

    _ = await polled(traffic := hashtags(), later[-1].cursor, NOW + 7 * DAY, hashtags=("tag3", "tag99"))
    assert asked_for(traffic) == ["tag99"]


async def test_people_are_told_when_few_hashtags_are_left():
    few, _ = await polled(hashtags(), hashtags=tuple(map(tag_of, range(23))))
    more, _ = await polled(hashtags(), few[-1].cursor, hashtags=("tag90",))

    assert not few[-1].warnings
    assert more[-1].warnings == ["hashtags: 6 of 30 different ones in 7 days are left"]


async def test_posts_that_were_not_read_in_time_are_told_of():
    pages, _ = await polled(hashtags(), hashtags=("tag1",))
    soon, _ = await polled(hashtags(), pages[-1].cursor, NOW + DAY, hashtags=("tag1",))
    late, _ = await polled(hashtags(), pages[-1].cursor, NOW + 3 * DAY, hashtags=("tag1",))

    assert not soon[-1].warnings
    assert "from 2026-06-01 12:00 to 2026-06-03 12:00 UTC are not seen" in late[-1].warnings[0]


async def test_a_refused_hashtag_holds_up_no_other():
    traffic = hashtags((f"{SEARCH}&q=tag1", refusal(24)), (f"{API}/2/recent_media", {"data": [post(5)]}))
    pages, found = await polled(traffic, hashtags=("tag1", "tag2"))

    assert list(found) == [post(5)["id"]]
    assert pages[-1].warnings[0].startswith("#tag1 is not seen: graph.facebook.com answered with error 24")


async def test_an_app_that_may_see_no_hashtag_says_so():
    with pytest.raises(NotPermitted, match="error 10: a permission is missing"):
        await polled(hashtags((SEARCH, refusal(10, status=403))), hashtags=("tag1", "tag2"))


@pytest.mark.parametrize("answer", [{"data": []}, {"data": [{"name": "x"}]}, {"data": ["x"]}])
async def test_a_hashtag_without_an_id_is_a_changed_api(answer):
    with pytest.raises(Malformed, match="sent no id of a hashtag"):
        await polled(hashtags((SEARCH, answer)), hashtags=("tag1",))


# Instagram Login


def kept(folder: Path, **more: Any) -> Path:
    path = folder / "instagram.json"
    path.write_text(json.dumps({"access_token": "IGAA-old"} | more))
    path.chmod(0o600)
    return path


async def test_with_instagram_login_it_speaks_to_another_host(tmp_path):
    path = kept(tmp_path, obtained_at=(NOW - DAY).isoformat(), expires_in=5_184_000)
    _, found = await polled(traffic := account_of([post(1, 1)], (), under(1, comment(2))), token_file=path)

    assert {request.url.host for request in traffic.requests} == {"graph.instagram.com"}
    assert {request.headers["authorization"] for request in traffic.requests} == {"Bearer IGAA-old"}
    assert len(found) == 2


async def test_its_token_is_renewed_and_kept(tmp_path):
    path = kept(tmp_path, obtained_at=(NOW - 31 * DAY).isoformat(), expires_in=5_184_000)
    renewal = {"access_token": "IGAA-new", "token_type": "bearer", "expires_in": 5_183_944}
    url = "https://graph.instagram.com/refresh_access_token?grant_type=ig_refresh_token&access_token=IGAA-old"
    await polled(traffic := account_of([post(1)], (), (url, renewal)), token_file=path)

    assert traffic.requests[-1].headers["authorization"] == "Bearer IGAA-new"
    assert json.loads(path.read_text())["access_token"] == "IGAA-new"


async def test_a_token_that_was_pasted_is_renewed_in_time(tmp_path):
    path = kept(tmp_path)
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    await polled(early := account_of([post(1)]), now=written + 29 * DAY, token_file=path)
    renewal = (
        "https://graph.instagram.com/refresh_access_token",
        {"access_token": "IGAA-new", "expires_in": 9_000_000},
    )
    await polled(late := account_of([post(1)], (), renewal), now=written + 31 * DAY, token_file=path)

    assert early.requests[-1].headers["authorization"] == "Bearer IGAA-old"
    assert late.requests[-1].headers["authorization"] == "Bearer IGAA-new"


async def test_a_token_that_is_over_must_be_made_again(tmp_path):
    path = kept(tmp_path, obtained_at=(NOW - 61 * DAY).isoformat(), expires_in=5_184_000)
    over = ("https://graph.instagram.com/refresh_access_token", refusal(190, 463))
    with pytest.raises(AuthRejected, match="expired; run `wellheard connect instagram` again") as raised:
        await polled(account_of([post(1)], (), over), token_file=path)

    assert "IGAA" not in str(raised.value)


# Getting in


async def test_the_accounts_of_the_pages_are_found():
    linked = {"id": US, "username": "practice.hospital"}
    traffic = Traffic(
        (f"{API}/me/accounts", listing([{"id": "1"}, {"id": "2", "instagram_business_account": linked}], 1))
    )
    async with traffic.client() as client:
        [one] = [one async for one in Instagram.connect.find({"token": Secret(TOKEN)}, client)]

    assert (one.name, one.shown, one.options) == ("instagram-practice.hospital", "@practice.hospital", {"account": US})
    assert {request.headers["authorization"] for request in traffic.requests} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"token": None}, "set either token"),
        ({"token_file": "x"}, "set either token"),
        ({"token": None, "token_file": "x", "hashtags": ("a",)}, "hashtags need Facebook Login"),
        ({"hashtags": ("two words",)}, "is no hashtag"),
        ({"hashtags": ("🏥",)}, "is no hashtag"),
        ({"hashtags": tuple(map(tag_of, range(31)))}, "at most 30"),
        ({"account": "practice"}, "match"),
    ],
)
def test_options_say_what_is_wrong(wrong, problem):
    with pytest.raises(ValueError, match=problem):
        Instagram.Options(**({"account": US, "token": Secret(TOKEN)} | wrong))
