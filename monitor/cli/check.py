"""The command that looks whether everything is in order: check."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import click

from monitor import messages
from monitor.channels import DeliveryError
from monitor.cli.frame import DONE, FAILED, Asked, command, now, online
from monitor.cli.screen import progress
from monitor.config import Config
from monitor.connector import Page, PollError
from monitor.model import Notification, Reason
from monitor.pipeline import Line
from monitor.pipeline.notices import addresses
from monitor.pipeline.poll import worth_telling
from monitor.store import StoreError, rechecks, sources

_PATIENCE = 60


@command("check")
@click.option("--send", is_flag=True, help="Also send a test notification to every recipient.")
def check(asked: Asked, *, send: bool) -> int:
    """Look whether everything is in order.

    Configuration, database and migrations, one page of each source without storing it, and with --send every recipient.
    Exit code 1 when anything failed."""
    config = asked.config()
    rows = asyncio.run(_look(config, send=send))
    failed = sum(row["result"] == "failed" for row in rows)
    if asked.json:
        asked.lines(rows)
    else:
        screen = asked.screen()
        screen.facts([(row["result"], f"{row['what']}: {row['detail']}") for row in rows])
        screen.heading(f"{failed} of {len(rows)} failed" if failed else "everything is in order")
    return FAILED if failed else DONE


async def _look(config: Config, *, send: bool) -> list[dict[str, str]]:
    rows = [_row("configuration", "ok", f"{config.path}: {len(config.sources)} sources, {len(config.inboxes)} inboxes")]
    async with online(config, migrate=False) as (line, _client):
        ways = [(name, *way) for name, inbox in config.inboxes.items() for way in addresses(inbox)] if send else []
        with progress("asking", len(config.sources) + len(ways)) as step:

            async def counted(found: list[dict[str, str]]) -> list[dict[str, str]]:
                step(1)
                return found

            rows += await line.run(_database, line)
            before = await line.run(_warned, line)
            asked = [_ask(line, name, before.get(name, ())) for name in config.sources]
            asked += [_test(line, *way) for way in ways]
            rows += [row for one in asyncio.as_completed(asked) for row in await counted(await one)]
    return sorted(rows, key=lambda row: (row["what"].split(" ")[0] not in {"configuration", "database"}, row["what"]))


def _row(what: str, result: str, detail: str) -> dict[str, str]:
    return {"what": what, "result": result, "detail": detail}


def _database(line: Line) -> Sequence[dict[str, str]]:
    database = line.database
    try:
        signs = database.vital_signs()
        behind = database.behind()
        notes = [*([f"{behind} (the daemon does it as it starts)"] if behind else []), *database.warnings()]
    except StoreError as error:
        return [_row("database", "failed", str(error))]
    said = ", ".join(f"{name} {value}" for name, value in signs.items())
    return [_row("database", "ok", said), *(_row("database", "note", note) for note in notes)]


def _warned(line: Line) -> dict[str, tuple[str, ...]]:
    """What the last whole walk of each source, and its last recheck, could not see."""
    try:
        if line.database.behind() is not None:
            return {}
        with line.database.read() as tx:
            found = {one.name: one.warnings for one in sources.every(tx)}
            for name, one in rechecks.every(tx).items():
                failing = (f"not rechecked: {one.error}",) if one.error else ()
                found[name] = (*found.get(name, ()), *one.warnings, *failing)
            return found
    except StoreError:  # said already, beside the database
        return {}


async def _ask(line: Line, name: str, warned: Sequence[str]) -> list[dict[str, str]]:
    """How a source answers, with a note for everything that it warns of now or warned of in its last walk."""
    source = line.config.sources[name]
    what = f"source {name}"
    if not source.enabled:
        return [_row(what, "disabled", "not asked")]
    try:
        async with (
            asyncio.timeout(_PATIENCE),
            aclosing(line.connectors(name).poll({}, line.now() - source.backfill)) as pages,
        ):
            page = await anext(pages, Page())
    except PollError as error:
        return [_row(what, "failed", str(error))]
    except TimeoutError:
        return [_row(what, "failed", f"no answer within {_PATIENCE} seconds")]
    except Exception as error:  # noqa: BLE001  # a check reports whatever happened, and goes on with the others
        return [_row(what, "failed", f"this connector has a fault ({type(error).__name__})")]
    if source.connector == "file":
        return [_row(what, "ok", f"takes files: wellheard import FILE --source {name}")]
    notes = worth_telling([*page.warnings, *warned])
    return [_row(what, "ok", f"{len(page.mentions)} mentions on the first page"),
            *(_row(what, "note", note) for note in notes)]  # fmt: skip


async def _test(line: Line, inbox: str, channel: str, recipient: str) -> list[dict[str, str]]:
    moment = now()
    what = f"inbox {inbox} by {channel}" + ("" if recipient == channel else f" to {recipient}")
    message = messages.test(inbox, organisation=line.config.organisation, timezone=line.config.timezone, now=moment)
    one = Notification(
        id=f"test-{moment:%Y%m%d%H%M%S%f}-{inbox}", key="test", reason=Reason.TEST, inbox=inbox, channel=channel,
        recipient=recipient, message=message, created_at=moment, due_at=moment,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_PATIENCE):
            await line.channels[inbox, channel].send(one)
    except DeliveryError as error:
        return [_row(what, "failed", str(error))]
    except TimeoutError:
        return [_row(what, "failed", f"no answer within {_PATIENCE} seconds")]
    except Exception as error:  # noqa: BLE001  # as above
        return [_row(what, "failed", f"this channel has a fault ({type(error).__name__})")]
    return [_row(what, "ok", "sent")]


COMMANDS = (check,)
