"""What answers mean, by status, header and body."""

from __future__ import annotations

import traceback
from datetime import timedelta

import httpx
import pytest

from connectors.kit import answer
from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError, Throttled, Unavailable
from monitor.testing import Traffic

URL = httpx.URL("https://forum.example/secret/path?token=not-to-be-seen")
DATE = "Sat, 01 Aug 2026 13:58:30 GMT"


async def ask(reply, **how):
    async with Traffic((str(URL), reply)).client() as client:
        return await answer.ask(client, "GET", URL, **how)


async def refused(reply, **how) -> PollError:
    with pytest.raises(PollError) as raised:
        await ask(reply, **how)
    return raised.value


@pytest.mark.parametrize("code", [200, 201, 204])
async def test_a_good_answer_is_handed_over(code):
    assert (await ask(code)).status_code == code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (301, Malformed), (400, Malformed), (401, AuthRejected), (402, NotPermitted), (403, NotPermitted),
        (404, NotPermitted), (410, NotPermitted), (418, Malformed), (422, NotPermitted), (429, Throttled),
        (451, NotPermitted), (500, Unavailable), (502, Unavailable), (503, Unavailable), (530, Unavailable),
    ],
)  # fmt: skip
async def test_a_refusal_says_host_code_and_remedy_and_nothing_else(code, kind):
    error = await refused(httpx.Response(code, text="these words stand in the body"))

    assert type(error) is kind
    assert str(error).startswith(f"forum.example answered {code}: ")
    assert not any(
        word in "".join(traceback.format_exception(error)) for word in ("secret/path", "not-to-be-seen", "these words")
    )


@pytest.mark.parametrize(
    "broken",
    [
        httpx.ConnectError("https://forum.example/secret/path refused"),
        httpx.ConnectTimeout("not-to-be-seen"),
        httpx.ReadTimeout("not-to-be-seen"),
        httpx.RemoteProtocolError("not-to-be-seen"),
        httpx.DecodingError("not-to-be-seen"),
    ],
    ids=lambda broken: type(broken).__name__,
)
async def test_what_breaks_on_the_way_is_tried_again(broken):
    error = await refused(broken)

    assert type(error) is Unavailable
    assert str(error) == f"forum.example cannot be reached ({type(broken).__name__}): it is tried again"
    assert "not-to-be-seen" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "120"}, timedelta(minutes=2)),
        ({"retry-after": "0"}, timedelta()),
        ({"retry-after": "60", "x-ratelimit-reset": "600"}, timedelta(minutes=1)),
        ({"x-ratelimit-reset": "45"}, timedelta(seconds=45)),
        ({"ratelimit-reset": "1785592800", "date": DATE}, timedelta(seconds=90)),
        ({"x-rate-limit-reset": "1785592800", "date": DATE}, timedelta(seconds=90)),
        ({"x-ratelimit-reset": "2026-08-01T14:00:00.500Z", "date": DATE}, timedelta(seconds=90.5)),
        ({"x-ratelimit-reset": "2026-08-01T13:00:00Z", "date": DATE}, timedelta()),
        ({"x-ratelimit-reset": "2026-08-01T14:00:00Z"}, None),
        ({"x-ratelimit-reset": "1785592800"}, None),
        ({"x-ratelimit-reset": "soon", "date": DATE}, None),
        ({"x-ratelimit-reset": "9" * 40, "date": DATE}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 30}, None),
        ({}, None),
    ],
)
async def test_patience_is_read_in_every_unit(headers, wait):
    error = await refused(httpx.Response(429, headers=headers))

    assert isinstance(error, Throttled)
    assert error.wait == wait


async def test_a_platform_explains_what_its_codes_do_not_say():
    error = await refused(400, explain=lambda response: AuthRejected(f"{response.status_code} means expired here"))

    assert str(error) == "400 means expired here"


async def test_what_it_does_not_explain_goes_by_the_code():
    assert type(await refused(403, explain=lambda _: None)) is NotPermitted


@pytest.mark.parametrize(
    ("response", "what"),
    [
        (httpx.Response(200, html="<html>Sign in</html>"), "a web page"),
        (httpx.Response(200, text="hello"), "something that is no JSON"),
        (httpx.Response(200, content=b"\xff\xfe\x00"), "something that is no JSON"),
        (httpx.Response(200), "something that is no JSON"),
        (httpx.Response(200, text="[" * 100_000), "something that is no JSON"),
        (httpx.Response(200, text="9" * 5_000), "something that is no JSON"),
    ],
)
async def test_what_is_no_json_is_no_answer(response, what):
    with pytest.raises(Malformed, match=rf"^forum\.example sent {what}"):
        answer.read(await ask(response))


async def test_json_is_read_whatever_it_calls_itself():
    assert answer.read(await ask(httpx.Response(200, text="[1]", headers={"content-type": "text/plain"}))) == [1]


async def test_an_answer_is_parsed_once():
    response = await ask(httpx.Response(200, text='{"posts": []}'))
    assert answer.read(response) is answer.read(response)


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b'"\\ud83d half"', "\ud83d half"),
        ('{"a": "\u00e9"}'.encode("utf-16"), {"a": "\u00e9"}),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"[1e999, 12345678901234567890]", [float("inf"), 12345678901234567890]),
    ],
)
async def test_what_only_pythons_own_parser_takes_is_read_too(content, read):
    assert answer.read(await ask(httpx.Response(200, content=content))) == read
