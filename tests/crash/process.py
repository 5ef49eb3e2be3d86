"""One process of `wellheard run`: how it is started, heard, killed and waited for."""

from __future__ import annotations

import multiprocessing.context
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

from monitor.cli import main

_ARGUMENTS = ["run", "--config", "config.toml"]
_LOOK_AGAIN = 0.03
"""Seconds between two looks at whether real work is done."""
_numbers = count(1)


def until(done: Callable[[], bool], within: float, what: str, *, says: Callable[[], str] = str) -> bool:
    """Waits for real work of other processes: looks until `done`. Raises TimeoutError that says `what` was waited for."""
    deadline = time.monotonic() + within
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {within:g} s for {what}; {says()}")
        time.sleep(_LOOK_AGAIN)
    return True


class Daemon:
    """One process of `wellheard run`: a Python of its own, or, `quick`, a fork of one that has its imports behind it."""

    def __init__(self, folder: Path, environ: dict[str, str], *, quick: bool) -> None:
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"wellheard-crash-{os.getpid()}-{next(_numbers)}"
        self._ear.bind(f"\0{name}")
        self._ear.setblocking(False)
        self._said = b""
        environ = environ | {"NOTIFY_SOCKET": f"@{name}"}
        self._process = _Fork(folder, environ) if quick else _python(folder, environ)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """What it exited with, None while it runs."""
        return self._process.poll()

    def ready(self, within: float = 60) -> bool:
        """Waits until it says that it is ready; False where it ended before."""
        until(lambda: self._says(b"READY=1") or self.code is not None, within, "the daemon to start")
        return self.code is None

    def hears(self, number: int) -> None:
        """Sends it a signal to stop and waits until it has understood: two that come at once would be one."""
        self.signal(number)
        until(lambda: self._says(b"STOPPING=1"), 30, "the daemon to begin to stop")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it, wherever it is."""
        self.signal(signal.SIGKILL)
        self.end()

    def stop(self) -> int:
        """Asks it to stop and returns what it exits with."""
        self.signal(signal.SIGTERM)
        return self.end()

    def end(self, within: float = 60) -> int:
        """Waits for its end and returns what it exited with."""
        self._ear.close()
        return self._process.wait(within)

    def _says(self, word: bytes) -> bool:
        with suppress(BlockingIOError):
            while True:
                self._said += self._ear.recv(4096)
        return word in self._said


def _python(folder: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from monitor.cli import main; main()", *_ARGUMENTS]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)


class _Fork:
    """A fork of a process that only imports, with the face of a Popen: a start costs a tenth of a second, not one."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._process = _nursery().Process(target=_run, args=(str(folder), environ), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, within: float) -> int:
        self._process.join(within)
        if self._process.exitcode is None:
            raise TimeoutError(f"the daemon did not end within {within:g} s")
        return self._process.exitcode


@cache
def _nursery() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    # pytest, because a child imports the module that the test process was started from.
    context.set_forkserver_preload(["monitor.cli.outcome", "connectors.mastodon", "connectors.rss", "pytest", __name__])
    return context


def _run(folder: str, environ: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    with Path("log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.argv = ["wellheard", *_ARGUMENTS]
    main()
