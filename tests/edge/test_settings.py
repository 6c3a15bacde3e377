"""EDGE_* settings: one that can't be meant ends the container with a line that says what to write."""

import pytest

from tests.stack import EDGE, Stack, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_BAD = [
    ("EDGE_TLS", "yes"),
    ("EDGE_OCSP", "1"),
    ("EDGE_WEB", "web"),
    ("EDGE_WEB", "web:8000;"),
    ("EDGE_WEB", "web:8000\n}"),
    ("EDGE_WEB", "web:99999"),
    ("EDGE_API", "http://api:8000"),
    ("EDGE_LIMIT_LOGIN", "10"),
    ("EDGE_LIMIT_REGISTER", "0r/s"),
    ("EDGE_LIMIT_SEARCH", "fast"),
    ("EDGE_LIMIT_OTHER", "10r/s; return 200"),
    ("EDGE_LIMIT_CONCURRENT", "-1"),
    ("EDGE_PUBLIC_PORT", "https"),
    ("EDGE_PUBLIC_PORT", "70000"),
    ("EDGE_HSTS", "on"),
    ("EDGE_HSTS", 'max-age=1"; return 200'),
    ("EDGE_TRUSTED_PROXIES", "everyone"),
    ("EDGE_TRUSTED_PROXIES", "10.0.0.0/99"),
    ("EDGE_TRUSTED_PROXIES", "10.0.0.0/8;"),
    ("EDGE_TRUSTED_PROXIES", "300.1.2.3"),
    ("EDGE_TLS_CERTIFICATE", "/nowhere"),
    ("EDGE_TLS_KEY", "/etc/hostname;"),
    ("EDGE_HTTP3", "maybe"),
]


@pytest.mark.parametrize(("name", "value"), _BAD)
def test_it_is_refused_in_a_line(images: None, name: str, value: str) -> None:
    arguments = (
        "--rm",
        "--network=none",
        "--read-only",
        "--tmpfs=/tmp",
        "--env=NGINX_LOCAL_RESOLVERS=127.0.0.11",
    )
    tls = () if name.startswith("EDGE_TLS") else ("--env=EDGE_TLS=off",)
    setting = f"--env={name}={value}"
    # -t: so that one that is taken after all ends as well.
    refused = run(
        "docker", "run", *arguments, *tls, setting, EDGE, "nginx", "-t", "-c", "/tmp/nginx.conf", check=False
    )
    assert refused.returncode != 0
    lines = (refused.stdout + refused.stderr).splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("edge: ")
    assert name in lines[0]


def test_settings_that_are_meant_are_taken(stack: Stack) -> None:
    settings = {
        "EDGE_HSTS": "max-age=31536000; includeSubDomains; preload",
        "EDGE_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::/32,192.0.2.1",
        "EDGE_LIMIT_LOGIN": "7r/s",
        "EDGE_HTTP3": "off",
    }
    with stack.another_edge(**settings) as edge:
        head = run("docker", "exec", edge.id, "curl", "-skI", "https://127.0.0.1:8443/login").stdout.lower()
        assert "strict-transport-security: max-age=31536000; includesubdomains; preload" in head
        assert "alt-svc" not in head
        assert "rate=7r/s" in run("docker", "exec", edge.id, "cat", "/tmp/nginx.conf").stdout
