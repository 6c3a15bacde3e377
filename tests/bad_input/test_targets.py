"""Methods, paths and queries that nobody should send."""

import httpx
import pytest

from tests.bad_input.sending import head, refused
from tests.serving import Running
from tests.wire import ask


def test_a_method_that_a_path_does_not_have_is_told_those_it_has(http: httpx.Client) -> None:
    allowed = {
        "/api/v1/accounts": "POST",
        "/api/v1/sessions": "GET HEAD POST",
        "/api/v1/sessions/current": "DELETE",
        "/api/v1/sessions/01a208f2-3b26-7bb0-8db9-308ba6e99416": "DELETE",
        "/api/v1/account": "DELETE GET HEAD PATCH",
        "/api/v1/account/password": "PUT",
        "/api/v1/people": "GET HEAD",
        "/api/v1/people/alice": "GET HEAD",
        "/api/v1/verify": "GET HEAD",
        "/api/v1/openapi.json": "GET HEAD",
    }
    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "LOCK"]
    for path, methods in allowed.items():
        for method in every:
            if method in methods.split():
                continue
            answer = http.request(method, path)
            assert answer.status_code == 405, (method, path)
            assert sorted(answer.headers["allow"].split(", ")) == methods.split()
            if method != "HEAD":
                refused(answer, 405, "method_not_allowed")


def test_head_says_what_get_says_without_a_body(http: httpx.Client) -> None:
    for path in ("/api/v1/account", "/api/v1/people?q=bob", "/api/v1/openapi.json", "/api/v1/nothing"):
        get, head = http.get(path), http.head(path)
        assert head.status_code == get.status_code
        assert head.content == b""
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/account/", "/api/v1//account",
     "/api/v1/account%00", "/api/v1/account%0A", "/api/v1/%2e%2e/v1/account",
     "/api/v1/account;x", "/api/v1/account%3Fx", "/api/v1/../../etc/passwd", "/api/v1/people/..%2faccount",
     "/api/v1/people/%2e%2e/account", "/api/v1/%ff", "/api/v1/people/%00", "/api/v1/people/%ed%a0%80"],
)  # fmt: skip
def test_a_path_that_is_none_is_not_found(server: Running, token: str, path: str) -> None:
    for method in (b"GET", b"DELETE"):
        authorization = b"Authorization: Bearer " + token.encode()
        request = head(b"%s %s HTTP/1.1" % (method, path.encode()), b"Host: x", authorization)
        answer = ask(server.url, request)
        if answer.status == 405:
            assert method == b"DELETE"
            assert "/people/" in path
        else:
            refused(answer, 404, "not_found")


def test_probes_answer_at_their_exact_path_only(server: Running, token: str) -> None:
    """Else an edge that shuts /metrics would leave another spelling open."""
    for path in (
        "/metrics%0A",
        "/metrics%0D",
        "/metrics/",
        "//metrics",
        "/METRICS",
        "/metrics%00",
        "/./metrics",
    ):
        answer = ask(server.url, head(b"GET %s HTTP/1.1" % path.encode(), b"Host: x"))
        assert answer.status == 404, path
        assert b"frontdesk_" not in answer.body


@pytest.mark.parametrize(
    "text", ["x", "0", "A" * 1000, "%00", "%ff%fe", "%ed%a0%80", "..%2f", "%F0%9F%92%A9", "-1"]
)
def test_a_cursor_that_was_never_given_out_is_refused(http: httpx.Client, text: str) -> None:
    problem = refused(http.get(f"/api/v1/people?q=bob&after={text}"), 422, "invalid_fields")
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [("after", "cursor_invalid")]


def test_a_query_of_any_bytes_is_no_fault_of_ours(http: httpx.Client) -> None:
    for query in ("q=" + "x" * 20_000, "q=b&after=" + "A" * 20_000, "q=b&" + "&".join(f"a{n}=1" for n in range(2000)),
                  "q=b&limit=" + "9" * 6000, "q=b&limit=0001" + "9" * 5000, "q=b&%00=1", "&&&", "=b", "q"):  # fmt: skip
        answer = http.get("/api/v1/people?" + query)
        refused(answer, 422, "invalid_fields")
        assert len(answer.content) < 10_000
    for text in (
        "%00",
        "%ff",
        "%ed%a0%80",
        "%F0%9F%92%A9",
        "'%3B DROP TABLE accounts--",
        "%25",
        "_",
        "\\",
        "%E2%80%AE",
    ):
        answer = http.get("/api/v1/people?q=" + text)
        assert answer.status_code == 200, text
