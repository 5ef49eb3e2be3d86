"""From a mail to what was said in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.kit.feed.identity import host, identity
from connectors.kit.mail import alerts, reviews
from connectors.kit.mail.letter import Letter
from connectors.kit.text import tidy
from monitor.model import Kind, Mention

KNOWN = (alerts.SENDER, *reviews.SENDERS)
"""Whose mails are read for what they tell of; all others are taken as they are."""

_FORWARDED = re.compile(
    r"^(?:>\s?)*(?:-{2,9}.{1,60}-{2,9}|_{5,99}|begin forwarded message:|.{1,60}:)\n(?:(?:>\s?)*[^\n]{0,300}\n){0,3}?"
    r"(?:>\s?)*\*?(?:from|von|de|da|van|från|fra|od)\*?\s?:\*?\s?[^\n]{0,300}?(?P<sender>[\w.+-]{1,100}@[\w.-]{1,100})",
    re.IGNORECASE | re.MULTILINE,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads mails. `senders` are those whose own words are wanted - addresses, or domains with all below them - beside
    the notifications that are known. `everybody`: the words of anybody else too. Links to `own_domains` are ours."""

    senders: tuple[str, ...] = ()
    everybody: bool = False
    own_domains: tuple[str, ...] = ()

    def wants(self, letter: Letter) -> bool:
        """Whether a mail is to be read, going by its headers."""
        return not letter.automatic and (self.everybody or letter.sender in KNOWN or self._listed(letter.sender))

    def mentions(self, letter: Letter, arrived_at: datetime | None) -> list[Mention]:
        """What was said in a mail. Raises ValueError for one that cannot be read.

        A notification that a colleague has forwarded, within the text or attached, is read like one that came itself."""
        at = letter.sent_at or arrived_at
        if at is None:
            raise ValueError("a mail has no date")
        told = [
            mention
            for one, sender in _notifications(letter)
            for mention in (
                [self._article(result, one.sent_at or at) for result in alerts.results(one)]
                if sender == alerts.SENDER
                else [_review(one, sender, one.sent_at or at)]
            )
        ]
        return told or [_words(letter, at)]

    def _listed(self, sender: str) -> bool:
        domain = sender.rpartition("@")[2]
        names = [name.lower().removeprefix("@") for name in self.senders]
        return any(name == sender if "@" in name else domain == name or domain.endswith(f".{name}") for name in names)

    def _article(self, result: alerts.Result, at: datetime) -> Mention:
        site = host(result.url)
        return Mention(
            external_id=identity(result.url, result.url, site),
            kind=Kind.ARTICLE,
            title=result.title,
            text=result.text,
            url=result.url,
            published_at=at,
            author=result.publisher,
            ours=any(site == own or site.endswith(f".{own}") for own in map(_bare, self.own_domains)),
        )


def _notifications(letter: Letter) -> Sequence[tuple[Letter, str]]:
    """The known notifications among a mail, those attached to it and the one quoted in it; each with its sender."""
    if letter.sender in KNOWN:
        return [(letter, letter.sender)]
    attached = [(one, one.sender) for one in letter.inside if one.sender in KNOWN]
    quoted = forwarded(letter.text)
    return attached or ([(letter, quoted)] if quoted in KNOWN else [])


def forwarded(text: str) -> str:
    """The sender of the first mail that is quoted as forwarded, "" where there is none."""
    found = _FORWARDED.search(text[:20_000])
    return found["sender"].lower().rstrip(".") if found else ""


def _review(letter: Letter, sender: str, at: datetime) -> Mention:
    said = reviews.review(letter, sender)
    return Mention(
        external_id=f"mail:{letter.id}",
        kind=Kind.REVIEW,
        title=said.where or letter.subject,
        text=said.text,
        url=said.url,
        stars=said.stars,
        author=said.author,
        published_at=at.astimezone(UTC),
    )


def _words(letter: Letter, at: datetime) -> Mention:
    if not letter.text and not letter.subject:
        raise ValueError("a mail says nothing")
    return Mention(
        external_id=f"mail:{letter.id}",
        kind=Kind.ARTICLE,
        title=letter.subject,
        text=letter.text,
        published_at=at,
        author=letter.name or letter.sender or None,
    )


def _bare(domain: str) -> str:
    return tidy(domain).lower().removeprefix("www.")
