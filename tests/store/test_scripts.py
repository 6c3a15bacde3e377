"""deploy/postgres/*.sh in a PostgreSQL that isn't in a container."""

import asyncio
import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from frontdesk import local
from frontdesk.store import schema
from tests.databases import execute, programs
from tests.waiting import until

_SCRIPTS = Path(__file__).parents[2] / "deploy" / "postgres"


@pytest.mark.parametrize(
    ("who", "role"), [("postgres", ""), ("boss", ""), ("postgres", "frontdesk_0123abcd")]
)
def test_who_may_make_roles_can_make_ours(tmp_path: Path, who: str, role: str) -> None:
    if role:
        # As after a change of passwords, which brings another role.
        (tmp_path / "role").write_text(f"{role}\n")
    for whose in ("migrate", "service"):
        (tmp_path / whose).write_text(f"{whose} password")
    with local.postgres(tmp_path / "data", fsync="off") as url:
        asyncio.run(execute(url, "CREATE ROLE boss LOGIN CREATEROLE CREATEDB"))
        environ = _environ(url) | {
            "PGUSER": who,
            "MIGRATE_PASSWORD_FILE": str(tmp_path / "migrate"),
            "SERVICE_PASSWORD_FILE": str(tmp_path / "service"),
            "SERVICE_ROLE_FILE": str(tmp_path / "role"),
        }
        ran = subprocess.run(
            ["bash", _SCRIPTS / "10-roles.sh"], env=environ, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        place = f"@/frontdesk?host={environ['PGHOST']}&port=5432&sslmode=disable"
        schema.migrate(f"postgresql://frontdesk_migrate:migrate%20password{place}")
        service = f"postgresql://{role or 'frontdesk'}:service%20password{place}"
        asyncio.run(execute(service, "DELETE FROM accounts"))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            asyncio.run(execute(service, "CREATE TABLE mine ()"))


def test_what_is_written_during_a_backup_is_kept_until_its_end(tmp_path: Path) -> None:
    settings = {"fsync": "off", "wal_level": "replica", "max_wal_senders": "4"}
    # The wheel's can't compress.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pg_basebackup").write_text(
        f'#!/bin/bash\nexec {programs()}/pg_basebackup "${{@/#--compress=*/--compress=none}}"\n'
    )
    (tmp_path / "bin" / "pg_basebackup").chmod(0o755)
    with local.postgres(tmp_path / "data", **settings) as url:
        environ = _environ(url)
        environ["PATH"] = f"{tmp_path / 'bin'}:{environ['PATH']}"
        backup = ["bash", str(_SCRIPTS / "backup.sh")]
        with subprocess.Popen(backup, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            # It's under way, and stays so: a pipe that nobody reads is soon full.
            assert process.stdout.read(1)
            assert asyncio.run(_slots(url)) == ["frontdesk_backup"]
            second = subprocess.run(backup, env=environ, capture_output=True, text=True, check=False)
            assert second.returncode == 1
            assert "another one is being made" in second.stderr
            rest, said = process.communicate()
        assert process.returncode == 0, said
        assert b"backup_manifest" in rest

        async def gone() -> bool:
            return not await _slots(url)

        asyncio.run(until(gone))


def _environ(url: str) -> dict[str, str]:
    """Where the server is, for programs of PostgreSQL that are found without a path."""
    host = parse_qs(urlsplit(url).query)["host"][0]
    return {"PATH": f"{programs()}:{os.environ['PATH']}", "PGHOST": host}


async def _slots(url: str) -> list[str]:
    db = await asyncpg.connect(url)
    try:
        return [row[0] for row in await db.fetch("SELECT slot_name FROM pg_replication_slots")]
    finally:
        await db.close()
