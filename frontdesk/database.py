"""The database that a command means: FRONTDESK_DATABASE_URL's, or that of a `frontdesk up`."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from frontdesk import sigterm
from frontdesk.errors import InvalidSettings
from frontdesk.settings import Settings, load

DATA = Path(".frontdesk")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    help=f"Folder of `frontdesk up`; {DATA} where FRONTDESK_DATABASE_URL isn't set.",
)


@contextlib.contextmanager
def meant(data: Path | None) -> Iterator[Settings]:
    """Settings with the database that is meant: that of the folder that was named, of the variable, or of .frontdesk;
    a running `up`'s or a stopped one's."""
    from frontdesk import local

    found = load(os.environ)
    if found.database_url and data is None:
        yield found
        return
    data = data or DATA
    if url := local.running(data):
        yield msgspec.structs.replace(found, database_url=url)
    elif local.exists(data):
        with local.postgres(data) as url:
            settings = msgspec.structs.replace(found, database_url=url)
            migrate(settings)
            yield settings
    else:
        raise InvalidSettings(
            f"FRONTDESK_DATABASE_URL isn't set, and there's no `frontdesk up` in {data}",
            "Set the variable, or start `frontdesk up` first.",
        )


def migrate(settings: Settings) -> tuple[str | None, str]:
    """Bring the schema to this version; what it was before, and is now."""
    from frontdesk.store import connection, schema

    sigterm.run(connection.check(settings.database_url, wait=settings.database_wait))
    # Nearly always there's nothing to do, and finding that out needs no Alembic.
    if sigterm.run(schema.revision(settings.database_url)) == schema.REVISION:
        return schema.REVISION, schema.REVISION
    return schema.migrate(settings.database_url)
