"""Bodies that nobody should send."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.bad_input.sending import MAX_BODY, head, refused
from tests.cast import ALICE, BOB
from tests.serving import Running
from tests.wire import ask

WRITES = [
    ("POST", "/api/v1/accounts"),
    ("POST", "/api/v1/sessions"),
    ("PATCH", "/api/v1/account"),
    ("PUT", "/api/v1/account/password"),
]
JSON = {"Content-Type": "application/json"}
DEEP = b'{"login":' + b"[" * 30_000 + b"]" * 30_000 + b"}"


NO_OBJECTS = [
    b"",
    b" ",
    b"{",
    b"[]",
    b"null",
    b"7",
    b'"text"',
    b"{}{}",
    b"{'name': 'x'}",
    b'{"name": "x",}',
    b'{"name": NaN}',
    b'{"name": -Infinity}',
    b'{"name": 01}',
    b'{"name": ' + b"9" * 10_000 + b"}",
    b'{"name": "line\nbreak"}',
    b'{"name": "x", "name": "x"}',
    b'{"name": "x", "n\\u0061me": "y"}',
    b'{"extra": {"a": 1, "a": 2}}',
    b'\xef\xbb\xbf{"name": "x"}',
    b'{"name": "\xff\xfe"}',
    b'{"name": "\xed\xa0\x80"}',
    b'{"name": "\xc0\xaf"}',
    '{"name": "x"}'.encode("utf-16"),
    b'{"name": "\x00"}',
    b'{"name": "\\ud8"}',
    DEEP,
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_what_is_no_json_object_is_refused(http: httpx.Client, method: str, path: str) -> None:
    for body in NO_OBJECTS:
        answer = http.request(method, path, content=body, headers=JSON)
        problem = refused(answer, 400, "malformed_body")
        assert len(answer.content) < 1000, body[:50]
        assert problem["detail"]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_values_and_fields_that_do_not_belong_are_named(http: httpx.Client, method: str, path: str) -> None:
    for value in (None, 7, -0.0, 1e308, 10**400, True, [], {}, [[["x"]]], {"$ne": None}):
        body = dict.fromkeys(("email", "username", "name", "login", "current_password", "password"), value)
        answer = http.request(method, path, content=json.dumps(body), headers=JSON)
        problem = refused(answer, 422, "invalid_fields")
        assert {error["code"] for error in problem["errors"]} <= {"wrong_type", "unknown", "missing"}
        assert "wrong_type" in {error["code"] for error in problem["errors"]}


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_an_answer_stays_small_whatever_names_were_sent(http: httpx.Client, method: str, path: str) -> None:
    many = {f"unknown-{number}": 1 for number in range(3000)}
    for body in (many, {"n" * 60_000: 1}, {"\ud800" * 50: 1}, {"\x00": 1}, {"": 1}, {"__class__": 1}):
        answer = http.request(method, path, content=json.dumps(body), headers=JSON)
        refused(answer, 422, "invalid_fields")
        assert len(answer.content) < 10_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00",
        "a\x00b",
        "\ud800",
        "a\udfffb",
        "x" * 60_000,
        "\u202eevil",
        "\u200b",
        "\ufffe",
        "\x07bell",
        "\ue000",
    ],
    ids=lambda text: ascii(text[:8]),
)
def test_text_that_is_no_name_is_refused_in_every_field(http: httpx.Client, text: str) -> None:
    good = {"email": "dora@example.org", "username": "dora", "name": "Dora Dean", "password": ALICE.password}
    for field in ("email", "username", "name"):
        body = json.dumps(good | {field: text})
        answer = http.post("/api/v1/accounts", content=body, headers=JSON)
        problem = refused(answer, 422, "invalid_fields")
        assert {error["field"] for error in problem["errors"]} == {field}
    for field in ("username", "name"):
        answer = http.patch("/api/v1/account", content=json.dumps({field: text}), headers=JSON)
        problem = refused(answer, 422, "invalid_fields")
        assert {error["field"] for error in problem["errors"]} == {field}
    for field in ("login", "password"):
        body = json.dumps({"login": "alice", "password": "not hers"} | {field: text})
        refused(http.post("/api/v1/sessions", content=body, headers=JSON), 401, "wrong_credentials")


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_body_over_the_limit_is_refused(http: httpx.Client, method: str, path: str) -> None:
    for size in (MAX_BODY + 1, 1_000_000, 5_000_000):
        body = json.dumps({"name": "x" * (size - 12)}).encode()
        refused(http.request(method, path, content=body, headers=JSON), 413, "body_too_large")

        def pieces(body: bytes = body) -> Iterator[bytes]:
            for start in range(0, len(body), 50_000):
                yield body[start : start + 50_000]

        answer = http.request(method, path, content=pieces(), headers=JSON)
        assert answer.request.headers["transfer-encoding"] == "chunked"
        refused(answer, 413, "body_too_large")
        assert answer.headers["connection"] == "close"


def test_a_length_beyond_all_measure_is_refused_unread(server: Running, token: str) -> None:
    for length in (b"65537", b"99999999999", b"9" * 18):
        answer = ask(
            server.url,
            head(
                b"POST /api/v1/sessions HTTP/1.1",
                b"Host: x",
                b"Content-Type: application/json",
                b"Content-Length: " + length,
                b"Expect: 100-continue",
            ),
        )
        refused(answer, 413, "body_too_large")


OTHER_TYPES = [
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/jsonp",
    "text/plain; application/json",
    "application/json, text/plain",
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_body_of_another_type_is_refused(http: httpx.Client, method: str, path: str) -> None:
    body = json.dumps(BOB.fields()).encode()
    for media_type in OTHER_TYPES:
        answer = http.request(method, path, content=body, headers={"Content-Type": media_type})
        refused(answer, 415, "unsupported_media_type")
