"""A swarm to deploy to, and visitors who ask while something happens to it.

SWARM_HOST or SWARM_CONTEXT says where a manager is (docker's own DOCKER_HOST or DOCKER_CONTEXT is the engine that
builds); where nodes are killed, SWARM_HOST names a manager on every node, in the order of their addresses.
SWARM_PUSH is the command that brings images where the nodes find them, SWARM_REGISTRY where `make push` does,
SWARM_OVERRIDE adds files to the stack's, and SWARM_NODE is a command that takes `kill`, `start`, `cut` or `heal` and
the number of a node.
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.report import Report
from tests.e2e.traffic import Traffic, beside

ROOT = Path(__file__).parent.parent.parent
STACK = "frontdesk"
GOOD, NEXT, NEVER_READY, UNCHECKED = "e2e1", "e2e2", "e2enever", "e2eunchecked"
PUBLIC_URL = "https://frontdesk.test:8443"
_IMAGES = ("service", "edge", "db", "goss")


class Swarm:
    """The swarm under test, and a stack on it."""

    def __init__(self, stack: str = STACK, *, https: int = 8443, http: int = 8080) -> None:
        self._stack = stack
        self.environment = {
            **os.environ,
            "PUBLIC_URL": PUBLIC_URL,
            "STACK": stack,
            "HTTPS_PORT": str(https),
            "HTTP_PORT": str(http),
            "OVERRIDE": os.environ.get("SWARM_OVERRIDE", ""),
            "DEPLOY_TIMEOUT": "240",
            # The managers may know the registry as a mirror, which isn't asked for digests. Each version is new here.
            "RESOLVE_IMAGE": "never",
        }
        self._hosts = os.environ.get("SWARM_HOST", "").split()
        if self._hosts:
            self.environment["DOCKER_HOST"] = self._hosts[0]
        if os.environ.get("SWARM_CONTEXT"):
            self.environment["DOCKER_CONTEXT"] = os.environ["SWARM_CONTEXT"]
            # Docker asks that before its context.
            self.environment.pop("DOCKER_HOST", None)

    def talk_to_another_than(self, number: int) -> None:
        """From here on through a manager that isn't node `number`, which is about to go."""
        there = [host for index, host in enumerate(self._hosts, 1) if index != number]
        assert there, "SWARM_HOST must name a manager on every node"
        self.environment["DOCKER_HOST"] = there[0]

    def docker(self, *words: str) -> str:
        done = subprocess.run(
            ["docker", *words], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def deploy(self, version: str, **more: str) -> tuple[int, str]:
        """The exit code of a deployment, and what it said."""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "deploy.swarm.deploy", version],
            env={**self.environment, **more},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(f"{version}: exit code {done.returncode} after {time.monotonic() - began:.0f} s\n{done.stdout}")
        return done.returncode, done.stdout

    def nodes(self) -> list[dict[str, Any]]:
        ids = self.docker("node", "ls", "--quiet").split()
        found: list[dict[str, Any]] = json.loads(self.docker("node", "inspect", *ids))
        return sorted(found, key=lambda node: node["Status"]["Addr"])

    def where(self, service: str) -> list[str]:
        """The host names of the nodes that its tasks run on."""
        words = ("--filter", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}}")
        lines = self.docker("service", "ps", f"{self._stack}_{service}", *words).splitlines()
        return [line.split()[0] for line in lines if line.split()[1] == "Running"]

    def images(self) -> dict[str, str]:
        lines = self.docker("stack", "services", self._stack, "--format", "{{.Name}} {{.Image}}").splitlines()
        return {line.split()[0].removeprefix(f"{self._stack}_"): line.split()[1] for line in lines}

    def make_ready(self) -> None:
        """All that a first deployment asks for: networks, labels, secrets."""
        if "plain" in self.environment["OVERRIDE"]:
            made = self.docker("network", "ls", "--format", "{{.Name}}").split()
            for name, words in (("service", []), ("data", ["--internal"])):
                if f"plain_{self._stack}_{name}" not in made:
                    options = ("--driver", "overlay", *words)
                    self.docker("network", "create", *options, f"plain_{self._stack}_{name}")
        # As docs/swarm.md says.
        self.docker("swarm", "update", "--dispatcher-heartbeat", "15s")
        nodes = self.nodes()
        for node in nodes:
            self.docker("node", "update", "--label-add", "frontdesk.edge=true", node["ID"])
        # Away from the node that the tests talk to, and from where the last replica of each is likely to be.
        self.docker("node", "update", "--label-add", "frontdesk.db=true", nodes[-1]["ID"])
        self.make_secrets()

    def make_secrets(self, *files: str) -> None:
        """Those that aren't there yet; or another certificate and its key."""
        command = [sys.executable, "-m", "deploy.swarm.new_secrets", *files]
        subprocess.run(command, env=self.environment, cwd=ROOT, check=True)

    @contextlib.contextmanager
    def removed_afterwards(self) -> Iterator[None]:
        """Its services, unless SWARM_KEEP is set."""
        try:
            yield
        finally:
            if not os.environ.get("SWARM_KEEP"):
                self.docker("stack", "rm", self._stack)

    @contextlib.contextmanager
    def visited(self, *, rate: float, visitors: int = 16, at_most: float = 900.0) -> Iterator[Traffic]:
        """Traffic through all edges beside the block, as by a name with all their addresses."""
        port = self.environment["HTTPS_PORT"]
        urls = [f"https://{node['Status']['Addr']}:{port}" for node in self.nodes()]
        traffic = Traffic(urls, rate=rate, visitors=visitors, public_url=self.environment["PUBLIC_URL"])
        try:
            with beside(traffic, at_most=at_most):
                yield traffic
        finally:
            print(traffic.report.table())


def build() -> list[str]:
    """The images' names of two good versions and two bad ones, which have no database of their own."""
    for version in (GOOD, NEXT):
        for target in _IMAGES:
            _build(_name(target, version), "--target", target, "--build-arg", f"VERSION={version}", ".")
    for version in (NEVER_READY, UNCHECKED):
        for target in ("edge", "goss", "service"):
            _run("docker", "tag", _name(target, NEXT), _name(target, version))
    folder = ROOT / "tests" / "swarm"
    for target, version in (("service", NEVER_READY), ("goss", UNCHECKED)):
        file = folder / f"{'never_ready' if target == 'service' else 'unchecked'}.Dockerfile"
        _build(
            _name(target, version), "--build-arg", f"BASE={_name(target, NEXT)}", "-f", str(file), str(folder)
        )
    names = [_name(target, version) for version in (GOOD, NEXT) for target in _IMAGES]
    bad = (NEVER_READY, UNCHECKED)
    return names + [_name(target, version) for version in bad for target in ("edge", "goss", "service")]


def _name(target: str, version: str) -> str:
    return f"frontdesk{'' if target == 'service' else f'-{target}'}:{version}"


def _build(name: str, *words: str) -> None:
    _run("docker", "build", "--quiet", "--tag", name, *words)


def _run(*words: str) -> None:
    subprocess.run(words, cwd=ROOT, stdout=subprocess.DEVNULL, timeout=600, check=True)


@pytest.fixture(scope="session")
def swarm() -> Iterator[Swarm]:
    """A swarm with the first version on it."""
    swarm = Swarm()
    if os.environ.get("SWARM_PUSH"):
        _run(*shlex.split(os.environ["SWARM_PUSH"]), *build())
    swarm.make_ready()
    with swarm.removed_afterwards():
        code, said = swarm.deploy(GOOD)
        assert code == 0, said
        yield swarm


def nothing_failed(report: Report) -> None:
    assert report.requests > 0
    assert not report.failures, report.table()
    assert not report.lost, report.table()


@pytest.fixture
def at_rest(swarm: Swarm) -> Swarm:
    """The swarm as the first version left it: each test ends there, or says that it couldn't."""
    if swarm.images()["web"] != f"frontdesk:{GOOD}":
        code, said = swarm.deploy(GOOD)
        assert code == 0, said
    return swarm


@pytest.fixture
def load() -> float:
    """Requests a second, all visitors together."""
    return float(os.environ.get("SWARM_LOAD", "40"))
