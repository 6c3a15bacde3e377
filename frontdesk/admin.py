"""The commands `frontdesk admin`."""

import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import click
import uvloop

from frontdesk.database import data_option, meant
from frontdesk.errors import NotFound, OperatorError
from frontdesk.settings import Settings


@click.group()
def admin() -> None:
    """Look after accounts."""


@admin.command("create")
@click.option("--email", prompt="E-mail")
@click.option("--username", prompt="Username")
@click.option("--name", prompt="Name")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, not from the keyboard."
)
@data_option
def admin_create(email: str, username: str, name: str, password_stdin: bool, data: Path | None) -> None:
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
@data_option
def admin_disable(username: str, data: Path | None) -> None:
    """Shut an account out: its sessions end, search forgets it, its data stays."""
    from frontdesk.accounts import moderation

    async def disable(service: Any) -> None:
        with _somebody(username):
            account = await moderation.disable(service, username)
        click.echo(f"{account.username} is disabled. `frontdesk admin enable {account.username}` undoes it.")

    _with_service(disable, data)


@admin.command("enable")
@click.argument("username")
@data_option
def admin_enable(username: str, data: Path | None) -> None:
    """Let a disabled account in again."""
    from frontdesk.accounts import moderation

    async def enable(service: Any) -> None:
        with _somebody(username):
            account = await moderation.enable(service, username)
        click.echo(f"{account.username} is enabled.")

    _with_service(enable, data)


def _with_service(work: Callable[[Any], Awaitable[None]], data: Path | None) -> None:
    from frontdesk import app
    from frontdesk.store import schema

    async def run(settings: Settings) -> None:
        await schema.check(settings.database_url)
        async with app.open_service(settings) as service:
            await work(service)

    with meant(data) as settings:
        uvloop.run(run(settings))


@contextlib.contextmanager
def _somebody(username: str) -> Iterator[None]:
    try:
        yield
    except NotFound as error:
        raise OperatorError(f"nobody has the username {username!r}", "Check how it's spelt.") from error
