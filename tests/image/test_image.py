"""The image: what is in it, what it needs to run, and that it can be made again."""

import io
import json
import re
import shutil
import subprocess
import tarfile
import time
import zipfile
from functools import cache
from pathlib import Path

import httpx
import pytest

from tests.compiled import compiled
from tests.stack import PROJECT, ROOT, SERVICE, VERSION, Stack, address, container, docker, run, until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

# What Kubernetes and OpenShift may do to it: any user, and nothing that it could write or raise.
_CONFINED = (
    "--user=54321:54321",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)


@cache
def _files() -> dict[str, tarfile.TarInfo]:
    """Everything in the image by its path."""
    id = docker("create", SERVICE)
    exported = subprocess.run(["docker", "export", id], capture_output=True, check=True).stdout
    docker("rm", id)
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        return {f"/{member.name}": member for member in archive}


def _python(code: str) -> str:
    return docker("run", "--rm", "--network=none", "--entrypoint=python", SERVICE, "-c", code)


def _label(name: str) -> str:
    return docker(
        "inspect", "--format", f'{{{{index .Config.Labels "org.opencontainers.image.{name}"}}}}', SERVICE
    )


def test_it_adds_70_mb_at_most_to_its_base(images: None) -> None:
    sizes = docker("image", "inspect", "--format", "{{.Size}}", SERVICE, "python:3.13-slim").split()
    assert int(sizes[0]) - int(sizes[1]) <= 70_000_000


def test_nothing_in_it_raises_privileges_or_can_be_written(images: None) -> None:
    for path, file in _files().items():
        assert file.issym() or not file.mode & 0o6000 or file.isdir(), f"{path} is setuid or setgid"
        assert file.issym() or not file.mode & 0o002 or file.mode & 0o1000 or path.startswith("/dev/"), path
        assert file.uid != 10001, f"{path} is the service's own"


def test_it_has_no_package_manager_compiler_or_shell_tool_that_it_does_not_need(images: None) -> None:
    programs = {Path(path).name for path in _files() if Path(path).parent.name in ("bin", "sbin")}
    assert "python3" in programs
    fetchers, installers = {"curl", "wget", "nc"}, {"apt", "apt-get", "dpkg", "pip", "pip3", "pip3.13", "tar"}
    assert not programs & (fetchers | installers)
    assert not programs & {"perl", "gcc", "cc", "ld", "as", "make", "bash", "su", "mount", "passwd", "strip"}
    modules = {Path(path).name for path in _files() if "/python3" in path}
    assert not modules & {"pip", "ensurepip", "setuptools"}
    assert not [path for path in _files() if path.startswith("/usr/lib") and "/perl" in path]


def test_what_it_holds_says_one_version_and_the_commit(images: None, tmp_path: Path) -> None:
    assert docker("run", "--rm", SERVICE, "--version") == f"frontdesk, version {VERSION}"
    assert _label("version") == VERSION
    head = run("git", "rev-parse", "HEAD").stdout.strip()
    assert _label("revision") in (head, f"{head}-dirty")
    docker("build", "--target=wheel", f"--output={tmp_path}", ".")
    (wheel,) = tmp_path.iterdir()
    assert wheel.name == f"frontdesk-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert f"Version: {VERSION}\n" in archive.read(f"frontdesk-{VERSION}.dist-info/METADATA").decode()


def test_it_is_ready_in_one_and_a_half_seconds_as_anybody_and_stays_small(stack: Stack) -> None:
    with container(
        *_CONFINED,
        f"--network={PROJECT}_data",
        f"--volume={PROJECT}_service-secrets:/run/secrets:ro",
        "--env=FRONTDESK_DATABASE_URL_FILE=/run/secrets/database_url",
        SERVICE,
    ) as id:
        started = time.monotonic()
        url = f"http://{address(id, f'{PROJECT}_data')}:8000"

        def ready() -> bool:
            try:
                return httpx.get(f"{url}/readyz", timeout=1).status_code == 200
            except httpx.TransportError:
                return False

        until(ready)
        assert time.monotonic() - started <= 1.5
        assert httpx.get(f"{url}/login").status_code == 200
        # As ps gives it, in KiB, by each process.
        resident = [int(line.split()[-1]) for line in docker("top", id, "-o", "pid,rss").splitlines()[1:]]
        assert resident
        assert max(resident) <= 75 * 1024


def test_what_searches_go_through_is_compiled(images: None) -> None:
    modules = compiled()
    found = _python(f"from importlib import import_module as i; print(*(i(m).__file__ for m in {modules}))")
    suffix = r"\.cpython-313-\w+-linux-gnu\.so"
    assert modules
    assert all(re.search(suffix, file) for file in found.split()), found


def test_the_engine_sees_who_is_ready_and_who_is_not(stack: Stack) -> None:
    assert docker("inspect", "--format", "{{.State.Health.Status}}", stack.id("api")) == "healthy"
    with container(
        *("--network=none", "--health-interval=0.2s", "--health-start-period=0s", "--health-retries=2"),
        "--env=FRONTDESK_DATABASE_URL=postgresql://nobody@127.0.0.1:1/nothing",
        SERVICE,
    ) as id:
        until(lambda: docker("inspect", "--format", "{{.State.Health.Status}}", id) == "unhealthy")
        said = json.loads(docker("inspect", "--format", "{{json .State.Health.Log}}", id))
        assert all(check["ExitCode"] != 0 for check in said)
        assert "Traceback" not in said[-1]["Output"]


def test_without_a_database_it_says_what_to_do_in_a_line(images: None) -> None:
    refused = run("docker", "run", "--rm", "--network=none", *_CONFINED, SERVICE, check=False)
    assert refused.returncode == 1
    assert "FRONTDESK_DATABASE_URL" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_its_bill_of_materials_is_valid_and_names_all_that_is_installed(images: None, tmp_path: Path) -> None:
    inside = _python("print(open('/usr/local/share/sbom/frontdesk.cdx.json').read())")
    docker("build", "--target=sbom", f"--output={tmp_path}", ".")
    outside = (tmp_path / "frontdesk.cdx.json").read_text()
    assert json.loads(outside) == json.loads(inside)
    checked = subprocess.run(
        [ROOT / ".venv-deploy/bin/python", "-c", _CHECK_BILL],
        input=outside,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout.strip()) == (0, "valid"), checked.stdout + checked.stderr

    bill = json.loads(inside)
    assert bill["metadata"]["component"]["version"] == VERSION
    named = {(part["name"].lower().replace("_", "-"), part["version"]) for part in bill["components"]}
    python = _python("import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]")
    debian = _python(_DEBIAN)
    installed = {tuple(line.lower().replace("_", "-").split()) for line in python.splitlines()}
    assert len(installed) > 20
    assert installed - {("frontdesk", VERSION)} <= named
    packages = {tuple(line.split()) for line in debian.splitlines()}
    assert len(packages) > 20
    assert packages <= {(part["name"], part["version"]) for part in bill["components"]}
    # And nothing that isn't there.
    assert len(bill["components"]) == len(packages) + len(installed) - 1


_CHECK_BILL = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
bill = sys.stdin.read()
import json
version = SchemaVersion.from_version(json.loads(bill)["specVersion"])
print(JsonStrictValidator(version).validate_str(bill) or "valid")
"""
_DEBIAN = """
import email, pathlib
for part in pathlib.Path('/var/lib/dpkg/status').read_text().strip().split('\\n\\n'):
    said = email.message_from_string(part)
    if said['Status'].split()[-1] == 'installed':
        print(said['Package'], said['Version'])
"""


def _copy_of_the_tree(folder: Path) -> Path:
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard").stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def test_a_change_of_the_source_is_built_in_ten_seconds(images: None, tmp_path: Path) -> None:
    tree = _copy_of_the_tree(tmp_path)
    source = tree / "frontdesk/probe.py"
    source.write_text(source.read_text() + f"\n# {time.time_ns()}\n")
    started = time.monotonic()
    id = docker("build", "--quiet", "--target=service", str(tree))
    assert time.monotonic() - started <= 10
    assert id != docker("inspect", "--format", "{{.Id}}", SERVICE)
    docker("rmi", id)


@pytest.mark.timeout(1200)
def test_the_same_commit_is_the_same_image_byte_for_byte(images: None, tmp_path: Path) -> None:
    """Built twice from nothing; from two folders, as two machines would have them."""
    made = []
    for name in ("one", "another"):
        tree = _copy_of_the_tree(tmp_path / name)
        bake = ["docker", "buildx", "bake", "--file", "compose.yaml", "--no-cache", "edge", "web", "db"]
        run("env", "-C", str(tree), *bake, "--set=*.args.SOURCE_DATE_EPOCH=1700000000", VERSION="twice")
        tags = [f"frontdesk{part}:twice" for part in ("", "-edge", "-db")]
        made.append(docker("image", "inspect", "--format", "{{.Id}} {{.Created}}", *tags).splitlines())
        docker("rmi", *tags)
    assert made[0] == made[1]
    assert all(line.endswith("2023-11-14T22:13:20Z") for line in made[0]), made[0]
