"""How Alembic reaches the database: over asyncpg, in one transaction, under an advisory lock."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


def upgrade(connection: Connection) -> None:
    config = context.config
    # A session's lock, not a transaction's: it has to outlive the commit.
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": config.attributes["lock"]})
    connection.commit()
    try:
        context.configure(connection=connection, target_metadata=None)
        before = context.get_context().get_current_revision()
        known = {script.revision for script in context.script.walk_revisions()}
        if before is None or before in known:
            with context.begin_transaction():
                # Every request for a table queues behind a migration that waits for it, and is given up after
                # FRONTDESK_DATABASE_TIMEOUT, so the migration gives up before; schema.py tries again.
                connection.execute(text("SET LOCAL lock_timeout = '2s'"))
                context.run_migrations()
        config.attributes["before"] = before
        config.attributes["after"] = context.get_context().get_current_revision()
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": config.attributes["lock"]})
        connection.commit()


async def run() -> None:
    # asyncpg reads the URL itself, so that it means the same here as when serving.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(context.config.attributes["url"]),
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


asyncio.run(run())
