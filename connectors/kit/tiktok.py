"""TikTok's answers: every one has an error, which may be "ok"; ids of 64 bits, videos, comments, searches."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx

from connectors.kit import answer
from connectors.kit.rest import text_or_none, total
from connectors.kit.text import tidy
from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError, Throttled, Unavailable
from monitor.model import Json, Kind, Mention

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Invalid(Malformed):
    """What was asked for makes no sense to TikTok."""


class Stale(Invalid):
    """A search that was begun is known no longer."""


_REMEDIES: dict[str, tuple[type[PollError], str]] = {
    "access_token_invalid": (AuthRejected, "the client is not accepted: run `wellheard connect tiktok`"),
    "scope_not_authorized": (NotPermitted, "the project is not approved for this: look at the research project there"),
    "scope_permission_missed": (
        NotPermitted,
        "the project is not approved for this: look at the research project there",
    ),
    "invalid_params": (Invalid, "it cannot read the search: correct keywords, hashtags and accounts in the options"),
    "internal_error": (Unavailable, "it failed, and is tried again"),
}


def explain(response: httpx.Response, midnight: timedelta) -> PollError | None:
    """What the error in an answer means, None for "ok" and where only the status code says it; `midnight` is how long until
    the day's requests are renewed. Raises Malformed for a good answer without one."""
    code, host, error = response.status_code, response.request.url.host, _error(response)
    said, words = str(error.get("code")), str(error.get("message")).lower()
    if said == "ok" or (not error and not response.is_success):
        return None
    if said == "daily_quota_limit_exceeded":
        return Throttled(f"{host} answered {code}: the requests of the day are used up until midnight UTC", midnight)
    if said == "rate_limit_exceeded":
        return Throttled(f"{host} answered {code}: it asks for patience", answer.patience(response.headers))
    if said == "invalid_params" and ("search" in words or "cursor" in words):
        return answer.refusal(response, Stale)
    kind, remedy = _REMEDIES.get(said, (Malformed if response.is_success else None, None))
    return answer.refusal(response, kind, remedy)


def _error(response: httpx.Response) -> Mapping[str, Json]:
    with suppress(Malformed):
        said = answer.read(response)
        if isinstance(said, dict) and isinstance(said.get("error"), dict):
            return dict(said["error"])
    if response.is_success:
        raise Malformed(f"{response.request.url.host} sent something that is no answer of its API: it has changed")
    return {}


def id_of(item: Json) -> str:
    """The id of a video or comment: a number of 64 bits, in JSON as such or as text. Raises one of UNREADABLE."""
    id_ = item.get("id") or item["video_id"]
    if isinstance(id_, float | bool):
        raise TypeError("an id that went through a float is another")
    return str(int(id_))


def made(item: Json) -> datetime:
    """When it was made. Raises one of UNREADABLE."""
    return _EPOCH + timedelta(seconds=int(item["create_time"]))


def mention(item: Json, own: set[str]) -> Mention:
    """Read a video or a comment; `own` are names of ours. Raises one of UNREADABLE."""
    return _comment(item) if "text" in item else _video(item, own)


def _video(item: Json, own: set[str]) -> Mention:
    name, spoken = text_or_none(item, "username"), text_or_none(item, "voice_to_text")
    return Mention(
        external_id=id_of(item),
        kind=Kind.POST,
        text=tidy(f"{text_or_none(item, 'video_description') or ''}\n{spoken or ''}"),
        url=f"https://www.tiktok.com/@{name}/video/{id_of(item)}" if name else None,
        published_at=made(item),
        author=name,
        ours=plain_name(name or "") in own,
        engagement=total(item, "like_count", "comment_count", "share_count"),
    )


def _comment(item: Json) -> Mention:
    above = item.get("parent_comment_id") or item["video_id"]  # the video's own id right under it
    return Mention(
        external_id=id_of(item),
        kind=Kind.COMMENT,
        text=tidy(text_or_none(item, "text") or ""),
        published_at=made(item),
        parent_id=id_of({"id": above}),
        engagement=total(item, "like_count", "reply_count"),
    )


def place(said: Json, before: Mapping[str, Json]) -> dict[str, Json]:
    """Where an answer ends: `more`, `cursor`, and the search's id. Raises Malformed where it says that there is more, and not
    where."""
    more, cursor = said.get("has_more") is True, said.get("cursor")
    if more and (not isinstance(cursor, int) or cursor <= before.get("cursor", -1)):
        raise Malformed(
            "open.tiktokapis.com sends the walk in a circle: nothing can be done here but wait or report it"
        )
    search = said.get("search_id") or before.get("search_id")
    return {"more": more, "cursor": cursor} | ({"search_id": search} if search else {})


def query(wanted: Mapping[str, tuple[str, ...]], regions: tuple[str, ...]) -> dict[str, Json]:
    """A search in TikTok's words: any of what is `wanted`, by field, in one of the regions."""
    any_of = [_condition(field, values) for field, values in wanted.items() if values]
    return {"or": any_of} | ({"and": [_condition("region_code", regions)]} if regions else {})


def _condition(field: str, values: tuple[str, ...]) -> dict[str, Json]:
    return {"operation": "IN", "field_name": field, "field_values": list(values)}


def plain_name(name: str) -> str:
    """An account's name without what people write before it."""
    return name.removeprefix("@").lower()
