"""The hash chain over the log: pure; the rows are the store's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from monitor.model import Json, aware

START = "0" * 64
"""What the first link is chained to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One line of the log: who did what to which subject, chained to the line before."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Json]
    previous: str
    hash: str


def digest(previous: str, *, at: datetime, actor: str, action: str, subject: str, detail: Mapping[str, Json]) -> str:
    """The SHA-256, in hex, of a line and of the hash before it."""
    line = [previous, aware(at).isoformat(), actor, action, subject, dict(detail)]
    return sha256(json.dumps(line, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def broken(links: Iterable[Link]) -> int | None:
    """The id of the first line that does not fit the chain, None where all do; `links` in the order they were written."""
    previous = START
    for link in links:
        right = digest(
            previous, at=link.at, actor=link.actor, action=link.action, subject=link.subject, detail=link.detail
        )
        if link.previous != previous or link.hash != right:
            return link.id
        previous = link.hash
    return None
