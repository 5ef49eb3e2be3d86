"""A hundred other services by way of Apprise, an optional library: whatever has an address in its notation."""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from datetime import timedelta
from typing import Any

from monitor.channels.chat import fit, flowing
from monitor.channels.delivery import DeliveryError
from monitor.channels.post import WITHIN
from monitor.connector import Secret
from monitor.model import Level, Notification

_KINDS = {Level.INFO: "info", Level.WARNING: "warning", Level.URGENT: "failure", Level.CRITICAL: "failure"}
_LOUD = ("apprise", "urllib3", "requests_oauthlib", "oauthlib")
"""Loggers that write addresses and messages into the log, at one level or another."""
_ANGLES = str.maketrans("<>", "\u2039\u203a")
_APART = "\u200b"
"""A space of no width: it keeps signs from being read together as a command."""


class Extra:
    """The channel for `apprise`. The library says whether a service took a message and no more: what it did not take is
    tried again, for as long as anything is."""

    def __init__(self, url: Secret, *, within: timedelta = WITHIN) -> None:
        self._url, self._within = url, within
        self._service: Any = None

    def __repr__(self) -> str:
        return "Extra()"

    async def send(self, notification: Notification) -> None:
        """See Channel.send. The notification's id stands at the end, so that a copy can be recognised."""
        try:
            async with asyncio.timeout(self._within.total_seconds()):
                taken = await asyncio.to_thread(self._notify, notification)
        except TimeoutError:
            raise DeliveryError("the service behind apprise took too long to answer", permanent=False) from None
        except DeliveryError:
            raise
        except Exception as error:  # noqa: BLE001  # it is a hundred plug-ins, and their words may hold the address
            kind = type(error).__name__
            raise DeliveryError(f"the service behind apprise cannot be used ({kind})", permanent=False) from None
        if not taken:
            raise DeliveryError("the service behind apprise did not take the message", permanent=False)

    def _notify(self, notification: Notification) -> bool:
        if self._service is None:
            self._service = _service(self._url)
        if self._service is None:
            raise DeliveryError("apprise is not installed, or knows no such service; see `wellheard check`", permanent=True)  # fmt: skip
        title = _harmless(" ".join(notification.message.subject.split()))[:200] or "-"
        end = f"\n\nnotification {notification.id}"
        room = self._service.body_maxlen - len(title) - len(end) - 20
        text = _harmless(flowing(notification.message.text))
        body = fit(text, room, str) + end if room > 60 else end.strip()
        level = notification.message.headers.get("X-Wellheard-Level", "")
        kind = _KINDS.get(Level(level), "info") if level in set(Level) else "info"
        return bool(_apprise(self._service).notify(body=body, title=title, notify_type=kind, body_format="text"))


def unusable(url: Secret) -> tuple[str, str] | None:
    """What is wrong with an address of Apprise's and what would be right; None where it can be used."""
    try:
        import apprise  # noqa: F401  # an extra: it is looked for only where it is configured
    except ImportError:
        return "needs the library Apprise", "install it with: pip install 'wellheard[apprise]'"
    if _service(url) is None:
        return "is no address that Apprise knows", "see its list of services; it looks like scheme://..."
    return None


def _service(url: Secret) -> Any:
    """The plug-in for an address, silenced; None where there is none, or no Apprise."""
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        import apprise  # an extra
    except ImportError:
        return None
    with warnings.catch_warnings():  # its hundred plug-ins are loaded now, and what they warn of is not ours to mend
        warnings.simplefilter("ignore")
        found = apprise.Apprise.instantiate(url.reveal(), suppress_exceptions=True)
    if found is not None:
        found.overflow_mode = apprise.OverflowMode.TRUNCATE
        found.redirects = False  # it would lead the message somewhere nobody has configured
    return found


def _apprise(service: Any) -> Any:
    """Apprise around one service: it escapes our plain text for what the service reads."""
    import apprise  # an extra

    around = apprise.Apprise()
    around.add(service)
    return around


def _harmless(text: str) -> str:
    """Nothing in it pings anybody or dresses up a link, in whatever notation the service reads; a line that is an
    address alone stays as it is, or it would not open."""
    kept = text.encode("utf-8", "replace").decode().replace("\0", "")
    return "\n".join(line if _address(line) else _defused(line) for line in kept.split("\n"))


def _defused(line: str) -> str:
    line = line.replace("@", "@" + _APART).replace("](", f"]{_APART}(").translate(_ANGLES)
    return re.sub(r"([*_~`|])(?=[*_~`|])|(?<=\W)([*_~`])(?=\w)", lambda found: found.group() + _APART, line)


def _address(line: str) -> bool:
    return re.fullmatch(r"\s*https?://[^\s<>\[\]()*`~|\\]+", line) is not None
