"""What every command shares: where the configuration is, the line made from it, and how results leave."""

from __future__ import annotations

import functools
import json as encoding
import logging
import os
import re
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx

from monitor import http, log
from monitor.cli.screen import Screen
from monitor.config import Config, load
from monitor.model import Json
from monitor.pipeline.line import Line, assemble
from monitor.store import StoreError

DONE, FAILED, USAGE, TRY_LATER, MISCONFIGURED = 0, 1, 2, 75, 78

_PLACES = (Path("config.toml"), Path("/etc/wellheard/config.toml"))
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What some readers of lines take for a line's end, and what no encoding can carry."""


@dataclass(slots=True)
class Asked:
    """What the user said to any command: which configuration, and whether a machine reads the answer."""

    path: Path | None
    json: bool
    _config: Config | None = field(default=None, repr=False)

    def place(self) -> Path:
        """Where the configuration is, or would be."""
        return self.path or next((place for place in _PLACES if place.is_file()), _PLACES[0])

    def config(self) -> Config:
        """The configuration, its secrets resolved. Raises ConfigError."""
        if self._config is None:
            self._config = load(self.place(), environ=os.environ)
        return self._config

    def screen(self) -> Screen:
        """Where people read, with the clocks of the organisation. Raises ConfigError."""
        return Screen(self.config().timezone, now())

    def lines(self, rows: Iterable[Mapping[str, Json]]) -> None:
        """Prints results for machines: one JSON object a line, times in UTC."""
        for row in rows:
            click.echo(self._encoded(row))

    def say(self, sentence: str, **facts: Json) -> None:
        """Prints one result: a sentence for people, its facts for machines."""
        click.echo(self._encoded(facts) if self.json else sentence)

    def _encoded(self, row: Mapping[str, Json]) -> str:
        plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        said = encoding.dumps(row, ensure_ascii=plain, default=_told)
        return _BREAKS.sub(lambda sign: f"\\u{ord(sign[0]):04x}", said)


def _told(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def now() -> datetime:
    """The time. The rest of the program is handed this function or its result."""
    return datetime.now(UTC)


def command(name: str, *, level: str = "WARNING") -> Callable[[Callable[..., Any]], click.Command]:
    """A click command that also takes --config and --json, and is called with `asked` first. It logs from `level` on,
    unless WELLHEARD_LOG says otherwise: a command that prints its result need not log it too."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def call(*args: Any, config: Path | None, json: bool, **options: Any) -> Any:
            _listen(os.environ.get("WELLHEARD_LOG") or level)
            if hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show an emoji shows a question mark
            try:
                code = function(Asked(config, json), *args, **options)
                sys.stdout.flush()
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return DONE  # `| head` has read all that it wanted
            return code

        path = click.Path(dir_okay=False, path_type=Path)
        where = click.option("--config", type=path, help="Default: ./config.toml, then /etc/wellheard/config.toml.")
        how = click.option("--json", is_flag=True, help="One JSON object a line, for programs.")
        decorated: Callable[..., Any] = where(how(call))
        return click.Command(
            name, callback=decorated, help=function.__doc__, params=getattr(decorated, "__click_params__", [])[::-1]
        )

    return decorate


def _listen(level: str) -> None:
    if level.upper() not in logging.getLevelNamesMapping():
        raise click.UsageError(f"WELLHEARD_LOG is {level!r}; write DEBUG, INFO, WARNING or ERROR")
    log.configure(json=not sys.stderr.isatty(), stream=sys.stderr, level=level)


@contextmanager
def opened(asked: Asked) -> Iterator[Line]:
    """A line without network for commands that only read and write the store; closed at the end."""
    line = assemble(asked.config(), httpx.AsyncClient(transport=_Offline()), now=now, lease=worker())
    try:
        _fit(line)
        yield line
    finally:
        line.close()


@asynccontextmanager
async def online(
    config: Config, *, migrate: bool = True, daemon: bool = False
) -> AsyncIterator[tuple[Line, httpx.AsyncClient]]:
    """A line with its way out, both closed at the end. A `daemon` takes an SQLite file for itself before it migrates."""
    async with http.client(contact=config.network.contact, allow=config.network.allow) as client:
        line = assemble(config, client, now=now, lease=worker(), reach=_fail_point(os.environ.get("WELLHEARD_FAIL")))
        try:
            if daemon:
                line.database.claim_daemon()
            if migrate:
                _fit(line, daemon=daemon)
            yield line, client
        finally:
            line.close()


def _fit(line: Line, *, daemon: bool = False) -> None:
    """Fills an empty database with its tables, and lets the daemon bring an older one up to date: an embedded store must
    not need a second command. Any other command leaves an older one alone: a daemon may be at work in it."""
    behind = line.database.behind()
    if behind is not None and not daemon and not line.database.blank():
        raise StoreError(behind)
    if behind is not None:
        line.database.upgrade()


def worker() -> str:
    """A name that no other worker has, for leases."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"


class _Offline(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("this command does not use the network", request=request)


def _fail_point(wanted: str | None) -> Callable[[str], None]:
    """For the crash tests: dies, as if killed, when the named point is reached for the given time ("after_send:2")."""
    if not wanted:
        return lambda _point: None
    name, _, count = wanted.partition(":")
    left = [int(count or 1)]

    def reach(point: str) -> None:
        if point == name:
            left[0] -= 1
            if left[0] <= 0:
                os._exit(9)

    return reach
