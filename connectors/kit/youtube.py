"""How YouTube's JSON reads: threads of comments, videos, and a video's place in a playlist."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from connectors.kit.google import inner
from connectors.kit.late import Late
from connectors.kit.rest import UNREADABLE, text, text_or_none, when
from connectors.kit.text import plain, tidy
from monitor.model import Json, Kind, Mention

LATE = Late(window=timedelta(days=90), reads=1000, rounds=0, most=1000)
"""Threads by what they say of their replies; looking all of them up again in turn is cheap, and done 50 at a time."""

_WORDS = ("textOriginal", "textDisplay")
_HIDDEN = ("Private video", "Deleted video")


def mention(item: Json, own: str | None) -> Mention | None:
    """Read a comment, a video or a playlist item; `own` is our channel's id. Raises one of UNREADABLE."""
    return _video(item, own) if item["snippet"].keys().isdisjoint(_WORDS) else _comment(item, own)


def is_thread(item: Json) -> bool:
    """Whether it is a thread that can be told from others."""
    return bool(inner(item, "id")) and isinstance(item.get("snippet"), dict) and "topLevelComment" in item["snippet"]


def shown(thread: Json) -> list[Json]:
    """The replies that a thread shows: at most five."""
    replies = thread.get("replies")
    comments = replies.get("comments") if isinstance(replies, dict) else None
    return comments if isinstance(comments, list) else []


def videos(items: Iterable[Json]) -> dict[str, str | None]:
    """By the id of each thread, the video that it is under."""
    return {item["id"]: inner(item, "snippet", "videoId") for item in items if is_thread(item)}


def noted(late: Json, items: Iterable[Json], now: datetime, *, again: bool = False) -> Json:
    """What `LATE` keeps of threads once `items` were handed over. One that shows all its replies is read; so is one of
    which nothing is new when it is looked up `again`."""
    threads = {item["id"]: item for item in items if is_thread(item) and _is_dated(item)}
    counts = {id_: (published(one), _total(one)) for id_, one in threads.items()}
    late = LATE.seen(late, counts, now)
    unread = set(LATE.due(late))
    for id_, one in threads.items():
        whole = len(shown(one)) >= (counts[id_][1] or 0)
        if id_ in late and (whole or (again and id_ not in unread)):
            late = LATE.read(late, id_, now)
    return late


def _total(thread: Json) -> int | None:
    """How many replies a thread has."""
    count = thread["snippet"].get("totalReplyCount")
    return count if type(count) is int else None


def _is_dated(thread: Json) -> bool:
    try:
        return bool(published(thread))
    except UNREADABLE:
        return False


def said(item: Json) -> list[Json]:
    """What is said in a thread, first the comment that begins it; anything else is itself."""
    if not is_thread(item):
        return [item]
    video = inner(item, "snippet", "videoId")
    return [under(video, one) for one in (item["snippet"]["topLevelComment"], *shown(item))]


def under(video: str | None, comment: Json) -> Json:
    """The comment, with the video that it is under: replies do not say it."""
    return {**comment, "under": video} if isinstance(comment, dict) else comment


def published(item: Json) -> datetime:
    """When it was said; a thread, when it began. Raises one of UNREADABLE.

    A playlist item is as old as its video: it is put into the list when the video is uploaded, published or not."""
    item = item["snippet"]["topLevelComment"] if is_thread(item) else item
    return when(inner(item, "contentDetails", "videoPublishedAt") or item["snippet"]["publishedAt"])


def _video(item: Json, own: str | None) -> Mention | None:
    """A video, or its place in a playlist. One that is hidden there is no mention."""
    snippet = item["snippet"]
    id_ = text(snippet["resourceId"], "videoId") if "resourceId" in snippet else text(item, "id")
    if snippet.get("title") in _HIDDEN and not snippet.get("thumbnails"):
        return None
    return Mention(
        external_id=id_,
        kind=Kind.POST,
        text=tidy(text_or_none(snippet, "description") or ""),
        title=tidy(text_or_none(snippet, "title") or ""),
        url=f"https://www.youtube.com/watch?v={id_}",
        published_at=published(item),
        author=inner(snippet, "channelTitle"),
        lang=inner(snippet, "defaultAudioLanguage") or inner(snippet, "defaultLanguage"),
        ours=own is not None and snippet.get("channelId") == own,
        engagement=_count(item.get("statistics"), "likeCount", "commentCount"),
    )


def _comment(item: Json, own: str | None) -> Mention:
    """A comment: it answers the one that begins its thread, and that the video."""
    snippet = item["snippet"]
    id_, video = text(item, "id"), inner(item, "under") or inner(snippet, "videoId")
    return Mention(
        external_id=id_,
        kind=Kind.COMMENT,
        text=tidy(text_or_none(snippet, "textOriginal") or plain(text(snippet, "textDisplay"))),
        url=f"https://www.youtube.com/watch?v={video}&lc={id_}" if video else None,
        published_at=published(item),
        author=inner(snippet, "authorDisplayName"),
        parent_id=inner(snippet, "parentId") or video,
        ours=own is not None and inner(snippet, "authorChannelId", "value") == own,
        engagement=_count(snippet, "likeCount"),
    )


def _count(counted: Json, *keys: str) -> int | None:
    """Add up numbers, which are strings where they count a video's reactions and missing where they are hidden."""
    counts = [str(counted.get(key)) for key in keys] if isinstance(counted, dict) else []
    numbers = [int(count) for count in counts if count.isdecimal() and len(count) < 16]
    return sum(numbers) if numbers else None
