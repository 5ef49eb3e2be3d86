"""Commands that poll and send: run, check, poll, import."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import click
import httpx

from monitor import daemon, messages
from monitor.cli import shapes
from monitor.cli.frame import DONE, FAILED, Asked, command, now, online
from monitor.cli.importing import import_file
from monitor.config import Config
from monitor.connector import Page, PollError
from monitor.model import Notification, Reason
from monitor.pipeline import Line, judge, poll, report
from monitor.pipeline.deliver import deliver_all
from monitor.pipeline.notices import addresses
from monitor.pipeline.poll import LEASE, Polled
from monitor.store import sources
from monitor.systemd import Systemd, watchdog_interval


@command("run")
@click.option("--once", is_flag=True, help="Poll every source, judge, deliver all that is due, and exit.")
def run(asked: Asked, *, once: bool) -> int:
    """Run the daemon."""
    config = asked.config()
    return asyncio.run(_once(asked, config) if once else _serve(config))


async def _serve(config: Config) -> int:
    async with online(config) as (line, client):
        for warning in line.database.warnings():
            click.echo(f"note: {warning}", err=True)
        engine = daemon.Engine(
            line=line,
            client=client,
            systemd=Systemd(os.environ),
            watchdog=watchdog_interval(os.environ),
            monotonic=time.monotonic,
        )
        _greet(line)
        await daemon.serve(engine)
    return DONE


def _greet(line: Line) -> None:
    """Where to look and what to do next, for a person who started it on a terminal."""
    config = line.config
    folders = [inbox.folder for inbox in config.inboxes.values() if inbox.folder is not None]
    click.echo(f"Wellheard listens for {config.organisation}: {len(config.sources)} sources, stop with Ctrl-C.")
    if folders:
        place = os.path.commonpath([str(folder) for folder in folders])
        click.echo(f"Messages to staff are written as .eml files below {os.path.relpath(place)}/")
    click.echo("In another terminal: wellheard incidents · wellheard mentions --since 1h · wellheard sources")


async def _once(asked: Asked, config: Config) -> int:
    async with online(config) as (line, _client):
        await line.run(daemon.begin, line)
        polled = await asyncio.gather(
            *(_poll_one(line, name) for name in config.sources if config.sources[name].enabled)
        )
        await line.run(judge, line)
        await line.run(report, line)
        tried = await deliver_all(line)
        failing = [name for name, done in polled if done.error]
        new = sum(done.new for _, done in polled)
        asked.say(
            f"{len(polled)} sources polled, {new} new mentions, {tried} notifications tried"
            + "".join(f"\n{name}: {done.error}" for name, done in polled if done.error),
            sources=len(polled),
            new=new,
            tried=tried,
            failing={name: done.error for name, done in polled if done.error},
        )
        return FAILED if failing else DONE


async def _poll_one(line: Line, name: str) -> tuple[str, Polled]:
    moment = line.now()

    def take() -> object:
        with line.database.write() as tx:
            return sources.claim_one(tx, name, moment, lease=line.lease, until=moment + LEASE)

    state = await line.run(take)
    if state is None:
        return name, Polled(error="another worker polls this source now")
    return name, await poll(line, state)  # type: ignore[arg-type]


@command("poll")
@click.argument("source")
@click.option("--dry-run", is_flag=True, help="Print the mentions and store nothing.")
def poll_source(asked: Asked, source: str, *, dry_run: bool) -> int:
    """Poll one source now."""
    config = asked.config()
    if source not in config.sources:
        raise click.UsageError(f"there is no source {source!r}; there are: {', '.join(config.sources)}")
    return asyncio.run(_look(asked, config, source) if dry_run else _poll_now(asked, config, source))


async def _poll_now(asked: Asked, config: Config, source: str) -> int:
    async with online(config) as (line, _client):
        await line.run(_known, line)
        _, done = await _poll_one(line, source)
        await line.run(judge, line)
    counts = f"{done.new} new, {done.changed} changed, {done.gone} gone, {done.skipped} unreadable"
    asked.say(done.error or f"{source}: {counts}", source=source, new=done.new, changed=done.changed, gone=done.gone,
              skipped=done.skipped, error=done.error)  # fmt: skip
    return FAILED if done.error else DONE


def _known(line: Line) -> None:
    """Makes sure that the configured sources have their rows, without taking the place of a daemon."""
    moment = line.now()
    active = {name: source for name, source in line.config.sources.items() if source.enabled}
    platforms = {name: source.connector for name, source in active.items()}
    with line.database.write() as tx:
        sources.sync(tx, platforms, dict.fromkeys(active, moment), moment)


async def _look(asked: Asked, config: Config, source: str) -> int:
    """A walk whose mentions are printed, from the start and without storing where it got to."""
    async with online(config) as (line, _client):
        floor = line.now() - config.sources[source].backfill
        try:
            async with aclosing(line.connectors(source).poll({}, floor)) as pages:
                rows = [row async for row in _rows(pages)]
        except PollError as error:
            asked.say(f"{source}: {error}", source=source, error=str(error))
            return FAILED
    asked.show(rows, ["published_at", "kind", "stars", "ours", "title", "text"], empty="no mentions")
    return DONE


async def _rows(pages: AsyncIterator[Page]) -> AsyncIterator[dict[str, object]]:
    async for page in pages:
        for one in page.mentions:
            yield {
                "external_id": one.external_id, "kind": one.kind.value, "ours": one.ours, "parent_id": one.parent_id,
                "url": one.url, "author": one.author, "title": one.title, "text": one.text, "stars": one.stars,
                "lang": one.lang, "published_at": one.published_at.isoformat(),
            }  # fmt: skip


@command("check")
@click.option("--send", is_flag=True, help="Send a test notification to every recipient.")
def check(asked: Asked, *, send: bool) -> int:
    """Check configuration, database and migrations, ask every source once, and reach every inbox with --send."""
    config = asked.config()
    return asyncio.run(_check(asked, config, send=send))


async def _check(asked: Asked, config: Config, *, send: bool) -> int:
    rows: list[dict[str, object]] = [{"what": "configuration", "result": "ok", "detail": str(config.path.name)}]
    async with online(config) as (line, _client):
        signs = await line.run(line.database.vital_signs)
        rows.append({"what": "database", "result": "ok", "detail": ", ".join(f"{k} {v}" for k, v in signs.items())})
        rows += [{"what": "database", "result": "note", "detail": note} for note in line.database.warnings()]
        rows += await asyncio.gather(*(_ask(line, name) for name in config.sources))
        if send:
            rows += await asyncio.gather(*(_test(line, *way) for way in _ways(config)))
    asked.show(rows, ["what", "result", "detail"])
    return FAILED if any(row["result"] == "failed" for row in rows) else DONE


async def _ask(line: Line, name: str) -> dict[str, object]:
    what = f"source {name}"
    floor = line.now() - line.config.sources[name].backfill
    try:
        async with asyncio.timeout(60), aclosing(line.connectors(name).poll({}, floor)) as pages:
            page = await anext(pages, Page())
    except (PollError, httpx.HTTPError, TimeoutError) as error:
        return {"what": what, "result": "failed", "detail": str(error) or "no answer within 60 seconds"}
    return {"what": what, "result": "ok", "detail": f"{len(page.mentions)} mentions on the first page"}


def _ways(config: Config) -> Sequence[tuple[str, str, str]]:
    return [(name, *way) for name, inbox in config.inboxes.items() for way in addresses(inbox)]


async def _test(line: Line, inbox: str, channel: str, recipient: str) -> dict[str, object]:
    moment = now()
    what = f"inbox {inbox}, {channel} {shapes.masked(recipient)}"
    message = messages.test(inbox, organisation=line.config.organisation, timezone=line.config.timezone, now=moment)
    one = Notification(
        id=f"test-{moment:%Y%m%d%H%M%S}-{inbox}", key="test", reason=Reason.TEST, inbox=inbox, channel=channel,
        recipient=recipient, message=message, created_at=moment, due_at=moment,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            await line.channels[inbox, channel].send(one)
    except Exception as error:  # noqa: BLE001  # a check reports whatever happened
        return {"what": what, "result": "failed", "detail": str(error) or type(error).__name__}
    return {"what": what, "result": "ok", "detail": "sent"}


@command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="The source of connector file that the rows belong to.")
@click.option("--dry-run", is_flag=True, help="Read and count, store nothing.")
def import_command(asked: Asked, file: Path, source: str, *, dry_run: bool) -> int:
    """Import mentions from a CSV or JSONL file; rows that cannot be read go into FILE.rejected.csv."""
    config = asked.config()
    if source not in config.sources or config.sources[source].connector != "file":
        files = [name for name, one in config.sources.items() if one.connector == "file"]
        known = ", ".join(files) or 'none: add [sources.NAME] with connector = "file"'
        raise click.UsageError(f'{source!r} is not a source of connector "file"; there are: {known}')
    return asyncio.run(import_file(asked, config, file, source, dry_run=dry_run))


COMMANDS = (run, check, poll_source, import_command)
