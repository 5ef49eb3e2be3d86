"""Commands for what must be kept: hold, holds, release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from monitor.cli.frame import DONE, Asked, command, opened
from monitor.cli.screen import Column
from monitor.cli.typed import BY, Id, Words
from monitor.model import Stored
from monitor.pipeline import hold as keeping
from monitor.store import holds, mentions
from monitor.store.holds import Hold

_HOLDS = (
    Column("mention", right=True),
    Column("platform", least=80, most=24),
    Column("at", "since"),
    Column("by", most=24),
    Column("gone_at", "gone", least=100),
    Column("why", fills=True),
)


@command("hold")
@click.argument("mention", metavar="ID", type=Id())
@click.option("--why", type=Words(), required=True, metavar="TEXT", help="The reason, such as the number of a case.")
@BY
def hold(asked: Asked, mention: int, *, why: str, by: str) -> int:
    """Keep a mention, whatever its time is.

    Neither retention nor the terms of its platform delete or empty it, nor does its end there, until it is released."""
    if not why:
        raise click.UsageError("--why is empty: whoever wants to release it must find a reason")
    with opened(asked) as line:
        number = keeping.hold(line, mention, by=by, why=why)
    asked.say(f"mention {mention} is held until `wellheard release {mention}`", hold=number, mention=mention, by=by,
              why=why)  # fmt: skip
    return DONE


@command("holds")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
def list_holds(asked: Asked, *, everything: bool) -> int:
    """Show what is held, since when, by whom and why."""
    with opened(asked) as line, line.database.read() as tx:
        found = holds.every(tx, released=everything)
        rows = _rows(found, mentions.by_id(tx, {one.mention_id for one in found}))
    if asked.json:
        asked.lines(rows)
    else:
        over = (Column("released_at", "released"),) if everything else ()
        asked.screen().table(rows, (*_HOLDS[:-1], *over, _HOLDS[-1]), empty="nothing is held")
    return DONE


def _rows(found: Sequence[Hold], there: Sequence[Stored]) -> list[dict[str, Any]]:
    by_id = {one.id: one for one in there}
    return [
        {
            "hold": one.id, "mention": one.mention_id, "platform": by_id[one.mention_id].platform, "by": one.by,
            "why": one.why, "at": one.at, "released_at": one.released_at, "gone_at": by_id[one.mention_id].gone_at,
        }
        for one in found
    ]  # fmt: skip


@command("release")
@click.argument("mention", metavar="ID", type=Id())
@BY
def release(asked: Asked, mention: int, *, by: str) -> int:
    """Let a held mention go.

    What its platform no longer has is emptied at once, what is past its time with the next retention."""
    with opened(asked) as line:
        blanked = keeping.release(line, mention, by=by)
    more = "; its platform no longer has it, so it was emptied" if blanked else ""
    asked.say(f"mention {mention} is released{more}", mention=mention, by=by, emptied=blanked)
    return DONE


COMMANDS = (hold, list_holds, release)
