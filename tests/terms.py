"""A platform with terms for tests: what it still has, what it was asked for again, and how that breaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from monitor.connector import Access, Page
from monitor.model import Mention
from monitor.store import mentions
from tests.line import Bench, Fake


class Bound(Fake):
    """Looks ids up in `there`, three at a time. `breaks` is raised after the first page; `during` is called before it."""

    def __init__(self, *polls: Sequence[Page | Exception], **terms: timedelta) -> None:
        super().__init__(*polls)
        self.access: Access = replace(Fake.access, **terms)  # type: ignore[misc]
        self.there: dict[str, Mention] = {}
        self.looked_up: list[list[str]] = []
        self.unsigned: tuple[str, ...] = ()
        self.breaks: Exception | None = None
        self.during: Callable[[], Any] = lambda: None
        self.warns: tuple[str, ...] = ()

    async def recheck(self, ids: Sequence[str]) -> AsyncGenerator[Page, None]:
        self.looked_up.append(list(ids))
        for some in (ids[start : start + 3] for start in range(0, len(ids), 3)):
            self.during()
            here = [self.there[key] for key in some if key in self.there]
            gone = [key for key in some if key not in self.there]
            yield Page(mentions=here, gone=gone, unsigned=self.unsigned, cursor={"stolen": True}, warnings=self.warns)
            if self.breaks is not None:
                raise self.breaks


def everything(bench: Bench) -> dict[str, Any]:
    """What is stored, by external id."""
    with bench.database.read() as tx:
        return {one.mention.external_id: one for one in mentions.listed(tx)}


def checked_at(bench: Bench) -> dict[str, Any]:
    """When each mention was confirmed last, by external id."""
    from sqlalchemy import select

    from monitor import schema

    with bench.database.read() as tx:
        return dict(tx.execute(select(schema.mentions.c.external_id, schema.mentions.c.checked_at)).all())  # type: ignore[arg-type]
