"""A week in numbers as a message: what was said, what became of it, and what could not be seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from monitor.digest import Digest
from monitor.messages import mentions as telling
from monitor.messages.digest import peers, words
from monitor.messages.digest.data import body
from monitor.messages.digest.pictures import pictures
from monitor.messages.digest.ratings import compared, explained, moving, ratings, weeks
from monitor.messages.digest.rows import Count, columns, counts, percent, row, rows
from monitor.messages.page import TONES, Page, rendered
from monitor.messages.risks import wording
from monitor.messages.text import cut, line
from monitor.messages.times import local
from monitor.model import Detail, Level, Message, Reason

_LARGEST = 98_000
"""Bytes of HTML: Gmail cuts a mail at 102 kB."""
_ROWS = (25, 12, 6, 3)
"""How long a table may be: the first of these with which the page is small enough. What is too many is summed up in
the last row, so that every table adds up to what it did."""


_ORDER = (
    "incidents", "risks", "worst", "blind", "weeks", "ratings", "peers", "replies", "themes", "locations", "sources", "stars",
    "unread", "records", "also",
)  # fmt: skip
_FIRST = {"marketing": ("weeks", "ratings", "peers", "replies", "themes", "incidents", "worst", "risks", "blind")}
"""What an inbox wants to know first, where that is not what became of incidents."""


def digest(
    week: Digest,
    *,
    organisation: str,
    timezone: ZoneInfo,
    now: datetime,
    inbox: str,
    detail: Detail = Detail.NONE,
    ours: Sequence[str] = (),
    drawn: Mapping[str, str] | None = None,
) -> Message:
    """What `inbox` is told of a week: numbers, and the mentions that mattered by risk, source, time and link, with as much
    of their words as `detail` allows; `ours` are brands and people that an excerpt may name. `drawn` are those of the
    week's `pictures` that could be drawn, in base64 by name."""
    organisation, inbox = line(organisation, 100), line(inbox, 60)
    page = _page(week, organisation=organisation, timezone=timezone, now=now, inbox=inbox)
    keep = (organisation, *ours)
    shown = {one.name: one for one in pictures(week) if one.name in (drawn or {})}
    told = [telling.told(one, detail=detail, keep=keep, timezone=timezone, now=now) for one in week.worst[:5]]
    text = html = ""
    for longest in _ROWS:
        more = _shown(week, timezone, now, longest) | {"pictures": shown, "worst": told}
        more["peers"] = peers.voices(week, organisation, longest)
        text, html = rendered("digest", page, **more, commands=words.commands(week, inbox), order=_ordered(inbox))
        if len(html.encode("utf-8", "replace")) <= _LARGEST:
            break
    return Message(
        subject=page.subject,
        text=re.sub(r"\n{3,}", "\n\n", text),
        html=html,
        data=body(week, organisation=organisation, inbox=inbox, timezone=timezone, now=now, detail=detail, keep=keep),
        headers={
            "X-Wellheard-Reason": Reason.DIGEST.value,
            "X-Wellheard-Level": Level.INFO.value,
            "Precedence": "bulk",
        },
        images={f"{name}@wellheard": picture for name, picture in (drawn or {}).items() if name in shown},
    )


def _ordered(inbox: str) -> list[str]:
    return list(dict.fromkeys((*_FIRST.get(inbox, ()), *_ORDER)))


def _shown(week: Digest, timezone: ZoneInfo, now: datetime, longest: int) -> dict[str, Any]:
    """What the templates fill in."""
    heard = {name: part for name, part in week.by_source.items() if part.mentions}
    listed = min(longest, 10)
    unseen = [words.unseen(one, timezone, now) for one in week.blind]
    unseen += [words.seen_in_part(one, timezone, now) for one in week.partly]
    titles, table = weeks(week, min(longest, 6))
    return {
        "columns": columns,
        "numbers": _numbers(week),
        "whole": row("all", [week.whole]),
        "incidents": words.incidents(week, timezone, now),
        "opened": _titles(week, longest),
        "still": [words.standing(one, timezone, now, week.clocks) for one in words.heaviest(week.unresolved)[:listed]],
        "more": max(len(week.unresolved) - listed, 0),
        "risks": _risks(week, longest),
        "risks_note": words.risks(week),
        "elsewhere": words.elsewhere(week),
        "seen": words.seen(week),
        "blind": unseen[:listed],
        "blinder": max(len(unseen) - listed, 0),
        "compared": compared(week),
        "weeks": table,
        "week_names": titles,
        "ratings": ratings(week, longest),
        "ratings_note": explained(week),
        "peers_note": peers.about(week, timezone, now),
        "replies": words.replied(week),
        "locations": rows(week.by_location, longest, "locations"),
        "sources": rows(heard, longest, "sources"),
        "silent": words.silent(week),
        "stars": _stars(week),
        "themes": rows(week.by_theme, longest, "themes"),
        "themes_note": " ".join(
            filter(None, (moving(week), "A mention can be about several, or about none of these."))
        ),
        "unread": counts(words.unread(week), longest),
        "records": words.records(week, listed),
        "also": words.also(week),
        "counted": words.counted(week, timezone, now),
    }


def _page(week: Digest, *, organisation: str, timezone: ZoneInfo, now: datetime, inbox: str) -> Page:
    said = words.said(week, timezone, now)
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
        about=f"Written {local(now, timezone, now)}{words.belated(week.period, now)}.",
    )


def _numbers(week: Digest) -> list[tuple[str, str]]:
    """The four numbers that are large; one that there is not is empty."""
    whole = row("", [week.whole])
    readable = whole.mentions - whole.unread
    return [
        ("mentions", f"{whole.mentions:,}"),
        ("positive", f"{percent(whole.positive, readable)} %" if readable else ""),
        ("mean stars", "" if whole.mean is None else f"{whole.mean:.1f}"),
        ("incident" if len(week.opened) == 1 else "incidents", f"{len(week.opened):,}"),
    ]


def _titles(week: Digest, longest: int) -> list[Count]:
    """The incidents opened, by class in plain words."""
    return counts(dict(Counter(wording(one.risk or one.rule).title for one in week.opened).most_common()), longest)


def _risks(week: Digest, longest: int) -> list[Count]:
    """How many mentions show each class of risk, in plain words."""
    found: Counter[str] = Counter()
    for risk, count in week.by_risk.items():
        found[wording(risk).title] += count
    return counts(dict(found.most_common()), longest)


def _stars(week: Digest) -> list[Count]:
    """How often each number of stars was given, the best first; empty where none was."""
    given = week.whole.stars
    total = sum(given.values())
    if not total:
        return []
    named = counts({f"{star} star" if star == 1 else f"{star} stars": given.get(star, 0) for star in range(5, 0, -1)})
    return [
        Count(name=one.name, count=one.count, share=one.share, remark=f"{percent(one.count, total)} %") for one in named
    ]


__all__ = ["digest", "pictures"]
