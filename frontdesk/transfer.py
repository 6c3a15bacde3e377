"""Filling a directory from a file, and writing everybody to one: what the commands import and export do."""

import contextlib
import dataclasses
import gzip
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import click
import msgspec

from frontdesk import sigterm
from frontdesk.accounts.checking import Fault, Rejected
from frontdesk.accounts.cores import available_cores
from frontdesk.accounts.exporting import Format, export_rows
from frontdesk.accounts.importing import Tally, import_rows
from frontdesk.accounts.pace import full_pace, gentle_pace
from frontdesk.accounts.rows import Rows
from frontdesk.api.problems import FIELD_DETAILS, PROBLEMS
from frontdesk.errors import EmailTaken, OperatorError, UsernameTaken
from frontdesk.progress import left, say, shown
from frontdesk.settings import Settings
from frontdesk.store import connection, importing, schema

SOME_REJECTED = 3

# A statement writes thousands of rows, where requests write one.
_STATEMENT_SECONDS = 300.0
# The reader of an export may be slow, and the transaction waits for it.
_EXPORT_SECONDS = 43_200.0
# A file as small as this is done before another process has started.
_SMALL = 200_000
_STANDARD = Path("-")


def import_file(settings: Settings, file: Path, *, rejects: Path | None, pace: str) -> int:
    """Bring in everybody from `file` and tell how it went; the exit code.

    rejects: where rows go that can't come in; pace: full, gentle or auto. Raises OperatorError.
    """
    ours = rejects is None
    if rejects is None:
        rejects = Path("import.rejected.ndjson" if file == _STANDARD else f"{file}.rejected.ndjson")
    elif file.exists() and rejects.exists() and rejects.samefile(file):
        raise OperatorError("--rejects is the file to import", "Choose another.")
    tally = Tally()

    async def run(source: BinaryIO, rows: Rows) -> None:
        async with _database(settings, _STATEMENT_SECONDS) as db:
            with _rejects(rejects, ours=ours) as reject:
                size = os.fstat(source.fileno()).st_size if source.seekable() else 0
                full = pace == "full" or (pace == "auto" and await importing.is_empty(db))
                chosen = full_pace(available_cores()) if full else gentle_pace()
                if 0 < size <= _SMALL:
                    chosen = dataclasses.replace(chosen, processes=0)
                async with shown(lambda seconds: _progress(tally, size, seconds)):
                    await import_rows(db, rows, pace=chosen, reject=reject, tally=tally)

    try:
        with _opened(file) as source:
            # The first read may wait for somebody to type; outside of the event loop Ctrl-C ends it.
            rows = Rows(source, "standard input" if file == _STANDARD else str(file))
            if interrupted := sigterm.exit_code_of(run(source, rows)):
                say(f"Interrupted. {_sum(tally)} The same command goes on from here.")
                return interrupted
    except KeyboardInterrupt:
        return sigterm.INTERRUPTED
    except OperatorError:
        if tally.rows:
            say(_sum(tally))
        raise
    click.echo(_sum(tally) + (f" See {rejects}." if tally.rejected else ""))
    return SOME_REJECTED if tally.rejected else 0


def export_file(settings: Settings, file: Path, *, form: Format | None, zipped: bool) -> int:
    """Write everybody to `file`; the exit code. Raises OperatorError, Unavailable."""
    name = file.name.lower()
    zipped = zipped or name.endswith(".gz")
    chosen: Format = form or ("csv" if name.removesuffix(".gz").endswith(".csv") else "ndjson")
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows

    async def run() -> None:
        async with _database(settings, _EXPORT_SECONDS) as db:
            with _written(file, zipped) as target:
                async with shown(lambda seconds: (None, f"{done:,} people, {done / seconds:,.0f}/s")):
                    await export_rows(db, form=chosen, write=target.write, count=count)

    if interrupted := sigterm.exit_code_of(run()):
        say("Interrupted: the export isn't whole.")
        return interrupted
    where = "what was written" if file == _STANDARD else str(file)
    say(f"{_people(done)} exported. Keep {where} as safe as the database: it has the password hashes.")
    return 0


@contextlib.asynccontextmanager
async def _database(settings: Settings, seconds: float) -> AsyncIterator[connection.Database]:
    await schema.check(settings.database_url)
    db = connection.open_database(settings.database_url, size=4, timeout=seconds, bulk=True)
    try:
        yield db
    finally:
        await db.close()


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == _STANDARD:
        # Not sys.stdin, which the interpreter wants to close at its end, while a thread still waits for more.
        yield open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115 - stays open
        return
    try:
        source = file.open("rb")
    except OSError as error:
        _cannot("read", file, error)
    with source:
        yield source


@contextlib.contextmanager
def _rejects(path: Path, *, ours: bool) -> Iterator[Callable[[Rejected], None]]:
    """What writes a rejected row to `path`. The file of an earlier run is replaced: all its rows come again."""
    file: BinaryIO | None = None

    def reject(row: Rejected) -> None:
        nonlocal file
        if file is None:
            file = _private(path)
        line = {"line": row.line, "reason": "; ".join(map(_reason, row.faults)), "row": row.row}
        try:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
        except OSError as error:
            _cannot("write", path, error)

    try:
        yield reject
    finally:
        if file is not None:
            file.close()
    if file is None and ours:
        # What an earlier run of this file rejected is in now.
        path.unlink(missing_ok=True)


def _private(path: Path) -> BinaryIO:
    """A file that nobody else can read, also if it was there before."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        if path.is_file():
            os.fchmod(descriptor, 0o600)
    except OSError as error:
        _cannot("write", path, error)
    return os.fdopen(descriptor, "wb")


@contextlib.contextmanager
def _written(file: Path, zipped: bool) -> Iterator[BinaryIO]:
    """What writes to `file`, which is there once everything is in it."""
    if file == _STANDARD:
        with _zipped(sys.stdout.buffer, zipped) as target:
            yield target
        sys.stdout.buffer.flush()
        return
    part = file.with_name(file.name + ".part")
    try:
        with _private(part) as raw:
            with _zipped(raw, zipped) as target:
                yield target
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(file)
    except OSError as error:
        _cannot("write", file, error)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _zipped(raw: BinaryIO, zipped: bool) -> Iterator[BinaryIO]:
    if not zipped:
        yield raw
        return
    # Level 6 halves the speed, for a tenth less.
    with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=3) as target:
        yield target  # type: ignore[misc]


def _reason(fault: Fault) -> str:
    taken = {
        "email_taken": PROBLEMS[EmailTaken][2],
        "username_taken": PROBLEMS[UsernameTaken][2],
        "id_taken": "Another account has this id",
    }
    if fault.code in taken:
        return taken[fault.code]
    said = fault.said or FIELD_DETAILS[fault.code].format(limit=fault.limit)
    return f"{fault.field}: {said}" if fault.said and fault.field else f"{fault.field} {said}".strip()


def _progress(tally: Tally, size: int, seconds: float) -> tuple[float | None, str]:
    done = tally.position / size if size else None
    parts = [f"{tally.rows:,} people", f"{tally.rows / seconds:,.0f}/s"]
    if tally.rejected:
        parts.append(f"{tally.rejected:,} rejected")
    if tally.waiting:
        parts.append("waiting for the database")
    elif done:
        parts.append(left(seconds, done))
    return done, ", ".join(parts)


def _sum(tally: Tally) -> str:
    return f"{_people(tally.added)} added, {tally.there:,} already there, {tally.rejected:,} rejected."


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _cannot(do: str, path: Path, error: OSError) -> NoReturn:
    # Whoever read the output has seen enough; cli.py ends quietly.
    if isinstance(error, BrokenPipeError):
        raise error
    raise OperatorError(f"can't {do} {path}: {error.strerror or 'error'}") from error
