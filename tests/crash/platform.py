"""A platform that grows while it is read: towns where people speak, each a timeline or a feed on a port of its own."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from urllib.parse import parse_qs, urlsplit

from tests.crash.outside import Answer, Outside, Request

PAGE = 10
"""Posts on one page of a timeline, whatever limit is asked for: instances may cap it."""
WINDOW = 200
"""Posts that a feed shows. Nothing that leaves it unread could be found, so no feed is given more in these tests."""
HISTORY = 4
"""Posts of every town that are older than our watch; one is a threat, and must alarm nobody."""
_LONGEST_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Post:
    """One thing said, about one clinic. `number` grows through all the towns."""

    number: int
    town: str
    clinic: str
    text: str
    at: datetime
    threat: bool
    history: bool = False

    @property
    def uri(self) -> str:
        """What it is called everywhere: the mention's external id."""
        return f"https://{self.town}.example/posts/{self.number}"


@dataclass(slots=True)
class Town:
    """One source. `waiting` is said as soon as it has been asked once: before that it would be history."""

    name: str
    connector: str
    dice: random.Random
    posts: list[Post] = field(default_factory=list)
    waiting: list[Post] = field(default_factory=list)
    asked: int = 0
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def answer(self, request: Request) -> Answer:
        """Answers like the platform it is, after a moment."""
        await asyncio.sleep(self.dice.uniform(0, _LONGEST_PAUSE))
        with self.lock:
            said = self._feed(request) if self.connector == "rss" else self._timeline(request)
            self.asked += 1
            self.posts += [_now(post) for post in self.waiting]
            self.waiting.clear()
        return said

    def say(self, posts: Sequence[Post]) -> None:
        """Adds posts, which must be newer than all that are there."""
        with self.lock:
            (self.posts if self.asked else self.waiting).extend(posts)

    def said(self) -> list[Post]:
        """All that was said here, also what nobody could read yet."""
        with self.lock:
            return [*self.posts, *self.waiting]

    def _timeline(self, request: Request) -> Answer:
        wanted = {key: int(values[0]) for key, values in parse_qs(urlsplit(request.path).query).items()}
        newest_first = self.posts[::-1]
        if "min_id" in wanted:  # the oldest ones above it; newest first all the same
            page = [post for post in newest_first if post.number > wanted["min_id"]][-PAGE:]
        else:
            page = [post for post in newest_first if post.number < wanted.get("max_id", 10**9)][:PAGE]
        body = json.dumps([_status(post) for post in page]).encode()
        return Answer(body=body, headers={"Content-Type": "application/json"} | self._links(page))

    def _links(self, page: Sequence[Post]) -> dict[str, str]:
        if not page:
            return {}
        here = f"http://127.0.0.1:{self.port}/api/v1/timelines/tag/cedar?limit=40"
        older, newer = f'<{here}&max_id={page[-1].number}>; rel="next"', f'<{here}&min_id={page[0].number}>; rel="prev"'
        return {"Link": f"{older}, {newer}"}

    def _feed(self, request: Request) -> Answer:
        window = self.posts[-WINDOW:][::-1]
        tag = f'"{len(self.posts)}"'
        if request.headers.get("if-none-match") == tag:
            return Answer(304, headers={"ETag": tag})
        items = "".join(_item(post) for post in window)
        body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>{self.name}</title>{items}</channel></rss>'
        return Answer(body=body.encode(), headers={"Content-Type": "application/rss+xml", "ETag": tag})


class Platform:
    """Its towns, and all that was said in them."""

    def __init__(self, outside: Outside, seed: int, *, timelines: int, feeds: int, clinics: int) -> None:
        self.dice = random.Random(seed)
        self.clinics = [f"clinic{number:03}" for number in range(clinics)]
        self._number = 1000
        self._threats = 0
        kinds = ["mastodon"] * timelines + ["rss"] * feeds
        self.towns = {
            town.name: town
            for number, kind in enumerate(kinds)
            for town in [Town(f"town{number:02}", kind, random.Random(self.dice.random()))]
        }
        for town in self.towns.values():
            town.port = outside.serve(town.answer)
            town.posts += [self._post(town, threat=n == 0, history=True) for n in range(HISTORY)]

    def publish(self, town: str, count: int, *, threats: int) -> None:
        """Lets people say `count` things in a town, of which `threats` are such that security must know of them."""
        there = self.towns[town]
        dangerous = set(self.dice.sample(range(count), threats))
        there.say([self._post(there, threat=n in dangerous) for n in range(count)])

    def posts(self) -> list[Post]:
        """All that was said in all the towns."""
        return [post for town in self.towns.values() for post in town.said()]

    def _post(self, town: Town, *, threat: bool, history: bool = False) -> Post:
        self._number += 1
        clinic = self.dice.choice(self.clinics)
        if threat and not history:  # in turn, so that every clinic gets an incident of its own
            clinic = self.clinics[self._threats % len(self.clinics)]
            self._threats += 1
        words = THREAT if threat else HARMLESS
        at = datetime.now(UTC) - (timedelta(days=2) if history else timedelta(0))
        return Post(self._number, town.name, clinic, f"{clinic} no. {self._number}: {words}", at, threat, history)


THREAT = "I know what time Dr. Reyes leaves and where she parks."
HARMLESS = "The new chairs in the waiting room are blue."


def _now(post: Post) -> Post:
    return Post(post.number, post.town, post.clinic, post.text, datetime.now(UTC), post.threat)


def _whole_second(at: datetime) -> datetime:
    """The next one, as a feed cannot tell parts: rounded down, a post of our first second would be older than our watch."""
    return at.replace(microsecond=0) + timedelta(seconds=1)


def _status(post: Post) -> dict[str, object]:
    author = {"id": "7", "acct": "passer_by", "uri": f"https://{post.town}.example/users/passer_by"}
    return {
        "id": str(post.number), "uri": post.uri, "url": post.uri, "content": f"<p>{escape(post.text)}</p>",
        "visibility": "public", "created_at": post.at.isoformat(), "language": "en", "account": author,
    }  # fmt: skip


def _item(post: Post) -> str:
    return (
        f"<item><title>{post.clinic}</title><link>{post.uri}</link><guid>{post.uri}</guid>"
        f"<pubDate>{format_datetime(_whole_second(post.at))}</pubDate><description>{escape(post.text)}</description></item>"
    )
