"""`docker compose up --wait` on a clone, with nothing else to do: what answers, what is shut, what each may use."""

import json
import socket
import ssl
import subprocess
import urllib.request
from typing import Any

import pytest

from tests.e2e.stack import Stack, docker, inspect

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_LASTING = ("edge", "web", "api", "db")
_ALL = (*_LASTING, "migrate", "secrets")
# Of the roots that may be written to: what the kernel and the engine put there, and the tmpfs of compose.yaml.
_UID = {"edge": "101", "web": "10001", "api": "10001", "db": "999"}


def every(stack: Stack, *services: str) -> list[tuple[str, dict[str, Any]]]:
    """Each container of these services: its service and all that the engine knows of it."""
    return [(name, inspect(container)) for name in services for container in stack.containers(name)]


def test_it_answers_by_https_and_http_leads_there(fresh_stack: Stack) -> None:
    (edge,) = fresh_stack.containers("edge")
    certificate = fresh_stack.inside(edge, "cat", "/run/secrets/tls_certificate")
    context = ssl.create_default_context(cadata=certificate)
    with urllib.request.urlopen(fresh_stack.url, context=context, timeout=10) as answer:
        assert answer.status == 200
        assert b"Frontdesk" in answer.read()
    # urllib follows the redirect, so this is asked by hand.
    with socket.create_connection(("localhost", fresh_stack.http_port), timeout=10) as wire:
        wire.sendall(b"GET /people?q=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head = b"".join(iter(lambda: wire.recv(4096), b"")).decode()
    assert head.startswith("HTTP/1.1 308 ")
    assert f"location: {fresh_stack.url}/people?q=x\r\n" in head.lower()


def test_no_secret_is_where_the_engine_or_a_list_of_processes_shows_it(fresh_stack: Stack) -> None:
    (db,) = fresh_stack.containers("db")
    files = ("postgres_password", "migrate_password", "service_password")
    secrets = [fresh_stack.inside(db, "cat", f"/run/secrets/{name}").strip() for name in files]
    assert all(len(secret) == 64 for secret in secrets)
    for name, found in every(fresh_stack, *_ALL):
        said = json.dumps(found) + docker("logs", found["Id"])
        if name in _LASTING:
            said += docker("top", found["Id"])
            environments = fresh_stack.inside(found["Id"], *_ENVIRONMENTS[name])
            assert "PATH=" in environments
            said += environments
        assert not [secret for secret in secrets if secret in said], name


# The environment of every process of a container, as its own user sees it; some end just then.
_SHELL = ("sh", "-c", "cat /proc/[0-9]*/environ | tr '\\0' '\\n'")
_PYTHON = (
    "python",
    "-c",
    "import contextlib, glob\n"
    "for path in glob.glob('/proc/[0-9]*/environ'):\n"
    "    with contextlib.suppress(OSError):\n"
    "        print(open(path).read())",
)
_ENVIRONMENTS = {"edge": _SHELL, "db": _SHELL, "web": _PYTHON, "api": _PYTHON}


def test_only_the_edge_can_be_reached_from_outside(fresh_stack: Stack) -> None:
    for name, found in every(fresh_stack, *_ALL):
        published = [port for port, bound in found["NetworkSettings"]["Ports"].items() if bound]
        assert sorted(published) == (["8080/tcp", "8443/tcp", "8443/udp"] if name == "edge" else []), name


def test_the_edge_cannot_reach_the_database(fresh_stack: Stack) -> None:
    (edge,), (db,) = fresh_stack.containers("edge"), fresh_stack.containers("db")
    address = next(iter(inspect(db)["NetworkSettings"]["Networks"].values()))["IPAddress"]
    for target in ("db", address):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            fresh_stack.inside(edge, "curl", "-sS", "--max-time", "2", f"telnet://{target}:5432")
        # Couldn't resolve, couldn't connect, or nothing came back in time.
        assert refused.value.returncode in (6, 7, 28)
    api = fresh_stack.containers("api")[0]
    connect = f"import socket; socket.create_connection(('{address}', 5432), 2)"
    fresh_stack.inside(api, "python", "-c", connect)


def test_the_database_reaches_nothing_outside(fresh_stack: Stack) -> None:
    (db,) = fresh_stack.containers("db")
    for name, network in inspect(db)["NetworkSettings"]["Networks"].items():
        assert json.loads(docker("network", "inspect", name))[0]["Internal"], name
        assert network["Gateway"] == ""


def test_the_limits_and_locks_hold_inside_the_running_containers(fresh_stack: Stack) -> None:
    for name, found in every(fresh_stack, *_LASTING):
        status = fresh_stack.inside(found["Id"], *_STATUS[name])
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["NoNewPrivs"] == "1", name
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(fields[kind], 16) == 0, f"{name}: {kind}"
        assert fields["Uid"].split() == [_UID[name]] * 4, name
        with pytest.raises(subprocess.CalledProcessError, match="exit status"):
            fresh_stack.inside(found["Id"], *_WRITE[name])
        assert found["HostConfig"]["Memory"] > 0
        assert found["HostConfig"]["NanoCpus"] > 0
        assert found["HostConfig"]["ReadonlyRootfs"]
        assert found["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        assert found["HostConfig"]["LogConfig"]["Config"]["max-size"] == "10m"


_PYTHON_STATUS = ("python", "-c", "print(open('/proc/self/status').read())")
_PYTHON_WRITE = ("python", "-c", "open('/opt/frontdesk/x', 'w')")
_STATUS = {
    "edge": ("cat", "/proc/self/status"),
    "db": ("cat", "/proc/self/status"),
    "web": _PYTHON_STATUS,
    "api": _PYTHON_STATUS,
}
_WRITE = {
    "edge": ("sh", "-c", "echo x >/etc/x"),
    "db": ("sh", "-c", "echo x >/etc/x"),
    "web": _PYTHON_WRITE,
    "api": _PYTHON_WRITE,
}
