"""Notifications as .eml files in a folder: for trying things out, and for mail systems that pick files up."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

from monitor.channels.delivery import DeliveryError
from monitor.channels.letter import letter
from monitor.model import Notification


class Folder:
    """The channel for `folder`: one file a notification, complete or not there, named by time, level and id."""

    def __init__(self, path: Path, sender: str = "Wellheard <wellheard@localhost>") -> None:
        self._path, self._sender = path, sender

    def __repr__(self) -> str:
        return "Folder()"

    async def send(self, notification: Notification) -> None:
        """See Channel.send. The same notification is the same file with the same bytes, however often it is sent."""
        mail = letter(notification, self._sender, _recipient(notification))
        try:
            await asyncio.to_thread(_write, self._path, _name(notification), mail)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "it failed"
            sentence = f"the folder of the {_plain(notification.inbox)} inbox cannot be written to: {reason}"
            raise DeliveryError(sentence, permanent=False) from None


def _write(folder: Path, name: str, content: bytes) -> None:
    """Makes `name` in `folder` appear at once and stay: written aside, flushed to the disk, renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(folder / name)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _name(notification: Notification) -> str:
    """Such as ``20261109T201700Z-urgent-7f3a.eml``: sorted by name is sorted by time."""
    level = notification.message.headers.get("X-Wellheard-Level", "info")
    return f"{notification.created_at:%Y%m%dT%H%M%SZ}-{_plain(level)}-{_plain(notification.id)}.eml"


def _recipient(notification: Notification) -> str:
    """The address in To: a folder's recipient need not be one, then the inbox stands for it."""
    found = notification.recipient
    return found if "@" in found else f"{_plain(notification.inbox)}@localhost"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:80].strip("-") or "0"
