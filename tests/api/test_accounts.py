"""POST /accounts"""

import asyncio
import json

import asyncpg
import httpx
import pytest

from tests.answers import faults, refused
from tests.api.conftest import Talk
from tests.cast import ALICE, BOB, Actor

URL = "/api/v1/accounts"


async def test_registering_answers_with_the_account(http: httpx.AsyncClient) -> None:
    answer = await http.post(URL, json=ALICE.fields())
    assert answer.status_code == 201
    account = answer.json()
    assert account["id"]
    assert account["created_at"]
    assert {name: account[name] for name in ("email", "username", "name")} == {
        "email": "alice@example.org",
        "username": "alice",
        "name": "Alice Archer",
    }
    assert (account["language"], account["discoverable"], account["administrator"]) == (None, True, False)
    assert answer.headers["cache-control"] == "no-store"


async def test_the_answer_never_holds_the_password_or_its_hash(http: httpx.AsyncClient) -> None:
    answer = await http.post(URL, json=ALICE.fields())
    assert answer.status_code == 201
    assert ALICE.password not in answer.text
    assert "argon2" not in answer.text


async def test_the_password_is_kept_as_argon2id_with_the_parameters_of_owasp(
    http: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    assert (await http.post(URL, json=ALICE.fields())).status_code == 201
    stored = await db.fetchval("SELECT password_hash FROM accounts")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_nobody_becomes_an_administrator_by_asking(http: httpx.AsyncClient) -> None:
    answer = await http.post(URL, json=ALICE.fields() | {"administrator": True})
    assert faults(answer) == {("administrator", "unknown")}


@pytest.mark.parametrize("email", ["alice@example.org", "ALICE@EXAMPLE.ORG", "аlice@example.org"])
async def test_a_taken_address_is_taken_in_any_case_and_look(
    http: httpx.AsyncClient, alice: Actor, email: str
) -> None:
    answer = await http.post(URL, json=BOB.fields() | {"email": email})
    refused(answer, 409, "email_taken")


@pytest.mark.parametrize("username", ["alice", "ALICE", "alicе", "a1ice", "ａｌｉｃｅ"])
async def test_a_taken_username_is_taken_in_any_case_and_look(
    http: httpx.AsyncClient, alice: Actor, username: str
) -> None:
    answer = await http.post(URL, json=BOB.fields() | {"username": username})
    refused(answer, 409, "username_taken")


@pytest.mark.parametrize(
    ("change", "code"),
    [({"username": "a1ice"}, "username_taken"), ({"email": "ALICE@example.org"}, "email_taken")],
)
async def test_of_two_registrations_at_once_one_wins(
    http: httpx.AsyncClient, db: asyncpg.Connection, change: dict[str, str], code: str
) -> None:
    first = {**ALICE.fields(), "password": BOB.password}
    second = {**first, "email": "other@example.org", "username": "other", **change}
    if "email" in change:
        first["email"] = "alice@example.org"
    answers = await asyncio.gather(http.post(URL, json=first), http.post(URL, json=second))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused(next(answer for answer in answers if answer.status_code == 409), 409, code)
    assert await db.fetchval("SELECT count(*) FROM accounts") == 1


async def test_everything_wrong_is_named_at_once(http: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    answer = await http.post(
        URL,
        json={"email": "nobody", "username": "a b/c", "name": " ", "password": "short", "language": "tlh"},
    )
    assert faults(answer) == {
        ("email", "email_invalid"),
        ("username", "username_invalid"),
        ("name", "name_missing"),
        ("password", "password_too_short"),
        ("language", "language_unknown"),
    }
    assert await db.fetchval("SELECT count(*) FROM accounts") == 0


async def test_missing_fields_are_named(http: httpx.AsyncClient) -> None:
    for field in ALICE._fields:
        fields = ALICE.fields()
        del fields[field]
        assert faults(await http.post(URL, json=fields)) == {(field, "missing")}
    assert faults(await http.post(URL, json={})) == {(field, "missing") for field in ALICE._fields}


@pytest.mark.parametrize("field", ["email", "username", "name", "password", "language"])
async def test_a_field_of_the_wrong_type_is_named(http: httpx.AsyncClient, field: str) -> None:
    for value in (None, 7, 1.5, True, [], {}, ["alice"]):
        answer = await http.post(URL, json=ALICE.fields() | {field: value})
        assert faults(answer) == {(field, "wrong_type")}, value


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("fourteen chars", "password_too_short"),
        ("x9" * 200, "password_too_long"),
        ("password1234567", "password_common"),
        ("alice likes wet herons", "password_personal"),
        ("Archer's nine herons", "password_personal"),
        ("nine\x00herons in a row", "password_invalid"),
        ("nine\ud800herons in a row", "password_invalid"),
    ],
)
async def test_a_password_that_others_would_guess_is_refused(
    http: httpx.AsyncClient, password: str, code: str
) -> None:
    # httpx would refuse to send a lone surrogate; JSON can write it in ASCII.
    body = json.dumps(ALICE.fields() | {"password": password}).encode("ascii")
    answer = await http.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert faults(answer) == {("password", code)}


async def test_a_password_of_any_script_logs_in_however_it_is_composed(http: httpx.AsyncClient) -> None:
    composed, decomposed = "neun Möwen über dem Café 海鸥", "neun Mo\u0308wen u\u0308ber dem Cafe\u0301 海鸥"
    assert (await http.post(URL, json=ALICE.fields() | {"password": composed})).status_code == 201
    answer = await http.post("/api/v1/sessions", json={"login": "alice", "password": decomposed})
    assert answer.status_code == 201


async def test_the_new_account_is_found_at_once(http: httpx.AsyncClient, bob: Actor) -> None:
    assert (await http.post(URL, json=ALICE.fields())).status_code == 201
    answer = await http.get("/api/v1/people", params={"q": "alice arch"}, headers=bob.bearer)
    assert answer.status_code == 200
    assert answer.json()["people"] == [{"username": "alice", "name": "Alice Archer"}]


async def test_an_address_may_register_only_so_many(talk: Talk) -> None:
    here, elsewhere = talk(registrations_per_address=2), talk("198.51.100.9", registrations_per_address=2)
    for name in ("one", "two"):
        fields = ALICE.fields() | {"email": f"{name}@example.org", "username": f"user-{name}"}
        assert (await here.post(URL, json=fields)).status_code == 201
    answer = await here.post(URL, json=BOB.fields())
    refused(answer, 429, "throttled")
    assert int(answer.headers["retry-after"]) >= 1
    assert (await elsewhere.post(URL, json=BOB.fields())).status_code == 201
