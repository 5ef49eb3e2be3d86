"""What is stored, looked up again one by one: what is gone, and what has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx

from connectors.kit import answer
from connectors.kit.rest import UNREADABLE, Rest
from monitor.connector import Page, PollError
from monitor.model import Json

EVER = datetime.min.replace(tzinfo=UTC)
"""The floor under everything: what is rechecked may be of any age."""


async def lookup(rest: Rest, url: httpx.URL) -> Json:
    """Return what stands at `url` now, None where it is there no more (404, 410). Raises PollError for all else."""
    gone = False

    def explain(response: httpx.Response) -> PollError | None:
        nonlocal gone
        gone = response.status_code in (404, 410)
        return rest.explain(response)

    try:
        return answer.read(await answer.ask(rest.client, "GET", url, auth=rest.sign(), explain=explain))
    except PollError:
        if gone:
            return None
        raise


async def recheck(
    rest: Rest,
    ids: Sequence[str],
    address: Callable[[str], httpx.URL | None],
    items: Callable[[Json], list[Json]] = lambda found: [found],
) -> AsyncIterator[Page]:
    """Look each of `ids` up at its `address`; one that has none is not for us to judge.

    `items` takes the listing's items out of an answer; of those, only what was asked for is handed over. Gone is what the platform no longer has, and what it still has but
    shows nobody: an item that `mention` reads as none."""
    for id_ in ids:
        if (url := address(id_)) is None:
            continue
        found = await lookup(rest, url)
        page = _read(rest, found, items) if found else Page()
        found_ids = {mention.external_id for mention in page.mentions}
        yield replace(
            page,
            mentions=[mention for mention in page.mentions if mention.external_id in ids],
            gone=[] if page.skipped or id_ in found_ids else [id_],
        )


def _read(rest: Rest, found: Json, items: Callable[[Json], list[Json]]) -> Page:
    try:
        return rest.page(items(found), EVER)
    except UNREADABLE:
        return Page(skipped=1)
