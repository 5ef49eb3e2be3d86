"""What every channel promises: to send one notification, or to say whether trying again can help."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from monitor.model import Notification


class DeliveryError(Exception):
    """A notification that was not taken. The sentence names the channel's host and what to do; never a recipient, the
    path of an address, a secret, or what the other side wrote.

    `permanent`: trying again cannot help, a person must. `gone`: the recipient itself does not exist any more, so that
    nothing else need be sent there. `wait`: how long the other side asked for patience.
    """

    def __init__(self, message: str, *, permanent: bool, wait: timedelta | None = None, gone: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.gone = gone
        self.wait = wait


class Channel(Protocol):
    """A way to tell people. One instance serves one inbox (or one mail server) for as long as the process lives."""

    async def send(self, notification: Notification) -> None:
        """Returns once the other side has taken `notification` for its one recipient. Raises DeliveryError.

        It ends within the channel's own deadline, and may be called again with the same notification: what is sent
        then carries the same id, so that a copy can be recognised."""
        ...
