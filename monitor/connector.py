"""The promise between the monitor and a platform: what a connector is given, hands over and raises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import entry_points
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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one step of a walk found. Its mentions and its cursor are stored in one transaction.

    `cursor` None: the walk is not over, keep the old one. `gone`: external ids the platform no longer has.
    `skipped`: how many items could not be read - they are counted, never the reason to lose the page."""

    mentions: Sequence[Mention] = ()
    cursor: Cursor | None = None
    gone: Sequence[str] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a connector gets at its platform, and what it cannot see; printed by `connectors` and in the documentation.

    `kind` lets an organisation refuse a way: an official API, a licensed one, a feed, or reading public pages."""

    kind: Literal["official", "licensed", "feed", "page", "local"]
    sees: str
    blind_to: str
    own_replies: bool
    terms: str
    retention: timedelta | None = None


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

    def __init__(self, options: Any, client: httpx.AsyncClient) -> None: ...

    def poll(self, cursor: Cursor, floor: datetime) -> AsyncGenerator[Page, None]:
        """Walks from `cursor` to now, nothing published before `floor`. Raises PollError."""
        ...


def names() -> list[str]:
    """The names of all installed connectors, sorted."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load(name: str) -> type[Connector]:
    """The connector class installed under `name`. Raises LookupError that lists what there is."""
    for point in entry_points(group=GROUP, name=name):
        return cast("type[Connector]", point.load())
    raise LookupError(f"no connector is called {name!r}; there are: {', '.join(names())}")


__all__ = [
    "Access", "AuthRejected", "Connector", "Cursor", "Malformed", "NotPermitted", "Page", "PollError", "Secret",
    "Throttled", "Unavailable", "load", "names",
]  # fmt: skip
