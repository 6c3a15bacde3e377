"""Requests of bytes, and what has to come back."""

from typing import Any

import httpx

from tests.wire import Answer

BODY_TIMEOUT = 1.0
MAX_BODY = 65_536


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refused(answer: httpx.Response | Answer, status: int, code: str) -> dict[str, Any]:
    found = answer.status if isinstance(answer, Answer) else answer.status_code
    problem = answer.json()
    assert (found, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    return problem  # type: ignore[no-any-return]


def post(path: str, body: bytes, *headers: bytes) -> bytes:
    lines = (b"POST %s HTTP/1.1" % path.encode(), b"Host: x", b"Content-Type: application/json", *headers)
    return b"\r\n".join((*lines, b"Content-Length: %d" % len(body), b"", body))


def head(*lines: bytes) -> bytes:
    return b"\r\n".join((*lines, b"", b""))
