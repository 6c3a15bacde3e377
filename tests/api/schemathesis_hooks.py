"""A session for each request that needs one: some of the calls end it, change its password or its account."""

import os
import secrets
from typing import Any

import httpx
import schemathesis

_PASSWORD = "nine wet herons in a row"
_URL = os.environ["SCHEMATHESIS_TARGET"]
_http = httpx.Client(base_url=_URL, timeout=30)


@schemathesis.auth(refresh_interval=None)
class Somebody:
    token = "none"

    def get(self, case: Any, context: Any) -> str:
        answer = _http.get("/api/v1/verify", headers={"Authorization": f"Bearer {Somebody.token}"})
        if answer.status_code != 204:
            Somebody.token = _enter()
        return Somebody.token

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


def _enter() -> str:
    name = "user" + secrets.token_hex(6)
    fields = {"email": f"{name}@example.org", "username": name, "name": "Some One", "password": _PASSWORD}
    answer = _http.post("/api/v1/accounts", json=fields)
    assert answer.status_code == 201, answer.text
    answer = _http.post("/api/v1/sessions", json={"login": name, "password": _PASSWORD})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])
