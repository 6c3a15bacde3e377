"""The head of an answer and its body in one packet."""

import asyncio

_BEGINS_ANSWER = b"HTTP/1.1 "


class Joined(asyncio.Transport):
    """What a connection is written to, as uvicorn does it: the head of an answer, then the body, a packet each.

    Here the head waits for the body. A packet less is a system call less, and wakes whoever reads it once instead of
    twice: a tenth of what a small answer costs. To be flushed when an answer is complete, as one may have no body.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head = b""
        self._write = transport.write

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`, unless it's a head."""
        if self._head:
            data = self._head + data
            self._head = b""
        # 100 Continue is all of an answer: nothing follows before the rest of the request.
        elif data[:9] == _BEGINS_ANSWER and data[9:12] != b"100":
            self._head = bytes(data)
            return
        self._write(data)

    def flush(self) -> None:
        """Send a head that still waits."""
        if self._head:
            self.write(b"")

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the connection when all that was written is sent."""
        self.flush()
        self._transport.close()
