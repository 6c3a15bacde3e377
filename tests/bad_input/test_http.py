"""HTTP that nobody should speak."""

import json
import time

import httpx
import pytest

from tests.bad_input.sending import BODY_TIMEOUT, head, post, refused
from tests.serving import Running
from tests.wire import Wire, ask

GET = b"GET /api/v1/verify HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\n"
JSON = POST + b"Content-Type: application/json\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\nGARBAGE\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /api/v1/verify\r\n\r\n",
        b"GET /api/v1/verify HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /api/v1/verify HTTP/1.1 extra\r\nHost: x\r\n\r\n",
        b"get /api/v1/verify HTTP/1.1\r\nHost: x\r\n\r\n",
        b"NONSENSE /api/v1/verify HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api v1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET api/v1/verify HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
        b"GET /api/v1/verify HTTP/1.1\r\n\r\n",
        GET + b"Host: y\r\n\r\n",
        GET + b"No colon here\r\n\r\n",
        GET + b"Space : before\r\n\r\n",
        GET + b" folded: header\r\n\r\n",
        GET + b"X: a\r\n folded\r\n\r\n",
        GET + b"X: a\x00b\r\n\r\n",
        GET + b"X: a\rb\r\n\r\n",
        GET + b": empty\r\n\r\n",
        b"GET /api/v1/verify HTTP/1.1\nHost: x\nX: \x01\n\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        POST + b"Content-Length: 5, 5\r\n\r\nhello",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: +5\r\n\r\nhello",
        POST + b"Content-Length: 0x5\r\n\r\nhello",
        POST + b"Content-Length: 99999999999999999999\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        JSON + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        JSON + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        JSON + b"Transfer-Encoding: chunked\r\n\r\n"
        b"fffffffffffffffff\r\n{}",
    ],
    ids=lambda request: repr(request[:60]),
)  # fmt: skip
def test_what_is_no_http_is_refused_and_the_connection_closed(server: Running, request_bytes: bytes) -> None:
    with Wire(server.url) as wire:
        wire.send(request_bytes)
        refused(wire.answer(), 400, "bad_request")
        assert wire.ended()


def test_a_refused_request_smuggles_none_behind_it(server: Running, token: str) -> None:
    """The body of one reading must not be a request of the other."""
    hidden = head(
        b"DELETE /api/v1/sessions/current HTTP/1.1", b"Host: x", b"Authorization: Bearer " + token.encode()
    )
    for framing in (
        b"Content-Length: %d\r\nTransfer-Encoding: chunked" % (5 + len(hidden)),
        b"Transfer-Encoding: chunked\r\nContent-Length: %d" % (5 + len(hidden)),
        b"Transfer-Encoding: \x0bchunked",
        b"Transfer-Encoding : chunked",
        b"Content-Length: 0\r\nContent-Length: %d" % (5 + len(hidden)),
    ):
        with Wire(server.url) as wire:
            wire.send(head(b"POST /api/v1/sessions HTTP/1.1", b"Host: x", framing) + b"0\r\n\r\n" + hidden)
            assert wire.answer().status == 400
            assert wire.ended()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X" * 100_000 + b": x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(101)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"Cookie: a=b\r\n" * 5000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X:\r\n" * 20_000,
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 1_000_000,
    ],
    ids=["line", "value", "name", "101 headers", "5000 cookies", "endless headers", "endless value"],
)
def test_a_head_without_measure_is_refused(server: Running, request_bytes: bytes) -> None:
    with Wire(server.url) as wire:
        wire.send(request_bytes)
        refused(wire.answer(), 431, "head_too_large")
        assert wire.ended()


def test_headers_of_any_value_are_no_fault_of_ours(server: Running, token: str) -> None:
    for header in (
        b"Authorization:",
        b"Authorization: Bearer",
        b"Authorization: Bearer \xff\xfe",
        b"Authorization: \xe7\x8e\x8b\xe4\xbc\x9f",
        b"Authorization: Bearer " + b"A" * 20_000,
        b"Cookie: session=\xff; session=;;;=;",
        b"Cookie: " + b"session=x; " * 1000,
        b"X-Forwarded-For: \xff",
        b"X-Request-ID: \xff",
        b"User-Agent: \xff\xfe\x80",
    ):
        answer = ask(server.url, head(b"GET /api/v1/verify HTTP/1.1", b"Host: x", header))
        refused(answer, 401, "unauthenticated")
    for header in (
        b"Content-Type: \xff",
        b"Content-Type:",
        b"Content-Encoding: gzip\r\nContent-Type: text/x",
    ):
        answer = ask(
            server.url, head(b"POST /api/v1/sessions HTTP/1.1", b"Host: x", header, b"Content-Length: 0")
        )
        refused(answer, 415, "unsupported_media_type")


def test_an_origin_that_is_none_is_another_one(server: Running) -> None:
    for origin in (b"http://[", b"http://[::1", b"//", b"\xff", b"", b"null", b"http://x:99999999", b"x"):
        form = b"login=alice&password=x&next=/"
        lines = (b"POST /login HTTP/1.1", b"Host: x", b"Origin: " + origin)
        typed = (b"Content-Type: application/x-www-form-urlencoded", b"Content-Length: %d" % len(form))
        assert ask(server.url, head(*lines, *typed) + form).status == 403, origin


def test_an_absolute_target_is_the_same_as_its_path(server: Running, token: str) -> None:
    authorization = b"Authorization: Bearer " + token.encode()
    answer = ask(server.url, head(b"GET http://x/api/v1/verify HTTP/1.1", b"Host: x", authorization))
    assert answer.status == 204
    answer = ask(server.url, head(b"GET http://x/api/v1/nothing HTTP/1.1", b"Host: x", authorization))
    refused(answer, 404, "not_found")


def test_a_body_that_stops_is_given_up_in_time(server: Running) -> None:
    whole = post("/api/v1/sessions", b'{"login": "alice", "password": "x"}')
    chunked = head(
        b"POST /api/v1/sessions HTTP/1.1",
        b"Host: x",
        b"Content-Type: application/json",
        b"Transfer-Encoding: chunked",
    )
    for half in (whole[:-10], chunked, chunked + b"5\r\n{"):
        with Wire(server.url) as wire:
            began = time.monotonic()
            wire.send(half)
            refused(wire.answer(), 408, "body_too_slow")
            assert BODY_TIMEOUT * 0.9 <= time.monotonic() - began < BODY_TIMEOUT + 3
            assert wire.ended()


def test_a_body_that_stops_after_its_answer_is_given_up_in_time(server: Running) -> None:
    for path in ("/api/v1/nothing", "/api/v1/verify"):
        with Wire(server.url) as wire:
            began = time.monotonic()
            wire.send(post(path, b"{" * 100)[:-90])
            assert wire.answer().status in (404, 405)
            wire.send(b"{")
            assert wire.ended()
            assert BODY_TIMEOUT * 0.9 <= time.monotonic() - began < BODY_TIMEOUT + 3


def test_a_body_that_comes_after_its_answer_is_not_taken_for_a_request(server: Running, token: str) -> None:
    hidden = head(
        b"DELETE /api/v1/sessions/current HTTP/1.1", b"Host: x", b"Authorization: " + token.encode()
    )
    with Wire(server.url) as wire:
        request = post("/api/v1/nothing", hidden)
        wire.send(request[: -len(hidden)])
        assert wire.answer().status == 404
        wire.send(hidden)
        time.sleep(BODY_TIMEOUT * 1.2)
        wire.send(head(b"GET /livez HTTP/1.1", b"Host: x"))
        assert wire.answer().status == 200


def test_an_answer_before_a_body_reaches_whoever_goes_on_sending(server: Running) -> None:
    with Wire(server.url) as wire:
        wire.send(post("/api/v1/nothing", b"x" * 3_000_000))
        refused(wire.answer(), 404, "not_found")


def test_a_head_that_stops_is_given_up_in_time(server: Running) -> None:
    for half in (b"", b"GET /api/v1/ver", GET + b"X-Half: "):
        with Wire(server.url) as wire:
            began = time.monotonic()
            wire.send(half)
            refused(wire.answer(), 408, "head_too_slow")
            assert BODY_TIMEOUT * 0.9 <= time.monotonic() - began < BODY_TIMEOUT + 3
            assert wire.ended()


def test_what_never_became_a_request_is_in_the_log(server: Running) -> None:
    with Wire(server.url) as wire:
        wire.send(b"GARBAGE\r\n\r\n")
        problem = refused(wire.answer(), 400, "bad_request")
    line = server.told_of(problem["request_id"])
    assert (line["status"], line["route"], line["method"]) == (400, "none", "other")
    assert line["address"] == "127.0.0.1"
    assert line["bytes"] == len(json.dumps(problem, separators=(",", ":")))


def test_a_drip_does_not_keep_a_head_open(server: Running) -> None:
    with Wire(server.url) as wire:
        began = time.monotonic()
        wire.send(GET + b"")
        while time.monotonic() - began < BODY_TIMEOUT * 1.2:
            wire.send(b"X: y\r\n")
            time.sleep(0.1)
        refused(wire.answer(), 408, "head_too_slow")


def test_a_second_head_that_stops_is_given_up_too(server: Running, token: str) -> None:
    with Wire(server.url) as wire:
        wire.send(head(b"GET /livez HTTP/1.1", b"Host: x"))
        assert wire.answer().status == 200
        # A connection that waits for its next request may wait; one that began with it may not.
        time.sleep(BODY_TIMEOUT * 1.2)
        wire.send(b"GET /api/v1/ver")
        refused(wire.answer(), 408, "head_too_slow")


def test_whoever_hangs_up_half_way_leaves_no_trace(server: Running) -> None:
    for half in (b"", b"GET /api", post("/api/v1/accounts", b'{"login": "alice"}')[:-4]):
        with Wire(server.url) as wire:
            wire.send(half)
    with Wire(server.url) as wire:
        wire.send(post("/api/v1/sessions", b'{"login": "alice", "password": "not her password"}'))


def test_requests_sent_without_waiting_are_answered_in_order(server: Running, token: str) -> None:
    wrong = post("/api/v1/sessions", b'{"login": "alice", "password": "x"}')
    with Wire(server.url) as wire:
        wire.send(wrong + head(b"GET /api/v1/nothing HTTP/1.1", b"Host: x") + wrong)
        assert [wire.answer().status for _ in range(3)] == [401, 404, 401]


def test_rubbish_behind_a_request_does_not_take_its_answer(server: Running) -> None:
    """A 400 would be read as the answer to the login, which goes on."""
    with Wire(server.url) as wire:
        wire.send(post("/api/v1/sessions", b'{"login": "alice", "password": "x"}') + b"RUBBISH\r\n\r\n")
        refused(wire.answer(), 401, "wrong_credentials")
        assert wire.ended()


def test_a_large_body_before_a_second_request_is_not_taken_for_its_head(server: Running) -> None:
    body = json.dumps({"login": "alice", "password": "x" * 60_000}).encode()
    request = post("/api/v1/sessions", body)
    with Wire(server.url) as wire:
        wire.send(request + request[:20])
        refused(wire.answer(), 401, "wrong_credentials")
        wire.send(request[20:])
        refused(wire.answer(), 401, "wrong_credentials")


def test_a_body_is_asked_for_where_the_sender_waits_for_that(server: Running) -> None:
    body = b'{"login": "alice", "password": "x"}'
    request = post("/api/v1/sessions", body, b"Expect: 100-continue")
    with Wire(server.url) as wire:
        wire.send(request.removesuffix(body))
        time.sleep(0.1)
        wire.send(body)
        refused(wire.answer(), 401, "wrong_credentials")


def test_another_protocol_is_not_spoken_but_the_request_is_answered(server: Running, token: str) -> None:
    for upgrade in (b"websocket", b"h2c", b"TLS/1.0"):
        request = head(
            b"GET /api/v1/verify HTTP/1.1",
            b"Host: x",
            b"Authorization: Bearer " + token.encode(),
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: " + upgrade,
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            b"Sec-WebSocket-Version: 13",
            b"HTTP2-Settings: AAMAAABkAAQAAP__",
        )
        with Wire(server.url) as wire:
            wire.send(request)
            answer = wire.answer()
            assert answer.status == 204
            assert answer.headers["connection"] == "close"
            assert wire.ended()


def test_a_crowd_of_half_requests_keeps_nobody_out(server: Running, token: str) -> None:
    crowd = [Wire(server.url) for _ in range(200)]
    try:
        for wire in crowd:
            wire.send(POST + b"")
        with httpx.Client(base_url=server.url) as http:
            began = time.monotonic()
            for _ in range(20):
                assert http.get("/livez").status_code == 200
            assert time.monotonic() - began < BODY_TIMEOUT
    finally:
        for wire in crowd:
            wire.__exit__()


def test_a_question_about_no_path_at_all_is_refused(server: Running) -> None:
    answer = ask(server.url, head(b"OPTIONS * HTTP/1.1", b"Host: x"))
    assert answer.status == 404
