"""Where notifications arrive: a mail server and a webhook endpoint that write down a message before they accept it."""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
from collections import Counter
from email import message_from_bytes
from email.policy import default
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.crash.outside import Answer, Outside, Request


class Receipt(NamedTuple):
    """One copy of a message: the notification's id, the way it came, what it says it is, and what it is about."""

    id: str
    channel: str
    recipient: str
    reason: str
    about: str


class Sinks:
    """Both servers. Each takes up to `slow` seconds before it writes a message down, and again before it says so: a
    crash in the first pause must cost nothing, a crash in the second may cost one more copy."""

    def __init__(self, outside: Outside, seed: int, *, slow: float = 0.03) -> None:
        self.receipts: list[Receipt] = []
        self.slow = slow
        self.holding = threading.Event()
        self._outside = outside
        self._dice = random.Random(seed)
        self._to_hold = 0
        self._open = asyncio.Event()
        self.mail_port = outside.listen(lambda: SMTP(self, loop=outside.loop, hostname="mail.practice.example"))
        self.hook_port = outside.serve(self.hook)

    def copies(self) -> Counter[str]:
        """How often each id arrived."""
        return Counter(one.id for one in list(self.receipts))

    def hold(self, count: int) -> None:
        """Lets the next `count` messages be taken and leaves the sender without an answer, until `release`.

        `holding` is set as soon as one of them is there."""
        self.holding.clear()
        self._open.clear()
        self._to_hold = count

    def release(self) -> None:
        """Answers those that wait."""
        self._outside.do(self._open.set)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's)
        mail: Any = message_from_bytes(envelope.original_content or b"", policy=default)
        about = re.search(r"clinic\d+|town\d+", mail["Subject"])
        reason = mail["X-Wellheard-Reason"]
        key = mail["Message-ID"].strip("<>").partition("@")[0]
        await self._take(Receipt(key, "email", envelope.rcpt_tos[0], reason, about.group() if about else ""))
        return "250 2.0.0 taken"

    async def hook(self, request: Request) -> Answer:
        """Takes a webhook; which inbox it belongs to is its path."""
        said = json.loads(request.body)
        about = said["data"].get("group") or said["data"].get("source", "")
        reason = said["type"].rpartition(".")[2]
        inbox = request.path.strip("/")
        await self._take(Receipt(request.headers["webhook-id"], "webhook", inbox, reason, about))
        return Answer(204)

    async def _take(self, receipt: Receipt) -> None:
        await asyncio.sleep(self._dice.uniform(0, self.slow))
        self.receipts.append(receipt)
        if self._to_hold > 0:
            self._to_hold -= 1
            self.holding.set()
            await self._open.wait()
        await asyncio.sleep(self._dice.uniform(0, self.slow))
