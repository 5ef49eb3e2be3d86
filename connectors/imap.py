"""A mailbox that collects what is said: results of Google Alerts, notifications of reviews, newsletters, forwarded mails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from typing import Any, ClassVar, Literal

import httpx
from pydantic import Field

from connectors.kit import imap
from connectors.kit.imap import Fetched, Session
from connectors.kit.imap_login import Login, folders
from connectors.kit.mail import Letter, Reader, bounces, headed, proven, read, report
from connectors.kit.rest import UNREADABLE
from monitor.connector import Access, Ask, Bounce, Connect, Cursor, Page
from monitor.model import Mention

_HEAD = "BODY.PEEK[HEADER.FIELDS (FROM CONTENT-TYPE AUTO-SUBMITTED X-WELLHEARD-REASON AUTHENTICATION-RESULTS)]"
_WHOLE = f"BODY.PEEK[]<0.{imap.MOST}>"
_A_PAGE = 50


class Imap:
    """The cursor is the newest UID of the folder, which means nothing beyond the folder's UIDVALIDITY: where that has
    changed, the folder is read again down to the floor, and mails are known again by their Message-ID.

    A mail server's report that one of our own messages could not be delivered is read too: its address is written to no
    more. Of any other mail that nobody asked for only the sender is read. Nothing is changed on the server, not even a flag."""

    platform: ClassVar[str] = "imap"
    access: ClassVar[Access] = Access(
        kind="mailbox",
        sees="mails in one folder: results of Google Alerts, reviews that a platform tells of, mails of listed senders",
        blind_to="what the mails leave out: Google cuts long reviews, and its mail on several reviews has names only;"
        " edits and deletions after the mail; what was taken for spam, or moved away before the poll",
        own_replies=False,
        terms="a mailbox or folder of its own: what patients write to the organisation must not be in it",
        needs="a user name and an (app) password, or OAuth where the server takes no passwords",
        limits="Gmail: 2500 MB a day, 15 connections; Exchange Online slows down who asks too much",
        unconfirmed=(
            "the layout of Google's review mails in other languages than English",
            "the layout of the review mails of Yelp, Trustpilot and Facebook: their text is kept whole",
        ),
    )

    connect: ClassVar[Connect] = Connect(
        before="1. Make a mailbox, or a folder with a filter rule, for these mails and nothing else. 2. Have Google Alerts"
        " and the review notifications of your profiles sent there. 3. Make an app password for it (Gmail: with two-step"
        " verification on). Where the server takes no passwords, the connector's page tells how OAuth is set up.",
        asks=(
            Ask(key="server", prompt="Mail server, such as imap.gmail.com"),
            Ask(key="username", prompt="User name"),
            Ask(key="password", prompt="Password or app password", secret=True),
        ),
        keeps=("server", "username", "password"),
        find=folders,
    )

    class Options(Login):
        """Which mails are read, beside Google Alerts and notifications of reviews: `senders` are addresses or domains,
        `others = "keep"` takes everybody's. `verified_by` names the server whose word on a sender's signature counts
        (Authentication-Results): what it does not vouch for is left out. Articles on `own_domains` are ours."""

        folder: str = Field(default="INBOX", pattern=r"^[^\x00-\x1f\x7f]+$")
        senders: tuple[str, ...] = ()
        others: Literal["skip", "keep"] = "skip"
        verified_by: str | None = None
        own_domains: tuple[str, ...] = ()

    def __init__(self, options: Any, client: httpx.AsyncClient) -> None:
        self.options, self.client = options, client
        self.auth = options.auth()
        self.reader = Reader(
            senders=options.senders, everybody=options.others == "keep", own_domains=options.own_domains
        )
        said = (options.server, options.username, options.folder, options.senders, options.others, options.own_domains)
        self.of = blake2b(repr(said).encode(), digest_size=8).hexdigest()

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        """Read what came after the newest mail that is known."""
        known = cursor if cursor.get("of") == self.of else {}
        account = await self.options.account(self.auth, self.client)
        async with imap.session(account, self.client) as session:
            opened = await session.examine(self.options.folder)
            last = known["uid"] if opened.validity is not None and known.get("validity") == opened.validity else 0
            uids = await _after(session, last, opened.next_uid, floor)
            unproven = 0
            for at in range(0, len(uids) or 1, _A_PAGE):
                batch = uids[at : at + _A_PAGE]
                mentions, skipped, forged, returned = await self._read(session, batch)
                unproven += forged
                last, done = max([last, *batch]), at + _A_PAGE >= len(uids)
                yield Page(
                    mentions=[mention for mention in mentions if mention.published_at >= floor],
                    skipped=skipped,
                    bounces=returned,
                    cursor={"of": self.of, "validity": opened.validity, "uid": last} if cursor or done else None,
                    warnings=[self._unproven(unproven)] if done and unproven else (),
                )

    async def _read(self, session: Session, uids: Sequence[int]) -> tuple[list[Mention], int, int, list[Bounce]]:
        """What these mails say, how many were skipped, how many of those for want of a proof, and which came back."""
        mentions: list[Mention] = []
        returned: list[Bounce] = []
        skipped = unproven = 0
        for head in await session.fetch(uids, _HEAD) if uids else ():
            if found := await self._returned(session, head):
                returned += found
                continue
            wanted, proof = self._judged(head)
            unproven += wanted and not proof
            skipped += not (wanted and proof)
            for mail in await session.fetch([head.uid], _WHOLE) if wanted and proof else ():
                try:
                    mentions += await asyncio.to_thread(self._mentions, mail)
                except UNREADABLE:
                    skipped += 1
        return mentions, skipped, unproven, returned

    async def _returned(self, session: Session, head: Fetched) -> list[Bounce]:
        """The mails that this one says could not be delivered. Anybody can write such a mail: whose bounce it is, its
        reader knows."""
        found: list[Bounce] = []
        with suppress(*UNREADABLE):
            for mail in await session.fetch([head.uid], _WHOLE) if report(head.content) else ():
                found += await asyncio.to_thread(bounces, mail.content)
        return found

    def _judged(self, head: Fetched) -> tuple[bool, bool]:
        """Whether a mail is to be read, and whether it is from whom it says."""
        try:
            letter: Letter = headed(head.content)
        except UNREADABLE:
            return False, False
        server = self.options.verified_by
        return self.reader.wants(letter), server is None or proven(letter, server)

    def _mentions(self, mail: Fetched) -> list[Mention]:
        return self.reader.mentions(read(mail.content), mail.arrived_at)

    def _unproven(self, count: int) -> str:
        server = self.options.verified_by
        return f"{count} mails were left out: {server} does not vouch for their senders; correct verified_by if it is wrong"


async def _after(session: Session, last: int, next_uid: int | None, floor: datetime) -> list[int]:
    """The UIDs beyond `last`. The range `last+1:*` always holds the newest mail, even one that is known."""
    if not last:
        return await session.search("SINCE", imap.day(floor))
    if next_uid is not None and next_uid <= last + 1:
        return []
    return [uid for uid in await session.search("UID", f"{last + 1}:*") if uid > last]
