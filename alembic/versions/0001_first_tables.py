"""The first tables."""

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Moment = sa.DateTime(timezone=True)
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("platform", sa.String(length=64), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("next_poll_at", Moment, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("walked_at", Moment, nullable=True),
        sa.Column("polled_at", Moment, nullable=True),
        sa.Column("last_new_at", Moment, nullable=True),
        sa.Column("longest_gap", sa.Float(), server_default="0", nullable=False),
        sa.Column("mentions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", Moment, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("remedy", sa.String(length=32), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("lease", sa.String(length=64), nullable=True),
        sa.Column("leased_until", Moment, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_sources"),
    )
    op.create_index("ix_sources_next_poll_at", "sources", ["next_poll_at"], unique=False)


def _mentions() -> None:
    op.create_table(
        "mentions",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("platform", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stars", sa.Float(), nullable=True),
        sa.Column("hint", sa.String(length=35), nullable=True),
        sa.Column("engagement", sa.BigInteger(), nullable=True),
        sa.Column("audience", sa.BigInteger(), nullable=True),
        sa.Column("published_at", Moment, nullable=False),
        sa.Column("first_seen_at", Moment, nullable=False),
        sa.Column("changed_at", Moment, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("topics", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("lang", sa.String(length=35), nullable=True),
        sa.Column("sentiment", sa.Float(), nullable=True),
        sa.Column("themes", sa.Text(), nullable=False),
        sa.Column("signals", sa.Text(), nullable=False),
        sa.Column("risk_score", sa.Float(), nullable=False),
        sa.Column("assessor", sa.String(length=64), nullable=False),
        sa.Column("history", sa.Boolean(), nullable=False),
        sa.Column("judged", sa.Boolean(), nullable=False),
        sa.Column("gone_at", Moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_mentions"),
    )
    op.create_index("ix_mentions_first_seen_at", "mentions", ["first_seen_at"], unique=False)
    op.create_index(
        "ix_mentions_parent",
        "mentions",
        ["platform", "parent_id"],
        unique=False,
        sqlite_where=sa.text("parent_id IS NOT NULL"),
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_mentions_risky",
        "mentions",
        ["first_seen_at"],
        unique=False,
        sqlite_where=sa.text("risk_score > 0"),
        postgresql_where=sa.text("risk_score > 0"),
    )
    op.create_index(
        "ix_mentions_unjudged",
        "mentions",
        ["id"],
        unique=False,
        sqlite_where=sa.text("NOT judged"),
        postgresql_where=sa.text("NOT judged"),
    )
    op.create_index("uq_mentions_identity", "mentions", ["platform", "external_id"], unique=True)


def _versions() -> None:
    op.create_table(
        "versions",
        sa.Column("mention_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stars", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["mention_id"], ["mentions.id"], name="fk_versions_mention_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mention_id", "version", name="pk_versions"),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("group_name", sa.String(length=400), nullable=False),
        sa.Column("risk", sa.String(length=64), nullable=True),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("impact", sa.Integer(), nullable=False),
        sa.Column("likelihood", sa.Float(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("opened_at", Moment, nullable=False),
        sa.Column("inboxes", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("chain_step", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("next_step_at", Moment, nullable=True),
        sa.Column("ack_due_at", Moment, nullable=True),
        sa.Column("acked_at", Moment, nullable=True),
        sa.Column("resolved_at", Moment, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("assignee", sa.String(length=200), nullable=True),
        sa.Column("mentions", sa.Integer(), nullable=False),
        sa.Column("told_mentions", sa.Integer(), nullable=False),
        sa.Column("told_at", Moment, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index(
        "ix_incidents_due",
        "incidents",
        ["next_step_at"],
        unique=False,
        sqlite_where=sa.text("next_step_at IS NOT NULL"),
        postgresql_where=sa.text("next_step_at IS NOT NULL"),
    )
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"], unique=False)
    op.create_index(
        "uq_incidents_unresolved",
        "incidents",
        ["rule", "group_name"],
        unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )


def _matches() -> None:
    op.create_table(
        "matches",
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("mention_id", Id, nullable=False),
        sa.Column("group_name", sa.String(length=400), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("impact", sa.Integer(), nullable=False),
        sa.Column("likelihood", sa.Float(), nullable=False),
        sa.Column("incident_id", Id, nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_matches_incident_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["mention_id"], ["mentions.id"], name="fk_matches_mention_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("rule", "mention_id", name="pk_matches"),
    )
    op.create_index("ix_matches_incident_id", "matches", ["incident_id"], unique=False)
    op.create_index("ix_matches_mention", "matches", ["mention_id"], unique=False)
    op.create_index("ix_matches_window", "matches", ["rule", "group_name", "at"], unique=False)


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("incident_id", Id, nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("inbox", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(length=64), nullable=True),
        sa.Column("leased_until", Moment, nullable=True),
        sa.Column("sent_at", Moment, nullable=True),
        sa.Column("failed_at", Moment, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name="fk_notifications_incident_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.UniqueConstraint("key", name="uq_notifications_key"),
    )
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"], unique=False)
    op.create_index(
        "ix_notifications_due",
        "notifications",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
    )
    op.create_index("ix_notifications_incident_id", "notifications", ["incident_id"], unique=False)


def _silences() -> None:
    op.create_table(
        "silences",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("group_name", sa.String(length=400), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("until", Moment, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
    )


def _log() -> None:
    op.create_table(
        "log",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log"),
        sa.UniqueConstraint("hash", name="uq_log_hash"),
    )
    op.create_index("ix_log_subject", "log", ["subject"], unique=False)


def upgrade() -> None:
    _sources()
    _mentions()
    _versions()
    _incidents()
    _matches()
    _notifications()
    _silences()
    _log()


def downgrade() -> None:
    for table in ("log", "silences", "notifications", "matches", "incidents", "versions", "mentions", "sources"):
        op.drop_table(table)
