"""A digest as the blocks of a PDF: the same sentences, tables and charts as in the mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.digest import Digest
from monitor.messages.digest import peers, words
from monitor.messages.digest.pictures import pictures
from monitor.messages.digest.ratings import compared, explained, moving, ratings, weeks
from monitor.messages.digest.rows import Count, Row, counts, rows
from monitor.messages.risks import wording
from monitor.messages.times import local
from monitor.model import Json

_LONGEST = 40
_PARTS = ["", "mentions", "positive", "neutral", "negative", "unread", "stars"]


def paper(week: Digest, *, organisation: str, timezone: ZoneInfo, now: datetime, inbox: str) -> dict[str, Json]:
    """What the process that draws is told to lay out. No mention's words are on it: paper lies about."""
    return {
        "kind": "paper",
        "name": "paper",
        "title": f"{organisation}: {words.title(week.period)}",
        "subtitle": words.dates(week.period, timezone),
        "foot": f"{organisation}, {inbox} inbox. Written {local(now, timezone, now)}. "
        + " ".join(words.commands(week, inbox)),
        "blocks": list(_blocks(week, organisation, timezone, now)),
    }


def _blocks(week: Digest, organisation: str, timezone: ZoneInfo, now: datetime) -> Iterator[Json]:
    shown = {one.name: {"picture": one.name, "alt": one.alt} for one in pictures(week)}
    yield {"text": words.said(week, timezone, now)}
    names, table = weeks(week, 6)
    yield from _section("Against the weeks before", compared(week), shown.get("trend"))
    yield {"table": [["", *names], *([one.name, *one.cells] for one in table)] if table else []}
    rated = [[one.name, f"{one.given:,}", one.mean, one.likely, one.before] for one in ratings(week, _LONGEST)]
    if rated:
        yield from _section("Ratings", explained(week), shown.get("ratings"))
        yield {"table": [["", "reviews", "stars", "likely", "before"], *rated]}
    compared_with = peers.voices(week, organisation, _LONGEST)
    if compared_with:
        yield from _section("Competitors", peers.about(week, timezone, now))
        yield {"table": [["", "mentions", "share", "reviews", "stars", "likely"], *map(_voice, compared_with)]}
    yield from _section("Incidents", words.elsewhere(week))
    facts = words.incidents(week, timezone, now)
    yield {"table": [list(pair) for pair in facts]} if facts else {"text": "None was opened, and none is open."}
    yield from _counted("Classes of risk", words.risks(week), counts(_titled(week), _LONGEST))
    yield from _facts("Our replies", words.replied(week))
    for title, note, parts in (
        ("Locations", "", rows(week.by_location, _LONGEST, "locations")),
        ("Themes", moving(week), rows(week.by_theme, _LONGEST, "themes")),
    ):
        if parts:
            yield from _section(title, note)
            yield {"table": [_PARTS, *map(_row, parts)]}
    yield from _section("What we could not see")
    unseen = [words.unseen(one, timezone, now) for one in week.blind]
    unseen += [words.seen_in_part(one, timezone, now) for one in week.partly]
    yield (
        {"table": [[source, f"{when}: {why}"] for source, when, why in unseen]}
        if unseen
        else {"text": words.seen(week)}
    )
    yield from _facts("How often the rules were right", words.records(week, _LONGEST))
    yield from _facts("Also counted", words.also(week))
    yield {"text": words.counted(week, timezone, now)}


def _titled(week: Digest) -> dict[str, int]:
    return {wording(risk).title: many for risk, many in week.by_risk.items()}


def _voice(one: peers.Voice) -> list[str]:
    return [one.name, f"{one.mentions:,}", f"{one.share} %", f"{one.given:,}", one.mean or "-", one.likely or "-"]


def _section(title: str, note: str = "", picture: Json = None) -> Iterator[Json]:
    yield {"heading": title}
    if note:
        yield {"text": note}
    if picture:
        yield picture


def _facts(title: str, facts: list[tuple[str, str]]) -> Iterator[Json]:
    if facts:
        yield {"heading": title}
        yield {"table": [list(pair) for pair in facts]}


def _counted(title: str, note: str, found: list[Count]) -> Iterator[Json]:
    yield from _section(title, note if found else "No risk was found.")
    yield {"table": [[one.name, f"{one.count:,}"] for one in found]}


def _row(one: Row) -> list[str]:
    moods = (one.mentions, one.positive, one.neutral, one.negative, one.unread)
    return [one.name, *(f"{number:,}" for number in moods), one.stars or "-"]
