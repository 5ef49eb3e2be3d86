"""Delivery: limits of what one recipient gets, recipients that do not exist, recovery that has to last."""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Moment = sa.DateTime(timezone=True)
WAITS = "sent_at IS NULL AND failed_at IS NULL"
ADMITTED = sa.text("admitted_at IS NOT NULL")
ADDED = ("level", "mentions", "admitted_at", "withheld", "told_in", "failing_since")


def _columns() -> None:
    # Rows without a level are those of before: no limit keeps them back.
    for column in (
        sa.Column("level", sa.String(length=16), nullable=True),
        sa.Column("mentions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("admitted_at", Moment, nullable=True),
        sa.Column("withheld", sa.String(length=16), nullable=True),
        sa.Column("told_in", sa.String(length=64), nullable=True),
        sa.Column("failing_since", Moment, nullable=True),
    ):
        op.add_column("notifications", column)


def _due(waits: str) -> None:
    where = sa.text(waits)
    op.create_index(
        "ix_notifications_due", "notifications", ["due_at"], unique=False, sqlite_where=where, postgresql_where=where
    )


def upgrade() -> None:
    op.add_column("incidents", sa.Column("calm_since", Moment, nullable=True))
    _columns()
    op.drop_index("ix_notifications_due", "notifications")
    _due(f"{WAITS} AND told_in IS NULL")
    op.create_index(
        "ix_notifications_admitted",
        "notifications",
        ["channel", "recipient", "admitted_at"],
        unique=False,
        sqlite_where=ADMITTED,
        postgresql_where=ADMITTED,
    )
    op.create_table(
        "refusals",
        sa.Column("inbox", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("inbox", "channel", "recipient", name="pk_refusals"),
    )


def downgrade() -> None:
    # What another message told of must not be sent by a version that knows nothing of that.
    op.execute("UPDATE notifications SET sent_at = created_at WHERE told_in IS NOT NULL AND sent_at IS NULL")
    op.drop_table("refusals")
    for name in ("ix_notifications_admitted", "ix_notifications_due"):
        op.drop_index(name, "notifications")
    _due(WAITS)
    for name in reversed(ADDED):
        op.drop_column("notifications", name)
    op.drop_column("incidents", "calm_since")
