"""Report: the digest that is due, once for each recipient and week, whatever crashes and clock changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from monitor import charts, clocks, digest, messages, timing
from monitor.config import Inbox
from monitor.digest import Digest, Held, Register
from monitor.model import Incident, Message, Reason, State
from monitor.pipeline import notices
from monitor.pipeline.line import Line
from monitor.store import Transaction, drills, incidents, mentions, outbox, rechecks, sources, weeks
from monitor.timing import Period

say = structlog.get_logger()


async def report(line: Line) -> int:
    """Writes the digest that is due, if it has not been written yet. Returns how many notifications were added.

    A week of many mentions takes seconds to count and its charts take seconds to draw: both are done beside the thread
    that writes, so that polling goes on."""
    now = line.now()
    week = await asyncio.to_thread(due, line, now)
    if week is None:
        return 0
    pictures = await illustrated(week)
    return await line.run(lambda: send(line, week, now, pictures))


def due(line: Line, now: datetime) -> Digest | None:
    """The numbers of the week that is due; None where none is, or where it was written before."""
    period = _due(line, now) if line.config.digest.inboxes else None
    if period is None:
        return None
    with line.database.read() as tx:
        if outbox.exists(tx, f"digest/{period.name}/"):
            return None
        return numbers(tx, period, now, line.config.timezone, peers(line))


async def illustrated(week: Digest) -> dict[str, str]:
    """The week's charts, in base64 by name. None where they cannot be drawn: a digest without pictures is a digest."""
    try:
        return await charts.drawn([one.wanted for one in messages.pictures(week)])
    except charts.DrawingError as error:
        say.warning("not_drawn", period=week.period.name, error=str(error))
        return {}


def _due(line: Line, now: datetime) -> Period | None:
    """The latest week that is due and in which we were already watching; missed older ones are not sent late."""
    with line.database.read() as tx:
        first = line.config.digest.first
        begun = sources.begun(tx)
        if begun is None:
            return None
        at = line.config.digest.at
        period = timing.last_due_week(at.weekday, at.time, now, line.config.timezone)
        if begun < period.until:
            return period
        if first is not None and now >= begun + first:
            return timing.so_far(begun, now)
    return None


def numbers(
    tx: Transaction,
    period: Period,
    now: datetime,
    timezone: ZoneInfo | None = None,
    peers: Mapping[str, str] | None = None,
) -> Digest:
    """The numbers of a period, as far as it has gone by `now`, from stored rows alone. Without a `timezone` it is
    compared with no week before, since nobody knows when that began. `peers` are the sources that watch a competitor."""
    since, until = period.since, period.until
    earlier = timing.weeks_before(period, 4, timezone) if timezone else []
    return digest.build(
        period,
        mentions=mentions.listed(tx, since=since, until=until, order="risk"),  # which leaves out the calm ones
        calm=weeks.calm(tx, since, until),
        incidents=[
            *incidents.listed(tx, None, since=min(since, until - digest.JUDGED_FOR)),
            *incidents.listed(tx, [State.OPEN, State.ACKED]),
        ],
        sources=sources.every(tx),
        notifications=outbox.failed_since(tx, since),
        rechecks=rechecks.every(tx),
        before=[(week, weeks.alike(tx, week.since, week.until)) for week in earlier],
        replies=weeks.replies(tx, since, until),
        unanswered=weeks.unanswered(tx, since, until),
        answered=weeks.answered(tx, since, until),
        withheld=weeks.withheld(tx, since, until),
        clocks=_clocks,
        peers=peers,
        drills=len(_drills(tx, since, until)),
        now=now,
    )


def peers(line: Line) -> dict[str, str]:
    """The sources that watch a competitor, each with its name."""
    return {name: one.peer for name, one in line.config.sources.items() if one.peer}


def _clocks(one: Incident) -> Iterator[tuple[str, datetime]]:
    """The deadlines that a law has given an incident: what must be done, by when."""
    for deadline in clocks.deadlines(one):
        yield deadline.what, deadline.due_at


def register(line: Line, tx: Transaction, until: datetime) -> Register:
    """The register of the 13 weeks before `until`, from stored rows alone."""
    since = until - 2 * digest.QUARTER
    owners: dict[str, tuple[str, ...]] = {}
    for rule in line.rules.values():
        if rule.risk is not None:
            owners[rule.risk] = tuple(dict.fromkeys((*owners.get(rule.risk, ()), *rule.inboxes)))
    return digest.register(
        until,
        mentions=mentions.listed(tx, since=since, until=until, order="risk"),
        incidents=[
            *incidents.listed(tx, None, since=until - digest.QUARTER),
            *incidents.listed(tx, [State.OPEN, State.ACKED]),
        ],
        owners=owners,
        appetite=(line.config.appetite.notify, line.config.appetite.urgent),
        begun=sources.begun(tx),
        drills=_drills(tx, until - digest.QUARTER, until),
    )


def _drills(tx: Transaction, since: datetime, until: datetime) -> list[Held]:
    """The drills that began between `since` and `until` and were held to their end."""
    return [
        Held(
            scenario=one.scenario,
            at=one.started_at,
            told=sum(told.told_at is not None for told in one.told),
            took=tuple(told.took for told in one.told if told.took is not None),
        )
        for one in drills.held(tx, since, until)
        if one.ended_at is not None and not one.cancelled
    ]


def send(line: Line, week: Digest, now: datetime, pictures: Mapping[str, str] | None = None) -> int:
    """Puts a digest into the outbox, once for each recipient and period however often it is asked for."""

    def message(inbox: Inbox) -> Message:
        return render(line, week, inbox.name, now, pictures)

    key = f"digest/{week.period.name}"
    with line.database.write() as tx:
        written = notices.write(line, tx, line.config.digest.inboxes, Reason.DIGEST, message, key=key, now=now)
    if written:
        say.info("digest", period=week.period.name, notifications=written)
    return written


def render(line: Line, week: Digest, inbox: str, now: datetime, pictures: Mapping[str, str] | None = None) -> Message:
    """The digest as one inbox gets it: what it is told of, as much of each mention as its `detail` allows, with the
    `pictures` that were drawn."""
    config = line.config
    return messages.digest(
        own_cut(line, week, inbox, now),
        organisation=config.organisation,
        timezone=config.timezone,
        now=now,
        inbox=inbox,
        detail=config.inbox(inbox).detail,
        ours=(*config.brands, *config.people),
        drawn=pictures,
    )


def own_cut(line: Line, week: Digest, inbox: str, now: datetime) -> Digest:
    """The week with those classes of risk and incidents alone that an inbox is told of."""
    sees = line_of_sight(line, inbox)
    return week if sees is None else digest.cut(week, inbox=inbox, sees=sees, now=now)


def line_of_sight(line: Line, inbox: str) -> Callable[[str], bool] | None:
    """Whether an inbox sees a class of risk: where a rule tells it of that class. None: risk sees everything, and so does
    whoever is the only one."""
    if inbox == "risk" or "risk" not in line.config.inboxes:
        return None
    classes = {rule.risk for rule in line.rules.values() if inbox in rule.inboxes}
    return classes.__contains__
