"""The agent's image, as the controller meets it: by ssh, with the keys that `make jenkins-secrets` makes."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jenkins.harness import ROOT

# The image takes minutes to build, and changes with deploy/jenkins/agent alone.
pytestmark = pytest.mark.agent

_TOOLS = "java chromium docker kubectl git make mvn node npm openssl ssh-keygen"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jenkins")
    shutil.copy(ROOT / "deploy" / "jenkins" / "secrets.sh", folder)
    subprocess.run(["sh", str(folder / "secrets.sh")], check=True, capture_output=True)
    return folder / "secrets"


@pytest.fixture(scope="module")
def address(secrets: Path) -> Iterator[str]:
    """Where the agent listens."""
    image = "frontdesk-jenkins-agent:test"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", image, str(ROOT / "deploy/jenkins/agent")], check=True
    )
    mounts = [
        f"--volume={secrets / name}:/run/secrets/{name}:ro" for name in ("agent_host_key", "agent_key.pub")
    ]
    hardened = ["--cap-drop=ALL", "--security-opt=no-new-privileges:true", "--tmpfs=/tmp:exec,mode=1777"]
    ran = ["docker", "run", "--detach", "--rm", *hardened, *mounts, image]
    container = subprocess.run(ran, check=True, capture_output=True, text=True).stdout.strip()
    try:
        ask = [
            "docker",
            "inspect",
            "--format",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
            container,
        ]
        yield subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
    finally:
        subprocess.run(["docker", "kill", container], check=True, capture_output=True)


def test_controller_gets_in_with_its_key_and_finds_every_tool(
    address: str, secrets: Path, tmp_path: Path
) -> None:
    until = time.monotonic() + 60
    while (
        done := _ssh(address, secrets, tmp_path, f"for t in {_TOOLS}; do command -v $t; done; java -version")
    ).returncode:
        assert time.monotonic() < until, done.stderr
        time.sleep(0.5)
    found = [Path(line).name for line in done.stdout.split()]
    assert found == _TOOLS.split()
    assert 'version "21' in done.stderr
    assert (
        _ssh(address, secrets, tmp_path, 'id -u; echo "$DOCKER_HOST"; test -w ~/agent').stdout.split()[0]
        == "1000"
    )


def test_nobody_else_gets_in(address: str, secrets: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    done = _ssh(address, secrets, tmp_path, "true", key=other)
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def _ssh(
    address: str, secrets: Path, folder: Path, command: str, key: Path | None = None
) -> subprocess.CompletedProcess[str]:
    mine = folder / "key"
    if not mine.exists():
        mine.write_text((secrets / "agent_key").read_text(encoding="ascii"), encoding="ascii")
        mine.chmod(0o600)
    # The host's key is the one that the controller is told; another would be refused.
    known = folder / "known_hosts"
    host_key = (secrets / "agent_host_key.pub").read_text(encoding="ascii")
    known.write_text(f"[{address}]:2222 {host_key}", encoding="ascii")
    options = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]
    options += ["-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=5"]
    return subprocess.run(
        ["ssh", "-F", "none", *options, "-i", str(key or mine), "-p", "2222", f"jenkins@{address}", command],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
