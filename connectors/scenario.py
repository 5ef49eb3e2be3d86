"""Scenarios: what people say of an invented organisation, written down in a file and said as time goes by."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, Field, field_validator

from connectors.kit.rest import STRICT
from connectors.kit.script import Script, read
from monitor.connector import Access, Cursor, Malformed, Page

_A_PAGE = 100


class Scenario:
    """Plays a scenario once: what is dated before its start is there from the beginning, the rest comes as time goes by.

    The cursor holds when it started and how many steps were played. The start is part of every id, so that one played
    again, in a drill or by another source, is not taken for what is known already."""

    platform: ClassVar[str] = "scenario"
    access: ClassVar[Access] = Access(
        kind="local",
        sees="the written mentions of a scenario, with edits, deletions and our own replies, as their times come",
        blind_to="the world: nothing in it is real",
        own_replies=True,
        terms="free",
    )

    class Options(BaseModel):
        """Which scenario: the name of one that is shipped, or the path of a file that ends in ``.toml``. What comes
        after its start comes `speed` times as fast as written."""

        model_config = STRICT
        scenario: str | Path
        speed: float = Field(default=60, ge=0.1, le=10_000)

        @field_validator("scenario")
        @classmethod
        def _is_there(cls, named: str | Path) -> str | Path:
            if str(named).endswith(".toml"):
                return Path(named)
            if str(named) not in shipped():
                raise ValueError(f"is no scenario: write {', '.join(sorted(shipped()))}, or the path of a .toml file")
            return named

    def __init__(
        self,
        options: Any,
        client: httpx.AsyncClient,  # noqa: ARG002  # it is handed to every connector; nothing is asked for here
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.options = options
        self.now = now
        self.script: Script | None = None

    async def poll(self, cursor: Cursor, floor: datetime) -> AsyncGenerator[Page, None]:
        """Hand over what has come since. Raises Malformed for a file that cannot be read."""
        self.script = script = self.script or _opened(self.options.scenario)
        now = self.now()
        start = datetime.fromisoformat(cursor["start"]) if "start" in cursor else now
        played = cursor.get("played", 0)
        speed = self.options.speed
        due = max(played, script.due((now - start) * speed))
        for first in [*range(played, due, _A_PAGE)] or [played]:
            last = min(first + _A_PAGE, due)
            mentions, gone = script.page(first, last, start, speed)
            fresh = [one for one in mentions if one.published_at >= floor]
            yield Page(mentions=fresh, gone=gone, cursor={"start": start.isoformat(), "played": last})

    def over(self, cursor: Cursor) -> bool:
        """Whether a walk that stands here has played it to its end."""
        return self.script is not None and cursor.get("played", 0) >= len(self.script.steps)


def shipped() -> dict[str, Traversable]:
    """The scenarios that come with the package, by name."""
    there = (files("connectors") / "scenarios").iterdir()
    return {file.name.removesuffix(".toml"): file for file in there if file.name.endswith(".toml")}


def _opened(named: str | Path) -> Script:
    """Read a scenario where it lies. Raises Malformed."""
    file = named if isinstance(named, Path) else shipped()[named]
    try:
        written = file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise Malformed(f"{file.name} cannot be read ({type(error).__name__}): check scenario in the options") from None
    return read(written, file.name)
