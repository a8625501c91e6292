"""The migrations lead from an empty database to exactly the tables of the code."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from conversations.migrate import alembic_config, migrate
from conversations.storage import ConversationStore
from conversations.tables import Base
from core.scope import Scope

TABLES = set(Base.metadata.tables)


def test_migrated_database_has_the_tables_of_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "conversations_version", "compare_type": True}
        )
        assert compare_metadata(context, Base.metadata) == []
    assert set(inspect(engine).get_table_names()) >= TABLES


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    conversation, _ = ConversationStore(engine).create(Scope(), [])
    migrate(engine)
    assert ConversationStore(engine).get(conversation.id) == conversation


def test_database_is_at_the_one_head(engine: Engine) -> None:
    heads = ScriptDirectory.from_config(alembic_config(None)).get_heads()
    with engine.connect() as connection:
        versions = connection.execute(text("SELECT version_num FROM conversations_version")).scalars().all()
    assert list(versions) == heads
    assert len(heads) == 1


def test_way_down_and_up_again(engine: Engine) -> None:
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert set(inspect(engine).get_table_names()) & TABLES == set()
    migrate(engine)
    assert set(inspect(engine).get_table_names()) >= TABLES
