"""Commands about what platforms are asked to take down: removal, removals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from monitor.cli import shapes
from monitor.cli.frame import DONE, Asked, command, opened
from monitor.cli.screen import Column, Screen
from monitor.cli.typed import BY, NOTE, Id, Words
from monitor.model import Answer, Removal, Stored
from monitor.pipeline import Line
from monitor.pipeline import removal as asking
from monitor.store import mentions, removals

_REMOVALS = (
    Column("mention", right=True),
    Column("platform", least=60, most=24),
    Column("asked_at", "asked"),
    Column("asked_by", "by", least=80, most=24),
    Column("answer", least=50),
    Column("standing", "is it gone", fills=True),
    Column("ground", least=110, most=40),
)


@command("removal")
@click.argument("subject", metavar="ID")
@click.option("--asked", "what", flag_value="asked", help="Its platform was asked, just now.")
@click.option("--granted", "what", flag_value=Answer.GRANTED.value, help="It said that it takes it down.")
@click.option("--refused", "what", flag_value=Answer.REFUSED.value, help="It said that it does not.")
@click.option("--withdrawn", "what", flag_value=Answer.WITHDRAWN.value, help="We do not ask for it any more.")
@click.option("--ground", type=Words(), default="", metavar="TEXT", help="The ground that was given, with --asked.")
@BY
@NOTE
def removal(asked: Asked, subject: str, *, what: str | None, ground: str, by: str, note: str) -> int:
    """Follow what a platform was asked to take down.

    ID is an incident, for all of its mentions that are still up, or one mention as mention:12. Without an option it shows
    what was asked and what came of it. Whether it is gone is looked up, and not believed."""
    if ground and what != "asked":
        raise click.UsageError("--ground goes with --asked")
    which = _which(subject)
    with opened(asked) as line:
        if what == "asked":
            found = asking.ask(line, **which, ground=ground or note, by=by)
        elif what is not None:
            found = asking.answered(line, Answer(what), **which, note=note, by=by)
        else:
            found = asking.known(line, **which)
        _show(asked, line, found)
    return DONE


def _which(subject: str) -> dict[str, int]:
    kind, _, key = subject.rpartition(":")
    if kind not in {"", "incident", "mention"}:
        raise click.UsageError(f"{subject!r} is neither an incident, such as 3, nor a mention, such as mention:12")
    return {kind or "incident": Id().convert(key, None, None)}


@command("removals")
@click.option("--all", "everything", is_flag=True, help="Also what is gone, and what was refused or withdrawn.")
def list_removals(asked: Asked, *, everything: bool) -> int:
    """Show what platforms were asked to take down and still show."""
    with opened(asked) as line:
        with line.database.read() as tx:
            found = removals.every(tx, ended=everything)
        _show(asked, line, found)
    return DONE


def _show(asked: Asked, line: Line, found: Sequence[Removal]) -> None:
    with line.database.read() as tx:
        by_id = {one.id: one for one in mentions.by_id(tx, [one.mention_id for one in found])}
    rows = [shapes.removal(one) | _where(line, by_id[one.mention_id]) for one in found]
    if asked.json:
        asked.lines(rows)
        return
    screen = asked.screen()
    screen.table([_on_one_line(row, one, screen) for row, one in zip(rows, found, strict=True)], _REMOVALS,
                 empty="nothing was asked for that is still up")  # fmt: skip


def _where(line: Line, one: Stored) -> dict[str, Any]:
    looked = one.source in line.config.sources and hasattr(line.connectors(one.source), "recheck")
    return {"platform": one.platform, "source": one.source, "looked_up": looked}


def _on_one_line(row: Mapping[str, Any], one: Removal, screen: Screen) -> dict[str, Any]:
    return {**row, "standing": standing(one, screen, looked=row["looked_up"])}


def standing(one: Removal, screen: Screen, *, looked: bool) -> str:
    """Whether it is gone, as far as anybody has looked."""
    if one.gone_at is not None:
        return f"gone since {screen.at(one.gone_at)}"
    if not one.awaited:
        return "stays up"
    seen = f"still up, last seen {screen.at(one.seen_at)}" if one.seen_at else "still up"
    return seen if looked else f"{seen}; nothing looks it up here: look yourself"


COMMANDS = (removal, list_removals)
