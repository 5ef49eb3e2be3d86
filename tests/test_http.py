"""The one client: who it says it is, what it remembers, what it keeps to itself, and that a pause is everybody's."""

from __future__ import annotations

import asyncio
import gzip
import logging
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest

from monitor.http import PAUSED, AddressRefused, agent, client
from tests.clock import Clock
from tests.hostile import by_path, head, in_turn, raw, redirect, reply, serving, silence, visitor


def clocked(clock: Clock, **options):
    return visitor(now=clock.now, monotonic=lambda: clock.now().timestamp(), sleep=clock.sleep, **options)


async def test_it_says_who_it_is_and_what_it_reads():
    async with serving(reply()) as server, visitor(contact="webmaster@practice.example") as client:
        await client.get(server.url)
        await client.get(server.url, headers={"Accept-Encoding": "br, zstd", "User-Agent": "a platform's own wish"})
    assert server.asked[0].headers["user-agent"].startswith("wellheard/")
    assert server.asked[0].headers["user-agent"].endswith(" (+webmaster@practice.example)")
    assert [asked.headers["accept-encoding"] for asked in server.asked] == ["gzip, deflate"] * 2
    assert server.asked[1].headers["user-agent"] == "a platform's own wish"


@pytest.mark.parametrize(
    ("contact", "said"),
    [("", ""), ("  ", ""), ("a@b.example\r\nX-Evil: 1", " (+a@b.exampleX-Evil: 1)"), ("Prüfung (x)", " (+Prfung x)")],
)
def test_a_contact_cannot_break_out_of_the_header(contact, said):
    assert agent(contact).partition("/")[2].partition(" ")[2] == said.strip()


async def test_an_encoded_answer_is_decoded_and_no_longer_says_that_it_was_encoded():
    packed = gzip.compress(b"said" * 100)
    async with (
        serving(reply(packed, headers={"Content-Encoding": "gzip", "ETag": '"a"'})) as server,
        visitor() as client,
    ):
        response = await client.get(server.url)
        async with client.stream("GET", server.url) as streamed:
            assert b"".join([piece async for piece in streamed.aiter_bytes()]) == b"said" * 100
    assert (response.content, response.headers["etag"]) == (b"said" * 100, '"a"')
    assert response.headers["content-length"] == "400"
    assert not {"content-encoding", "transfer-encoding"} & set(response.headers)


async def test_chunks_become_one_body():
    chunks = head(200, {"Transfer-Encoding": "chunked"}) + b"2\r\nsa\r\n2\r\nid\r\n0\r\n\r\n"
    async with serving(raw(chunks, close=False)) as server, visitor() as client:
        response = await client.get(server.url)
    assert (response.text, response.elapsed > timedelta(0)) == ("said", True)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_answer_without_a_body_keeps_its_headers(method):
    said = {"Content-Length": 20_000_000, "Content-Encoding": "br", "ETag": '"a"'}
    async with serving(raw(head(304 if method == "GET" else 200, said), close=False)) as server, visitor() as client:
        response = await client.request(method, server.url, headers={"If-None-Match": '"a"'})
    assert (response.content, response.headers["etag"], response.headers["content-length"]) == (b"", '"a"', "20000000")


async def test_a_body_that_should_not_be_there_is_never_the_next_ones_answer():
    wrong = raw(head(304) + head(200, {"Content-Length": 6}) + b"others", close=False)
    async with serving(in_turn(wrong, reply(b"mine"))) as server, visitor() as client:
        assert (await client.get(server.url)).status_code == 304
        assert (await client.get(server.url)).content == b"mine"


async def test_a_connection_is_used_again_and_not_for_ever():
    async with serving(reply(b"said")) as server, visitor(keep=2) as client:
        for _ in range(5):
            await client.get(server.url)
        assert server.connections == 1
    async with serving(reply(b"said")) as server, visitor(expiry=0.0) as client:
        for _ in range(3):
            await client.get(server.url)
        assert server.connections == 3


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again():
    async with serving(in_turn(raw(head(200, {"Content-Length": 0})), reply(b"said"))) as server, visitor() as client:
        await client.get(server.url)
        await asyncio.sleep(0.01)
        assert (await client.get(server.url)).content == b"said"


async def test_no_session_is_shared_by_those_who_share_the_client():
    async with (
        serving(reply(headers={"Set-Cookie": "session=canary; Path=/"})) as server,
        visitor() as client,
    ):
        await client.get(server.url)
        await client.get(server.url)
        assert len(client.cookies) == 0
    assert "cookie" not in server.asked[1].headers


async def test_nothing_of_an_address_but_the_host_is_logged_or_said(caplog):
    caplog.set_level(logging.DEBUG)
    answers = by_path({"/private": reply(b"said", 401), "/away": redirect("/private?token=canary")})
    async with serving(answers) as server, visitor(deadline=0.2) as client:
        for path in ("private", "away", "nowhere"):
            await client.get(f"{server.url}/{path}?token=canary", auth=("us", "canary"))
        with pytest.raises(httpx.ConnectError) as closed:
            await client.get("http://127.0.0.1:1/private?token=canary")
    assert "Connection refused" in str(closed.value)
    assert not {"private", "canary"} & set(f"{closed.value} {caplog.text}".replace("/", " ").replace("=", " ").split())


@pytest.mark.parametrize("value", ["canary\nX-Evil: 1", "canary\x00"])
async def test_a_header_that_cannot_be_sent_is_not_quoted(value):
    async with serving(reply()) as server, visitor() as client:
        with pytest.raises(httpx.LocalProtocolError, match=r"^127\.0\.0\.1: the request cannot be sent") as refused:
            await client.get(server.url, headers={"X-Api-Key": value})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/", "unix:///run/docker.sock", "ws://127.0.0.1/"]
)
async def test_only_http_is_spoken(url):
    async with visitor() as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get(url)


async def test_a_clients_own_shorter_patience_counts():
    async with serving(silence()) as server, visitor(deadline=30.0) as client:
        with pytest.raises(httpx.ReadTimeout, match=r"^127\.0\.0\.1: took too long to answer$"):
            await client.get(server.url, timeout=0.2)


async def test_no_more_than_two_requests_are_at_one_host_at_once():
    two = asyncio.Barrier(2)

    async def in_pairs(asked, writer):
        await two.wait()
        await reply(b"said")(asked, writer)

    async with serving(in_pairs) as server, visitor() as client:
        responses = await asyncio.gather(*(client.get(server.url) for _ in range(8)))
    assert [response.content for response in responses] == [b"said"] * 8
    assert (server.most, server.connections) == (2, 2)


async def test_by_default_it_reaches_nothing_at_home_and_is_polite(clock):
    async with serving(reply()) as server:
        async with client(contact="webmaster@practice.example") as guarded:
            with pytest.raises(AddressRefused):
                await guarded.get(server.url)
        assert server.connections == 0


@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_is_shared_by_all_and_nobody_asks_before_its_end(clock, status):
    busy = reply(b"later", status, {"Retry-After": "90.5"})
    async with serving(in_turn(busy, reply(b"said"))) as server, clocked(clock) as client:
        first = await client.get(f"{server.url}/one")
        assert (first.status_code, first.headers["retry-after"], first.content) == (status, "91", b"later")
        assert PAUSED not in first.headers
        clock.advance(timedelta(seconds=60))
        for method, path in (("GET", "one"), ("GET", "another-source"), ("POST", "hook")):
            paused = await client.request(method, f"{server.url}/{path}")
            assert (paused.status_code, paused.headers["retry-after"], paused.headers[PAUSED]) == (429, "31", "1")
        assert len(server.asked) == 1
        clock.advance(timedelta(seconds=30.5))
        assert (await client.get(f"{server.url}/one")).content == b"said"


async def test_a_pause_of_two_days_is_a_pause_of_two_days(clock):
    later = reply(b"", 429, {"Retry-After": "172800"})
    async with serving(in_turn(later, reply(b"said"))) as server, clocked(clock) as client:
        await client.get(server.url)
        clock.advance(timedelta(hours=47, minutes=59, seconds=59))
        assert (await client.get(server.url)).headers["retry-after"] == "1"
        clock.advance(timedelta(seconds=1))
        assert (await client.get(server.url)).content == b"said"


@pytest.mark.parametrize(
    ("status", "headers"),
    [(429, {}), (429, {"Retry-After": "soon"}), (503, {"Retry-After": "-5"}), (200, {"Retry-After": "60"}),
     (500, {"Retry-After": "60"}), (429, {PAUSED: "1"}),
     (503, {"X-RateLimit-Reset": "600", "X-RateLimit-Remaining": "12"})],
)  # fmt: skip
async def test_what_is_no_wish_for_patience_pauses_nobody(clock, status, headers):
    async with serving(in_turn(reply(b"", status, headers), reply(b"said"))) as server, clocked(clock) as client:
        response = await client.get(server.url)
        assert (response.status_code, PAUSED in response.headers) == (status, False)
        assert (await client.get(server.url)).content == b"said"


async def test_a_wish_in_another_unit_is_passed_on_as_seconds_and_garbage_not_at_all(clock):
    ahead = clock.now() + timedelta(hours=3, seconds=120)
    said = {"Date": "Mon, 02 Mar 2026 15:00:00 GMT", "X-RateLimit-Reset": int(ahead.timestamp())}
    async with serving(reply(b"", 429, said)) as server, clocked(clock) as client:
        assert (await client.get(server.url)).headers["retry-after"] == "120"
    async with serving(reply(b"", 503, {"Retry-After": "soon"})) as server, clocked(clock) as client:
        assert "retry-after" not in (await client.get(server.url)).headers


async def test_a_pause_meets_those_who_are_led_to_the_host(clock):
    async with serving(in_turn(reply(b"", 429, {"Retry-After": "60"}), reply(b"said"))) as busy:
        async with serving(redirect(busy.url)) as server, clocked(clock) as client:
            await client.get(busy.url)
            assert (await client.get(server.url)).headers[PAUSED] == "1"
        assert len(busy.asked) == 1


async def test_requests_to_one_host_start_a_gap_apart(clock):
    starts = []

    async def note(asked, writer):
        starts.append(clock.now())
        await reply(b"said")(asked, writer)

    async with serving(note) as server, clocked(clock, gap=0.5, per_host=1) as client:
        await asyncio.gather(*(client.get(server.url) for _ in range(4)))
    assert [after - before for before, after in pairwise(starts)] == [timedelta(seconds=0.5)] * 3


async def test_closing_it_closes_its_connections():
    writers = []

    async def note(asked, writer):
        writers.append(writer)
        await reply(b"said")(asked, writer)

    async with serving(note) as server:
        guarded = visitor()
        await guarded.get(server.url)
        await guarded.aclose()
        await asyncio.wait_for(writers[0].wait_closed(), 5)
        with pytest.raises(RuntimeError, match="closed"):
            await guarded.get(server.url)
    assert len(writers) == 1


async def test_a_request_that_outlives_the_client_leaves_nothing_open():
    arrived, go, writers = asyncio.Event(), asyncio.Event(), []

    async def late(asked, writer):
        writers.append(writer)
        arrived.set()
        await go.wait()
        await reply(b"said")(asked, writer)

    async with serving(late) as server:
        guarded = visitor()
        visit = asyncio.ensure_future(guarded.get(server.url))
        await arrived.wait()
        await guarded.aclose()
        go.set()
        assert (await visit).content == b"said"
        await asyncio.wait_for(writers[0].wait_closed(), 5)
