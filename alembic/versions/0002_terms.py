"""Terms as code: warnings, rechecks, when a mention was last confirmed, and legal holds."""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Moment = sa.DateTime(timezone=True)
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LIMITED = sa.text("checked_at IS NOT NULL AND gone_at IS NULL")


def _rechecks() -> None:
    op.create_table(
        "rechecks",
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("lease", sa.String(length=64), nullable=True),
        sa.Column("tried_at", Moment, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", Moment, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("warnings", sa.Text(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_rechecks"),
    )


def _checked() -> None:
    # No row is written here: the retention gives the mentions that need it their `checked_at`, batch by batch.
    op.add_column("mentions", sa.Column("checked_at", Moment, nullable=True))
    for name, columns in (
        ("ix_mentions_checked", ["platform", "checked_at", "source"]),
        ("ix_mentions_limited", ["platform", "first_seen_at"]),
    ):
        op.create_index(name, "mentions", columns, unique=False, sqlite_where=LIMITED, postgresql_where=LIMITED)


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("mention_id", Id, nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("released_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["mention_id"], ["mentions.id"], name="fk_holds_mention_id"),
        sa.PrimaryKeyConstraint("id", name="pk_holds"),
    )
    op.create_index("ix_holds_mention_id", "holds", ["mention_id"], unique=False)
    op.create_index(
        "uq_holds_active",
        "holds",
        ["mention_id"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )


def upgrade() -> None:
    op.add_column("sources", sa.Column("warnings", sa.Text(), server_default="[]", nullable=False))
    _rechecks()
    _checked()
    _holds()


def downgrade() -> None:
    op.drop_table("holds")
    op.drop_table("rechecks")
    op.drop_index("ix_mentions_limited", "mentions")
    op.drop_index("ix_mentions_checked", "mentions")
    op.drop_column("mentions", "checked_at")
    op.drop_column("sources", "warnings")
