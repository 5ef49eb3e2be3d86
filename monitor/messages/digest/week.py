"""What a digest's message has to know of a week: met by `monitor.digest`, which is of the same floor as this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from monitor.model import Incident, Stored
from monitor.timing import Period


class Part(Protocol):
    """What was said in one part of the whole."""

    @property
    def mentions(self) -> int: ...

    @property
    def sentiments(self) -> Mapping[str, int]: ...

    @property
    def stars(self) -> Mapping[int, int]: ...

    @property
    def sum_of_stars(self) -> float: ...


class Blind(Protocol):
    """What could not be seen."""

    @property
    def source(self) -> str: ...

    @property
    def since(self) -> datetime | None: ...

    @property
    def until(self) -> datetime | None: ...

    @property
    def why(self) -> str: ...


class Digest(Protocol):
    """The numbers of a period; what each of them counts is said there."""

    @property
    def period(self) -> Period: ...

    @property
    def whole(self) -> Part: ...

    @property
    def by_source(self) -> Mapping[str, Part]: ...

    @property
    def by_location(self) -> Mapping[str, Part]: ...

    @property
    def by_risk(self) -> Mapping[str, int]: ...

    @property
    def by_theme(self) -> Mapping[str, Part]: ...

    @property
    def at_risk(self) -> int: ...

    @property
    def ours(self) -> int: ...

    @property
    def replies(self) -> int: ...

    @property
    def history(self) -> int: ...

    @property
    def unread(self) -> Mapping[str, int]: ...

    @property
    def opened(self) -> Sequence[Incident]: ...

    @property
    def unresolved(self) -> Sequence[Incident]: ...

    @property
    def acked(self) -> int: ...

    @property
    def late(self) -> int: ...

    @property
    def resolved(self) -> int: ...

    @property
    def outcomes(self) -> Mapping[str, int]: ...

    @property
    def drills(self) -> int: ...

    @property
    def to_ack(self) -> timedelta | None: ...

    @property
    def to_resolve(self) -> timedelta | None: ...

    @property
    def sources(self) -> int: ...

    @property
    def watched_since(self) -> datetime | None: ...

    @property
    def blind(self) -> Sequence[Blind]: ...

    @property
    def undelivered(self) -> int: ...

    @property
    def worst(self) -> Sequence[Stored]: ...
