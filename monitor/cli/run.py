"""Commands that poll: run, poll, import."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

import click

from monitor import daemon
from monitor.assess import Assessor
from monitor.cli import greeting
from monitor.cli.frame import DONE, FAILED, Asked, command, online
from monitor.cli.importing import import_file
from monitor.cli.screen import Column, many, progress, short
from monitor.cli.typed import known
from monitor.config import Config
from monitor.connector import PollError
from monitor.model import Mention, SourceState
from monitor.pipeline import Line, judge, poll, recheck_due, report, retain
from monitor.pipeline.deliver import deliver_all
from monitor.pipeline.poll import LEASE, Polled
from monitor.store import Busy, sources
from monitor.systemd import Systemd, watchdog_interval

_LOOKED_AT = (
    Column("published_at", "published"),
    Column("kept"),
    Column("kind", least=60),
    Column("stars", right=True, least=70),
    Column("author", least=100, most=20),
    Column("text", fills=True),
)


@command("run", level="INFO")
@click.option("--once", is_flag=True, help="Poll every source, recheck, judge, deliver all that is due, and end.")
def run(asked: Asked, *, once: bool) -> int:
    """Run the daemon.

    It migrates the database, then polls, judges and delivers until it is stopped by SIGTERM or Ctrl-C."""
    config = asked.config()
    if sys.stderr.isatty():
        greeting.short_lines(config.timezone)
    return asyncio.run(_once(asked, config) if once else _serve(asked, config))


async def _serve(asked: Asked, config: Config) -> int:
    async with online(config, daemon=True) as (line, client):
        # Before the greeting: a second daemon on the same file ends here.
        await line.run(line.database.claim_daemon)
        line.assessors = partial(_settled, line.assessors)
        if sys.stdout.isatty() and not asked.json:
            greeting.greet(asked.screen(), config, line.database.warnings())
        engine = daemon.Engine(
            line=line,
            client=client,
            systemd=Systemd(os.environ),
            watchdog=watchdog_interval(os.environ),
            monotonic=time.monotonic,
        )
        await daemon.serve(engine)
    return DONE


def _settled(make: Callable[[], Assessor]) -> Assessor:
    """An assessor stays as long as the daemon, and its hundred thousand weights with it: the garbage collector would walk
    through them again and again, which took a tenth of the line's time (benchmarks/line.py)."""
    made = make()
    gc.collect()
    gc.freeze()
    return made


async def _once(asked: Asked, config: Config) -> int:
    async with online(config, daemon=True) as (line, _client):
        await line.run(daemon.begin, line)
        names = [name for name, source in config.sources.items() if source.enabled]
        with progress("polling", len(names)) as step:
            polled = dict(await asyncio.gather(*(_poll_one(line, name, step) for name in names)))
        with progress("rechecking"):
            rechecked = await recheck_due(line)
        await line.run(judge, line)
        await report(line)
        with progress("sending"):
            tried = await deliver_all(line)
        await line.run(retain, line)
    failing = {name: done.error for name, done in polled.items() if done.error}
    unchecked = {name: done.error for name, done in rechecked.items() if done.error}
    new = sum(done.new for done in polled.values())
    said = [f"{many(len(polled), 'source')} polled, {many(new, 'new mention')}, {many(tried, 'notification')} tried"]
    said += [f"{name}: {error}" for name, error in failing.items()]
    said += [f"{name}: not rechecked: {error}" for name, error in unchecked.items()]
    asked.say("\n".join(said), sources=len(polled), new=new, tried=tried, failing=failing, unchecked=unchecked)
    return FAILED if failing or unchecked else DONE


async def _poll_one(line: Line, name: str, step: Callable[[int], None]) -> tuple[str, Polled]:
    state = await line.run(_take, line, name)
    done = Polled(error="another worker polls this source now") if state is None else await poll(line, state)
    step(1)
    return name, done


def _take(line: Line, name: str) -> SourceState | None:
    moment = line.now()
    with line.database.write() as tx:
        return sources.claim_one(tx, name, moment, lease=line.lease, until=moment + LEASE)


@command("poll")
@click.argument("source")
@click.option("--dry-run", is_flag=True, help="Walk it from its start, print the mentions and store nothing.")
def poll_source(asked: Asked, source: str, *, dry_run: bool) -> int:
    """Poll one source now, whether it is due or not.

    What it brings is stored and judged; the daemon sends what is to be told."""
    config = asked.config()
    known(source, "source", list(config.sources))
    if not config.sources[source].enabled and not dry_run:
        raise click.UsageError(f"source {source} is switched off; take `enabled = false` out, or look with --dry-run")
    return asyncio.run(_look(asked, config, source) if dry_run else _poll_now(asked, config, source))


async def _poll_now(asked: Asked, config: Config, source: str) -> int:
    async with online(config) as (line, _client):
        await line.run(_make, line, source)
        with progress(f"polling {source}"):
            state = await line.run(_take, line, source)
            if state is None:
                raise Busy(f"source {source} is being polled right now; try again in a moment")
            done = await poll(line, state)
            said = await line.run(judge, line)
    counts = f"{done.new:,} new, {done.changed:,} changed, {done.gone:,} gone, {done.skipped:,} unreadable"
    sentence = f"{source}: {done.error or counts}"
    if config.sources[source].connector == "file":
        sentence = (
            f"{source}: there is nothing to poll; its mentions come with `wellheard import FILE --source {source}`"
        )
    asked.say(sentence, source=source, new=done.new, changed=done.changed, gone=done.gone, skipped=done.skipped,
              told=said, error=done.error)  # fmt: skip
    return FAILED if done.error else DONE


def _make(line: Line, name: str) -> None:
    """Makes the source's row where the daemon has not made it yet."""
    with line.database.write() as tx:
        sources.ensure(tx, name, line.config.sources[name].connector, line.now())


async def _look(asked: Asked, config: Config, source: str) -> int:
    """A walk whose mentions are printed, from the start and without storing where it got to."""
    rows: list[dict[str, object]] = []
    error: str | None = None
    async with online(config, migrate=False) as (line, _client):
        floor = line.now() - config.sources[source].backfill
        with progress(f"reading {source}") as step:
            try:
                async with aclosing(line.connectors(source).poll({}, floor)) as pages:
                    async for page in pages:
                        rows += [_found(line, source, one) for one in page.mentions]
                        step(len(page.mentions))
            except PollError as failure:
                error = str(failure)
    if asked.json:
        asked.lines([*rows, *([{"source": source, "error": error}] if error else [])])
        return FAILED if error else DONE
    screen = asked.screen()
    lost = sum(not row["kept"] for row in rows)
    left = f"; {lost:,} match no topic of this source and would be left out" if lost else ""
    if rows or not error:
        shown = [{**row, "text": short(f"{row['title'] or ''} {row['text']}")} for row in rows]
        screen.table(shown, _LOOKED_AT, empty="no mentions")
    screen.text(
        f"{source}: {error}" if error else f"{many(len(rows), 'mention')}; nothing was stored{left}", style="dim"
    )
    return FAILED if error else DONE


def _found(line: Line, name: str, one: Mention) -> dict[str, object]:
    """What a walk found; `kept` is whether a real poll would keep it, `topics` the ones that it matches."""
    source = line.config.sources[name]
    topics = list(line.topics.match(one, source=name, labels=source.labels, only=source.topics or None))
    return {
        "external_id": one.external_id, "kind": one.kind.value, "ours": one.ours, "parent_id": one.parent_id,
        "url": one.url, "author": one.author, "title": one.title, "text": one.text, "stars": one.stars,
        "lang": one.lang, "published_at": one.published_at, "topics": topics,
        "kept": bool(topics) or not source.topics,
    }  # fmt: skip


@command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", metavar="NAME", required=True, help='The source with connector = "file" they belong to.')
@click.option("--dry-run", is_flag=True, help="Read and count, store nothing.")
def import_command(asked: Asked, file: Path, source: str, *, dry_run: bool) -> int:
    """Import mentions from a CSV or JSONL file.

    Rows that cannot be read are listed with line and reason in FILE.rejected.csv, and the rest is kept (exit code 1).
    The same file twice changes nothing."""
    config = asked.config()
    files = [name for name, one in config.sources.items() if one.connector == "file"]
    if not files:
        raise click.UsageError('no source takes files: add [sources.NAME] with connector = "file"')
    known(source, 'source with connector = "file"', files)
    return asyncio.run(import_file(asked, config, file, source, dry_run=dry_run))


COMMANDS = (run, poll_source, import_command)
