"""What the daemon costs when nothing happens: CPU and memory with 10, 1,000 and 10,000 feeds, all unchanged, every 15 minutes.

    python benchmarks/idle.py [--quick] [--sources 10,1000,10000] [--seconds 60] [--seed 7]

The daemon is the real one, in a process of its own, with a generated config.toml; the feeds are on a thousand addresses of the
loopback net, in another process, and answer 304. The database starts as that of a daemon that was stopped a moment ago: each
source polled before, and due at its place in the quarter of an hour. When what fell due during the start is polled, CPU time
(psutil, user and system) is counted over the seconds. `start` is CPU seconds until the daemon says it has started; RSS is
what the process holds, PSS counts what it shares by halves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
from sqlalchemy import bindparam, update

from benchmarks import server
from benchmarks.measure import machine, options, table
from connectors.rss import _hash
from monitor import schema
from monitor.store import Database, sources
from monitor.timing import next_poll

EVERY = timedelta(minutes=15)
_RUN = "import sys; from monitor.cli import main; sys.exit(main())"
_START_WITHIN = 900


def prepare(folder: Path, port: int, count: int) -> None:
    """The configuration, and a database in which every source has been polled before."""
    (folder / "config.toml").write_text(server.configuration(port, count, server.OUTSIDE))
    now = datetime.now(UTC)
    names = [f"feed-{number}" for number in range(count)]
    known = update(schema.sources).where(schema.sources.c.name == bindparam("which"))
    known = known.values(cursor=bindparam("where"), walked_at=now, polled_at=now)
    rows = []
    for number, name in enumerate(names):
        address = f"http://{server.host(number)}:{port}/feed/{number}"
        rows.append(
            {"which": name, "where": {"of": _hash(f"{address} () ()".encode()), "etag": '"fixed"', "owners": {}}}
        )
    with closing(Database(f"sqlite:///{folder / 'wellheard.db'}")) as database:
        database.upgrade()
        with database.write() as tx:
            sources.sync(tx, dict.fromkeys(names, "rss"), {name: next_poll(name, EVERY, now) for name in names}, now)
            tx.execute(known, rows)


@contextmanager
def daemon(folder: Path) -> Iterator[psutil.Process]:
    """A running daemon that has said that it has started; stopped as systemd stops it."""
    log = folder / "log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            [sys.executable, "-c", _RUN, "run", "--config", folder / "config.toml"],
            cwd=folder, stdout=out, stderr=out, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
    try:
        give_up = time.monotonic() + _START_WITHIN
        while b'"started"' not in log.read_bytes():
            if running.poll() is not None or time.monotonic() > give_up:
                raise SystemExit(f"the daemon did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield psutil.Process(running.pid)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)


def waiting(folder: Path) -> int:
    """How many sources are due and not yet polled."""
    with closing(Database(f"sqlite:///{folder / 'wellheard.db'}")) as database, database.read() as tx:
        return sum(one.next_poll_at <= datetime.now(UTC) for one in sources.every(tx))


def used(process: psutil.Process) -> float:
    """CPU seconds of the process until now."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measured(port: int, count: int, seconds: float) -> list[object]:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder, port, count)
        with daemon(folder) as process:
            start = used(process)
            time.sleep(min(15, seconds))
            while waiting(folder) > 5:
                time.sleep(1)
            server.counted(port)
            cpu, begun = used(process), time.monotonic()
            time.sleep(seconds)
            cpu, lasted = used(process) - cpu, time.monotonic() - begun
            memory = process.memory_full_info()
        answered = server.counted(port)
    polls = sum(answered.values())
    late = "" if set(answered) <= {"304"} else f" {answered}"
    a_poll = cpu / polls * 1000 if polls else 0.0
    return [count, cpu / lasted * 100, f"{polls / lasted:.2f}{late}", a_poll, memory.rss / 1e6, memory.pss / 1e6, start]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--sources", default="", help="10,1000,10000; 10,100 with --quick")
    parser.add_argument("--seconds", type=float, default=0, help="60; 20 with --quick")
    chosen = parser.parse_args()
    counts = [int(count) for count in (chosen.sources or ("10,100" if chosen.quick else "10,1000,10000")).split(",")]
    seconds = chosen.seconds or (20 if chosen.quick else 60)
    with server.serving(chosen.seed, f"{datetime.now(UTC):%a, %d %b %Y}") as port:
        server.tell(port, "304")
        rows = [measured(port, count, seconds) for count in counts]
    head = ["sources", "% of a core", "polls/s", "CPU ms a poll, all in", "RSS MB", "PSS MB", "start, CPU s"]
    table(f"An idle daemon, over {seconds:.0f} s", head, rows)
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
