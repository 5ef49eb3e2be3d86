"""A stage for timelines: a real line between a fake platform and real SMTP and HTTP sinks, on a clock that a test moves.

    await stage.play(
        push(0, said("1", THREAT)),
        want(0, "risk", "opened"),
        want(15, "risk", "reminder"),
        until=20,
    )

plays twenty minutes and fails on a message that is missing as well as on one that nobody expected."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from inspect import isawaitable
from pathlib import Path
from typing import Any

from monitor import daemon
from monitor.channels import Webhook
from monitor.config import load
from monitor.connector import Page, Secret
from monitor.model import Assessment, Kind, Mention, Signal
from monitor.pipeline import Line, judge, poll_due, report
from monitor.pipeline.deliver import deliver_all
from monitor.pipeline.line import assemble
from tests.clock import Clock
from tests.configured import SIGNING
from tests.line import Fake
from tests.smtp import Mailbox, mail_server
from tests.store import threat
from tests.test_channels_http import endpoint

THREAT = "I know what time the nurse leaves and where she parks. Next time I see that receptionist I'm putting her through the window."
SMALL = """
[inboxes.marketing]
email = ["marketing@practice.example"]

[inboxes.risk]
email = ["risk@practice.example"]
"""
_FRAME = """
organisation = "Practice Hospital"
timezone = "America/Chicago"
database = {{ env = "DATABASE_URL" }}

[network]
allow = ["127.0.0.0/8"]

[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
from = "Wellheard <wellheard@practice.example>"

[sources.one]
connector = "fake"
every = "1m"
labels = {{ location = "Main campus" }}
"""


@dataclass(frozen=True)
class Push:
    """What is said at the platform in a minute."""

    minute: float
    mentions: tuple[Mention, ...]


@dataclass(frozen=True)
class Act:
    """What somebody does in a minute."""

    minute: float
    what: Callable[[], Any]


@dataclass(frozen=True)
class Want:
    """A message that must arrive in a minute."""

    minute: float
    who: str
    reason: str


def push(minute: float, *mentions: Mention) -> Push:
    return Push(minute, mentions)


def act(minute: float, what: Callable[[], Any]) -> Act:
    return Act(minute, what)


def want(minute: float, who: str, reason: str) -> Want:
    return Want(minute, who, reason)


def said(key: str, text: str, at: datetime, **values: Any) -> Mention:
    base = {"external_id": key, "kind": Kind.REVIEW, "text": text, "published_at": at}
    return Mention(**(base | values))


class Plain:
    """An assessor that knows one sentence: what it makes of others is the matter of other tests."""

    name = "plain-1"

    def assess(self, mention: Mention, _parent: Mention | None = None) -> Assessment:
        signals = (threat(),) if mention.text == THREAT else ()
        return Assessment(lang="en", sentiment=-0.5, signals=signals, assessor=self.name)

    def assess_all(self, said: Sequence[tuple[Mention, Mention | None]]) -> list[Assessment]:
        return [self.assess(*one) for one in said]

    def doubted(self, *_: object) -> tuple[Signal, ...]:
        """It believes what it finds."""
        return ()

    def opinion(self, _mention: Mention) -> None:
        """It knows no words that say how content somebody is."""


@dataclass
class Stage:
    """One database, its sinks, and the line that comes and goes between them. `port` is that of the HTTP sink."""

    url: str
    folder: Path
    clock: Clock
    mailbox: Mailbox
    hook: Any
    inboxes: str = SMALL
    rest: str = ""
    top: str = ""
    patience: float = 20
    fake: Fake = field(default_factory=Fake)
    line: Line | None = None
    cursor: int = 0
    seen: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def running(self) -> Line:
        assert self.line is not None
        return self.line

    def start(self) -> None:
        """Starts a line on what the database holds, as a daemon does."""
        path = self.folder / "config.toml"
        path.write_text(self.top + _FRAME.format(port=self.mailbox.port) + self.inboxes + self.rest)
        environ = {
            "HOOK_URL": f"http://127.0.0.1:{self.hook.port}/in",
            "HOOK_SECRET": SIGNING,
            "DATABASE_URL": self.url,
        }
        config = load(path, environ=environ, connectors=lambda _name: Fake)  # type: ignore[arg-type, return-value]
        line = assemble(config, self.hook.client, now=self.clock.now, lease="stage")
        line.connectors = lambda _name: self.fake  # type: ignore[assignment, return-value]
        line.assessors = Plain  # type: ignore[assignment]
        quick = timedelta(seconds=self.patience)
        for key in [key for key in line.channels if key[1] == "webhook"]:
            there = Secret(f"http://127.0.0.1:{self.hook.port}/{key[0]}")
            line.channels[key] = Webhook(there, [Secret(SIGNING)], self.hook.client, now=self.clock.now, within=quick)  # type: ignore[index]
        line.database.upgrade()
        daemon.begin(line)
        self.line = line

    def stop(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None

    def restart(self) -> None:
        self.stop()
        self.start()

    async def turn(self) -> None:
        line = self.running
        await poll_due(line)
        judge(line)
        written = report(line)
        if isawaitable(written):
            await written
        await deliver_all(line)

    def bring(self, *mentions: Mention) -> None:
        """Lets the platform have these at its next poll."""
        self.cursor += 1
        self.fake.polls.append([Page(mentions=list(mentions), cursor={"at": self.cursor})])

    async def settle(self) -> None:
        """The first walk, which finds nothing: from now on what comes is news."""
        await self.turn()
        self.clock.advance(timedelta(minutes=1))

    def arrived(self) -> list[tuple[str, str]]:
        """Who got what since it was asked the last time."""
        letters = self.mailbox.mails()[self.seen[0] :]
        hooks = self.hook.got[self.seen[1] :]
        self.seen = [len(self.mailbox.letters), len(self.hook.got)]
        found = [(_who(letter["To"]), letter["X-Wellheard-Reason"]) for letter in letters]
        return found + [(f"hook:{_path(request)}", _reason(json.loads(content))) for request, _, content in hooks]

    async def play(self, *entries: Push | Act | Want, until: float, every: float = 1) -> None:
        """Plays minutes 0 to `until`, one turn each `every` minutes and at each entry, and compares."""
        begun = self.clock.now()
        minutes = {round(number * every, 6) for number in range(int(until / every) + 1)}
        got: Counter[tuple[float, str, str]] = Counter()
        for minute in sorted(minutes | {entry.minute for entry in entries}):
            self.clock.set(begun + timedelta(minutes=minute))
            for entry in entries:
                if entry.minute == minute and isinstance(entry, Push):
                    self.bring(*entry.mentions)
                if entry.minute == minute and isinstance(entry, Act):
                    done = entry.what()
                    if isawaitable(done):
                        await done
            await self.turn()
            got.update((minute, *one) for one in self.arrived())
        wanted = Counter((one.minute, one.who, one.reason) for one in entries if isinstance(one, Want))
        missing, unexpected = sorted((wanted - got).elements()), sorted((got - wanted).elements())
        assert not missing, f"missing: {missing}; and unexpected: {unexpected}"
        assert not unexpected, f"unexpected: {unexpected}"


def _who(address: str) -> str:
    return address.partition("@")[0]


def _path(request: str) -> str:
    return request.split()[1].strip("/")


def _reason(body: Mapping[str, Any]) -> str:
    return str(body["type"].rpartition(".")[2])


Making = Callable[..., Awaitable[Stage]]


@asynccontextmanager
async def staging(url: str, folder: Path, clock: Clock) -> AsyncIterator[Making]:
    """Makes one stage, its sinks on loopback, whose line ends with the block."""
    async with mail_server(Mailbox()) as mailbox, endpoint() as hook:
        made: list[Stage] = []

        async def make(inboxes: str = SMALL, rest: str = "", *, top: str = "", settled: bool = True) -> Stage:
            stage = Stage(url, folder, clock, mailbox, hook, inboxes=inboxes, rest=rest, top=top)
            made.append(stage)
            stage.start()
            if settled:
                await stage.settle()
            return stage

        try:
            yield make
        finally:
            for stage in made:
                stage.stop()
