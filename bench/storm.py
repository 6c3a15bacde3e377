"""A storm of logins, from a process of its own, so that it doesn't slow the clients that measure.

python -m bench.storm PORT CLIENTS PAUSE
"""

import contextlib
import os
import subprocess
import sys

import uvloop

from bench import stack
from bench.load import load, request


class Storm(contextlib.AbstractContextManager["Storm"]):
    """`clients` that log in again and again, `pause` seconds after each answer, for as long as the block runs."""

    def __init__(self, port: int, clients: int, *, pause: float) -> None:
        self._command = [sys.executable, "-m", "bench.storm", str(port), str(clients), str(pause)]

    def __enter__(self) -> "Storm":
        # The clients that measure share its core, and must not have to wait for it.
        self._process = subprocess.Popen(self._command, preexec_fn=lambda: os.nice(10))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def main() -> None:
    port, clients, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    bodies = [b'{"login":"u%d","password":"%s"}' % (n, stack.PASSWORD.encode()) for n in range(clients)]
    requests = [request("POST", "/api/v1/sessions", body=body) for body in bodies]
    uvloop.run(load(port, [lambda r=r: r for r in requests], seconds=600, pause=pause))  # type: ignore[misc]


if __name__ == "__main__":
    main()
