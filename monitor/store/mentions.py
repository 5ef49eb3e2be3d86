"""Mentions: what is known, what is new, what changed, what went; the judge's queue and people's lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    type_coerce,
    union,
    update,
)

from monitor.model import CLEAR, DRILL, HIGH, LOW, PEER, Assessment, Kind, Labels, Mention, Rule, Signal, Stored
from monitor.schema import Compact, dumps, matches, mentions, removals, versions
from monitor.store import holds
from monitor.store.removals import NOT_REFUSED

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
    peer: bool = False


class Fresh(NamedTuple):
    """A mention on its way in: assessed, labelled, and with the verdict whether the judge must see it."""

    mention: Mention
    assessment: Assessment
    topics: Sequence[str]
    labels: Labels
    history: bool
    judged: bool


# JSON is read as it is written: thousands of rows repeat a few topics, labels and themes, and each is decoded once.
_WHOLE = select(
    *(
        type_coerce(one, Text).label(one.name) if isinstance(one.type, Compact) else one
        for one in mentions.c
        if one is not mentions.c.checked_at
    )
)
_KNOWN = "external_id, id, version, fingerprint, engagement, stars, risk_score, history, gone_at IS NOT NULL, labels"
_PEER = f'"{PEER}":'
"""How the label begins in a mention's labels; a quotation mark within a value is written with a backslash before it."""

# SQLite takes a partial index only for the very condition it was made with: no bound 0, and no `judged = 0`.
_UNJUDGED = text("NOT mentions.judged")
_OF_US = ~type_coerce(mentions.c.labels, Text).contains(_PEER, autoescape=True)
_OURS = text("mentions.ours")
_RISKY = mentions.c.risk_score > literal_column("0")
_REAL = mentions.c.platform != DRILL
# The very condition of the two partial indexes over mentions whose platform's terms limit what may be kept.
_LIMITED = and_(mentions.c.checked_at.is_not(None), mentions.c.gone_at.is_(None))
_SEEN_AGAIN = (
    select(mentions.c.id)
    .where(mentions.c.platform == bindparam("at"), mentions.c.external_id.in_(bindparam("ids", expanding=True)))
    # Not the bare column: SQLite would go through all that was not confirmed instead of asking for these few ids.
    .where(func.coalesce(mentions.c.checked_at, mentions.c.first_seen_at) < bindparam("before"))
    .where(mentions.c.gone_at.is_(None))
    .with_for_update(skip_locked=True)  # whoever holds one of them is confirming it, too
)


def known(tx: Connection, platform: str, external_ids: Iterable[str]) -> dict[str, Known]:
    """What is stored already under these ids of `platform`."""
    found: dict[str, Known] = {}
    for ids in _batches(external_ids):
        for row in _asked(tx, _KNOWN, platform, "external_id", ids):
            key, id_, version, fingerprint, engagement, stars, score, history, gone, labels = row
            found[key] = Known(
                id_, version, fingerprint, engagement, stars, score, bool(history), bool(gone), _PEER in labels
            )
    return found


def _asked(tx: Connection, columns: str, platform: str, key: str, ids: Sequence[str]) -> Iterable[Any]:
    """Columns of a platform's mentions that have one of `ids` as their `key`, as the driver reads them: every page asks
    for a hundred, and SQLAlchemy takes longer to spell out the list than SQLite to answer (benchmarks/line.py)."""
    mark = "?" if tx.dialect.name == "sqlite" else "%s"
    listed = ", ".join([mark] * len(ids))
    asked = f"SELECT {columns} FROM mentions WHERE platform = {mark} AND {key} IN ({listed})"  # noqa: S608  # names of ours
    return tx.exec_driver_sql(asked, (platform, *ids))


def add(
    tx: Connection, platform: str, source: str, fresh: Sequence[Fresh], now: datetime, *, limited: bool = False
) -> None:
    """Stores new mentions. One that a concurrent worker stored first is left as it is. `limited`: the platform's terms
    limit what may be kept, so that it is remembered when each was last confirmed.

    The line's widest and busiest statement: its values are made ready here, once, instead of column by column in
    SQLAlchemy's type processors, which cost three times as much as SQLite itself (benchmarks/store.py)."""
    if not fresh:
        return
    lite = tx.dialect.name == "sqlite"
    moment = _lite_moment if lite else _as_it_is
    seen_at = moment(now)
    times = seen_at, seen_at if limited else None
    rows = [_row(platform, source, one, *times, moment) for one in fresh]
    whole = len(rows) - len(rows) % _TOGETHER if lite else 0
    if whole:
        some = [tuple(chain.from_iterable(rows[at : at + _TOGETHER])) for at in range(0, whole, _TOGETHER)]
        tx.exec_driver_sql(_insert("?", _TOGETHER), some)
    if rows[whole:]:
        tx.exec_driver_sql(_insert("?" if lite else "%s", 1), rows[whole:])


_TOGETHER = 25
"""Rows in one statement on SQLite, where each statement has a price of its own: an eighth off in the middle of six rounds, which vary by as much. It is
725 values, and every build takes 999."""


@cache
def _insert(mark: str, count: int) -> str:
    row = f"({', '.join([mark] * len(_COLUMNS))})"
    return f"INSERT INTO mentions ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * count)} ON CONFLICT DO NOTHING"  # noqa: S608


_COLUMNS = (
    "platform", "external_id", "source", "kind", "ours", "parent_id", "url", "author", "title", "text", "stars", "hint",
    "engagement", "audience", "published_at", "first_seen_at", "version", "fingerprint", "topics", "labels", "lang",
    "sentiment", "themes", "signals", "risk_score", "assessor", "history", "judged", "checked_at",
)  # fmt: skip


def _row(  # noqa: PLR0917  # called once a mention, and so by position
    platform: str, source: str, fresh: Fresh, seen_at: Any, checked_at: Any, moment: Callable[[datetime], Any]
) -> tuple[Any, ...]:
    said, found = fresh.mention, fresh.assessment
    return (
        platform, said.external_id, source, said.kind.value, said.ours, said.parent_id, said.url, said.author,
        said.title, said.text, said.stars, said.lang, said.engagement, said.audience, moment(said.published_at),
        seen_at, 1, said.fingerprint,
        _list(tuple(fresh.topics)), _table(tuple(fresh.labels.items())), found.lang, found.sentiment,
        _list(found.themes),
        dumps([_packed(signal) for signal in found.signals]) if found.signals else "[]",
        found.risk_score if found.signals else 0.0,
        found.assessor, fresh.history, fresh.judged, checked_at,
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


def claim(tx: Connection, key: int, source: str, fresh: Fresh, now: datetime) -> None:
    """Makes our own what was stored as a competitor's: seen now, from this source, and judged like all else."""
    said = fresh.mention
    tx.execute(
        update(mentions)
        .where(mentions.c.id == key)
        .values(
            source=source,
            ours=said.ours,
            parent_id=said.parent_id,
            title=said.title,
            text=said.text,
            stars=said.stars,
            fingerprint=said.fingerprint,
            topics=list(fresh.topics),
            labels=dict(fresh.labels),
            first_seen_at=now,
            history=fresh.history,
            judged=fresh.judged,
            **_assessed(fresh.assessment),
        )
    )


def count_reactions(tx: Connection, reactions: Mapping[int, int], *, again: Sequence[int] = ()) -> None:
    """New engagement figures by mention id: no edit, and no reason to judge but for those that take off: these are judged
    `again`, unless they are history."""
    if reactions:
        statement = update(mentions).where(mentions.c.id == bindparam("which")).values(engagement=bindparam("now_at"))
        tx.execute(statement, [{"which": key, "now_at": value} for key, value in reactions.items()])
    look_again(tx, again)


def look_again(tx: Connection, ids: Sequence[int]) -> None:
    """Puts mentions that are still there back into the judge's queue, unless they are history."""
    for some in _batches(ids):
        there = mentions.c.id.in_(some), mentions.c.gone_at.is_(None)
        tx.execute(update(mentions).where(*there).values(judged=mentions.c.history))


def unsign(tx: Connection, platform: str, external_ids: Iterable[str]) -> None:
    """Takes the names from mentions whose authors' accounts are gone. What is held keeps its name until the release."""
    for ids in _batches(external_ids):
        holds.removing(tx)
        there = and_(mentions.c.platform == platform, mentions.c.external_id.in_(ids), mentions.c.author.is_not(None))
        tx.execute(update(mentions).where(there, ~holds.HELD).values(author=None))


def reassess(tx: Connection, found: Mapping[int, Assessment], *, judge: bool) -> None:
    """Replaces the assessments of stored mentions; `judge` puts those that are no history back into the queue."""
    for key, assessment in found.items():
        values = _assessed(assessment)
        if judge:
            values["judged"] = mentions.c.history
        tx.execute(update(mentions).where(mentions.c.id == key).values(values))


def forget(tx: Connection, platform: str, external_ids: Iterable[str], now: datetime) -> int:
    """Marks what the platform no longer has. What others said is blanked, older versions too, and a tombstone stays; our
    own words are kept: they are the evidence of what we once said, and have a retention of their own. What is held keeps
    its words until the release. Returns how many went."""
    went = 0
    for ids in _batches(external_ids):
        holds.removing(tx)
        there = and_(mentions.c.platform == platform, mentions.c.external_id.in_(ids), mentions.c.gone_at.is_(None))
        kept = or_(mentions.c.ours, holds.HELD)
        went += tx.execute(update(mentions).where(there, kept).values(gone_at=now)).rowcount
        went += purge(tx, there, now)
    return went


def purge(tx: Connection, which: Any, now: datetime) -> int:
    """Blanks the mentions that satisfy `which` and are not held: text, title, author, link and every older version. What
    sort of risk they were stays, so that counts and incidents remain true."""
    holds.removing(tx)
    free = and_(which, ~holds.HELD)
    keys = select(mentions.c.id).where(free)
    tx.execute(versions.delete().where(versions.c.mention_id.in_(keys)))
    gone_at = func.coalesce(mentions.c.gone_at, now)
    blank = {"text": "", "title": "", "author": None, "url": None, "judged": True, "gone_at": gone_at}
    return tx.execute(update(mentions).where(free).values(blank)).rowcount


def blank(tx: Connection, ids: Sequence[int], now: datetime) -> int:
    """Blanks mentions by our ids, all but those that are held; tombstones stay."""
    return sum(purge(tx, mentions.c.id.in_(some), now) for some in _batches(ids))


def enrol(tx: Connection, ids: Sequence[int]) -> None:
    """Remembers of mentions when they were last confirmed: when they were first seen, for all that is known."""
    for some in _batches(ids):
        unknown = mentions.c.id.in_(some), mentions.c.checked_at.is_(None)
        tx.execute(update(mentions).where(*unknown).values(checked_at=mentions.c.first_seen_at))


def unlimited(tx: Connection, platform: str, *, limit: int) -> list[int]:
    """Ids of a platform's mentions of which nobody remembers when they were confirmed: those of a time before its terms
    asked for it. At most `limit`. It reads every mention of the platform where there is none."""
    query = select(mentions.c.id).where(
        mentions.c.platform == platform, mentions.c.checked_at.is_(None), mentions.c.gone_at.is_(None)
    )
    return list(tx.execute(query.limit(limit)).scalars())


def confirm(tx: Connection, platform: str, external_ids: Iterable[str], now: datetime, *, before: datetime) -> None:
    """The platform still has these: remembered where that was last known `before` that time, so that what every poll
    shows is not written with every poll."""
    for ids in _batches(external_ids):
        seen = list(tx.execute(_SEEN_AGAIN, {"at": platform, "ids": ids, "before": before}).scalars())
        if seen:
            tx.execute(update(mentions).where(mentions.c.id.in_(seen)).values(checked_at=now))


def unconfirmed(tx: Connection, platform: str, source: str, before: datetime, *, limit: int) -> dict[str, datetime]:
    """A source's mentions that nothing confirmed since `before`, the longest first: their external ids and when they were
    confirmed last, at most `limit`."""
    query = (
        select(mentions.c.external_id, mentions.c.checked_at)
        .where(mentions.c.platform == platform, mentions.c.checked_at <= before, mentions.c.gone_at.is_(None))
        .where(mentions.c.source == source)
        .order_by(mentions.c.checked_at)
    )
    return {row.external_id: row.checked_at for row in tx.execute(query.limit(limit))}


def stale(tx: Connection, platform: str, before: datetime, *, limit: int) -> list[int]:
    """Ids of a platform's mentions that its terms let nobody keep any longer, tombstones and what is held left out: at
    most `limit`."""
    query = select(mentions.c.id).where(mentions.c.platform == platform, mentions.c.first_seen_at < before)
    return list(tx.execute(query.where(_LIMITED, ~holds.HELD).limit(limit)).scalars())


def lapsed(tx: Connection, platform: str, before: datetime, *, limit: int) -> list[int]:
    """Ids of a platform's mentions that nothing confirmed since `before`, tombstones and what is held left out: at most
    `limit`."""
    query = select(mentions.c.id).where(mentions.c.platform == platform, mentions.c.checked_at < before)
    return list(tx.execute(query.where(mentions.c.gone_at.is_(None), ~holds.HELD).limit(limit)).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What is first seen, or last confirmed, before these is past its time: by the configuration, what others said and
    what we said; by the terms of platforms, what must not be kept longer and what was not confirmed for too long."""

    mentions: datetime
    own_replies: datetime
    terms: Mapping[str, datetime]
    refresh: Mapping[str, datetime]


def expired(tx: Connection, ends: Ends, *, limit: int) -> list[int]:
    """Ids of mentions past their retention and not held: at most `limit`, so that no writer waits long."""
    old = mentions.c.first_seen_at < max(ends.mentions, ends.own_replies)
    query = select(mentions.c.id).where(old, or_(*_past_retention(ends)), ~holds.HELD)
    return list(tx.execute(query.order_by(mentions.c.first_seen_at).limit(limit)).scalars())


def _past_retention(ends: Ends) -> tuple[Any, Any]:
    others = and_(~mentions.c.ours, mentions.c.first_seen_at < ends.mentions)
    return others, and_(mentions.c.ours, mentions.c.first_seen_at < ends.own_replies)


def going(tx: Connection, ends: Ends, *, held: bool = False) -> list[tuple[str, str, int]]:
    """How many mentions are past their time, by platform and reason: the names of the fields of `Ends`. `held`: those
    that stay all the same, because somebody holds them. Reads every mention."""
    others, own = _past_retention(ends)
    there = mentions.c.gone_at.is_(None)
    terms = [and_(there, mentions.c.platform == key, mentions.c.first_seen_at < end) for key, end in ends.terms.items()]
    confirmed = func.coalesce(mentions.c.checked_at, mentions.c.first_seen_at)
    refresh = [and_(there, mentions.c.platform == key, confirmed < end) for key, end in ends.refresh.items()]
    reasons = [(others, "mentions"), (own, "own_replies")]
    reasons += [(one, "terms") for one in terms] + [(one, "refresh") for one in refresh]
    reason = case(*((condition, literal_column(f"'{name}'")) for condition, name in reasons)).label("reason")
    which = or_(*(condition for condition, _ in reasons))
    query = select(mentions.c.platform, reason, func.count()).where(which, holds.HELD if held else ~holds.HELD)
    query = query.group_by(mentions.c.platform, text("reason")).order_by(mentions.c.platform, text("reason"))
    return [(row[0], row[1], row[2]) for row in tx.execute(query)]


def history_of(tx: Connection, source: str) -> Iterator[Stored]:
    """What a source held before we watched it."""
    query = _WHOLE.where(mentions.c.source == source, mentions.c.history)
    with tx.execute(query.execution_options(yield_per=1000)) as rows:
        yield from map(stored, rows)


def delete(tx: Connection, ids: Sequence[int]) -> None:
    """Removes mentions for good, with their versions and matches. Fails where one of them is held."""
    for some in _batches(ids):
        holds.forget(tx, some)
        tx.execute(matches.delete().where(matches.c.mention_id.in_(some)))
        tx.execute(versions.delete().where(versions.c.mention_id.in_(some)))
        tx.execute(removals.delete().where(removals.c.mention_id.in_(some)))
        tx.execute(mentions.delete().where(mentions.c.id.in_(some)))


def of_source(tx: Connection, source: str) -> list[int]:
    """All that a drill's source brought and nobody holds, by our ids."""
    query = select(mentions.c.id).where(mentions.c.platform == DRILL, mentions.c.source == source, ~holds.HELD)
    return list(tx.execute(query).scalars())


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
        found += by_id(tx, [id_ for id_, ours in _asked(tx, "id, ours", platform, "parent_id", ids) if ours])
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
    tx: Connection, rule: Rule, *, since: datetime, until: datetime, limit: int, after: int = 0
) -> list[Stored]:
    """Mentions first seen between `since` and `until` that nobody of ours answered and `rule` has not seen yet, the oldest
    first; of those of the very moment `since` the ones `after` an id. Of what cannot satisfy the rule only some is here."""
    reply = mentions.alias("reply")
    answered = exists().where(
        reply.c.platform == mentions.c.platform, reply.c.parent_id == mentions.c.external_id, reply.c.ours
    )
    seen = exists().where(matches.c.rule == rule.name, matches.c.mention_id == mentions.c.id)
    query = (
        _WHOLE.where(mentions.c.first_seen_at.between(since, until), ~mentions.c.history, ~mentions.c.ours)
        .where(mentions.c.gone_at.is_(None), ~answered, ~seen, _OF_US, *_could(rule))
        .where(or_(mentions.c.first_seen_at > since, mentions.c.id > after))
        .order_by(mentions.c.first_seen_at, mentions.c.id)
        .limit(limit)
    )
    return [stored(row) for row in tx.execute(query)]


def _could(rule: Rule) -> Iterator[Any]:
    """What must hold of a mention that satisfies a rule, as far as columns tell."""
    if rule.kinds:
        yield mentions.c.kind.in_(sorted(rule.kinds))
    if rule.sources:
        yield mentions.c.source.in_(sorted(rule.sources))
    if rule.stars_below is not None:
        yield mentions.c.stars < rule.stars_below
    if rule.sentiment_below is not None:
        yield mentions.c.sentiment < rule.sentiment_below
    if rule.at_odds:
        angry = and_(mentions.c.stars >= HIGH, mentions.c.sentiment <= -CLEAR)
        yield or_(angry, and_(mentions.c.stars <= LOW, mentions.c.sentiment >= CLEAR))
    if rule.risk is not None or rule.score_at_least:
        yield _RISKY
    if rule.risk is not None:
        yield _shows(rule.risk)


def _shows(risk: str) -> Any:
    return type_coerce(mentions.c.signals, Text).contains(f'"risk":"{risk}"', autoescape=True)


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
    """What people ask for, newest first, or by `order` "risk" (score) or "reach" (audience, then engagement); not what is
    said in a drill."""
    query = _WHOLE.where(_REAL)
    if since is not None:
        query = query.where(mentions.c.first_seen_at >= since)
    if until is not None:
        query = query.where(mentions.c.first_seen_at < until)
    if risk is not None or order == "risk":
        query = query.where(_RISKY)
    if risk is not None:
        query = query.where(_shows(risk))
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


def own(tx: Connection, key: int, *, limit: int, since: datetime | None = None) -> list[Stored]:
    """The next posts and replies of ours by id, those without words left out; `since` by when they were published."""
    query = _WHOLE.where(mentions.c.id > key, *_own(since)).order_by(mentions.c.id)
    return [stored(row) for row in tx.execute(query.limit(limit))]


def count_own(tx: Connection, *, since: datetime | None = None) -> int:
    """How many posts and replies of ours have words. Reads every mention."""
    return int(tx.execute(select(func.count()).select_from(mentions).where(*_own(since))).scalar_one())


def _own(since: datetime | None) -> list[Any]:
    found = [mentions.c.ours, or_(mentions.c.text != "", mentions.c.title != ""), _REAL]
    return found if since is None else [*found, mentions.c.published_at >= since]


def own_posts(tx: Connection, source: str, since: datetime, *, limit: int) -> list[Stored]:
    """The newest posts of ours that a source brought since then and that have words, replies left out. Without an index of
    what is ours it reads all that was first seen since: ask it only where one of these came in."""
    query = (
        _WHOLE.where(mentions.c.source == source, _OURS, mentions.c.kind == Kind.POST.value)
        .where(mentions.c.first_seen_at >= since, mentions.c.text != "")
        .order_by(mentions.c.first_seen_at.desc(), mentions.c.id.desc())
    )
    return [stored(row) for row in tx.execute(query.limit(limit))]


def said_since(tx: Connection, since: datetime, *, until: datetime | None = None) -> dict[str, tuple[int, datetime]]:
    """How much others said that was news, by source, and when the first of it was seen."""
    query = (
        select(mentions.c.source, func.count(), func.min(mentions.c.first_seen_at))
        .where(mentions.c.first_seen_at >= since, ~mentions.c.ours, ~mentions.c.history, _REAL)
        .group_by(mentions.c.source)
    )
    if until is not None:
        query = query.where(mentions.c.first_seen_at < until)
    return {source: (int(count), first) for source, count, first in tx.execute(query)}


def lately(
    tx: Connection,
    names: Sequence[str],
    since: datetime,
    *,
    until: datetime | None = None,
    among: int | None = None,
    limit: int,
) -> list[Stored]:
    """The newest that others said and was news, of these sources, seen before `until`. Of a source that is seldom heard it
    reads all since then, of every source, or the newest `among` so many."""
    query = (
        _WHOLE.where(mentions.c.first_seen_at >= since, mentions.c.source.in_(names))
        .where(~mentions.c.ours, ~mentions.c.history, mentions.c.gone_at.is_(None), _REAL)
        .order_by(mentions.c.first_seen_at.desc(), mentions.c.id.desc())
    )
    if until is not None:
        query = query.where(mentions.c.first_seen_at < until)
    if among is not None:
        newest = select(mentions.c.id).where(mentions.c.first_seen_at >= since)
        newest = newest if until is None else newest.where(mentions.c.first_seen_at < until)
        query = query.where(mentions.c.id.in_(newest.order_by(mentions.c.first_seen_at.desc()).limit(among)))
    return [stored(row) for row in tx.execute(query.limit(limit))]


def authors_before(tx: Connection, authors: Iterable[str], before: datetime, *, since: datetime) -> set[str]:
    """Those of these authors who wrote something that was first seen between `since` and `before`, all of which it reads."""
    found: set[str] = set()
    for some in _batches(authors):
        query = select(mentions.c.author).distinct().where(mentions.c.author.in_(some))
        query = query.where(mentions.c.first_seen_at >= since, mentions.c.first_seen_at < before)
        found.update(tx.execute(query).scalars())
    return found


def up(tx: Connection, source: str, rules: Sequence[str], *, limit: int) -> dict[str, int]:
    """What a source brought and is to go and still on its platform, as far as is known: what is ours and was told as an
    incident of one of `rules`, and what its platform was asked to take down. Our ids by external id, those first of which
    that was confirmed longest ago, at most `limit`."""
    last = func.coalesce(mentions.c.checked_at, mentions.c.first_seen_at).label("last")
    there = select(mentions.c.external_id, mentions.c.id, last)
    there = there.where(mentions.c.source == source, mentions.c.gone_at.is_(None))
    told = there.join(matches, matches.c.mention_id == mentions.c.id).where(
        matches.c.rule.in_(rules), matches.c.incident_id.is_not(None), mentions.c.ours
    )
    # Not a join: SQLite would go through all mentions for the few that anybody asked about.
    asked = there.where(mentions.c.id.in_(select(removals.c.mention_id).where(NOT_REFUSED)))
    both = union(told, asked).subquery()
    query = select(both).order_by(both.c.last, both.c.id).limit(limit)
    return {row.external_id: row.id for row in tx.execute(query)}


def told_of(
    tx: Connection, platform: str, external_ids: Iterable[str], rules: Sequence[str], *, gone: bool
) -> list[tuple[int, int]]:
    """Our own ones among these that were told as an incident of one of `rules`, and that are `gone` or are not: pairs of
    our id and the incident's."""
    found: list[tuple[int, int]] = []
    absent = mentions.c.gone_at.is_not(None) if gone else mentions.c.gone_at.is_(None)
    for ids in _batches(external_ids):
        query = (
            select(mentions.c.id, matches.c.incident_id)
            .join(matches, matches.c.mention_id == mentions.c.id)
            .where(mentions.c.platform == platform, mentions.c.external_id.in_(ids), mentions.c.ours, absent)
            .where(matches.c.rule.in_(rules), matches.c.incident_id.is_not(None))
        )
        found += [(row.id, row.incident_id) for row in tx.execute(query)]
    return found


def back(tx: Connection, platform: str, external_ids: Iterable[str], now: datetime) -> None:
    """What we said and was gone is there again, with the words that were kept."""
    words = or_(mentions.c.text != "", mentions.c.title != "")
    for ids in _batches(external_ids):
        there = and_(mentions.c.platform == platform, mentions.c.external_id.in_(ids), mentions.c.ours, words)
        tx.execute(update(mentions).where(there).values(gone_at=None, checked_at=now))


def judge_again(tx: Connection, ids: Sequence[int]) -> None:
    """Puts mentions back into the judge's queue as if it had never seen them: what became of them before is over."""
    for some in _batches(ids):
        tx.execute(matches.delete().where(matches.c.mention_id.in_(some)))
    look_again(tx, ids)


def seen(tx: Connection, ids: Iterable[int]) -> dict[int, datetime]:
    """When each of these was last known to be on its platform: when that was confirmed, or first seen."""
    last = func.coalesce(mentions.c.checked_at, mentions.c.first_seen_at).label("last")
    found: dict[int, datetime] = {}
    for some in _batches(ids):
        rows = tx.execute(select(mentions.c.id, last).where(mentions.c.id.in_(some)))
        found.update({row.id: row.last for row in rows})
    return found


def newest(tx: Connection, *, before: datetime | None = None) -> int:
    """The highest id, or the id of what was last seen for the first time before then; 0 where there is none."""
    if before is None:
        return int(tx.execute(select(func.max(mentions.c.id))).scalar() or 0)
    query = select(mentions.c.id).where(mentions.c.first_seen_at < before)
    return int(tx.execute(query.order_by(mentions.c.first_seen_at.desc(), mentions.c.id.desc()).limit(1)).scalar() or 0)


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
