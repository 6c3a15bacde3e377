"""Commands that install, and servers on the servers' core that are gone when their block ends."""

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from bench import stack
from bench.peers.peer import SkippedError, cache

Output = IO[bytes] | int

_READY_WITHIN = 240.0


def need(program: str, what: str) -> None:
    """Raises SkippedError unless `program` is on PATH."""
    if shutil.which(program) is None:
        raise SkippedError(f"{what} isn't installed here")


def kept(name: str, *ingredients: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, made anew whenever one of its `ingredients` changed. Raises SkippedError."""
    mark = hashlib.sha256("\0".join(ingredients).encode()).hexdigest()
    folder = cache() / name
    done = folder / ".made-of"
    if not done.exists() or done.read_text(encoding="ascii") != mark:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        done.write_text(mark, encoding="ascii")
    return folder


def install(command: list[str], cwd: Path, **environ: str) -> None:
    """Raises SkippedError with the line that says most, if `command` fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        telling = [line for line in lines if "error" in line.lower()] or lines[-1:] or ["no word"]
        raise SkippedError(f"`{Path(command[0]).name}` can't get or build it ({telling[0][:200]})")


def output_of(command: list[str], cwd: Path, **environ: str) -> str:
    """What `command` prints, run on the servers' core."""
    process = _pinned(command, cwd, environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output = process.communicate()[0].decode(errors="replace")
    finally:
        _end(process)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}:\n{_tail(output)}")
    return output


@contextlib.contextmanager
def started(
    command: list[str], *, log: Path, ready: tuple[int, str], cwd: Path, **environ: str
) -> Iterator[None]:
    """`command` for as long as the block runs, once a GET of `ready` (port, path) answers 200."""
    with log.open("wb") as output:
        process = _pinned(command, cwd, environ, stdout=output, stderr=output)
    try:
        until = time.monotonic() + _READY_WITHIN
        while get(*ready) != 200:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} isn't ready:\n{_tail(log.read_text(errors='replace'))}")
            time.sleep(0.1)
        yield
    finally:
        _end(process)


def get(port: int, path: str) -> int | None:
    """The status; None if there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Client:
    """A connection for what happens before anything is measured."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path: str, body: str, *, content_type: str = "application/json", token: str = "") -> Any:
        """The answer's JSON. Raises RuntimeError unless it is 2xx."""
        # As bench.load says it: Keycloak's tokens hold for the host that they were asked from.
        headers = {"Content-Type": content_type, "User-Agent": "frontdesk-bench", "Host": "127.0.0.1"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._connection.request("POST", path, body.encode(), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status // 100 != 2:
            raise RuntimeError(f"POST {path} answered {answer.status}: {text[:300]!r}")
        return json.loads(text)

    def close(self) -> None:
        self._connection.close()


def _pinned(
    command: list[str], cwd: Path, environ: dict[str, str], *, stdout: Output, stderr: Output
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=_on_server_core,
        # Ctrl-C is for us; what we started stops when its block ends, with whatever it started itself.
        start_new_session=True,
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _on_server_core() -> None:
    os.sched_setaffinity(0, {stack.SERVER_CORE})


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-15:])
