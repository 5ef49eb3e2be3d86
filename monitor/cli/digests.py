"""The digest at the command line: shown, written into a folder, or sent; and the assessment of a quarter's risks."""

from __future__ import annotations

import asyncio
import re
import sys
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import click

from monitor import charts, timing
from monitor.cli.frame import DONE, Asked, command, opened
from monitor.cli.screen import progress
from monitor.cli.typed import known
from monitor.digest import Digest
from monitor.messages import pictures
from monitor.messages.digest.assessment import assessed, heat, table
from monitor.messages.digest.assessment import assessment as assessment_of
from monitor.messages.digest.figures import figures
from monitor.messages.digest.paper import paper
from monitor.model import Json, Message
from monitor.pipeline import Line
from monitor.pipeline.report import illustrated, numbers, own_cut, peers, register, render, send
from monitor.timing import Period

_CID = re.compile(r'src="cid:([\w.@-]+)"')


@command("digest")
@click.option("--week", metavar="WEEK", help="An ISO week such as 2026-W46; default is the last whole one.")
@click.option("--inbox", metavar="NAME", help="As this inbox gets it; default is the digest's first one.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write it into this folder.")
@click.option("--send", "sending", is_flag=True, help="Put it into the outbox of the digest's inboxes.")
@click.option("--assessment", is_flag=True, help="The risks of the 13 weeks up to the end of that week, instead.")
def digest(
    asked: Asked, *, week: str | None, inbox: str | None, out: Path | None, sending: bool, assessment: bool
) -> int:
    """Render the digest of a week, or send it.

    --out writes HTML that needs nothing else, text, every number as CSV, and a PDF."""
    if assessment and (sending or inbox):
        raise click.UsageError("--assessment is not sent and is the same for every inbox; leave --send and --inbox out")
    with opened(asked) as line:
        moment = line.now()
        if inbox is not None:
            known(inbox, "inbox", sorted(line.config.inboxes))
        period = _period(line, week, moment)
        if assessment:
            return _assess(asked, line, period, moment, out)
        with progress("counting"), line.database.read() as tx:
            found = numbers(tx, period, moment, line.config.timezone, peers(line))
        if sending:
            return _send(asked, line, found, moment)
        name = inbox or next(iter(line.config.digest.inboxes), next(iter(line.config.inboxes)))
        if out is not None:
            _write(asked, line, found, name, moment, out=out)
            return DONE
        message = render(line, found, name, moment)
    if asked.json:
        asked.lines([message.data])
    else:
        sys.stdout.write(message.text)
    return DONE


def _period(line: Line, week: str | None, now: datetime) -> Period:
    zone = line.config.timezone
    if not week:
        return timing.week_of(timing.week_of(now, zone).since - timedelta(days=1), zone)
    try:
        return timing.week(week, zone)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _assess(asked: Asked, line: Line, period: Period, now: datetime, out: Path | None) -> int:
    config = line.config
    with progress("counting"), line.database.read() as tx:
        found = register(line, tx, period.until)
    organisation, zone = config.organisation, config.timezone
    message = assessment_of(found, organisation=organisation, timezone=zone, now=now, inbox="risk")
    if out is not None:
        laid_out = assessed(found, organisation=organisation, timezone=zone, now=now)
        made = drawings([heat(found), laid_out])
        put(asked, out, f"assessment-{period.name}", message, table=table(found), pdf=made.get("paper"))
    elif asked.json:
        asked.lines([message.data])
    else:
        sys.stdout.write(message.text)
    return DONE


def _send(asked: Asked, line: Line, found: Digest, now: datetime) -> int:
    name = found.period.name
    with progress("drawing"):
        added = send(line, found, now, asyncio.run(illustrated(found)))
    told = f"{added} notifications written; the daemon sends them" if added else "was written before: nothing new"
    asked.say(f"digest {name}: {told}", period=name, notifications=added)
    return DONE


def _write(asked: Asked, line: Line, found: Digest, inbox: str, now: datetime, *, out: Path) -> None:
    config, mine = line.config, own_cut(line, found, inbox, now)
    laid_out = paper(mine, organisation=config.organisation, timezone=config.timezone, now=now, inbox=inbox)
    with progress("drawing"):
        made = drawings([*(one.wanted for one in pictures(found)), laid_out])
    message = render(line, found, inbox, now, {name: made[name] for name in made if name != "paper"})
    put(asked, out, f"digest-{found.period.name}", message, table=figures(mine), pdf=made.get("paper"))


def drawings(wanted: list[Mapping[str, Json]]) -> dict[str, str]:
    """The charts and the PDF in base64; none, and a word about it, where nothing can draw them."""
    try:
        return asyncio.run(charts.drawn(wanted))
    except charts.DrawingError as error:
        sys.stderr.write(f"no charts and no PDF: {error}\n")
        return {}


def put(asked: Asked, out: Path, name: str, message: Message, *, table: str, pdf: str | None) -> None:
    """Writes the files of one report and says which there are. The CSV begins with a byte order mark: without it Excel
    takes UTF-8 for something else."""
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "html": contained(message).encode("utf-8", "replace"),
        "txt": message.text.encode("utf-8", "replace"),
        "csv": table.encode("utf-8-sig", "replace"),
        **({"pdf": b64decode(pdf)} if pdf else {}),
    }
    for suffix, content in files.items():
        (out / f"{name}.{suffix}").write_bytes(content)
    *others, last = [f".{suffix}" for suffix in files]
    listed = f"{name}{', '.join(others)} and {last}"
    asked.say(f"{listed} are in {out}", name=name, folder=str(out), files=[f"{name}.{suffix}" for suffix in files])


def contained(message: Message) -> str:
    """The message's HTML with its pictures inside it."""
    return _CID.sub(lambda found: f'src="data:image/png;base64,{message.images[found[1]]}"', message.html)


COMMANDS = (digest,)
