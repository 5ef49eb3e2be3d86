"""Watch: what we said and must take down is looked up after every poll of its source, until it is gone."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import aclosing
from datetime import datetime
from typing import cast

import structlog

from monitor.config import Source
from monitor.connector import Page, PollError
from monitor.model import SourceState
from monitor.pipeline.ingest import reexamine
from monitor.pipeline.line import Line
from monitor.pipeline.walk import Rechecker, in_time
from monitor.rules import MUST_GO
from monitor.store import mentions
from monitor.store.sources import Superseded

say = structlog.get_logger()

AT_ONCE = 20
"""So many are looked up after a poll: many platforms bill every read. The others wait for the next poll."""


_UNSEEN = "whether what we said and must take down is still up could not be looked up: {}"


async def watch(line: Line, source: Source, state: SourceState) -> list[str]:
    """Looks up what was told and is still up, where the connector can; where it cannot, its place in the listing is all
    there is. Returns what could not be seen. Raises nothing for what a platform does: the poll itself went well."""
    connector = line.connectors(source.name)
    if not hasattr(connector, "recheck"):
        return []
    ids = await line.run(_up, line, source.name)
    if not ids:
        return []
    began = line.now()
    try:
        async with aclosing(cast("Rechecker", connector).recheck(ids)) as pages:
            async for page in in_time(pages):
                await line.run(_store, line, source, state, page, ids, began)
    except (PollError, TimeoutError) as error:
        return [_UNSEEN.format(str(error) or "no answer came in time")]
    except Superseded:
        raise
    except Exception as error:  # noqa: BLE001  # a fault in the look-up must not make the polls fail
        say.error("watch_broke", source=source.name, exc_info=error)
        return [_UNSEEN.format(f"this connector has a fault ({type(error).__name__}); the log has the traceback")]
    await line.run(_confirm, line, state, ids, began)
    return []


def _up(line: Line, source: str) -> list[str]:
    with line.database.read() as tx:
        return list(mentions.up(tx, source, MUST_GO, limit=AT_ONCE))


def _store(  # noqa: PLR0917  # as the executor takes it
    line: Line, source: Source, state: SourceState, page: Page, ids: Collection[str], began: datetime
) -> None:
    with line.database.write() as tx:
        reexamine(line, tx, source, state, page, asked=ids, began=began)


def _confirm(line: Line, state: SourceState, ids: Collection[str], began: datetime) -> None:
    """An id that was neither handed over nor gone is unchanged: `Rechecker`."""
    with line.database.write() as tx:
        mentions.confirm(tx, state.platform, ids, began, before=began)
