"""Tables as CSV that a spreadsheet opens as text: nothing that anybody wrote is taken for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import StringIO

from monitor.messages.times import stamp
from monitor.model import Json

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  # a spreadsheet takes wide ones, too


def sheet(head: Sequence[str], rows: Iterable[Sequence[Json]]) -> str:
    """CSV by RFC 4180 with `head` above. Every text is quoted, since a spreadsheet may part cells at semicolons, and one
    that begins like a formula has an apostrophe before it (OWASP, CSV Injection). Numbers stay numbers, times are UTC,
    lists are joined by spaces, and what is None is empty."""
    held = StringIO(newline="")
    writer = csv.writer(held, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return held.getvalue()


def _cell(value: Json) -> str | int | float:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return stamp(value) or ""
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)
    text = text.replace("\0", "").encode("utf-8", "replace").decode()
    return f"'{text}" if text.startswith(_FORMULA) else text
