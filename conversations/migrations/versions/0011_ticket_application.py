"""Which application of the signed-in guardian a ticket is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("tickets", sa.Column("application_id", sa.String(200), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.drop_column("tickets", "application_id")
