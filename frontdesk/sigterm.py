"""How a signal ends a command that isn't serving yet: at once, with what it started."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import NoReturn, TypeVar

import uvloop

T = TypeVar("T")

# What a shell says of a command that a signal has ended.
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


def end() -> None:
    """Let SIGTERM end a command that isn't serving yet, and what it started. Process 1 of a container, which has
    no default, would ignore it."""

    def leave(number: int, _: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


async def until_told(work: Coroutine[None, None, T]) -> T:
    """The result of `work`, which SIGTERM cancels. For the event loop's main task.

    Left to the handler above, SystemExit would come up in whichever callback the loop is in, logged as its fault.
    """
    task = asyncio.current_task()
    assert task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


def run(work: Coroutine[None, None, T]) -> T:
    """The result of `work`; SIGTERM ends the command, once `work` is cancelled."""
    try:
        return uvloop.run(until_told(work))
    except asyncio.CancelledError:
        sys.exit(TERMINATED)
    finally:
        # The loop leaves the signal with its default.
        end()


def exit_code_of(work: Coroutine[None, None, None]) -> int:
    """Run `work`; 0, or INTERRUPTED or TERMINATED, for who has more to say about it."""
    try:
        uvloop.run(until_told(work))
    except KeyboardInterrupt:
        return INTERRUPTED
    except asyncio.CancelledError:
        return TERMINATED
    finally:
        end()
    return 0
