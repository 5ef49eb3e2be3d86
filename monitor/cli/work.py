"""Commands with which people work: ack, assign, note, resolve, silence, unsilence, replay."""

from __future__ import annotations

from datetime import timedelta

import click

from monitor.cli.frame import DONE, Asked, command, opened
from monitor.cli.screen import many
from monitor.cli.story import by_beginning
from monitor.cli.typed import BY, NOTE, Id, Name, Span, Words
from monitor.model import Incident, Outcome, State
from monitor.pipeline import Line, work
from monitor.store import incidents, removals


@command("ack")
@click.argument("incident", type=Id())
@BY
@NOTE
def ack(asked: Asked, incident: int, *, by: str, note: str) -> int:
    """Take an incident on: nobody else is called."""
    with opened(asked) as line:
        before = _now(line, incident)
        done = work.ack(line, incident, by=by, note=note)
    already = before is not None and before.state is State.ACKED
    how = "was acknowledged already" if already else "is acknowledged"
    whose = f"; it is with {done.assignee}" if done.assignee else ""
    asked.say(f"incident {incident} {how}{whose}", id=incident, state=done.state.value, by=by, already=already,
              assignee=done.assignee, acked_at=done.acked_at)  # fmt: skip
    return DONE


def _now(line: Line, incident: int) -> Incident | None:
    with line.database.read() as tx:
        return incidents.one(tx, incident)


@command("assign")
@click.argument("incident", type=Id())
@click.argument("name", type=Name())
@BY
def assign(asked: Asked, incident: int, name: str, *, by: str) -> int:
    """Make an incident somebody's. It is no acknowledgement."""
    if not name:
        raise click.UsageError("NAME is empty")
    with opened(asked) as line:
        work.assign(line, incident, name, by=by)
    asked.say(f"incident {incident} is with {name}", id=incident, assignee=name, by=by)
    return DONE


@command("note")
@click.argument("incident", type=Id())
@click.argument("words", metavar="TEXT", type=Words())
@BY
def note(asked: Asked, incident: int, words: str, *, by: str) -> int:
    """Write something into the timeline of an incident."""
    if not words:
        raise click.UsageError("TEXT is empty")
    with opened(asked) as line:
        work.note(line, incident, words, by=by)
    asked.say(f"incident {incident} has a note", id=incident, note=words, by=by)
    return DONE


@command("resolve")
@click.argument("incident", type=Id())
@click.option(
    "--outcome",
    type=click.Choice([one.value for one in Outcome if one is not Outcome.DRILL]),
    required=True,
    help="How it ended.",
)
@BY
@NOTE
def resolve(asked: Asked, incident: int, *, outcome: str, by: str, note: str) -> int:
    """End an incident; those who were told of it are told."""
    with opened(asked) as line:
        work.resolve(line, incident, Outcome(outcome), by=by, note=note)
        up = _still_up(line, incident) if outcome == Outcome.REMOVED.value else 0
    more = (
        f"; but {many(up, 'mention')} of it {'was' if up == 1 else 'were'} still up when last looked at" if up else ""
    )
    asked.say(
        f"incident {incident} is resolved: {outcome}{more}",
        id=incident,
        still_up=up,
        state="resolved",
        outcome=outcome,
        by=by,
    )
    return DONE


def _still_up(line: Line, incident: int) -> int:
    """How many of its mentions were to go and are still there, as far as is known."""
    with line.database.read() as tx:
        return max(removals.up(tx, incident), len(removals.awaited(tx, incident)))


@command("silence")
@click.argument("rule")
@click.option("--group", type=Name(), help="Only for this group, such as a location; default is all of them.")
@click.option("--for", "span", type=Span(), required=True, help="For how long, such as 2h.")
@click.option("--why", type=Words(), required=True, metavar="TEXT", help="The reason.")
@BY
def silence(asked: Asked, rule: str, *, group: str | None, span: timedelta, why: str, by: str) -> int:
    """Keep a rule quiet for a while.

    Its incidents are opened and counted, and nobody is told before the silence ends. Rules about people in danger cannot
    be silenced."""
    if not why:
        raise click.UsageError("--why is empty: whoever wonders about the quiet must find a reason")
    with opened(asked) as line:
        until = line.now() + span
        key = work.silence(line, rule, group, until=until, why=why, by=by)
    where = f" in {group}" if group else ""
    asked.say(f"silence {key}: {rule}{where} is quiet until {asked.screen().at(until)}", id=key, rule=rule, group=group,
              until=until, why=why, by=by)  # fmt: skip
    return DONE


@command("unsilence")
@click.argument("silence_id", metavar="ID", type=Id())
@BY
def unsilence(asked: Asked, silence_id: int, *, by: str) -> int:
    """End a silence now."""
    with opened(asked) as line:
        work.unsilence(line, silence_id, by=by)
    asked.say(f"silence {silence_id} is over", id=silence_id, by=by)
    return DONE


@command("replay")
@click.argument("notification", metavar="ID")
@BY
def replay(asked: Asked, notification: str, *, by: str) -> int:
    """Send a notification again, under its old id.

    The receiver can tell that it is the same one. Its first letters will do for ID. The daemon sends it."""
    with opened(asked) as line:
        with line.database.read() as tx:
            found = by_beginning(tx, notification)
        key = found.id if found else notification
        work.replay(line, key, by=by)
    asked.say(f"notification {key} is due again; the daemon sends it", id=key, state="due", by=by)
    return DONE


COMMANDS = (ack, assign, note, resolve, silence, unsilence, replay)
