"""Walk: pages as a connector hands them over, each within its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import timedelta
from typing import Protocol

from monitor.connector import Page

PAGE_DEADLINE = timedelta(minutes=2)
"""A page that does not come within this time ends the walk: a hung connector must not silence its source."""


class Rechecker(Protocol):
    """The optional part of a connector. An id that is neither handed over nor gone counts as unchanged: what could not be
    looked up is raised for."""

    def recheck(self, ids: Sequence[str]) -> AsyncGenerator[Page, None]: ...


async def in_time(pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
    """The pages as they come. Raises TimeoutError where the next one does not."""
    while True:
        async with asyncio.timeout(PAGE_DEADLINE.total_seconds()):
            page = await anext(pages, None)
        if page is None:
            return
        yield page
