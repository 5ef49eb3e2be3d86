"""The two generations of Lemmy's API, 0.19 (v3) and 1.0 (v4), read as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx

from connectors.kit import answer
from connectors.kit.rest import UNREADABLE, text, text_or_none, zoned
from connectors.kit.text import https
from monitor.connector import AuthRejected, Malformed, PollError, Throttled
from monitor.model import Json

_LISTS = ("posts", "comments", "items")
_CREDENTIAL = ("not_logged_in", "incorrect_login", "incorrect_totp_token")


@dataclass(frozen=True, slots=True)
class Onward:
    """An instance names the next page (`next_page`), or counts pages from 1 until one is empty."""

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:
        """Return the page after the one at `url`, None where the listing ends."""
        said = answer.read(response)
        if "next_page" in said or url.path.startswith("/api/v4/"):
            token = said.get("next_page")
            return url.copy_set_param("page_cursor", token) if token else None
        return url.copy_set_param("page", int(url.params.get("page", "1")) + 1) if items else None


def explain(response: httpx.Response) -> PollError | None:
    """What a refusal means: its `error` says it, whatever the status."""
    host = response.request.url.host
    try:
        error = response.json()["error"]
    except UNREADABLE:
        return None
    if error in _CREDENTIAL:
        return AuthRejected(f"{host} wants a log-in, or the token is not valid: set token in the source's options")
    if error == "rate_limit_error":
        return Throttled(f"{host} asks for patience", answer.patience(response.headers))
    return None


def listed(response: httpx.Response) -> list[Json]:
    """Return posts and comments of an answer, which has them in one list or two."""
    said = answer.read(response)
    lists = [said[key] for key in _LISTS if isinstance(said.get(key), list)] if isinstance(said, dict) else []
    if not lists:
        raise Malformed(f"{response.request.url.host} sent neither posts nor comments: its API has changed")
    return [item for some in lists for item in some]


def thing(item: Json) -> Json:
    """The comment or post itself; a comment comes with its post. Raises one of UNREADABLE."""
    return item["comment"] if "comment" in item else item["post"]


def is_gone(said: Json) -> bool:
    """Whether a comment or post was taken away by its author or a moderator; it is listed for a while, blanked."""
    return any(said.get(flag) is True for flag in ("deleted", "removed"))


def published(said: Json) -> datetime:
    """When a comment or post was published where it came from. Older instances write no zone: it is UTC."""
    return zoned(text(said, "published_at" if "published_at" in said else "published"))


def address(creator: Json) -> str | None:
    """An account as name@host, None where it is not said."""
    name, at = text_or_none(creator, "name"), text_or_none(creator, "ap_id") or text_or_none(creator, "actor_id")
    home = https(at)
    return f"{name}@{httpx.URL(home).host}" if name and home else name


def languages(site: Json) -> dict[int, str]:
    """The codes of an instance's languages by their numbers; 0 is none."""
    try:
        return {int(one["id"]): text(one, "code") for one in site.get("all_languages") or () if one["id"]}
    except UNREADABLE:
        return {}
