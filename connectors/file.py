"""A file of mentions: reviews exported elsewhere, read when a person imports them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import httpx
from pydantic import BaseModel, ConfigDict, Field, field_validator

from connectors.kit import cells
from connectors.kit.table import Table
from connectors.kit.text import https
from monitor.connector import Access, Cursor, Page
from monitor.model import Json, Kind, Mention

Column = Literal[
    "external_id", "kind", "text", "url", "published_at", "author", "title", "stars", "lang", "parent_id", "ours",
    "engagement", "audience",
]  # fmt: skip
COLUMNS: tuple[str, ...] = get_args(Column)

_NOON = datetime(2026, 5, 31, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a file: the mention it is, or else the reason why it is none, which never repeats what it says.

    `line` is the one it begins on, `bytes_read` how much of the file was read by then."""

    line: int
    mention: Mention | None
    reason: str | None
    bytes_read: int


class File:
    """A source whose mentions a person brings: there is nothing to poll."""

    platform = "file"
    access = Access(
        kind="local",
        sees="the rows of the files that are imported",
        blind_to="whatever was not exported; edits and deletions after the export",
        own_replies=True,
        terms="those of the platform the file was exported from",
    )

    class Options(BaseModel):
        """How the columns of a file are read.

        `map` names the column of a field where it does not carry the field's own name. `date_format` is for strptime:
        without it only ISO 8601 is read, for 03/04 would be a guess. `timezone` is that of times that name none. `scale`
        is the best rating, `kind` what a row is that does not say it."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        map: dict[Column, str] = Field(default_factory=dict)
        date_format: str | None = None
        timezone: str = "UTC"
        scale: int = Field(default=5, ge=2)
        kind: Kind = Kind.POST

        @field_validator("timezone")
        @classmethod
        def _is_known(cls, name: str) -> str:
            try:
                return ZoneInfo(name).key
            except (ValueError, LookupError, OSError):
                raise ValueError("is no time zone: write one such as America/Chicago") from None

        @field_validator("date_format")
        @classmethod
        def _is_read(cls, date_format: str | None) -> str | None:
            try:
                cells.parsed(_NOON.strftime(date_format or "%Y"), date_format or "%Y")
            except ValueError:
                raise ValueError("is no date format: write one such as %d/%m/%Y") from None
            return date_format

    def __init__(self, options: Any, client: httpx.AsyncClient) -> None:  # noqa: ARG002  # as every connector is made
        self.options = options

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:  # noqa: ARG002  # nothing is walked
        """Hand over one empty page."""
        yield Page(cursor=cursor)

    def rows(self, path: Path, now: datetime) -> Iterator[Row]:
        """Read the file at `path`, see `rows`."""
        return rows(path, self.options, now)


def rows(path: Path, options: File.Options, now: datetime) -> Iterator[Row]:
    """Read the rows of a CSV or JSON file, in constant memory; the line of a row is where it begins.

    What names no time was said `now`; what has no id gets one from its content, the same in any file. Raises Malformed
    where the header does not have the columns that are mapped, and OSError."""
    table = Table(path, COLUMNS, options.map.values())
    for line, row, reason in table:
        try:
            mention = None if reason else read(row, options, now, strict=table.is_json and not options.map)
            wrong = reason
        except ValueError as error:
            mention, wrong = None, str(error)
        yield Row(line=line, mention=mention, reason=wrong or None, bytes_read=table.bytes_read)


def read(row: Mapping[str, Json], options: File.Options, now: datetime, *, strict: bool = False) -> Mention:
    """Read a row, of a `strict` table without keys that we do not know.

    Raises ValueError that says what is wrong and repeats nothing of the row but the name of a column."""
    said = _picked(row, options, strict=strict)
    text, title, author = (cells.text(said, column) for column in ("text", "title", "author"))
    stars, at = cells.stars(said, options.scale), cells.moment(said, options.date_format, options.timezone)
    if not text and stars is None:
        raise ValueError("has neither text nor stars")
    content = "\0".join([text, title, author, str(stars), at.isoformat() if at else ""])
    return Mention(
        external_id=cells.identity(said, "external_id") or blake2b(content.encode(), digest_size=16).hexdigest(),
        kind=cells.kind(said, options.kind),
        text=text,
        url=https(cells.text(said, "url")),
        published_at=at or now,
        author=author or None,
        title=title,
        stars=stars,
        lang=cells.text(said, "lang") or None,
        parent_id=cells.identity(said, "parent_id") or None,
        ours=cells.whether(said, "ours"),
        engagement=cells.count(said, "engagement"),
        audience=cells.count(said, "audience"),
    )


def _picked(row: Mapping[str, Json], options: File.Options, *, strict: bool) -> cells.Said:
    """The values of our columns, whatever the file calls them."""
    by_name = {name.strip().casefold(): value for name, value in row.items()}
    unknown = by_name.keys() - set(COLUMNS)
    if unknown and strict:
        raise ValueError(f"has a key that is not known: {cells.clean(min(unknown))[:40]}")
    names: Mapping[str, str] = {column: column for column in COLUMNS} | options.map
    named = {column: by_name.get(name.casefold()) for column, name in names.items()}
    return {column: value for column, value in named.items() if value not in (None, "")}
