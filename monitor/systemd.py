"""Tells systemd how we are: ready, alive, stopping (the sd_notify protocol, and nothing where there is no systemd)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import timedelta


class Systemd:
    """The line to the service manager named by `NOTIFY_SOCKET` in `environ`; without one, every message is a no-op.

    A message says whether it was handed over. None raises: being unable to report is no reason to stop working, nor
    is a manager that does not listen: `patience` is how many seconds a message waits for room in its queue."""

    def __init__(self, environ: Mapping[str, str], patience: float = 1.0) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._patience = patience

    def ready(self) -> bool:
        """The start is over: configuration read, migrations done, the first write has succeeded."""
        return self._tell("READY=1")

    def watchdog(self) -> bool:
        """We make progress. Call it at a third of `watchdog_interval`, only after real work such as a database answer,
        and never depending on the health of somebody else's server: that would make an outage a loop of restarts."""
        return self._tell("WATCHDOG=1")

    def stopping(self) -> bool:
        """We drain and go."""
        return self._tell("STOPPING=1")

    def status(self, text: str) -> bool:
        """One line for `systemctl status`; line breaks become spaces, for each line would be a message of its own."""
        return self._tell(f"STATUS={' '.join(text.split())}")

    def extend_timeout(self, seconds: float) -> bool:
        """Start or stop takes longer than the unit allows: grant `seconds` more, counted from now."""
        return self._tell(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def _tell(self, message: str) -> bool:
        if self._address is None:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.settimeout(self._patience)
                line.sendto(message.encode(), self._address)
        except OSError:
            return False
        return True


def watchdog_interval(environ: Mapping[str, str], pid: int | None = None) -> timedelta | None:
    """How long systemd waits for a sign of life before it kills us; None where it does not watch this process.

    `WATCHDOG_PID` guards against an interval that was inherited from a parent (sd_watchdog_enabled(3))."""
    ours = str(os.getpid() if pid is None else pid)
    if environ.get("WATCHDOG_PID", ours) != ours:
        return None
    span = environ.get("WATCHDOG_USEC", "")
    if not (span.isascii() and span.isdigit()) or int(span) == 0:
        return None
    return timedelta(microseconds=int(span))


def _address(path: str) -> str | None:
    """A path, or a name in the abstract namespace, which systemd writes with `@` for its leading zero byte."""
    if path.startswith("@"):
        return "\0" + path[1:]
    return path if path.startswith("/") else None
