"""Commands that show: mentions, topics test, incidents, show, explain, deliveries, sources, connectors, silences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from monitor import connector, rules
from monitor.cli import shapes
from monitor.cli.frame import DONE, FAILED, Asked, Span, command, opened
from monitor.model import SourceState, State, Stored
from monitor.pipeline import Line
from monitor.store import Transaction, incidents, log, mentions, outbox, sources
from monitor.topics import Hit, QueryError, Topics, parse


@command("mentions")
@click.argument("query", required=False)
@click.option("--since", type=Span(), default="7d", show_default=True, help="How far back, by when we saw it first.")
@click.option("--risk", help="Only mentions with a signal of this risk class.")
@click.option("--source", help="Only mentions of this source.")
@click.option("--sort", "order", type=click.Choice(["risk", "new", "reach"]), default="new", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, help="At most so many.")
def list_mentions(
    asked: Asked, query: str | None, *, since: timedelta, risk: str | None, source: str | None, order: str, limit: int
) -> int:
    """List stored mentions, those that match QUERY where one is given."""
    topics = _topics(query) if query else None
    with opened(asked) as line, line.database.read() as tx:
        found = mentions.listed(tx, since=line.now() - since, risk=risk, source=source, order=order)
        shown = [one for one, _ in _first(found, topics, limit)]
        parts = mentions.incidents_of(tx, [one.id for one in shown])
        rows = [shapes.mention(one, parts.get(one.id, ())) for one in shown]
    _show_mentions(asked, rows)
    return DONE


def _show_mentions(asked: Asked, rows: list[dict[str, Any]]) -> None:
    columns = ["id", "first_seen_at", "source", "kind", "stars", "sentiment", "risks", "text"]
    if not asked.json:
        for row in rows:
            row["risks"] = sorted({signal["risk"] for signal in row["signals"]})
            row["first_seen_at"] = row["first_seen_at"][:16].replace("T", " ")
            row["text"] = _short(row["title"] or row["text"])
    asked.show(rows, columns, empty="no mentions")


def _short(text: str, length: int = 100) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _topics(query: str) -> Topics:
    try:
        return Topics({"query": parse(query)})
    except QueryError as error:
        raise click.UsageError(f"the query does not parse: {error}") from None


def _first(found: Iterator[Stored], topics: Topics | None, limit: int) -> Iterator[tuple[Stored, tuple[Hit, ...]]]:
    for one in found:
        if limit <= 0:
            return
        hits: Mapping[str, tuple[Hit, ...]] = {"query": ()}
        if topics is not None:
            hits = topics.match(one.mention, source=one.source, labels=one.labels)
        if hits:
            limit -= 1
            yield one, hits["query"]


@click.group("topics")
def topics_group() -> None:
    """Work with topic queries."""


@command("test")
@click.argument("query")
@click.option("--since", type=Span(), default="90d", show_default=True, help="How far back.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
def topics_test(asked: Asked, query: str, *, since: timedelta, limit: int) -> int:
    """Show what QUERY would match among stored mentions, and which term matched, before it is saved."""
    topics = _topics(query)
    with opened(asked) as line, line.database.read() as tx:
        found = list(_first(mentions.listed(tx, since=line.now() - since), topics, limit))
    rows = []
    for one, hits in found:
        said = {"title": one.mention.title, "text": one.mention.text}
        terms = [asdict(hit) | {"matched": said[hit.field][hit.start : hit.end]} for hit in hits]
        rows.append({"id": one.id, "source": one.source, "published_at": one.mention.published_at.isoformat(),
                     "hits": terms, "matched": sorted({term["matched"] for term in terms}),
                     "text": one.mention.text if asked.json else _short(one.mention.text)})  # fmt: skip
    asked.show(rows, ["id", "source", "matched", "text"], empty="no stored mention matches")
    return DONE


@command("incidents")
@click.option("--state", type=click.Choice([*State, "unresolved", "all"]), default="unresolved", show_default=True)
def list_incidents(asked: Asked, *, state: str) -> int:
    """List incidents."""
    states = {"all": None, "unresolved": [State.OPEN, State.ACKED]}.get(state, [state])
    with opened(asked) as line, line.database.read() as tx:
        found = incidents.listed(tx, None if states is None else [State(one) for one in states])
    columns = ["id", "level", "rule", "group", "state", "mentions", "opened_at", "ack_due_at", "assignee"]
    asked.show([shapes.incident(one) for one in found], columns, empty="no incidents")
    return DONE


@command("show")
@click.argument("incident", type=int)
def show_incident(asked: Asked, incident: int) -> int:
    """Show one incident with its mentions and its timeline."""
    with opened(asked) as line, line.database.read() as tx:
        return _show_incident(asked, tx, incident)


def _show_incident(asked: Asked, tx: Transaction, key: int) -> int:
    one = incidents.one(tx, key)
    if one is None:
        click.echo(f"there is no incident {key}; `wellheard incidents` lists them", err=True)
        return FAILED
    said = mentions.by_id(tx, incidents.mention_ids(tx, key))
    timeline = [_line(link) for link in log.about(tx, f"incident:{key}")]
    sent = [shapes.notification(row) for row in outbox.listed(tx, incident_id=key)]
    if asked.json:
        facts = {"mentions": [shapes.mention(m, [key]) for m in said], "timeline": timeline, "deliveries": sent}
        asked.show([shapes.incident(one) | facts], [])
        return DONE
    _print_facts(shapes.incident(one))
    click.echo("\nMentions")
    _show_mentions(asked, [shapes.mention(m, [key]) for m in said])
    click.echo("\nTimeline")
    asked.show(timeline, ["at", "actor", "action", "detail"])
    click.echo("\nDeliveries")
    asked.show(sent, ["id", "reason", "inbox", "channel", "state", "sent_at", "error"], empty="none")
    return DONE


def _line(link: Any) -> dict[str, Any]:
    return {"at": link.at.isoformat(), "actor": link.actor, "action": link.action, "detail": dict(link.detail)}


def _print_facts(facts: Mapping[str, Any]) -> None:
    for name, value in facts.items():
        if value not in (None, [], ""):
            click.echo(f"{name.replace('_', ' '):>14}  {value}")


@command("explain")
@click.argument("subject", metavar="ID")
def explain(asked: Asked, subject: str) -> int:
    """Show the whole chain of a mention, an incident or a notification: mention:12, incident:3, or the notification's id.

    A plain number explains the incident of that number, and the mention."""
    kind, _, key = subject.rpartition(":")
    with opened(asked) as line, line.database.read() as tx:
        found = []
        if kind in {"", "incident"} and key.isdecimal() and incidents.one(tx, int(key)):
            found.append(_show_incident(asked, tx, int(key)))
        if kind in {"", "mention"} and key.isdecimal():
            found += [_explain_mention(asked, line, tx, one) for one in mentions.by_id(tx, [int(key)])]
        notification = outbox.one(tx, key) if kind in {"", "notification"} else None
        if notification is not None:
            history = [_line(link) for link in log.about(tx, f"notification:{key}")]
            _tell(asked, shapes.notification(notification), history)
            found.append(DONE)
    if not found:
        click.echo(f"nothing is known under {subject!r}", err=True)
        return FAILED
    return max(found)


def _explain_mention(asked: Asked, line: Line, tx: Transaction, one: Stored) -> int:
    matched = mentions.incidents_of(tx, [one.id]).get(one.id, [])
    why = [
        {"rule": name, "group": group, "incident": incident} for name, group, incident in incidents.rules_of(tx, one.id)
    ]
    signals = [asdict(found) | {"score": round(found.score, 2), "points_at": one.mention.text[found.start : found.end]}
               for found in one.assessment.signals]  # fmt: skip
    facts = shapes.mention(one, matched) | {"signals": signals, "matched_rules": why,
                                            "assessor": one.assessment.assessor}  # fmt: skip
    facts["versions"] = [{"version": number, "until": at.isoformat()} for number, at in mentions.told(tx, one.id)]
    source = sources.one(tx, one.source)
    facts["source_state"] = shapes.source(source, state=_state(line, source)) if source else None
    _tell(asked, facts, [])
    return DONE


def _tell(asked: Asked, facts: dict[str, Any], history: list[dict[str, Any]]) -> None:
    if asked.json:
        asked.show([facts | {"history": history}], [])
        return
    _print_facts(facts)
    if history:
        click.echo("\nHistory")
        asked.show(history, ["at", "actor", "action", "detail"])


@command("deliveries")
@click.option("--state", type=click.Choice(["due", "sent", "failed"]), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, help="At most so many.")
def deliveries(asked: Asked, *, state: str | None, limit: int) -> int:
    """List the outbox: what was decided to be sent, and what became of it."""
    with opened(asked) as line, line.database.read() as tx:
        rows = [shapes.notification(one) for one in outbox.listed(tx, state, limit=limit)]
    asked.show(
        rows,
        ["id", "created_at", "reason", "inbox", "channel", "state", "attempts", "subject", "error"],
        empty="no notifications",
    )
    return DONE


@command("sources")
def list_sources(asked: Asked) -> int:
    """Show the state of each source: last poll, next one, failing since when and why, silent or not."""
    with opened(asked) as line:
        with line.database.read() as tx:
            known = {one.name: one for one in sources.every(tx)}
        rows = [
            shapes.source(known[name], state=_state(line, known[name]))
            if name in known
            else {
                "name": name,
                "platform": source.connector,
                "state": "disabled" if not source.enabled else "not polled yet",
            }
            for name, source in line.config.sources.items()
        ]
    asked.show(
        rows,
        ["name", "platform", "state", "polled_at", "next_poll_at", "mentions", "failing_since", "error"],
        empty="no sources",
    )
    return FAILED if any(row["state"] in {"failing", "silent"} for row in rows) else DONE


def _state(line: Line, one: SourceState) -> str:
    source = line.config.sources.get(one.name)
    found = {
        breach.rule
        for breach in rules.source_breaches(one, line.now(), quiet_after=source.quiet_after if source else None)
    }
    if one.failing_since is not None:
        return "failing"
    return "silent" if rules.SOURCE_QUIET in found else "ok" if one.polled_at else "not polled yet"


@command("connectors")
def list_connectors(asked: Asked) -> int:
    """Show what each installed connector can and cannot see, and its terms."""
    rows = []
    for name in connector.names():
        access = connector.load(name).access
        rows.append({"connector": name, "access": access.kind, "sees": access.sees, "blind_to": access.blind_to,
                     "own_replies": access.own_replies, "terms": access.terms,
                     "retention": str(access.retention) if access.retention else None})  # fmt: skip
    asked.show(rows, ["connector", "access", "sees", "blind_to", "own_replies", "terms"])
    return DONE


@command("silences")
def list_silences(asked: Asked) -> int:
    """List the silences in force."""
    with opened(asked) as line, line.database.read() as tx:
        rows = [
            {"id": one.id, "rule": one.rule, "group": one.group, "until": one.until.isoformat(), "why": one.why}
            for one in incidents.silenced(tx, line.now())
        ]
    asked.show(rows, ["id", "rule", "group", "until", "why"], empty="no silences")
    return DONE


topics_group.add_command(topics_test)
COMMANDS = (
    list_mentions, topics_group, list_incidents, show_incident, explain, deliveries, list_sources, list_connectors,
    list_silences,
)  # fmt: skip
