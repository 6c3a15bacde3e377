"""Starting the real server, or any command, as a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.stack import until

FRONTDESK = Path(sys.executable).parent / "frontdesk"


@dataclass
class Running:
    """A server that answers. `output()`: what it wrote so far."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def told_of(self, request_id: str) -> dict[str, Any]:
        """The log's line about a request, as soon as it's there: answers come first."""

        def found() -> list[str]:
            lines = self.output().splitlines()
            return [line for line in lines if request_id in line and '"message":"request"' in line]

        (line,) = until(found)
        return dict(json.loads(line))

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


def clean_environ(**variables: str) -> dict[str, str]:
    """This process's environment with no setting in it but `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    return {**kept, **variables}


@contextlib.contextmanager
def running(tmp_path: Path, *arguments: str, until: str = "/readyz", **variables: str) -> Iterator[Running]:
    """`frontdesk ARGUMENTS` on a free port, once `until` answers 200; stopped at the end."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / f"frontdesk-{port}.log"
    environ = clean_environ(FRONTDESK_PORT=str(port), **variables)
    with log.open("w") as output:
        process = subprocess.Popen(
            [FRONTDESK, *arguments], env=environ, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    server = Running(f"http://127.0.0.1:{port}", process, log)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(server.url + until, timeout=5).status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"frontdesk {arguments} isn't ready:\n{server.output()}")
            time.sleep(0.02)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)


def start(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """`frontdesk ARGUMENTS`, under way; what it says can be read from its pipes."""
    return subprocess.Popen(
        [FRONTDESK, *arguments],
        env=clean_environ(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command(*arguments: str, stdin: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run `frontdesk ARGUMENTS` to its end."""
    return subprocess.run(
        [FRONTDESK, *arguments],
        env=clean_environ(**variables),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
