"""What we asked a platform to take down, and what it answered; the clock of a device report, and reminders of clocks."""

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removals",
        sa.Column("mention_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("answer", sa.String(length=16), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["mention_id"], ["mentions.id"], name="fk_removals_mention_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mention_id", name="pk_removals"),
    )
    op.add_column("incidents", sa.Column("report_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("incidents", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("incidents", "reminded_at")
    op.drop_column("incidents", "report_due_at")
    op.drop_table("removals")
