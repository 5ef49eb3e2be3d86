"""A quarter's risks as a message: the heat map, the trend and the register, for who answers for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.digest import Held, Register, Risk, median_of
from monitor.messages.digest import words
from monitor.messages.digest.rows import columns
from monitor.messages.page import TONES, Page, rendered
from monitor.messages.risks import wording
from monitor.messages.sheet import sheet
from monitor.messages.text import line
from monitor.messages.times import lasting, local
from monitor.model import Json, Level, Message
from monitor.timing import Period

HEAD = (
    "class", "title", "mentions", "quarter before", "incidents", "open", "impact", "likelihood", "level", "appetite",
    "mitigation taken", "owner",
)  # fmt: skip
_DRILLS = 10
"""So many are told of, the last."""
_TONES = ("#e3ecf5", "#a9c8e8", "#f0b496")
SCALE = (
    "Impact is the highest of any signal found. Likelihood is what was observed: 5 every week, 4 every month, 3 once or "
    "twice in the quarter, 2 only in the quarter before, 1 in neither. Level is impact times likelihood."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the register in words; `number` is what the heat map calls it, empty where it is not on it."""

    number: str
    title: str
    mentions: str
    trend: str
    seen: str
    level: str
    verdict: str
    taken: str
    owner: str


def assessment(found: Register, *, organisation: str, timezone: ZoneInfo, now: datetime, inbox: str) -> Message:
    """The register for people: text and HTML, and its rows as data."""
    period = Period(name="quarter", since=found.since, until=found.until)
    seen = [one for one in found.risks if one.level is not None]
    entries = [_entry(one, found, number) for number, one in enumerate(seen, 1)]
    page = Page(
        subject=f"{line(organisation, 80)}: risk assessment",
        organisation=line(organisation, 100),
        inbox=line(inbox, 60),
        tone=TONES[Level.INFO],
        badge="assessment",
        title="Risk assessment",
        where=f"13 weeks, {words.dates(period, timezone)}",
        preheader=_said(found, seen),
        said=_said(found, seen),
        about=f"Written {local(now, timezone, now)}.",
    )
    unseen = [wording(one.risk).title for one in found.risks if one.level is None]
    text, html = rendered(
        "assessment", page, heat=_heat(found, seen), entries=entries, scale=SCALE, unseen=", ".join(unseen),
        drills=_drills(found, timezone), columns=columns,
        commands=[f"wellheard digest --assessment --week {_last_week(found, timezone)}"],
    )  # fmt: skip
    return Message(subject=page.subject, text=text, html=html, data={"type": "assessment", "data": _data(found)})


def table(found: Register) -> str:
    """The register as CSV."""
    return sheet(HEAD, (list(row.values()) for row in _rows(found)))


def heat(found: Register) -> dict[str, Json]:
    """The heat map for the process that draws."""
    seen = [one for one in found.risks if one.level is not None]
    cells: dict[str, list[int]] = {}
    for number, one in enumerate(seen, 1):
        cells.setdefault(f"{one.impact},{one.likelihood}", []).append(number)
    return {"kind": "heat", "name": "heat", "cells": cells, "appetite": [found.notify, found.urgent]}


def assessed(found: Register, *, organisation: str, timezone: ZoneInfo, now: datetime) -> dict[str, Json]:
    """The assessment as the blocks of a PDF."""
    seen = [one for one in found.risks if one.level is not None]
    entries = [_entry(one, found, number) for number, one in enumerate(seen, 1)]
    head = ["", "seen", "before", "level", "", "owner"]
    rows = [
        [f"{one.number} {one.title}", one.mentions, one.trend, one.level, one.verdict, one.owner] for one in entries
    ]
    blocks: list[Json] = [{"text": _said(found, seen)}, {"picture": "heat", "alt": "Heat map of the table below"}]
    blocks += [{"table": [head, *rows] if rows else []}, {"text": SCALE}]
    blocks += [{"heading": "What was done"}, {"table": [[one.title, one.taken] for one in entries]}]
    blocks += [{"heading": "Drills"}, {"text": _drills(found, timezone)}]
    period = Period(name="quarter", since=found.since, until=found.until)
    return {
        "kind": "paper", "name": "paper", "title": f"{organisation}: risk assessment",
        "subtitle": f"13 weeks, {words.dates(period, timezone)}", "foot": f"Written {local(now, timezone, now)}.",
        "blocks": blocks,
    }  # fmt: skip


def _said(found: Register, seen: Sequence[Risk]) -> str:
    above = sum(1 for one in seen if (one.level or 0) >= found.urgent)
    within = sum(1 for one in seen if found.notify <= (one.level or 0) < found.urgent)
    if not seen:
        return "No class of risk was seen in these 13 weeks, nor in the 13 before."
    return (
        f"{len(seen)} of {len(found.risks)} classes of risk were seen: {above} at or above the level of {found.urgent:g} "
        f"that is urgent by your appetite, {within} from {found.notify:g} on, {len(seen) - above - within} below."
    )


def _entry(one: Risk, found: Register, number: int) -> Entry:
    taken = ", ".join(f"{many} {words.OUTCOMES.get(name, name)}" for name, many in one.taken.items())
    still = f"{one.open:,} still open" if one.open else ""
    return Entry(
        number=f"{number}",
        title=line(wording(one.risk).title, 60),
        mentions=f"{one.mentions:,}",
        trend=f"{one.before:,}" if found.watched else "-",
        seen=_seen(one, found),
        level=f"{one.level} ({one.impact} x {one.likelihood})",
        verdict=_verdict(one, found),
        taken=", ".join(filter(None, (taken, still))) or "no incident",
        owner=", ".join(one.owners) or "nobody",
    )


def _seen(one: Risk, found: Register) -> str:
    times = "once" if one.mentions == 1 else f"{one.mentions:,} times"
    then = f"{one.before:,} in the quarter before" if found.watched else "the quarter before was not watched"
    return f"Seen {times}; {then}."


def _verdict(one: Risk, found: Register) -> str:
    level = one.level or 0
    return "urgent" if level >= found.urgent else "told" if level >= found.notify else "accepted"


def _heat(found: Register, seen: Sequence[Risk]) -> list[tuple[int, list[tuple[str, str]]]]:
    """The rows of the map, the highest impact first: what stands in each cell, and its colour."""

    def cell(impact: int, likely: int) -> tuple[str, str]:
        here = [str(at) for at, one in enumerate(seen, 1) if (one.impact, one.likelihood) == (impact, likely)]
        level = impact * likely
        return " ".join(here), _TONES[(level >= found.notify) + (level >= found.urgent)]

    return [(impact, [cell(impact, likely) for likely in range(1, 6)]) for impact in range(5, 0, -1)]


def _drills(found: Register, timezone: ZoneInfo) -> str:
    """How many drills there were, and of each how many of those who were told acknowledged it, and how fast."""
    if not found.drills:
        return "No drill was held: nobody knows how long it takes until somebody answers."
    held = "1 drill was held" if len(found.drills) == 1 else f"{len(found.drills)} drills were held"
    return f"{held}. {' '.join(_drill(one, timezone) for one in found.drills[-_DRILLS:])}"


def _drill(one: Held, timezone: ZoneInfo) -> str:
    day = words.dates(Period(name="drill", since=one.at, until=one.at), timezone)
    name = f"{line(one.scenario, 60)}, {day}"
    if not one.took:
        return f"{name}: {one.told:,} told, nobody acknowledged it."
    middle = median_of(one.took)
    spread = f", median {lasting(middle)}, slowest {lasting(max(one.took))}" if middle is not None else ""
    return f"{name}: {len(one.took):,} of {one.told:,} told acknowledged it{spread}."


def _last_week(found: Register, timezone: ZoneInfo) -> str:
    year, week, _ = (
        (found.until.astimezone(timezone).date())
        .fromordinal(found.until.astimezone(timezone).date().toordinal() - 1)
        .isocalendar()
    )
    return f"{year}-W{week:02}"


def _rows(found: Register) -> list[dict[str, Json]]:
    return [
        dict(zip(HEAD, (
            one.risk, wording(one.risk).title, one.mentions, one.before if found.watched else None, one.incidents, one.open,
            one.impact, one.likelihood, one.level, _verdict(one, found) if one.level is not None else "not seen",
            "; ".join(f"{name}: {many}" for name, many in one.taken.items()), " ".join(one.owners),
        ), strict=True))
        for one in found.risks
    ]  # fmt: skip


def _held(one: Held) -> dict[str, Json]:
    took = median_of(one.took)
    return {
        "scenario": line(one.scenario, 60), "at": one.at.isoformat(), "told": one.told, "acknowledged": len(one.took),
        "median_seconds": None if took is None else round(took.total_seconds()),
    }  # fmt: skip


def _data(found: Register) -> Json:
    return {
        "since": found.since.isoformat(), "until": found.until.isoformat(), "drills": [_held(one) for one in found.drills],
        "register": _rows(found),
    }  # fmt: skip
