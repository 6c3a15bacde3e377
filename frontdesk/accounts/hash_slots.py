"""Hash slots that the processes of one replica share, so that together they run no more hashes than they have cores.

A slot is a lock on a file. The kernel drops it with the process that holds it, also when that process is killed,
which no semaphore does.
"""

import fcntl
import os
from pathlib import Path


class HashSlot:
    """Slot `number` of the slots in `directory`: the threads of that number, one in each process, take turns in it.

    The directory must exist and belong to the replica; files are made in it as needed. Used by one thread.
    """

    def __init__(self, directory: Path, number: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        # Without a gate, the process that releases a slot would take it again before one that waits wakes up.
        self._gate = os.open(directory / f"gate-{number}", flags, 0o600)
        self._slot = os.open(directory / f"slot-{number}", flags, 0o600)

    def try_acquire(self) -> bool:
        """Take the slot if that needs no waiting."""
        try:
            fcntl.flock(self._gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(self._slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        return True

    def acquire(self) -> None:
        """Take the slot, waiting for whoever holds it."""
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._slot, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def release(self) -> None:
        """Give the slot back."""
        fcntl.flock(self._slot, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the files; gives the slot back if it is held."""
        os.close(self._slot)
        os.close(self._gate)
