"""Counts by hour, for rules on a surge; our own posts by source and time, for their profile."""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("rule", sa.String(length=220), nullable=False),
        sa.Column("group_name", sa.String(length=400), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("mentions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "group_name", "hour", "source", name="pk_tallies"),
    )
    op.create_index(
        "ix_mentions_ours",
        "mentions",
        ["source", "first_seen_at"],
        unique=False,
        sqlite_where=sa.text("ours"),
        postgresql_where=sa.text("ours"),
    )


def downgrade() -> None:
    op.drop_index("ix_mentions_ours", table_name="mentions")
    op.drop_table("tallies")
