"""Hold: what a court or an authority may ask for stays, whatever its time and whatever became of it at its platform."""

from __future__ import annotations

from monitor.pipeline.line import Line
from monitor.pipeline.work import NotPossible
from monitor.store import holds, log, mentions


def hold(line: Line, key: int, *, by: str, why: str) -> int:
    """Keeps a mention, all its versions included, from every removal until it is released. Returns the number of the
    hold. Raises NotPossible."""
    now = line.now()
    with line.database.write() as tx:
        holds.holding(tx)
        found = mentions.by_id(tx, [key])
        if not found:
            raise NotPossible(f"there is no mention {key}; `wellheard mentions` lists them")
        if found[0].gone_at is not None and not found[0].mention.ours:
            raise NotPossible(f"mention {key} is gone and its words with it: nothing is left to hold")
        there = holds.of(tx, key)
        if there is not None:
            raise NotPossible(f"mention {key} is held already, by {there.by}: {there.why}")
        number = holds.place(tx, key, by=by or "somebody", why=why, now=now)
        log.add(tx, now, "held", f"mention:{key}", {"hold": number, "why": why}, actor=by or "somebody")
        return number


def release(line: Line, key: int, *, by: str) -> bool:
    """Ends a hold. What its platform no longer has is blanked at once; what else is past its time goes with the next
    retention. Returns whether it was blanked. Raises NotPossible."""
    now = line.now()
    with line.database.write() as tx:
        holds.holding(tx)
        there = holds.of(tx, key)
        if there is None:
            raise NotPossible(f"mention {key} is not held; `wellheard holds` lists what is")
        holds.release(tx, key, now)
        (found,) = mentions.by_id(tx, [key])
        gone = found.gone_at is not None and not found.mention.ours
        blanked = bool(gone and mentions.blank(tx, [key], now))
        detail = {"hold": there.id, "why": there.why, "blanked": blanked}
        log.add(tx, now, "released", f"mention:{key}", detail, actor=by or "somebody")
        return blanked
