"""A week in numbers as a message: what was said, what became of it, and what could not be seen. Nobody's words."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.messages import mentions as telling
from monitor.messages.digest import words
from monitor.messages.digest.data import body
from monitor.messages.digest.rows import Count, columns, counts, percent, row, rows
from monitor.messages.digest.week import Digest
from monitor.messages.page import TONES, Page, rendered
from monitor.messages.risks import wording
from monitor.messages.text import cut, line
from monitor.messages.times import lasting, local
from monitor.model import Detail, Level, Message, Reason

_ROWS = 25
"""Locations and sources in a table, the last of them "n others": Gmail cuts a mail at 102 kB."""
_LISTED = 10


def digest(week: Digest, *, organisation: str, timezone: ZoneInfo, now: datetime, inbox: str) -> Message:
    """What `inbox` is told of a week: numbers alone. A mention is named by its risk, source, time and link, whatever
    detail the inbox is allowed: no text, title or author is in any part of it."""
    organisation, inbox = line(organisation, 100), line(inbox, 60)
    page = _page(week, organisation=organisation, timezone=timezone, now=now, inbox=inbox)
    shown = {
        "columns": columns,
        "numbers": _numbers(week),
        "whole": row("all", [week.whole]),
        "incidents": words.incidents(week),
        "opened": _titles(week),
        "still": [words.standing(one, timezone, now) for one in words.heaviest(week.unresolved)[:_LISTED]],
        "more": max(len(week.unresolved) - _LISTED, 0),
        "risks": counts(Counter({wording(risk).title: count for risk, count in week.by_risk.items()})),
        "at_risk": week.at_risk,
        "worst": [
            telling.told(one, detail=Detail.NONE, keep=(), timezone=timezone, now=now) for one in week.worst[:5]
        ],
        "coverage": words.coverage(week),
        "blind": [words.unseen(one, timezone, now) for one in week.blind[:_LISTED]],
        "blinder": max(len(week.blind) - _LISTED, 0),
        "locations": rows(week.by_location, _ROWS, "locations"),
        "sources": rows(week.by_source, _ROWS, "sources"),
        "stars": _stars(week),
        "themes": rows(week.by_theme, _ROWS, "themes"),
        "unread": counts(words.unread(week)),
        "also": words.also(week),
        "counted": words.counted(week, timezone, now),
        "command": words.command(week.period),
    }
    text, html = rendered("digest", page, **shown)
    return Message(
        subject=page.subject,
        text=text,
        html=html,
        data=body(week, organisation=organisation, inbox=inbox, timezone=timezone, now=now),
        headers={
            "X-Wellheard-Reason": Reason.DIGEST.value,
            "X-Wellheard-Level": Level.INFO.value,
            "Precedence": "bulk",
        },
    )


def _page(week: Digest, *, organisation: str, timezone: ZoneInfo, now: datetime, inbox: str) -> Page:
    said = words.said(week, now)
    return Page(
        subject=words.subject(week, organisation),
        organisation=organisation,
        inbox=inbox,
        tone=TONES[Level.INFO],
        badge="digest",
        title=words.title(week.period),
        where=words.dates(week.period, timezone),
        preheader=cut(said, 160),
        said=said,
        about=f"Written {local(now, timezone, now)}.",
    )


def _numbers(week: Digest) -> list[tuple[str, str]]:
    """The four numbers that are large."""
    whole = row("", [week.whole])
    readable = whole.mentions - whole.unread
    return [
        ("mentions", f"{whole.mentions:,}"),
        ("positive", f"{percent(whole.positive, readable)} %" if readable else "–"),
        ("mean stars", "–" if whole.mean is None else f"{whole.mean:.1f}"),
        ("new incident" if len(week.opened) == 1 else "new incidents", f"{len(week.opened):,}"),
    ]


def _titles(week: Digest) -> list[Count]:
    """The incidents opened, by class in plain words."""
    return counts(dict(Counter(wording(one.risk or one.rule).title for one in week.opened).most_common()))


def _stars(week: Digest) -> list[Count]:
    """How often each number of stars was given, the best first; empty where none was."""
    given = week.whole.stars
    total = sum(given.values())
    if not total:
        return []
    named = counts({f"{star} star" if star == 1 else f"{star} stars": given.get(star, 0) for star in range(5, 0, -1)})
    return [Count(name=one.name, count=one.count, share=one.share, remark=f"{percent(one.count, total)} %") for one in named]


__all__ = ["digest"]
