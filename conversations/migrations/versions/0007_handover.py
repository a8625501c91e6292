"""Who owns a conversation, by a fence that grows; each change of owner; keys of staff messages; news kept meanwhile."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.add_column("conversations", sa.Column("owner_staff", sa.String(80), nullable=True))
    op.add_column("conversations", sa.Column("owner_role", sa.String(20), nullable=True))
    op.add_column("conversations", sa.Column("owned_since", _TIME, nullable=True))
    op.add_column("conversations", sa.Column("fence", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("turns", sa.Column("fence", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "handovers",
        sa.Column("conversation_id", sa.String(36), sa.ForeignKey("conversations.id"), primary_key=True),
        sa.Column("fence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("owner", sa.String(10), nullable=False),
        sa.Column("staff", sa.String(80), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_table(
        "staff_message_keys",
        sa.Column("conversation_id", sa.String(36), sa.ForeignKey("conversations.id"), primary_key=True),
        sa.Column("fence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("seq", sa.Integer(), nullable=False),
    )
    op.create_table(
        "kept_news",
        sa.Column("conversation_id", sa.String(36), sa.ForeignKey("conversations.id"), primary_key=True),
        sa.Column("application_id", sa.String(200), primary_key=True),
        sa.Column("key", sa.String(60), nullable=False),
        sa.Column("kept_at", _TIME, nullable=False),
    )


def downgrade() -> None:
    """Undo."""
    for table in ("kept_news", "staff_message_keys", "handovers"):
        op.drop_table(table)
    with op.batch_alter_table("turns") as turns:
        turns.drop_column("fence")
    with op.batch_alter_table("conversations") as conversations:
        for column in ("fence", "owned_since", "owner_role", "owner_staff"):
            conversations.drop_column(column)
