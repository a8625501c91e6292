"""The audit log, which the database itself keeps from being changed, and the links of its pseudonyms.

Two indexes by which a conversation is erased without reading whole tables.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ERASED = ("feedback", "token_uses")
_REFUSED = "rows of audit_log are never changed or deleted"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=24), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("city", sa.String(length=40), nullable=False),
        sa.Column("applications", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=True),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    end = op.create_table(
        "audit_end",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(end, [{"id": 1, "seq": 0, "hash": "", "mac": ""}])
    op.create_table(
        "pseudonyms",
        sa.Column("pseudonym", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("pseudonym"),
        sa.UniqueConstraint("value", "kind"),
    )
    op.create_table(
        "pseudonym_uses",
        sa.Column("pseudonym", sa.String(length=24), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pseudonym"], ["pseudonyms.pseudonym"]),
        sa.PrimaryKeyConstraint("pseudonym", "conversation_id"),
    )
    op.create_index("ix_pseudonym_uses_conversation_id", "pseudonym_uses", ["conversation_id"])
    for table in _ERASED:
        op.create_index(f"ix_{table}_conversation_id", table, ["conversation_id"])
    for statement in _guards(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Take back; the log is lost."""
    for table in _ERASED:
        op.drop_index(f"ix_{table}_conversation_id", table)
    for table in ("pseudonym_uses", "pseudonyms", "audit_end", "audit_log"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_refuses()")


def _guards(dialect: str) -> list[str]:
    """Return the statements that make the database refuse to change what is in the log."""
    if dialect == "postgresql":
        return [
            "CREATE FUNCTION audit_log_refuses() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$",
            "CREATE TRIGGER audit_log_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuses()",
        ]
    return [
        f"CREATE TRIGGER audit_log_refuses_{change.lower()} BEFORE {change} ON audit_log "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        for change in ("UPDATE", "DELETE")
    ]
