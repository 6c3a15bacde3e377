"""What an answer of the API has to be, said once."""

from typing import Any

import httpx


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem (RFC 9457) in `answer`, which must have this status and code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """Field and code of everything that a 422 names."""
    problem = refused(answer, 422, "invalid_fields")
    assert all(error["detail"] for error in problem["errors"])
    return {(error["field"], error["code"]) for error in problem["errors"]}
