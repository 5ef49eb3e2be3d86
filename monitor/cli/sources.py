"""Commands about where people speak: sources, connectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor import connector, rules
from monitor.cli import shapes
from monitor.cli.frame import DONE, FAILED, Asked, command, now, opened
from monitor.cli.screen import Column, Screen
from monitor.connector import Access
from monitor.messages import lasting
from monitor.model import Json, SourceState
from monitor.pipeline import Line
from monitor.store import rechecks, sources

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

    Last poll and next one, failing since when and why, silent or not, and what the last whole walk could not see. Exit code
    1 when one is failing or silent."""
    with opened(asked) as line:
        with line.database.read() as tx:
            there = {one.name: one for one in sources.every(tx, active=False)}
            checked = rechecks.every(tx)
        rows = [
            shapes.source(
                name, one.connector, state_of(line, name, there.get(name)), there.get(name), checked.get(name)
            )
            for name, one in line.config.sources.items()
        ]
    if asked.json:
        asked.lines(rows)
    else:
        screen = asked.screen()
        shown = [{**row, "next": _next(row, screen)} for row in rows]
        screen.table(shown, _SOURCES, empty="no sources: the configuration has no [sources.NAME]")
        if partly := [(row["name"], said) for row in rows for said in _unseen(row, screen)]:
            screen.heading("what they could not see")
            screen.facts(partly, indent=2)
    return FAILED if any(row["state"] in {"failing", "silent"} for row in rows) else DONE


def _unseen(row: Mapping[str, Any], screen: Screen) -> list[str]:
    """The warnings of a source, and that what is deleted or edited there is not noticed here."""
    said = list(row["warnings"])
    if row["recheck_error"]:
        said.append(f"not rechecked since {screen.moment(row['recheck_failing_since'])}: {row['recheck_error']}")
    return said


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
    """Show what each connector can and cannot see.

    And what it needs, costs and may ask, and what its terms let nobody keep."""
    found = {name: connector.load(name).access for name in connector.names()}
    if asked.json:
        asked.lines(shapes.connector(name, access) for name, access in found.items())
        return DONE
    screen = Screen.anywhere(now())
    for name, access in found.items():
        screen.heading(f"{name} ({access.kind})")
        screen.facts(_facts(access), indent=2)
    return DONE


def _facts(access: Access) -> list[tuple[str, Json]]:
    return [
        ("sees", access.sees), ("blind to", access.blind_to), ("own replies", access.own_replies),
        ("needs", access.needs), ("costs", access.costs), ("limits", access.limits), ("terms", access.terms),
        ("kept for", access.retention and f"{lasting(access.retention)} at most"),
        ("looked up again", access.recheck and f"every {lasting(access.recheck)}"),
        ("emptied", access.refresh and f"when nothing confirmed it for {lasting(access.refresh)}"),
        ("unconfirmed", "; ".join(access.unconfirmed)),
    ]  # fmt: skip


COMMANDS = (list_sources, list_connectors)
