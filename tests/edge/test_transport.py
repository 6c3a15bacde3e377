"""How it goes over the wire: TLS, HTTP versions, compression, static files."""

import json
import re
import socket
import ssl
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.edge.conftest import curl, register
from tests.stack import ROOT, Edge, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_EVERYTHING = (
    *(
        "--sslv2",
        "--sslv3",
        "--tlsv1",
        "--tlsv1_1",
        "--tlsv1_2",
        "--tlsv1_3",
        "--elliptic_curves",
        "--compression",
    ),
    *(
        "--reneg",
        "--resum",
        "--early_data",
        "--fallback",
        "--heartbleed",
        "--openssl_ccs",
        "--robot",
        "--ems",
    ),
    # What it is compared with is written below, not looked up.
    "--mozilla_config=disable",
)
_FOR_EVER = "public, max-age=31536000, immutable"


def test_http_leads_to_https_and_keeps_method_and_address(edge: Edge) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"http://localhost:{edge.http}/people?q=a%20b")
        assert answer.status_code == 308
        assert answer.headers["location"] == f"https://localhost:{edge.https}/people?q=a%20b"
    plain = httpx.get(f"http://localhost:{edge.https}/login")
    assert (plain.status_code, plain.headers["location"]) == (308, f"{edge.url}/login")


def test_http_2_and_3_are_spoken(edge: Edge, browser: httpx.Client) -> None:
    shown = ("--output", "/dev/null", "--write-out", "%{http_version} %{response_code}")
    assert curl("--http2", *shown, f"{edge.url}/login") == "2 200"
    assert curl("--http1.1", *shown, f"{edge.url}/login") == "1.1 200"
    for path in ("/login", "/api/v1/account"):
        assert browser.get(path).headers["alt-svc"] == f'h3=":{edge.https}"; ma=86400'
        assert curl("--http3-only", *shown, f"{edge.url}{path}").startswith("3 ")


def test_a_visitor_who_comes_back_resumes(edge: Edge) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        session = None
        for resumed in (False, True):
            with (
                socket.create_connection(("127.0.0.1", edge.https), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
            ):
                connection.sendall(b"GET /static/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                while connection.recv(4096):
                    pass
                assert connection.session_reused == resumed, version
                session = connection.session


def test_static_files_come_compressed_and_are_kept_for_ever(edge: Edge, browser: httpx.Client) -> None:
    page = browser.get("/login").text
    addresses = re.findall(r'"(/static/[^"]+)"', page)
    assert len(addresses) >= 2
    for path in addresses:
        for encodings, encoding in (("gzip", "gzip"), ("identity", None)):
            answer = browser.get(path, headers={"Accept-Encoding": encodings})
            assert answer.status_code == 200
            assert answer.headers.get("content-encoding") == encoding
            assert answer.headers["cache-control"] == _FOR_EVER
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["strict-transport-security"]
            # Prepared, not made anew: a compressed stream has no length.
            assert "content-length" in answer.headers
    assert not [line for line in edge.log() if str(line["path"]) in addresses], "they aren't worth a line"


def test_another_versions_static_file_is_asked_of_a_replica_and_not_kept(browser: httpx.Client) -> None:
    page = browser.get("/login").text
    found = re.search(r'"/static/([^/"]+)/(app\.css)"', page)
    assert found is not None
    other = browser.get(f"/static/{'0' * len(found[1])}/{found[2]}")
    assert other.status_code == 200
    assert other.headers["content-type"] == "text/css; charset=utf-8"
    assert other.headers.get_list("cache-control") == ["no-store"]
    assert len(other.headers.get_list("strict-transport-security")) == 1
    assert browser.get("/static/none.css").status_code == 404


def test_json_is_compressed_where_it_is_worth_it(browser: httpx.Client) -> None:
    contract = browser.get("/api/v1/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert contract.headers["content-encoding"] == "gzip"
    assert contract.json()["openapi"]
    assert (
        "content-encoding" not in browser.get("/api/v1/account", headers={"Accept-Encoding": "gzip"}).headers
    )


def test_sslyze_finds_nothing(edge: Edge, tmp_path: Path) -> None:
    """Protocols, ciphers, curves, renegotiation, compression, resumption, known attacks."""
    report = tmp_path / "sslyze.json"
    made = subprocess.run(
        [ROOT / ".venv-deploy/bin/sslyze", *_EVERYTHING, "--json_out", report, f"localhost:{edge.https}"],
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(report.read_text())["server_scan_results"][0]["scan_result"]
    assert result, made.stdout

    def said(name: str) -> dict[str, object]:
        assert result[name]["status"] == "COMPLETED", name
        return dict(result[name]["result"])

    accepted = {
        name: [suite["cipher_suite"]["name"] for suite in said(name)["accepted_cipher_suites"]]  # type: ignore[attr-defined]
        for name in result
        if name.endswith("_cipher_suites")
    }
    offered = {name.removesuffix("_cipher_suites") for name, suites in accepted.items() if suites}
    assert offered == {"tls_1_2", "tls_1_3"}
    assert all(
        re.fullmatch(r"TLS_ECDHE_.*(GCM_SHA\d+|POLY1305_SHA256)", name)
        for name in accepted["tls_1_2_cipher_suites"]
    )
    assert not said("heartbleed")["is_vulnerable_to_heartbleed"]
    assert not said("openssl_ccs_injection")["is_vulnerable_to_ccs_injection"]
    assert not said("tls_compression")["supports_compression"]
    assert said("tls_fallback_scsv")["supports_fallback_scsv"]
    assert not said("session_renegotiation")["is_vulnerable_to_client_renegotiation_dos"]
    assert said("session_renegotiation")["supports_secure_renegotiation"]
    assert not said("tls_1_3_early_data")["supports_early_data"], (
        "what is sent early can be sent again by others"
    )
    assert said("robot")["robot_result"] == "NOT_VULNERABLE_RSA_NOT_SUPPORTED"
    assert said("tls_extended_master_secret")["supports_ems_extension"]
    assert said("session_resumption")["session_id_resumption_result"] == "FULLY_SUPPORTED"
    assert said("session_resumption")["tls_ticket_resumption_result"] == "FULLY_SUPPORTED"
    curves = {curve["name"] for curve in said("elliptic_curves")["supported_curves"]}  # type: ignore[attr-defined]
    assert "X25519" in curves
    assert not curves & {"prime192v1", "secp224r1", "secp160r1", "sect163k1"}


def test_the_log_is_json_and_names_nobody(edge: Edge, browser: httpx.Client) -> None:
    name, token = register(browser)
    bearer = {"Authorization": f"Bearer {token}"}
    secret = "Zm9vYmFyYmF6cXV4c2VjcmV0dG9rZW4"
    before = len(edge.log())
    paths = [
        f"/api/v1/people?q={name}",
        f"/api/v1/people/{name}",
        f"/people/{name}?from={secret}",
        f"/people?q={name}",
        f"/reset/{secret}",
        f"/confirm/{secret}",
        f"/undo/{secret}",
        f"/api/v1/password-resets/{secret}",
        f"/%70eople/{name}",
        f"/login?next=/people/{name}",
    ]
    for path in paths:
        browser.get(path, headers={**bearer, "Referer": f"{edge.url}/people/{name}", "User-Agent": secret})
    browser.get(f"/people/{'x' * 9000}{name}")
    for spelling in (f"//people/{name}", f"/./people/{name}", f"/login/../people/{name}", f"/PEOPLE/{name}"):
        browser.get(httpx.URL(edge.url).copy_with(raw_path=spelling.encode()))
    time.sleep(0.5)
    lines = edge.log()[before:]
    assert len(lines) == len(paths) + 5
    for line in lines:
        assert {"time", "request_id", "method", "path", "status", "seconds", "address"} <= line.keys()
        assert "?" not in str(line["path"])
    written = run("docker", "logs", edge.id)
    for output in (written.stdout, written.stderr):
        assert name not in output
        assert secret not in output
        assert token not in output
