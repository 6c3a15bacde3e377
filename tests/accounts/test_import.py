"""Importing people: who comes in, who doesn't, and what is told of them."""

import asyncio
import gzip
import json
import re
from base64 import b64encode
from hashlib import pbkdf2_hmac
from typing import Any
from uuid import UUID, uuid4

import argon2
import asyncpg
import bcrypt
import pytest

from frontdesk.accounts.checking import NO_PASSWORD
from frontdesk.accounts.indexing import index_person
from frontdesk.accounts.login import log_in
from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.pace import Pace
from frontdesk.accounts.search import search
from frontdesk.accounts.service import Service
from frontdesk.errors import OperatorError, WrongCredentials
from tests import cast
from tests.accounts.arrivals import ALONE, bring_in, counts, crowd, everybody, index_of, ndjson, somebody

pytestmark = pytest.mark.anyio

PASSWORD = "eight grey gulls on a wall"
_SHORT = Pace(rows=100, processes=1, lanes=1, stretch=7, rest=0.1)
_KEY = b64encode(pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt of ages", 1000)).decode()
_KEYCLOAK = {
    "secretData": {"value": _KEY, "salt": b64encode(b"salt of ages").decode()},
    "credentialData": {"algorithm": "pbkdf2-sha256", "hashIterations": 1000},
}


@pytest.mark.parametrize(
    "password_hash",
    [
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        f"pbkdf2_sha256$1000$salt of ages${_KEY}",
        argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD),
        _KEYCLOAK,
        json.dumps(_KEYCLOAK),
    ],
    ids=["bcrypt", "Django", "argon2", "Keycloak, as JSON", "Keycloak, as text"],
)
async def test_an_imported_person_logs_in_with_the_old_password(service: Service, password_hash: Any) -> None:
    await bring_in(service.db, ndjson(somebody(1, password_hash=password_hash)))
    login = await log_in(service, login="user1", password=PASSWORD, client=cast.HERE)
    assert login.account.email == "n1@example.org"


async def test_without_a_hash_nobody_logs_in_and_it_takes_as_long_as_a_wrong_password(
    service: Service,
) -> None:
    await bring_in(service.db, ndjson(somebody(1)))
    with pytest.raises(WrongCredentials):
        await log_in(service, login="user1", password=NO_PASSWORD, client=cast.HERE)
    assert not (await service.hasher.verify(NO_PASSWORD, "")).ok
    ours = await service.hasher.hash(PASSWORD)
    assert argon2.extract_parameters(NO_PASSWORD) == argon2.extract_parameters(ours)


async def test_everything_that_a_row_says_is_kept(service: Service, db: asyncpg.Connection) -> None:
    known = "0198c0de-0000-7000-8000-00000000beef"
    row = somebody(
        1,
        id=known,
        language="zh-Hans",
        discoverable=False,
        administrator=True,
        disabled="2025-01-02T03:04:05Z",
        created_at="2024-05-06T07:08:09.123456+02:00",
    )
    await bring_in(service.db, ndjson(row))
    [account] = await everybody(db)
    assert account["id"] == UUID(known)
    assert account["language"] == "zh-Hans"
    assert not account["discoverable"]
    assert account["administrator"]
    assert account["disabled_at"].isoformat() == "2025-01-02T03:04:05+00:00"
    assert account["created_at"].isoformat() == "2024-05-06T05:08:09.123456+00:00"


async def test_a_time_may_be_in_milliseconds_as_keycloak_and_firebase_count(
    service: Service, db: asyncpg.Connection
) -> None:
    await bring_in(
        service.db, ndjson(somebody(1, created_at=1714979289123), somebody(2, created_at="1714979289123"))
    )
    times = {account["created_at"].isoformat() for account in await everybody(db)}
    assert times == {"2024-05-06T07:08:09.123000+00:00"}


async def test_imported_people_are_found_at_once(service: Service) -> None:
    await bring_in(service.db, ndjson(*crowd(8)))
    for text, username in (("berg", "user1"), ("ww", "user2"), ("wangwei", "user2"), ("petrova", "user4")):
        found = await search(Lookups(service.db), text, limit=5)
        assert [person.username for person in found.people] == [username]


async def test_hidden_and_disabled_people_are_not_found(service: Service, db: asyncpg.Connection) -> None:
    await bring_in(service.db, ndjson(somebody(1, discoverable="no"), somebody(9, disabled="true")))
    assert len(await everybody(db)) == 2
    assert (await search(Lookups(service.db), "berg", limit=5)).people == ()
    assert await index_of(db) == [[], [], []]


@pytest.mark.parametrize("pace", [ALONE, _SHORT], ids=["at once", "in stretches"])
@pytest.mark.parametrize("there", [0, 1], ids=["into an empty directory", "with half of them there"])
async def test_the_index_is_the_same_as_if_each_had_registered(
    service: Service, db: asyncpg.Connection, there: int, pace: Pace
) -> None:
    rows = [{**row, "id": str(uuid4())} for row in crowd(300)]
    if there:
        await bring_in(service.db, ndjson(*rows[::2]))
    tally, _ = await bring_in(service.db, ndjson(*rows), pace)
    assert counts(tally) == ((150, 150, 0) if there else (300, 0, 0))
    imported = await index_of(db)
    await db.execute("TRUNCATE people_keys, people_words, people_near")
    async with service.db.transaction() as transaction:
        for row in await everybody(db):
            await index_person(transaction, row["id"], row["username"], row["name"])
    assert imported == await index_of(db)


async def test_who_is_there_already_is_counted_and_left_alone(
    service: Service, db: asyncpg.Connection
) -> None:
    await bring_in(service.db, ndjson(*crowd(3)))
    before = await everybody(db)
    again = ndjson(*({**row, "email": row["email"].upper(), "name": "Someone Else"} for row in crowd(3)))
    tally, rejected = await bring_in(service.db, again)
    assert counts(tally) == (0, 3, 0)
    assert rejected == []
    assert await everybody(db) == before


async def test_the_same_person_twice_in_a_file_comes_in_once(
    service: Service, db: asyncpg.Connection
) -> None:
    tally, _ = await bring_in(service.db, ndjson(*crowd(3), *crowd(3)))
    assert counts(tally) == (3, 3, 0)
    assert len(await everybody(db)) == 3


async def test_who_clashes_with_somebody_else_is_rejected(
    service: Service, alice: cast.Actor, bob: cast.Actor, db: asyncpg.Connection
) -> None:
    rows = (
        somebody(1, email="Alice@example.org"),
        somebody(2, username="аlice"),
        somebody(3, email="alice@example.org", username="bob"),
        somebody(4, id=str(alice.account.id)),
        somebody(5, email="bob@example.org", username="bob"),
        somebody(6),
    )
    tally, rejected = await bring_in(service.db, ndjson(*rows))
    assert counts(tally) == (1, 1, 4)
    assert [(row.line, [fault.code for fault in row.faults]) for row in rejected] == [
        (1, ["email_taken"]),
        (2, ["username_taken"]),
        (3, ["email_taken", "username_taken"]),
        (4, ["id_taken"]),
    ]
    assert {account["username"] for account in await everybody(db)} == {"alice", "bob", "user6"}


async def test_a_row_that_clashes_is_rejected_with_all_it_has_but_its_hash(
    service: Service, alice: cast.Actor, db: asyncpg.Connection
) -> None:
    row = somebody(1, email="alice@example.org") | {
        "id": "0190aaaa-0000-7000-8000-000000000001",
        "disabled": "2024-05-06T07:08:09Z",
        "email_verified": "2021-01-01T00:00:00Z",
        "created_at": "2020-01-01T00:00:00Z",
        "language": "en",
        "password_hash": "$2b$04$kDgYK1yfVEOV.kuQGgYdfehMLlLPBTFMBUO4dsrWCPPSvydPAZqqu",
    }
    _, (rejected,) = await bring_in(service.db, ndjson(row))
    mended = json.loads(json.dumps(rejected.row)) | {"email": "user1@example.org"}
    assert "password_hash" not in mended
    # Mended and imported, nobody is let in who was shut out.
    tally, _ = await bring_in(service.db, ndjson(mended))
    assert counts(tally) == (1, 0, 0)
    (account,) = [each for each in await everybody(db) if each["email"] == "user1@example.org"]
    assert str(account["id"]) == row["id"]
    assert account["disabled_at"].isoformat() == "2024-05-06T07:08:09+00:00"
    assert account["email_verified_at"].isoformat() == "2021-01-01T00:00:00+00:00"
    assert account["created_at"].isoformat() == "2020-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        (somebody(1, password_hash="pbkdf2_sha256$1000$a\0b$eHh4eHh4eHg="), "password_hash", "hash_refused"),
        (somebody(1, email="nobody"), "email", "email_invalid"),
        (somebody(1, email=None), "email", "missing"),
        (somebody(1, email=["a@example.org"]), "email", "invalid"),
        (somebody(1, username="a b"), "username", "username_invalid"),
        (somebody(1, username="x" * 41), "username", "username_too_long"),
        (somebody(1, username="r00t"), "username", "username_reserved"),
        (somebody(1, name="\u202e"), "name", "name_invalid"),
        (somebody(1, name="a\0b"), "name", "name_invalid"),
        (somebody(1, name=" "), "name", "name_missing"),
        (somebody(1, password_hash="secret"), "password_hash", "hash_refused"),
        (somebody(1, password_hash="$2b$31$" + "a" * 53), "password_hash", "hash_refused"),
        (somebody(1, password_hash={"secretData": 1}), "password_hash", "hash_refused"),
        (somebody(1, language="tlh"), "language", "language_unknown"),
        (somebody(1, discoverable="perhaps"), "discoverable", "invalid"),
        (somebody(1, administrator=2), "administrator", "invalid"),
        (somebody(1, disabled="soon"), "disabled", "invalid"),
        (somebody(1, created_at="6 May"), "created_at", "invalid"),
        (somebody(1, created_at=1714979289), "created_at", "invalid"),
        (somebody(1, created_at="9999-12-31T00:00:00Z"), "created_at", "invalid"),
        (somebody(1, created_at=10**40), "created_at", "invalid"),
        (somebody(1, id="42"), "id", "invalid"),
        (somebody(1, password="secret"), "", "unreadable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_bad_row_is_rejected_and_the_rest_comes_in(
    service: Service, row: dict[str, Any], field: str, code: str
) -> None:
    tally, [rejected] = await bring_in(service.db, ndjson(somebody(2), row, somebody(3)))
    assert counts(tally) == (2, 0, 1)
    assert rejected.line == 2
    assert [(fault.field, fault.code) for fault in rejected.faults] == [(field, code)]
    assert "password_hash" not in rejected.row


async def test_an_administrator_may_have_a_reserved_name(service: Service) -> None:
    tally, _ = await bring_in(service.db, ndjson(somebody(1, username="admin", administrator=True)))
    assert counts(tally) == (1, 0, 0)


async def test_all_that_is_wrong_with_a_row_is_told_at_once(service: Service) -> None:
    row = {"email": "x", "username": "?", "name": "", "password_hash": "md5", "language": "xx"}
    _, [rejected] = await bring_in(service.db, ndjson(row))
    fields = sorted(fault.field for fault in rejected.faults)
    assert fields == ["email", "language", "name", "password_hash", "username"]


@pytest.mark.parametrize(
    "pace",
    [ALONE, _SHORT, Pace(rows=100, processes=2, lanes=2)],
    ids=["alone", "in stretches", "in processes"],
)
async def test_every_row_is_accounted_for(service: Service, db: asyncpg.Connection, pace: Pace) -> None:
    rows = [*crowd(700), *(somebody(n, name="") for n in range(700, 800)), *crowd(50)]
    tally, rejected = await bring_in(service.db, ndjson(*rows), pace)
    assert counts(tally) == (700, 50, 100)
    assert [row.line for row in rejected] == list(range(701, 801))
    assert len(await everybody(db)) == 700


async def test_two_imports_of_the_same_people_at_once_bring_in_each_once(
    service: Service, db: asyncpg.Connection
) -> None:
    pace = Pace(rows=50, processes=0, lanes=2)
    forth, back = list(crowd(400)), list(crowd(400))[::-1]
    first, second = await asyncio.gather(
        bring_in(service.db, ndjson(*forth), pace), bring_in(service.db, ndjson(*back), pace)
    )
    assert first[0].added + second[0].added == 400
    assert first[0].there + second[0].there == 400
    assert len(await everybody(db)) == 400


async def test_a_file_that_is_damaged_brings_in_what_is_before_the_damage(
    service: Service, db: asyncpg.Connection
) -> None:
    archive = gzip.compress(ndjson(*crowd(5000)))
    pace = Pace(rows=100, processes=2, lanes=2)
    with pytest.raises(OperatorError, match="can't be read after line") as told:
        await bring_in(service.db, archive[: len(archive) // 2], pace)
    line = int(re.findall(r"line ([0-9,]+)", str(told.value))[0].replace(",", ""))
    assert 0 < line < 5000
    assert len(await everybody(db)) == line
