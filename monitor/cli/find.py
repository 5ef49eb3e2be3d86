"""Commands that list: mentions, topics test, incidents, deliveries, silences."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from typing import Any, cast

import click

from monitor.cli import shapes
from monitor.cli.frame import DONE, Asked, command, opened
from monitor.cli.screen import Column, Screen, many, progress, short
from monitor.cli.typed import Span, known
from monitor.config.reading import RISKS
from monitor.messages import lasting
from monitor.messages.sheet import sheet
from monitor.model import Incident, State, Stored
from monitor.store import Transaction, incidents, log, mentions, outbox, sources
from monitor.topics import Hit, QueryError, Topics, parse

_MENTIONS = (
    Column("id", right=True),
    Column("first_seen_at", "seen"),
    Column("source", least=110, most=20),
    Column("kind", least=130),
    Column("stars", right=True, least=90),
    Column("sentiment", "mood", right=True, least=110),
    Column("risk_score", "risk", right=True, least=50),
    Column("risks", "classes", least=76, most=20),
    Column("text", fills=True),
)
_SPREAD_MENTIONS = (
    "id", "platform", "source", "kind", "ours", "location", "published_at", "first_seen_at", "stars", "sentiment", "lang",
    "risk_score", "risks", "themes", "incidents", "author", "title", "text", "url", "engagement", "audience", "version",
    "history", "gone_at",
)  # fmt: skip
_SPREAD_INCIDENTS = (
    "id", "rule", "risk", "level", "group", "state", "impact", "likelihood", "mention_count", "opened_at", "ack_due_at",
    "acked_at", "resolved_at", "outcome", "assignee", "inboxes", "note", "drill",
)  # fmt: skip
_INCIDENTS = (
    Column("id", right=True),
    Column("level"),
    Column("state", least=50),
    Column("rule", fills=True),
    Column("group", least=76, most=20),
    Column("mention_count", "mentions", right=True, least=110),
    Column("opened_at", "opened", least=96),
    Column("ack", least=60),
    Column("assignee", "with", least=120, most=20),
)
_DELIVERIES = (
    Column("id"),
    Column("created_at", "written", least=96),
    Column("reason", least=50),
    Column("inbox", most=20),
    Column("channel"),
    Column("state"),
    Column("attempts", "tries", right=True, least=90),
    Column("about", fills=True, least=60),
)


@command("mentions")
@click.argument("query", required=False)
@click.option("--since", type=Span(), default="7d", show_default=True, help="How far back, by when we first saw it.")
@click.option("--risk", metavar="CLASS", help="Only mentions with a signal of this risk class.")
@click.option("--source", metavar="NAME", help="Only mentions of this source.")
@click.option("--sort", "order", type=click.Choice(["risk", "new", "reach"]), default="new", show_default=True,
              help="The riskiest, the newest or the most widely read first; risk leaves out what shows none.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, help="At most so many.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, for a spreadsheet.")
def list_mentions(
    asked: Asked,
    query: str | None,
    *,
    since: timedelta,
    risk: str | None,
    source: str | None,
    order: str,
    limit: int,
    as_csv: bool,
) -> int:
    """List stored mentions.

    QUERY is a boolean query as in [topics.NAME]: only what it matches is listed. See docs/topics.md."""
    topics = _topics(query) if query else None
    if risk is not None:
        known(risk, "risk class", sorted(RISKS))
    with opened(asked) as line, line.database.read() as tx:
        if source is not None:
            there = {*line.config.sources, *(one.name for one in sources.every(tx, active=False))}
            known(source, "source", sorted(there))
        found = mentions.listed(tx, since=line.now() - since, risk=risk, source=source, order=order)
        with progress("looking"), closing(cast("Generator[Stored]", found)):
            shown = [one for one, _ in islice(_matching(found, topics), limit + 1)]
        parts = mentions.incidents_of(tx, [one.id for one in shown])
        rows = [shapes.mention(one, parts.get(one.id, ())) for one in shown[:limit]]
    if as_csv:
        return _spread(_SPREAD_MENTIONS, map(_flat, rows))
    if asked.json:
        asked.lines(rows)
        return DONE
    screen = asked.screen()
    screen.table(
        map(_on_one_line, rows), _MENTIONS, empty=f"no mentions within {lasting(since)}; --since looks further"
    )
    if len(shown) > limit:
        screen.text(f"The first {limit} are shown; --limit shows more.", style="dim")
    return DONE


def _spread(head: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    sys.stdout.write(sheet(head, ([row[name] for name in head] for row in rows)).replace("\r\n", "\n"))
    return DONE


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A mention for a spreadsheet: lists of one word each, and its location in a column of its own."""
    return {**row, "risks": sorted({one["risk"] for one in row["signals"]}), "location": row["labels"].get("location")}


def _on_one_line(row: Mapping[str, Any]) -> dict[str, Any]:
    classes = list(dict.fromkeys(signal["risk"] for signal in row["signals"]))
    said = ": ".join(part for part in (short(row["title"]), short(row["text"])) if part)
    if row["gone_at"] is not None:
        said = "(no longer on its platform)"
    return {**row, "risks": classes, "text": f"(ours) {said}" if row["ours"] else said}


def _topics(query: str) -> Topics:
    try:
        return Topics({"query": parse(query)})
    except QueryError as error:
        raise click.UsageError(f"the query cannot be read: {error}") from None


def _matching(found: Iterable[Stored], topics: Topics | None) -> Iterator[tuple[Stored, tuple[Hit, ...]]]:
    for one in found:
        if topics is None:
            yield one, ()
            continue
        hits = topics.match(one.mention, source=one.source, labels=one.labels)
        if hits:
            yield one, hits["query"]


@click.group("topics")
def topics_group() -> None:
    """Try topic queries."""


@command("test")
@click.argument("query")
@click.option("--since", type=Span(), default="90d", show_default=True, help="How far back, by when we first saw it.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show at most so many.")
def topics_test(asked: Asked, query: str, *, since: timedelta, limit: int) -> int:
    """Show what a query would match among stored mentions.

    Also which of its terms matched, before it goes into the configuration. The language: docs/topics.md."""
    topics = _topics(query)
    with opened(asked) as line, line.database.read() as tx:
        begin = line.now() - since
        total = mentions.count(tx, since=begin)
        with progress("matching", total) as step:
            found = list(_matching(_counted(mentions.listed(tx, since=begin), step), topics))
    rows = [_matched(one, hits) for one, hits in found[:limit]]
    if asked.json:
        asked.lines(rows)
        return DONE
    screen = asked.screen()
    screen.text(f"{len(found):,} of {many(total, 'mention')} of the last {lasting(since)} match.")
    terms = Counter(term for _, hits in found for term in {hit.term for hit in hits})
    screen.facts([(term, f"in {count:,}") for term, count in terms.most_common(20)], indent=2)
    if rows:
        screen.heading("" if len(found) <= limit else f"The newest {limit}")
        columns = (Column("id", right=True), Column("source", least=70, most=20), Column("matched", most=30),
                   Column("text", fills=True))  # fmt: skip
        screen.table(({**row, "text": short(row["title"] or row["text"])} for row in rows), columns)
    return DONE


def _counted(found: Iterable[Stored], step: Any) -> Iterator[Stored]:
    for one in found:
        step(1)
        yield one


def _matched(one: Stored, hits: Sequence[Hit]) -> dict[str, Any]:
    said = {"title": one.mention.title, "text": one.mention.text}
    terms = [asdict(hit) | {"matched": said[hit.field][hit.start : hit.end]} for hit in hits]
    return {
        "id": one.id, "source": one.source, "published_at": one.mention.published_at, "title": one.mention.title,
        "text": one.mention.text, "matched": sorted({term["matched"] for term in terms}), "hits": terms,
    }  # fmt: skip


@command("incidents")
@click.option("--state", type=click.Choice([*(one.value for one in State), "unresolved", "all"]), default="unresolved",
              show_default=True, help="Only those in this state.")  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, for a spreadsheet.")
def list_incidents(asked: Asked, *, state: str, as_csv: bool) -> int:
    """List incidents, the newest first."""
    states = {"all": list(State), "unresolved": [State.OPEN, State.ACKED]}.get(state) or [State(state)]
    with opened(asked) as line, line.database.read() as tx:
        found = incidents.listed(tx, states)
        if as_csv:
            return _spread(_SPREAD_INCIDENTS, map(shapes.incident, found))
        if asked.json:
            asked.lines(shapes.incident(one, brief(tx, one)) for one in found)
            return DONE
        resolved = len(incidents.listed(tx, [State.RESOLVED])) if not found and state == "unresolved" else 0
    screen = asked.screen()
    rows = [shapes.incident(one) | {"ack": _ack(one, screen)} for one in found]
    more = f"; {resolved} resolved: --state all" if resolved else ""
    screen.table(rows, _INCIDENTS, empty=f"no incidents{more}")
    return DONE


def brief(tx: Transaction, one: Incident, limit: int = 100) -> list[dict[str, Any]]:
    """The weightiest mentions of an incident, as much of each as a webhook tells."""
    keys = incidents.mention_ids(tx, one.id, limit=limit)
    by_id = {found.id: shapes.mention(found) for found in mentions.by_id(tx, keys)}
    return [{name: by_id[key][name] for name in shapes.BRIEF} for key in keys]


def _ack(one: Incident, screen: Screen) -> str | None:
    if one.state is not State.OPEN:
        return "done"
    return screen.due(one.ack_due_at) if one.ack_due_at else None


@command("deliveries")
@click.option("--state", type=click.Choice(["due", "withheld", "sent", "failed"]), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, help="At most so many.")
def deliveries(asked: Asked, *, state: str | None, limit: int) -> int:
    """List what was or is to be sent.

    The newest first: each notification with its reason, inbox and channel, and its last error."""
    with opened(asked) as line, line.database.read() as tx:
        rows = [shapes.notification(one) for one in outbox.listed(tx, state, limit=limit + 1)]
    if asked.json:
        asked.lines(rows[:limit])
        return DONE
    screen = asked.screen()
    screen.table([on_one_line(row, screen) for row in rows[:limit]], _DELIVERIES, empty="no notifications")
    if len(rows) > limit:
        screen.text(f"The newest {limit} are shown; --limit shows more.", style="dim")
    return DONE


def on_one_line(row: Mapping[str, Any], screen: Screen) -> dict[str, Any]:
    """A notification as it stands in a table; its id is cut where there is no room, for its beginning names it too."""
    about = f"{row['error']} ({row['subject']})" if row["error"] else row["subject"]
    return {**row, "id": row["id"] if screen.width >= 150 else row["id"][:8], "about": about}


@command("silences")
def list_silences(asked: Asked) -> int:
    """List what is quiet, until when and why."""
    with opened(asked) as line, line.database.read() as tx:
        rows = [
            {"id": one.id, "rule": one.rule, "group": one.group, "until": one.until, "why": one.why,
             "by": _silenced_by(tx, one.rule, one.id)}
            for one in incidents.silenced(tx, line.now())
        ]  # fmt: skip
    if asked.json:
        asked.lines(rows)
        return DONE
    columns = (Column("id", right=True), Column("rule"), Column("group", least=60, most=20), Column("until"),
               Column("by", least=80, most=20), Column("why", fills=True, least=60))  # fmt: skip
    asked.screen().table(
        ({**row, "group": row["group"] or "all"} for row in rows), columns, empty="nothing is silenced"
    )
    return DONE


def _silenced_by(tx: Transaction, rule: str, key: int) -> str | None:
    """Who did it, from the log: a silence itself has no place for a name."""
    found = [one.actor for one in log.about(tx, f"rule:{rule}") if one.detail.get("silence") == key]
    return next((actor for actor in found if actor != log.SYSTEM), None)


topics_group.add_command(topics_test)
COMMANDS = (list_mentions, topics_group, list_incidents, deliveries, list_silences)
