"""The promise between the monitor and a platform: what a connector is given, hands over and raises."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Literal, Protocol, cast

import httpx

from monitor.model import Json, Mention

GROUP = "wellheard.connectors"
"""The entry-point group in which connectors are found."""

Cursor = dict[str, Json]
"""Where a walk stands: JSON that only its writer reads, empty at first."""


class Secret:
    """A credential that shows itself only when asked: never in a repr, a log or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """A mail that a mail server could not deliver (RFC 3464): the Message-ID of the mail that came back, who should have
    got it, and the status, such as "5.1.1"."""

    message_id: str
    recipient: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one step of a walk found. Its mentions and its cursor are stored in one transaction.

    `cursor` None: the walk is not over, keep the old one. `gone`: external ids the platform no longer has. `unsigned`:
    those that are still there, and whose author deleted the account: the name is removed here, too.
    `skipped`: how many items could not be read - they are counted, never the reason to lose the page.
    `warnings`: sentences for people on what this walk could not see, or soon will not: a budget that runs out, an app
    that waits for its approval. Those of the last whole walk are shown until the next. `bounces`: mails that came back, of
    which those count that are ours."""

    mentions: Sequence[Mention] = ()
    cursor: Cursor | None = None
    gone: Sequence[str] = ()
    unsigned: Sequence[str] = ()
    skipped: int = 0
    warnings: Sequence[str] = ()
    bounces: Sequence[Bounce] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a connector gets at its platform, and what it cannot see; printed by `connectors` and in the documentation.

    `kind` lets an organisation refuse a way: an official API, a licensed one, a feed, a mailbox of ours, or reading
    public pages.
    `needs` says what it takes to get in, `costs` what the platform charges, `limits` how much it lets us ask.
    `unconfirmed`: facts that no public documentation confirmed; where they are wrong, the connector fails loudly.

    What the terms ask is code. `retention`: how long after we first saw it, text and author may be kept. `recheck`: how
    often what is stored is looked up again with `Connector.recheck`, so that what was deleted there goes here.
    `refresh`: text and author that neither a poll nor a recheck confirmed for so long are removed."""

    kind: Literal["official", "licensed", "feed", "mailbox", "page", "local"]
    sees: str
    blind_to: str
    own_replies: bool
    terms: str
    needs: str = "nothing"
    costs: str = "free"
    limits: str = "none known"
    unconfirmed: tuple[str, ...] = ()
    retention: timedelta | None = None
    recheck: timedelta | None = None
    refresh: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing that `connect` asks the operator for: the `key` of the option it becomes."""

    key: str
    prompt: str
    secret: bool = False
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """Where a person grants access (RFC 6749 with PKCE): `connect` opens `authorize`, takes the code on a loopback
    redirect or pasted, and changes it at `token` into tokens, which `find` gets as `access_token` and `refresh_token`.

    The client is what was answered under `client_id` and, where it has one, `client_secret`; `client` says where they
    stand in the token request. `parameters` are added to `authorize`. `port`: 0 where the platform takes a loopback
    redirect on any port, else the one of the `http://127.0.0.1:PORT/` to be registered there. `loopback` False: the
    platform takes only a registered https address, which is asked for; the operator pastes what it leads to.

    `exchange`: changes what was granted for what lasts longer; gets all answers, returns those that take their place."""

    authorize: str
    token: str
    scopes: tuple[str, ...] = ()
    pkce: bool = True
    client: Literal["body", "basic"] = "body"
    loopback: bool = True
    port: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    exchange: Callable[[Answers, httpx.AsyncClient], Awaitable[Answers]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An account, page or location that the credentials reach: a `[sources.NAME]` table to paste, with the `options`
    that the answers do not give and, where there is one, its `location` label. A `Secret` among the options, such as a
    page's own token, goes to a file like those of the answers."""

    name: str
    shown: str
    options: Mapping[str, Json]
    location: str | None = None


Answers = Mapping[str, "str | Secret"]
"""What the operator answered, by key, and what an OAuth grant gave: `access_token`, `refresh_token`, `expires_in`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """How an operator gets in: what to do at the platform `before`, what is asked, the grant, what is then found.

    `keeps`: which of the answers and tokens become options of the source; secrets go to files of mode 600. A
    `token_file` among them is one, one for all sources: JSON of the answer's `access_token`, `refresh_token` and
    `expires_in`, with `obtained_at`, as the kit's credentials read and replace it. Where there is no `find`, there is one
    source, of the answers alone. `find` raises PollError where the credentials do not work."""

    before: str
    asks: tuple[Ask, ...] = ()
    oauth: OAuth | None = None
    keeps: tuple[str, ...] = ()
    find: Callable[[Answers, httpx.AsyncClient], AsyncIterator[Found]] | None = None


class PollError(Exception):
    """A poll that cannot go on. The sentence names the host and what to do, never a URL, a query or a secret."""


class AuthRejected(PollError):
    """The credential is wrong, expired or revoked: a person must renew it."""


class NotPermitted(PollError):
    """The credential is good, but may not do this: a scope, an approval, a plan, a budget that is used up."""


class Throttled(PollError):
    """The platform asked for patience; `wait` is how long, None where it did not say."""

    def __init__(self, message: str, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Unavailable(PollError):
    """The platform or the way to it is down: time heals it."""


class Malformed(PollError):
    """The platform answered something that this connector cannot read: a log-in page, a changed shape."""


class Connector(Protocol):
    """A platform's code. One instance serves one source for as long as the process lives. What must survive a restart
    travels in the cursor; what may be lost, such as a log-in session, it may keep to itself."""

    platform: ClassVar[str]
    access: ClassVar[Access]
    Options: ClassVar[type[Any]]
    """A pydantic model of the keys of `[sources.NAME.options]`; credentials in it are of type `Secret`."""

    # Optional, beside what stands here:
    #   connect: ClassVar[Connect]                    how an operator gets in, for `wellheard connect`
    #   def recheck(self, ids: Sequence[str]) -> AsyncGenerator[Page, None]
    #                                                 what is gone and what has changed among these external ids; one
    #                                                 that is neither counts as confirmed, so what could not be looked
    #                                                 up is raised for. It may run while `poll` does
    #   __init__(..., now: Callable[[], datetime])    keyword-only with a default, where budgets or windows need a clock

    def __init__(self, options: Any, client: httpx.AsyncClient) -> None: ...

    def poll(self, cursor: Cursor, floor: datetime) -> AsyncGenerator[Page, None]:
        """Walks from `cursor` to now, nothing published before `floor`. Raises PollError."""
        ...


def names() -> list[str]:
    """The names of all installed connectors, sorted."""
    return sorted(_installed(tuple(sys.path)))


def load(name: str) -> type[Connector]:
    """The connector class installed under `name`. Raises LookupError that lists what there is."""
    point = _installed(tuple(sys.path)).get(name)
    if point is None:
        raise LookupError(f"no connector is called {name!r}; there are: {', '.join(names())}")
    return cast("type[Connector]", point.load())


@lru_cache(maxsize=8)
def _installed(_path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Where the connectors on this `sys.path` are found, by name. To look through all that is installed takes ten
    milliseconds, and a configuration of 10,000 sources asks 30,000 times."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, point)
    return found


__all__ = [
    "Access", "Answers", "Ask", "AuthRejected", "Connect", "Connector", "Cursor", "Found", "Malformed", "NotPermitted",
    "OAuth", "Page", "PollError", "Secret", "Throttled", "Unavailable", "load", "names",
]  # fmt: skip
