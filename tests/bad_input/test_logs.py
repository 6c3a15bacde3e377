"""What a log may never hold, after normal and bad use."""

import asyncio
import json
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests import databases
from tests.cast import ALICE, BOB
from tests.serving import running
from tests.wire import ask


@pytest.fixture(autouse=True)
def _nothing_changes() -> None:
    """Here, things may change: this is normal use too."""


@pytest.mark.parametrize("level", ["info", "debug"])
def test_no_password_token_or_address_is_ever_logged(cluster: str, tmp_path: Path, level: str) -> None:
    with (
        databases.migrated(cluster) as url,
        running(
            tmp_path,
            "serve",
            FRONTDESK_DATABASE_URL=url,
            FRONTDESK_LOG_LEVEL=level,
            FRONTDESK_DRAIN_DELAY="0",
            FRONTDESK_HASH_DEADLINE="10",
        ) as server,
    ):
        secrets = use_well_and_badly(server.url)
        # A fault of ours, in the middle of it all: PostgreSQL's errors quote rows.
        with httpx.Client(base_url=server.url) as http:
            asyncio.run(databases.execute(url, "ALTER TABLE accounts ADD CHECK (email = '') NOT VALID"))
            answer = http.post(
                "/api/v1/accounts", json=BOB.fields() | {"email": "late@example.org", "username": "late"}
            )
            assert answer.status_code == 500
            assert answer.json()["code"] == "internal_error"
            assert "example.org" not in answer.text
        log = server.output()
    secrets |= {"late@example.org", "example.org", "@"}
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert sum(line["message"] == "request" for line in lines) > 20
    assert any(line["level"] == "error" for line in lines)
    for secret in secrets:
        for form in {secret, quote(secret), json.dumps(secret)[1:-1]}:
            assert form not in log


def use_well_and_badly(url: str) -> set[str]:
    """Do all that a log might tell; the texts that it mustn't."""
    secrets = {
        ALICE.password,
        BOB.password,
        ALICE.email,
        BOB.email,
        "another wet heron here",
        "wrong password",
    }
    with httpx.Client(base_url=url) as http:
        for someone in (ALICE, BOB, ALICE):
            http.post("/api/v1/accounts", json=someone.fields())
        answer = http.post("/api/v1/sessions", json={"login": ALICE.email, "password": ALICE.password})
        assert answer.status_code == 201
        token = answer.json()["token"]
        secrets.add(token)
        bearer = {"Authorization": f"Bearer {token}"}
        http.post("/api/v1/sessions", json={"login": ALICE.email, "password": "wrong password"})
        http.post("/api/v1/sessions", content=json.dumps({"login": ALICE.email, ALICE.password: 1}).encode())
        http.post("/api/v1/sessions", content=b'{"password": "wrong password", "login')
        for path in (
            "/api/v1/account",
            f"/api/v1/people?q={ALICE.email}",
            f"/api/v1/people/{ALICE.email}",
            f"/api/v1/sessions/{token}",
            f"/api/v1/{token}",
            f"/{ALICE.email}?token={token}&password={quote(ALICE.password)}",
            f"/api/v1/people?q=a&{token}={token}",
        ):
            for method in ("GET", "DELETE", "OPTIONS"):
                if (method, path) != ("DELETE", "/api/v1/account"):
                    http.request(method, path, headers=bearer | {"User-Agent": token, "Referer": ALICE.email})
        change = {"current_password": "wrong password", "password": "another wet heron here"}
        http.put("/api/v1/account/password", json=change, headers=bearer)
        http.put(
            "/api/v1/account/password", json=change | {"current_password": ALICE.password}, headers=bearer
        )
        form = {"login": ALICE.email, "password": "another wet heron here", "next": "/"}
        answer = http.post("/login", data=form)
        assert answer.status_code == 303
        secrets.add(next(iter(http.cookies.values())))
        http.get("/account")
        http.post("/login", data=form | {"password": "wrong password"})
        http.delete("/api/v1/account", headers=bearer)
    for rubbish in (
        b"%s HTTP/1.1\r\n\r\n" % token.encode(),
        b"GET / HTTP/1.1\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n" % (token.encode(), ALICE.email.encode()),
    ):
        assert ask(url, rubbish).status == 400
    return secrets
