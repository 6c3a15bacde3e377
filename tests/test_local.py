"""`frontdesk up`: starts everything on this machine, keeps the data, and leaves nothing running."""

import contextlib
import fcntl
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from frontdesk import local
from frontdesk.errors import OperatorError
from tests.cast import ALICE
from tests.serving import FRONTDESK, clean_environ, command

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@dataclass
class Up:
    """A `frontdesk up` that answers."""

    url: str
    process: "subprocess.Popen[str]"
    said: Path
    ready_after: float

    def interrupt(self) -> None:
        """Ctrl-C: a terminal sends it to the whole group in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)


@contextlib.contextmanager
def up(data: Path, *before: str, cwd: Path | None = None, **variables: str) -> Iterator[Up]:
    said = data.parent / f"{data.name[:20]}-said"
    began = time.monotonic()
    arguments = [*before, str(FRONTDESK), "up", *([] if cwd else ["--data", str(data)])]
    with said.open("w") as output:
        process = subprocess.Popen(
            arguments,
            env=clean_environ(FRONTDESK_PORT="0", FRONTDESK_HASH_DEADLINE="10", **variables),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=cwd,
            start_new_session=True,
        )
    try:
        url = ""
        while not url:
            found = re.search(r"http://127\.0\.0\.1:\d+", said.read_text())
            if found and _answers(found[0]):
                url = found[0]
            assert process.poll() is None, said.read_text()
            assert time.monotonic() - began < 60
            time.sleep(0.01)
        yield Up(url, process, said, time.monotonic() - began)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(30)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url + "/readyz", timeout=5).status_code == 200
    return False


def postgres_processes(data: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(data / "postgres") == argument for argument in process.cmdline()):
                found.append(process)
    return found


def gone(data: Path, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while postgres_processes(data):
        assert time.monotonic() < deadline, postgres_processes(data)
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster_to_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `up` has run once, as whoever runs the tests."""
    data = tmp_path_factory.mktemp("once") / "data"
    with up(data) as first:
        assert httpx.post(first.url + "/api/v1/accounts", json=ALICE.fields()).status_code == 201
    return data


@pytest.fixture
def data(cluster_to_copy: Path, tmp_path: Path) -> Path:
    """A folder of a test's own in which `up` has run once, and Alice has registered."""
    copied = tmp_path / "data"
    subprocess.run(["cp", "-a", cluster_to_copy, copied], check=True)
    return copied


def create_admin(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return command(
        *("admin", "create", "--email", "ann@example.org", "--username", "ann", "--name", "Ann Archer"),
        *("--password-stdin", *arguments),
        stdin="seven fat larks in the sky\n",
        **variables,
    )


def test_second_start_is_ready_within_three_seconds_and_has_the_data_of_the_first(data: Path) -> None:
    with up(data) as again:
        sys.stderr.write(f"\n`frontdesk up` was ready after {again.ready_after:.2f} s\n")
        # Three on a quiet machine; the other tests of a full run share this one.
        assert again.ready_after < 3 * max(1.0, os.getloadavg()[0])
        login = {"login": "alice", "password": ALICE.password}
        assert httpx.post(again.url + "/api/v1/sessions", json=login).status_code == 201
        again.interrupt()
        assert again.process.wait(15) == 0
    gone(data, within=0.5)
    assert "Traceback" not in again.said.read_text()
    assert "Aborted" not in again.said.read_text()
    assert not (data / "postgres" / "postmaster.pid").exists()
    assert not (data / "url").exists()


def test_sigterm_stops_everything_too(data: Path) -> None:
    with up(data) as running:
        running.process.terminate()
        assert running.process.wait(15) == 0
    gone(data, within=0.5)


def test_killed_it_takes_postgresql_along_and_starts_again_at_once(data: Path) -> None:
    with up(data) as running:
        assert postgres_processes(data)
        running.process.kill()
        running.process.wait(5)
        # At once: PostgreSQL may still be on its way out.
        with up(data) as again:
            login = {"login": "alice", "password": ALICE.password}
            assert httpx.post(again.url + "/api/v1/sessions", json=login).status_code == 201
    gone(data)


def test_killed_and_not_started_again_it_leaves_no_postgresql(data: Path) -> None:
    with up(data) as running:
        running.process.kill()
        running.process.wait(5)
        gone(data)
        # The file that tells where the database is has stayed, and must not be believed.
        assert (data / "url").exists()
        assert local.running(data) is None


def test_number_of_a_crashed_postgresql_that_is_another_programs_now_is_no_hindrance(data: Path) -> None:
    other = subprocess.Popen(["sleep", "60"], user=_owner(data).st_uid if os.geteuid() == 0 else None)
    try:
        pid_file = data / "postgres" / "postmaster.pid"
        pid_file.write_text(f"{other.pid}\n{data / 'postgres'}\n1700000000\n5432\n\n\n\n")
        (data / "url").write_text("postgresql://postgres@/postgres?host=%2Fnowhere")
        with up(data) as running:
            assert running.ready_after > 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def _owner(data: Path) -> os.stat_result:
    return (data / "postgres").stat()


def test_half_made_data_is_made_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "postgres.new" / "base").mkdir(parents=True)
    (data / "postgres.new" / "PG_VERSION").write_text("18\n")
    with local.postgres(data, fsync="off") as url:
        assert url.startswith("postgresql://")
    assert not (data / "postgres.new").exists()


def test_second_up_on_the_same_folder_says_so_and_disturbs_nothing(data: Path) -> None:
    with up(data) as first:
        done = command("up", "--data", str(data), FRONTDESK_PORT="0")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"frontdesk: another `frontdesk up` runs on {data}. "
            "Stop it, or use another folder: --data FOLDER.\n"
        )
        assert httpx.get(first.url + "/readyz").status_code == 200
        assert local.running(data)
        assert "database system is ready" in (data / "postgres.log").read_text()


def test_administrator_is_made_while_it_runs_and_while_it_does_not(data: Path) -> None:
    with up(data) as running:
        done = create_admin("--data", str(data))
        assert (done.returncode, done.stdout) == (0, "ann is an administrator now.\n"), done
        login = {"login": "ann", "password": "seven fat larks in the sky"}
        assert httpx.post(running.url + "/api/v1/sessions", json=login).status_code == 201
    done = command("admin", "disable", "ann", "--data", str(data))
    assert done.returncode == 0, done
    gone(data, within=0.5)


def test_folder_that_is_named_is_meant_before_the_variable(data: Path) -> None:
    done = command(
        "admin",
        "disable",
        "alice",
        "--data",
        str(data),
        FRONTDESK_DATABASE_URL="postgresql://nowhere.invalid/d",
    )
    assert done.returncode == 0, done


@pytest.mark.parametrize(
    "name",
    ["with spaces", 'it\'s "quoted" $HOME `id`', "x" * 120, "ein Ordner für 王伟", "100%"],
    ids=range(5),
)
def test_any_path_will_do(name: str, cluster_to_copy: Path, tmp_path: Path) -> None:
    data = tmp_path / name
    subprocess.run(["cp", "-a", cluster_to_copy, data], check=True)
    with local.postgres(data, fsync="off") as url:
        assert local.running(data) == url
        assert command("admin", "disable", "alice", "--data", str(data)).returncode == 0
    gone(data, within=0.5)


def test_data_and_socket_are_closed_to_everyone_else(data: Path) -> None:
    data.chmod(0o755)
    with local.postgres(data, fsync="off"):
        for folder in (data, data / "run", data / "postgres"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
        assert not [c for c in postgres_processes(data)[0].net_connections() if c.family.name != "AF_UNIX"]


def test_socket_of_a_long_path_is_closed_to_everyone_else_and_removed(
    cluster_to_copy: Path, tmp_path: Path
) -> None:
    data = tmp_path / ("x" * 120)
    subprocess.run(["cp", "-a", cluster_to_copy, data], check=True)
    with local.postgres(data, fsync="off") as url:
        folder = Path(re.findall(r"host=([^&]+)", url)[0].replace("%2F", "/"))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(str(folder)) < 100
    assert not folder.exists()


def test_folder_that_holds_other_things_is_not_taken(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "run").mkdir()
    (tmp_path / "letters.txt").touch()
    with pytest.raises(OperatorError, match="holds other files"), local.postgres(tmp_path):
        pass
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_folder_that_is_put_in_its_place_after_it_was_checked_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, victim = tmp_path / "data", tmp_path / "victim"
    victim.mkdir(mode=0o755)
    before = victim.stat()
    looked = os.listdir

    def look_and_let_swap(folder: int) -> list[str]:
        found = looked(folder)
        if not data.is_symlink():
            data.rename(tmp_path / "checked")
            data.symlink_to(victim)
        return found

    monkeypatch.setattr(os, "listdir", look_and_let_swap)
    with pytest.raises(OperatorError), local.postgres(data):
        pass
    after = victim.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert not (victim / "run").exists()


def test_cluster_that_is_a_link_has_nothing_removed_from_where_it_leads(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    for folder in (data, other):
        folder.mkdir()
    (other / "PG_VERSION").write_text("18\n")
    (other / "postmaster.pid").write_text("1\n")
    (data / "postgres").symlink_to(other)
    with pytest.raises(OperatorError, match="can't use the folder"), local.postgres(data):
        pass
    assert (other / "postmaster.pid").exists()


def test_file_that_is_a_link_is_not_read(data: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("17\n")
    (data / "postgres" / "PG_VERSION").unlink()
    (data / "postgres" / "PG_VERSION").symlink_to(tmp_path / "secret")
    with pytest.raises(OperatorError, match="can't use the folder"), local.postgres(data):
        pass


@as_root
def test_root_follows_no_link_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "victim")
    with pytest.raises(OperatorError, match="can't use the folder"), local.postgres(tmp_path / "data"):
        pass
    assert not list((tmp_path / "victim").iterdir())


def test_folder_that_can_not_be_made_is_named() -> None:
    done = command("up", "--data", "/proc/frontdesk", FRONTDESK_PORT="0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("frontdesk: can't use the folder /proc/frontdesk: ")
    assert done.stderr.count("\n") == 1


def test_data_of_another_version_of_postgresql_is_refused(data: Path) -> None:
    (data / "postgres" / "PG_VERSION").write_text("17\n")
    with (
        pytest.raises(OperatorError, match="is of PostgreSQL 17, and here is PostgreSQL 18"),
        local.postgres(data),
    ):
        pass


def test_variables_meant_for_another_postgresql_do_no_harm(data: Path) -> None:
    foreign = {
        "PGPORT": "6543",
        "PGSERVICE": "elsewhere",
        "PGSSLMODE": "verify-full",
        "PGHOST": "nowhere.invalid",
        "PGDATA": "/nowhere",
        "PGOPTIONS": "-c nonsense=1",
    }
    with up(data, **foreign) as running:
        assert httpx.get(running.url + "/readyz").status_code == 200
        assert command("admin", "disable", "alice", "--data", str(data), **foreign).returncode == 0


def test_running_is_told_by_the_lock_and_nothing_else(data: Path) -> None:
    (data / "url").write_text("postgresql://x")
    assert local.running(data) is None
    folder = os.open(data, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        assert local.running(data) == "postgresql://x"
    finally:
        os.close(folder)
    assert local.running(data / "nowhere") is None


def test_command_that_it_prints_makes_the_administrator_as_it_is_typed(data: Path, tmp_path: Path) -> None:
    # As `make run` starts it: by a path from the project's folder, with no environment activated.
    project = tmp_path / "project"
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "frontdesk").symlink_to(FRONTDESK)
    data.rename(project / ".frontdesk")
    with up(
        project / ".frontdesk",
        "env",
        "PATH=/usr/bin:/bin",
        "sh",
        "-c",
        "exec .venv/bin/frontdesk up",
        cwd=project,
    ) as running:
        said = re.sub(r"\x1b\[[0-9;]*m", "", running.said.read_text())
        found = re.search(r"administrator: +(.+?)   \(", said)
        assert found
        assert shlex.split(found[1])[0] == ".venv/bin/frontdesk"
        options = "--email ann@example.org --username ann --name Ann --password-stdin"
        done = subprocess.run(
            ["sh", "-c", f"{found[1]} {options}"],
            cwd=project,
            env={"PATH": "/usr/bin:/bin"},
            input="seven fat larks in the sky\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "ann is an administrator now.\n"), done


@as_root
def test_root_and_an_ordinary_user_may_take_turns(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    if subprocess.run(_as_nobody("test", "-x", str(FRONTDESK)), check=False).returncode:
        pytest.skip("nobody can't reach this project")
    with _open_to_all("frontdesk-turns") as place:
        data = place / "data"
        shutil.chown(place, nobody.pw_uid, nobody.pw_gid)
        with up(data, *_as_nobody()):
            assert {process.username() for process in postgres_processes(data)} == {"nobody"}
        with up(data):
            assert {process.username() for process in postgres_processes(data)} == {"nobody"}
            gone_wrong = subprocess.run(
                [*_as_nobody(), FRONTDESK, "up", "--data", data],
                capture_output=True,
                text=True,
                check=False,
                env=clean_environ(FRONTDESK_PORT="0"),
            )
            assert gone_wrong.returncode == 1
            assert "another `frontdesk up` runs on" in gone_wrong.stderr
        with up(data, *_as_nobody()):
            pass
        gone(data)


@as_root
def test_root_lends_the_right_to_read_everything_to_no_ordinary_user(data: Path) -> None:
    # On the way to `data` is a folder that only root may enter: pytest's own.
    subprocess.run(["chown", "-R", "nobody", data], check=True)
    with pytest.raises(OperatorError, match="the user nobody can't reach"), local.postgres(data):
        pass


@as_root
def test_data_of_root_is_shown_to_no_ordinary_user(data: Path) -> None:
    if subprocess.run(_as_nobody("test", "-x", str(FRONTDESK)), check=False).returncode:
        pytest.skip("nobody can't reach this project")
    with _open_to_all("frontdesk-roots") as place:
        moved = place / "data"
        subprocess.run(["cp", "-a", data, moved], check=True)
        for arguments in (("up",), ("admin", "disable", "alice")):
            done = subprocess.run(
                [*_as_nobody(), FRONTDESK, *arguments, "--data", moved],
                capture_output=True,
                text=True,
                check=False,
                env=clean_environ(FRONTDESK_PORT="0"),
            )
            assert (done.returncode, done.stdout) == (1, "")
            assert f"the folder {moved} belongs to frontdesk-postgres" in done.stderr
            assert done.stderr.count("\n") == 1
        with local.postgres(moved, fsync="off"):
            entered = subprocess.run(_as_nobody("ls", str(moved / "run")), capture_output=True, check=False)
            assert entered.returncode != 0


def _as_nobody(*command: str) -> list[str]:
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", *command]


@contextlib.contextmanager
def _open_to_all(name: str) -> Iterator[Path]:
    """A folder that every user can reach, which pytest's own isn't."""
    place = Path(f"/tmp/{name}-{os.getpid()}")
    place.mkdir(mode=0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place)
