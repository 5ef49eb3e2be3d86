"""The long form: kills a daemon at random moments, hundreds of times, and prints what that cost."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from tests.crash.harness import Scene, scene, storm
from tests.crash.oracle import Verdict, finish
from tests.postgres import postgres

TIMELINES, FEEDS = 16, 2
_A_CLINIC_PER = 25
"""Mentions for each clinic; every clinic gets an incident of its own, and every fourth grows."""


@click.command()
@click.option("--kills", default=200, show_default=True, type=click.IntRange(1))
@click.option("--mentions", default=5000, show_default=True, type=click.IntRange(100))
@click.option("--database", default="sqlite", show_default=True, type=click.Choice(["sqlite", "postgresql"]))
@click.option("--seed", default=1, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Leave the daemons' log here.")
def crash(kills: int, mentions: int, database: str, seed: int, keep: Path | None) -> None:
    """Kill a daemon at random moments while a platform grows; exit 1 where anything was lost, invented or doubled."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name, _url(Path(name), database) as url:
        clinics = max(4, mentions // _A_CLINIC_PER)
        with scene(Path(name), url, seed=seed, timelines=TIMELINES, feeds=FEEDS, clinics=clinics, quick=False) as stage:
            found = _run(stage, kills, mentions, seed)
        if keep is not None:
            keep.write_text(stage.log(), encoding="utf-8")
    _print(found, database, seed, time.monotonic() - started)
    sys.exit(1 if found.faults else 0)


def _run(stage: Scene, kills: int, mentions: int, seed: int) -> Verdict:
    threats = len(stage.platform.clinics) * 5 // 4
    said = mentions - len(stage.platform.posts())
    storming = storm(stage, kills, random.Random(seed), posts=said, threats=threats)
    with click.progressbar(storming, length=kills, label="kills", file=sys.stderr) as bar:
        for _ in bar:
            pass
    return finish(stage, within=300)


@contextmanager
def _url(folder: Path, database: str) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{folder / 'wellheard.db'}"
        return
    with postgres() as server:
        yield server.url(server.create())


def _print(found: Verdict, database: str, seed: int, seconds: float) -> None:
    figures = {"database": database, "seed": seed} | asdict(found) | {"duration": f"{seconds:.0f} s"}
    for name, figure in figures.items():
        if name != "faults":
            click.echo(f"{name.replace('_', ' '):<24}{figure:>12}")
    click.echo(f"{'faults':<24}{len(found.faults):>12}")
    for fault in found.faults:
        click.echo(f"  {fault}")


if __name__ == "__main__":
    crash()
