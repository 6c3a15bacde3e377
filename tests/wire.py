"""HTTP as bytes on a connection: for what no HTTP library would send."""

import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answer:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection to a server. Closed at the end of the block."""

    def __init__(self, url: str, timeout: float = 10) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
        self._unread = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        # A server may refuse before it has read everything; what it said is still there to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)

    def answer(self, *, to_head: bool = False) -> Answer:
        """The next final answer, without its 100 Continue."""
        while True:
            head = self.until(b"\r\n\r\n").decode("latin-1")
            lines = head.split("\r\n")
            status = int(lines[0].split()[1])
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                if name:
                    headers[name.lower()] = value.strip()
            if status != 100:
                break
        length = 0 if to_head or status in (204, 304) else int(headers.get("content-length", "0"))
        assert "transfer-encoding" not in headers
        while len(self._unread) < length:
            self._read()
        body, self._unread = self._unread[:length], self._unread[length:]
        return Answer(status, headers, body)

    def ended(self) -> bool:
        """Whether the server has closed its side, having said no more."""
        try:
            return not self._unread and self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def until(self, end: bytes) -> bytes:
        """What comes before `end`, which is read as well."""
        while end not in self._unread:
            self._read()
        found, _, self._unread = self._unread.partition(end)
        return found

    def _read(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise EOFError(f"closed after {self._unread!r}")
        self._unread += data


def ask(url: str, request: bytes, *, to_head: bool = False) -> Answer:
    """The first answer to `request` on a connection of its own."""
    with Wire(url) as wire:
        wire.send(request)
        return wire.answer(to_head=to_head)
