"""Nothing leaks: canaries in texts, names and secrets are looked for in every byte that the product produces."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.configured import SIGNING
from tests.hostile import Asked, Server, reply, serving
from tests.smtp import Mailbox, authority, mail_server, server_tls

SECRETS = {
    "FEED_URL_TOKEN": "canary-feed-token-7f3a",
    "HOOK_TOKEN": "canary-hook-path-91bc",
    "SMTP_PASSWORD": "canary-smtp-password-55d0",
}
AUTHOR = "Canaryauthor"
WORDS = ("canarydiagnosis", "canarytitle", "555-0188")
TEXT = f"I know what time the nurse leaves and where she parks. {WORDS[0]} call me at {WORDS[2]}."


def entry(n: int, published: datetime) -> dict[str, Any]:
    return {
        "id": f"https://news.example/{n}",
        "url": f"https://news.example/{n}",
        "title": f"Something about {WORDS[1]}",
        "content_text": TEXT,
        "date_published": published.isoformat(),
        "authors": [{"name": AUTHOR}],
    }


def document(*entries: dict[str, Any]) -> bytes:
    whole = {"version": "https://jsonfeed.org/version/1.1", "title": "News", "items": entries}
    return json.dumps(whole).encode()


def configuration(feed: int, hook: int, mail: int, ca: Path) -> str:
    return f"""
organisation = "Practice Hospital"
timezone = "America/Chicago"
[network]
allow = ["127.0.0.0/8"]
[smtp]
host = "localhost"
port = {mail}
security = "starttls"
from = "Wellheard <wellheard@practice.example>"
username = "wellheard"
password = {{ env = "SMTP_PASSWORD" }}
ca_file = "{ca}"
[sources.news]
connector = "rss"
every = "30s"
options = {{ url = {{ env = "FEED_URL" }} }}
[sources.dead]
connector = "rss"
every = "30s"
options = {{ url = {{ env = "DEAD_URL" }} }}
[inboxes.marketing]
email = ["canary-marketing@practice.example"]
[inboxes.risk]
email = ["canary-risk@practice.example"]
webhook = {{ url = {{ env = "HOOK_URL" }}, secret = {{ env = "HOOK_SECRET" }} }}
"""


async def wellheard(folder: Path, environ: dict[str, str], *words: str) -> tuple[int, str, str]:
    """Runs the command as a person would, with every log line there is."""
    code = "from monitor.cli import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", code, *words]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ | environ | {"WELLHEARD_LOG": "DEBUG"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


class Everything:
    """What the product said to anybody: mails, webhook bodies, its own output."""

    def __init__(self) -> None:
        self.mailbox = Mailbox(login=("wellheard", SECRETS["SMTP_PASSWORD"]))
        self.hook: Server | None = None
        self.output: list[str] = []

    def posted(self) -> list[Asked]:
        assert self.hook is not None
        return self.hook.asked

    def outgoing(self) -> str:
        """Every byte that left, and every line that was logged or printed."""
        mails = "\n".join(str(mail.get_body(("plain",))) + str(mail) for mail in self.mailbox.mails())
        return "\n".join([mails, *(asked.body.decode() for asked in self.posted()), *self.output])


@asynccontextmanager
async def played(folder: Path) -> AsyncIterator[Everything]:
    """A source that first is empty and then threatens, one that does not answer, real mail and a real webhook."""
    ca = authority()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    seen = Everything()
    now = datetime.now(UTC)
    live = [entry(n, now + timedelta(minutes=1)) for n in range(3)]
    bodies = iter([document(), document(*live)])

    async def feed(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await reply(next(bodies, document(*live)))(asked, writer)

    async with (
        mail_server(seen.mailbox, starttls=server_tls(ca)),
        serving(feed) as news,
        serving(reply(b"{}")) as hook,
        serving(reply(b"gone", status=500)) as dead,
    ):
        seen.hook = hook
        environ = SECRETS | {
            "HOOK_SECRET": SIGNING,
            "FEED_URL": f"{news.url}/feed?token={SECRETS['FEED_URL_TOKEN']}",
            "DEAD_URL": f"{dead.url}/feed?token={SECRETS['FEED_URL_TOKEN']}",
            "HOOK_URL": f"{hook.url}/hooks/{SECRETS['HOOK_TOKEN']}",
        }
        (folder / "config.toml").write_text(configuration(news.port, hook.port, seen.mailbox.port, folder / "ca.pem"))
        for words in (
            ("run", "--once"),
            ("run", "--once"),
            ("sources",),
            ("deliveries",),
            ("incidents",),
            ("show", "1"),
        ):
            _, out, err = await wellheard(folder, environ, *words)
            # `show` prints mentions to whoever may read the store: that is its purpose. Its log must not.
            seen.output += [err] if words[0] == "show" else [out, err]
        yield seen


async def test_no_word_of_a_mention_no_author_and_no_secret_leaves_by_default(tmp_path: Path) -> None:
    async with played(tmp_path) as seen:
        assert {mail["To"] for mail in seen.mailbox.mails()} == {"canary-risk@practice.example"}
        assert len(seen.posted()) == 1
        assert json.loads(seen.posted()[0].body)["type"] == "incident.opened"
        assert all(seen.mailbox.tls)
        everything = seen.outgoing()
        for canary in (AUTHOR, *WORDS, *SECRETS.values(), SIGNING):
            assert canary.casefold() not in everything.casefold(), canary
        logged = "\n".join(seen.output)
        assert "canary-risk@" not in logged
        assert "/feed" not in logged
        assert '"polled"' in logged


def database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("wellheard.db*"))


async def test_no_secret_is_stored_and_the_words_are(tmp_path: Path) -> None:
    async with played(tmp_path):
        stored = database(tmp_path)
        assert WORDS[0].encode() in stored
        for secret in (*SECRETS.values(), SIGNING):
            assert secret.encode() not in stored


@pytest.mark.parametrize("canary", [AUTHOR, WORDS[0]])
async def test_the_canaries_would_be_found(tmp_path: Path, canary: str) -> None:
    async with played(tmp_path):
        environ = {"FEED_URL": "https://x.example", "DEAD_URL": "https://x.example", "HOOK_SECRET": SIGNING,
                   "HOOK_URL": "https://x.example/x", "SMTP_PASSWORD": "x"}  # fmt: skip
        _, out, _ = await wellheard(tmp_path, environ, "mentions", "--json")
        assert canary in out
