"""The head of an answer and its body in one packet."""

import asyncio

_BEGINS_ANSWER = b"HTTP/1.1 "


class Joined:
    """What a connection is written to, as uvicorn does it: the head of an answer, then the body, a packet each.

    Here the head waits for the body. A packet less is a system call less, and wakes whoever reads it once instead of
    twice: a tenth of what a small answer costs. To be flushed when an answer is complete, as one may have no body.
    """

    __slots__ = ("_head", "_transport", "_write", "get_extra_info", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._write = transport.write
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send `data`, unless it's a head."""
        if self._head:
            data = self._head + data
            self._head = b""
        # 100 Continue is all of an answer: nothing follows before the rest of the request.
        elif data.startswith(_BEGINS_ANSWER) and not data.startswith(b"100", len(_BEGINS_ANSWER)):
            self._head = data
            return
        self._write(data)

    def flush(self) -> None:
        """Send a head that still waits."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Close the connection when all that was written is sent."""
        self.flush()
        self._transport.close()
