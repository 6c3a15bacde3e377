"""Whose request it is, and under which id: nobody chooses that but a proxy that is trusted."""

import httpx
import pytest

from tests.edge.conftest import client
from tests.stack import Edge, Stack

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_ELSEWHERE = "203.0.113.9"
# All that Docker gives addresses from: here the proxy in front is this machine.
_DOCKERS = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


def test_nobody_chooses_their_address_or_request_id(stack: Stack, edge: Edge, browser: httpx.Client) -> None:
    lies = {
        "X-Forwarded-For": _ELSEWHERE,
        "X-Real-IP": _ELSEWHERE,
        "Forwarded": f"for={_ELSEWHERE}",
        "X-Request-ID": "chosen-by-a-client",
    }
    for path, service in (("/login", "web"), ("/api/v1/account", "api")):
        answer = browser.get(path, headers=lies)
        id = answer.headers["x-request-id"]
        assert len(id) == 32
        seen, said = edge.logged(id), stack.service_log(service, id)
        assert said["address"] == seen["address"] != _ELSEWHERE


def test_a_trusted_proxy_tells_who_asked(stack: Stack) -> None:
    with stack.another_edge(EDGE_TRUSTED_PROXIES=_DOCKERS) as edge, client(edge) as http:
        forwarded = {"X-Forwarded-For": f"198.51.100.1, {_ELSEWHERE}", "X-Request-ID": "from-the-proxy-1"}
        answer = http.get("/api/v1/account", headers=forwarded)
        assert answer.headers["x-request-id"] == "from-the-proxy-1"
        # The last that no trusted proxy wrote; what stands before it, anybody may have sent.
        assert edge.logged("from-the-proxy-1")["address"] == _ELSEWHERE
        assert stack.service_log("api", "from-the-proxy-1")["address"] == _ELSEWHERE


def test_an_id_that_is_none_is_replaced(stack: Stack) -> None:
    with stack.another_edge(EDGE_TRUSTED_PROXIES=_DOCKERS) as edge, client(edge) as http:
        for bad in ("short", "x" * 65, 'quote"and{brace', "with spaces in it"):
            assert len(http.get("/login", headers={"X-Request-ID": bad}).headers["x-request-id"]) == 32


def test_behind_a_gateway_that_ends_tls(stack: Stack) -> None:
    with stack.another_edge(EDGE_TLS="off", EDGE_TRUSTED_PROXIES=_DOCKERS) as edge:
        url = f"http://localhost:{edge.http}/login"
        outside = httpx.get(url, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": _ELSEWHERE})
        assert outside.status_code == 200
        assert outside.headers["strict-transport-security"] == "max-age=63072000"
        inside = httpx.get(url)
        assert "strict-transport-security" not in inside.headers, "nobody may be told to use https by http"
