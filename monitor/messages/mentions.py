"""How one mention is told: as much of it as the inbox's level of detail allows, and not a word more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from monitor.messages.redaction import redacted
from monitor.messages.risks import wording
from monitor.messages.text import clean, cut, line, spoken
from monitor.messages.times import local, stamp
from monitor.model import Detail, Json, Kind, Signal, Stored

_QUOTED = 1000
_EXCERPT = 300
_BEFORE = 100
"""How many code points of an excerpt stand before what the first signal points at."""
_LINK = 500
_PLATFORMS = {
    "app_store": "the App Store",
    "csv_import": "file import",
    "gdelt": "news (GDELT)",
    "google_business_profile": "Google",
    "google_places": "Google",
    "google_play": "Google Play",
    "hackernews": "Hacker News",
    "imap": "e-mail",
    "jsonld": "a web page",
    "linkedin": "LinkedIn",
    "rss": "a news feed",
    "stackexchange": "Stack Exchange",
    "tiktok": "TikTok",
    "x": "X",
    "youtube": "YouTube",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A mention ready for a template: single lines, cleaned and cut. Empty means: not told."""

    what: str
    seen: str
    opens: str
    title: str
    quote: str
    signals: str
    url: str
    remark: str


def told(one: Stored, *, detail: Detail, keep: Sequence[str], timezone: ZoneInfo, now: datetime) -> Told:
    """`one` for people. `keep` are names that an excerpt may show because they are the organisation's own."""
    url = link(one, detail)
    full = detail is Detail.FULL
    return Told(
        what=_what(one),
        seen=_seen(one, full=full, timezone=timezone, now=now),
        opens=f"Open the {one.mention.kind.value}",
        title=line(one.mention.title, 200) if full else "",
        quote=_quote(one, detail, keep),
        signals=_signals(one),
        url=url or "",
        remark=_remark(one, url),
    )


def data(one: Stored, *, detail: Detail, keep: Sequence[str]) -> dict[str, Json]:
    """`one` for a machine, with the field names of the contract; text, title and author only as far as `detail` goes."""
    said = one.mention
    found: dict[str, Json] = {
        "id": one.id,
        "platform": line(one.platform, 100),
        "source": line(one.source, 100),
        "kind": said.kind.value,
        "ours": said.ours,
        "url": link(one, detail),
        "published_at": stamp(said.published_at),
        "first_seen_at": stamp(one.first_seen_at),
        "stars": said.stars,
        "sentiment": one.assessment.sentiment if math.isfinite(one.assessment.sentiment or 0.0) else None,
        "signals": [_signal(signal) for signal in _weightiest(one)[:10]],
    }
    if detail is Detail.FULL:
        found |= {"author": line(said.author or "", 100), "title": line(said.title, 200)}
        found["text"] = cut(clean(said.text[: 4 * _QUOTED]), _QUOTED)
    elif detail is Detail.REDACTED:
        found["excerpt"] = _quote(one, detail, keep)
    return found


def link(one: Stored, detail: Detail) -> str | None:
    """Where the mention can be seen, None where that is no plain https or http address, or where the address itself
    names the author and the inbox is not to be told who that is."""
    url = one.mention.url or ""
    if len(url) > _LINK or line(url) != url or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    told = one.mention.ours or detail is Detail.FULL or not _names_author(url, one.mention.author)
    return url if told else None


def platform(name: str) -> str:
    """A platform as people call it."""
    return _PLATFORMS.get(name) or spoken(name)


def _names_author(url: str, author: str | None) -> bool:
    """Whether the author's name or handle can be read off the address: `@kim@social.example`, "Kim Doe" as kim-doe."""
    handle = (author or "").casefold().lstrip("@").split("@")[0]
    bare = "".join(char for char in handle if char.isalnum())
    address = "".join(char for char in url.casefold() if char.isalnum())
    return len(bare) >= 3 and bare in address


def _what(one: Stored) -> str:
    """Such as "Review on Google, 1 of 5 stars" or "Our own reply on Mastodon"."""
    said = one.mention
    kind = "reply" if said.ours and said.kind is Kind.COMMENT else said.kind.value
    what = f"{'our own ' if said.ours else ''}{kind} on {platform(one.platform)}"
    stars = "" if said.stars is None else f", {said.stars:g} of 5 stars"
    edited = ", edited" if one.version > 1 else ""
    return what[:1].upper() + what[1:] + stars + edited


def _seen(one: Stored, *, full: bool, timezone: ZoneInfo, now: datetime) -> str:
    """Source, time, and the author where he may be named."""
    author = one.mention.author if full else None
    parts = [f"Source {line(one.source, 60)}", local(one.mention.published_at, timezone, now)]
    return ", ".join([*parts, f"by {line(author, 80)}"] if author else parts)


def _weightiest(one: Stored) -> list[Signal]:
    return sorted(one.assessment.signals, key=lambda signal: -signal.score)


def _signals(one: Stored) -> str:
    """The mention's risks in plain words, the heaviest first."""
    titles = dict.fromkeys(wording(signal.risk).title for signal in _weightiest(one))
    shown = list(titles)[:4]
    rest = f", {len(titles) - len(shown)} more" if len(titles) > len(shown) else ""
    return "; ".join(shown) + rest


def _signal(signal: Signal) -> dict[str, Json]:
    return {
        "risk": line(signal.risk, 60),
        "impact": signal.impact,
        "likelihood": signal.likelihood,
        "start": signal.start,
        "end": signal.end,
        "rule": line(signal.rule, 100),
    } | ({"field": signal.field} if signal.field != "text" else {})


def _quote(one: Stored, detail: Detail, keep: Sequence[str]) -> str:
    if detail is Detail.FULL:
        return line(one.mention.text[: 4 * _QUOTED], _QUOTED)
    if detail is Detail.NONE or not one.mention.text:
        return ""
    if one.assessment.lang and not one.assessment.lang.lower().startswith("en"):
        return "[text withheld: it can be masked only in English]"
    return line(redacted(_excerpt(one), keep), _EXCERPT)


def _excerpt(one: Stored) -> str:
    """The part of the text that the heaviest signal points at, with whole words at both ends."""
    text = one.mention.text
    start = max(min((signal.start for signal in _weightiest(one)[:1]), default=0) - _BEFORE, 0)
    if start:
        start = next((at + 1 for at in range(start, min(start + _BEFORE, len(text))) if text[at].isspace()), start)
    end = min(start + _EXCERPT, len(text))
    if end < len(text):
        end = next((at for at in range(end, start, -1) if text[at].isspace()), end)
    return ("… " if start else "") + text[start:end] + (" …" if end < len(text) else "")


def _remark(one: Stored, url: str | None) -> str:
    if one.gone_at is not None:
        return "The platform no longer has it."
    if one.mention.url and url is None:
        return f"Its link is not sent: see wellheard explain {one.id}"
    return ""
