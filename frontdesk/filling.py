"""The commands `frontdesk import` and `frontdesk export`."""

import sys
from pathlib import Path
from typing import Any

import click

from frontdesk.database import data_option, meant


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where rows go that can't come in.  [default: FILE.rejected.ndjson]",
)
@click.option(
    "--pace",
    type=click.Choice(("auto", "full", "gentle")),
    default="auto",
    show_default=True,
    help="full: as fast as the machine can. gentle: so that people who search and log in hardly notice. "
    "auto: full while nobody has an account yet, gentle otherwise.",
)
@data_option
def import_command(file: Path, rejects: Path | None, pace: str, data: Path | None) -> None:
    """Bring in people from FILE: CSV or NDJSON, also gzipped; - is standard input.

    Safe to interrupt and to run again: nobody comes in twice. Exits with 0 if everybody is in, 3 if rows were
    rejected, 1 if it couldn't go on, 130 if it was interrupted.
    """
    # Imported here and below: what they need takes a while to load, and other commands don't need it.
    from frontdesk import transfer

    with meant(data) as settings:
        sys.exit(transfer.import_file(settings, file, rejects=rejects, pace=pace))


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option(
    "--format",
    "form",
    type=click.Choice(("csv", "ndjson")),
    help="[default: csv if FILE ends in .csv or .csv.gz, else ndjson]",
)
@click.option("--gzip", "zipped", is_flag=True, help="Compress; so does a FILE that ends in .gz.")
@data_option
def export_command(file: Path, form: Any, zipped: bool, data: Path | None) -> None:
    """Write everybody to FILE, or to standard output, as `frontdesk import` reads it: with password hashes."""
    from frontdesk import transfer

    with meant(data) as settings:
        sys.exit(transfer.export_file(settings, file, form=form, zipped=zipped))
