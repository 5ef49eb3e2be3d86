"""Likeness: what only history shows of a mention: a post of ours unlike all before, and many of others alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from monitor import campaign, profile, rules
from monitor.config import Source
from monitor.messages import local
from monitor.model import Assessment, Incident, Kind, Signal, Stored
from monitor.pipeline.line import Line
from monitor.store import Transaction, incidents, mentions
from monitor.store.mentions import Fresh

_PAST, _POSTS = timedelta(days=180), 200
"""So far back, and so many posts of ours, are a profile; an author who wrote nothing for so long counts as new."""
_BEFORE = timedelta(days=8)
"""Today, and a week that says what is usual."""
_LATELY = 1000
"""So many mentions of the last day are compared with one another, the newest."""
_RULES = (profile.RULE, campaign.RULE)


def profiled(line: Line, tx: Transaction, source: Source, found: Sequence[Fresh]) -> list[Fresh]:
    """`found` with a signal on each post of ours that is unlike those before it; nothing is asked where there is none."""
    if not any(_own_post(one) for one in found):
        return list(found)
    zone, since = line.config.timezone, line.now() - _PAST
    ids = {one.mention.external_id for one in found}
    stored = mentions.own_posts(tx, source.name, since, limit=_POSTS)
    past = [profile.post(one.mention, one.assessment) for one in stored if one.mention.external_id not in ids]
    seen: dict[str, Assessment] = {}
    for one in sorted(filter(_own_post, found), key=lambda fresh: fresh.mention.published_at):
        signal = profile.unlike(one.mention, one.assessment, profile.profile(past, zone), zone)
        past.append(profile.post(one.mention, one.assessment))
        if signal is not None:
            seen[one.mention.external_id] = added(one.assessment, signal)
    return [one._replace(assessment=seen.get(one.mention.external_id, one.assessment)) for one in found]


def _own_post(one: Fresh) -> bool:
    return one.mention.ours and one.mention.kind is Kind.POST and not one.history


def added(found: Assessment, *signals: Signal) -> Assessment:
    """An assessment with these signals too, worst first."""
    return replace(found, signals=tuple(sorted((*found.signals, *signals), key=lambda signal: -signal.score)))


def kept(found: Assessment, before: Assessment) -> Assessment:
    """A new assessment with what history showed before: the text alone cannot show it again."""
    return added(found, *(signal for signal in before.signals if signal.rule.startswith(_RULES)))


def campaigns(line: Line, tx: Transaction, batch: Sequence[Stored]) -> list[Stored]:
    """`batch` with a signal on each mention that is part of a campaign, and those seen earlier that turn out to be part of
    it. Where no source has more today than usual, it costs one count; where nothing new was said in public, nothing."""
    if not any(not one.mention.ours and not one.history for one in batch) or campaign.RISK not in line.rules:
        return list(batch)
    busy = _busy(line, tx)
    if not busy:
        return list(batch)
    changed: dict[int, Stored] = {}
    lately = mentions.lately(tx, busy, line.now() - campaign.WITHIN, limit=_LATELY)
    groups: dict[str, list[Stored]] = {}
    for one in (one for one in lately if not one.peer):
        groups.setdefault(rules.group(line.rules[campaign.RISK], one), []).append(one)
    for mine in groups.values():
        for some in campaign.candidates(mine):
            changed.update({one.id: one for one in _signalled(tx, some)})
    mentions.reassess(tx, {key: one.assessment for key, one in changed.items()}, judge=False)
    there = {one.id for one in batch}
    return [changed.get(one.id, one) for one in batch] + [one for key, one in changed.items() if key not in there]


def _busy(line: Line, tx: Transaction) -> list[str]:
    """The sources of a group of which more was said within a day than usual. The days before are counted only where there
    is enough of today."""
    now = line.now()
    today = {
        name: said
        for name, said in mentions.said_since(tx, now - campaign.WITHIN).items()
        if not (name in line.config.sources and line.config.sources[name].peer)
    }
    groups: dict[str, list[str]] = {}
    for name in today:
        groups.setdefault(_group(line, name), []).append(name)
    enough = [names for names in groups.values() if sum(today[name][0] for name in names) >= campaign.LEAST]
    if not enough:
        return []
    before = mentions.said_since(tx, now - _BEFORE, until=now - campaign.WITHIN)
    busy: list[str] = []
    for names in enough:
        known = [before[name] for name in names if name in before]
        days = max((((now - first) / campaign.WITHIN) - 1 for _, first in known), default=0.0)
        usual = sum(count for count, _ in known) / max(days, 1)
        if campaign.unusual(sum(today[name][0] for name in names), usual):
            busy += names
    return busy


def _group(line: Line, name: str) -> str:
    source = line.config.sources.get(name)
    return source.labels.get("location", name) if source else name


def _signalled(tx: Transaction, some: Sequence[Stored]) -> list[Stored]:
    """Those of a campaign that do not say so yet."""
    fresh = [one for one in some if not _alike(one)]
    if not fresh:
        return []
    first = min(one.first_seen_at for one in some)
    known = mentions.authors_before(tx, campaign.authors(some), first, since=first - _PAST)
    found = campaign.campaign(some, known)
    return [replace(one, assessment=added(one.assessment, campaign.signal(one, found))) for one in fresh]


def _alike(one: Stored) -> bool:
    return any(signal.rule == campaign.RULE for signal in one.assessment.signals)


def note(line: Line, tx: Transaction, incident: Incident) -> str:
    """What an incident of a campaign is about: how many say the same, and since when; empty where none do, because the
    words of a single one called for it."""
    members = mentions.by_id(tx, incidents.mention_ids(tx, incident.id))
    times = [one.first_seen_at for one in members if _alike(one)]
    if not times:
        return ""
    return f"{len(times)} mentions say nearly the same, the first seen {local(min(times), line.config.timezone, line.now())}"
