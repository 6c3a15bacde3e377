"""What the command line says when something can't be done: one line, what is wrong and what to do."""

import asyncio
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from frontdesk import cli, local
from frontdesk.store import schema
from tests.serving import command

PASSWORD = "three grey geese went by"
TYPED_PASSWORD = PASSWORD.replace(" ", "%20")

Done = subprocess.CompletedProcess[str]

COMMANDS = [
    ("serve",),
    ("migrate",),
    ("admin", "create", "--email", "a@example.org", "--username", "ann", "--name", "Ann", "--password-stdin"),
]
every_command = pytest.mark.parametrize("arguments", COMMANDS, ids=[words[0] for words in COMMANDS])


def test_the_module_names_every_command() -> None:
    assert set(re.findall(r"\w+", (cli.__doc__ or "").partition(":")[2])) == set(cli.main.commands)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a PostgreSQL that asks for passwords and has no TLS; its user is `frontdesk`."""
    folder = tmp_path_factory.mktemp("guarded")
    hba = folder / "pg_hba.conf"
    hba.write_text(
        "local all postgres trust\nhost all shut 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    port = free_port()
    with local.postgres(
        folder / "data",
        listen_addresses="127.0.0.1",
        port=str(port),
        hba_file=str(hba),
        max_connections="8",
        fsync="off",
    ) as url:
        _execute(
            url,
            f"CREATE ROLE frontdesk LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'",
            "CREATE DATABASE accounts OWNER frontdesk",
            "REVOKE CONNECT ON DATABASE accounts FROM public",
            "CREATE DATABASE blank OWNER frontdesk",
        )
        yield f"127.0.0.1:{port}"


def _execute(url: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


def fails(arguments: tuple[str, ...], **variables: str) -> str:
    """The one line that a command ends with."""
    variables = {"FRONTDESK_DATABASE_WAIT": "0", "FRONTDESK_PORT": "0", **variables}
    done = command(*arguments, stdin="nine wet herons in a row\n", **variables)
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert re.fullmatch(r"frontdesk: .+\n", done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stderr
    assert TYPED_PASSWORD not in done.stderr
    return done.stderr


@every_command
def test_wrong_password(arguments: tuple[str, ...], guarded: str) -> None:
    said = fails(arguments, FRONTDESK_DATABASE_URL=f"postgresql://frontdesk:heron-7431@{guarded}/accounts")
    assert f"PostgreSQL at {guarded} refuses the password of frontdesk" in said
    assert "Check user and password in FRONTDESK_DATABASE_URL" in said
    assert "heron-7431" not in said


def test_no_password(guarded: str) -> None:
    said = fails(("serve",), FRONTDESK_DATABASE_URL=f"postgresql://frontdesk@{guarded}/accounts")
    assert f"PostgreSQL at {guarded} refuses the password of frontdesk" in said


@every_command
def test_unknown_database(arguments: tuple[str, ...], guarded: str) -> None:
    said = fails(
        arguments, FRONTDESK_DATABASE_URL=f"postgresql://frontdesk:{TYPED_PASSWORD}@{guarded}/acounts"
    )
    assert f"PostgreSQL at {guarded} has no database acounts" in said
    assert "createdb acounts" in said


def test_user_who_may_not_enter_the_database(guarded: str) -> None:
    url = f"postgresql://guest:{TYPED_PASSWORD}@{guarded}/accounts"
    said = fails(("serve",), FRONTDESK_DATABASE_URL=url)
    assert "doesn't let guest in: permission denied for database" in said


def test_user_whom_pg_hba_shuts_out(guarded: str) -> None:
    said = fails(("serve",), FRONTDESK_DATABASE_URL=f"postgresql://shut:{TYPED_PASSWORD}@{guarded}/accounts")
    assert "doesn't let shut in: pg_hba.conf rejects" in said


@every_command
def test_tls_asked_of_a_server_without(arguments: tuple[str, ...], guarded: str) -> None:
    url = f"postgresql://frontdesk:{TYPED_PASSWORD}@{guarded}/accounts?sslmode=require"
    said = fails(arguments, FRONTDESK_DATABASE_URL=url)
    assert f"PostgreSQL at {guarded} has no TLS" in said
    assert "sslmode" in said


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("sslmode=sometimes", "can't be read.*sslmode"),
        (
            "sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
            "certificate that .* names isn't there.*sslrootcert",
        ),
        ("sslmode=verify-full", "root certificate file .* does not exist"),
        ("sslmod=require", 'unrecognized configuration parameter "sslmod"'),
        ("target_session_attrs=standby", "none of .* target_session_attrs"),
        ("options=-c%20work_mem=much", "work_mem"),
    ],
)
def test_option_in_the_url_that_is_wrong(guarded: str, option: str, expected: str) -> None:
    url = f"postgresql://frontdesk:{TYPED_PASSWORD}@{guarded}/accounts?{option}"
    assert re.search(expected, fails(("migrate",), FRONTDESK_DATABASE_URL=url))


def test_certificate_that_nobody_vouches_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    other = folder / "other.pem"
    _certify("other", other, folder / "other-key.pem")
    _certify("127.0.0.1", certificate, key)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=_answer_with_tls, args=(listener, certificate, key), daemon=True).start()
        said = fails(
            ("migrate",),
            FRONTDESK_DATABASE_URL=f"postgresql://u@{where}/d?sslmode=verify-full&sslrootcert={other}",
        )
    assert f"PostgreSQL at {where} shows a certificate that isn't trusted: self-signed certificate" in said
    assert "sslrootcert" in said


def _certify(name: str, certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _answer_with_tls(listener: socket.socket, certificate: Path, key: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    while True:
        try:
            connection, _ = listener.accept()
            connection.recv(8)
            connection.sendall(b"S")
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            return


@every_command
def test_database_that_is_down(arguments: tuple[str, ...]) -> None:
    where = f"127.0.0.1:{free_port()}"
    said = fails(arguments, FRONTDESK_DATABASE_URL=f"postgresql://u:{TYPED_PASSWORD}@{where}/d")
    assert f"PostgreSQL at {where} doesn't answer" in said


def test_host_that_does_not_exist() -> None:
    said = fails(("migrate",), FRONTDESK_DATABASE_URL="postgresql://u@nowhere.invalid/d")
    assert "no host nowhere.invalid" in said


def test_socket_that_does_not_exist() -> None:
    said = fails(("migrate",), FRONTDESK_DATABASE_URL="postgresql:///d?host=/nowhere")
    assert "PostgreSQL at /nowhere doesn't answer" in said


def test_port_of_something_that_is_not_postgresql() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=_answer_http, args=(listener,), daemon=True).start()
        said = fails(("migrate",), FRONTDESK_DATABASE_URL=f"postgresql://u@{where}/d?sslmode=disable")
    assert where in said


def _answer_http(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
            connection.recv(64)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()
        except OSError:
            return


@pytest.mark.parametrize("arguments", [("serve",), ("migrate",)])
@pytest.mark.parametrize(
    "url", ["postgresql://[::1", "heron-7431", "postgresql://u:heron-7431@h:x/d", "mysql://h"]
)
def test_url_that_can_not_be_read(arguments: tuple[str, ...], url: str) -> None:
    said = fails(arguments, FRONTDESK_DATABASE_URL=url)
    assert "FRONTDESK_DATABASE_URL must be like postgresql://" in said
    assert "heron-7431" not in said


@pytest.mark.parametrize("arguments", [("serve",), ("migrate",)])
def test_no_database_at_all(arguments: tuple[str, ...]) -> None:
    assert "FRONTDESK_DATABASE_URL isn't set" in fails(arguments)


def test_admin_without_a_database(tmp_path: Path) -> None:
    said = fails((*COMMANDS[2], "--data", str(tmp_path / "none")))
    assert "there's no `frontdesk up` in" in said
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("arguments", [("serve",), ("up",)])
def test_port_that_is_taken(arguments: tuple[str, ...], served_url: str, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        data = ("--data", str(tmp_path / "data")) if arguments == ("up",) else ()
        said = fails((*arguments, *data), FRONTDESK_DATABASE_URL=served_url, FRONTDESK_PORT=str(port))
    assert f"can't listen on 127.0.0.1:{port}: Address already in use" in said
    assert "FRONTDESK_PORT" in said


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.77", "a..b", "x" * 200])
def test_address_that_is_not_ours(host: str, served_url: str) -> None:
    said = fails(("serve",), FRONTDESK_DATABASE_URL=served_url, FRONTDESK_HOST=host)
    assert f"can't listen on {host}:0" in said


def test_admin_on_a_database_without_a_schema(unmigrated_url: str) -> None:
    said = fails(COMMANDS[2], FRONTDESK_DATABASE_URL=unmigrated_url)
    assert "frontdesk migrate" in said


def test_migrating_as_a_user_who_may_not(guarded: str) -> None:
    said = fails(("migrate",), FRONTDESK_DATABASE_URL=f"postgresql://guest:{TYPED_PASSWORD}@{guarded}/blank")
    assert "changed nothing: permission denied for schema public" in said


def test_server_that_is_full(guarded: str) -> None:
    url = f"postgresql://frontdesk:{TYPED_PASSWORD}@{guarded}/accounts"

    async def crowd() -> str:
        taken = []
        try:
            while True:
                taken.append(await asyncpg.connect(url))
        except asyncpg.TooManyConnectionsError:
            return await asyncio.to_thread(fails, ("migrate",), FRONTDESK_DATABASE_URL=url)
        finally:
            for connection in taken:
                await connection.close()

    assert "is full" in asyncio.run(crowd())


def test_serve_waits_for_a_database_that_starts_later_than_it(guarded: str) -> None:
    # The port is free at first; a server that accepts and says no more stands for one that starts.
    url = f"postgresql://frontdesk:{TYPED_PASSWORD}@127.0.0.1:{free_port()}/accounts"
    began = time.monotonic()
    said = fails(("migrate",), FRONTDESK_DATABASE_URL=url, FRONTDESK_DATABASE_WAIT="0.7")
    assert "doesn't answer" in said
    assert 0.7 <= time.monotonic() - began < 5


def make_admin(username: str, url: str, password: str = "nine wet herons in a row") -> Done:
    return command(
        *("admin", "create", "--email", f"{username}@example.org", "--username", username),
        *("--name", "Ann Archer", "--password-stdin"),
        stdin=password + "\n",
        FRONTDESK_DATABASE_URL=url,
    )


async def test_administrator_is_made_disabled_and_enabled(database_url: str, db: asyncpg.Connection) -> None:
    done = make_admin("ann", database_url)
    assert (done.returncode, done.stdout) == (0, "ann is an administrator now.\n")
    assert await db.fetchval("SELECT administrator FROM accounts WHERE username = 'ann'")
    done = command("admin", "disable", "ANN", FRONTDESK_DATABASE_URL=database_url)
    assert done.returncode == 0, done
    assert await db.fetchval("SELECT disabled_at IS NOT NULL FROM accounts WHERE username = 'ann'")
    done = command("admin", "enable", "ann", FRONTDESK_DATABASE_URL=database_url)
    assert done.returncode == 0, done
    assert await db.fetchval("SELECT disabled_at IS NULL FROM accounts WHERE username = 'ann'")


def test_administrator_that_can_not_be_made_says_why(served_url: str) -> None:
    assert make_admin("ann", served_url).returncode == 0
    done = make_admin("Ann", served_url)
    assert done.returncode == 1
    assert "Another account has this" in done.stderr
    done = make_admin("bea", served_url, password="short")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "frontdesk: password must have 15 characters at least.\n"


@pytest.mark.parametrize("username", ["nobody", "a\udcff", "x" * 5000])
@pytest.mark.parametrize("verb", ["disable", "enable"])
def test_somebody_unknown_can_not_be_disabled(verb: str, username: str, served_url: str) -> None:
    said = fails(("admin", verb, username), FRONTDESK_DATABASE_URL=served_url)
    assert "nobody has the username" in said


def test_revision_that_the_commands_compare_is_the_schemas() -> None:
    assert schema.REVISION.isdecimal()


def test_help_names_every_command() -> None:
    done = command("--help")
    assert done.returncode == 0
    for name in cli.main.commands:
        assert f"  {name} " in done.stdout


def test_unknown_command_is_refused_with_a_usage_line() -> None:
    done = command("sevre")
    assert done.returncode == 2
    assert "Usage: " in done.stderr


def test_doctor_runs_anywhere() -> None:
    done = command("doctor")
    assert done.returncode == 0, done
    assert "ok  Python" in done.stdout


def test_doctor_runs_where_nothing_is_installed(tmp_path: Path) -> None:
    done = command("doctor", PATH=str(tmp_path))
    assert done.returncode == 0, done
    assert "no  Docker's client" in done.stdout
    assert "https://docs.docker.com/engine/install/" in done.stdout


def test_doctor_says_what_is_too_old(tmp_path: Path) -> None:
    for name, said in (("docker", "24.0.9"), ("kubectl", '{"gitVersion": "v1.29.9"}')):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{said}'\n")
        (tmp_path / name).chmod(0o755)
    done = command("doctor", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert "no  Docker Engine 24.0.9\n    Install Docker 25 or newer" in done.stdout
    assert "no  Kubernetes: kubectl 1.29.9\n    Install version 1.30 or newer" in done.stdout
