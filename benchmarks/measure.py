"""How to measure: alternatives in turns, CPU seconds beside wall time, medians, and tables that say on what machine."""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from timeit import repeat


@dataclass(slots=True)
class Spent:
    """Seconds of this process: on a core, all threads added up, and on the wall."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def spent() -> Iterator[Spent]:
    """Measures its block, with the garbage of earlier blocks collected before."""
    gc.collect()
    found = Spent()
    cpu, wall = process_time(), perf_counter()
    yield found
    found.cpu, found.wall = process_time() - cpu, perf_counter() - wall


def in_turns(ways: Mapping[str, Callable[[], Spent]], rounds: int) -> dict[str, list[Spent]]:
    """Each way once a round, so that a machine that slows down slows all of them; one more round before to warm up."""
    found: dict[str, list[Spent]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            one = way()
            if number:
                found[name].append(one)
    return found


def cpu(found: Sequence[Spent]) -> float:
    """The median of the CPU seconds."""
    return median(one.cpu for one in found)


def wall(found: Sequence[Spent]) -> float:
    """The median of the wall seconds."""
    return median(one.wall for one in found)


def ratio(found: Sequence[Spent], baseline: Sequence[Spent]) -> float:
    """How many times the CPU seconds of `baseline` these are: the median of the rounds' own ratios."""
    return median(one.cpu / base.cpu for one, base in zip(found, baseline, strict=True))


def options(doc: str | None) -> argparse.ArgumentParser:
    """What every benchmark takes."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: whether it runs, not how fast")
    parser.add_argument("--seed", type=int, default=7)
    return parser


def machine() -> str:
    """What these figures were measured on."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
    load = os.getloadavg()[0]
    return (
        f"{names[0] if names else platform.processor() or 'unknown processor'}, {os.cpu_count()} cores, load {load:.1f}; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; a Python call takes {_call():.0f} ns"
    )


def _call() -> float:
    """Nanoseconds of a call of a function that does nothing: how fast this machine is at this moment."""
    return min(repeat("nothing()", "def nothing(): pass", number=100_000, repeat=5)) * 1e4


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]], *, note: str = "") -> None:
    """Prints a table as Markdown: what is printed can stand in a report."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[at]) for row in [list(head), *cells]) for at in range(len(head))]
    print(f"\n### {title}\n\n{_line(head, widths)}\n|{'|'.join('-' * (width + 2) for width in widths)}|")
    for row in cells:
        print(_line(row, widths))
    if note:
        print(f"\n{note}")
    sys.stdout.flush()


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(text.ljust(width) for text, width in zip(row, widths, strict=True))} |"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
