"""The images of this commit, and the stack of compose.yaml on ports of its own, for tests that need Docker."""

import contextlib
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from frontdesk import __version__

ROOT = Path(__file__).parent.parent
# Of a release, so that label and program can be compared.
VERSION = __version__
PROJECT = "frontdesk-tests"
_T = TypeVar("_T")
# Once in some thousand containers runc's two processes lose each other before anything of ours runs.
_ENGINE_FAILED = "waiting for init preliminary setup"
SERVICE, EDGE, DB, GOSS = (f"frontdesk{name}:{VERSION}" for name in ("", "-edge", "-db", "-goss"))


def run(*command: str, check: bool = True, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A command in the repository's folder; its output in the error if it fails."""
    made = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "VERSION": VERSION, "COMPOSE_PROJECT_NAME": PROJECT, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or made.returncode == 0, f"{' '.join(command)}\n{made.stdout}{made.stderr}"
    return made


def docker(*arguments: str, check: bool = True, **variables: str) -> str:
    """What `docker ARGUMENTS` says on standard output."""
    return run("docker", *arguments, check=check, **variables).stdout.strip()


@contextlib.contextmanager
def container(*arguments: str) -> Iterator[str]:
    """The id of a container that `docker run ARGUMENTS` starts; removed at the end."""
    made = run("docker", "run", "--detach", *arguments, check=False)
    if _ENGINE_FAILED in made.stderr:
        docker("rm", "--force", "--volumes", made.stdout.strip())
        made = run("docker", "run", "--detach", *arguments)
    assert made.returncode == 0, made.stderr
    id = made.stdout.strip()
    try:
        yield id
    finally:
        docker("rm", "--force", "--volumes", id)


def until(said: Callable[[], _T], *, within: float = 20) -> _T:
    """What `said` says, once that is something."""
    deadline = time.monotonic() + within
    while not (answer := said()):
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.02)
    return answer


def address(id: str, network: str) -> str:
    """Where the container can be reached from this machine."""
    networks = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", id))
    return str(networks[network]["IPAddress"])


@dataclass(frozen=True, slots=True)
class Edge:
    """An nginx that answers. `log()`: the lines it wrote about requests."""

    id: str
    http: int
    https: int

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https}"

    def log(self) -> list[dict[str, object]]:
        lines = docker("logs", self.id).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def logged(self, request_id: str) -> dict[str, object]:
        """The line about one request, as soon as it's there."""
        return until(lambda: next((line for line in self.log() if line["request_id"] == request_id), None))


@dataclass(frozen=True, slots=True)
class Stack:
    """The whole stack, ready. `edge` is its own; `another_edge` starts one more with other settings."""

    ports: dict[str, str]

    @property
    def edge(self) -> Edge:
        return Edge(self.id("edge"), int(self.ports["HTTP_PORT"]), int(self.ports["HTTPS_PORT"]))

    def compose(self, *arguments: str, **variables: str) -> str:
        return docker("compose", *arguments, **self.ports, **variables)

    def id(self, service: str) -> str:
        return self.compose("ps", "--quiet", service).split()[0]

    def service_log(self, service: str, request_id: str) -> dict[str, object]:
        """What a replica wrote about one request."""

        def found() -> dict[str, object] | None:
            for id in self.compose("ps", "--quiet", service).split():
                # Both streams: it's one log.
                written = run("docker", "logs", id)
                for line in (written.stdout + written.stderr).splitlines():
                    if request_id in line and line.startswith("{"):
                        return dict(json.loads(line))
            return None

        return until(found)

    @contextlib.contextmanager
    def another_edge(self, *arguments: str, image: str = EDGE, **settings: str) -> Iterator[Edge]:
        """An edge of this stack with further arguments of `docker run`, and EDGE_* settings."""
        http, https = free_port(), free_port()
        settings = {"EDGE_PUBLIC_PORT": str(https), **settings}
        with container(
            *(
                f"--publish=127.0.0.1:{port}"
                for port in (f"{http}:8080", f"{https}:8443", f"{https}:8443/udp")
            ),
            *(f"--env={name}={value}" for name, value in settings.items()),
            *("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
            *(f"--network={PROJECT}_public", f"--volume={PROJECT}_edge-secrets:/run/secrets:ro"),
            # Not before it's in both networks: nginx asks for the replicas' names at once.
            "--entrypoint=/bin/sh",
            *arguments,
            image,
            "-c",
            "until [ -e /tmp/go ]; do sleep 0.05; done;"
            " exec /docker-entrypoint.sh nginx -c /tmp/nginx.conf -g 'daemon off;'",
        ) as id:
            docker("network", "connect", f"{PROJECT}_service", id)
            docker("exec", id, "touch", "/tmp/go")
            edge = Edge(id, http, https)
            tls = settings.get("EDGE_TLS") != "off"
            until(lambda: _answers(f"{edge.url}/login" if tls else f"http://localhost:{http}/login"))
            yield edge


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def goss_failures(file: str, variables: dict[str, object], *arguments: str) -> set[str]:
    """The names of the checks of deploy/goss/`file` that fail in a container that `docker run ARGUMENTS` starts."""
    made = run(
        *("docker", "run", "--rm", *arguments, f"/goss/{file}", "--vars-inline", json.dumps(variables)),
        *("validate", "--format", "json"),
        check=False,
    )
    assert made.stdout.startswith("{"), made.stdout + made.stderr
    report = json.loads(made.stdout)
    # Goss adds the address to the name of an HTTP check.
    failed = {str(part["resource-id"]).split(": ")[0] for part in report["results"] if not part["successful"]}
    assert report["summary"]["test-count"] > 5
    assert (made.returncode == 0) == (not failed)
    return failed


@pytest.fixture(scope="session")
def images() -> None:
    """All images of this tree, by `make image`."""
    made = run("make", "--silent", "image").stdout
    assert (
        len(re.findall(r"^frontdesk(-edge|-db|-goss)?:\S+ +\d+\.\d MB  sha256:", made, re.MULTILINE)) == 4
    ), made


@pytest.fixture(scope="session")
def stack(images: None) -> Iterator[Stack]:
    """The stack as `docker compose up --wait` makes it, from nothing; it and its data are gone afterwards."""
    ports = {"HTTP_PORT": str(free_port()), "HTTPS_PORT": str(free_port())}
    ports["PUBLIC_URL"] = f"https://localhost:{ports['HTTPS_PORT']}"
    docker("compose", "down", "--volumes", "--timeout=5", **ports)
    try:
        docker("compose", "up", "--wait", "--no-build", **ports)
        yield Stack(ports)
    finally:
        docker("compose", "down", "--volumes", "--timeout=5", **ports)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        # Its certificate is nobody's but its own.
        return httpx.get(url, verify=False, timeout=5).status_code == 200
    return False
