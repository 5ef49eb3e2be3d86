"""A whole line for tests: a real store, a connector of five lines, a channel that remembers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from monitor.channels import Channel, DeliveryError
from monitor.config import load
from monitor.connector import Access, Cursor, Page
from monitor.model import Notification
from monitor.pipeline import Line
from monitor.pipeline.line import all_rules, assessor
from monitor.store import Database
from monitor.topics import Topics
from tests.clock import Clock

CONFIG = """
organisation = "Practice Hospital"
timezone = "America/Chicago"
brands = ["Practice Hospital"]

[sources.one]
connector = "fake"
every = "15m"
labels = { location = "Main campus" }

[inboxes.marketing]
folder = "mail/marketing"

[inboxes.risk]
folder = "mail/risk"
escalate = [{ after = "30m", to = "director" }]

[inboxes.director]
folder = "mail/director"
"""


class Options(BaseModel):
    pass


class Fake:
    """Hands over the pages it was given, one list of them for each poll; an exception among them is raised."""

    platform: ClassVar[str] = "fake"
    access: ClassVar[Access] = Access(kind="local", sees="x", blind_to="y", own_replies=True, terms="none")
    Options: ClassVar[type] = Options

    def __init__(self, *polls: Sequence[Page | Exception]) -> None:
        self.polls = list(polls)
        self.asked: list[tuple[Cursor, datetime]] = []

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncGenerator[Page, None]:
        self.asked.append((cursor, floor))
        for page in self.polls.pop(0) if self.polls else [Page(cursor=cursor)]:
            if isinstance(page, Exception):
                raise page
            yield page


class Recorder:
    """A channel that takes everything, or raises what it was told to."""

    def __init__(self) -> None:
        self.taken: list[Notification] = []
        self.errors: list[Exception] = []

    async def send(self, notification: Notification) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(notification)


class Bench:
    """A line with everything a test needs to look at."""

    def __init__(self, url: str, folder: Path, clock: Clock, *, config: str = CONFIG) -> None:
        path = folder / "config.toml"
        path.write_text(config)
        self.clock = clock
        self.fakes: dict[str, Fake] = {}
        self.channel = Recorder()
        loaded = load(path, environ={}, connectors=lambda _name: Fake)  # type: ignore[arg-type, return-value]
        database = Database(url)
        database.upgrade()
        self.line = Line(
            config=loaded,
            database=database,
            now=clock.now,
            assessors=lambda: assessor(loaded),
            topics=Topics({name: topic.query for name, topic in loaded.topics.items()}),
            rules=all_rules(loaded),
            connectors=lambda name: self.fakes.setdefault(name, Fake()),  # type: ignore[arg-type, return-value]
            channels=_Everywhere(self.channel),
            lease="test",
        )

    @property
    def database(self) -> Database:
        return self.line.database

    def subjects(self) -> list[tuple[str, str]]:
        """What was delivered: inbox and subject, in order of inbox."""
        return sorted((one.inbox, one.message.subject) for one in self.channel.taken)

    def reasons(self) -> list[tuple[str, str]]:
        return sorted((one.inbox, one.reason.value) for one in self.channel.taken)

    def wait(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))


class _Everywhere(dict[tuple[str, str], Channel]):
    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def get(self, _key: Any, _default: Any = None) -> Channel:
        return self._channel


def refusal(sentence: str = "no", *, permanent: bool = False) -> DeliveryError:
    return DeliveryError(sentence, permanent=permanent)


Making = Callable[..., Bench]
