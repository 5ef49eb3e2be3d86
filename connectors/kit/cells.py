"""The cells of a row, as people and spreadsheets write them; what cannot be read raises ValueError without repeating it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from monitor.model import Json, Kind

Said = Mapping[str, Json]
"""The values of a row by our own names; an empty one is left out."""

_DAMAGED = re.compile(r"\d([.,]\d+)?E[+-]\d+", re.IGNORECASE)
_NUMBER = re.compile(r"(\d{1,9}(?:[.,]\d{1,9})?)(?:\s*/\s*(\d{1,9}))?")
_WHETHER = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_MOST = 10**15


def clean(value: str) -> str:
    """Return `value` without what no database takes."""
    return value.replace("\0", "").encode("utf-8", "replace").decode().strip()


def text(said: Said, column: str) -> str:
    """Return a text, empty where there is none."""
    value = said.get(column, "")
    if not isinstance(value, str):
        raise ValueError(f"{column} is no text")  # noqa: TRY004  # one kind of error for all that is wrong with a row
    return clean(value)


def identity(said: Said, column: str) -> str:
    """Return an id, empty where there is none; a number that a spreadsheet has rounded is none any more."""
    value = said.get(column, "")
    written = str(value) if type(value) is int else text(said, column)
    if _DAMAGED.fullmatch(written):
        raise ValueError(f"{column} was damaged by a spreadsheet (as 1.2E+17): export it again, as text")
    return written


def stars(said: Said, scale: int) -> float | None:
    """Return stars out of five, read from `4`, `4,5`, `9/10` or stars as such; one is the least there can be."""
    value = said.get("stars")
    if value is None:
        return None
    written = value.strip() if isinstance(value, str) else str(value) if type(value) in {int, float} else ""
    if written and not written.strip("★☆"):
        written = f"{written.count('★')}/{len(written)}"
    found = _NUMBER.fullmatch(written)
    best = int(found[2] or scale) if found else 0
    rating = float(found[1].replace(",", ".")) if found else 0.0
    if not found or not best or rating > best or (best <= 5 and rating < 1):
        raise ValueError(f"stars are no rating out of {scale}")
    return max(1.0, rating * 5 / best)


def moment(said: Said, date_format: str | None, timezone: str) -> datetime | None:
    """Return when it was published. Without a format only ISO 8601 is read: 03/04/2026 would be a guess."""
    value = said.get("published_at")
    if value is None:
        return None
    try:
        at = parsed(value.strip(), date_format)
        return at.replace(tzinfo=at.tzinfo or ZoneInfo(timezone)).astimezone(UTC)
    except (ValueError, AttributeError, OverflowError):
        wanted = "as date_format has it" if date_format else "as 2026-05-31: set date_format in the source's options"
        raise ValueError(f"published_at is not written {wanted}") from None


def parsed(written: str, date_format: str | None) -> datetime:
    """Return a time, perhaps without a zone."""
    if date_format:
        return datetime.strptime(written, date_format)  # noqa: DTZ007  # a zone that is missing is added by who asks
    return datetime.fromisoformat(written.removesuffix(" UTC") + ("+00:00" if written.endswith(" UTC") else ""))


def kind(said: Said, usual: Kind) -> Kind:
    """Return what the row is, `usual` where it does not say it."""
    written = text(said, "kind").lower()
    if written and written not in set(Kind):
        raise ValueError(f"kind is none of {', '.join(Kind)}")
    return Kind(written or usual)


def whether(said: Said, column: str) -> bool:
    """Return yes or no; no where there is nothing."""
    value = said.get(column, False)
    known = _WHETHER.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(known, bool):
        raise ValueError(f"{column} is neither true nor false")  # noqa: TRY004  # as above
    return known


def count(said: Said, column: str) -> int | None:
    """Return a whole number, None where there is none."""
    value = said.get(column)
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,15}\s*", value) else value
    if number is not None and not (type(number) is int and 0 <= number <= _MOST):
        raise ValueError(f"{column} is no whole number")
    return number
