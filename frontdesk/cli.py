"""The command line: up · serve · migrate · admin · import · export · repack · secrets · doctor · settings."""

import os
import shlex
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec
import uvloop

from frontdesk import __version__, filling, logs, processes, sigterm
from frontdesk import settings as settings_module
from frontdesk.admin import admin
from frontdesk.database import DATA
from frontdesk.database import migrate as migrate_database
from frontdesk.errors import (
    FieldRefused,
    FrontdeskError,
    InvalidFields,
    InvalidSettings,
    OperatorError,
)
from frontdesk.repack import repack_command
from frontdesk.settings import Settings


class Commands(click.Group):
    """A group whose commands end in one line, not in a traceback, when something can't be done."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except OperatorError as error:
            _fail(str(error), error.advice)
        except FrontdeskError as error:
            _fail(_in_words(error))
        except BrokenPipeError:
            # Whoever read our output, such as `head`, has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="frontdesk")
def main() -> None:
    """Accounts: people register, log in and find each other."""


@main.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    default=DATA,
    show_default=True,
    help="Folder that keeps the data.",
)
def up(data: Path) -> None:
    """Start Frontdesk and a PostgreSQL of its own on this machine."""
    from frontdesk import local

    sigterm.end()
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_DATABASE_URL")
    }
    # One line a request is for machines; a person who tries it out wants to see where to go.
    environ.setdefault("FRONTDESK_LOG_LEVEL", "warning")
    environ.setdefault("FRONTDESK_DRAIN_DELAY", "0")
    settings = settings_module.load(environ)
    if settings.smtp_url:
        settings_module.check_mail(settings)
    # Before PostgreSQL starts, which takes longer than finding the port taken.
    sock = _listen(settings)
    with local.postgres(data) as url:
        settings = msgspec.structs.replace(settings, database_url=url)
        migrate_database(settings)
        _serve(settings, "all", sock, _welcome(data, mails=not settings.smtp_url), keep_mails=True)


@main.command()
@click.option(
    "--role",
    type=click.Choice(("web", "api", "all")),
    default="all",
    show_default=True,
    help="Answer pages, the API, or both.",
)
def serve(role: str) -> None:
    """Answer requests. Settings come from FRONTDESK_* variables."""
    sigterm.end()
    settings = _settings_with_database()
    settings_module.check_mail(settings)
    sock = _listen(settings)
    _serve(settings, role, sock, f"frontdesk {__version__} answers as {role} on {{url}}")


@main.command()
@click.option(
    "--refuse-newer",
    is_flag=True,
    help="Fail if the schema is newer than this version, and so is what wrote it.",
)
def migrate(refuse_newer: bool) -> None:
    """Bring the database's schema to this version. Safe to run twice, also at once."""
    from frontdesk.store import schema

    sigterm.end()
    before, after = migrate_database(_settings_with_database())
    if refuse_newer and after > schema.REVISION:
        raise OperatorError(
            f"the schema is at {after}, and this version knows it up to {schema.REVISION}: "
            "going back past a migration is refused",
            "Take a version that knows it, or restore a backup from before the migration.",
        )
    if before == after:
        click.echo(f"The schema is at {after}: nothing to do.")
    else:
        click.echo(f"The schema went from {before or 'nothing'} to {after}.")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--database", default="db:5432", show_default=True, help="Where PostgreSQL will be, host:port.")
@click.option(
    "--name",
    "names",
    multiple=True,
    default=("localhost", "127.0.0.1", "::1"),
    show_default=True,
    help="A host or address of the self-signed certificate.",
)
@click.option(
    "--certificate-stdin",
    is_flag=True,
    help="Take another certificate instead: it, its chain and its key, as PEM, from standard input.",
)
def secrets(folder: Path, database: str, names: tuple[str, ...], certificate_stdin: bool) -> None:
    """Make a deployment's passwords and certificate, each in a file of FOLDER, where it isn't yet."""
    from frontdesk import secret_files

    try:
        if certificate_stdin:
            expires = secret_files.replace_certificate(folder, sys.stdin.buffer.read())
            click.echo(f"The certificate is in place. It expires on {expires:%Y-%m-%d}.")
            return
        for made in secret_files.make(folder, database, names):
            click.echo(f"Made {made}.")
    except ValueError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"the secrets can't be written: {error}")


@main.command()
def settings() -> None:
    """Every setting, its value and its meaning; secrets hidden."""
    wrong: InvalidSettings | None = None
    try:
        found = settings_module.load(os.environ)
    except InvalidSettings as error:
        # Whoever has a name or a value wrong needs this list the most.
        found, wrong = Settings(), error
    for setting in settings_module.describe():
        value = getattr(found, setting.field)
        shown = ",".join(value) if isinstance(value, tuple) else str(value)
        if setting.secret and value:
            shown = "(hidden)"
        click.echo(f"{setting.variable}={shown}")
        click.echo(click.style(f"    {setting.meaning}", dim=True))
    if wrong:
        _fail(f"{wrong}; these are the defaults")


@main.command()
def doctor() -> None:
    """Is this machine ready for Frontdesk, Docker, Compose, Swarm, Kubernetes; and what to do if not."""
    from frontdesk.doctor import examine

    ready = True
    for finding in examine():
        mark = click.style("ok ", fg="green") if finding.ok else click.style("no ", fg="yellow")
        click.echo(f"{mark} {finding.what}")
        if not finding.ok:
            click.echo(f"    {finding.advice}")
            ready = ready and not finding.needed
    if not ready:
        sys.exit(1)


def _listen(settings: Settings) -> socket.socket:
    from frontdesk.server import listen

    return listen(settings)


main.add_command(admin)
main.add_command(filling.import_command)
main.add_command(filling.export_command)
main.add_command(repack_command)


def _serve(
    settings: Settings, role: str, sock: socket.socket, greeting: str, *, keep_mails: bool = False
) -> None:
    """Answer requests on `sock`. `greeting` is said before, its {url} being where.

    keep_mails: whether mails that there's no server for are kept, to be looked at.
    """
    from frontdesk import app
    from frontdesk.store import connection

    sigterm.run(connection.check(settings.database_url, wait=settings.database_wait))
    logs.configure(settings.log_level)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{sock.getsockname()[1]}"
    kept = (settings.public_url.rstrip("/") or url) if keep_mails else ""
    # Standard output is the log's.
    click.echo(greeting.replace("{url}", url), err=True)
    if settings.processes == 1:
        uvloop.run(app.serve(settings, role, sock, keep_mails=kept))
        return
    with tempfile.TemporaryDirectory(prefix="frontdesk-") as shared:
        code = processes.run(
            settings.processes,
            lambda number: uvloop.run(
                app.serve(settings, role, sock, shared=Path(shared), number=number, keep_mails=kept)
            ),
        )
    sys.exit(code)


def _welcome(data: Path, *, mails: bool) -> str:
    # As it was typed here: whoever came by `make run` has no `frontdesk` on the PATH.
    command = [sys.argv[0], "admin", "create"]
    if Path(sys.argv[0]).name == sys.argv[0] or shutil.which("frontdesk") == sys.argv[0]:
        command[0] = "frontdesk"
    if data != DATA:
        command += ["--data", str(data)]
    return (
        f"\n  Frontdesk is at          {click.style('{url}', bold=True)}"
        f"\n  Make an administrator:   {shlex.join(command)}   (here, in another terminal)"
        + ("\n  Mails it would send:     {url}/mails" if mails else "")
        + "\n  Stop it:                 Ctrl-C\n"
    )


def _settings_with_database() -> Settings:
    found = settings_module.load(os.environ)
    if not found.database_url:
        raise InvalidSettings(
            "FRONTDESK_DATABASE_URL isn't set",
            "Set it (or FRONTDESK_DATABASE_URL_FILE), or use `frontdesk up`, which brings a PostgreSQL.",
        )
    return found


def _in_words(error: FrontdeskError) -> str:
    from frontdesk.api.problems import FIELD_DETAILS, PROBLEMS

    if isinstance(error, FieldRefused):
        error = InvalidFields(error.error)
    if isinstance(error, InvalidFields):
        return "; ".join(f"{e.field} {FIELD_DETAILS[e.code].format(limit=e.limit)}" for e in error.errors)
    return next(
        (PROBLEMS[kind][2] for kind in type(error).__mro__ if kind in PROBLEMS), "Something went wrong"
    )


def _fail(what: str, advice: str = "") -> NoReturn:
    line = f"frontdesk: {what}." if not what.endswith((".", "?")) else f"frontdesk: {what}"
    click.echo(" ".join(f"{line} {advice}".split()), err=True)
    sys.exit(1)
