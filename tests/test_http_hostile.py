"""Hostile servers: each is left within its time and its bounds, with a reason, and holds nobody else up."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

import httpx
import pytest

from monitor.http import TooLarge, Undecodable
from tests.hostile import (
    Answer,
    crumbs,
    drip,
    endless,
    gzip_bomb,
    head,
    header_flood,
    in_turn,
    many_members,
    raw,
    reply,
    serving,
    silence,
    visitor,
)

SLOW = {
    "never a word": silence(),
    "half a status line": silence(b"HTTP/1.1 2"),
    "headers and no body": silence(head(200, {"Content-Length": 10})),
    "half a body": silence(head(200, {"Content-Length": 10}) + b"half"),
    "a body without a length": silence(head(200) + b"half"),
    "a chunk that never comes": silence(head(200, {"Transfer-Encoding": "chunked"}) + b"a\r\nhalf"),
    "a byte now and then": drip(),
    "headers without an end": silence(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "hints without an end": silence(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100),
}


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
async def test_a_slow_answer_ends_at_the_deadline(answer: Answer):
    async with serving(answer) as server, visitor(deadline=0.3) as client:
        started = time.monotonic()
        with pytest.raises(httpx.ReadTimeout, match=r"^127\.0\.0\.1: no complete answer within 0\.3 s$"):
            await client.get(f"{server.url}/private?token=canary")
        assert 0.25 < time.monotonic() - started < 5


async def test_redirects_share_one_deadline():
    async def slowly(asked, writer):
        await asyncio.sleep(0.15)
        await reply(b"", 302, {"Location": f"/{asked.number}"})(asked, writer)

    async with serving(slowly) as server, visitor(deadline=0.3) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url)
    assert len(server.asked) <= 3


async def test_a_request_that_nobody_reads_ends_at_the_deadline_too():
    accepted: list[asyncio.StreamWriter] = []
    listening = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0, limit=1)
    port = listening.sockets[0].getsockname()[1]
    try:
        async with visitor(deadline=0.3) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(f"http://127.0.0.1:{port}/", content=bytes(20_000_000))
    finally:
        listening.close()
        for writer in accepted:
            writer.transport.abort()
        await asyncio.sleep(0)


async def test_the_wait_for_its_turn_is_not_counted(clock):
    async with (
        serving(reply(b"said")) as server,
        visitor(gap=60.0, deadline=5.0, monotonic=lambda: clock.now().timestamp(), sleep=clock.sleep) as client,
    ):
        responses = await asyncio.gather(*(client.get(server.url) for _ in range(4)))
    assert [response.content for response in responses] == [b"said"] * 4
    assert sum(clock.slept) == 180


LARGE = {
    "a gzip bomb": (gzip_bomb(), TooLarge),
    "a body without an end": (endless(), TooLarge),
    "a gigabyte, declared": (endless(declared=1_000_000_000), TooLarge),
    "a length beyond belief": (endless(declared=10**19), TooLarge),
    "headers without an end": (header_flood(), httpx.RemoteProtocolError),
    "more members than anybody needs": (many_members(400_000), Undecodable),
}


@pytest.mark.parametrize(("answer", "kind"), LARGE.values(), ids=LARGE)
async def test_a_large_answer_is_cut_off_before_it_costs_memory(answer: Answer, kind: type[Exception]):
    async with serving(answer) as server, visitor(deadline=20.0) as client:
        tracemalloc.start()
        try:
            with pytest.raises(kind, match=r"^127\.0\.0\.1: ") as refused:
                await client.get(f"{server.url}/private?token=canary")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 50_000_000
    assert "private" not in str(refused.value)
    assert "canary" not in str(refused.value)


async def test_a_declared_length_above_the_cap_is_refused_before_the_body_is_read():
    answer = silence(head(200, {"Content-Length": 1001}))
    async with serving(answer) as server, visitor(raw_cap=1000) as client:
        with pytest.raises(TooLarge, match="more than 1,000 bytes"):
            await client.get(server.url)


async def test_crumbs_do_not_stop_the_clock_for_the_others():
    async with serving(crumbs()) as server, visitor() as client:
        visit = asyncio.ensure_future(client.get(server.url))
        longest, last = 0.0, time.process_time()
        while not visit.done():
            await asyncio.sleep(0)
            longest, last = max(longest, time.process_time() - last), time.process_time()
        with pytest.raises(httpx.RemoteProtocolError, match=r"^127\.0\.0\.1: answers in crumbs"):
            visit.result()
    assert longest < 0.25  # of the processor's time: about 0.01 on a quiet machine


WRONG = {
    "shorter than declared": raw(head(200, {"Content-Length": 100}) + b"half"),
    "nothing at all": raw(b""),
    "no HTTP": raw(b"220 mail.practice.example ESMTP\r\n\r\n"),
    "two lengths": raw(head(200, [("Content-Length", 4), ("Content-Length", 5)]) + b"said!"),
    "a length that is none": raw(head(200, {"Content-Length": "-4"}) + b"said"),
    "a chunk size that is none": raw(head(200, {"Transfer-Encoding": "chunked"}) + b"xyz\r\nsaid\r\n"),
    "cut in mid-chunk": raw(head(200, {"Transfer-Encoding": "chunked"}) + b"ff\r\nsaid"),
    "a header with the words of a mention": raw(b"HTTP/1.1 200 OK\r\nthe nurse was rude canary\r\n\r\n"),
}


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
async def test_an_answer_that_breaks_the_protocol_is_an_error_that_quotes_nothing(answer: Answer):
    async with serving(answer) as server, visitor() as client:
        with pytest.raises(httpx.RemoteProtocolError, match=r"^127\.0\.0\.1: hung up") as broken:
            await client.get(f"{server.url}/private?token=canary")
    assert broken.value.__cause__ is None
    assert broken.value.__suppress_context__


async def test_an_answer_longer_than_declared_is_cut_where_it_said_and_poisons_nothing_for_long():
    smuggled = head(200, {"Content-Length": 4}) + b"said" + head(200, {"Content-Length": 8}) + b"smuggled"
    async with serving(in_turn(raw(smuggled, close=False), reply(b"sound"))) as server, visitor() as client:
        assert (await client.get(server.url)).content == b"said"
        assert (await client.get(server.url)).content == b"sound"


async def test_a_connection_that_is_reset_is_an_error_that_names_the_host():
    async def reset(asked, writer):
        writer.transport.abort()

    async with serving(reset) as server, visitor() as client:
        with pytest.raises(httpx.TransportError, match=r"^127\.0\.0\.1: "):
            await client.get(server.url)


async def test_hostile_hosts_do_not_hold_up_a_good_one():
    met = asyncio.Barrier(3)

    async def bad(asked, writer):
        await met.wait()
        await drip()(asked, writer)

    async with serving(bad) as server, serving(reply(b"said")) as good, visitor(total=3) as client:
        stuck = [asyncio.ensure_future(client.get(server.url)) for _ in range(10)]
        await met.wait()
        for _ in range(5):
            assert (await client.get(good.url)).content == b"said"
        assert (server.most, any(visit.done() for visit in stuck)) == (2, False)
        for visit in stuck:
            visit.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_after_any_of_it_the_client_works_as_before():
    hostile = [*SLOW.values(), *WRONG.values(), endless(declared=10**19), header_flood(), raw(b"")]
    async with serving(in_turn(*hostile, reply(b"said"))) as server, visitor(deadline=0.1) as client:
        for _ in hostile:
            with pytest.raises(httpx.TransportError):
                await client.get(server.url)
        assert (await client.get(server.url)).content == b"said"
