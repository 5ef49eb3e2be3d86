"""Deliver: claim a lease, send, mark. At least once, always under the same id, and no channel waits for another."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import structlog

from monitor import timing
from monitor.channels import Channel, DeliveryError
from monitor.model import Level, Notification
from monitor.pipeline import notices
from monitor.pipeline.line import Line
from monitor.pipeline.restrain import restrain
from monitor.store import Transaction, log, outbox

say = structlog.get_logger()

SEND_DEADLINE = timedelta(seconds=45)
LEASE = timedelta(seconds=90)
"""Longer than a send may take, so that a second worker never sends what the first still holds."""
_HANDS, _HANDS_PER_CHANNEL = 32, 4


async def deliver(line: Line) -> int:
    """Starts sending what is due, as many at once as there are free hands, and returns how many were started.
    `line.sending` holds the tasks; `finish` waits for them."""
    started = 0
    while (free := _HANDS - len(line.sending)) > 0:
        held = Counter(line.sending.values())
        busy = [pair for pair, count in held.items() if count >= _HANDS_PER_CHANNEL]
        due = await line.run(_claim, line, min(free, _HANDS_PER_CHANNEL), busy)
        for one in due:
            _start(line, one)
        started += len(due)
        if not due:
            break
    return started


def _start(line: Line, one: Notification) -> None:
    task = asyncio.create_task(_send(line, one), name=f"send {one.id}")
    line.sending[task] = (one.inbox, one.channel)
    task.add_done_callback(lambda done: line.sending.pop(done, None))


async def deliver_all(line: Line) -> int:
    """Sends all that is due now and waits for it. Returns how many sends were tried."""
    tried = 0
    while True:
        held = bool(line.sending)  # one that ends while the others are claimed may have written the next
        started = await deliver(line)
        tried += started
        if line.sending:
            await asyncio.wait(line.sending, return_when=asyncio.FIRST_COMPLETED)
        elif not started and not held:
            return tried


async def finish(line: Line) -> None:
    """Waits for the sends in hand."""
    if line.sending:
        await asyncio.wait(list(line.sending))


def _claim(line: Line, limit: int, busy: list[tuple[str, str]]) -> list[Notification]:
    now = line.now()
    with line.database.write() as tx:
        restrain(line, tx, now)
        due = outbox.claim(tx, now, lease=line.lease, until=now + LEASE, limit=limit, busy=busy)
    line.reach("after_claim")
    return due


async def _send(line: Line, one: Notification) -> None:
    try:
        channel = _channel(line, one)
        line.reach("before_send")
        async with asyncio.timeout(SEND_DEADLINE.total_seconds()):
            await channel.send(one)
    except asyncio.CancelledError:
        await line.run(_give_back, line, one)
        raise
    except DeliveryError as error:
        await line.run(_not_sent, line, one, error)
    except TimeoutError:
        await line.run(_not_sent, line, one, DeliveryError("no answer in time", permanent=False))
    except Exception as error:  # noqa: BLE001  # whatever one channel raises, the notification is kept and tried again
        say.error("send_broke", id=one.id, channel=one.channel, exc_info=error)
        fault = DeliveryError(f"the channel has a fault ({type(error).__name__})", permanent=False)
        await line.run(_not_sent, line, one, fault)
    else:
        line.reach("after_send")
        await line.run(_sent, line, one)


def _channel(line: Line, one: Notification) -> Channel:
    channel = line.channels.get((one.inbox, one.channel))
    if channel is None:
        raise DeliveryError(f"inbox {one.inbox} has no {one.channel} any more", permanent=True)
    return channel


def _sent(line: Line, one: Notification) -> None:
    now = line.now()
    with line.database.write() as tx:
        if outbox.sent(tx, one, now):
            outbox.accept(tx, one)
            log.add(tx, now, "sent", f"notification:{one.id}", _facts(one))
    line.reach("after_mark")
    say.info("notified", id=one.id, reason=one.reason.value, inbox=one.inbox, channel=one.channel)


def _not_sent(line: Line, one: Notification, error: DeliveryError) -> None:
    """Puts off a notification that failed, or gives it up; either way somebody hears of it while it still matters."""
    now = line.now()
    attempts = one.attempts + 1
    again = None if error.permanent else timing.retry(one.id, attempts, error.wait, now)
    elsewhere = again is None
    if again is not None:
        again, elsewhere = timing.failover(one.failing_since or now, again, error.wait, now)
    with line.database.write() as tx:
        if again is None:
            held = outbox.failed(tx, one, now, str(error))
        else:
            held = outbox.later(tx, one, again, str(error), now)
        if not held:
            return
        detail = _facts(one) | {"attempt": attempts, "error": str(error)}
        log.add(tx, now, "failed" if again is None else "delayed", f"notification:{one.id}", detail)
        if elsewhere:
            elsewhere_too(line, tx, one, error, now)
    if attempts == 1 or again is None:
        say.warning("delivery_failed", id=one.id, channel=one.channel, given_up=again is None, reason=str(error))


def elsewhere_too(line: Line, tx: Transaction, one: Notification, error: DeliveryError, now: datetime) -> None:
    """What does not get through goes by the inbox's standby; where there is none, or a person must mend it, somebody is
    told."""
    why = str(error)
    if error.gone and outbox.refuse(tx, one, why, now):
        log.add(tx, now, "refused", f"inbox:{one.inbox}", {"channel": one.channel, "why": why})
        why += "; nothing more is sent there until the address is corrected, or a replay gets through"
    taken = notices.stand_in(line, tx, one, now)
    if error.permanent or (not taken and _urgent(one)):
        notices.undelivered(line, tx, one, why, now)


def _urgent(one: Notification) -> bool:
    level = one.message.headers.get("X-Wellheard-Level", Level.INFO.value)
    return Level(level).rank >= Level.URGENT.rank


def _give_back(line: Line, one: Notification) -> None:
    with line.database.write() as tx:
        outbox.release(tx, one)


def _facts(one: Notification) -> dict[str, object]:
    facts: dict[str, object] = {"reason": one.reason.value, "inbox": one.inbox, "channel": one.channel}
    return facts | ({"incident": one.incident_id} if one.incident_id is not None else {})
