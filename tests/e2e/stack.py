"""The stack of compose.yaml on a real Docker Engine, as a project of its own, from the files that git knows."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_LOADED = "tests/e2e/compose.yaml"


@dataclass
class Stack:
    """A project of Docker Compose. folder: what it's made from. files: over compose.yaml."""

    folder: Path
    project: str
    version: str
    http_port: int
    https_port: int
    files: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https_port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "COMPOSE_PROJECT_NAME": self.project,
            "VERSION": self.version,
            "HTTP_PORT": str(self.http_port),
            "HTTPS_PORT": str(self.https_port),
            "PUBLIC_URL": self.url,
        }

    def compose(self, *arguments: str, check: bool = True, timeout: float = 300) -> str:
        """`docker compose ARGUMENTS`: what it wrote to standard output."""
        files = [f"--file={name}" for name in ("compose.yaml", *self.files)]
        done = subprocess.run(
            ["docker", "compose", *files, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"docker compose {arguments}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def up(self, *arguments: str) -> None:
        """Bring the stack up as compose.yaml and `files` say, and wait until it's healthy."""
        self.compose("up", "--wait", "--wait-timeout=120", *arguments)

    def down(self) -> None:
        self.compose("--profile=*", "down", "--volumes", "--timeout=5", "--remove-orphans", check=False)

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, stopped ones too, in the order of their numbers."""
        found = [
            json.loads(line) for line in self.compose("ps", "--all", "--format=json", service).splitlines()
        ]
        return [str(entry["ID"]) for entry in sorted(found, key=lambda entry: str(entry["Name"]))]

    def inside(self, container: str, *command: str, user: str = "") -> str:
        """Run a command in a container: what it wrote to standard output. CalledProcessError if it fails."""
        return docker("exec", *([f"--user={user}"] if user else []), container, *command)

    def sql(self, query: str, *, database: str = "frontdesk") -> str:
        """What the superuser is told, by psql's unaligned format."""
        (db,) = self.containers("db")
        return self.inside(db, "psql", "-U", "postgres", "-d", database, "-Atqc", query).strip()

    def kill(self, container: str) -> None:
        """End its first process as the kernel would for lack of memory: the engine sees a crash, and restarts it.

        `docker kill` is something else: the engine takes it for an order to stop, which stays stopped.
        """
        pid = inspect(container)["State"]["Pid"]
        shell = ["--entrypoint=sh", f"frontdesk-db:{self.version}", "-c", f"kill -KILL {pid}"]
        docker("run", "--rm", "--pid=host", "--user=0", "--network=none", *shell)

    def healthy(self, *services: str) -> bool:
        """Whether every container of these services is up and passes its health check."""
        states = [inspect(container)["State"] for name in services for container in self.containers(name)]
        return all(state.get("Health", {}).get("Status") == "healthy" for state in states)


def docker(*arguments: str, timeout: float = 120) -> str:
    """`docker ARGUMENTS`: what it wrote to standard output. CalledProcessError, with both outputs, if it fails."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, arguments, done.stdout, done.stderr)
    return done.stdout


def inspect(container: str) -> dict[str, Any]:
    """All that the engine knows of a container."""
    (found,) = json.loads(docker("inspect", container))
    return dict(found)


def until(true: Callable[[], bool], *, within: float, every: float = 0.2) -> float:
    """Seconds until `true` said so; AssertionError after `within`."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within, f"not within {within} s"
        time.sleep(every)
    return time.monotonic() - began


def fresh_clone(folder: Path) -> Path:
    """What somebody gets who clones this work tree: what git knows, and nothing that was made here."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, names.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@contextlib.contextmanager
def new_stack(folder: Path, project: str, *, loaded: bool = False) -> Iterator[Stack]:
    """A stack that isn't up yet, on free ports; taken down with all that it kept at the end."""
    http_port, https_port = _free_ports()
    stack = Stack(
        folder,
        os.environ.get("E2E_PROJECT", "frontdesk-e2e") + project,
        os.environ.get("E2E_VERSION", "e2e-compose"),
        http_port,
        https_port,
        (_LOADED,) if loaded else (),
    )
    # What a run left that was killed.
    stack.down()
    try:
        yield stack
    finally:
        stack.down()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
