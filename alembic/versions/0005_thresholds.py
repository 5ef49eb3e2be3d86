"""How far mentions and incidents reach; what speaks against a group among what is counted, and how far it is counted."""

import sqlalchemy as sa

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counted",
        sa.Column("rule", sa.String(length=220), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("goal", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rule", name="pk_counted"),
    )
    op.add_column("tallies", sa.Column("bad", sa.Float(), server_default="0", nullable=False))
    op.add_column("matches", sa.Column("reach", sa.Integer(), server_default="0", nullable=False))
    op.add_column("incidents", sa.Column("reach", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("incidents", "reach")
    op.drop_column("matches", "reach")
    op.drop_column("tallies", "bad")
    op.drop_table("counted")
