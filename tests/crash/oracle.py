"""What must be true in the end, whatever was killed: nothing lost, nothing invented, no copy that no crash explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import text

from monitor import audit
from monitor.model import Incident, Notification, Reason, Stored
from monitor.store import Transaction, incidents, log, mentions, outbox, sources
from tests.crash.harness import HOOKS, PEOPLE, Scene
from tests.crash.platform import Post

RULE = "threat_to_staff"
_TOLD = {Reason.OPENED.value: ("security", "risk"), Reason.BACKFILLED.value: ("marketing", "risk")}
"""Which inboxes hear of an incident that opens, and of what a new source already held."""

Way = tuple[str, str, str, str]
"""Channel, recipient, reason, and what it is about: one notification as the people who get it know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The figures of a run, and every fault in words: none means that the promise was kept."""

    kills: int
    mentions_expected: int
    mentions_stored: int
    mentions_lost: int
    notifications_expected: int
    notifications_received: int
    notifications_lost: int
    growth_told: int
    sends_cut_off: int
    extra_copies: int
    most_copies: int
    faults: tuple[str, ...]


def verdict(scene: Scene) -> Verdict:
    """Compares what was said and what arrived with what is stored, once nothing is left to do."""
    posts = scene.platform.posts()
    with scene.database.read() as tx:
        kept = list(mentions.listed(tx))
        opened = incidents.listed(tx, None)
        rows = outbox.listed(tx)
        faults = [*_mentions(posts, kept), *_incidents(tx, posts, opened, kept), *_outbox(scene, rows, opened)]
        faults += [*_copies(scene), *_housekeeping(scene, tx, rows)]
    wanted = set(expected(scene))
    received = {one[1:] for one in scene.sinks.receipts}
    copies = scene.sinks.copies()
    return Verdict(
        kills=scene.kills,
        mentions_expected=len(posts),
        mentions_stored=len(kept),
        mentions_lost=len({post.uri for post in posts} - {one.mention.external_id for one in kept}),
        notifications_expected=len(wanted),
        notifications_received=len(wanted & received),
        notifications_lost=len(wanted - received),
        growth_told=sum(row.reason is Reason.GREW for row in rows),
        sends_cut_off=sum(scene.in_doubt.values()),
        extra_copies=sum(copies.values()) - len(copies),
        most_copies=max(copies.values(), default=0),
        faults=tuple(faults),
    )


def finish(scene: Scene, within: float = 60) -> Verdict:
    """Lets a daemon do all that is left, stops it, and looks at what has become of everything."""
    daemon = scene.start()
    faults = []
    try:
        scene.settle(within)
    except TimeoutError as late:  # something is lost: the verdict says what
        faults.append(str(late))
    if code := daemon.stop():
        faults.append(f"the daemon ended with {code}: {scene.log()[-2000:]}")
    if held := scene.held():
        faults.append(f"{held} things are still claimed by nobody")
    found = verdict(scene)
    return replace(found, faults=(*faults, *found.faults))


def expected(scene: Scene) -> Iterator[Way]:
    """Who must hear of what, from what was said alone: of each clinic's first threat, and of each town's history."""
    threatened = sorted({post.clinic for post in scene.platform.posts() if post.threat and not post.history})
    for reason, subjects in ((Reason.OPENED.value, threatened), (Reason.BACKFILLED.value, scene.platform.towns)):
        for inbox in _TOLD[reason]:
            ways = [("email", address) for address in PEOPLE[inbox]] + [("webhook", inbox)] * (inbox in HOOKS)
            yield from ((*way, reason, subject) for way in ways for subject in subjects)


def _mentions(posts: Iterable[Post], kept: Iterable[Stored]) -> Iterator[str]:
    by_uri = {post.uri: post for post in posts}
    count = Counter(one.mention.external_id for one in kept)
    yield from (f"lost mention {uri}" for uri in by_uri.keys() - count.keys())
    yield from (f"invented mention {uri}" for uri in count.keys() - by_uri.keys())
    yield from (f"mention {uri} is stored {copies} times" for uri, copies in count.items() if copies > 1)
    for one in kept:
        post = by_uri.get(one.mention.external_id)
        if post is not None:
            yield from (f"mention {post.uri}: {fault}" for fault in _differences(post, one))


def _differences(post: Post, one: Stored) -> Iterator[str]:
    if one.mention.text.strip() != post.text:
        yield "is not what was said"
    if one.history is not post.history:
        yield f"history is {one.history}"
    if one.labels != {"location": post.clinic}:
        yield f"its labels are {one.labels}"
    if [signal.risk for signal in one.assessment.signals] != [RULE] * post.threat or not one.assessment.assessor:
        yield "is not assessed as it should be"


def _incidents(
    tx: Transaction, posts: Iterable[Post], opened: Iterable[Incident], kept: Iterable[Stored]
) -> Iterator[str]:
    threats = Counter(post.clinic for post in posts if post.threat and not post.history)
    uris = {one.id: one.mention.external_id for one in kept}
    where = {post.uri: post.clinic for post in posts if post.threat and not post.history}
    count = Counter((one.rule, one.group) for one in opened)
    yield from (f"no incident of {clinic}" for clinic in threats if (RULE, clinic) not in count)
    yield from (f"{copies} incidents {key}" for key, copies in count.items() if copies > 1 or key[1] not in threats)
    for one in opened:
        inside = [uris[key] for key in incidents.mention_ids(tx, one.id)]
        if one.mentions != threats[one.group] or len(inside) != threats[one.group]:
            yield f"incident of {one.group}: {one.mentions} mentions, {len(inside)} matches, {threats[one.group]} threats"
        yield from (f"{uri} is in an incident of {one.group}" for uri in inside if where.get(uri) != one.group)
    if left := len(mentions.unjudged(tx, 1000)):
        yield f"{left} mentions are not judged"


def _outbox(scene: Scene, rows: Iterable[Notification], opened: Iterable[Incident]) -> Iterator[str]:
    wanted = Counter(expected(scene))
    groups = {one.id: one.group for one in opened}
    ways = {row.id: _way(row, groups) for row in rows}
    count = Counter(way for way in ways.values() if way[2] != Reason.GREW.value)
    yield from (f"never decided: {way}" for way in wanted.keys() - count.keys())
    yield from (f"decided {copies} times: {way}" for way, copies in count.items() if copies != wanted[way])
    yield from (f"not sent: {ways[row.id]}" for row in rows if row.sent_at is None or row.failed_at is not None)
    arrived = {one.id: one[1:] for one in scene.sinks.receipts}
    yield from (f"marked as sent and never received: {ways[row.id]}" for row in rows if row.id not in arrived)
    yield from (f"received and never decided: {way}" for key, way in arrived.items() if key not in ways)
    yield from (f"received {arrived[key]}, decided {way}" for key, way in ways.items() if arrived.get(key, way) != way)


def _way(row: Notification, groups: Mapping[int, str]) -> Way:
    about = row.key.split("/")[1] if row.incident_id is None else groups[row.incident_id]
    return row.channel, row.inbox if row.channel == "webhook" else row.recipient, row.reason.value, about


def _copies(scene: Scene) -> Iterator[str]:
    """Under one id, always, and never more copies than there were crashes in that very send."""
    for key, copies in scene.sinks.copies().items():
        if copies > 1 + scene.in_doubt[key]:
            yield f"{copies} copies of one notification, and {scene.in_doubt[key]} crashes while it was sent"
    ids: dict[Way, set[str]] = {}
    for one in scene.sinks.receipts:
        if one.reason != Reason.GREW.value:
            ids.setdefault(one[1:], set()).add(one.id)
    yield from (f"one message under {len(keys)} ids: {way}" for way, keys in ids.items() if len(keys) > 1)


def _housekeeping(scene: Scene, tx: Transaction, rows: Iterable[Notification]) -> Iterator[str]:
    lines = list(log.lines(tx))
    if (gap := audit.broken(lines)) is not None:
        yield f"the log's chain is broken at line {gap}"
    told = Counter(line.subject for line in lines if line.action == "sent")
    counts = [told[f"notification:{row.id}"] for row in rows]
    yield from (f"{count} log lines of one delivery" for count in counts if count != 1)
    yield from (f"source {one.name} fails: {one.error}" for one in sources.every(tx) if one.failures or one.error)
    if scene.database.sqlite:
        verdicts = tx.execute(text("PRAGMA integrity_check")).scalars()
        yield from (f"integrity: {said}" for said in verdicts if said != "ok")
        yield from (f"a reference leads nowhere: {row}" for row in tx.execute(text("PRAGMA foreign_key_check")))
    yield from (f"the daemon reports: {line[:300]}" for line in scene.log().splitlines() if _is_trouble(line))


def _is_trouble(line: str) -> bool:
    ours = '"logger"' not in line  # a library's warning, such as that of a clock on a busy machine, is no fault of ours
    return '"level": "error"' in line or ('"level": "warning"' in line and ours) or line.startswith("Traceback")
