"""The command `frontdesk repack`."""

import sys
import time
from pathlib import Path

import click

from frontdesk.database import data_option, meant


@click.command("repack")
@data_option
def repack_command(data: Path | None) -> None:
    """Put the search index into the order in which it's read: once, after a large import.

    For a quiet hour: nobody can search or register meanwhile, about 20 seconds for each million people. While it lasts,
    the index takes its room on the disk twice. docs/operations.md says what it's worth.
    """
    from frontdesk import sigterm
    from frontdesk.progress import clock, left, say, shown
    from frontdesk.store import repacking, schema

    done = 0.0
    began = time.monotonic()

    def tell(part: float) -> None:
        nonlocal done
        done = part

    def progress(seconds: float) -> tuple[float | None, str]:
        return done, f"{done:.0%}" + (f", {left(seconds, done)}" if done > 0.01 else "")

    with meant(data) as settings:

        async def run() -> None:
            await schema.check(settings.database_url)
            async with shown(progress):
                await repacking.repack(settings.database_url, tell=tell)

        code = sigterm.exit_code_of(run())
    if code:
        say("Interrupted. The search index is whole; run it again to have it in order.")
        sys.exit(code)
    click.echo(f"The search index is in order, after {clock(time.monotonic() - began)}.")
