"""Platforms that count what we ask: every request is paid from a budget before it is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx

from connectors.kit.budget import Budget
from connectors.kit.rest import UNREADABLE, Rest
from monitor.connector import Cursor, Malformed, Page, Throttled
from monitor.model import Json


class Spent(Throttled):
    """The budget of the day is used up, whether it is we who counted or the platform."""


class Paid(Rest):
    """Asks one page at a time.

    `kept` is the cursor that a poll will hand over:

        while url:
            yield self.paid(self.units)
            items, url = await self.read(url)
            yield replace(self.page(items, floor), cursor=dict(self.kept))

    So a crash in between costs a request of the budget, and never goes over it."""

    def __init__(self, *args: Any, **clock: Any) -> None:
        super().__init__(*args, **clock)
        self.kept: Cursor = {}

    def paid(self, *budgets: Budget) -> Page:
        """Return the page that pays for a request: it is to be handed over before that is made. Raises Spent."""
        now = self.now()
        for one in budgets:
            spent = self.kept.get(one.name)
            if not one.left(spent, now):
                raise self.spent(one, now)
            self.kept[one.name] = one.spend(spent, now)
        return Page(cursor=dict(self.kept))

    def spent(self, budget: Budget, now: datetime) -> Spent:
        """Return the error of a budget that is used up."""
        wait = budget.wait(now)
        hours = round(wait / timedelta(hours=1)) or 1
        return Spent(f"{self.host}: all {budget.limit} {budget.name} of today are used up, for about {hours} h", wait)

    @property
    def host(self) -> str:
        """Whose requests are counted."""
        raise NotImplementedError

    async def read(self, url: httpx.URL) -> tuple[list[Json], httpx.URL | None]:
        """Return the items of a page, and the page after it. Raises PollError."""
        response = await self.ask(url)
        items = self.listed(response)
        try:
            following = self.paging.after(url, response, items)
        except (httpx.InvalidURL, *UNREADABLE):
            raise Malformed(f"{url.host} names a next page that cannot be read: its API has changed") from None
        if following == url:
            raise Malformed(f"{url.host} sends the walk in a circle: nothing can be done here but wait or report it")
        return items, following
