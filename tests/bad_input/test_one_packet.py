"""An answer is one packet, and none is left waiting."""

import socket
from urllib.parse import urlsplit

from tests.serving import Running
from tests.wire import Wire

GET = b"GET /api/v1/account HTTP/1.1\r\nHost: here\r\n\r\n"


def test_head_and_body_come_together(server: Running) -> None:
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        for _ in range(100):
            connection.sendall(GET)
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 401 ")
            assert b"content-length: %d\r\n" % len(body) in head + b"\r\n"
            assert body


def test_an_answer_without_a_body_is_not_waited_for(server: Running) -> None:
    with Wire(server.url) as wire:
        for method in (b"HEAD", b"GET", b"HEAD"):
            wire.send(GET.replace(b"GET", method))
            assert wire.answer(to_head=method == b"HEAD").status == 401


def test_who_waits_for_100_continue_gets_it(server: Running) -> None:
    with Wire(server.url) as wire:
        wire.send(
            b"POST /api/v1/sessions HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert wire.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
        wire.send(b"[]")
        assert wire.answer().status == 400
