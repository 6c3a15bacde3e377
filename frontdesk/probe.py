"""`python -m frontdesk.probe [PATH]`: ask the server in this container, for the image's HEALTHCHECK.

Exit code 0 if it answers 200 on PATH (/readyz), else 1 with its answer. The image has no curl; the whole command line
would take a fifth of a second of a core, in every container, every few seconds.

With --until-ready instead of a path: /readyz until it was true once, from then on /livez. For an engine that has one
check for both, and replaces the container that it refuses (Docker Swarm): that mends no database that is away.
"""

import os
import socket
import sys
from pathlib import Path

# Of this container alone, and gone with it: /tmp is in memory. At worst a neighbour makes us ask for less.
_WAS_READY = Path("/tmp/frontdesk-was-ready")  # noqa: S108 - a container's own


def until_ready(was_ready: Path = _WAS_READY) -> int:
    """As `main`: /readyz, until that was true once (the file `was_ready` remembers it), from then on /livez."""
    if was_ready.exists():
        return main("/livez")
    refused = main("/readyz")
    if not refused:
        was_ready.touch()
    return refused


def main(path: str = "/readyz", host: str = "127.0.0.1") -> int:
    """0 if 200 came, else 1; silence is waited for two seconds. The port is FRONTDESK_PORT, as the server's."""
    port = os.environ.get("FRONTDESK_PORT") or "8000"
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        print(f"FRONTDESK_PORT is a port, not {port!r}")
        return 1
    try:
        with socket.create_connection((host, int(port)), timeout=2) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
    except OSError as error:
        print(f"no answer on port {port}: {error}")
        return 1
    head, _, body = answer.partition(b"\r\n\r\n")
    print(body.decode(errors="replace").strip())
    return 0 if head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")) else 1


if __name__ == "__main__":
    sys.exit(until_ready() if sys.argv[1:] == ["--until-ready"] else main(*sys.argv[1:2]))
