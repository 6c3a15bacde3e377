"""Telling somebody who waits for a command how far it is."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

_TELL_EVERY = 5.0


@contextlib.asynccontextmanager
async def shown(progress: Callable[[float], tuple[float | None, str]]) -> AsyncIterator[None]:
    """Show how far it is while the block runs: a bar on a terminal, a line every few seconds elsewhere.

    `progress` is given the seconds since it began; it returns what is done, from 0 to 1 (None if nobody knows), and a
    text.
    """
    console = Console(stderr=True)
    began = time.monotonic()

    async def on_terminal(bar: Progress) -> None:
        task = bar.add_task("", total=None)
        while True:
            done, text = progress(time.monotonic() - began + 0.001)
            total, completed = (None, 0.0) if done is None else (1.0, done)
            bar.update(task, total=total, completed=completed, description=text, refresh=True)
            await asyncio.sleep(0.2)

    async def elsewhere() -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY)
            say(progress(time.monotonic() - began)[1])

    with contextlib.ExitStack() as stack:
        if console.is_terminal:
            # Not by a thread of its own, which hardly gets to it beside a busy loop.
            columns = BarColumn(), TextColumn("{task.description}")
            bar = Progress(*columns, console=console, transient=True, auto_refresh=False)
            teller = asyncio.create_task(on_terminal(stack.enter_context(bar)))
        else:
            teller = asyncio.create_task(elsewhere())
        try:
            yield
        finally:
            teller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await teller


def left(seconds: float, done: float) -> str:
    """How long it will still take, when so much, above 0 and up to 1, was done in so many seconds."""
    return f"{clock(seconds / done - seconds)} left"


def clock(seconds: float) -> str:
    """Seconds as people read them: 3:07, 1:02:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def say(text: str) -> None:
    """A line for who waits, beside what the command writes."""
    click.echo(text, err=True)
