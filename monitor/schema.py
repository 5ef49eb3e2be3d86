"""The tables, as code; the migrations in alembic/ make the same ones step by step, and a test compares the two."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

# SQLite counts rows in 64 bits only for INTEGER PRIMARY KEY, PostgreSQL only for BIGINT.
_Id = BigInteger().with_variant(Integer(), "sqlite")


class Moment(TypeDecorator[datetime]):
    """An aware time, stored in UTC. SQLite forgets zones, so they are taken off and put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is not None and value.tzinfo is not UTC:
            if value.tzinfo is None:
                raise ValueError("a time without a zone cannot be stored")
            return value.astimezone(UTC)
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""A value as the text that a `Compact` column holds."""


class Compact(TypeDecorator[Any]):
    """JSON as text, the same on both databases. Empty values, nearly all of them, cost no encoder."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        if not value:
            return "{}" if isinstance(value, dict) else "[]"
        return dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        if value is None or value == "[]":
            return []
        return {} if value == "{}" else json.loads(value)


sources = Table(
    "sources",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("platform", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("next_poll_at", Moment, nullable=False, index=True),
    Column("cursor", Compact, nullable=False),
    Column("walked_at", Moment),
    Column("polled_at", Moment),
    Column("last_new_at", Moment),
    Column("longest_gap", Float, nullable=False, server_default="0"),
    Column("mentions", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", Moment),
    Column("error", Text),
    Column("remedy", String(32)),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("lease", String(64)),
    Column("leased_until", Moment),
    Column("warnings", Compact, nullable=False, server_default="[]"),
)

rechecks = Table(
    "rechecks",
    metadata,
    Column("source", String(200), primary_key=True),
    Column("due_at", Moment, nullable=False),
    Column("lease", String(64)),
    Column("tried_at", Moment),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", Moment),
    Column("error", Text),
    Column("warnings", Compact, nullable=False, server_default="[]"),
)

mentions = Table(
    "mentions",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("platform", String(64), nullable=False),
    Column("external_id", Text, nullable=False),
    Column("source", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("ours", Boolean, nullable=False),
    Column("parent_id", Text),
    Column("url", Text),
    Column("author", Text),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("stars", Float),
    Column("hint", String(35)),
    Column("engagement", BigInteger),
    Column("audience", BigInteger),
    Column("published_at", Moment, nullable=False),
    Column("first_seen_at", Moment, nullable=False, index=True),
    Column("changed_at", Moment),
    Column("version", Integer, nullable=False),
    Column("fingerprint", String(16), nullable=False),
    Column("topics", Compact, nullable=False),
    Column("labels", Compact, nullable=False),
    Column("lang", String(35)),
    Column("sentiment", Float),
    Column("themes", Compact, nullable=False),
    Column("signals", Compact, nullable=False),
    Column("risk_score", Float, nullable=False),
    Column("assessor", String(64), nullable=False),
    Column("history", Boolean, nullable=False),
    Column("judged", Boolean, nullable=False),
    Column("gone_at", Moment),
    Column("checked_at", Moment),
)
Index("uq_mentions_identity", mentions.c.platform, mentions.c.external_id, unique=True)


def _partial(name: str, *columns: Column[Any], where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


# Each of these holds only the few rows that its query wants, so that it costs next to nothing to keep.
_partial("ix_mentions_unjudged", mentions.c.id, where="NOT judged")
_partial("ix_mentions_risky", mentions.c.first_seen_at, where="risk_score > 0")
_partial("ix_mentions_parent", mentions.c.platform, mentions.c.parent_id, where="parent_id IS NOT NULL")
_partial("ix_mentions_ours", mentions.c.source, mentions.c.first_seen_at, where="ours")
# Only mentions of platforms whose terms limit what may be kept have a `checked_at`.
_LIMITED = "checked_at IS NOT NULL AND gone_at IS NULL"
_partial("ix_mentions_checked", mentions.c.platform, mentions.c.checked_at, mentions.c.source, where=_LIMITED)
_partial("ix_mentions_limited", mentions.c.platform, mentions.c.first_seen_at, where=_LIMITED)

versions = Table(
    "versions",
    metadata,
    Column("mention_id", ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("seen_at", Moment, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("stars", Float),
)

holds = Table(
    "holds",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    # Without ON DELETE: as long as a hold stands here, no database lets its mention go.
    Column("mention_id", ForeignKey("mentions.id"), nullable=False, index=True),
    Column("by", String(200), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("released_at", Moment),
)
_partial("uq_holds_active", holds.c.mention_id, where="released_at IS NULL", unique=True)

# What a platform was asked to take down: the last time that it was asked stands here, the log has them all.
removals = Table(
    "removals",
    metadata,
    Column("mention_id", ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True),
    Column("asked_at", Moment, nullable=False),
    Column("asked_by", String(200), nullable=False),
    Column("ground", Text, nullable=False),
    Column("answer", String(16)),
    Column("answered_at", Moment),
    Column("answered_by", String(200)),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("rule", String(200), nullable=False),
    Column("group_name", String(400), nullable=False),
    Column("risk", String(64)),
    Column("level", String(16), nullable=False),
    Column("impact", Integer, nullable=False),
    Column("likelihood", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("opened_at", Moment, nullable=False, index=True),
    Column("inboxes", Compact, nullable=False),
    Column("chain", Compact, nullable=False),
    Column("chain_step", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("next_step_at", Moment),
    Column("ack_due_at", Moment),
    Column("acked_at", Moment),
    Column("resolved_at", Moment),
    Column("outcome", String(16)),
    Column("assignee", String(200)),
    Column("mentions", Integer, nullable=False),
    Column("told_mentions", Integer, nullable=False),
    Column("told_at", Moment),
    Column("note", Text, nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("calm_since", Moment),
    Column("report_due_at", Moment),
    Column("reminded_at", Moment),
    Column("reach", Integer, nullable=False, server_default="0"),
)
_partial("uq_incidents_unresolved", incidents.c.rule, incidents.c.group_name, where="state <> 'resolved'", unique=True)
_partial("ix_incidents_due", incidents.c.next_step_at, where="next_step_at IS NOT NULL")

matches = Table(
    "matches",
    metadata,
    Column("rule", String(200), primary_key=True),
    Column("mention_id", ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True),
    Column("group_name", String(400), nullable=False),
    Column("at", Moment, nullable=False),
    Column("impact", Integer, nullable=False),
    Column("likelihood", Float, nullable=False),
    Column("reach", Integer, nullable=False, server_default="0"),
    Column("incident_id", ForeignKey("incidents.id", ondelete="SET NULL"), index=True),
)
Index("ix_matches_window", matches.c.rule, matches.c.group_name, matches.c.at)
Index("ix_matches_mention", matches.c.mention_id)

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("key", String(500), nullable=False, unique=True),
    Column("incident_id", ForeignKey("incidents.id", ondelete="SET NULL"), index=True),
    Column("reason", String(32), nullable=False),
    Column("inbox", String(100), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("recipient", String(320), nullable=False),
    Column("message", Compact, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
    Column("due_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease", String(64)),
    Column("leased_until", Moment),
    Column("sent_at", Moment),
    Column("failed_at", Moment),
    Column("error", Text),
    Column("level", String(16)),
    Column("mentions", Integer, nullable=False, server_default="0"),
    Column("admitted_at", Moment),
    Column("withheld", String(16)),
    Column("told_in", String(64)),
    Column("failing_since", Moment),
    Column("drill", Boolean, nullable=False, server_default=text("false")),
)
_partial(
    "ix_notifications_due", notifications.c.due_at, where="sent_at IS NULL AND failed_at IS NULL AND told_in IS NULL"
)
_partial(
    "ix_notifications_admitted",
    notifications.c.channel,
    notifications.c.recipient,
    notifications.c.admitted_at,
    where="admitted_at IS NOT NULL",
)

refusals = Table(
    "refusals",
    metadata,
    Column("inbox", String(100), primary_key=True),
    Column("channel", String(32), primary_key=True),
    Column("recipient", String(320), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("why", Text, nullable=False),
)

# Mentions that a rule on a surge, a slump or a share counts: by its conditions, group, hour and source; `bad` is how much of
# them speaks against the group. A judge reads the hours of eight weeks here, however many mentions they had.
tallies = Table(
    "tallies",
    metadata,
    Column("rule", String(220), primary_key=True),
    Column("group_name", String(400), primary_key=True),
    Column("hour", Moment, primary_key=True),
    Column("source", String(200), primary_key=True),
    Column("mentions", Integer, nullable=False),
    Column("bad", Float, nullable=False, server_default="0"),
)

# How far a rule's count of what was stored before it has come: all mentions up to `goal` are counted from the store, up to
# `upto` they are already, and those after it as they are judged.
counted = Table(
    "counted",
    metadata,
    Column("rule", String(220), primary_key=True),
    Column("since", Moment, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("goal", BigInteger, nullable=False),
)

# `told` holds, when a drill is over, who was told of what and when, and when it was acknowledged: what it said is gone then.
drills = Table(
    "drills",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("scenario", String(200), nullable=False),
    Column("by", String(200), nullable=False),
    Column("started_at", Moment, nullable=False, index=True),
    Column("ended_at", Moment),
    Column("cancelled", Boolean, nullable=False, server_default=text("false")),
    Column("told", Compact, nullable=False, server_default="[]"),
)

silences = Table(
    "silences",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("rule", String(200), nullable=False),
    Column("group_name", String(400)),
    Column("created_at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("why", Text, nullable=False),
)

log = Table(
    "log",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(200), nullable=False, index=True),
    Column("detail", Compact, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)
