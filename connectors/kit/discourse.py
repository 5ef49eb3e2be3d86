"""A Discourse forum's credential, its refusals, and what its posts carry."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import timedelta

import httpx

from connectors.kit import answer
from connectors.kit.rest import UNREADABLE, total
from monitor.connector import NotPermitted, PollError, Secret, Throttled, Unavailable
from monitor.model import Json

_LIKE = 2
_BUSY = (409, 503)


class Key(httpx.Auth):
    """A key of the forum's admin, and the user as whom it reads. Discourse takes it in headers only."""

    def __init__(self, key: Secret, username: str) -> None:
        self._key, self._username = key, username

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request once, signed."""
        request.headers["Api-Key"], request.headers["Api-Username"] = self._key.reveal(), self._username
        yield request


def explain(response: httpx.Response, *, with_key: bool) -> PollError | None:
    """What a refusal means, None where its status says it."""
    host = response.request.url.host
    code = response.status_code
    if code in _BUSY and response.request.url.path == "/search.json":
        return Unavailable(f"{host} is too busy to search: it is tried again")
    if code == httpx.codes.TOO_MANY_REQUESTS:
        return Throttled(f"{host} answered 429: it asks for patience", patience(response))
    if code == httpx.codes.FORBIDDEN:
        remedy = "the key is wrong or may not read this" if with_key else "it wants a log-in: set key"
        return NotPermitted(f"{host} answered 403: {remedy}, in the source's options")
    return None


def patience(response: httpx.Response) -> timedelta | None:
    """How long a 429 asks to wait: the longer of its body and its header, None where neither says."""
    asked = answer.patience(response.headers)
    try:
        said = timedelta(seconds=float(response.json()["extras"]["wait_seconds"]))
    except UNREADABLE:
        return asked
    return max(said, asked or said)


def is_staff(item: Json) -> bool:
    """Whether who wrote a post runs or moderates the forum."""
    return any(item.get(flag) is True for flag in ("staff", "admin", "moderator"))


def likes(item: Json) -> int | None:
    """How many liked a post, None where nobody did."""
    actions = item.get("actions_summary") or ()
    counts = [total(one, "count") for one in actions if isinstance(one, dict) and one.get("id") == _LIKE]
    return next((count for count in counts if count), None)


def ids(items: Sequence[Json]) -> list[int]:
    """The ids of posts, as far as they have one."""
    return [item["id"] for item in items if isinstance(item, dict) and type(item.get("id")) is int]


def titled(posts: Sequence[Json], topics: Json) -> list[Json]:
    """Posts that are still there, with the titles of their topics, which stand beside them."""
    known = [one for one in (topics if isinstance(topics, list) else ()) if isinstance(one, dict)]
    titles = {str(one.get("id")): one.get("title") for one in known}
    return [
        {**post, "topic_title": titles.get(str(post.get("topic_id")))} if isinstance(post, dict) else post
        for post in posts
        if post
    ]


def stream(topic: Json) -> list[Json]:
    """The posts around a place in a topic. Raises one of UNREADABLE."""
    return titled(topic["post_stream"]["posts"], [topic])
