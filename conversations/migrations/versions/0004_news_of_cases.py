"""News of families' applications: announced changes, what was told, who waits, used nonces; a sign-in ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "case_changes",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("guardian", sa.String(200), nullable=False),
        sa.Column("city", sa.String(20), nullable=False),
        sa.Column("application_id", sa.String(200), nullable=False),
        sa.Column("state", sa.String(200), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("told_at", _TIME, nullable=True),
    )
    op.add_column("conversations", sa.Column("signed_in_until", _TIME, nullable=True))
    op.create_index("ix_conversations_guardian", "conversations", ["guardian"])
    op.create_index("ix_case_changes_told_at", "case_changes", ["told_at"])
    op.create_table(
        "announcements",
        sa.Column("conversation_id", sa.String(36), sa.ForeignKey("conversations.id"), primary_key=True),
        sa.Column("key", sa.String(60), primary_key=True),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_table(
        "case_waits",
        sa.Column("conversation_id", sa.String(36), sa.ForeignKey("conversations.id"), primary_key=True),
        sa.Column("since", _TIME, nullable=False),
    )
    op.create_table(
        "webhook_nonces",
        sa.Column("nonce", sa.String(64), primary_key=True),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_index("ix_webhook_nonces_at", "webhook_nonces", ["at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_conversations_guardian", "conversations")
    with op.batch_alter_table("conversations") as conversations:
        conversations.drop_column("signed_in_until")
    for table in ("webhook_nonces", "case_waits", "announcements", "case_changes"):
        op.drop_table(table)
