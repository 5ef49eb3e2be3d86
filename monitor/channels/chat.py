"""Slack, Teams and Discord by incoming webhook: the message's text, in which nothing pings and nothing is a disguise."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar

import httpx

from monitor.channels.delivery import DeliveryError
from monitor.channels.post import WITHIN, encoded, host, post, refusal
from monitor.connector import Secret
from monitor.model import Json, Level, Notification

_MARK = "\n… (cut; `wellheard show` has the rest)"
_COLOURS = {Level.INFO: 0x2F6FB0, Level.WARNING: 0x8F6200, Level.URGENT: 0xC2410C, Level.CRITICAL: 0xB42318}


class _Chat:
    """What the three have in common: a secret address that takes JSON."""

    name: ClassVar[str]

    def __init__(
        self, url: Secret, client: httpx.AsyncClient, *, now: Callable[[], datetime], within: timedelta = WITHIN
    ) -> None:
        self._url, self._client, self._now, self._within = url, client, now, within

    def __repr__(self) -> str:
        return f"{type(self).__name__}({host(self._url)})"

    async def send(self, notification: Notification) -> None:
        """See Channel.send. The notification's id stands at the end, so that a copy can be recognised."""
        content = encoded(self.body(notification))
        self.judge(await post(self._client, self._url, content, now=self._now, within=self._within))

    def body(self, notification: Notification) -> Json:
        """What is posted."""
        raise NotImplementedError

    def judge(self, answer: str) -> None:
        """Raises DeliveryError where a 2xx was none."""


class Slack(_Chat):
    """Slack's incoming webhooks, and those of chats that speak the same."""

    limit: ClassVar[int] = 4000

    def body(self, notification: Notification) -> Json:
        """One text: with &, < and > escaped, no mention text can ping anybody or dress up a link."""
        end = f"\nnotification {notification.id}"
        head = f"*{_slack(_line(notification.message.subject))}*\n"
        text = fit(flowing(notification.message.text), self.limit - len(head) - len(end), _slack)
        return {"text": head + text + end, "unfurl_links": False, "unfurl_media": False}


class Discord(_Chat):
    """Discord's webhooks: the subject as text, so that it shows on a phone, the rest as an embed."""

    limit: ClassVar[int] = 4000

    def body(self, notification: Notification) -> Json:
        """With `allowed_mentions` empty nobody is pinged, whatever the text says."""
        text = fit(flowing(notification.message.text), self.limit, _discord)
        return {
            "content": fit(_line(notification.message.subject), 1900, _discord),
            "embeds": [
                {
                    "description": text or "-",
                    "color": _COLOURS[_level(notification)],
                    "footer": {"text": f"notification {notification.id}"[:2000]},
                }
            ],
            "allowed_mentions": {"parse": []},
        }


class Teams(_Chat):
    """Teams by a Workflows webhook, which takes an Adaptive Card."""

    limit: ClassVar[int] = 10_000
    """Bytes of text: each line costs as much again for its frame, and a card has to stay under 28 kB."""

    def body(self, notification: Notification) -> Json:
        """Text runs, in which Teams reads no Markdown: a link in a mention stays what it is."""
        text = fit(
            flowing(notification.message.text), self.limit, str, size=lambda part: len(part.encode("utf-8", "replace"))
        )
        blocks: list[Json] = [_run(_line(notification.message.subject), weight="Bolder", size="Medium")]
        blocks += [_run(line) for line in _paragraphs(text)]
        blocks.append(_run(f"notification {notification.id}", size="Small", subtle=True))
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.2",
            "msteams": {"width": "Full"},
            "body": blocks,
        }
        kind = "application/vnd.microsoft.card.adaptive"
        return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}

    def judge(self, answer: str) -> None:
        """Teams answers 200 and writes the failure into the body, with the status it had behind."""
        found = re.search(r"HTTP error (\d{3})", answer)
        if found:
            raise refusal(host(self._url), int(found.group(1)))
        if re.search(r"error|fail|exception", answer, re.IGNORECASE):
            raise DeliveryError(f"{host(self._url)} says 200 and reports an error", permanent=False)


def flowing(text: str) -> str:
    """`text` with its lines joined where one ends with a space, which is how a wrapped one does: a chat wraps itself."""
    out: list[str] = []
    going_on = False
    for line in text.replace("\n-- \n", "\n").strip().split("\n"):
        if going_on:
            out[-1] += " " + line.strip().removeprefix("> ")
        else:
            out.append(line.rstrip())
        going_on = line.endswith(" ")
        out[-1] = out[-1].rstrip()
    return "\n".join(out)


def fit(text: str, limit: int, escape: Callable[[str], str], size: Callable[[str], int] = len) -> str:
    """`text` escaped, cut where it would be longer than `limit` by `size`, with a mark that says so; never in the
    middle of an escape."""
    whole = escape(text)
    if size(whole) <= limit:
        return whole
    room = limit - size(escape(_MARK))
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits; escaping only ever makes a longer text longer
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(escape(text[:middle])) <= room else (low, middle - 1)
    return escape(text[:low].rstrip()) + escape(_MARK)


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _discord(text: str) -> str:
    """Escaped line by line; one that is an address alone stays as it is, or it would not open."""
    return "\n".join(
        line if _address(line) else re.sub(r"([\\\[\]()*`~|<>#@])", r"\\\1", line) for line in text.split("\n")
    )


def _address(line: str) -> bool:
    return re.fullmatch(r"\s*https?://[^\s<>\[\]()*`~|\\]+", line) is not None


def _line(text: str) -> str:
    return " ".join(text.split())[:200] or "-"


def _paragraphs(text: str) -> list[str]:
    """The lines of `text`, a hundred at most: what is more shares the last."""
    lines = [line for line in text.split("\n") if line.strip()]
    return lines if len(lines) <= 100 else [*lines[:99], " ".join(lines[99:])]


def _run(line: str, *, weight: str = "Default", size: str = "Default", subtle: bool = False) -> Json:
    run: dict[str, Json] = {"type": "TextRun", "text": line, "weight": weight, "size": size, "isSubtle": subtle}
    if _address(line):
        run["selectAction"] = {"type": "Action.OpenUrl", "url": line.strip()}
    return {"type": "RichTextBlock", "inlines": [run], "spacing": "Small"}


def _level(notification: Notification) -> Level:
    try:
        return Level(notification.message.headers.get("X-Wellheard-Level", ""))
    except ValueError:
        return Level.INFO
