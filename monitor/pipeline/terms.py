"""Terms: what the platforms' rules ask of us, read from the connectors, as far as the line acts on it."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.connector import Access, load
from monitor.pipeline.line import Line
from monitor.store import Transaction, sources
from monitor.store.mentions import Ends


def limited(access: Access) -> bool:
    """Whether the terms limit what may be kept, so that it must be remembered when each mention was last confirmed."""
    return not (access.retention is None and access.recheck is None and access.refresh is None)


def confirmed_every(access: Access) -> timedelta | None:
    """How often a poll that shows a mention again says so in the store: four times within what the terms ask, since a
    write for each mention with each poll would be most of what a poll costs. None: never."""
    spans = [span for span in (access.recheck, access.refresh) if span is not None]
    return min(spans) / 4 if spans else None


def ends(line: Line, tx: Transaction, now: datetime) -> Ends:
    """What is past its time now, by the configuration and by the terms of every platform that was ever read."""
    known = platforms(line, tx)
    return Ends(
        mentions=now - line.config.retention.mentions,
        own_replies=now - line.config.retention.own_replies,
        terms={name: now - one.retention for name, one in known.items() if one.retention is not None},
        refresh={name: now - one.refresh for name, one in known.items() if one.refresh is not None},
    )


def platforms(line: Line, tx: Transaction) -> dict[str, Access]:
    """The platforms of all sources that we have or ever had: terms end when the mentions do, not with the source. One
    whose connector is not installed any more has nobody who could say what its terms are."""
    found = {source.connector: line.access(name) for name, source in line.config.sources.items()}
    for one in sources.every(tx, active=False):
        if one.platform not in found:
            try:
                found[one.platform] = load(one.platform).access
            except (LookupError, ImportError):
                continue
    return found
