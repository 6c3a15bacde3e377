"""The command line: up · serve · migrate · admin · doctor · settings."""

import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec
import uvloop

from frontdesk import __version__, logs
from frontdesk import settings as settings_module
from frontdesk.errors import FieldRefused, FrontdeskError, InvalidFields, InvalidSettings, OperatorError
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


_data = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".frontdesk"),
    show_default=True,
    help="Folder of `frontdesk up`; used where FRONTDESK_DATABASE_URL isn't set.",
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="frontdesk")
def main() -> None:
    """Accounts: people register, log in and find each other."""


@main.command()
@_data
def up(data: Path) -> None:
    """Start Frontdesk and a PostgreSQL of its own on this machine."""
    from frontdesk import local

    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_DATABASE_URL")
    }
    # One line a request is for machines; a person who tries it out wants to see where to go.
    environ.setdefault("FRONTDESK_LOG_LEVEL", "warning")
    environ.setdefault("FRONTDESK_DRAIN_DELAY", "0")
    settings = settings_module.load(environ)
    with local.postgres(data) as url:
        settings = msgspec.structs.replace(settings, database_url=url)
        _migrate(settings)
        _serve(settings, "all", welcome=True)


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
    _serve(_settings_with_database(), role)


@main.command()
def migrate() -> None:
    """Bring the database's schema to this version. Safe to run twice, also at once."""
    before, after = _migrate(_settings_with_database())
    if before == after:
        click.echo(f"The schema is at {after}: nothing to do.")
    else:
        click.echo(f"The schema went from {before or 'nothing'} to {after}.")


@main.command()
def settings() -> None:
    """Every setting, its value and its meaning; secrets hidden."""
    found = settings_module.load(os.environ)
    for setting in settings_module.describe():
        value = getattr(found, setting.field)
        shown = ",".join(value) if isinstance(value, tuple) else str(value)
        if setting.secret and value:
            shown = "(hidden)"
        click.echo(f"{setting.variable}={shown}")
        click.echo(click.style(f"    {setting.meaning}", dim=True))


@main.group()
def admin() -> None:
    """Look after accounts."""


@admin.command("create")
@click.option("--email", prompt="E-mail")
@click.option("--username", prompt="Username")
@click.option("--name", prompt="Name")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, not from the keyboard."
)
@_data
def admin_create(email: str, username: str, name: str, password_stdin: bool, data: Path) -> None:
    """Make an administrator."""
    from frontdesk.accounts.register import register
    from frontdesk.model import Client

    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)

    async def create(service: Any) -> None:
        account = await register(
            service,
            email=email,
            username=username,
            name=name,
            password=password,
            client=Client(address=None, user_agent=""),
            administrator=True,
        )
        click.echo(f"{account.username} is an administrator now.")

    _with_service(create, data)


@admin.command("disable")
@click.argument("username")
@_data
def admin_disable(username: str, data: Path) -> None:
    """Shut an account out: its sessions end, search forgets it, its data stays."""
    from frontdesk.accounts import moderation

    async def disable(service: Any) -> None:
        account = await moderation.disable(service, username)
        click.echo(f"{account.username} is disabled. `frontdesk admin enable {account.username}` undoes it.")

    _with_service(disable, data)


@admin.command("enable")
@click.argument("username")
@_data
def admin_enable(username: str, data: Path) -> None:
    """Let a disabled account in again."""
    from frontdesk.accounts import moderation

    async def enable(service: Any) -> None:
        account = await moderation.enable(service, username)
        click.echo(f"{account.username} is enabled.")

    _with_service(enable, data)


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


def _serve(settings: Settings, role: str, *, welcome: bool = False) -> None:
    from frontdesk import app
    from frontdesk.server import listen

    sock = listen(settings)
    logs.configure(settings.log_level)
    port = sock.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    if welcome:
        click.echo(
            f"\n  Frontdesk is at  {click.style(f'http://{host}:{port}', bold=True)}"
            "\n  The first administrator:  frontdesk admin create   (in another terminal; make admin does it too)"
            "\n  Ctrl-C stops it.\n"
        )
    else:
        click.echo(f"frontdesk {__version__} answers as {role} on http://{host}:{port}", err=True)
    uvloop.run(app.serve(settings, role, sock))


def _migrate(settings: Settings) -> tuple[str | None, str]:
    from frontdesk.store import connection, schema

    uvloop.run(connection.check(settings.database_url, wait=settings.database_wait))
    # Nearly always there's nothing to do, and finding that out needs no Alembic.
    if uvloop.run(schema.revision(settings.database_url)) == schema.REVISION:
        return schema.REVISION, schema.REVISION
    return schema.migrate(settings.database_url)


def _settings_with_database() -> Settings:
    found = settings_module.load(os.environ)
    if not found.database_url:
        raise InvalidSettings(
            "FRONTDESK_DATABASE_URL isn't set",
            "Set it (or FRONTDESK_DATABASE_URL_FILE), or use `frontdesk up`, which brings a PostgreSQL.",
        )
    return found


def _with_service(work: Callable[[Any], Awaitable[None]], data: Path) -> None:
    from frontdesk import app
    from frontdesk.store import connection

    async def run(settings: Settings) -> None:
        await connection.check(settings.database_url)
        async with app.open_service(settings) as service:
            await work(service)

    with _database(data) as settings:
        uvloop.run(run(settings))


@contextlib.contextmanager
def _database(data: Path) -> Iterator[Settings]:
    """Settings with the database that is meant: the variable's, a running `up`'s, or that of a stopped one."""
    from frontdesk import local

    found = settings_module.load(os.environ)
    if found.database_url:
        yield found
    elif url := local.running(data):
        yield msgspec.structs.replace(found, database_url=url)
    elif local.exists(data):
        with local.postgres(data) as url:
            yield msgspec.structs.replace(found, database_url=url)
    else:
        raise InvalidSettings(
            f"FRONTDESK_DATABASE_URL isn't set, and there's no `frontdesk up` in {data}",
            "Set the variable, or start `frontdesk up` first.",
        )


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
