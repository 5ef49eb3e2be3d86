"""The embedded engine: APScheduler says when to look, the database says what there is to do."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.model import SourceState
from monitor.pipeline import Line, deliver, judge, poll, recheck_due, report, retain
from monitor.pipeline.deliver import finish
from monitor.pipeline.drill import LONGEST, end
from monitor.pipeline.poll import claim
from monitor.pipeline.recheck import any_due
from monitor.store import StoreError, incidents, outbox, sources
from monitor.systemd import Systemd
from monitor.timing import next_poll

say = structlog.get_logger()

_POLLS_AT_ONCE = 32
_STUCK_AFTER = timedelta(minutes=5)
"""Work that is due for longer than this means that the line does not do its job, whatever the process looks like."""
_SHIFT = 10.0
"""Seconds after which a look that always finds more to send ends all the same, so that the watchdog sees it pass."""
_SILENT_AFTER = 120.0
"""Seconds after which a step that has not ended once counts as hung."""


@dataclass(slots=True, kw_only=True)
class Engine:
    """A running daemon: its line, what it has in hand, and when each step last got through."""

    line: Line
    client: httpx.AsyncClient
    systemd: Systemd
    watchdog: timedelta | None
    monotonic: Callable[[], float]
    polling: set[asyncio.Task[None]] = field(default_factory=set)
    rechecking: set[asyncio.Task[None]] = field(default_factory=set)
    passed: dict[str, float] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    looking: set[asyncio.Task[None] | None] = field(default_factory=set)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    judging: asyncio.Lock = field(default_factory=asyncio.Lock)


async def serve(engine: Engine) -> None:
    """Runs until SIGTERM or SIGINT: then nothing new is begun, what is in hand ends or is given back. A second signal
    goes at once, and still loses nothing."""
    line = engine.line
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a look that is skipped is made up for by the next
    _listen(engine)
    await line.run(begin, line)
    clock = _clock(engine)
    clock.start()
    engine.systemd.ready()
    say.info("started", sources=len(line.config.sources), database=line.database.url.get_backend_name())
    await engine.stopping.wait()
    await _drain(engine, clock)


def begin(line: Line) -> None:
    """Takes the database for this process and makes its sources those of the configuration."""
    line.database.claim_daemon()
    now = line.now()
    wanted = {name: source for name, source in line.config.sources.items() if source.enabled}
    # A new source is looked at soon, but not all of them in the same second.
    due = {name: min(next_poll(name, source.every, now), now + timedelta(minutes=1)) for name, source in wanted.items()}
    if len(wanted) <= _POLLS_AT_ONCE:
        due = dict.fromkeys(wanted, now)
    platforms = {name: source.connector for name, source in wanted.items()}
    with line.database.write() as tx:
        sources.sync(tx, platforms, due, now)
        if line.database.sqlite:
            sources.free_all(tx)
            outbox.free_all(tx)


def _listen(engine: Engine) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, engine)


def _stop(engine: Engine) -> None:
    if engine.stopping.is_set():
        for task in (*engine.polling, *engine.rechecking, *engine.line.sending):
            task.cancel()
    engine.stopping.set()


def _clock(engine: Engine) -> AsyncIOScheduler:
    """One job for each thing to look at. Nothing is remembered here: a missed look is made up for by the next."""
    clock = AsyncIOScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    looks: dict[str, tuple[Callable[[Engine], Awaitable[None]], float]] = {
        "poll": (_look_for_polls, 1),
        "deliver": (_look_for_deliveries, 1),
        "judge": (_judge, 5),
        "report": (_look_for_digest, 10),
        "recheck": (_look_for_rechecks, 60),
        "retain": (_retain, 3600),
    }
    if engine.watchdog is not None:
        looks["watchdog"] = (_watchdog, engine.watchdog.total_seconds() / 3)
    if engine.line.config.heartbeat is not None:
        looks["heartbeat"] = (_heartbeat, 60)
    for name, (look, seconds) in looks.items():
        first = datetime.now(UTC) + timedelta(minutes=10 if name == "retain" else 0)
        clock.add_job(_guarded, "interval", seconds=seconds, args=(engine, name, look), id=name, next_run_time=first)
    return clock


async def _guarded(engine: Engine, name: str, look: Callable[[Engine], Awaitable[None]]) -> None:
    """The one wrapper around every look: a fault is logged and the others go on."""
    if engine.stopping.is_set():
        return
    task = asyncio.current_task()
    engine.looking.add(task)
    try:
        await look(engine)
    except Exception as error:  # noqa: BLE001  # whatever it was, the next look may succeed
        if name not in engine.broken:
            say.error("look_failed", look=name, exc_info=error)
        engine.broken.add(name)
    else:
        engine.passed[name] = engine.monotonic()
        if name in engine.broken:
            engine.broken.discard(name)
            say.info("look_recovered", look=name)
    finally:
        engine.looking.discard(task)


async def _look_for_polls(engine: Engine) -> None:
    free = _POLLS_AT_ONCE - len(engine.polling)
    if free <= 0 or not await engine.line.run(_any_source_due, engine.line):
        return
    for state in await engine.line.run(claim, engine.line, free):
        look = partial(_poll, state=state)
        task = asyncio.create_task(_guarded(engine, f"poll {state.name}", look), name=f"poll {state.name}")
        engine.polling.add(task)
        task.add_done_callback(engine.polling.discard)


def _any_source_due(line: Line) -> bool:
    with line.database.read() as tx:
        return sources.any_due(tx, line.now())


async def _poll(engine: Engine, state: SourceState) -> None:
    done = await poll(engine.line, state)
    if done.new or done.changed or (done.error is None) != (state.failures == 0):
        await _judge(engine)


async def _look_for_rechecks(engine: Engine) -> None:
    """Rechecks go beside the polls and are as easily stopped: what one of them has not confirmed, the next one will."""
    if engine.rechecking or not await engine.line.run(any_due, engine.line):
        return
    task = asyncio.create_task(_guarded(engine, "rechecks", _recheck), name="rechecks")
    engine.rechecking.add(task)
    task.add_done_callback(engine.rechecking.discard)


async def _recheck(engine: Engine) -> None:
    done = await recheck_due(engine.line)
    if any(one.changed for one in done.values()):
        await _judge(engine)


async def _judge(engine: Engine) -> None:
    async with engine.judging:
        said = await engine.line.run(judge, engine.line)
    if said:
        await deliver(engine.line)


async def _look_for_deliveries(engine: Engine) -> None:
    """Sends what is due and fills every hand again as soon as it is free: by looks alone, a storm would queue up."""
    line = engine.line
    until = engine.monotonic() + _SHIFT
    while not engine.stopping.is_set() and await line.run(_anything_to_send, line):
        await deliver(line)
        if not line.sending or engine.monotonic() >= until:
            return
        await asyncio.wait(line.sending, timeout=1, return_when=asyncio.FIRST_COMPLETED)


def _anything_to_send(line: Line) -> bool:
    with line.database.read() as tx:
        due = outbox.next_due(tx)
    return due is not None and due <= line.now()


async def _look_for_digest(engine: Engine) -> None:
    if await report(engine.line):
        await deliver(engine.line)


async def _retain(engine: Engine) -> None:
    line = engine.line
    await line.run(retain, line)
    # Its command was killed: nobody else would tell people that it is over.
    await line.run(lambda: end(line, "", cancelled=True, before=line.now() - LONGEST))


async def _watchdog(engine: Engine) -> None:
    """A sign of life only if every step got through lately and the database answers. Other people's servers do not
    count: their outage must not become our restarts."""
    hung = [name for name in ("poll", "deliver", "judge") if _age(engine, name) > _SILENT_AFTER]
    async with asyncio.timeout(30):
        waiting = await engine.line.run(stuck, engine.line)
    if hung:
        say.error("hung", looks=hung)
        return
    engine.systemd.watchdog()
    engine.systemd.status("working" if not waiting else f"degraded: {waiting}")


def _age(engine: Engine, name: str) -> float:
    now = engine.monotonic()
    return now - engine.passed.setdefault(name, now)


def stuck(line: Line) -> str:
    """What has been due for too long, in words; empty where the line does its job."""
    before = line.now() - _STUCK_AFTER
    with line.database.read() as tx:
        counts = {"notifications": outbox.overdue(tx, before), "incidents": incidents.overdue(tx, before)}
    return ", ".join(f"{count} {name} overdue" for name, count in counts.items() if count)


async def _heartbeat(engine: Engine) -> None:
    """Tells an outside watcher that all is well, and by its silence that it is not: a dead host says nothing."""
    url = engine.line.config.heartbeat
    waiting = await engine.line.run(stuck, engine.line)
    if url is None or waiting:
        return
    try:
        await engine.client.get(url.reveal())
    except httpx.HTTPError as error:
        say.warning("heartbeat_failed", reason=type(error).__name__)


_DRAIN = 25.0
"""Seconds for what is in hand at a stop; the unit grants more than this."""


async def _drain(engine: Engine, clock: AsyncIOScheduler) -> None:
    engine.systemd.stopping()
    clock.pause()
    for task in (*engine.polling, *engine.rechecking):
        task.cancel()
    # APScheduler would cancel a look half-way: let them end first.
    if looking := [task for task in engine.looking if task is not None]:
        await asyncio.wait(looking, timeout=_DRAIN)
    try:
        async with asyncio.timeout(_DRAIN):
            await finish(engine.line)
    except TimeoutError:
        for task in list(engine.line.sending):
            task.cancel()
        await finish(engine.line)
    await engine.line.run(_let_go, engine.line)
    clock.shutdown(wait=False)
    say.info("stopped")


def _let_go(line: Line) -> None:
    """Gives back what was claimed and then not begun, because the stop came in between: others need not wait for it."""
    with suppress(StoreError), line.database.write() as tx:
        sources.free_all(tx, line.lease)
        outbox.free_all(tx, line.lease)
