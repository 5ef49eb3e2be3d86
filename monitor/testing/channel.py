"""The suite that every channel passes, ours like anybody's: subclass it, play the other side, run pytest.

    class TestPager(ChannelContract):
        @asynccontextmanager
        async def far_end(self):
            async with pager_server() as server:
                yield Far(channel=Pager(server.url, Secret("not-to-be-seen"), within=SHORT), server=server)

The suite decides what is sent and what the other side suffers from; `far_end` is the other side: real, on loopback, with a
channel that leads there. Nothing here needs a plug-in, a network or a clock.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from monitor.channels import Channel, DeliveryError
from monitor.model import Message, Notification, Reason

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""When the suite's notifications were written."""

SHORT = timedelta(seconds=1)
"""The deadline to give the channel: the suite waits for it to pass."""

_CANARY = "canary-in-the-text"
_LONGEST_WAIT = 10.0
_ODD = (
    "",
    "line\u2028separator\u2029and\x85more\r\nBcc: all@practice.example\r\n\r\n",
    "nul \0 bell \a escape \x1b[31m delete \x7f",
    "half a pair \ud83d and the other \udc4d",
    "\u202eright to left override\u202c \u2066isolate \u200f مرحبا שלום",
    "👩\u200d⚕\ufe0f" * 400,
    "<!channel> <@U123> @everyone @here [click](https://evil.example) <script>alert(1)</script> &amp; *_~`|",
    "=?utf-8?q?encoded?= =?bad?x?word?= " * 8,
    ".\r\n.\r\n..\n.",
    "long" * 25_000,
    "e\u0301" * 50_000,
    '"\\{}%s {{ 7 * 7 }} ${x}\t\v\f',
    "\ufeff\ufffe\uffff\U0010ffff\ue000",
)


class Ailment(StrEnum):
    """What the other side suffers from."""

    PASSING = "passing"  # refuses, and says that it will do later: a 4yz, a 503
    LASTING = "lasting"  # refuses for good: a 5yz, a 404
    SILENT = "silent"  # takes what comes and never answers
    BROKEN = "broken"  # breaks the connection off


@dataclass(frozen=True, slots=True)
class Taken:
    """What the other side has taken: the id by which a copy is recognised, and all that it got, decoded."""

    id: str
    whole: str


class FarEnd(Protocol):
    """The other side, with a `channel` that leads there. `secrets` are words that may never be shown: the path and query
    of its address, user names, passwords."""

    @property
    def channel(self) -> Channel: ...

    @property
    def secrets(self) -> Sequence[str]: ...

    def taken(self) -> Sequence[Taken]:
        """What it has accepted, in order."""
        ...

    def suffer(self, ailment: Ailment | None) -> None:
        """Suffers from `ailment` from now on, or from nothing any more."""
        ...


def make_notification(**changes: Any) -> Notification:
    """A notification as it leaves the outbox, with `changes` made to it; those of `subject`, `text`, `html`, `data` and
    `headers` go to its message."""
    usual: dict[str, Any] = {
        "subject": "[URGENT] Threat to staff - Main campus (incident 12)",
        "text": f"URGENT: Threat to staff\nMain campus {_CANARY}\n",
        "html": f"<!DOCTYPE html><title>Threat to staff</title><p>Main campus {_CANARY}</p>",
        "data": {"type": "incident.opened", "timestamp": "2026-06-01T12:00:00Z", "data": {"id": 12, "group": _CANARY}},
        "headers": {"X-Wellheard-Incident": "12", "X-Wellheard-Reason": "opened", "X-Wellheard-Level": "urgent"},
    }
    message = Message(**{name: changes.pop(name, value) for name, value in usual.items()})
    notification = Notification(
        id="b7d1f6c2-3c1e-4a57-9f2e-0d8f3f6f9a11", key="12:opened:risk", reason=Reason.OPENED, inbox="risk",
        channel="any", recipient="night.desk@practice.example", message=message, due_at=NOW, created_at=NOW,
        incident_id=12,
    )  # fmt: skip
    return replace(notification, **changes)


class ChannelContract:
    """Subclass this in a test module under a name that begins with `Test`; see the module for how short it is."""

    ailments: ClassVar[frozenset[Ailment]] = frozenset(Ailment)
    """What the other side can suffer from at all: a folder is never silent. Give the reason in a comment."""

    far_loggers: ClassVar[Sequence[str]] = ()
    """Loggers of the other side, which runs in this process only for the test and may log what it likes."""

    def far_end(self) -> AbstractAsyncContextManager[FarEnd]:
        """The other side, fresh and well."""
        raise NotImplementedError

    def notification(self, **changes: Any) -> Notification:
        """What the suite sends; override it where your recipients have another shape."""
        return make_notification(**changes)

    def test_it_delivers(self) -> None:
        async def run() -> None:
            sent = self.notification()
            async with self.far_end() as far:
                await far.channel.send(sent)
                assert [taken.id for taken in far.taken()] == [sent.id], "not exactly the one notification arrived"
                assert _CANARY in far.taken()[0].whole, "what arrived is not the message"

        asyncio.run(run())

    def test_a_second_attempt_is_recognised_by_its_id(self) -> None:
        async def run() -> None:
            sent = self.notification()
            async with self.far_end() as far:
                await far.channel.send(sent)
                await far.channel.send(replace(sent, attempts=1))
                assert {taken.id for taken in far.taken()} == {sent.id}, "the second attempt has another id"

        asyncio.run(run())

    def test_two_notifications_have_two_ids(self) -> None:
        async def run() -> None:
            async with self.far_end() as far:
                for identity in ("first", "second"):
                    await far.channel.send(self.notification(id=identity))
                assert sorted(taken.id for taken in far.taken()) == ["first", "second"]

        asyncio.run(run())

    def test_every_ailment_is_told_for_what_it_is(self) -> None:
        async def run(ailment: Ailment) -> None:
            async with self.far_end() as far:
                error = await self._failure(far, ailment)
                lasting = ailment is Ailment.LASTING
                assert error.permanent is lasting, f"{ailment}: permanent is {error.permanent}"
                assert not far.taken(), f"{ailment}: it arrived after all"

        for ailment in self._suffered():
            asyncio.run(run(ailment))

    def test_once_the_other_side_is_well_again_the_next_attempt_arrives(self) -> None:
        async def run(ailment: Ailment) -> None:
            sent = self.notification()
            async with self.far_end() as far:
                await self._failure(far, ailment)
                far.suffer(None)
                await far.channel.send(sent)
                assert [taken.id for taken in far.taken()] == [sent.id], f"{ailment}: it did not recover"

        for ailment in self._suffered():
            asyncio.run(run(ailment))

    def test_a_cancelled_delivery_ends_at_once(self) -> None:
        async def run() -> None:
            async with self.far_end() as far:
                far.suffer(Ailment.SILENT)
                sending = asyncio.ensure_future(far.channel.send(self.notification()))
                await asyncio.wait({sending}, timeout=SHORT.total_seconds() / 10)
                sending.cancel()
                await asyncio.wait({sending}, timeout=_LONGEST_WAIT)
                assert sending.cancelled(), "a cancelled delivery was not cancelled"

        if Ailment.SILENT in self.ailments:
            asyncio.run(run())

    def test_whatever_was_written_is_delivered(self) -> None:
        async def run() -> None:
            odd = [*_ODD, *_strange()]
            async with self.far_end() as far:
                for number, text in enumerate(odd):
                    data = {"type": "test", "data": {"odd": text}}
                    await far.channel.send(
                        self.notification(id=f"odd-{number}", subject=text, text=text, html=text, data=data)
                    )
                there = {taken.id for taken in far.taken()}
                lost = [text[:40] for number, text in enumerate(odd) if f"odd-{number}" not in there]
                assert not lost, f"these did not arrive: {lost!r}"

        asyncio.run(run())

    def test_it_shows_no_secret(self) -> None:
        async def run(ailment: Ailment | None) -> str:
            async with self.far_end() as far:
                sent = self.notification()
                with _heard(self.far_loggers) as heard:
                    shown = [] if ailment is None else _told(await self._failure(far, ailment))
                    if ailment is None:
                        await far.channel.send(sent)
                shown += [repr(far.channel), str(far.channel), *heard]
                hidden = (*far.secrets, sent.recipient, _CANARY)
                return next((f"{secret!r} in {text!r}" for secret in hidden for text in shown if secret in text), "")

        for ailment in (None, *self._suffered()):
            found = asyncio.run(run(ailment))
            assert not found, f"{ailment or 'a delivery'} shows {found}"

    def _suffered(self) -> list[Ailment]:
        return [ailment for ailment in Ailment if ailment in self.ailments]

    async def _failure(self, far: FarEnd, ailment: Ailment) -> DeliveryError:
        """The error of an attempt under `ailment`, which must come within the channel's own deadline."""
        far.suffer(ailment)
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await far.channel.send(self.notification())
        except DeliveryError as error:
            return error
        except TimeoutError:
            raise AssertionError(f"{ailment}: the channel has no deadline") from None
        raise AssertionError(f"{ailment}: it was taken for a success")


def _told(error: DeliveryError) -> list[str]:
    """Everything that a log could make of `error`."""
    return [str(error), repr(error), "".join(traceback.format_exception(error))]


@contextmanager
def _heard(but: Sequence[str]) -> Iterator[list[str]]:
    """All that is logged meanwhile, at any level, except by loggers under the names in `but`."""
    lines: list[str] = []

    class _Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith(tuple(but)) if but else True:
                lines.append(f"{record.name}: {record.getMessage()}")

    root, ear = logging.getLogger(), _Ear()
    level = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(ear)
        root.setLevel(level)


def _strange(count: int = 40) -> Iterator[str]:
    """Strings of any code points, always the same ones."""
    dice = random.Random("odd")  # noqa: S311 (no secret is made of it)
    for _ in range(count):
        reach = dice.choice((0x7F, 0xFF, 0x2FFF, sys.maxunicode))
        yield "".join(chr(dice.randrange(reach + 1)) for _ in range(dice.randrange(300)))
