"""A digest with its charts over a week of 100,000 mentions in a store of 1,000,000: seconds and memory, each in a process of its own.

    python benchmarks/digest.py [--quick] [--rows 1000000] [--keep FILE] [--seed 7]

The store is that of million.py. What is measured is the whole command `wellheard digest --out`, which counts, draws, and
writes HTML, text, CSV and PDF, and the same without the charts. The memory is the largest of the process that counts and of
the one that draws, and their sum.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil

from benchmarks.measure import machine, options, table
from benchmarks.million import NOW, Said, _lines, fill
from monitor import timing


def measured(command: list[str], folder: Path) -> tuple[float, float, float, float]:
    """Wall and CPU seconds of a process with its children, and the megabytes of it and of its largest child."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    child = psutil.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                         stdout=subprocess.DEVNULL)  # fmt: skip
    own = drawing = 0
    while child.poll() is None:
        try:
            own = max(own, child.memory_info().rss)
            drawing = max([drawing, *(one.memory_info().rss for one in child.children(recursive=True))])
        except psutil.Error:
            continue
        try:
            child.wait(0.02)
        except psutil.TimeoutExpired:
            continue
    took = perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert child.returncode == 0, "the command failed"
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, own / 1e6, drawing / 1e6


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=0, help="1,000,000; 20,000 with --quick")
    parser.add_argument("--keep", type=Path, help="an SQLite file to leave there, or to use")
    chosen = parser.parse_args()
    rows = chosen.rows or (20_000 if chosen.quick else 1_000_000)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = (chosen.keep or folder / "wellheard.db").resolve()
        line, config = _lines(folder, f"sqlite:///{file}")
        filled = file.exists()
        line.database.upgrade()
        if not filled:
            fill(line.database, Said(chosen.seed, 2_000), rows)
        line.close()
        week = timing.week_of(
            NOW - (NOW - timing.week_of(NOW, line.config.timezone).since) * 1.01, line.config.timezone
        )
        command = [sys.executable, "-c", "from monitor.cli import main; main()", "digest", "--week", week.name]
        command += ["--config", str(config)]
        found = []
        for what, more in (("with charts, HTML, text, CSV and PDF", ["--out", "there"]), ("text alone", [])):
            took, cpu, own, drawing = measured([*command, *more], folder)
            found.append([what, took, cpu, own, drawing, own + drawing])
        head = ["digest", "seconds", "CPU seconds", "MB", "MB of drawing", "MB together"]
        table(f"The digest of {week.name} over {rows:,} mentions", head, found)
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
