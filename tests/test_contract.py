"""The connector contract, proven able to fail: a connector of a few lines passes it, each spoilt one does not."""

from __future__ import annotations

import gzip
import html
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from pydantic import BaseModel, ConfigDict

from monitor.connector import (
    Access,
    AuthRejected,
    Cursor,
    Malformed,
    NotPermitted,
    Page,
    PollError,
    Secret,
    Throttled,
    Unavailable,
)
from monitor.model import Kind, Mention
from monitor.testing import ConnectorContract, Refusal, Said, Traffic, make_mention

TOKEN = "t0p-s3cret-token"
URL = "https://forum.example/api/posts"


class Forum:
    """What a third party might write: newest first, `before=ID` for older ones; the cursor is the newest id."""

    platform = "forum"
    access = Access(kind="official", sees="public posts", blind_to="private ones", own_replies=False, terms="free")

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)
        token: Secret

    def __init__(self, options: Any, client: httpx.AsyncClient) -> None:
        self.token, self.client = options.token, client

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        known, newest, params = cursor.get("newest", 0), [], {}
        while items := await self.items(params):
            newest.append(items[0]["id"])
            fresh = [item for item in items if item["id"] > known]
            yield self.page(fresh, floor)
            if len(fresh) < len(items):
                break
            params = {"before": str(items[-1]["id"])}
        yield Page(cursor={"newest": max([known, *newest])})

    def page(self, items: list[Any], floor: datetime) -> Page:
        read = [self.read(item) for item in items]
        mentions = [mention for mention in read if mention and mention.published_at >= floor]
        return Page(mentions=mentions, skipped=read.count(None))

    async def items(self, params: dict[str, str]) -> list[Any]:
        try:
            answer = await self.client.get(URL, params=params, headers=self.signed())
        except httpx.HTTPError as error:
            raise self.unreachable(error) from None
        return self.listed(answer)

    def signed(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token.reveal()}"}

    def unreachable(self, error: httpx.HTTPError) -> PollError:
        return Unavailable("forum.example cannot be reached")

    def listed(self, answer: httpx.Response) -> list[Any]:
        if answer.status_code != 200:
            raise self.refusal(answer)
        try:
            return list(answer.json()["posts"])
        except (ValueError, LookupError):
            raise Malformed("forum.example answered something else") from None

    def refusal(self, answer: httpx.Response) -> PollError:
        if answer.status_code == 429:
            return Throttled("forum.example asks for patience", self.wait(answer))
        known = {401: AuthRejected, 403: NotPermitted, 404: NotPermitted}
        usual = Unavailable if answer.status_code >= 500 else Malformed
        return known.get(answer.status_code, usual)(f"forum.example answered {answer.status_code}")

    def wait(self, answer: httpx.Response) -> timedelta | None:
        seconds = answer.headers.get("retry-after")
        return timedelta(seconds=int(seconds)) if seconds else None

    def read(self, item: Any) -> Mention | None:
        try:
            return Mention(external_id=str(item["id"]), kind=Kind.POST, **self.said(item))
        except (TypeError, ValueError):
            return None

    def said(self, item: Any) -> dict[str, Any]:
        return {"text": html.unescape(item["body"]), "published_at": datetime.fromisoformat(item["at"])}


class ForumContract(ConnectorContract):
    connector = Forum
    options: ClassVar = {"token": Secret(TOKEN)}

    def raw(self, said: Said) -> Any:
        return {"id": said.n, "at": said.published_at.isoformat(), "body": html.escape(said.text)}

    def serve(self, items: Any) -> Traffic:
        def posts(request: httpx.Request) -> Any:
            before = int(request.url.params.get("before", "1000"))
            return {"posts": [item for item in items if item["id"] < before][:3]}

        return Traffic((URL, posts))


class TestForum(ForumContract):
    """A good connector keeps every promise."""


def verdict(promise: str, spoilt: type[Forum] = Forum, contract: type[ConnectorContract] = ForumContract) -> str:
    """What the contract says of `spoilt` where it tests `promise`; nothing: it is kept."""
    suite = type("Suite", (contract,), {"connector": spoilt})()
    try:
        getattr(suite, promise)()
    except Exception as error:  # noqa: BLE001  # whatever a spoilt connector makes fly fails its test
        return f"{type(error).__name__}: {error}"
    return ""


class CursorTooEarly(Forum):
    """Claims with the first page what it has not read yet."""

    async def poll(self, cursor, floor):
        async for page in super().poll(cursor, floor):
            top = max((int(mention.external_id) for mention in page.mentions), default=None)
            yield replace(page, cursor={"newest": top}) if top and page.cursor is None else page


class CursorIgnored(Forum):
    def poll(self, cursor, floor):
        return super().poll({}, floor)


class NoCursor(Forum):
    async def poll(self, cursor, floor):
        async for page in super().poll(cursor, floor):
            yield replace(page, cursor=None)


class CursorNotJson(Forum):
    async def poll(self, cursor, floor):
        async for page in super().poll(cursor, floor):
            yield replace(page, cursor=page.cursor and {"newest": (page.cursor["newest"],)})


class FirstPageOnly(Forum):
    async def poll(self, cursor, floor):
        items = await self.items({})
        yield replace(self.page(items, floor), cursor={"newest": items[0]["id"]})


class CursorByDate(Forum):
    """Believes the author's date: what is dated ahead hides all that comes after."""

    async def poll(self, cursor, floor):
        since, params, dates = datetime.fromisoformat(cursor.get("since", floor.isoformat())), {}, [floor]
        while items := await self.items(params):
            page = self.page(items, since)
            dates += [mention.published_at for mention in page.mentions]
            yield page
            params = {"before": str(items[-1]["id"])}
        yield Page(cursor={"since": max(dates).isoformat()})


class OldDateEndsTheWalk(Forum):
    async def poll(self, cursor, floor):
        known, params, newest = cursor.get("newest", 0), {}, cursor.get("newest", 0)
        while items := await self.items(params):
            newest = max(newest, items[0]["id"])
            page = self.page([item for item in items if item["id"] > known], floor)
            yield page
            if len(page.mentions) < len(items):
                break
            params = {"before": str(items[-1]["id"])}
        yield Page(cursor={"newest": newest})


class FloorIgnored(Forum):
    def page(self, items, floor):
        return super().page(items, datetime.min.replace(tzinfo=UTC))


class BadItemLosesThePage(Forum):
    def page(self, items, floor):
        page = super().page(items, floor)
        return Page(skipped=page.skipped) if page.skipped else page


class BadItemIsABug(Forum):
    def read(self, item):
        return Mention(external_id=str(item["id"]), kind=Kind.POST, **self.said(item))


class BadItemUncounted(Forum):
    def page(self, items, floor):
        return replace(super().page(items, floor), skipped=0)


class LooseDates(Forum):
    """Takes whatever date for now in UTC where it cannot read it."""

    def said(self, item):
        return super().said(item) | {"published_at": datetime(2026, 6, 1, tzinfo=UTC)}


class NaiveDates(Forum):
    def said(self, item):
        said = super().said(item)
        return said | {"published_at": said["published_at"].replace(tzinfo=None)}


class MarkupInTheText(Forum):
    def said(self, item):
        return super().said(item) | {"text": item["body"]}


class PlainLinks(Forum):
    def said(self, item):
        return super().said(item) | {"url": "http://forum.example/1"}


class Moody(Forum):
    """Reads the same thing under another id each time."""

    calls = 0

    def read(self, item):
        Moody.calls += 1
        mention = super().read(item)
        return mention and replace(mention, external_id=f"{mention.external_id}-{self.calls}")


class UrlInTheError(Forum):
    def unreachable(self, error):
        return Unavailable(f"forum.example: GET {error.request.url} failed")


class BodyInTheError(Forum):
    def refusal(self, answer):
        return type(super().refusal(answer))(f"forum.example said {answer.text}")


class CauseInTheTraceback(Forum):
    async def items(self, params):
        try:
            return self.listed(await self.client.get(URL, params=params, headers=self.signed()))
        except httpx.HTTPError as error:
            raise Unavailable("forum.example cannot be reached") from error


class TokenInTheError(Forum):
    def refusal(self, answer):
        return type(super().refusal(answer))(f"forum.example refused {self.token.reveal()}")


class NamelessError(Forum):
    def refusal(self, answer):
        return type(super().refusal(answer))("the platform is unwell")


class ErrorTakenForEmpty(Forum):
    def listed(self, answer):
        return [] if answer.status_code != 200 else super().listed(answer)


class LoginPageTakenForEmpty(Forum):
    def listed(self, answer):
        try:
            return super().listed(answer)
        except Malformed:
            return []


class EverythingUnavailable(Forum):
    def refusal(self, answer):
        return Unavailable(f"forum.example answered {answer.status_code}")


class DeafToRetryAfter(Forum):
    def wait(self, answer):
        return None


class NetworkErrorsFly(Forum):
    def unreachable(self, error):
        return error


class Talkative(Forum):
    def signed(self):
        logging.getLogger("forum").debug("signing with %s", self.token.reveal())
        return super().signed()


class LogsWhatWasSaid(Forum):
    def read(self, item):
        mention = super().read(item)
        logging.getLogger("forum").info("read %s", mention)
        return mention


class ShowsItsToken(Forum):
    def __repr__(self):
        return f"Forum({self.token.reveal()})"


class LooseOptions(Forum):
    class Options(BaseModel):
        model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True)
        token: Secret


class Silent(Forum):
    access = replace(Forum.access, blind_to="")


CUT = "test_nothing_is_lost_wherever_a_walk_is_cut"
ERRORS = "test_every_refusal_has_its_error"
READS = "test_it_reads_mentions"
SPOILT = "test_one_unreadable_item_is_skipped_and_counted"
SECRETS = "test_no_secret_is_shown"


@pytest.mark.parametrize(
    ("spoilt", "promise", "because"),
    [
        (CursorTooEarly, CUT, "mentions were never read"),
        (CursorTooEarly, "test_nothing_is_lost_when_a_walk_is_refused", "mentions were never read"),
        (CursorIgnored, "test_a_finished_walk_is_not_walked_again", "with its cursor"),
        (NoCursor, "test_a_walk_ends_with_a_cursor_that_is_json", "has no cursor"),
        (CursorNotJson, "test_a_walk_ends_with_a_cursor_that_is_json", "does not survive JSON"),
        (FirstPageOnly, READS, "10 things were said, 3 mentions were read"),
        (FirstPageOnly, "test_what_comes_later_is_found", "number [7, 8, 9, 10, 11] was never read"),
        (CursorByDate, "test_a_future_date_does_not_move_the_cursor", "was never read"),
        (OldDateEndsTheWalk, "test_an_old_date_on_top_does_not_end_the_walk", "was never read"),
        (FloorIgnored, "test_nothing_is_older_than_the_floor", "older than the floor"),
        (BadItemLosesThePage, SPOILT, "was never read"),
        (BadItemIsABug, SPOILT, "TypeError"),
        (BadItemUncounted, SPOILT, "was not counted"),
        (LooseDates, READS, "is not when it was said"),
        (NaiveDates, READS, "0 mentions were read"),
        (MarkupInTheText, READS, "decoded to plain text"),
        (PlainLinks, READS, "link is not https"),
        (Moody, "test_the_same_traffic_reads_the_same_twice", "differ"),
        (UrlInTheError, ERRORS, "time-out at request 0: the error shows a URL"),
        (BodyInTheError, ERRORS, "403 at request 0: the error shows a secret or what stood in the body"),
        (CauseInTheTraceback, ERRORS, "time-out at request 0: the error shows a secret or what stood in the body"),
        (TokenInTheError, ERRORS, "403 at request 0: the error shows a secret"),
        (NamelessError, ERRORS, "403 at request 0: the error does not name the host"),
        (ErrorTakenForEmpty, ERRORS, "401 at request 0: AssertionError: no PollError was raised; 0 mentions"),
        (LoginPageTakenForEmpty, ERRORS, "log-in page at request 0: AssertionError: no PollError was raised"),
        (EverythingUnavailable, ERRORS, "401 at request 0: Unavailable was raised"),
        (DeafToRetryAfter, ERRORS, "the wait is None where 0:02:00 was asked for"),
        (NetworkErrorsFly, ERRORS, "time-out at request 0: ReadTimeout"),
        (Talkative, SECRETS, "a secret stands in the log"),
        (LogsWhatWasSaid, SECRETS, "the log tells what was said"),
        (ShowsItsToken, SECRETS, "a secret stands in repr"),
        (LooseOptions, "test_options_refuse_what_they_do_not_know", "Options take any key"),
        (Silent, "test_it_says_what_it_is", "leaves something unsaid"),
    ],
    ids=lambda given: given.__name__ if isinstance(given, type) else given[:20],
)
def test_a_spoilt_connector_breaks_its_promise(spoilt, promise, because):
    assert because in verdict(promise, spoilt)


def test_a_platform_that_never_ends_its_listing_fails_and_does_not_hang():
    class Endless(ForumContract):
        def serve(self, items):
            return Traffic((URL, {"posts": items}), most=20)

    assert "does not end" in verdict(READS, Forum, Endless)


def test_a_refusal_may_be_meant_otherwise():
    class Eager(Forum):
        def refusal(self, answer):
            return Unavailable("forum.example is closed") if answer.status_code == 403 else super().refusal(answer)

    class Otherwise(ForumContract):
        refusals: ClassVar = {"403": Refusal(name="403", answer=403, raises=Unavailable)}

    assert "403 at request 0" in verdict(ERRORS, Eager)
    assert verdict(ERRORS, Eager, Otherwise) == ""


def test_a_refusal_may_be_left_out():
    class WithoutWaits(ForumContract):
        refusals: ClassVar = {"429 retry-after": None}

    assert verdict(ERRORS, DeafToRetryAfter, WithoutWaits) == ""


def test_xml_needs_to_say_what_is_unreadable():
    with pytest.raises(NotImplementedError, match="cannot be read"):
        ForumContract().unreadable("<item/>")


# The traffic


async def asked(traffic: Traffic, url: str, method: str = "GET") -> httpx.Response:
    async with traffic.client() as client:
        return await client.request(method, url)


async def test_traffic_answers_the_first_that_matches():
    traffic = Traffic(("/posts?page=2", [2]), ("https://forum.example/posts", [1]), ("POST /posts", 201))

    assert (await asked(traffic, "https://forum.example/posts?page=2&limit=3")).json() == [2]
    assert (await asked(traffic, "https://forum.example/posts?page=1")).json() == [1]
    assert (await asked(traffic, "https://forum.example/posts", "POST")).status_code == 201
    assert len(traffic.requests) == 3


@pytest.mark.parametrize(
    ("url", "method"),
    [
        ("https://other.example/posts", "GET"),
        ("http://forum.example/posts", "GET"),
        ("https://forum.example/posts/", "GET"),
        ("https://forum.example/posts", "DELETE"),
    ],
)
async def test_traffic_answers_nothing_else(url, method):
    traffic = Traffic(("https://forum.example/posts", []))
    with pytest.raises(AssertionError, match="nothing in the traffic answers"):
        await asked(traffic, url, method)

    assert traffic.unexpected == [f"{method} {url}"]


async def test_traffic_answers_in_every_way():
    traffic = (
        Traffic()
        .on("/text", "<feed/>")
        .on("/status", 503)
        .on(
            "/response",
            httpx.Response(200, headers={"content-encoding": "gzip", "etag": "1"}, content=gzip.compress(b"x")),
        )
        .on("/asked", lambda request: {"method": request.method})
        .on(lambda request: request.url.path.startswith("/down"), httpx.ConnectError("no route"))
    )

    assert (await asked(traffic, "https://forum.example/text")).text == "<feed/>"
    assert (await asked(traffic, "https://forum.example/status")).status_code == 503
    response = await asked(traffic, "https://forum.example/response")
    assert (response.text, response.headers["etag"]) == ("x", "1")
    assert (await asked(traffic, "https://forum.example/asked")).json() == {"method": "GET"}
    with pytest.raises(httpx.ConnectError):
        await asked(traffic, "https://forum.example/down/there")


async def test_traffic_is_read_from_a_file(tmp_path):
    written = [
        {"request": "GET https://forum.example/posts", "headers": {"etag": "1"}, "json": {"posts": []}},
        {"request": "POST /login", "status": 401, "text": "no"},
    ]
    (tmp_path / "traffic.json").write_text(json.dumps(written))
    traffic = Traffic.read(tmp_path / "traffic.json")

    response = await asked(traffic, "https://forum.example/posts")
    assert (response.json(), response.headers["etag"]) == ({"posts": []}, "1")
    response = await asked(traffic, "https://forum.example/login", "POST")
    assert (response.status_code, response.text) == (401, "no")


def test_a_made_mention_is_what_a_test_says_of_it():
    assert make_mention().text
    assert make_mention("Rude staff", stars=1, kind=Kind.REVIEW).stars == 1
    assert make_mention("Rude staff").text == "Rude staff"
