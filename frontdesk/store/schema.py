"""Which version of the schema this code needs, and bringing a database there."""

from importlib.resources import as_file, files

import asyncpg

from frontdesk.store.connection import Queries

# The newest migration in migrations/versions; a test compares the two. Numbers only grow, so a process can
# tell that a newer version has migrated already, and goes on serving.
REVISION = "0002"

# Any constant will do, as long as all versions of Frontdesk use the same.
_LOCK = 0x66726F6E74


async def is_ready(db: Queries) -> bool:
    """Whether the schema is at least at REVISION. Raises Unavailable, also if there is no schema yet."""
    found = await db.fetchval("SELECT version_num FROM alembic_version")
    return found is not None and found >= REVISION


async def revision(url: str) -> str | None:
    """The revision of the database at `url`, None if it has none."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return str(await connection.fetchval("SELECT version_num FROM alembic_version"))
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()


def migrate(url: str) -> tuple[str | None, str]:
    """Bring the database at `url` to REVISION; the revisions before and after.

    Under an advisory lock: started twice at once, the second waits and finds nothing left to do. A database
    that is ahead is left alone. Raises SQLAlchemy's errors.
    """
    # Imported here: half a second and 30 MB that no server process needs.
    from alembic import command
    from alembic.config import Config

    with as_file(files("frontdesk.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["url"] = url
        config.attributes["lock"] = _LOCK
        command.upgrade(config, "head")
        return config.attributes["before"], config.attributes["after"]
