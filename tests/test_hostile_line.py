"""Hostile sources through the whole line: each poll ends with a clear reason, and the others keep their schedule."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from connectors.rss import Rss
from monitor import daemon
from monitor.connector import load
from monitor.pipeline import poll_due
from monitor.store import mentions, sources
from tests.clock import Clock
from tests.hostile import (
    Answer,
    drip,
    endless,
    gzip_bomb,
    header_flood,
    raw,
    redirect_loop,
    reply,
    serving,
    silence,
    visitor,
)
from tests.line import CONFIG, Bench

ENTRY = "<item><guid>https://news.example/1</guid><link>https://news.example/1</link><title>Kind staff</title></item>"
FEED = f'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>{ENTRY}</channel></rss>'

_ENTITIES = "".join(f'<!ENTITY e{n} "{"&e" + str(n - 1) + ";" if n else "x" * 50_000}">' for n in range(3))
_USES = "&e2;" * 20_000
BOMB = f'<?xml version="1.0"?><!DOCTYPE rss [{_ENTITIES}]><rss version="2.0"><channel><title>{_USES}</title></channel></rss>'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))
BILLION = (
    f'<?xml version="1.0"?><!DOCTYPE rss [{LAUGHS}]><rss version="2.0"><channel><title>&l9;</title></channel></rss>'
)
NESTED = "<rss><channel>" + "<item>" * 100_000
LOG_IN = "<!doctype html><html><head><title>Log in</title></head><body><form><input name=password></form></body></html>"


def xml(text: str, encoding: str = "utf-8") -> Answer:
    return reply(text.encode(encoding), headers={"content-type": f"application/rss+xml; charset={encoding}"})


@dataclass(frozen=True)
class Case:
    """A server that misbehaves and the word by which its reason is known."""

    answer: Answer
    reason: str


CASES = {
    "entity-bomb": Case(xml(BOMB), "entit"),
    "entity-bomb-utf16": Case(xml(BOMB, "utf-16"), "entit"),
    "billion-laughs": Case(xml(BILLION), "entit"),
    "gzip-bomb": Case(gzip_bomb(), "more than"),
    "endless": Case(endless(), "more than"),
    "gigabyte-declared": Case(endless(declared=1_000_000_000), "more than"),
    "drip": Case(drip(), "within 3 s"),
    "silence": Case(silence(), "within 3 s"),
    "html": Case(reply(LOG_IN.encode(), headers={"content-type": "text/html"}), "page"),
    "nothing": Case(reply(b""), "empty"),
    "file-name": Case(reply(b"/etc/passwd"), ""),
    "device-name": Case(reply(b"/dev/zero"), ""),
    "nested": Case(xml(NESTED), ""),
    "header-flood": Case(header_flood(), ""),
    "redirects": Case(redirect_loop(), "redirect"),
    "no-http": Case(raw(b"SSH-2.0-OpenSSH_9.2\r\n"), ""),
}


@pytest.fixture
async def polled(tmp_path: Path, clock: Clock) -> Any:
    """All hostile sources and a good one, polled side by side by the real connector over the real way out."""
    async with AsyncExitStack() as stack:
        servers = {name: await stack.enter_async_context(serving(case.answer)) for name, case in CASES.items()}
        servers["good"] = await stack.enter_async_context(serving(xml(FEED)))
        client = await stack.enter_async_context(visitor(deadline=3.0))
        names = "".join(f'[sources.{name}]\nconnector = "fake"\nevery = "15m"\n' for name in servers)
        bench = Bench(
            f"sqlite:///{tmp_path / 'x.db'}",
            tmp_path,
            clock,
            config=CONFIG.replace("[sources.one]", "[sources.one]\nenabled = false") + names,
        )
        made = {name: Rss(Rss.Options(url=f"{server.url}/feed"), client) for name, server in servers.items()}
        bench.line.connectors = lambda name: made[name]  # type: ignore[assignment, return-value]
        daemon.begin(bench.line)
        process = psutil.Process(os.getpid())
        before = process.memory_info().rss
        done = dict(await poll_due(bench.line))
        grown = process.memory_info().rss - before
        with bench.database.read() as tx:
            states = {one.name: one for one in sources.every(tx)}
            texts = [one.mention for one in mentions.listed(tx)]
        bench.line.close()
        yield done, states, texts, grown


async def test_every_hostile_poll_ends_with_its_reason_and_the_good_source_is_read(polled: Any, clock: Clock) -> None:
    done, states, texts, grown = polled
    assert [one.title for one in texts] == ["Kind staff"]
    assert done["good"].error is None
    for name, case in CASES.items():
        assert done[name].error, name
        assert case.reason in done[name].error, (name, done[name].error)
        assert "/feed" not in done[name].error
        assert states[name].failures == 1
        assert states[name].cursor == {}
        assert states[name].next_poll_at == clock.now() + timedelta(minutes=15)
    assert grown < 150_000_000, grown


def test_the_connector_that_was_tested_is_the_one_that_is_installed() -> None:
    assert load("rss") is Rss
