"""Feeds of every kind: RSS 0.90 to 2.0, Atom 0.3 and 1.0, RDF and JSON Feed, read quickly and without harm."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from connectors.kit.feed import jsonfeed, patient, quick
from connectors.kit.feed.document import safe
from connectors.kit.feed.entry import Entry, Feed, Unreadable, Unsure
from monitor.connector import Malformed


def read(body: bytes, headers: Mapping[str, str], base_url: str) -> Feed:
    """The feed in `body`. Takes CPU time, and a child process for what is broken or odd and large: call it in a thread.

    `headers`: the answer's, of which `content-type` is looked at; `base_url` names the host in errors. Raises
    Malformed for what is no feed, and for what no parser should touch: entity declarations, NUL bytes, more than
    10 MB, elements nested more than 100 deep."""
    try:
        found = safe(body, headers.get("content-type", ""))
        if found.json:
            return jsonfeed.read(found.body)
        try:
            return quick.read(found.body)
        except Unsure as unsure:
            return patient.read(found.body, tame=unsure.tame)
    except Unreadable as why:
        raise Malformed(f"{urlsplit(base_url).hostname} {why}") from None


__all__ = ["Entry", "Feed", "read"]
