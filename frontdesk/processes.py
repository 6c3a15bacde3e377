"""Several processes of one replica, on one socket: for machines with cores to spare and no engine to scale with.

Each is a whole server. Together they run no more hashes at once than one would (accounts/hash_slots.py), and
/metrics tells of all of them (metrics.py).
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

_PR_SET_PDEATHSIG = 1
_STOP = (signal.SIGTERM, signal.SIGINT)
# A process that keeps dying is started again, but not in a frenzy.
_RESTART_SECONDS = 1.0


def run(count: int, work: Callable[[int], None]) -> int:
    """Run `work(number)` in `count` forked processes until SIGTERM or SIGINT, which each of them gets.

    A second signal is passed on like the first; of it a server takes that whoever sends it is in a hurry, and drops
    what it hasn't answered (server.py). Nothing here ends before the last process has.

    One that ends by itself with an error is started again. One that ends with exit code 1 has said what an operator
    has to mend: then all stop. Returns the exit code. Call it before any thread or event loop is made.
    """
    children: dict[int, int] = {}
    stopping = False

    def stop(sig: int, _: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for pid in children:
            # Of one that has ended in this moment, os.wait() has told, but we haven't noted it yet.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)

    def start(number: int) -> None:
        # A signal waits until the new process is noted, or it would pass that one by.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
        try:
            if not stopping:
                children[_fork(number, work)] = number
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)

    for sig in _STOP:
        signal.signal(sig, stop)
    for number in range(count):
        start(number)
    code = 0
    while children:
        pid, status = os.wait()
        number = children.pop(pid, -1)
        ended = os.waitstatus_to_exitcode(status)
        if stopping or number < 0:
            # One that was told to stop before it listened dies of the signal, which is what was asked for.
            code = max(code, 0 if ended == -signal.SIGTERM else abs(ended))
        elif ended == 1:
            code = 1
            stop(signal.SIGTERM, None)
        else:
            time.sleep(_RESTART_SECONDS)
            start(number)
    return code


def _fork(number: int, work: Callable[[int], None]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    for sig in _STOP:
        signal.signal(sig, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
    # If the parent is killed, nobody would ever tell us to stop.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    code = 70
    try:
        if os.getppid() == parent:
            work(number)
            code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
