"""Commands that tell the whole story: show, explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from monitor import reach
from monitor.assess import carriers
from monitor.audit import Link
from monitor.cli import shapes, timeline
from monitor.cli.find import on_one_line
from monitor.cli.frame import DONE, FAILED, Asked, command, opened
from monitor.cli.removals import standing
from monitor.cli.screen import Column, Screen, many
from monitor.cli.story import Story, by_beginning, conditions, means, points_at
from monitor.cli.typed import Id
from monitor.clocks import deadlines
from monitor.digest import sentiment
from monitor.messages import causes, line, wording
from monitor.model import Detail, Incident, Notification, Signal, State, Stored
from monitor.pipeline import Line
from monitor.pipeline.work import NotPossible
from monitor.rules import of_group
from monitor.store import Transaction, incidents, mentions, outbox, sources

_SHOWN = 20
"""Mentions of an incident that are shown to people; the others are counted."""

_CARRIERS = 8
"""Words that carried a sentiment, the heaviest: the others move little."""

_SENT = (
    Column("id"),
    Column("reason"),
    Column("inbox", most=20),
    Column("channel"),
    Column("state"),
    Column("recipient", least=110, most=40),
    Column("sent_at", "sent", least=70),
    Column("error", fills=True, least=90),
)


@command("show")
@click.argument("incident", type=Id())
def show_incident(asked: Asked, incident: int) -> int:
    """Show one incident with its timeline.

    What was said, what was decided and why, who was told how, and who did what."""
    with opened(asked) as line, line.database.read() as tx:
        one = incidents.one(tx, incident)
        if one is None:
            raise NotPossible(f"there is no incident {incident}; `wellheard incidents --state all` lists them")
        _tell(asked, line, tx, one, chain=False)
    return DONE


@command("explain")
@click.argument("subject", metavar="ID")
def explain(asked: Asked, subject: str) -> int:
    """Show why something was told, or was not.

    The whole chain of a mention, an incident or a notification: source, poll, signals with their places and rules,
    decisions with their reasons, deliveries. ID is mention:12, incident:3, or the id of a notification (its first
    letters will do); a plain number means the incident and the mention of that number."""
    kind, _, key = subject.rpartition(":")
    if kind not in {"", "mention", "incident", "notification"}:
        raise click.UsageError(
            f"{kind!r} cannot be explained; write mention:12, incident:3 or the id of a notification"
        )
    with opened(asked) as line, line.database.read() as tx:
        found = list(_subjects(tx, kind, key))
        for one in found:
            _tell(asked, line, tx, one, chain=True)
    if not found:
        click.echo(f"nothing is known under {subject!r}; `wellheard mentions`, `incidents` and `deliveries` list what is",
                   err=True)  # fmt: skip
    return DONE if found else FAILED


def _subjects(tx: Transaction, kind: str, key: str) -> Iterator[Incident | Stored | Notification]:
    if key.isascii() and key.isdecimal():
        number = Id().convert(key, None, None)
        if kind in {"", "incident"} and (incident := incidents.one(tx, number)):
            yield incident
        if kind in {"", "mention"}:
            yield from mentions.by_id(tx, [number])
    if kind in {"", "notification"} and (notification := by_beginning(tx, key)):
        yield notification


def _tell(asked: Asked, line: Line, tx: Transaction, one: Incident | Stored | Notification, *, chain: bool) -> None:
    """Tells of one subject; with `chain`, of what lies behind it, too."""
    story = Story(line, tx, chain=chain)
    if asked.json:
        asked.lines([story.facts(one)])
        return
    screen = asked.screen()
    match one:
        case Incident():
            _show_incident(screen, story, one)
        case Stored():
            _show_mention(screen, story, one)
        case Notification():
            _show_notification(screen, story, one)


# For people


def _show_incident(screen: Screen, story: Story, one: Incident) -> None:
    _head(screen, one)
    if story.chain:
        _rule(screen, story, one)
    _made_of(screen, story, one)
    said = story.mentions(one, _SHOWN)
    if said:
        screen.heading(f"Mentions ({one.mentions})")
    for found in said:
        _brief(screen, story, found)
    if one.mentions > len(said):
        screen.text(f"and {one.mentions - len(said)} more: --json has all", indent=2, style="dim")
    _what_to_do(screen, story, one)
    _timeline(screen, timeline.of_incident(story.tx, one.id))
    _deliveries(screen, outbox.listed(story.tx, incident_id=one.id))


def _made_of(screen: Screen, story: Story, one: Incident) -> None:
    """Why so many: what the mentions of a large incident have in common."""
    zone, now = story.line.config.timezone, story.line.now()
    said = causes.sentences(story.cause(one), detail=Detail.FULL, keep=(), timezone=zone, now=now)
    if said:
        screen.heading("Why so many")
        screen.facts([(label.lower(), words) for label, words in said], indent=2)


def _what_to_do(screen: Screen, story: Story, one: Incident) -> None:
    """The playbook of its platform."""
    book = story.playbook(one)
    if book is not None:
        screen.heading(f"On {book.where}{', not confirmed' if book.unconfirmed else ''}")
        screen.facts([(label.lower(), words) for label, words in book.steps], indent=2)


def _head(screen: Screen, one: Incident) -> None:
    drill = "DRILL · " if one.drill else ""
    style = {"critical": "bold red", "urgent": "bold red", "warning": "bold yellow"}.get(one.level.value, "bold")
    screen.heading(f"{drill}Incident {one.id} · {one.level.value} · {one.state.value}", style=style)
    screen.text(f"{wording(one.rule).title}, {one.group}")
    rated = f"impact {one.impact} of 5, likelihood {one.likelihood:.0%}" if one.risk else None
    due = f"{screen.at(one.ack_due_at)} ({screen.due(one.ack_due_at)})" if one.ack_due_at else None
    step = one.next_step_at and one.state is not State.RESOLVED
    screen.facts(
        [
            ("rule", one.rule), ("rated", rated), ("opened", screen.at(one.opened_at)),
            *_deadlines(screen, one),
            ("acknowledge by", due if one.state is State.OPEN else None),
            ("acknowledged", one.acked_at and screen.at(one.acked_at)),
            ("resolved", one.resolved_at and f"{screen.at(one.resolved_at)}{_as(one)}"),
            ("with", one.assignee or ("nobody yet" if one.state is not State.RESOLVED else None)),
            ("told", ", ".join(one.inboxes) if one.told_at else "nobody yet"),
            ("looked at again", one.next_step_at and step and screen.at(one.next_step_at)),
            ("because", one.note),
        ],
        indent=2,
    )  # fmt: skip


def _deadlines(screen: Screen, one: Incident) -> list[tuple[str, str]]:
    if one.state is State.RESOLVED:
        return []
    return [
        (
            found.what.lower(),
            f"{screen.at(found.due_at)} ({screen.due(found.due_at)}): {found.basis}; counsel confirms it",
        )
        for found in deadlines(one)
    ]


def _as(one: Incident) -> str:
    return f", {one.outcome.value}" if one.outcome else ""


def _rule(screen: Screen, story: Story, one: Incident) -> None:
    screen.heading(f"The rule {one.rule}")
    rule = story.line.rules.get(one.rule)
    facts = conditions(rule)
    if facts is None:
        screen.text("is no longer in the configuration; the incident ends as it began", indent=2)
        return
    screen.facts([(name.replace("_", " "), value) for name, value in facts.items() if name != "name"], indent=2)
    if rule is not None and of_group(rule) and one.state is not State.RESOLVED:
        screen.facts([("stands now", story.stands(rule, one.group))], indent=2)


def _brief(screen: Screen, story: Story, one: Stored) -> None:
    """A mention as part of an incident: what it says, marked where it matters, and what was found in it."""
    said = one.mention
    who = " · ".join(part for part in (_what(one), screen.at(said.published_at), said.author or "") if part)
    screen.facts([(f"#{one.id}", who)], indent=2)
    _words(screen, one, limit=600)
    screen.facts(
        [("link", said.url), ("removal", _removal(screen, story, one)), ("still up", _up(screen, story, one))], indent=6
    )
    if not story.chain:
        screen.facts([("shows", risk) for risk in _heaviest(one)], indent=6)
    else:
        for signal in one.assessment.signals:
            _show_signal(screen, one, signal)
        known = sources.one(story.tx, one.source)
        polled = f", polled {screen.at(known.polled_at)}" if known and known.polled_at else ""
        screen.facts([("source", f"{one.source} ({story.state(one.source)}{polled})"),
                      ("first seen", screen.at(one.first_seen_at))], indent=6)  # fmt: skip


def _up(screen: Screen, story: Story, one: Stored) -> str | None:
    """Whether what is to go is still there: what we said and must take down, what its platform was asked to take down;
    None for all else."""
    asked = story.removal(one)
    if asked is not None and not story.must_go(one):
        return standing(asked, screen, looked=story.looked_up(one)).replace("still up", "yes", 1)
    if not story.must_go(one):
        return None
    if one.gone_at is not None:
        return f"no, gone since {screen.at(one.gone_at)}"
    seen_at = story.seen_at(one)
    return f"yes, last seen {screen.at(seen_at)}" if seen_at else "yes"


def _removal(screen: Screen, story: Story, one: Stored) -> str | None:
    """What its platform was asked, and what it answered."""
    asked = story.removal(one)
    if asked is None:
        return None
    ground = f', on the ground "{line(asked.ground, 300)}"' if asked.ground else ""
    said = (
        f"; {asked.answer.value} {screen.at(asked.answered_at)}, by {asked.answered_by}"
        if asked.answer and asked.answered_at
        else "; no answer yet"
    )
    return f"asked {screen.at(asked.asked_at)}, by {asked.asked_by}{ground}{said}"


def _what(one: Stored) -> str:
    stars = "" if one.mention.stars is None else f", {one.mention.stars:g} of 5 stars"
    ours = "our own " if one.mention.ours else ""
    return f"{ours}{one.mention.kind.value} on {one.platform}{stars}"


def _words(screen: Screen, one: Stored, *, limit: int) -> None:
    if one.gone_at is not None:
        kept = one.mention.text or one.mention.title  # our own words are, and those that somebody holds
        what = "kept here" if kept else "deleted"
        screen.text(f"no longer on its platform since {screen.at(one.gone_at)}; its words were {what}", indent=6)
    for name, written, most in (("title", one.mention.title, 300), ("text", one.mention.text, limit)):
        if written:
            spans = [(found.start, found.end) for found in one.assessment.signals if found.field == name]
            screen.quote(written, spans, indent=6, limit=most)


def _heaviest(one: Stored) -> list[str]:
    """The classes that a mention shows, each with its highest score; the signals are sorted by it."""
    scores: dict[str, float] = {}
    for signal in one.assessment.signals:
        scores.setdefault(signal.risk, signal.score)
    return [f"{risk}, {score:.1f} of 25" for risk, score in scores.items()]


def _show_signal(screen: Screen, one: Stored, found: Signal) -> None:
    rated = f"{found.score:.1f} of 25 (impact {found.impact} of 5, likelihood {found.likelihood:.0%})"
    screen.facts([("shows", f"{found.risk}, {rated}")], indent=6)
    carried = ", ".join(f"{word} {share:+.0%}" for word, share in carriers(one.mention, found.rule)[:_CARRIERS])
    screen.facts([("by rule", found.rule), ("which", means(found.rule)),
                  ("at", f'{found.field} {found.start}-{found.end}: "{points_at(one, found)[:200]}"'),
                  ("carried by", carried or None)], indent=8)  # fmt: skip


def _timeline(screen: Screen, links: Sequence[Link]) -> None:
    if links:
        screen.heading("Timeline")
        screen.facts([(screen.moment(link.at), timeline.sentence(link)) for link in links], indent=2)


def _deliveries(screen: Screen, sent: Sequence[Notification]) -> None:
    screen.heading("Deliveries")
    screen.table([on_one_line(shapes.notification(one), screen) for one in sent], _SENT, empty="  none")


def _show_mention(screen: Screen, story: Story, one: Stored) -> None:
    said, found = one.mention, one.assessment
    screen.heading(f"Mention {one.id} · {_what(one)}")
    _words(screen, one, limit=3000)
    screen.heading("Where it comes from")
    known = sources.one(story.tx, one.source)
    older = mentions.told(story.tx, one.id)
    screen.facts(
        [
            ("author", said.author), ("link", said.url), ("published", screen.at(said.published_at)),
            ("first seen", screen.at(one.first_seen_at)), ("removal", _removal(screen, story, one)),
            ("still up", _up(screen, story, one)), ("source", f"{one.source} ({story.state(one.source)})"),
            ("last poll", known and known.polled_at and screen.at(known.polled_at)),
            ("source fails with", known and known.error), ("id there", said.external_id), ("answers", said.parent_id),
            ("reach", _reach(one)), ("topics", ", ".join(one.topics) or None), ("labels", dict(one.labels)),
            ("earlier wordings", [f"version {number} until {screen.at(at)}" for number, at in older]),
        ],
        indent=2,
    )  # fmt: skip
    screen.heading("What was found in it")
    screen.facts([("by", found.assessor), ("language", found.lang), *_mood(story, one), ("themes", list(found.themes))],
                 indent=2)  # fmt: skip
    for signal in found.signals:
        _show_signal(screen, one, signal)
    if not found.signals:
        screen.text("no risk", indent=2)
    for signal in story.doubted(one):
        why = "not believed: so few words read too little like it"
        screen.facts([(signal.rule, f'{why}, at {signal.field} "{points_at(one, signal)[:200]}"')], indent=2)
    _show_decisions(screen, story, one)


def _reach(one: Stored) -> str | None:
    """How far a mention reaches, and what that does; None where it reaches nobody who was counted."""
    said, step = one.mention, reach.step(one.mention)
    counted = [many(said.engagement, "reaction")] if said.engagement else []
    counted += [many(said.audience, "follower")] if said.audience and not said.ours else []
    does = f": impacts are raised by {reach.raised(1, step) - 1}, to 5 at most" if step else ""
    return f"{', '.join(counted)}{does}" if counted else None


def _mood(story: Story, one: Stored) -> list[tuple[str, object]]:
    """The sentiment with what carried it, as the assessor of today weighs the words."""
    said = one.assessment.sentiment
    facts: list[tuple[str, object]] = [
        ("sentiment", "could not be read" if said is None else f"{said:+.2f} (-1 to 1), counted as {sentiment(said)}"),
        ("with the stars", f"{one.mood:+.2f}" if one.mood is not None and one.mention.stars is not None else None),
        ("at odds", "stars and words strongly disagree" if one.at_odds else None),
    ]
    why = story.line.assessor.opinion(one.mention)
    if why is None:
        return facts
    words = [f"{word} {share:+.0%}" for word, share in why.words[:_CARRIERS]]
    return [*facts, ("which is", f"{why.name}, {why.confidence:.0%} sure; VADER alone {why.compound:+.2f}"),
            ("carried by", ", ".join(words) or None)]  # fmt: skip


def _show_decisions(screen: Screen, story: Story, one: Stored) -> None:
    screen.heading("What was decided")
    matched = story.matched(one)
    screen.facts([(match["rule"], _became(match)) for match in matched], indent=2)
    why = story.why_not(one)
    if why:
        screen.text(f"It opened no incident: {why}.", indent=2)
    screen.facts([(name, f"does not hold: {', '.join(keys)}") for name, keys in story.unmet(one).items()], indent=2)
    for key in dict.fromkeys(match["incident"] for match in matched if match["incident"] is not None):
        incident = incidents.one(story.tx, key)
        if incident is not None:
            _head(screen, incident)
            _rule(screen, story, incident)
            _timeline(screen, timeline.of_incident(story.tx, key))
            _deliveries(screen, outbox.listed(story.tx, incident_id=key))


def _became(match: Mapping[str, Any]) -> str:
    became = "waits for more" if match["incident"] is None else f"incident {match['incident']}"
    if "muted_by" in match:
        became = f"muted: it is part of a campaign, incident {match['muted_by']}, and told as that"
    return f"{became}, group {match['group']}"


def _show_notification(screen: Screen, story: Story, one: Notification) -> None:
    facts = shapes.notification(one)
    screen.heading(f"Notification {one.id}")
    screen.facts(
        [
            ("subject", one.message.subject), ("reason", one.reason.value), ("inbox", one.inbox),
            ("channel", one.channel), ("recipient", one.recipient), ("state", facts["state"]),
            ("attempts", one.attempts), ("written", screen.at(one.created_at)),
            ("due", screen.at(one.due_at) if facts["state"] == "due" else None),
            ("sent", one.sent_at and screen.at(one.sent_at)), ("given up", one.failed_at and screen.at(one.failed_at)),
            ("last error", one.error),
        ],
        indent=2,
    )  # fmt: skip
    _timeline(screen, timeline.of_notification(story.tx, one.id))
    incident = incidents.one(story.tx, one.incident_id) if one.incident_id is not None else None
    if incident is not None:
        _show_incident(screen, story, incident)


COMMANDS = (show_incident, explain)
