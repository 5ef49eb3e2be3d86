"""The channels' suite itself: a good channel passes it, and each sort of bad one is found out."""

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from monitor.channels import DeliveryError
from monitor.testing.channel import SHORT, Ailment, ChannelContract, Taken

SECRET = "not-to-be-seen"


@dataclass
class Line:
    """An other side of no more than a list; `channel` is it, seen from here."""

    got: list = field(default_factory=list)
    ailment: Ailment | None = None
    secrets: tuple = (SECRET,)

    @property
    def channel(self):
        return self

    def __repr__(self):
        return "Line()"

    def taken(self):
        return self.got

    def suffer(self, ailment):
        self.ailment = ailment

    async def send(self, notification):
        try:
            async with asyncio.timeout(SHORT.total_seconds() / 10):
                if self.ailment is Ailment.SILENT:
                    await asyncio.Event().wait()
        except TimeoutError:
            raise DeliveryError("the line is silent", permanent=False) from None
        if self.ailment is not None:
            raise DeliveryError("the line is down", permanent=self.ailment is Ailment.LASTING)
        self.got.append(Taken(notification.id, notification.message.text))


def suite(line):
    """The contract with `line` at the other side."""

    class Suite(ChannelContract):
        @asynccontextmanager
        async def far_end(self):
            yield line()

    return Suite()


def verdicts(line):
    """The names of the promises that `line` breaks."""
    broken = set()
    for name in dir(ChannelContract):
        if name.startswith("test_"):
            try:
                getattr(suite(line), name)()
            except (AssertionError, UnicodeError):
                broken.add(name)
    return broken


class Deaf(Line):
    async def send(self, notification):
        """Takes everything for a success and delivers nothing."""


class Numbering(Line):
    async def send(self, notification):
        await super().send(notification)
        self.got[-1] = Taken(f"{notification.id}-{len(self.got)}", self.got[-1].whole)


class Hopeful(Line):
    async def send(self, notification):
        try:
            await super().send(notification)
        except DeliveryError as error:
            raise DeliveryError(str(error), permanent=False) from None


class Chatty(Line):
    async def send(self, notification):
        logging.getLogger("chatty").debug("sending to %s", notification.recipient)
        await super().send(notification)


class Careless(Line):
    async def send(self, notification):
        try:
            await super().send(notification)
        except DeliveryError as error:
            raise DeliveryError(str(error), permanent=error.permanent) from ValueError(SECRET)


class Picky(Line):
    async def send(self, notification):
        notification.message.subject.encode()
        await super().send(notification)


class Stubborn(Line):
    async def send(self, notification):
        try:
            await super().send(notification)
        except asyncio.CancelledError:
            raise DeliveryError("cancelled", permanent=False) from None


def test_a_good_channel_passes():
    assert verdicts(Line) == set()


@pytest.mark.parametrize(
    ("line", "promise"),
    [
        (Deaf, "test_it_delivers"),
        (Deaf, "test_every_ailment_is_told_for_what_it_is"),
        (Numbering, "test_a_second_attempt_is_recognised_by_its_id"),
        (Hopeful, "test_every_ailment_is_told_for_what_it_is"),
        (Chatty, "test_it_shows_no_secret"),
        (Careless, "test_it_shows_no_secret"),
        (Picky, "test_whatever_was_written_is_delivered"),
        (Stubborn, "test_a_cancelled_delivery_ends_at_once"),
    ],
)
def test_a_bad_channel_is_found_out(line, promise):
    assert promise in verdicts(line)
