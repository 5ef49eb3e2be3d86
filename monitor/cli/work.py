"""Commands with which people work: ack, assign, resolve, silence, unsilence, replay, digest."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from monitor import timing
from monitor.cli.frame import DONE, Asked, command, opened
from monitor.cli.screen import progress
from monitor.cli.story import by_beginning
from monitor.cli.typed import BY, NOTE, Id, Name, Span, Words
from monitor.model import Incident, Message, Outcome, State
from monitor.pipeline import Line, work
from monitor.pipeline.report import numbers, render, send
from monitor.store import incidents


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


@command("resolve")
@click.argument("incident", type=Id())
@click.option("--outcome", type=click.Choice([one.value for one in Outcome]), required=True, help="How it ended.")
@BY
@NOTE
def resolve(asked: Asked, incident: int, *, outcome: str, by: str, note: str) -> int:
    """End an incident; those who were told of it are told."""
    with opened(asked) as line:
        work.resolve(line, incident, Outcome(outcome), by=by, note=note)
    asked.say(f"incident {incident} is resolved: {outcome}", id=incident, state="resolved", outcome=outcome, by=by)
    return DONE


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


@command("digest")
@click.option("--week", metavar="WEEK", help="An ISO week such as 2026-W46; default is the last whole one.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write it into this folder.")
@click.option("--send", "sending", is_flag=True, help="Put it into the outbox of the digest's inboxes.")
def digest(asked: Asked, *, week: str | None, out: Path | None, sending: bool) -> int:
    """Render the digest of a week, or send it."""
    with opened(asked) as line:
        config, moment = line.config, line.now()
        last = timing.week_of(moment - timedelta(days=7), config.timezone)
        try:
            period = timing.week(week, config.timezone) if week else last
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        with progress("counting"), line.database.read() as tx:
            found = numbers(tx, period, moment)
        if sending:
            added = send(line, found, moment)
            told = (
                f"{added} notifications written; the daemon sends them" if added else "was written before: nothing new"
            )
            asked.say(f"digest {period.name}: {told}", period=period.name, notifications=added)
            return DONE
        inbox = next(iter(config.digest.inboxes), next(iter(config.inboxes)))
        message = render(line, found, inbox, moment)
    _put(asked, message, period.name, out)
    return DONE


def _put(asked: Asked, message: Message, period: str, out: Path | None) -> None:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for suffix, body in (("html", message.html), ("txt", message.text)):
            (out / f"digest-{period}.{suffix}").write_text(body, encoding="utf-8")
        asked.say(f"digest-{period}.html and .txt are in {out}", period=period, folder=str(out))
    elif asked.json:
        asked.lines([message.data])
    else:
        sys.stdout.write(message.text if message.text.endswith("\n") else f"{message.text}\n")


COMMANDS = (ack, assign, resolve, silence, unsilence, replay, digest)
