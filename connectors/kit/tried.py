"""A source that needs no credentials, tried before it is offered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta

import httpx
from pydantic import ValidationError

from connectors.kit.rest import Rest
from monitor.connector import Answers, Found, Malformed, Secret
from monitor.model import Json


def words(answers: Answers, key: str) -> list[str]:
    """Return what was answered to a question for several things, separated by commas."""
    return [word.strip() for word in str(answers.get(key) or "").split(",") if word.strip()]


async def tried(
    connector: type[Rest],
    options: Mapping[str, Json | Secret],
    client: httpx.AsyncClient,
    *,
    name: str,
    shown: str,
    kept: tuple[str, ...] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Found]:
    """Yield the source that `options` make, once its last day could be read. `kept` are those of them that the answers
    give anyway. Raises PollError."""
    try:
        made = connector.Options(**options)
    except ValidationError as error:
        raise Malformed(f"{connector.platform}: {error.errors(include_url=False)[0]['msg']}") from None
    async for _ in connector(made, client).poll({}, now() - timedelta(days=1)):
        pass
    yield Found(name=name, shown=shown, options={key: value for key, value in options.items() if key not in kept})
