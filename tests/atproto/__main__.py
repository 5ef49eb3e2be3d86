"""Polls a real AT Protocol network, of the packages that its makers publish for development, with the Bluesky connector.

    npm install --prefix FOLDER --no-package-lock "$PWD/tests/atproto"   # once; 300 packages
    python -m tests.atproto FOLDER

needs Node.js 18, PostgreSQL's and Redis' programs, and takes two minutes; it is no part of CI. The network runs on loopback:
a directory, a server of accounts and an AppView. People of a clinic and its public write, reply, quote, edit nothing (the
platform knows no edits) and delete, by the platform's own calls; then it is compared what the connector hands over."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from connectors.bluesky import Bluesky
from monitor.connector import AuthRejected, Cursor, Page, Secret
from monitor.model import Kind, Mention
from tests.postgres import postgres

HERE = Path(__file__).parent
FLOOR = datetime(2026, 1, 1, tzinfo=UTC)


class Network:
    """The servers, and people who write there."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.service = self._answer()["service"]
        self._client = httpx.Client(base_url=f"{self.service}/xrpc", timeout=30)
        self._who: dict[str, Any] = {}

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the network did not start: see above")
        return json.loads(line)

    def settle(self) -> None:
        """Wait until every server has seen what was written."""
        assert self._process.stdin is not None
        self._process.stdin.write("settle\n")
        self._process.stdin.flush()
        self._answer()

    def call(self, method: str, who: str | None = None, **said: Any) -> Any:
        headers = {"authorization": f"Bearer {self._who[who]['accessJwt']}"} if who else {}
        answered = self._client.post(f"/com.atproto.{method}", json=said, headers=headers)
        if answered.is_error:
            raise SystemExit(f"{method} was refused: {answered.text}")
        return answered.json() if answered.content else None

    def join(self, who: str) -> str:
        """Makes an account; returns its app password."""
        account = {"handle": f"{who}.test", "email": f"{who}@mail.example", "password": f"{who}-password"}
        self._who[who] = self.call("server.createAccount", **account)
        return str(self.call("server.createAppPassword", who, name="wellheard")["password"])

    def write(self, who: str, text: str, *, to: Any = None, about: str | None = None, quoted: Any = None) -> Any:
        """Posts; returns what the post is known by. `to` is the post that is answered, `about` whom it mentions."""
        record: dict[str, Any] = {"$type": "app.bsky.feed.post", "text": text, "langs": ["en"]}
        record["createdAt"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if to:
            record["reply"] = {"root": to, "parent": to}
        if about:
            end = len(f"@{about}.test".encode())
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": self.did(about)}
            record["facets"] = [{"index": {"byteStart": 0, "byteEnd": end}, "features": [feature]}]
        if quoted:
            record["embed"] = {"$type": "app.bsky.embed.record", "record": quoted}
        where = {"repo": self.did(who), "collection": "app.bsky.feed.post"}
        made = self.call("repo.createRecord", who, **where, record=record)
        return {"uri": made["uri"], "cid": made["cid"]}

    def delete(self, who: str, post: Any) -> None:
        key = post["uri"].rpartition("/")[2]
        self.call("repo.deleteRecord", who, repo=self.did(who), collection="app.bsky.feed.post", rkey=key)

    def did(self, who: str) -> str:
        return str(self._who[who]["did"])


@contextmanager
def network(packages: Path) -> Iterator[Network]:
    """The network of installed packages, with databases that are thrown away."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    redis = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL
    )
    with postgres() as server:
        url = server.url(server.create()).replace("postgresql+psycopg", "postgresql")
        settings = {"DB_POSTGRES_URL": url, "REDIS_HOST": f"127.0.0.1:{port}", "LOG_ENABLED": "false"}
        process = subprocess.Popen(
            ["node", "--no-deprecation", str(HERE / "network.mjs")],
            env={**os.environ, **settings, "ATPROTO_PACKAGES": str(packages.resolve())},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield Network(process)
        finally:
            process.kill()
            redis.terminate()


class Watcher:
    """The connector with its cursor, and how many requests its last poll took."""

    def __init__(self, service: str, client: httpx.AsyncClient, password: str, **options: Any) -> None:
        said = {"handle": "wobbleclinic.test", "app_password": Secret(password), "service": service, **options}
        self.connector = Bluesky(Bluesky.Options(**said), client)
        self.cursor: Cursor = {}
        self.requests = 0
        client.event_hooks["request"].append(self._count)

    async def _count(self, _: httpx.Request) -> None:
        self.requests += 1

    async def poll(self) -> dict[str, Mention]:
        self.requests = 0
        found: dict[str, Mention] = {}
        async for page in self.connector.poll(self.cursor, FLOOR):
            found |= {one.external_id: one for one in page.mentions}
            self.cursor = page.cursor if page.cursor is not None else self.cursor
        return found

    async def recheck(self, posts: Sequence[Any]) -> list[Page]:
        return [page async for page in self.connector.recheck([post["uri"] for post in posts])]


def same(what: str, found: Any, wanted: Any) -> None:
    """Says what was compared, and stops where it differs."""
    if found != wanted:
        raise SystemExit(f"NOT SO: {what}\n  found  {found!r}\n  wanted {wanted!r}")
    print(f"ok: {what}", flush=True)  # noqa: T201  # a command, run by hand


async def compare(there: Network, client: httpx.AsyncClient) -> None:
    """Plays what people do, and compares what is handed over."""
    passwords = {who: there.join(who) for who in ("wobbleclinic", "wobblevisitor")}
    watcher = Watcher(
        there.service,
        client,
        passwords["wobbleclinic"],
        queries=("wobble",),
        actors=("wobbleclinic.test",),
        notifications=True,
    )
    same("nothing is there at first", await watcher.poll(), {})

    opening = there.write("wobbleclinic", "Our doors are open again.")
    praise = there.write("wobblevisitor", "The wobble clinic was kind to me.")
    named = there.write("wobblevisitor", "@wobbleclinic.test you lost my results", about="wobbleclinic")
    quoted = there.write("wobblevisitor", "Look at this.", quoted=opening)
    answer = there.write("wobblevisitor", "And your phones?", to=opening)
    reply = there.write("wobbleclinic", "We are sorry to hear that.", to=named)
    there.settle()
    found = await watcher.poll()
    every = (opening, praise, named, quoted, answer, reply)
    same("search, account and notifications are all seen", sorted(found), sorted(post["uri"] for post in every))
    same("ours is ours", {one["uri"] for one in (opening, reply)}, {key for key, one in found.items() if one.ours})
    same("a reply names what it answers", found[reply["uri"]].parent_id, named["uri"])
    same("replies are comments", found[answer["uri"]].kind, Kind.COMMENT)
    same("an author is a handle", found[praise["uri"]].author, "wobblevisitor.test")
    now = datetime.now(UTC)
    same("times are near now", all(now - one.published_at < timedelta(hours=1) for one in found.values()), True)

    again = await watcher.poll()
    same("what a second poll reads twice is within its overlap and the same", again.items() <= found.items(), True)
    print(f"    requests when nothing is new, three listings: {watcher.requests}")  # noqa: T201

    late = there.write("wobblevisitor", "Another wobble, much later.")
    there.delete("wobblevisitor", praise)
    there.settle()
    same("what came since is found", late["uri"] in await watcher.poll(), True)
    pages = await watcher.recheck([praise, named, late])
    same("what was deleted is gone", [id_ for page in pages for id_ in page.gone], [praise["uri"]])
    kept = {one.external_id for page in pages for one in page.mentions}
    same("what was not deleted is there", kept, {named["uri"], late["uri"]})

    await crowd(there, watcher)
    there.call("server.revokeAppPassword", "wobbleclinic", name="wellheard")
    stranger = Watcher(there.service, client, passwords["wobbleclinic"], actors=("wobbleclinic.test",))
    same("a revoked password is told as one", await refused(stranger.poll), AuthRejected)


async def crowd(there: Network, watcher: Watcher) -> None:
    """More posts than a page holds: none is lost, and none is read twice a second time."""
    posts = {there.write("wobblevisitor", f"wobble number {number}")["uri"] for number in range(130)}
    there.settle()
    found = await watcher.poll()
    same("130 posts of a search are all found, over two pages", posts - found.keys(), set())


async def refused(act: Callable[[], Any]) -> type[Exception] | None:
    try:
        await act()
    except Exception as error:  # noqa: BLE001  # which one it is, is compared
        return type(error)
    return None


async def main(packages: Path) -> None:
    with network(packages) as there:
        async with httpx.AsyncClient(timeout=30) as client:
            await compare(there, client)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    asyncio.run(main(Path(sys.argv[1])))
