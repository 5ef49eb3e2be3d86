"""Drills at the command line: one is held, ended from elsewhere, and those that were held are listed with their times."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import click
from pydantic import ValidationError

from monitor.cli.frame import DONE, FAILED, Asked, command, online, opened
from monitor.cli.screen import many
from monitor.cli.typed import BY, Span
from monitor.config import Config
from monitor.connector import PollError, load
from monitor.messages import lasting, local
from monitor.messages.sheet import sheet
from monitor.model import Json
from monitor.pipeline import drill as drills_of
from monitor.pipeline.drill import Scenario, Standing
from monitor.pipeline.notices import addresses
from monitor.pipeline.work import NotPossible
from monitor.store import drills
from monitor.store.drills import Drill, Told

_HEAD = ("drill", "scenario", "started_at", "inbox", "incident", "risk", "told_at", "acknowledged_at", "seconds")
_OUT = (".txt", ".json", ".csv")
_LONGEST = 200
"""Letters of a place: the group of an incident has room for so many, and the daemon must not stumble over a drill."""


@command("drill")
@click.argument("scenario", required=False)
@click.option("--location", metavar="NAME", help="Where it is said to happen: the label `location`.")
@click.option("--speed", type=click.FloatRange(0.1, 10_000), default=60, help="Times as fast as written; default 60.")
@click.option(
    "--wait", type=Span(), default="30m", help="How long for acknowledgements after its last word; default 30m."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The report as .txt, .json or .csv.")
@click.option("--yes", is_flag=True, help="Do not ask before messages are sent.")
@click.option("--cancel", is_flag=True, help="End the drill that goes on.")
@BY
def drill(
    asked: Asked,
    scenario: str | None,
    *,
    location: str | None,
    speed: float,
    wait: timedelta,
    out: Path | None,
    yes: bool,
    cancel: bool,
    by: str,
) -> int:
    """Rehearse: play a scenario, and measure who answers when.

    It goes through the running line, up to the acknowledgement. SCENARIO is the name of one that is shipped, or a .toml
    file. Real messages are sent, marked DRILL; it counts in no number. Ctrl-C ends it and clears up."""
    if cancel:
        return _cancel(asked, by)
    if scenario is None:
        raise click.UsageError("which SCENARIO? Write practice-hospital, or the path of a .toml file")
    if out is not None and out.suffix not in _OUT:
        raise click.UsageError(f"--out {out.name}: its name must end with {', '.join(_OUT)}")
    if location is not None and len(location) > _LONGEST:
        raise click.UsageError(f"--location: no place has a name of more than {_LONGEST} letters")
    config = asked.config()
    played = _scenario(scenario, speed)
    if not yes:
        _sure(config)
    labels = {"location": location} if location else {}
    try:
        held = asyncio.run(_hold(config, played, Path(scenario).stem, labels=labels, by=by, patience=wait))
    except PollError as error:
        raise NotPossible(str(error)) from None
    except asyncio.CancelledError:
        raise NotPossible("stopped: the drill is over, and who was told of it is told so") from None
    _report(asked, held, out)
    return DONE if held.told and all(one.acked_at for one in held.told) else FAILED


def _scenario(named: str, speed: float) -> Scenario:
    kind = load("scenario")
    try:
        options = kind.Options.model_validate({"scenario": named, "speed": speed})
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise click.UsageError(f"SCENARIO {named!r} {said}") from None
    return kind(options, None)  # type: ignore[arg-type, return-value]  # one that plays a file asks nobody


def _sure(config: Config) -> None:
    ways = [
        f"  {name}: {', '.join(dict.fromkeys(channel for channel, _ in addresses(inbox)))}"
        for name, inbox in config.inboxes.items()
    ]
    if not sys.stdin.isatty():
        raise click.UsageError("real messages are sent, and nobody is there to be asked: add --yes")
    click.echo("Real messages, marked DRILL, go to whoever would be told:\n" + "\n".join(ways), err=True)
    click.confirm("Are they to be sent now?", abort=True, err=True)


async def _hold(config: Config, played: Scenario, name: str, **how: Any) -> Drill:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):  # a terminal that is closed ends it as Ctrl-C does, and clears up
        loop.add_signal_handler(number, task.cancel if task else loop.stop)
    async with online(config) as (line, _client):
        return await drills_of.play(line, played, name, **how, pause=asyncio.sleep, seen=_Shown())


class _Shown:
    """One line for each thing that happens while it goes on."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    def __call__(self, standing: Standing) -> None:
        for one in standing.told:
            what = f"{one.inbox}: incident {one.incident}, {one.risk}"
            self._once(f"{what}: told", told=one.told_at is not None)
            self._once(f"{what}: acknowledged", told=one.acked_at is not None)

    def _once(self, said: str, *, told: bool) -> None:
        if told and said not in self.known:
            self.known.add(said)
            click.echo(said, err=True)


def _cancel(asked: Asked, by: str) -> int:
    with opened(asked) as line:
        ended = drills_of.end(line, by, cancelled=True)
    if ended is None:
        raise NotPossible("no drill goes on")
    asked.say(f"drill {ended.id} is over; who was told of it is told so", id=ended.id, cancelled=True)
    return DONE


@command("drills")
def list_drills(asked: Asked) -> int:
    """The drills that were held, and how long people took."""
    with opened(asked) as line, line.database.read() as tx:
        found = drills.held(tx)
    if asked.json:
        asked.lines([facts(one) for one in found])
    else:
        click.echo("\n".join(_text(asked, one) for one in found) if found else "no drill was held yet")
    return DONE


def _report(asked: Asked, held: Drill, out: Path | None) -> None:
    if out is not None:
        written = _text(asked, held) + "\n"
        if out.suffix == ".csv":
            written = _csv(held)
        elif out.suffix == ".json":
            written = json.dumps(facts(held), indent=2) + "\n"
        out.write_text(written, encoding="utf-8-sig" if out.suffix == ".csv" else "utf-8", newline="")
    asked.say(_text(asked, held), **facts(held))


def facts(held: Drill) -> dict[str, Json]:
    """A drill for programs: times as ISO 8601 in UTC, spans in seconds."""
    return {
        "id": held.id,
        "scenario": held.scenario,
        "by": held.by,
        "started_at": held.started_at.isoformat(),
        "ended_at": held.ended_at.isoformat() if held.ended_at else None,
        "cancelled": held.cancelled,
        "inboxes": [_of_inbox(name, some) for name, some in _by_inbox(held).items()],
        "told": [
            {
                "incident": one.incident,
                "risk": one.risk,
                "inbox": one.inbox,
                "told_at": one.told_at.isoformat() if one.told_at else None,
                "acknowledged_at": one.acked_at.isoformat() if one.acked_at else None,
                "seconds": one.took.total_seconds() if one.took is not None else None,
            }
            for one in held.told
        ],
    }


def _by_inbox(held: Drill) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = {}
    for one in held.told:
        found.setdefault(one.inbox, []).append(one)
    return found


def _of_inbox(name: str, some: Sequence[Told]) -> dict[str, Json]:
    took = sorted(one.took.total_seconds() for one in some if one.took is not None)
    return {
        "inbox": name,
        "incidents": len(some),
        "told": sum(1 for one in some if one.told_at),
        "acknowledged": sum(1 for one in some if one.acked_at),
        "median_seconds": median(took) if took else None,
        "longest_seconds": took[-1] if took else None,
    }


def _csv(held: Drill) -> str:
    rows = [
        (held.id, held.scenario, held.started_at, one.inbox, one.incident, one.risk, one.told_at, one.acked_at,
         one.took.total_seconds() if one.took is not None else None)
        for one in held.told
    ]  # fmt: skip
    return sheet(_HEAD, rows)


def _text(asked: Asked, held: Drill) -> str:
    config = asked.config()
    began = local(held.started_at, config.timezone, held.ended_at or held.started_at)
    how = "goes on" if held.ended_at is None else "was cancelled" if held.cancelled else "was held"
    lines = [f"Drill {held.id}, {held.scenario}, {how}: {began}" + (f", by {held.by}" if held.by else "")]
    for name, some in _by_inbox(held).items():
        sums = _of_inbox(name, some)
        took = sums["median_seconds"]
        times = (
            f", after {lasting(timedelta(seconds=took))} (median),"
            f" {lasting(timedelta(seconds=sums['longest_seconds']))} at the longest"
            if took is not None
            else ""
        )
        unsent = f", {sums['incidents'] - sums['told']} of them in vain" if sums["told"] < sums["incidents"] else ""
        lines.append(
            f"  {name}: told of {many(len(some), 'incident')}{unsent}, {sums['acknowledged']} acknowledged{times}"
        )
        lines += [f"    {_one(one)}" for one in some]
    if not held.told and held.ended_at is not None:
        lines.append("  nobody was told of anything")
    return "\n".join(lines)


def _one(one: Told) -> str:
    took = "nobody has acknowledged it" if one.acked_at is None else "acknowledged"
    took += f" after {lasting(one.took)}" if one.took is not None else ""
    return f"incident {one.incident}, {one.risk}: {'told, ' if one.told_at else 'not told, '}{took}"


COMMANDS = (drill, list_drills)
