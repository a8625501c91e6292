"""Incidents: one failure that many parents report, its texts, and which tickets belong to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("city", sa.String(20), nullable=False),
        sa.Column("district", sa.String(60), nullable=True),
        sa.Column("topic", sa.String(40), nullable=False),
        sa.Column("entry", sa.String(10), nullable=True),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("closed_at", _TIME, nullable=True),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("open_for", sa.String(200), nullable=True, unique=True),
    )
    op.create_index("ix_incidents_state", "incidents", ["state"])
    op.create_table(
        "incident_texts",
        sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("actor_name", sa.String(60), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_table(
        "incident_tickets",
        sa.Column("ticket_id", sa.String(36), sa.ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
    )
    op.create_index("ix_incident_tickets_incident_id", "incident_tickets", ["incident_id"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("incident_tickets")
    op.drop_table("incident_texts")
    op.drop_table("incidents")
