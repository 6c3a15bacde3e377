"""docs/import.md tells the truth: its examples are run, its tables compared."""

import asyncio
import io
import json
import re
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from frontdesk.accounts.rows import COLUMNS, REQUIRED
from frontdesk.accounts.service import Service
from tests.accounts.arrivals import bring_in, counts, everybody

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
_SALT = b64encode(b"a salt of ages..").decode()
_HASH = b64encode(bytes(range(32))).decode()


def example(title: str) -> str:
    """The code in the section with that title."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)[0]


def test_every_column_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (yes|) ?\|", PAGE, re.MULTILINE)
    assert {column for column, _ in rows} == set(COLUMNS)
    assert {column for column, needed in rows if needed} == set(REQUIRED)


async def test_people_come_from_django(service: Service, db: asyncpg.Connection) -> None:
    await db.execute(
        """
        CREATE TABLE auth_user (email text, username text, first_name text, last_name text, password text,
                                is_superuser boolean, is_active boolean,
                                date_joined timestamptz DEFAULT now());
        INSERT INTO auth_user VALUES
            ('a@example.org', 'ann', 'Ann', 'Archer', 'pbkdf2_sha256$1000$salt$' || $hash$HASH$hash$, true, true),
            ('b@example.org', 'ben', 'Ben', '', 'bcrypt$$2b$12$' || repeat('a', 53), false, false),
            ('c@example.org', 'carl', '', 'Carl', 'argon2$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$c2FsdA', false, true),
            ('d@example.org', 'dora', 'Dora', 'Doe', '!unusable', false, true)
        """.replace("HASH", _HASH)
    )
    written = io.BytesIO()
    await db.copy_from_query(example("From Django"), output=written, format="csv", header=True)
    tally, rejected = await bring_in(service.db, written.getvalue())
    assert rejected == []
    assert counts(tally) == (4, 0, 0)
    found = {account["username"]: account for account in await everybody(db)}
    assert [found[username]["name"] for username in ("ann", "ben", "carl")] == ["Ann Archer", "Ben", "Carl"]
    assert found["ben"]["password_hash"].startswith("$2b$12$a")
    assert found["carl"]["password_hash"].startswith("$argon2id$v=19$m=64")
    assert (found["ann"]["administrator"], found["ben"]["disabled_at"] is None) == (True, False)


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
@pytest.mark.parametrize(
    ("title", "name", "users"),
    [
        (
            "From Keycloak",
            "realm.json",
            [
                {
                    "id": "0b9fb3ac-2f5e-4d6c-9a39-1c2a0c6f0b11",
                    "createdTimestamp": 1714979289123,
                    "username": "ann",
                    "enabled": True,
                    "email": "ann@example.org",
                    "firstName": "Ann",
                    "lastName": "Archer",
                    "credentials": [
                        {"type": "otp", "secretData": "{}", "credentialData": "{}"},
                        {
                            "type": "password",
                            "secretData": json.dumps({"value": _HASH, "salt": _SALT}),
                            "credentialData": json.dumps({"hashIterations": 5, "algorithm": "pbkdf2-sha512"}),
                        },
                    ],
                },
                {"username": "ben", "enabled": False, "email": "ben@example.org", "firstName": "Ben"},
            ],
        ),
        (
            "From Firebase",
            "users.json",
            [
                {
                    "localId": "Zx81Qd64",
                    "email": "ann@example.org",
                    "displayName": "Ann Archer",
                    "createdAt": "1714979289123",
                    "disabled": False,
                    "passwordHash": _HASH,
                    "salt": _SALT,
                },
                {
                    "localId": "Cpc464",
                    "email": "ben.b@example.org",
                    "createdAt": "1714979289123",
                    "disabled": True,
                },
            ],
        ),
    ],
)
async def test_people_come_from_keycloak_and_firebase(
    service: Service,
    db: asyncpg.Connection,
    tmp_path: Path,
    title: str,
    name: str,
    users: list[dict[str, Any]],
) -> None:
    (tmp_path / name).write_text(json.dumps({"users": users}))
    environ = {"SIGNER_KEY": _HASH, "SALT_SEPARATOR": "Bw==", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    await asyncio.to_thread(
        subprocess.run, ["sh", "-ec", example(title)], cwd=tmp_path, env=environ, check=True
    )
    tally, rejected = await bring_in(service.db, (tmp_path / "people.ndjson").read_bytes())
    assert rejected == []
    assert counts(tally) == (2, 0, 0)
    ann, ben = sorted(await everybody(db), key=lambda account: account["email"])
    assert ann["name"] == "Ann Archer"
    assert ann["disabled_at"] is None
    assert ben["disabled_at"] is not None
    assert ann["created_at"].isoformat() == "2024-05-06T07:08:09.123000+00:00"
