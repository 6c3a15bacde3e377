"""`python -m frontdesk.probe`: the image's health check."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from frontdesk import probe
from tests.serving import running


def _probe(port: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "frontdesk.probe", *arguments],
        env={**os.environ, "FRONTDESK_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextmanager
def _answering(answer: bytes | None) -> Iterator[int]:
    """A port where everybody gets `answer`, or, for None, none at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                if answer is None:
                    done.wait(20)
                else:
                    connection.sendall(answer)

        done = threading.Event()
        server = threading.Thread(target=serve)
        server.start()
        yield listener.getsockname()[1]
        done.set()
        server.join()


def test_a_server_that_is_ready_is_healthy(tmp_path: Path, served_url: str) -> None:
    with running(tmp_path, "serve", FRONTDESK_DATABASE_URL=served_url) as server:
        port = int(server.url.rpartition(":")[2])
        for arguments in ((), ("/readyz",), ("/livez",)):
            made = _probe(port, *arguments)
            assert (made.returncode, made.stderr) == (0, "")


def test_a_server_without_a_schema_is_live_but_not_ready(tmp_path: Path, unmigrated_url: str) -> None:
    with running(tmp_path, "serve", until="/livez", FRONTDESK_DATABASE_URL=unmigrated_url) as server:
        port = int(server.url.rpartition(":")[2])
        assert _probe(port, "/livez").returncode == 0
        refused = _probe(port)
        assert refused.returncode == 1
        assert refused.stdout.strip(), "the engine shows what the last health check said"


def test_where_nobody_listens_it_says_so_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    refused = _probe(port)
    assert refused.returncode == 1
    assert refused.stdout.startswith(f"no answer on port {port}: ")
    assert refused.stdout.count("\n") == 1
    assert refused.stderr == ""


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"HTTP/1.1 503 Service Unavailable\r\n\r\nno",
        b"SSH-2.0-OpenSSH\r\n",
        b"\xff\xfe 200 \xff",
    ],
)
def test_anything_but_200_is_not_healthy(answer: bytes) -> None:
    with _answering(answer) as port:
        refused = _probe(port)
    assert (refused.returncode, refused.stderr) == (1, "")


def test_a_server_that_hangs_is_not_waited_for_longer_than_the_engine_waits() -> None:
    with _answering(None) as port:
        refused = _probe(port)
    assert refused.returncode == 1
    assert "timed out" in refused.stdout


@pytest.mark.parametrize("port", ["eight", "70000", "-1"])
def test_a_port_that_is_none_is_refused_in_a_line(port: str) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "frontdesk.probe"],
        env={**os.environ, "FRONTDESK_PORT": port},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (refused.returncode, refused.stderr) == (1, "")
    assert refused.stdout == f"FRONTDESK_PORT is a port, not {port!r}\n"


def test_a_server_that_was_ready_once_stays_healthy_when_its_database_is_away(
    tmp_path: Path, served_url: str, unmigrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_ready = tmp_path / "was-ready"

    def asked(server_url: str) -> int:
        monkeypatch.setenv("FRONTDESK_PORT", server_url.rpartition(":")[2])
        return probe.until_ready(was_ready)

    with running(tmp_path, "serve", until="/livez", FRONTDESK_DATABASE_URL=unmigrated_url) as without:
        assert asked(without.url) == 1
        with running(tmp_path, "serve", FRONTDESK_DATABASE_URL=served_url) as server:
            assert asked(server.url) == 0
        # As if that one's database had gone: live, not ready.
        assert asked(without.url) == 0
    # Nor live.
    assert asked(without.url) == 1
