"""Commands with which people work: ack, assign, resolve, silence, unsilence, replay, lint, digest."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import click

from monitor import timing
from monitor.cli.frame import DONE, FAILED, Asked, Span, command, now, opened
from monitor.model import Kind, Mention, Outcome
from monitor.pipeline import work
from monitor.pipeline.line import assessor
from monitor.pipeline.report import numbers, render, send

_BY = click.option("--by", default="", envvar="USER", help="Who does it.", metavar="NAME")
_NOTE = click.option("--note", default="", help="What should be remembered about it.")


@command("ack")
@click.argument("incident", type=int)
@_BY
@_NOTE
def ack(asked: Asked, incident: int, *, by: str, note: str) -> int:
    """Take an incident on: nobody else is called."""
    with opened(asked) as line:
        done = work.ack(line, incident, by=by, note=note)
    asked.say(f"incident {incident} is acknowledged", id=incident, state=done.state.value, by=by)
    return DONE


@command("assign")
@click.argument("incident", type=int)
@click.argument("name")
def assign(asked: Asked, incident: int, name: str) -> int:
    """Make an incident somebody's."""
    with opened(asked) as line:
        work.assign(line, incident, name)
    asked.say(f"incident {incident} is {name}'s", id=incident, assignee=name)
    return DONE


@command("resolve")
@click.argument("incident", type=int)
@click.option("--outcome", type=click.Choice([*Outcome]), required=True, help="How it ended.")
@_BY
@_NOTE
def resolve(asked: Asked, incident: int, *, outcome: str, by: str, note: str) -> int:
    """End an incident."""
    with opened(asked) as line:
        work.resolve(line, incident, Outcome(outcome), by=by, note=note)
    asked.say(f"incident {incident} is resolved: {outcome}", id=incident, state="resolved", outcome=outcome)
    return DONE


@command("silence")
@click.argument("rule")
@click.option("--group", help="Only for this group, such as a location.")
@click.option("--for", "span", type=Span(), required=True, help="For how long.")
@click.option("--why", required=True, help="The reason.")
def silence(asked: Asked, rule: str, *, group: str | None, span: timedelta, why: str) -> int:
    """Keep a rule quiet for a while, with a reason."""
    with opened(asked) as line:
        until = line.now() + span
        key = work.silence(line, rule, group, until=until, why=why)
    asked.say(f"silence {key}: {rule} until {until:%Y-%m-%d %H:%M} UTC", id=key, rule=rule, until=until.isoformat())
    return DONE


@command("unsilence")
@click.argument("silence_id", metavar="ID", type=int)
def unsilence(asked: Asked, silence_id: int) -> int:
    """End a silence early."""
    with opened(asked) as line:
        work.unsilence(line, silence_id)
    asked.say(f"silence {silence_id} is over", id=silence_id)
    return DONE


@command("replay")
@click.argument("notification", metavar="ID")
def replay(asked: Asked, notification: str) -> int:
    """Send a notification again, under the same id."""
    with opened(asked) as line:
        work.replay(line, notification)
    asked.say(f"notification {notification} is due again; the daemon sends it", id=notification, state="due")
    return DONE


@command("lint")
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
@click.option("--review", type=click.File("r", encoding="utf-8"), help="The review that the draft answers.")
@click.option("--reviewer", help="The reviewer's name as the platform shows it.")
def lint(asked: Asked, file: TextIO, *, review: TextIO | None, reviewer: str | None) -> int:
    """Check a draft reply before a person posts it; exit 1 when it must not be posted."""
    config = asked.config()
    moment = now()
    parent = None
    if review is not None or reviewer:
        text = review.read() if review is not None else ""
        parent = Mention(external_id="review", kind=Kind.REVIEW, text=text, author=reviewer, published_at=moment)
    draft = Mention(
        external_id="draft", kind=Kind.COMMENT, text=file.read(), published_at=moment, ours=True, parent_id="review"
    )
    found = assessor(config).assess(draft, parent).signals
    rows = [
        {"risk": one.risk, "rule": one.rule, "start": one.start, "end": one.end, "score": round(one.score, 1),
         "says": draft.text[one.start : one.end], "must_not_be_posted": one.score >= config.appetite.notify}
        for one in found
    ]  # fmt: skip
    asked.show(rows, ["risk", "says", "rule", "score", "must_not_be_posted"], empty="nothing found")
    return FAILED if any(row["must_not_be_posted"] for row in rows) else DONE


@command("digest")
@click.option("--week", help="An ISO week such as 2026-W46; default the last whole one.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write HTML and text files there.")
@click.option("--send", "sending", is_flag=True, help="Put it into the outbox of the digest's inboxes.")
def digest(asked: Asked, *, week: str | None, out: Path | None, sending: bool) -> int:
    """Render a week's digest, or send it."""
    with opened(asked) as line:
        config, moment = line.config, line.now()
        try:
            period = (
                timing.week(week, config.timezone)
                if week
                else timing.week_of(moment - timedelta(days=7), config.timezone)
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        with line.database.read() as tx:
            found = numbers(tx, period)
        inbox = next(iter(config.digest.inboxes), next(iter(config.inboxes)))
        message = render(line, found, inbox, moment)
        if sending:
            added = send(line, found, moment)
            asked.say(f"{added} notifications written for {period.name}", period=period.name, notifications=added)
        elif out is not None:
            out.mkdir(parents=True, exist_ok=True)
            for suffix, body in (("html", message.html), ("txt", message.text)):
                (out / f"digest-{period.name}.{suffix}").write_text(body, encoding="utf-8")
            asked.say(f"digest-{period.name}.html and .txt are in {out}", period=period.name)
        elif asked.json:
            asked.show([dict(message.data)], [])
        else:
            sys.stdout.write(message.text)
    return DONE


COMMANDS = (ack, assign, resolve, silence, unsilence, replay, lint, digest)
