"""What a feed and its entries say, before any flavour of platform is read into it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

OLDEST = 1990
"""The first year a web feed's date can be of: what is older is a misread number or a publisher's zero."""

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: at for at, name in enumerate(_NAMES, start=1)}
_ZONES = {
    "gmt": 0,
    "utc": 0,
    "ut": 0,
    "z": 0,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
}
_ZONES["pdt"] = -7
_OFFSET = re.compile(r"[+-]([01]\d):?([0-5]\d)", re.ASCII)
_EPOCH = re.compile(r"\d{9,10}", re.ASCII)


class Entry(NamedTuple):
    """One entry as its feed gives it: strings stripped, empty where there is nothing, links not yet resolved.

    `html` and `title_html` say whether the text and the title are HTML or plain."""

    id: str = ""
    link: str = ""
    title: str = ""
    title_html: bool = True
    text: str = ""
    html: bool = True
    author: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    lang: str = ""
    comments: str = ""
    likes: str = ""
    parent: str = ""
    source: str = ""


class Feed(NamedTuple):
    """A feed: `lang` and `author` hold for entries that name none; `reader` is which of our readers understood it,
    `skipped` how many entries could not be read."""

    title: str
    entries: list[Entry]
    lang: str = ""
    author: str = ""
    reader: str = ""
    skipped: int = 0


class Unreadable(Exception):
    """A document that is no feed, or that no reader should touch."""


class Unsure(Exception):
    """The quick reader met what it does not read exactly as feedparser would.

    `tame`: the document is well-formed, and feedparser is known to need no more than its usual time for it."""

    def __init__(self, *, tame: bool = False) -> None:
        super().__init__()
        self.tame = tame


def moment(text: str) -> datetime | None:
    """`text` as a time in UTC where it is in RFC 822 or RFC 3339 form or counts seconds since 1970, else None.

    A time without a zone is taken as UTC, as feedparser does; a year before 1990 is no date."""
    if text[4:5] == "-":
        return _iso(text)
    words = text.split()
    if len(words) in (5, 6):
        return _rfc822(words)
    return datetime.fromtimestamp(int(text), UTC) if _EPOCH.fullmatch(text) else None


def _iso(text: str) -> datetime | None:
    if text[7:8] != "-":
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year >= OLDEST else None


def _rfc822(words: list[str]) -> datetime | None:
    """`Tue, 03 Nov 2026 09:30:00 +0100`, with or without the day's name."""
    day, month, year, time, zone = words[-5:]
    hour, _, minute = time.partition(":")
    minute, _, second = minute.partition(":")
    try:
        at = datetime(
            int(year), _MONTHS[month[:3].lower()], int(day), int(hour), int(minute), int(second or 0), tzinfo=UTC
        )
        return at - _away(zone) if at.year >= OLDEST else None
    except (ValueError, KeyError):
        return None


@lru_cache(maxsize=256)
def _away(zone: str) -> timedelta:
    """How far `zone` is ahead of UTC. Raises KeyError for a zone that is not known for sure."""
    hours = _ZONES.get(zone.lower())
    if hours is not None:
        return timedelta(hours=hours)
    if not (found := _OFFSET.fullmatch(zone)):
        raise KeyError(zone)
    away = timedelta(hours=int(found[1]), minutes=int(found[2]))
    return -away if zone[0] == "-" else away
