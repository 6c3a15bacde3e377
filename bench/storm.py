"""A storm of logins, from a process of its own, so that it doesn't slow the clients that measure.

python -m bench.storm PORT CLIENTS PAUSE PATH BODY CONTENT_TYPE
"""

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass

import uvloop

from bench import stack
from bench.load import load, request


@dataclass(frozen=True)
class Login:
    """How to log in as one of many: {n} in `body` is the account's number."""

    path: str
    body: str
    content_type: str = "application/json"

    def request(self, number: int) -> bytes:
        body = self.body.replace("{n}", str(number)).encode()
        return request("POST", self.path, body=body, content_type=self.content_type)


# By e-mail: the key of a username takes 0 for o, and `fill` doesn't.
FRONTDESK = Login("/api/v1/sessions", '{"login":"u{n}@example.org","password":"' + stack.PASSWORD + '"}')


class Storm(contextlib.AbstractContextManager["Storm"]):
    """`clients` that log in again and again, `pause` seconds after each answer, for as long as the block runs."""

    def __init__(self, port: int, clients: int, *, pause: float, login: Login = FRONTDESK) -> None:
        arguments = [str(port), str(clients), str(pause), login.path, login.body, login.content_type]
        self._command = [sys.executable, "-m", "bench.storm", *arguments]

    def __enter__(self) -> "Storm":
        # The clients that measure share its core, and must not have to wait for it.
        self._process = subprocess.Popen(self._command, preexec_fn=lambda: os.nice(10))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def main() -> None:
    port, clients, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    login = Login(*sys.argv[4:])
    requests = [login.request(number) for number in range(clients)]
    uvloop.run(load(port, [lambda r=r: r for r in requests], seconds=600, pause=pause))  # type: ignore[misc]


if __name__ == "__main__":
    main()
