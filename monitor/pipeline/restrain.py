"""Restrain: what is due passes the limits of its recipient, and what was withheld is told together as soon as it may."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from monitor import restraint
from monitor.pipeline import notices
from monitor.pipeline.line import Line
from monitor.restraint import CEILING, QUIET, WINDOW, Plan, Waiting
from monitor.store import Transaction, log, outbox

_USUAL = 10
"""The ceiling of an inbox that is not configured any more."""


def restrain(line: Line, tx: Transaction, now: datetime) -> None:
    """Decides about all that is due and was not decided before: what is not let through here is not sent."""
    by_recipient: dict[tuple[str | bool, ...], list[Waiting]] = {}
    for one in outbox.unadmitted(tx, now):
        # What a drill says takes no room from what is real, and is not told together with it.
        to = (one.drill, one.channel, one.recipient, "" if one.channel == "email" else one.inbox)
        by_recipient.setdefault(to, []).append(one)
    for waiting in by_recipient.values():
        first = waiting[0]
        inbox = line.config.inboxes.get(first.inbox)
        at_most = inbox.at_most if inbox else _USUAL
        passed = outbox.passed(tx, first, now - WINDOW, now)
        _carry_out(line, tx, waiting, restraint.plan(waiting, passed, at_most, now), now)


def _carry_out(line: Line, tx: Transaction, waiting: Iterable[Waiting], plan: Plan, now: datetime) -> None:
    first = next(iter(waiting))
    if plan.together:  # before the others are let through: it counts what was told before it
        about = sorted({one.incident_id for one in plan.together if one.incident_id is not None})
        quiet = all(one.withheld == QUIET for one in plan.together)
        notices.together(line, tx, plan.together, outbox.told(tx, first, about), after_quiet=quiet, now=now)
    outbox.admit(tx, [one.id for one in plan.admit], now)
    for key, by in plan.superseded.items():
        outbox.told_in(tx, [key], by)
    outbox.put_off(tx, plan.later)
    outbox.put_off(tx, plan.withhold, withheld=CEILING)
    _record(tx, first, [one for one in waiting if one.id in plan.withhold and one.withheld != CEILING], now)


def _record(tx: Transaction, first: Waiting, held: list[Waiting], now: datetime) -> None:
    if held:
        detail = {"messages": len(held), "inbox": first.inbox, "channel": first.channel, "why": CEILING}
        about = sorted({one.incident_id for one in held if one.incident_id is not None})
        log.add(tx, now, "withheld", f"inbox:{first.inbox}", detail | {"incidents": about[:50]})
