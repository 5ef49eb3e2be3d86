"""Late comments: which of our recent posts to read again for what was said under them since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.model import Json

_PUBLISHED, _COUNT, _READ, _CHANGED = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """Two-level listings: our posts, and under each its comments, which come for weeks. Pure: what is remembered is a
    value of the cursor, None at first: by post id `[published, count, read, changed]`, times in seconds since 1970.

    A poll shows it every post that it lists, with the number of comments where the platform says one, and reads the
    comments of those that are `due`:

        late = Late(window=timedelta(days=30))

        kept = late.seen(cursor.get("late"), {"post-7": (published_at, 12), "post-8": (published_at, None)}, now)
        for post in late.due(kept, now=now, first=not cursor):
            async for comments in ...:                    # every page of the comments under `post`
                yield self.page(comments, floor)          # no cursor yet: were the walk cut here, `post` stays due
            kept = late.read(kept, post, now)             # or late.gone(kept, post) where the platform has it no more
            yield Page(cursor=cursor | {"late": kept})

    `now` is when the poll began, for all its posts: what is said while it reads is then read again and never missed.

    Due are first of all the posts that were never read or whose count is another, `reads` a poll at most; what does not
    fit stays due. Counts lie - one comment goes, one comes - so the posts longest unread are read again as well,
    `rounds` of them a poll, which have their place whatever else is due, but none within `again`: so most polls of a quiet
    source ask nothing here. A platform that says no counts has `rounds` equal to `reads`. A post whose window is over is
    read once more and forgotten, so every comment that was made within it is found, however late the polls come. No more
    than `most` posts are remembered, see `warning`."""

    window: timedelta = timedelta(days=30)
    reads: int = 10
    rounds: int = 1
    again: timedelta = timedelta(hours=6)
    most: int = 300

    def seen(self, kept: Json, posts: Mapping[str, tuple[datetime, int | None]], now: datetime) -> Json:
        """What is to be kept once `posts` were listed: id -> (published_at, number of comments, None if not said)."""
        known: dict[str, Json] = dict(kept or {})
        for id_, (published_at, count) in posts.items():
            published = _seconds(published_at)
            if id_ in known:
                known[id_] = _counted(known[id_], count)
            elif self._end(published) > _seconds(now):
                known[id_] = [published, count, 0 if count != 0 else _seconds(now), count != 0]
        return dict(self._most_needed(known, now))

    def due(self, kept: Json, *, now: datetime | None = None, first: bool = False) -> list[str]:
        """The ids of the posts to read now, at most `reads`. Those longest unread come first, newest first among those
        that were never read. On a `first` walk all that have something: only then is what they say known to be old.
        Without `now`, a turn may come `again` at once."""
        waiting = sorted(kept or {}, key=lambda id_: (kept[id_][_READ], -kept[id_][_PUBLISHED], id_))
        if first:
            return [id_ for id_ in waiting if kept[id_][_CHANGED]]
        rounds = [id_ for id_ in waiting if kept[id_][_CHANGED] or not self._just_read(kept[id_], now)]
        rounds = rounds[: min(self.rounds, self.reads)]
        changed = [id_ for id_ in waiting if kept[id_][_CHANGED] and id_ not in rounds]
        return rounds + changed[: self.reads - len(rounds)]

    def since(self, kept: Json, id_: str) -> datetime | None:
        """How far back to read the comments of a post where they run from new to old: to when they were last read, or
        were said to be none, or None, to the end, where they never were, or where nothing new is known and it is only their turn: so what was
        edited or let through is seen one day. A platform that sorts answers under what they answer is read to the end.
        """
        _, _, read, changed = kept[id_]
        return datetime.fromtimestamp(read, UTC) if read and changed else None

    def read(self, kept: Json, id_: str, now: datetime) -> Json:
        """What is to be kept once all comments of a post were handed over by a poll that began at `now`."""
        published, count, _, _ = kept[id_]
        if self._end(published) <= _seconds(now):
            return self.gone(kept, id_)
        return {**kept, id_: [published, count, _seconds(now), False]}

    def gone(self, kept: Json, id_: str) -> Json:
        """What is to be kept once a post is found to be deleted."""
        return {other: post for other, post in kept.items() if other != id_}

    def warning(self, kept: Json, now: datetime) -> str | None:
        """The sentence for people where there are more posts than can be remembered."""
        if len(kept or ()) < self.most or any(self._is_over(post, now) for post in kept.values()):
            return None
        days = (_seconds(now) - min(post[_PUBLISHED] for post in kept.values())) // 86400
        return f"only {self.most} posts are remembered: comments under those older than {days} days may not be seen"

    def _most_needed(self, known: Mapping[str, Json], now: datetime) -> Iterable[tuple[str, Json]]:
        if len(known) <= self.most:
            return known.items()
        return sorted(known.items(), key=lambda one: (self._is_over(one[1], now), -one[1][_PUBLISHED]))[: self.most]

    def _is_over(self, post: Json, now: datetime) -> bool:
        return self._end(post[_PUBLISHED]) <= _seconds(now) and not post[_CHANGED]

    def _just_read(self, post: Json, now: datetime | None) -> bool:
        return now is not None and 0 <= _seconds(now) - post[_READ] < self.again.total_seconds()

    def _end(self, published: int) -> int:
        return published + int(self.window.total_seconds())


def _counted(post: Json, count: int | None) -> Json:
    published, before, read, changed = post
    return [published, before, read, changed] if count is None else [published, count, read, changed or count != before]


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
