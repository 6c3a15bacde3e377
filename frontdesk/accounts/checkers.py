"""Processes that check rows, beside the one that talks to the database.

`python -m frontdesk.accounts.checkers` is such a process: chunks come in at its standard input, and what
checking.py makes of them goes out.
"""

import contextlib
import gc
import os
import struct
import subprocess
import sys
from typing import IO

import msgspec

from frontdesk.accounts.checking import Checked, check_chunk
from frontdesk.accounts.pace import Pace
from frontdesk.accounts.rows import Chunk
from frontdesk.errors import OperatorError

_LENGTH = struct.Struct("<I")


class Checker:
    """A process that checks chunks at a pace, one at a time."""

    def __init__(self, pace: Pace) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, msgspec.json.encode(pace)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for us; it ends when we close its input, or are gone.
            process_group=0,
        )

    def check(self, chunk: Chunk) -> Checked:
        """As check_chunk. Raises OperatorError if the process is no more."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            _send(self._process.stdin, msgspec.msgpack.encode(chunk))
            answer = _receive(self._process.stdout)
        except BrokenPipeError:
            answer = None
        if answer is None:
            raise OperatorError(
                "a process of the import ended", "Was there enough memory? Run the import again to go on."
            )
        return msgspec.msgpack.decode(answer, type=Checked)

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def serve(pace: Pace) -> None:
    """Check what comes in until there's no more."""
    os.nice(pace.nice)
    # Chunks have no cycles; looking for them takes a tenth of the time.
    gc.disable()
    while (data := _receive(sys.stdin.buffer)) is not None:
        chunk = msgspec.msgpack.decode(data, type=Chunk)
        try:
            _send(sys.stdout.buffer, msgspec.msgpack.encode(check_chunk(chunk, pace)))
        except BrokenPipeError:
            os._exit(1)


def _send(file: IO[bytes], data: bytes) -> None:
    file.write(_LENGTH.pack(len(data)))
    file.write(data)
    file.flush()


def _receive(file: IO[bytes]) -> bytes | None:
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = file.read(length)
    return data if len(data) == length else None


if __name__ == "__main__":
    serve(msgspec.json.decode(sys.argv[1], type=Pace))
