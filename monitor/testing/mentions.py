"""Mentions for tests: complete ones, of which a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from monitor.model import Kind, Mention

_USUAL: dict[str, Any] = {
    "external_id": "1",
    "kind": Kind.POST,
    "text": "The new waiting room of Practice Hospital is lovely.",
    "published_at": datetime(2026, 6, 1, 12, tzinfo=UTC),
}


def make_mention(text: str | None = None, **changes: Any) -> Mention:
    """A mention as any connector might read it, with `changes` made to it: `make_mention("Rude staff", stars=1)`.

    A dozen calls that need different ones name different `external_id`s."""
    if text is not None:
        changes["text"] = text
    return Mention(**(_USUAL | changes))
