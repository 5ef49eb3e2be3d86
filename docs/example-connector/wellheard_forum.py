"""A forum that lists the newest posts first."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import httpx
from pydantic import BaseModel, field_validator

from connectors.kit.auth import Bearer
from connectors.kit.rest import STRICT, Rest, origin, text, when
from connectors.kit.text import plain
from monitor.connector import Access, Secret
from monitor.model import Json, Kind, Mention


class Forum(Rest):
    """Reads the newest posts of a forum."""

    platform = "forum"
    access = Access(
        kind="official",
        sees="public posts of the board",
        blind_to="private boards; edits older than the overlap",
        own_replies=True,
        terms="free, 60 requests an hour",
    )
    items: ClassVar[tuple[str, ...]] = ("posts",)

    class Options(BaseModel):
        """Which forum, which board, and the token that may read it."""

        model_config = STRICT
        url: str
        board: str
        token: Secret

        _origin = field_validator("url")(origin)

    def url(self, since: datetime) -> httpx.URL:
        return httpx.URL(f"{self.options.url}/api/posts", params={"board": self.options.board})

    def sign(self) -> httpx.Auth:
        return Bearer(self.options.token)

    def arrived(self, item: Json) -> datetime:
        return when(item["created"])

    def mention(self, item: Json) -> Mention | None:
        return Mention(
            external_id=text(item, "id"),
            kind=Kind.POST,
            text=plain(text(item, "body")),
            url=item.get("link"),
            published_at=when(item["created"]),
            author=item.get("author"),
        )
