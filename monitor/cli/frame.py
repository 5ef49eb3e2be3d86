"""What every command shares: where the configuration is, the line made from it, and how results are printed."""

from __future__ import annotations

import functools
import json as encoding
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import httpx
from pydantic import TypeAdapter, ValidationError

from monitor import http, log
from monitor.config import Config, load
from monitor.config.values import Duration
from monitor.model import Json
from monitor.pipeline.line import Line, assemble

DONE, FAILED, USAGE, TRY_LATER, MISCONFIGURED = 0, 1, 2, 75, 78

_PLACES = (Path("config.toml"), Path("/etc/wellheard/config.toml"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user said to any command: which configuration, and whether a machine reads the answer."""

    path: Path | None
    json: bool

    def config(self) -> Config:
        """The configuration, its secrets resolved. Raises ConfigError."""
        return load(self.path or next((place for place in _PLACES if place.is_file()), _PLACES[0]), environ=os.environ)

    def show(self, rows: Iterable[Mapping[str, Json]], columns: Sequence[str], *, empty: str = "nothing") -> None:
        """Prints rows: one JSON object a line, or a table of `columns` for people."""
        if self.json:
            for row in rows:
                click.echo(encoding.dumps(row, ensure_ascii=False, default=str))
            return
        _table(list(rows), columns, empty)

    def say(self, sentence: str, **facts: Json) -> None:
        """Prints one result: a sentence for people, its facts for machines."""
        click.echo(encoding.dumps(facts, ensure_ascii=False, default=str) if self.json else sentence)


def now() -> datetime:
    """The time. The rest of the program is handed this function or its result."""
    return datetime.now(UTC)


def command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A click command that also takes --config and --json, and is called with `asked` first."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def call(*args: Any, config: Path | None, json: bool, **options: Any) -> Any:
            log.configure(
                json=not sys.stderr.isatty(), stream=sys.stderr, level=os.environ.get("WELLHEARD_LOG", "INFO")
            )
            return function(Asked(config, json), *args, **options)

        path = click.Path(dir_okay=False, path_type=Path)
        where = click.option(
            "--config", type=path, help="The configuration; default ./config.toml, then /etc/wellheard/config.toml."
        )
        how = click.option("--json", is_flag=True, help="Print one JSON object a line, for machines.")
        decorated: Callable[..., Any] = where(how(call))
        return click.Command(
            name, callback=decorated, help=function.__doc__, params=getattr(decorated, "__click_params__", [])[::-1]
        )

    return decorate


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
async def online(config: Config) -> AsyncIterator[tuple[Line, httpx.AsyncClient]]:
    """A line with its way out, both closed at the end."""
    async with http.client(contact=config.network.contact, allow=config.network.allow) as client:
        line = assemble(config, client, now=now, lease=worker(), reach=_fail_point(os.environ.get("WELLHEARD_FAIL")))
        try:
            _fit(line)
            yield line, client
        finally:
            line.close()


def _fit(line: Line) -> None:
    """Migrates a database that is behind: an embedded store must not need a second command."""
    if line.database.behind():
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


_SPANS: TypeAdapter[timedelta] = TypeAdapter(Duration)


class Span(click.ParamType[timedelta]):
    """A duration such as 15m or 7d on the command line."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return _SPANS.validate_python(value)
        except ValidationError:
            self.fail(f"{value!r} is not a duration; write for example 15m, 2h or 7d", param, ctx)


def _table(rows: list[Mapping[str, Json]], columns: Sequence[str], empty: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        click.echo(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    terminal = sys.stdout.isatty()
    Console(file=sys.stdout, width=None if terminal else 160, highlight=False).print(table)


def _cell(value: Json) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return str(value)
