"""Runs feedparser: here where a document is known to be harmless, else in a child process with limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

from connectors.kit.feed import loose
from connectors.kit.feed.entry import OLDEST, Entry, Feed, Unreadable, moment
from monitor.model import Json

_SMALL = 256_000
"""Bytes that feedparser reads in a tenth of a second; starting a child takes twice that."""
_MOST_BROKEN = 4_000_000
"""Bytes of broken XML: feedparser then reads with its other parser, one megabyte a second."""
_WALL = 10.0
"""Seconds that a child may take, on a machine that has other things to do."""


def read(document: bytes, *, tame: bool) -> Feed:
    """The feed in `document`, UTF-8 that starts at its root element. Raises Unreadable."""
    if not tame and len(document) > _MOST_BROKEN:
        raise Unreadable(f"sent a broken or overfull feed of more than {_MOST_BROKEN // 1_000_000} MB: it is not read")
    found = _here(document) if tame and len(document) <= _SMALL else in_child(document)
    if not found["entries"] and not found["title"]:
        raise Unreadable("sent something that is no feed: check the address in the source's options")
    entries = [_entry(entry) for entry in found["entries"]]
    return Feed(found["title"], entries, found["lang"], found["author"], "feedparser")


def _here(document: bytes) -> Json:
    try:
        return loose.extract(document)
    except Exception as error:  # noqa: BLE001 - feedparser's own mistakes are of any type
        raise Unreadable(f"sent a feed that cannot be read ({type(error).__name__})") from None


def in_child(document: bytes, *, within: float = _WALL, program: str = loose.__file__) -> Json:
    """What `program` makes of `document` in a process of its own, `within` seconds. Raises Unreadable."""
    command = [sys.executable, "-P", program]
    # Nothing of our environment: it may hold secrets, and the child needs none of it but where modules are.
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and file
            command, input=document, capture_output=True, timeout=within, check=True, env=environment
        )
        return json.loads(child.stdout)
    except (subprocess.SubprocessError, ValueError, OSError):
        raise Unreadable("sent a broken feed that takes too long or too much memory to read") from None


def _entry(found: Json) -> Entry:
    return Entry(**{**found, "published": _moment(found["published"]), "updated": _moment(found["updated"])})


def _moment(date: Json) -> datetime | None:
    """Our own reading of a date where it is in an ordinary form, else feedparser's."""
    if date is None:
        return None
    written, parsed = date
    if at := moment(written):
        return at
    try:
        year, month, day, hour, minute, second = parsed
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC) if year >= OLDEST else None
    except (ValueError, TypeError):
        return None
