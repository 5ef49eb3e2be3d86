"""Mentions: what is known, what is new, what changed, what went; the judge's queue and people's lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
    type_coerce,
    update,
)

from monitor.model import Assessment, Kind, Labels, Mention, Signal, Stored
from monitor.schema import Compact, dumps, matches, mentions, versions

WORTH_JUDGING = 24
"""Edits after which a mention is no longer judged again: some texts change with every poll (lemon24/reader, too)."""
_Key = TypeVar("_Key", int, str)
_BATCH = 500
"""Ids in one IN list: far below the parameter limits of both databases."""


class Known(NamedTuple):
    """What `ingest` must know of a mention that is stored already."""

    id: int
    version: int
    fingerprint: str
    engagement: int | None
    stars: float | None
    risk_score: float
    history: bool
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A mention on its way in: assessed, labelled, and with the verdict whether the judge must see it."""

    mention: Mention
    assessment: Assessment
    topics: Sequence[str]
    labels: Labels
    history: bool
    judged: bool


# JSON is read as it is written: thousands of rows repeat a few topics, labels and themes, and each is decoded once.
_WHOLE = select(
    *(type_coerce(one, Text).label(one.name) if isinstance(one.type, Compact) else one for one in mentions.c)
)
# Asked of every page, and so put together once: that takes longer than the answer (benchmarks/polls.py).
_KNOWN = select(
    mentions.c.external_id, mentions.c.id, mentions.c.version, mentions.c.fingerprint, mentions.c.engagement,
    mentions.c.stars, mentions.c.risk_score, mentions.c.history, mentions.c.gone_at.is_not(None),
).where(mentions.c.platform == bindparam("at"), mentions.c.external_id.in_(bindparam("ids", expanding=True)))  # fmt: skip
_ORPHANS = _WHOLE.where(
    mentions.c.platform == bindparam("at"), mentions.c.parent_id.in_(bindparam("ids", expanding=True)), mentions.c.ours
)


# SQLite takes a partial index only for the very condition it was made with: no bound 0, and no `judged = 0`.
_UNJUDGED = text("NOT mentions.judged")
_RISKY = mentions.c.risk_score > literal_column("0")


def known(tx: Connection, platform: str, external_ids: Iterable[str]) -> dict[str, Known]:
    """What is stored already under these ids of `platform`."""
    found: dict[str, Known] = {}
    for ids in _batches(external_ids):
        for row in tx.execute(_KNOWN, {"at": platform, "ids": ids}):
            found[row[0]] = Known(*row[1:])
    return found


def add(tx: Connection, platform: str, source: str, fresh: Sequence[Fresh], now: datetime) -> None:
    """Stores new mentions. One that a concurrent worker stored first is left as it is.

    The line's widest and busiest statement: its values are made ready here, once, instead of column by column in
    SQLAlchemy's type processors, which cost three times as much as SQLite itself (benchmarks/store.py)."""
    if not fresh:
        return
    lite = tx.dialect.name == "sqlite"
    marks = ", ".join(["?" if lite else "%s"] * len(_COLUMNS))
    statement = f"INSERT INTO mentions ({', '.join(_COLUMNS)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
    moment = _lite_moment if lite else _as_it_is
    seen_at = moment(now)
    tx.exec_driver_sql(statement, [_row(platform, source, one, seen_at, moment) for one in fresh])


_COLUMNS = (
    "platform", "external_id", "source", "kind", "ours", "parent_id", "url", "author", "title", "text", "stars", "hint",
    "engagement", "audience", "published_at", "first_seen_at", "version", "fingerprint", "topics", "labels", "lang",
    "sentiment", "themes", "signals", "risk_score", "assessor", "history", "judged",
)  # fmt: skip


def _row(platform: str, source: str, fresh: Fresh, seen_at: Any, moment: Callable[[datetime], Any]) -> tuple[Any, ...]:
    said, found = fresh.mention, fresh.assessment
    return (
        platform, said.external_id, source, said.kind.value, said.ours, said.parent_id, said.url, said.author,
        said.title, said.text, said.stars, said.lang, said.engagement, said.audience, moment(said.published_at),
        seen_at, 1, said.fingerprint,
        _list(tuple(fresh.topics)), _table(tuple(fresh.labels.items())), found.lang, found.sentiment,
        _list(found.themes),
        dumps([_packed(signal) for signal in found.signals]) if found.signals else "[]",
        found.risk_score if found.signals else 0.0,
        found.assessor, fresh.history, fresh.judged,
    )  # fmt: skip


# Topics, labels and themes are the configuration's and the lexicon's: the same few stand on thousands of rows.
@lru_cache(maxsize=4096)
def _list(words: tuple[str, ...]) -> str:
    return dumps(words) if words else "[]"


@lru_cache(maxsize=4096)
def _table(pairs: tuple[tuple[str, str], ...]) -> str:
    return dumps(dict(pairs)) if pairs else "{}"


def _as_it_is(moment: datetime) -> datetime:
    return moment


def _lite_moment(moment: datetime) -> str:
    """What SQLAlchemy's DateTime writes on SQLite, so that the columns read back alike."""
    return moment.isoformat(" ", "microseconds")[:26]  # without +00:00: every time is in UTC by now


def _assessed(found: Assessment) -> dict[str, Any]:
    return {
        "lang": found.lang,
        "sentiment": found.sentiment,
        "themes": found.themes,
        "signals": [_packed(signal) for signal in found.signals] if found.signals else (),
        "risk_score": found.risk_score if found.signals else 0.0,
        "assessor": found.assessor,
    }


def _packed(signal: Signal) -> dict[str, Any]:
    packed: dict[str, Any] = {
        "risk": signal.risk,
        "impact": signal.impact,
        "likelihood": signal.likelihood,
        "start": signal.start,
        "end": signal.end,
        "rule": signal.rule,
    }
    if signal.field != "text":
        packed["field"] = signal.field
    return packed


def change(tx: Connection, old: Known, fresh: Fresh, now: datetime) -> None:
    """Stores an edit: what it said before goes into `versions`, the judge looks again unless it has looked too often."""
    kept = select(mentions.c.id, mentions.c.version, bindparam("seen_at", now, type_=versions.c.seen_at.type),
                  mentions.c.title, mentions.c.text, mentions.c.stars).where(mentions.c.id == old.id)  # fmt: skip
    names = ["mention_id", "version", "seen_at", "title", "text", "stars"]
    tx.execute(insert(versions).from_select(names, kept))
    said = fresh.mention
    tx.execute(
        update(mentions)
        .where(mentions.c.id == old.id)
        .values(
            title=said.title,
            text=said.text,
            stars=said.stars,
            author=said.author,
            url=said.url,
            engagement=said.engagement,
            audience=said.audience,
            parent_id=said.parent_id,
            version=old.version + 1,
            fingerprint=said.fingerprint,
            changed_at=now,
            history=fresh.history,
            judged=fresh.judged or old.version >= WORTH_JUDGING,
            **_assessed(fresh.assessment),
        )
    )


def count_reactions(tx: Connection, reactions: Mapping[int, int]) -> None:
    """New engagement figures by mention id; neither an edit nor a reason to judge."""
    if reactions:
        statement = update(mentions).where(mentions.c.id == bindparam("which")).values(engagement=bindparam("now_at"))
        tx.execute(statement, [{"which": key, "now_at": value} for key, value in reactions.items()])


def reassess(tx: Connection, found: Mapping[int, Assessment], *, judge: bool) -> None:
    """Replaces the assessments of stored mentions; `judge` puts those that are no history back into the queue."""
    for key, assessment in found.items():
        values = _assessed(assessment)
        if judge:
            values["judged"] = mentions.c.history
        tx.execute(update(mentions).where(mentions.c.id == key).values(values))


def forget(tx: Connection, platform: str, external_ids: Iterable[str], now: datetime) -> int:
    """Marks what the platform no longer has. What others said is blanked, older versions too, and a tombstone stays; our
    own words are kept: they are the evidence of what we once said, and have a retention of their own. Returns how many
    went."""
    went = 0
    for ids in _batches(external_ids):
        there = and_(mentions.c.platform == platform, mentions.c.external_id.in_(ids), mentions.c.gone_at.is_(None))
        went += tx.execute(update(mentions).where(there, mentions.c.ours).values(gone_at=now)).rowcount
        went += purge(tx, there, now)
    return went


def purge(tx: Connection, which: Any, now: datetime) -> int:
    """Blanks the mentions that satisfy `which`: text, title, author, link and every older version. What sort of risk they
    were stays, so that counts and incidents remain true."""
    keys = select(mentions.c.id).where(which)
    tx.execute(versions.delete().where(versions.c.mention_id.in_(keys)))
    blank = {"text": "", "title": "", "author": None, "url": None, "judged": True, "gone_at": now}
    return tx.execute(update(mentions).where(which).values(blank)).rowcount


def stale(tx: Connection, platform: str, before: datetime, *, limit: int) -> list[int]:
    """Ids of a platform's mentions that its terms let nobody keep any longer, tombstones left out: at most `limit`."""
    query = select(mentions.c.id).where(
        mentions.c.platform == platform, mentions.c.first_seen_at < before, mentions.c.gone_at.is_(None)
    )
    return list(tx.execute(query.limit(limit)).scalars())


def blank(tx: Connection, ids: Sequence[int], now: datetime) -> int:
    """Blanks mentions by our ids; tombstones stay."""
    return sum(purge(tx, mentions.c.id.in_(some), now) for some in _batches(ids))


def expired(tx: Connection, before: datetime, own_before: datetime, *, limit: int) -> list[int]:
    """Ids of mentions past their retention, own ones by `own_before`: at most `limit`, so that no writer waits long."""
    old = mentions.c.first_seen_at < before
    older = mentions.c.first_seen_at < own_before
    query = select(mentions.c.id).where(old, (~mentions.c.ours) | older).order_by(mentions.c.first_seen_at)
    return list(tx.execute(query.limit(limit)).scalars())


def count_expired(tx: Connection, before: datetime, own_before: datetime) -> int:
    """How many mentions are past their retention."""
    old = and_(mentions.c.first_seen_at < before, (~mentions.c.ours) | (mentions.c.first_seen_at < own_before))
    return int(tx.execute(select(func.count()).select_from(mentions).where(old)).scalar_one())


def history_of(tx: Connection, source: str) -> Iterator[Stored]:
    """What a source held before we watched it."""
    query = _WHOLE.where(mentions.c.source == source, mentions.c.history)
    with tx.execute(query.execution_options(yield_per=1000)) as rows:
        yield from map(stored, rows)


def delete(tx: Connection, ids: Sequence[int]) -> None:
    """Removes mentions for good, with their versions and matches."""
    for some in _batches(ids):
        tx.execute(matches.delete().where(matches.c.mention_id.in_(some)))
        tx.execute(versions.delete().where(versions.c.mention_id.in_(some)))
        tx.execute(mentions.delete().where(mentions.c.id.in_(some)))


def parents(tx: Connection, platform: str, external_ids: Iterable[str]) -> dict[str, Mention]:
    """The stored mentions that others answer, by external id."""
    found: dict[str, Mention] = {}
    for ids in _batches(external_ids):
        query = _WHOLE.where(mentions.c.platform == platform, mentions.c.external_id.in_(ids))
        found.update({row.external_id: _mention(row) for row in tx.execute(query)})
    return found


def orphans(tx: Connection, platform: str, parent_ids: Iterable[str]) -> list[Stored]:
    """Own replies that came before what they answer: they must be assessed again now that it is here."""
    found: list[Stored] = []
    for ids in _batches(parent_ids):
        found.extend(stored(row) for row in tx.execute(_ORPHANS, {"at": platform, "ids": ids}))
    return found


def unjudged(tx: Connection, limit: int) -> list[Stored]:
    """The judge's queue, oldest first. On PostgreSQL the rows are held until the transaction ends."""
    query = _WHOLE.where(_UNJUDGED).order_by(mentions.c.id).limit(limit)
    return [stored(row) for row in tx.execute(query.with_for_update(skip_locked=True))]


def judged(tx: Connection, ids: Collection[int]) -> None:
    """Takes mentions off the judge's queue."""
    for some in _batches(ids):
        tx.execute(update(mentions).where(mentions.c.id.in_(some)).values(judged=True))


def unanswered(
    tx: Connection, rule: str, *, kinds: Collection[Kind], since: datetime, until: datetime, limit: int
) -> list[Stored]:
    """Mentions first seen between `since` and `until` that nobody of ours answered and `rule` has not seen yet."""
    reply = mentions.alias("reply")
    answered = exists().where(
        reply.c.platform == mentions.c.platform, reply.c.parent_id == mentions.c.external_id, reply.c.ours
    )
    seen = exists().where(matches.c.rule == rule, matches.c.mention_id == mentions.c.id)
    query = (
        _WHOLE.where(mentions.c.first_seen_at.between(since, until), ~mentions.c.history, ~mentions.c.ours)
        .where(mentions.c.gone_at.is_(None), ~answered, ~seen)
        .order_by(mentions.c.first_seen_at)
        .limit(limit)
    )
    if kinds:
        query = query.where(mentions.c.kind.in_(sorted(kinds)))
    return [stored(row) for row in tx.execute(query)]


def listed(
    tx: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    risk: str | None = None,
    source: str | None = None,
    order: str = "new",
    limit: int | None = None,
) -> Iterator[Stored]:
    """What people ask for, newest first, or by `order` "risk" (score) or "reach" (audience, then engagement)."""
    query = _WHOLE
    if since is not None:
        query = query.where(mentions.c.first_seen_at >= since)
    if until is not None:
        query = query.where(mentions.c.first_seen_at < until)
    if risk is not None or order == "risk":
        query = query.where(_RISKY)
    if risk is not None:
        query = query.where(type_coerce(mentions.c.signals, Text).contains(f'"risk":"{risk}"', autoescape=True))
    if source is not None:
        query = query.where(mentions.c.source == source)
    if limit is not None:
        query = query.limit(limit)
    with tx.execute(_ordered(query, order).execution_options(yield_per=1000)) as rows:
        yield from map(stored, rows)


def _ordered(query: Select[Any], order: str) -> Select[Any]:
    newest = (mentions.c.first_seen_at.desc(), mentions.c.id.desc())
    if order == "risk":
        return query.order_by(mentions.c.risk_score.desc(), *newest)
    if order == "reach":
        reach = (mentions.c.audience.desc().nulls_last(), mentions.c.engagement.desc().nulls_last())
        return query.order_by(*reach, *newest)
    return query.order_by(*newest)


def by_id(tx: Connection, ids: Iterable[int]) -> list[Stored]:
    """Mentions by our ids, in the order of the ids."""
    found: list[Stored] = []
    for some in _batches(ids):
        found.extend(stored(row) for row in tx.execute(_WHOLE.where(mentions.c.id.in_(some))))
    return sorted(found, key=lambda one: one.id)


def after(tx: Connection, key: int, *, limit: int, since: datetime | None, other_than: str | None) -> list[Stored]:
    """The next mentions by id, as `rescore` walks them: those not yet assessed by `other_than`."""
    query = _WHOLE.where(mentions.c.id > key, mentions.c.gone_at.is_(None)).order_by(mentions.c.id)
    if since is not None:
        query = query.where(mentions.c.first_seen_at >= since)
    if other_than is not None:
        query = query.where(mentions.c.assessor != other_than)
    return [stored(row) for row in tx.execute(query.limit(limit))]


def count(tx: Connection, *, since: datetime | None = None) -> int:
    """How many mentions are stored, or were first seen since then."""
    query = select(func.count()).select_from(mentions)
    return int(tx.execute(query if since is None else query.where(mentions.c.first_seen_at >= since)).scalar_one())


def incidents_of(tx: Connection, ids: Iterable[int]) -> dict[int, list[int]]:
    """The incidents that each of these mentions belongs to."""
    found: dict[int, list[int]] = {}
    for some in _batches(ids):
        query = select(matches.c.mention_id, matches.c.incident_id).where(
            matches.c.mention_id.in_(some), matches.c.incident_id.is_not(None)
        )
        for row in tx.execute(query):
            found.setdefault(row.mention_id, []).append(row.incident_id)
    return found


def told(tx: Connection, mention_id: int) -> list[tuple[int, datetime]]:
    """The older versions of a mention: number and when the next one replaced it."""
    query = select(versions.c.version, versions.c.seen_at).where(versions.c.mention_id == mention_id)
    return [(row.version, row.seen_at) for row in tx.execute(query.order_by(versions.c.version))]


def stored(row: Row[Any]) -> Stored:
    """The mention of a full row."""
    return Stored(
        id=row.id,
        platform=row.platform,
        source=row.source,
        mention=_mention(row),
        assessment=Assessment(
            lang=row.lang,
            sentiment=row.sentiment,
            themes=_words(row.themes),
            signals=() if row.signals == "[]" else tuple(Signal(**packed) for packed in json.loads(row.signals)),
            assessor=row.assessor,
        ),
        first_seen_at=row.first_seen_at,
        version=row.version,
        topics=_words(row.topics),
        labels=dict(_pairs(row.labels)),
        history=row.history,
        gone_at=row.gone_at,
    )


@lru_cache(maxsize=4096)
def _words(written: str) -> tuple[str, ...]:
    return tuple(json.loads(written))


@lru_cache(maxsize=4096)
def _pairs(written: str) -> tuple[tuple[str, str], ...]:
    return tuple(json.loads(written).items())


def _mention(row: Row[Any]) -> Mention:
    return Mention(
        external_id=row.external_id,
        kind=Kind(row.kind),
        text=row.text,
        url=row.url,
        published_at=row.published_at,
        author=row.author,
        title=row.title,
        stars=row.stars,
        lang=row.hint,
        parent_id=row.parent_id,
        ours=row.ours,
        engagement=row.engagement,
        audience=row.audience,
    )


def _batches(items: Iterable[_Key]) -> Iterator[list[_Key]]:
    rest = iter(items)
    while some := list(islice(rest, _BATCH)):
        yield some
