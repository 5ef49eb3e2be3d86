"""Drill: a written scenario goes through the line as if it were said, told to real people, marked, and counted nowhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from monitor import rules
from monitor.config import Source
from monitor.connector import Connector, Cursor
from monitor.model import Incident, Outcome, Reason, SourceState, State
from monitor.pipeline import notices
from monitor.pipeline.ingest import ingest
from monitor.pipeline.line import Line
from monitor.pipeline.poll import LEASE
from monitor.pipeline.work import NotPossible
from monitor.rules import Told
from monitor.store import Transaction, drills, holds, incidents, log, mentions, sources
from monitor.store.drills import Drill
from monitor.store.sources import Superseded

_LOOK = 1.0
"""Seconds between two looks at what has come of a drill."""
_DAEMON_BY = timedelta(minutes=1)
"""What was said is judged within seconds: by then, no daemon is at work."""
LONGEST = timedelta(days=1)
"""A drill whose command was killed is ended by the daemon after this time."""


class Scenario(Connector, Protocol):
    """A connector that plays something written, and knows when all of it was said."""

    def over(self, cursor: Cursor) -> bool:
        """Whether a walk that stands here has nothing more to come."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How a drill stands: its incidents, and who was told of them."""

    opened: tuple[Incident, ...]
    told: tuple[drills.Told, ...]

    @property
    def waiting(self) -> int:
        """How many of its incidents nobody has acknowledged."""
        return sum(1 for one in self.opened if one.state is State.OPEN)


@dataclass(frozen=True, slots=True)
class _Going:
    """What the steps of a drill share."""

    line: Line
    drill: Drill
    pause: Callable[[float], Awaitable[None]]
    seen: Callable[[Standing], None]

    async def goes_on(self) -> bool:
        """Whether nobody has ended it meanwhile; shows how it stands."""
        _, standing = await self.line.run(_left, self.line, self.drill)
        self.seen(standing)
        return (await self.line.run(_again, self.line, self.drill)).ended_at is None


async def play(
    line: Line,
    scenario: Scenario,
    name: str,
    *,
    labels: Mapping[str, str],
    by: str,
    patience: timedelta,
    pause: Callable[[float], Awaitable[None]],
    seen: Callable[[Standing], None] = lambda _standing: None,
) -> Drill:
    """Plays a scenario and waits until every incident of it is acknowledged, at most for `patience` after its last word;
    then, or however else it ends, clears up. The daemon judges and sends, as it does with what is real. `seen` is shown how
    it goes. Returns the drill with what came of it. Raises NotPossible where one goes on already or no daemon judges, and
    PollError for a scenario that cannot be read."""
    async for _ in scenario.poll({}, line.now()):
        break  # one that cannot be read is no drill
    begun: list[Drill] = []  # whoever is stopped while it begins has begun it all the same
    done = False
    try:
        await line.run(lambda: begun.append(_begin(line, name, by)))
        going = _Going(line, begun[0], pause, seen)
        await _say(going, scenario, labels)
        done = await _wait(going, patience)
    finally:
        over = await line.run(lambda: end(line, by, cancelled=not done, only=begun[0])) if begun else None
    return await line.run(_again, line, begun[0]) if over is None else over


def _begin(line: Line, name: str, by: str) -> Drill:
    now = line.now()
    with line.database.write() as tx:
        incidents.one_judge(tx)
        going = drills.going(tx)
        if going is not None:
            raise NotPossible(f"drill {going.id} goes on; end it with `wellheard drill --cancel`")
        drill = drills.begin(tx, name, by, now)
        sources.rehearse(tx, drill.source, now)
        log.add(tx, now, "drill_begun", f"drill:{drill.id}", {"scenario": name}, actor=by or "somebody")
        return drill


async def _say(going: _Going, scenario: Scenario, labels: Mapping[str, str]) -> None:
    line, name = going.line, going.drill.source
    source = Source.model_construct(
        name=name, connector="scenario", backfill=timedelta(days=3650), labels=dict(labels), topics=()
    )
    others = line.connectors
    line.connectors = lambda wanted: scenario if wanted == name else others(wanted)
    cursor: Cursor = {}
    while True:
        with suppress(Superseded):  # a daemon that starts frees every lease: what was said is handed over again
            cursor = await _walk(line, source, scenario, cursor)
        if not await going.goes_on() or (cursor and scenario.over(cursor)):
            return
        await going.pause(_LOOK)


async def _walk(line: Line, source: Source, scenario: Scenario, cursor: Cursor) -> Cursor:
    def take() -> None:
        now = line.now()
        with line.database.write() as tx:
            sources.claim_one(tx, source.name, now, lease=line.lease, until=now + LEASE)

    await line.run(take)
    state = await line.run(_state, line, source.name)
    if state is None:
        return cursor  # somebody has cancelled it
    async for page in scenario.poll(cursor, line.now() - source.backfill):
        if page.mentions or page.gone:
            await line.run(ingest, line, source, state, page, lease_for=LEASE)
        cursor = page.cursor or cursor
    return cursor


async def _wait(going: _Going, patience: timedelta) -> bool:
    """Whether it came to its end: all acknowledged, or nobody for so long."""
    line = going.line
    last = line.now()
    while await going.goes_on():
        left, standing = await line.run(_left, line, going.drill)
        waited = line.now() - last
        if left and waited >= _DAEMON_BY:
            raise NotPossible(
                "nothing of it was judged within a minute: is the daemon running? Start it, and try again"
            )
        if not left and (waited >= patience or not standing.waiting):
            return True
        await going.pause(_LOOK)
    return False


def _left(line: Line, drill: Drill) -> tuple[int, Standing]:
    with line.database.read() as tx:
        return drills.unjudged(tx), Standing(tuple(drills.opened(tx, drill)), tuple(drills.told(tx, drill)))


def _again(line: Line, drill: Drill) -> Drill:
    with line.database.read() as tx:
        return next(one for one in drills.held(tx, drill.started_at) if one.id == drill.id)


def _state(line: Line, name: str) -> SourceState | None:
    with line.database.read() as tx:
        return sources.one(tx, name)


def end(
    line: Line, by: str, *, cancelled: bool, before: datetime | None = None, only: Drill | None = None
) -> Drill | None:
    """Ends the drill that goes on and clears up after it: its incidents are resolved and those who were told are told so,
    what was not sent yet is not sent, and what it said is deleted. None where none goes on, it began after `before`, or it
    is another than `only`."""
    now = line.now()
    with line.database.write() as tx:
        incidents.one_judge(tx)
        drill = drills.going(tx)
        if drill is None or (before is not None and drill.started_at > before) or (only and only.id != drill.id):
            return None
        told = drills.told(tx, drill)
        drills.hush(tx)
        holds.removing(tx)
        sources.remove(tx, drill.source)  # first: a page that is being stored is waited for, or finds no source
        mentions.delete(tx, mentions.of_source(tx, drill.source))
        for one in drills.opened(tx, drill):
            if one.state is not State.RESOLVED:
                _resolve(line, tx, one, now)
        drills.end(tx, drill, told, now, cancelled=cancelled)
        detail = {"cancelled": cancelled, "told": len(told), "acked": sum(1 for one in told if one.acked_at)}
        log.add(tx, now, "drill_ended", f"drill:{drill.id}", detail, actor=by or "somebody")
        return replace(drill, told=tuple(told), ended_at=now, cancelled=cancelled)


def _resolve(line: Line, tx: Transaction, incident: Incident, now: datetime) -> None:
    over = replace(rules.resolved(incident, now), outcome=Outcome.DRILL, step=incident.step + 1)
    incidents.save(tx, over)
    log.add(tx, now, "resolved", f"incident:{incident.id}", {"outcome": Outcome.DRILL.value})
    if over.told_at is not None:
        notices.incident(line, tx, over, Told(Reason.RESOLVED, over.inboxes), now)
