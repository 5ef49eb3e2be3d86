"""Ingest: match topics, assess, store what is new or changed, forget what is gone, move the cursor: one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from monitor.config import Source
from monitor.connector import Page
from monitor.model import PEER, Assessment, Labels, Mention, SourceState, State
from monitor.pipeline import terms
from monitor.pipeline.bounces import bounced
from monitor.pipeline.likeness import profiled
from monitor.pipeline.line import Line
from monitor.pipeline.stand import recount, remember
from monitor.reach import by_reactions
from monitor.rules import MUST_GO
from monitor.store import Transaction, incidents, log, mentions, rechecks, removals, sources
from monitor.store.mentions import Fresh, Known


class Ingested(NamedTuple):
    """How many mentions of a page were new, changed and gone."""

    new: int
    changed: int
    gone: int


class _About(NamedTuple):
    """Which topics a mention matched, and what that and its source say of it."""

    topics: tuple[str, ...]
    labels: Labels


@dataclass(slots=True)
class _Sorted:
    """A page, sorted: what is stored already, what to insert, what to update, what was taken for a competitor's alone and
    is about us, too, whose reactions to count and which of these take off; what of ours is risky and still up, and what
    of ours was gone and is back."""

    stored: Collection[str] = ()
    new: list[Fresh] = field(default_factory=list)
    changed: list[tuple[Known, Fresh]] = field(default_factory=list)
    claimed: list[tuple[int, Fresh]] = field(default_factory=list)
    reactions: dict[int, int] = field(default_factory=dict)
    taking_off: list[int] = field(default_factory=list)
    risky: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)


def ingest(line: Line, source: Source, state: SourceState, page: Page, *, lease_for: timedelta) -> Ingested:
    """Stores a page and its cursor in one transaction, with the assessments of its mentions. Raises Superseded."""
    now = line.now()
    # What a competitor says of itself is nobody's concern here.
    said = {one.external_id: one for one in map(_storable, page.mentions) if not (source.peer and one.ours)}
    access = line.access(source.name)
    limited, often = terms.limited(access), terms.confirmed_every(access)
    with line.database.write() as tx:
        found = _sort(line, tx, source, state, said, now)
        line.reach("before_insert")
        mentions.add(tx, state.platform, source.name, found.new, now, limited=limited)
        remember(line, tx, state.platform, source.name, found.new)
        recount(line, tx, {old.id: fresh for old, fresh in found.changed})
        for old, fresh in found.changed:
            mentions.change(tx, old, fresh, now)
        for key, fresh in found.claimed:
            mentions.claim(tx, key, source.name, fresh, now)
        mentions.count_reactions(tx, found.reactions, again=found.taking_off)
        _adopt(line, tx, state.platform, found.new)
        mentions.unsign(tx, state.platform, map(stored_id, page.unsigned))
        gone = _forget(tx, state.platform, set(map(stored_id, page.gone)), now)
        _bring_back(tx, state.platform, found.back, now)
        mentions.confirm(tx, state.platform, found.risky, now, before=now)
        if often is not None:
            mentions.confirm(tx, state.platform, found.stored, now, before=now - often)
        bounced(line, tx, page.bounces, now)
        line.reach("before_cursor")
        sources.move(
            tx, source.name, line.lease, page.cursor,
            new=len(found.new), skipped=page.skipped, now=now, until=now + lease_for,
        )  # fmt: skip
        line.reach("before_commit")
    line.reach("after_commit")
    return Ingested(len(found.new), len(found.changed), gone)


def reread(
    line: Line, source: Source, state: SourceState, page: Page, *, asked: Collection[str], began: datetime
) -> Ingested:
    """Stores what a recheck that `began` then found of mentions that are stored: edits, reactions, what is gone, and that
    the others are still there. What is not stored is left alone, and no cursor moves. Raises Superseded."""
    with line.database.write() as tx:
        rechecks.hold(tx, source.name, line.lease)
        return reexamine(line, tx, source, state, page, asked=asked, began=began)


def reexamine(
    line: Line,
    tx: Transaction,
    source: Source,
    state: SourceState,
    page: Page,
    *,
    asked: Collection[str],
    began: datetime,
) -> Ingested:
    """Does what `reread` does, in the transaction of whoever looked."""
    now = line.now()
    handed = {one.external_id: one for one in map(_storable, page.mentions)}
    there = mentions.known(tx, state.platform, handed)
    found = _sort(line, tx, source, state, {key: handed[key] for key in there}, now)
    recount(line, tx, {old.id: fresh for old, fresh in found.changed})
    for old, fresh in found.changed:
        mentions.change(tx, old, fresh, now)
    mentions.count_reactions(tx, found.reactions, again=found.taking_off)
    mentions.unsign(tx, state.platform, set(map(stored_id, page.unsigned)).intersection(asked))
    gone = _forget(tx, state.platform, set(map(stored_id, page.gone)).intersection(asked), now)
    _bring_back(tx, state.platform, found.back, now)
    mentions.confirm(tx, state.platform, there, began, before=began)
    return Ingested(0, len(found.changed), gone)


def _forget(tx: Transaction, platform: str, ids: Collection[str], now: datetime) -> int:
    """Forgets what is gone; of what we said and had to take down, and of what its platform was asked to, the log says so,
    under the incident that told of it."""
    told = mentions.told_of(tx, platform, ids, MUST_GO, gone=False) if ids else []
    asked = removals.asked_of(tx, platform, ids) if ids else []
    gone = mentions.forget(tx, platform, ids, now)
    _log(tx, "taken_down", dict.fromkeys((*told, *asked)), now)
    return gone


def _bring_back(tx: Transaction, platform: str, ids: Collection[str], now: datetime) -> None:
    """What we said, was gone and is there again. Of what had to be taken down the log says so, and a new incident tells of
    it where the old one is resolved."""
    if not ids:
        return
    told = mentions.told_of(tx, platform, ids, MUST_GO, gone=True)
    mentions.back(tx, platform, ids, now)
    _log(tx, "up_again", told, now)
    mentions.judge_again(tx, sorted({key for key, incident in told if _over(tx, incident)}))
    # The clock of an incident that goes on may have stopped when it went: the judge must set it again.
    mentions.look_again(tx, sorted({key for key, _ in told}))


def _over(tx: Transaction, incident: int) -> bool:
    one = incidents.one(tx, incident)
    return one is None or one.state is State.RESOLVED


def _log(tx: Transaction, action: str, told: Iterable[tuple[int, int | None]], now: datetime) -> None:
    for key, incident in told:
        subject = f"mention:{key}" if incident is None else f"incident:{incident}"
        log.add(tx, now, action, subject, {"mention": key})


def _sort(  # noqa: PLR0917  # the whole of what a page is sorted by
    line: Line, tx: Transaction, source: Source, state: SourceState, said: Mapping[str, Mention], now: datetime
) -> _Sorted:
    stored = mentions.known(tx, state.platform, said)
    assessed = _assessed(line, tx, source, state, said, stored, now)
    found = _Sorted(stored)
    for key, mention in said.items():
        old, fresh = stored.get(key), assessed.get(key)
        if old is None:
            found.new += [fresh] if fresh else []
        elif old.gone:
            if mention.ours:  # our own words were kept: they are up again, whoever took them down
                found.back.append(key)
            continue  # what was purged for a platform's or a person's sake does not rise again
        elif old.peer != bool(source.peer):  # what is about us, too, is ours, whoever found it first
            found.claimed += [(old.id, fresh)] if fresh else []
        elif fresh:
            found.changed.append((old, _edit(old, fresh)))
        elif mention.engagement is not None and mention.engagement != old.engagement:
            found.reactions[old.id] = mention.engagement
            if by_reactions(mention.engagement) > by_reactions(old.engagement):
                found.taking_off.append(old.id)
        if old is not None and mention.ours and old.risk_score >= line.config.appetite.notify:
            found.risky.append(key)
    found.new = profiled(line, tx, source, found.new)
    edited = profiled(line, tx, source, [fresh for _, fresh in found.changed])
    found.changed = [(old, fresh) for (old, _), fresh in zip(found.changed, edited, strict=True)]
    return found


def _assessed(  # noqa: PLR0917  # called once a page
    line: Line,
    tx: Transaction,
    source: Source,
    state: SourceState,
    said: Mapping[str, Mention],
    stored: Mapping[str, Known],
    now: datetime,
) -> dict[str, Fresh]:
    """What of a page is new or changed and about us, assessed all at once."""
    about = {key: one for key, mention in said.items() if (one := _wanted(line, source, mention, stored.get(key)))}
    parents = _parents(tx, state.platform, said)
    found = line.assessor.assess_all([(said[key], parents.get(said[key].parent_id or "")) for key in about])
    return {
        key: _fresh(said[key], about[key], assessment, history=_history(source, state, said[key], stored.get(key), now))
        for key, assessment in zip(about, found, strict=True)
    }


def _wanted(line: Line, source: Source, mention: Mention, old: Known | None) -> _About | None:
    """What a mention that is to be assessed is about; None where it is not: it is about nothing of ours, was taken down, is
    ours and was found by a competitor's source, or is as it is stored."""
    if old is None:
        return _about(line, source, mention)
    if old.gone:
        return None
    if old.peer != bool(source.peer):
        return None if source.peer else _about(line, source, mention)
    if old.fingerprint != mention.fingerprint:
        return _about(line, source, mention) or _About((), source.marks)
    return None


def _about(line: Line, source: Source, mention: Mention) -> _About | None:
    """What a mention is about; None where its source names topics and none of them matches."""
    if not source.topics:
        return _About((), source.marks)
    hits = line.topics.match(mention, source=source.name, labels=source.labels, only=source.topics)
    if not hits:
        return None
    labels: dict[str, str] = {}
    for topic in hits:
        labels |= line.config.topics[topic].labels
    return _About(tuple(hits), labels | dict(source.marks))


def _fresh(mention: Mention, about: _About, assessment: Assessment, *, history: bool) -> Fresh:
    peer = PEER in about.labels
    return Fresh(
        mention=mention,
        assessment=replace(assessment, signals=()) if peer else assessment,  # a competitor's risks are not ours
        topics=about.topics,
        labels=about.labels,
        history=history,
        judged=history or peer,
    )


def _edit(old: Known, fresh: Fresh) -> Fresh:
    """An edit of history stays history, unless it made things worse: five stars that become one are news."""
    if not old.history:
        return fresh
    fewer = old.stars is not None and fresh.mention.stars is not None and fresh.mention.stars < old.stars
    worse = fewer or fresh.assessment.risk_score > old.risk_score
    return fresh._replace(history=not worse, judged=not worse)


def _history(source: Source, state: SourceState, mention: Mention, old: Known | None, now: datetime) -> bool:
    """Whether it was said before we watched: it is counted, and opens nothing. What is stored stays what it was, but for
    what a competitor's source had found."""
    if old is not None and old.peer == bool(source.peer):
        return old.history
    if mention.published_at < now - source.backfill:
        return True
    return state.walked_at is None and mention.published_at < state.created_at


def _parents(tx: Transaction, platform: str, said: Mapping[str, Mention]) -> dict[str, Mention]:
    """What our own replies on this page answer, from the page itself or from the store."""
    wanted = {one.parent_id for one in said.values() if one.ours and one.parent_id}
    here = {key: said[key] for key in wanted if key in said}
    return here | mentions.parents(tx, platform, wanted - here.keys())


def _adopt(line: Line, tx: Transaction, platform: str, new: Iterable[Fresh]) -> None:
    """Assesses own replies again whose parent came only now."""
    parents = {fresh.mention.external_id: fresh.mention for fresh in new if not fresh.mention.ours}
    if not parents:
        return
    orphans = [one for one in mentions.orphans(tx, platform, parents) if one.mention.parent_id in parents]
    found = line.assessor.assess_all([(one.mention, parents[one.mention.parent_id or ""]) for one in orphans])
    mentions.reassess(tx, {one.id: assessment for one, assessment in zip(orphans, found, strict=True)}, judge=True)


_LONGEST_KEY, _LONGEST_LANG, _LARGEST = 500, 35, 2**62
"""What the columns and their indexes take: PostgreSQL refuses an index entry of more than 2,704 bytes."""


def _storable(mention: Mention) -> Mention:
    """The mention as any database takes it: without NUL and halves of surrogate pairs, its ids no longer than an index
    allows. One that no database takes must not keep its whole page, and every later one, from being stored."""
    key, answered, lang = mention.external_id, mention.parent_id or "", mention.lang or ""
    said = f"{mention.text}{mention.title}{mention.author}{key}{mention.url}{answered}{lang}"
    long = len(key) > _LONGEST_KEY or len(answered) > _LONGEST_KEY or len(lang) > _LONGEST_LANG
    large = (mention.engagement or 0) > _LARGEST or (mention.audience or 0) > _LARGEST
    if not long and not large and "\0" not in said and (said.isascii() or _encodable(said)):
        return mention
    return replace(
        mention,
        external_id=stored_id(mention.external_id),
        parent_id=stored_id(mention.parent_id) if mention.parent_id else None,
        text=_clean(mention.text),
        title=_clean(mention.title),
        author=_clean(mention.author) if mention.author else None,
        url=_clean(mention.url) if mention.url else None,
        lang=_clean(mention.lang)[:_LONGEST_LANG] if mention.lang else None,
        engagement=min(mention.engagement, _LARGEST) if mention.engagement is not None else None,
        audience=min(mention.audience, _LARGEST) if mention.audience is not None else None,
    )


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def stored_id(external_id: str) -> str:
    """An id as it is stored: a very long one keeps its beginning, and a hash of the whole stands for the rest."""
    clean = _clean(external_id)
    if len(clean) <= _LONGEST_KEY and clean == external_id:
        return clean
    whole = blake2b(external_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{clean[: _LONGEST_KEY - 40]}#{whole}"


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()
