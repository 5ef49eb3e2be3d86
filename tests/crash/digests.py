"""A process that reports and delivers once and is killed, by itself, at a moment that it is told.

python -m tests.crash.digests URL FOLDER ISO-TIME MOMENT"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.model import Notification
from monitor.pipeline.deliver import deliver_all
from monitor.pipeline.report import due, illustrated, report
from monitor.store import outbox
from tests.clock import Clock
from tests.line import Bench

MOMENTS = ("drawing", "inserted", "committed", "sent")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Ledger:
    """A channel that writes down what it took, where nobody can take it back."""

    def __init__(self, file: Path, moment: str) -> None:
        self.file, self.moment = file, moment

    async def send(self, notification: Notification) -> None:
        with self.file.open("a") as taken:
            taken.write(f"{notification.key} {notification.id} {len(notification.message.images)}\n")
            taken.flush()
            os.fsync(taken.fileno())
        if self.moment == "sent":
            die()


def after(work: Callable[..., Any]) -> Callable[..., Any]:
    """Does it, and dies."""

    def done(*arguments: Any) -> Any:
        found = work(*arguments)
        die()
        return found

    return done


def main(url: str, folder: str, now: str, moment: str) -> None:
    bench = Bench(
        url, Path(folder), Clock(datetime.fromisoformat(now)), config=(Path(folder) / "config.toml").read_text()
    )
    ledger = Ledger(Path(folder) / "taken", moment)
    bench.line.channels = type("Everywhere", (dict,), {"get": lambda *_: ledger})()
    if moment == "inserted":
        outbox.add = after(outbox.add)
    asyncio.run(turn(bench, moment))


async def turn(bench: Bench, moment: str) -> None:
    if moment == "drawing":
        week = due(bench.line, bench.line.now())
        assert week is not None
        drawing = asyncio.ensure_future(illustrated(week))
        await asyncio.wait([drawing], timeout=0.2)  # its process has begun
        die()
    await report(bench.line)
    if moment == "committed":
        die()
    await deliver_all(bench.line)


if __name__ == "__main__":
    main(*sys.argv[1:])
