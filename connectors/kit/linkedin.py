"""LinkedIn's answers: URNs, its "little text", notifications, comments and posts, and what a refusal means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx

from connectors.kit import answer
from connectors.kit.rest import UNREADABLE, text, text_or_none, total
from connectors.kit.text import tidy
from monitor.connector import AuthRejected, NotPermitted, PollError, Throttled
from monitor.model import Json, Kind, Mention

COMMENTS, SHARES, DELETED = ("COMMENT", "COMMENT_EDIT", "ADMIN_COMMENT"), ("SHARE_MENTION", "SHARE"), "COMMENT_DELETE"
"""What notifications are asked for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[0-9]{5,19}(?=\)?$)")
_WRITTEN = re.compile(
    r"@\[((?:[^\]\\]|\\.)*)\]\([^()]*\)"  # a mention of somebody
    r"|\{hashtag\|(?:\\?#)\|((?:[^}\\]|\\.)*)\}"
    r"|\\(.)",
    re.DOTALL,
)


class Gone(NotPermitted):
    """What was asked for is not there, or not any more."""


def explain(response: httpx.Response, midnight: timedelta) -> PollError | None:
    """What a refusal means; `midnight` is how long it is until the day's calls are renewed."""
    code, said = response.status_code, _problem(response)
    told = f"{said.get('code')} {said.get('message')}".upper()
    if code == 401:
        return answer.refusal(
            response, AuthRejected, "the access expired or was withdrawn: run `wellheard connect linkedin`"
        )
    if code == 426 or (code in (400, 404) and "VERSION" in told):
        remedy = "this version of its API is over: set version in the source's options to a month of this year"
        return answer.refusal(response, NotPermitted, remedy)
    if code == 403:
        remedy = (
            "is the member still an administrator of the Page, and the app approved for the Community Management API?"
        )
        return answer.refusal(response, NotPermitted, remedy)
    if code in (404, 410):
        return answer.refusal(response, Gone)
    if code == 429 and " DAY " in told:
        host = response.request.url.host
        return Throttled(f"{host} answered 429: the calls of the day are used up until midnight UTC", midnight)
    return None


def _problem(response: httpx.Response) -> dict[str, Json]:
    with suppress(PollError):
        return said if isinstance(said := answer.read(response), dict) else {}
    return {}


def at(milliseconds: Json) -> datetime:
    """A time as LinkedIn writes it. Raises one of UNREADABLE."""
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def number(urn: str) -> int:
    """The number at the end of a URN. Raises ValueError where there is none."""
    found = _NUMBER.search(urn)
    if not found:
        raise ValueError("no number ends the URN")
    return int(found[0])


def comment_id(urn: str) -> str:
    """What a comment is called, whether its URN is written with the activity, the share or the ugcPost it is under."""
    return f"urn:li:comment:{number(urn)}"


def made(urn: str) -> datetime:
    """When that which has this URN was made: the upper bits of its number are milliseconds. Raises ValueError."""
    return _EPOCH + timedelta(milliseconds=number(urn) >> 22)


def shown(little: str) -> str:
    """LinkedIn's "little text" as a reader sees it: names and hashtags without their markup, no escapes."""

    def plain(found: re.Match[str]) -> str:
        name, tag, escaped = found.groups()
        return escaped or shown(name if name is not None else f"#{tag}")

    return tidy(_WRITTEN.sub(plain, little))


def mention(item: Json, own: str) -> Mention | None:
    """Read a notification, a comment that is listed `under` a post, or a post; `own` is the URN of the Page. Raises one of
    UNREADABLE."""
    if "action" in item:
        action = text(item, "action")
        return told_comment(item, own) if action in COMMENTS else told_share(item, own) if action in SHARES else None
    if "message" in item or "commentUrn" in item:
        return comment(item, own)
    return post(item, own)


def told_comment(item: Json, own: str) -> Mention | None:
    """Read a notification of a comment. None where it does not say the text: it is read under its post."""
    said = (item.get("decoratedGeneratedActivity") or {}).get("comment") or {}
    urn, words = text_or_none(said, "entity") or text(item, "generatedActivity"), _words(said)
    if not words:
        return None
    source = item.get("decoratedSourcePost") or {}
    above = text_or_none(said, "parentComment")
    post = text_or_none(source, "entity") or text_or_none(item, "sourcePost") or text_or_none(said, "object")
    return Mention(
        external_id=comment_id(urn),
        kind=Kind.COMMENT,
        text=words,
        url=address(post),
        published_at=_made(urn, item),
        parent_id=comment_id(above) if above else post,
        ours=item.get("action") == "ADMIN_COMMENT" or own in (said.get("owner"), said.get("actor")),
    )


def told_share(item: Json, own: str) -> Mention | None:
    """Read a notification of a post that mentions or shares us. None for a share without a word."""
    said = (item.get("decoratedGeneratedActivity") or {}).get("share") or {}
    urn, words = text_or_none(said, "entity") or text(item, "generatedActivity"), _words(said)
    if not words and item.get("action") == "SHARE":
        return None
    return Mention(
        external_id=urn,
        kind=Kind.POST,
        text=words,
        url=address(urn),
        published_at=_made(urn, item),
        ours=own in (said.get("owner"), said.get("author")),
    )


def comment(item: Json, own: str) -> Mention | None:
    """Read a comment as it is listed. None for one without a word, such as a picture."""
    post = text_or_none(item, "under") or text_or_none(item, "object")
    urn = text_or_none(item, "commentUrn") or text_or_none(item, "$URN") or text(item, "id")
    words, above = _words(item), text_or_none(item, "parentComment")
    likes = item.get("likesSummary") or {}
    return (
        Mention(
            external_id=comment_id(urn),
            kind=Kind.COMMENT,
            text=words,
            url=address(post),
            published_at=at(item["created"]["time"]),
            parent_id=comment_id(above) if above else post,
            ours=own in (item.get("actor"), (item.get("created") or {}).get("actor")),
            engagement=total(likes, "totalLikes", "aggregatedTotalLikes"),
        )
        if words
        else None
    )


def post(item: Json, own: str) -> Mention | None:
    """Read a post of a Page. None for one that is not published."""
    urn, published_at = text(item, "id"), at(item.get("publishedAt") or item["createdAt"])
    if item.get("lifecycleState", "PUBLISHED") != "PUBLISHED":
        return None
    return Mention(
        external_id=urn,
        kind=Kind.POST,
        text=shown(text_or_none(item, "commentary") or ""),
        url=address(urn),
        published_at=published_at,
        ours=item.get("author") == own,
    )


def _words(said: Mapping[str, Json]) -> str:
    message = said.get("message")
    return tidy(
        text_or_none(said, "text") or (text_or_none(message, "text") if isinstance(message, dict) else "") or ""
    )


def _made(urn: str, item: Json) -> datetime:
    """An edit's notification says when it was edited."""
    changed = at(item["lastModifiedAt"])
    with suppress(*UNREADABLE):
        return (
            moment if _EPOCH.replace(year=2003) < (moment := made(urn)) <= changed + timedelta(minutes=10) else changed
        )
    return changed


def address(urn: str | None) -> str | None:
    """Where a post is shown."""
    return f"https://www.linkedin.com/feed/update/{urn}" if urn and urn.startswith("urn:li:") else None
