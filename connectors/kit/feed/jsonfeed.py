"""JSON Feed 1.0 and 1.1."""

from __future__ import annotations

import json
import re

from connectors.kit.feed.entry import Entry, Feed, Unreadable, moment
from monitor.model import Json

_VERSION = re.compile(r"(?:https?://(?:www\.)?jsonfeed\.org/version/)?1(?:\.\d)?/?")
_MOST_VALUES = 600_000
"""As many take some 60 MB; ten megabytes of prose have a quarter of it in commas."""


def read(document: bytes) -> Feed:
    """The feed in `document`. An entry that is not of the right shape is counted as skipped. Raises Unreadable."""
    if sum(map(document.count, (b"{", b"[", b","))) > _MOST_VALUES:
        raise Unreadable("sent JSON of too many small values to be a feed")
    try:
        feed = json.loads(document)
    except (ValueError, RecursionError):
        raise Unreadable("sent JSON that cannot be read") from None
    known = isinstance(feed, dict) and _VERSION.fullmatch(str(feed.get("version")))
    if not known or not isinstance(feed.get("items"), list):
        raise Unreadable("sent JSON that is no JSON Feed: check the address in the source's options")
    entries = [_entry(item) for item in feed["items"] if isinstance(item, dict)]
    readable = [entry for entry in entries if entry.id or entry.link or entry.title or entry.text]
    skipped = len(feed["items"]) - len(readable)
    return Feed(_string(feed, "title"), readable, _string(feed, "language"), _author(feed), "json", skipped)


def _entry(item: dict[str, Json]) -> Entry:
    html = _string(item, "content_html")
    return Entry(
        id=_string(item, "id"),
        link=_string(item, "url") or _string(item, "external_url"),
        title=_string(item, "title"),
        title_html=False,
        text=html or _string(item, "content_text") or _string(item, "summary"),
        html=bool(html),
        author=_author(item),
        published=moment(_string(item, "date_published")),
        updated=moment(_string(item, "date_modified")),
        lang=_string(item, "language"),
    )


def _string(item: dict[str, Json], name: str) -> str:
    """A string, or a number as one: ids are numbers in some feeds."""
    value = item.get(name)
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _author(item: dict[str, Json]) -> str:
    authors = item.get("authors")
    for author in [*(authors if isinstance(authors, list) else []), item.get("author")]:
        if isinstance(author, dict) and (name := _string(author, "name")):
            return name
    return ""
