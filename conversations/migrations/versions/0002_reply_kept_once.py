"""What was said is kept once, in `said`; a turn no longer repeats it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("turns") as turns:
        turns.drop_column("reply")


def downgrade() -> None:
    """Undo; replies are not copied back, since `said` holds them."""
    with op.batch_alter_table("turns") as turns:
        turns.add_column(sa.Column("reply", sa.JSON(), nullable=True))
