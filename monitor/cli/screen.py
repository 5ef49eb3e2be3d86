"""What people see: tables and facts that fit their terminal, their own clocks, and a bar for what takes long."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor.messages import lasting, line, local
from monitor.model import Json

if TYPE_CHECKING:  # a third of a second that commands for machines need not spend
    from rich.console import Console, RenderableType
    from rich.text import Text

_PIPED = 200
"""Columns where nobody's terminal says how many there are."""

_STYLES = {
    "critical": "bold red", "urgent": "red", "warning": "yellow", "info": "dim",
    "failed": "red", "failing": "red", "silent": "yellow", "late": "red", "open": "bold", "note": "yellow",
    "resolved": "dim", "disabled": "dim",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. One with `fills` takes what is left of the line and is cut there; `least` is how wide a
    terminal must be for the column to be worth its place, `most` how wide the column may become."""

    key: str
    title: str | None = None
    fills: bool = False
    right: bool = False
    least: int = 0
    most: int | None = None


@dataclass
class Screen:
    """Standard output, read by people: `zone` is the organisation's. Colour only on a terminal, and not with NO_COLOR."""

    zone: ZoneInfo
    now: datetime
    _began: bool = field(default=False, init=False)

    @classmethod
    def anywhere(cls, now: datetime) -> Screen:
        """For what has no times in it and needs no configuration."""
        return cls(ZoneInfo("UTC"), now)

    @cached_property
    def console(self) -> Console:
        """What draws."""
        from rich.console import Console

        return Console(file=sys.stdout, width=None if sys.stdout.isatty() else _columns(), highlight=False)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.console.width

    def table(self, rows: Iterable[Mapping[str, Json]], columns: Sequence[Column], *, empty: str = "nothing") -> None:
        """Prints rows, one line each, in as many of `columns` as fit; `empty` where there are none."""
        from rich.table import Table

        kept = list(rows)
        if not kept:
            self.text(empty)
            return
        shown = [column for column in columns if column.least <= self.width]
        table = Table(box=None, pad_edge=False, header_style="bold", expand=any(column.fills for column in shown))
        for column in shown:
            table.add_column(
                column.key.replace("_", " ") if column.title is None else column.title,
                justify="right" if column.right else "left",
                ratio=1 if column.fills else None,
                min_width=12 if column.fills else None,
                max_width=column.most,
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in kept:
            table.add_row(*(self._cell(row.get(column.key)) for column in shown))
        self._print(table)

    def facts(self, pairs: Iterable[tuple[str, Json]], *, indent: int = 0) -> None:
        """Prints what is known, one fact a line under the other; what is not known is left out."""
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in pairs:
            if value not in (None, "", [], {}, ()):
                grid.add_row(Text(name, style=_STYLES.get(name, "dim")), self._cell(value))
        self._print(Padding(grid, (0, 0, 0, indent)))

    def heading(self, title: str, *, style: str = "bold") -> None:
        """Prints the title of what follows, with a line of air above it."""
        if self._began:
            self._print("")
        self.text(title, style=style)

    def text(self, said: str | Text, *, indent: int = 0, style: str = "") -> None:
        """Prints words, wrapped to the width."""
        from rich.padding import Padding
        from rich.text import Text

        words = Text(said, style=style) if isinstance(said, str) else said
        self._print(Padding(words, (0, 0, 0, indent)) if indent else words)

    def quote(self, said: str, spans: Iterable[tuple[int, int]] = (), *, indent: int = 2, limit: int = 3000) -> None:
        """Prints what somebody wrote, with the places that matter marked. Nothing in it can reach the terminal's controls;
        of a text over `limit` characters, the part around the first span."""
        from rich.text import Text

        said, marks = said.rstrip(), list(spans)
        begin = max(0, min((start for start, _ in marks), default=0) - limit // 3) if len(said) > limit else 0
        end = min(len(said), begin + limit)
        words = Text("… " if begin else "")
        words.append(Text(visible(said[begin:end])))
        if end < len(said):
            words.append(f" … ({len(said):,} characters in all)", style="dim")
        shift = (2 if begin else 0) - begin
        for start, stop in marks:
            words.stylize("bold red", max(start, begin) + shift, min(stop, end) + shift)
        self.text(words, indent=indent)

    def moment(self, at: datetime) -> str:
        """A time as it stands in tables: "2 Mar 06:00", to the minute; the year only if it is not this one."""
        here, today = at.astimezone(self.zone), self.now.astimezone(self.zone)
        year = "" if here.year == today.year else f" {here.year}"
        return f"{here.day} {here:%b}{year} {here:%H:%M}"

    def at(self, at: datetime) -> str:
        """A time in full: "Mon 2 Mar, 06:00 CST"."""
        return local(at, self.zone, self.now)

    def due(self, at: datetime) -> str:
        """How far off a time is: "in 12 min", "late 3 h"."""
        span = at - self.now
        return f"in {lasting(span)}" if span.total_seconds() > 0 else f"late {lasting(span)}"

    def _cell(self, value: Json) -> RenderableType:
        from rich.text import Text

        said = self._said(value)
        return Text(said, style=_STYLES.get("late" if said.startswith("late ") else said, ""))

    def _said(self, value: Json) -> str:  # noqa: PLR0911  # one line for each kind of value
        match value:
            case None:
                return "-"
            case bool():
                return "yes" if value else "no"
            case datetime():
                return self.moment(value)
            case float():
                return f"{value:.2f}".rstrip("0").rstrip(".")
            case list() | tuple():
                return ", ".join(map(self._said, value))
            case Mapping():
                return ", ".join(f"{key} {self._said(one)}" for key, one in value.items())
            case _:
                return line(str(value))

    def _print(self, what: RenderableType) -> None:
        # By way of a string: the console has an idea of its own of what a closed pipe means.
        with self.console.capture() as drawn:
            self.console.print(what, soft_wrap=False)
        self._began = True
        sys.stdout.write("".join(f"{one.rstrip()}\n" for one in drawn.get().split("\n")[:-1]))


def visible(text: str) -> str:
    """`text` with a space for every character that a terminal would obey or hide, so that each place stays where it is."""
    return "".join(sign if sign.isprintable() or sign in "\n\u200c\u200d" else " " for sign in text)


def many(count: int, what: str) -> str:
    """A count and what is counted: "1 row", "1,200 rows"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def short(text: str, limit: int = 300) -> str:
    """`text` on one line and not endless: the table cuts it to what fits."""
    return line(text[: 4 * limit], limit)


@contextmanager
def progress(label: str, total: int | None = None, *, after: float = 0.5) -> Iterator[Callable[[int], None]]:
    """A bar on stderr for what takes longer than `after` seconds, with an end where `total` is known; only on a terminal.
    Gives the function that is told of each further step."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn()]
    columns.append(MofNCompleteColumn() if total else TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=total)
    begin = threading.Timer(after, bar.start)
    begin.daemon = True
    begin.start()
    if not after:
        begin.join()
    try:
        yield lambda done: bar.advance(task, done)
    finally:
        begin.cancel()
        begin.join()
        if bar.live.is_started:
            bar.stop()


def _columns() -> int:
    return shutil.get_terminal_size((_PIPED, 50)).columns
