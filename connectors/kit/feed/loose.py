"""The patient reader: feedparser, which understands nearly everything, kept where it can do no harm.

feedparser holds a core for as long as a hostile document wants, so only what is well-formed and small is read in this
process; the rest is read by a child with limits on time and memory. This file is also the child's program, so it
imports nothing of ours.
"""

from __future__ import annotations

import io
import json
import re
import sys
from typing import Any

_CPU = 6
"""Seconds: some 10 MB of ordinary entries, or 4 MB of broken ones."""
_MEMORY = 768 * 1024 * 1024
_EMAIL = re.compile(r"(?:mailto:)?[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", re.ASCII)
_LONGEST_NAME = 300


def extract(document: bytes) -> dict[str, Any]:
    """What feedparser finds in `document`, UTF-8 that starts at its root element, as plain JSON."""
    # Here because it is slow to import, and most feeds never need it.
    import feedparser

    # Always a stream: bytes would be taken for the name of a file to open.
    found = feedparser.parse(
        io.BytesIO(document),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    atom = found.version.startswith("atom")
    return {
        "title": found.feed.get("title") or "",
        "lang": found.feed.get("language") or "",
        "author": _author(found.feed) if atom else "",
        "entries": [_entry(entry, atom=atom) for entry in found.entries],
    }


def person(text: str) -> str:
    """The name in `name@host (Name)`, `Name <name@host>` or `Name`, and the address where there is no name."""
    text = text[:_LONGEST_NAME]
    if "@" not in text:
        return text
    name = _EMAIL.sub("", text).replace("()", "").replace("<>", "").strip()
    if name.startswith("(") and name.endswith(")"):
        name = name[1:-1].strip()
    return name or text


def _entry(entry: Any, *, atom: bool) -> dict[str, Any]:
    contents = [content for content in entry.get("content", ()) if content.get("value")]
    text = contents[0] if contents else {**_detail(entry, "summary"), "value": entry.get("summary")}
    likes = entry.get("media_starrating")
    source = entry.get("source")
    return {
        "id": entry.get("id") or "",
        "link": entry.get("feedburner_origlink") or entry.get("link") or "",
        "title": entry.get("title") or "",
        "title_html": not atom or _detail(entry, "title").get("type") in _HTML,
        "text": text.get("value") or "",
        "html": not atom or text.get("type", "text/html") in _HTML,
        "author": _author(entry),
        "published": _date(entry, "published"),
        "updated": _date(entry, "updated") or _date(entry, "created"),
        "lang": entry.get("language") or (text if text.get("value") else _detail(entry, "title")).get("language") or "",
        "comments": entry.get("slash_comments") or "",
        "likes": likes.get("count", "") if isinstance(likes, dict) else "",
        "parent": _parent(entry),
        "source": (source.get("title") or "") if isinstance(source, dict) else "",
    }


_HTML = ("text/html", "application/xhtml+xml")


def _detail(entry: Any, name: str) -> dict[str, Any]:
    detail = entry.get(f"{name}_detail")
    return detail if isinstance(detail, dict) else {}


def _author(found: Any) -> str:
    """The first author's name, else the first one's address. A single one is taken apart here: feedparser does not
    know top-level domains of more than four letters."""
    authors = [author for author in found.get("authors", ()) if isinstance(author, dict)]
    if len(authors) == 1:
        return person(found.get("author") or "")
    names = (author.get("name") or author.get("email") for author in authors)
    return next((name[:_LONGEST_NAME] for name in names if name), "")


def _date(entry: Any, name: str) -> list[Any] | None:
    """A date as it was written and as feedparser understood it: year, month, day, hour, minute, second in UTC."""
    # dict's own get: feedparser's answers `updated` with `published` where there is none.
    written, parsed = dict.get(entry, name), dict.get(entry, f"{name}_parsed")
    if not written:
        return None
    return [written, list(parsed[:6]) if parsed else None]


def _parent(entry: Any) -> str:
    """What an entry replies to (RFC 4685), under whatever prefix."""
    for name, value in entry.items():
        if name.endswith("in-reply-to") and isinstance(value, dict):
            return str(value.get("ref") or "")
    return ""


def main() -> None:
    """Read a document from standard input, write what is in it to standard output."""
    import resource

    for limit, most in ((resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_CPU, _CPU), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(limit, (most, most))
        except (OSError, ValueError):  # a sandbox may forbid it; the time limit of our parent holds all the same
            continue
    json.dump(extract(sys.stdin.buffer.read()), sys.stdout, ensure_ascii=True)


if __name__ == "__main__":
    main()
