"""A cause in sentences: which mentions are behind an incident, as much of them as the inbox's level of detail allows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.cause import Cause, Term
from monitor.messages.redaction import redacted
from monitor.messages.text import cut, line
from monitor.messages.times import local, stamp
from monitor.model import Detail, Json

_LONGEST = 40


def sentences(
    cause: Cause | None, *, detail: Detail, keep: Sequence[str], timezone: ZoneInfo, now: datetime
) -> list[tuple[str, str]]:
    """Label and sentence of what an incident is made of; no word of a mention where `detail` is none."""
    if cause is None:
        return []
    said = [
        ("Nearly the same", f"{one.mentions} mentions by {_authors(one.authors)}, first published {local(one.first_at, timezone, now)}")
        for one in cause.alike
    ]  # fmt: skip
    terms = ", ".join(
        f"{word} in {one.mentions} ({_share(one.before)} before)" for word, one in _told(cause, detail, keep)
    )
    if terms:
        said.append(("Words that rose", terms))
    if cause.widest is not None:
        followers = f"{cause.widest.audience:,} followers" if cause.widest.audience else ""
        reactions = f"{cause.widest.engagement:,} reactions" if cause.widest.engagement else ""
        said.append(
            (
                "Most widely read",
                f"mention {cause.widest.mention_id}: {', '.join(filter(None, (followers, reactions)))}",
            )
        )
    if cause.read:
        said.append(("Looked at", f"the {cause.read} weightiest mentions"))
    if cause.muted:
        said.append(("Told only here", f"{cause.muted} of them, which are no incidents of single complaints besides"))
    return said


def data(cause: Cause | None, *, detail: Detail, keep: Sequence[str]) -> dict[str, Json] | None:
    """The same for a machine."""
    if cause is None:
        return None
    return {
        "alike": [
            {"mentions": one.mentions, "authors": one.authors, "first_at": stamp(one.first_at)} for one in cause.alike
        ],
        "terms": [
            {"term": word, "mentions": one.mentions, "before": round(one.before, 4)}
            for word, one in _told(cause, detail, keep)
        ],
        "widest": cause.widest and cause.widest._asdict(),
        "muted": cause.muted,
        "read": cause.read or None,
    }


def _told(cause: Cause, detail: Detail, keep: Sequence[str]) -> list[tuple[str, Term]]:
    """The terms that may be told: words of mentions, and so none where `detail` is none, and no name where it is redacted. A
    word alone shows less than a sentence: what would be masked after a title, as a name written small is, is not told."""
    if detail is Detail.NONE:
        return []
    words = [(cut(line(one.word), _LONGEST), one) for one in cause.terms]
    return [
        (word, one) for word, one in words if detail is Detail.FULL or word in redacted(f"it was dr {word} again", keep)
    ]


def _authors(count: int) -> str:
    return f"{count} authors" if count > 1 else "one author" if count else "authors without a name"


def _share(share: float) -> str:
    return "none" if not share else f"{share:.0%}" if share >= 0.01 else "under 1%"
