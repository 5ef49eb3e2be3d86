"""Commands about where people speak: sources, connectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor import connector, rules
from monitor.cli import shapes
from monitor.cli.frame import DONE, FAILED, Asked, command, now, opened
from monitor.cli.screen import Column, Screen
from monitor.model import SourceState
from monitor.pipeline import Line
from monitor.store import sources

_SOURCES = (
    Column("name", most=24),
    Column("platform", least=100),
    Column("state"),
    Column("polled_at", "last poll", least=60),
    Column("next", "next poll", least=90),
    Column("mentions", right=True),
    Column("failing_since", least=110),
    Column("error", "why", fills=True, least=60),
)


@command("sources")
def list_sources(asked: Asked) -> int:
    """Show how each source is doing.

    Last poll and next one, failing since when and why, silent or not. Exit code 1 when one is failing or silent."""
    with opened(asked) as line:
        with line.database.read() as tx:
            there = {one.name: one for one in sources.every(tx, active=False)}
        rows = [
            shapes.source(name, one.connector, state_of(line, name, there.get(name)), there.get(name))
            for name, one in line.config.sources.items()
        ]
    if asked.json:
        asked.lines(rows)
    else:
        screen = asked.screen()
        shown = [{**row, "next": _next(row, screen)} for row in rows]
        screen.table(shown, _SOURCES, empty="no sources: the configuration has no [sources.NAME]")
    return FAILED if any(row["state"] in {"failing", "silent"} for row in rows) else DONE


def _next(row: Mapping[str, Any], screen: Screen) -> str | None:
    return screen.due(row["next_poll_at"]) if row["next_poll_at"] and row["state"] != "disabled" else None


def state_of(line: Line, name: str, known: SourceState | None) -> str:
    """How a source is doing: ok, failing, silent, disabled, or not polled yet."""
    source = line.config.sources.get(name)
    if source is None or not source.enabled:
        return "disabled"
    if known is None:
        return "not polled yet"
    found = {breach.rule for breach in rules.source_breaches(known, line.now(), quiet_after=source.quiet_after)}
    if known.failing_since is not None:
        return "failing"
    return "silent" if rules.SOURCE_QUIET in found else "ok" if known.polled_at else "not polled yet"


@command("connectors")
def list_connectors(asked: Asked) -> int:
    """Show what each connector can and cannot see."""
    rows = []
    for name in connector.names():
        access = connector.load(name).access
        rows.append({"connector": name, "access": access.kind, "sees": access.sees, "blind_to": access.blind_to,
                     "own_replies": access.own_replies, "terms": access.terms,
                     "retention_days": access.retention.days if access.retention else None})  # fmt: skip
    if asked.json:
        asked.lines(rows)
        return DONE
    screen = Screen.anywhere(now())
    for row in rows:
        screen.heading(f"{row['connector']} ({row['access']})")
        kept = row["retention_days"]
        screen.facts(
            [("sees", row["sees"]), ("blind to", row["blind_to"]), ("own replies", row["own_replies"]),
             ("terms", row["terms"]), ("kept for", kept and f"{kept} days at most")],
            indent=2,
        )  # fmt: skip
    return DONE


COMMANDS = (list_sources, list_connectors)
