"""How much, how large and how slowly: what the edge keeps from the replicas, and what it says about it."""

import time

import httpx
import pytest

from tests.edge.conftest import client, connected, register, seconds_until_closed
from tests.stack import Edge, Stack, until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9"}


def _until_throttled(http: httpx.Client, method: str, path: str, **options: object) -> httpx.Response:
    for _ in range(30):
        answer = http.request(method, path, **options)  # type: ignore[arg-type]
        if answer.status_code == 429:
            return answer
    raise AssertionError(f"{method} {path} isn't limited")


def _is_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, "about:blank")
    assert len(problem["request_id"]) == 32


def _is_page(answer: httpx.Response, status: int, said: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert said in answer.text


def test_each_limit_is_by_itself_and_says_when_to_come_back(stack: Stack) -> None:
    limits = {f"EDGE_LIMIT_{name}": "1r/s" for name in ("LOGIN", "REGISTER", "SEARCH")}
    with stack.another_edge(**limits) as edge, client(edge) as http:
        for method, path in (
            ("POST", "/api/v1/sessions"),
            ("POST", "/api/v1/accounts"),
            ("GET", "/api/v1/people?q=x"),
            ("GET", "/api/v1/people/alice"),
        ):
            if path.endswith("/alice"):
                time.sleep(3)
            refused = _until_throttled(http, method, path, content=b"{}" if method == "POST" else None)
            _is_problem(refused, 429, "throttled")
            assert refused.headers["retry-after"] == "1"
            assert http.get("/api/v1/account").status_code == 401, "all else goes on"
        time.sleep(1.1)
        assert http.post("/api/v1/sessions", json={}).status_code == 422, "a second later there is room"


def test_people_read_about_it_in_their_language(stack: Stack) -> None:
    with stack.another_edge(EDGE_LIMIT_LOGIN="1r/s") as edge:
        for headers, said in (
            ({}, "Too many"),
            (_CHINESE, "过多"),
            ({"Cookie": "__Host-language=zh-Hans"}, "过多"),
        ):
            with client(edge, **headers) as http:
                refused = _until_throttled(http, "POST", "/login", data={"login": "a", "password": "b"})
                _is_page(refused, 429, said)
                assert refused.headers["retry-after"] == "1"


def test_the_same_in_any_spelling_of_the_address(stack: Stack) -> None:
    with stack.another_edge(EDGE_LIMIT_LOGIN="1r/s") as edge, client(edge) as http:
        for path in (
            b"/api/v1/sessions/",
            b"//api/v1//sessions",
            b"/api/%76%31/sessions",
            b"/api/./v1/x/../sessions",
        ):
            _until_throttled(http, "POST", str(httpx.URL(edge.url).copy_with(raw_path=path)), content=b"{}")


def test_concurrent_requests_of_one_address_are_bounded(stack: Stack) -> None:
    with stack.another_edge(EDGE_LIMIT_CONCURRENT="2") as edge, client(edge) as http:
        with connected(edge) as one, connected(edge) as another:
            for connection in (one, another):
                # Counted when the head is there; the body never comes.
                connection.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
            until(lambda: http.get("/api/v1/account").status_code == 429)
            _is_problem(http.get("/api/v1/account"), 429, "throttled")
        until(lambda: http.get("/api/v1/account").status_code == 401)


def test_a_body_that_is_too_large_never_reaches_a_replica(edge: Edge, browser: httpx.Client) -> None:
    large = b"x" * (64 * 1024 + 1)
    refused = browser.post("/api/v1/accounts", content=large)
    _is_problem(refused, 413, "body_too_large")
    assert edge.logged(refused.json()["request_id"])["upstream"] == ""
    _is_page(browser.post("/login", content=large), 413, "too much")
    _is_page(browser.post("/login", content=large, headers=_CHINESE), 413, "内容过多")


def test_a_hundred_megabytes_are_refused_before_they_are_sent(edge: Edge) -> None:
    with connected(edge) as connection:
        started = time.monotonic()
        connection.sendall(
            b"POST /api/v1/accounts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
        assert time.monotonic() - started < 1


def test_a_head_that_is_too_large_is_refused(browser: httpx.Client) -> None:
    _is_problem(browser.get("/api/v1/account", headers={"X-Large": "x" * 9000}), 400, "bad_request")
    assert browser.get("/login", headers={"X-Large": "x" * 9000}).status_code == 400
    assert browser.get("/api/v1/people?q=" + "x" * 9000).status_code in (400, 414)


def test_what_is_no_http_is_refused(edge: Edge) -> None:
    for sent in (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        with connected(edge) as connection:
            connection.sendall(sent)
            said = connection.recv(4096)
            assert said.split(b" ")[1] in (b"400", b"505"), said


def test_a_slow_head_is_cut(edge: Edge) -> None:
    with connected(edge) as connection:
        started = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        connection.settimeout(1)
        # A byte now and then, which would keep a server waiting that counts from the last one.
        while time.monotonic() - started < 20:
            try:
                connection.sendall(b"x")
                if not connection.recv(4096):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert 8 < time.monotonic() - started < 14


def test_a_body_that_stops_is_cut_and_costs_no_replica(edge: Edge) -> None:
    with connected(edge) as connection:
        connection.sendall(
            b"POST /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"
        )
        assert 8 < seconds_until_closed(connection) < 14
    lines = until(lambda: [line for line in edge.log() if line["status"] == 408])
    assert lines[-1]["upstream"] == ""


def test_whoever_is_let_in_is_not_held_up(browser: httpx.Client) -> None:
    """The limits are far from what a person does."""
    _, token = register(browser)
    for _ in range(30):
        answer = browser.get("/api/v1/people?q=edge", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
