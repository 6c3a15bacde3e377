"""The command line: run · passwords · service-file."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

import click

from frontdesk_operator import passwords as passwords_module
from frontdesk_operator.errors import OperatorError


class Commands(click.Group):
    """A group whose commands end in one line, not in a traceback, when something can't be done."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except OperatorError as error:
            _fail(str(error))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Keeps Frontdesks in Kubernetes as their resources say."""


@main.command()
@click.option("--namespace", "namespaces", multiple=True, help="Look after this one only; may be repeated.")
@click.option(
    "--lease-namespace",
    envvar="NAMESPACE",
    default="default",
    show_default=True,
    help="Where the Lease is that makes one of several controllers the one that works.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True,
              help="For /livez, /readyz and /metrics.")  # fmt: skip
def run(namespaces: tuple[str, ...], lease_namespace: str, port: int) -> None:
    """Look after every Frontdesk."""
    from frontdesk_operator import controller

    sys.exit(asyncio.run(controller.run(namespaces, lease_namespace, port)))


@main.command()
@click.option("--namespace", required=True)
@click.option("--instance", required=True, help="The Secret is called INSTANCE-database.")
def passwords(namespace: str, instance: str) -> None:
    """Make the passwords of a Frontdesk's own database, if they aren't there yet."""
    from frontdesk_operator.client import Client

    async def make() -> bool:
        async with Client() as client:
            return await passwords_module.ensure(client, namespace, instance)

    made = asyncio.run(make())
    click.echo(f"{namespace}/{instance}-database {'made' if made else 'is there already: nothing to do'}")


@main.command("service-file")
@click.argument("url_file", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def service_file(url_file: Path, target: Path) -> None:
    """Write the database URL in a file as a service file of libpq, for pg_dump and psql."""
    try:
        text = connection_service(url_file.read_text(encoding="utf-8").strip())
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{url_file} → {target}: {error}") from error


def connection_service(url: str) -> str:
    """A connection service file (PostgreSQL: "The Connection Service File") with the service `database`, of a URL.

    Raises OperatorError, which doesn't show the URL: there's a password in it.
    """
    try:
        parts = urlsplit(url)
        found = {
            "host": unquote(parts.hostname or ""),
            "port": str(parts.port or ""),
            "dbname": unquote(parts.path.removeprefix("/")),
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            **dict(parse_qsl(parts.query)),
        }
    except ValueError:
        found = {}
    if not found or parts.scheme not in ("postgresql", "postgres"):
        raise OperatorError("the database URL isn't like postgresql://user:password@host:5432/database")
    if any("\n" in value or value != value.strip() for value in found.values()):
        # Neither can be written into such a file.
        raise OperatorError("the database URL has a line's end, or a space at the end of a part")
    return "[database]\n" + "".join(f"{name}={value}\n" for name, value in found.items() if value)


def _fail(what: str) -> NoReturn:
    click.echo(f"frontdesk-operator: {what}", err=True)
    sys.exit(1)
