"""What the busiest questions to the store cost on SQLite: the statements as they are sent ask an index, and never scan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from monitor.model import Kind, Rule
from monitor.store import Database, holds, incidents, mentions, outbox, removals, sources, tallies
from monitor.store.mentions import Ends
from monitor.store.tallies import Amount, Counted
from tests.store import NOW

REVIEWS = Rule(name="r", inboxes=(), kinds=frozenset({Kind.REVIEW}), stars_below=3)
ENDS = Ends(mentions=NOW, own_replies=NOW, terms={}, refresh={})

QUESTIONS: dict[str, tuple[Callable[[Connection], object], str]] = {
    "what waits to be looked up again": (
        lambda tx: mentions.unconfirmed(tx, "p", "s", NOW, limit=9),
        "ix_mentions_checked",
    ),
    "what was not confirmed for too long": (lambda tx: mentions.lapsed(tx, "p", NOW, limit=9), "ix_mentions_checked"),
    "what terms let nobody keep": (lambda tx: mentions.stale(tx, "p", NOW, limit=9), "ix_mentions_limited"),
    "what is past its retention": (lambda tx: mentions.expired(tx, ENDS, limit=9), "ix_mentions_first_seen_at"),
    "what is held among what goes": (lambda tx: mentions.expired(tx, ENDS, limit=9), "uq_holds_active"),
    "who holds a mention": (lambda tx: holds.of(tx, 1), "uq_holds_active"),
    "what a poll shows again": (
        lambda tx: mentions.confirm(tx, "p", ["1", "2"], NOW, before=NOW),
        "uq_mentions_identity",
    ),
    "the judge's queue": (lambda tx: mentions.unjudged(tx, 500), "ix_mentions_unjudged"),
    "what is stored already": (lambda tx: mentions.known(tx, "p", ["1", "2"]), "uq_mentions_identity"),
    "own replies whose parent came late": (lambda tx: mentions.orphans(tx, "p", ["1"]), "ix_mentions_parent"),
    "the week": (lambda tx: list(mentions.listed(tx, since=NOW)), "ix_mentions_first_seen_at"),
    "the week's risks": (lambda tx: list(mentions.listed(tx, since=NOW, risk="x")), "ix_mentions_risky"),
    "what nobody answered": (
        lambda tx: mentions.unanswered(tx, REVIEWS, since=NOW, until=NOW, limit=9),
        "ix_mentions_first_seen_at",
    ),
    "the open incident of a group": (lambda tx: incidents.unresolved(tx, "r", "g"), "uq_incidents_unresolved"),
    "the open incidents of rules": (lambda tx: incidents.of_rules(tx, ["r"]), "uq_incidents_unresolved"),
    "steps that are due": (lambda tx: incidents.due(tx, NOW, 9), "ix_incidents_due"),
    "matches in no incident": (lambda tx: incidents.loose(tx, "r", "g", NOW), "ix_matches_window"),
    "the hours of a surge": (lambda tx: tallies.hours(tx, "r", "g", NOW), "sqlite_autoindex_tallies"),
    "the window of a slump": (lambda tx: tallies.by_source(tx, "r", "g", NOW, until=NOW), "sqlite_autoindex_tallies"),
    "how far a rule is counted": (lambda tx: tallies.progress(tx, "r"), "sqlite_autoindex_counted"),
    "where the count of the past begins": (lambda tx: mentions.newest(tx, before=NOW), "ix_mentions_first_seen_at"),
    "what joined an incident already": (lambda tx: incidents.joined(tx, 1, "r", [1, 2]), "matches"),
    "what is part of an incident that is over": (lambda tx: incidents.over(tx, [1, 2]), "ix_matches_mention"),
    "what is counted of an hour": (
        lambda tx: tallies.correct(tx, {Counted("r", "g", NOW, "s"): Amount(0, 1.0)}),
        "sqlite_autoindex_tallies",
    ),
    "what was said before in a source that is seldom heard": (
        lambda tx: mentions.lately(tx, ["s"], NOW, until=NOW, among=9, limit=9),
        "ix_mentions_first_seen_at",
    ),
    "when a source failed": (lambda tx: incidents.spans(tx, "r", ["g"], NOW), "ix_incidents_opened_at"),
    "since when a group is counted": (lambda tx: tallies.first(tx, "r", "g"), "sqlite_autoindex_tallies"),
    "what a surge has counted": (lambda tx: tallies.uncounted(tx, "r", [1, 2]), "matches"),
    "the last incident of a group": (lambda tx: incidents.last_opened(tx, "r", "g", NOW), "ix_incidents_opened_at"),
    "what was asked for among what is gone": (
        lambda tx: removals.asked_of(tx, "p", ["1", "2"]),
        "uq_mentions_identity",
    ),
    "what of an incident is to go": (lambda tx: removals.awaited(tx, 1), "ix_matches_incident_id"),
    "what of an incident is still up": (lambda tx: removals.up(tx, 1), "ix_matches_incident_id"),
    "what a campaign mutes": (lambda tx: incidents.muted(tx, 1, ["r"]), "ix_matches_incident_id"),
    "what is part of a campaign": (lambda tx: incidents.matching(tx, "r", [1, 2]), "sqlite_autoindex_matches"),
    "notifications that are due": (
        lambda tx: outbox.claim(tx, NOW, lease="me", until=NOW, limit=9),
        "ix_notifications_due",
    ),
    "when the next one is due": (outbox.next_due, "ix_notifications_due"),
    "whether a digest was written": (
        lambda tx: outbox.exists(tx, "digest/2026-W09/"),
        "sqlite_autoindex_notifications",
    ),
    "sources that are due": (
        lambda tx: sources.claim(tx, NOW, lease="me", until=NOW, limit=9),
        "ix_sources_next_poll_at",
    ),
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    database.upgrade()
    yield database
    database.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_by_its_index(database: Database, question: str) -> None:
    ask, index = QUESTIONS[question]
    with database.write() as tx:
        sent: list[tuple[str, Any]] = []
        event.listen(tx, "before_cursor_execute", lambda *said: sent.append((said[2], said[3])))
        ask(tx)
        plans = [
            row[3] for words, given in sent[:1] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", given)
        ]

    assert any(index in step for step in plans), plans
    assert not any(step.startswith("SCAN") and "INDEX" not in step for step in plans), plans


def test_what_is_to_go_is_found_without_going_through_all_mentions(database: Database) -> None:
    with database.write() as tx:
        sent: list[tuple[str, Any]] = []
        event.listen(tx, "before_cursor_execute", lambda *said: sent.append((said[2], said[3])))
        mentions.up(tx, "s", ["r"], limit=9)
        plans = [
            row[3] for words, given in sent[:1] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", given)
        ]

    assert sum(step.startswith("SEARCH mentions USING INTEGER PRIMARY KEY") for step in plans) == 2, plans
    assert not any(step.startswith("SCAN mentions") for step in plans), plans
