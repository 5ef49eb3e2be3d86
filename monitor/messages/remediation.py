"""The remediation list: what our own posts and replies give away, as CSV for a spreadsheet or as a page for a telephone."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.messages.advice import Severity
from monitor.messages.page import GOOD, TONES, template
from monitor.messages.redaction import redacted
from monitor.messages.risks import wording
from monitor.messages.text import MARK, clean, cut, line
from monitor.messages.times import local
from monitor.model import Detail, Level, Stored

_EXCERPT, _BEFORE = 240, 60
WITHHELD = "(not shown: detail is none)"
_COLUMNS = (
    "severity", "class", "score", "still up", "what", "why", "do", "words", "answers", "platform", "source", "location",
    "published", "last seen", "link", "mention",
)  # fmt: skip
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a cell for a formula, full-width signs included (OWASP, CSV injection)."""
_TONES = {
    Severity.SEVERE: TONES[Level.CRITICAL],
    Severity.MEND: TONES[Level.URGENT],
    Severity.LOOK: TONES[Level.WARNING],
    Severity.INFORMATION: TONES[Level.INFO],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One post or reply of ours with its worst finding. `words` are the place in it, as much as may be shown; `means` is
    what the rule looks for, `others` are the other rules that found something in it."""

    stored: Stored
    severity: Severity
    risk: str
    score: float
    means: str
    why: str
    do: str
    words: str
    answers: str
    others: Sequence[str]
    last_seen_at: datetime


def shown(text: str, start: int, end: int, *, detail: Detail, keep: Sequence[str] = ()) -> str:
    """The words between `start` and `end`, in guillemets, with a little around them, as much as `detail` allows; `keep`
    are our own names."""
    if detail is Detail.NONE:
        return WITHHELD
    begin, stop = max(0, start - _BEFORE), min(len(text), max(end, start + _EXCERPT))
    before, after = text[begin:start], text[end:stop]
    if begin:
        before = f"{MARK}{before.partition(' ')[2]}"
    if stop < len(text):
        after = f"{after.rpartition(' ')[0]}{MARK}"
    some = clean(f"{before}\u00ab{text[start:end]}\u00bb{after}")
    return cut(line(redacted(some, keep) if detail is Detail.REDACTED else some), 2 * _EXCERPT)


def as_csv(rows: Iterable[Finding], zone: ZoneInfo) -> Iterator[str]:
    """The list as lines of CSV. No cell is ever a formula: what would be is put behind an apostrophe."""
    yield _row(_COLUMNS)
    for one in rows:
        yield _row(
            [
                one.severity.value, one.risk, f"{one.score:.1f}", still_up(one.stored, zone), one.means, one.why, one.do,
                one.words, one.answers, one.stored.platform, one.stored.source, _location(one.stored),
                _day(one.stored.mention.published_at, zone), _day(one.last_seen_at, zone), one.stored.mention.url or "",
                str(one.stored.id),
            ]
        )  # fmt: skip


def still_up(one: Stored, zone: ZoneInfo) -> str:
    """Whether it is still on its platform, as far as that is known."""
    return "yes" if one.gone_at is None else f"gone since {_day(one.gone_at, zone)}"


def _row(cells: Sequence[str]) -> str:
    row = io.StringIO()
    csv.writer(row, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(safe_cell, cells))
    return row.getvalue()


def safe_cell(text: str) -> str:
    """`text` as a cell that no spreadsheet computes."""
    plain = clean(text)
    dangerous = any(one.lstrip(" ").startswith(_DANGEROUS) for one in (text, plain))
    return f"'{plain}" if dangerous else plain


def as_page(
    rows: Iterable[Finding],
    counts: Counter[Severity],
    *,
    read: int,
    more: int,
    organisation: str,
    zone: ZoneInfo,
    now: datetime,
) -> Iterator[str]:
    """The list as one HTML page that needs nothing beside it, piece by piece; `more` findings are not on it."""
    cards = (_card(one, zone) for one in rows)
    told = [(grade.value, counts[grade], _TONES[grade]) for grade in Severity if counts[grade]]
    facts = {
        "organisation": organisation, "read": read, "counts": told, "good": GOOD, "more": more,
        "written": local(now, zone, now),
    }  # fmt: skip
    yield from template("remediation.html").generate(cards=cards, **facts)


def _card(one: Finding, zone: ZoneInfo) -> dict[str, object]:
    said = one.stored.mention
    return {
        "severity": one.severity.value, "tone": _TONES[one.severity], "title": wording(one.risk).title,
        "score": f"{one.score:.1f}", "up": one.stored.gone_at is None, "still_up": still_up(one.stored, zone),
        "words": one.words, "means": one.means, "why": one.why, "do": one.do, "answers": one.answers,
        "others": list(one.others), "what": f"{said.kind.value} on {one.stored.platform}, {_location(one.stored)}",
        "published": _day(said.published_at, zone), "last_seen": _day(one.last_seen_at, zone), "id": one.stored.id,
        "url": said.url if said.url and said.url.startswith(("https://", "http://")) else "",
    }  # fmt: skip


def _location(one: Stored) -> str:
    return one.labels.get("location", one.source)


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d}"
