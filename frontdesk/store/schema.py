"""Which version of the schema this code needs, and bringing a database there."""

import time
from importlib.resources import as_file, files

import asyncpg

from frontdesk.errors import OperatorError
from frontdesk.store.connection import Queries, explained, first_line

# The newest migration in migrations/versions; a test compares the two. Numbers only grow, so a process can
# tell that a newer version has migrated already, and goes on serving.
REVISION = "0008"

# Any constant will do, as long as all versions of Frontdesk use the same.
_LOCK = 0x66726F6E74

# A migration that can't have a table at once gives way (env.py) and tries again, so that it never holds up the
# requests that queue behind it for long.
_TRIES = 20
_PAUSE = 1.0


async def is_ready(db: Queries) -> bool:
    """Whether the schema is at least at REVISION. Raises Unavailable, also if there is no schema yet."""
    found = await db.fetchval("SELECT version_num FROM alembic_version")
    return found is not None and found >= REVISION


async def revision(url: str) -> str | None:
    """The revision of the database at `url`, None if it has none. Raises OperatorError."""
    with explained(url):
        connection = await asyncpg.connect(url, timeout=5)
        try:
            found = await connection.fetchval("SELECT version_num FROM alembic_version")
        except asyncpg.UndefinedTableError:
            return None
        finally:
            await connection.close()
        return None if found is None else str(found)


async def check(url: str) -> None:
    """Raise OperatorError if the database at `url` has an older schema than this code needs, or can't be asked."""
    found = await revision(url)
    if found is None or found < REVISION:
        raise OperatorError(
            f"the database's schema is {found or 'not there yet'}, and this needs {REVISION}",
            "Run `frontdesk migrate` first.",
        )


def migrate(url: str) -> tuple[str | None, str]:
    """Bring the database at `url` to REVISION; the revisions before and after.

    Under an advisory lock: started twice at once, the second waits and finds nothing left to do. A database
    that is ahead is left alone. Raises OperatorError; then nothing was changed.
    """
    # Imported here: half a second and 30 MB that no server process needs.
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.exc import DBAPIError

    with as_file(files("frontdesk.store") / "migrations") as folder:
        config = Config()
        # A percent sign begins a variable in Alembic's configuration.
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["url"] = url
        config.attributes["lock"] = _LOCK
        for tries_left in reversed(range(_TRIES)):
            try:
                with explained(url):
                    command.upgrade(config, "head")
                return config.attributes["before"], config.attributes["after"]
            except DBAPIError as error:
                cause = error.orig.__cause__ if error.orig else None
                if isinstance(cause, asyncpg.LockNotAvailableError) and tries_left:
                    time.sleep(_PAUSE)
                    continue
                raise _failed(cause or error) from error
    raise AssertionError("the last try returns or raises")


def _failed(cause: BaseException) -> OperatorError:
    what = f"the migration failed and changed nothing: {first_line(cause)}"
    match cause:
        case asyncpg.LockNotAvailableError():
            return OperatorError(
                what, "Something holds the tables for long: see pg_stat_activity, and try again."
            )
        case asyncpg.InsufficientPrivilegeError():
            return OperatorError(
                what, "The user in FRONTDESK_DATABASE_URL must own the schema: ALTER SCHEMA … OWNER TO."
            )
        case asyncpg.UndefinedFunctionError():
            return OperatorError(what, "Frontdesk needs PostgreSQL 18 or newer.")
        case _:
            return OperatorError(what, "See PostgreSQL's log, and try again.")
