"""What a person sees who starts the daemon on a terminal: where to look, what to do next, and short lines of log."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from monitor.cli.screen import Screen
from monitor.config import Config
from monitor.messages import lasting

_NEXT = (
    ("incidents", "what needs somebody"),
    ("show 1", "one of them, with its timeline"),
    ("ack 1 --by NAME", "take it on: nobody else is called"),
    ("mentions --since 1h", "what was said"),
    ("sources", "what is read, and how well"),
)
_LEVELS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
_ID = 32
"""Letters of a notification's id: its first eight name it well enough for a person."""


def greet(screen: Screen, config: Config, notes: Sequence[str]) -> None:
    """Says where to look and what to do next."""
    count = len(config.sources)
    screen.heading(f"Wellheard listens for {config.organisation}")
    screen.text(f"{count} {'source' if count == 1 else 'sources'}, {len(config.inboxes)} inboxes, times in"
                f" {config.timezone.key}. Ctrl-C stops it; nothing is lost.")  # fmt: skip
    for note in notes:
        screen.text(f"Note: {note}", style="dim")
    _where(screen, config)
    called = command(sys.argv[0], config.path, Path.cwd())
    screen.heading("In another terminal, in this folder:")
    for rest, what in _NEXT:
        # As it is typed, comment and all: a line that the screen had wrapped could not be pasted.
        sys.stdout.write(f"  {called(rest)}  # {what}\n")
    sys.stdout.write("\n")
    sys.stdout.flush()


def _where(screen: Screen, config: Config) -> None:
    folders = [inbox.folder for inbox in config.inboxes.values() if inbox.folder is not None]
    if folders:
        place = os.path.relpath(os.path.commonpath([str(folder) for folder in folders]))
        screen.text(f"Messages to staff are written as .eml files below {place}/, which any mail program opens.")
    if config.digest.first is not None:
        screen.text(f"The first digest comes {lasting(config.digest.first)} after the first start.")


def command(program: str, config: Path, folder: Path) -> Any:
    """How this program is called again from `folder`: a function from what follows to the whole of what is typed."""
    there = shutil.which(Path(program).name)
    here = Path(program).absolute()
    if there is not None and Path(there).resolve() == here.resolve():
        name = here.name
    else:
        name = str(here.relative_to(folder)) if here.is_relative_to(folder) else str(here)
    found = config.absolute() == (folder / "config.toml") or (
        config == Path("/etc/wellheard/config.toml") and not (folder / "config.toml").exists()
    )
    where = "" if found else f" --config {config}"
    return lambda rest: f"{name} {rest}{where}"


def short_lines(zone: ZoneInfo) -> None:
    """Makes the log of a terminal short: the time on the organisation's clocks, the fact, and what belongs to it."""

    def told(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> str:
        return short_line(entry, zone, coloured=sys.stderr.isatty() and "NO_COLOR" not in os.environ)

    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], told])


def short_line(entry: Mapping[str, Any], zone: ZoneInfo, *, coloured: bool) -> str:
    """One line of log for a person; a traceback follows on lines of its own."""
    rest = dict(entry)
    at = datetime.fromisoformat(rest.pop("timestamp")).astimezone(zone)
    level, fact = rest.pop("level", "info"), str(rest.pop("event", "")).replace("_", " ")
    trace = rest.pop("exception", None)
    facts = "  ".join(
        f"{name} {_brief(value)}" for name, value in rest.items() if value not in (None, "", [], 0, False)
    )
    colour, dim, plain = (_LEVELS.get(level, ""), _DIM, _PLAIN) if coloured else ("", "", "")
    mark = f"{level}: " if level in _LEVELS else ""
    line = f"{dim}{at:%H:%M:%S}{plain} {colour}{mark}{fact}{plain if colour else ''}  {facts}".rstrip()
    return line if trace is None else f"{line}\n{trace}"


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value[:8] if isinstance(value, str) and len(value) == _ID and value.isalnum() else str(value)
