"""Before anything is begun: what is missing is said in a sentence, without a traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def _run(module: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", f"deploy.swarm.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("module", "arguments", "code"), [("deploy", ["1"], 2), ("new_secrets", [], 1)])
def test_machine_without_docker_is_told_so(
    tmp_path: Path, module: str, arguments: list[str], code: int
) -> None:
    refused = _run(module, *arguments, PATH=str(tmp_path))
    assert refused.returncode == code
    assert "there is no docker command here" in refused.stderr
    assert "Traceback" not in refused.stderr


def _docker(folder: Path, script: str) -> str:
    (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_engine_that_manages_no_swarm_is_told_how_to(tmp_path: Path) -> None:
    refused = _run("deploy", "1", PATH=_docker(tmp_path, "echo inactive false"))
    assert refused.returncode == 2
    assert "docker swarm init" in refused.stderr


def test_engine_that_cannot_be_reached_is_told_by_docker_s_own_words(tmp_path: Path) -> None:
    refused = _run("deploy", "1", PATH=_docker(tmp_path, "echo 'no route to host' >&2; exit 1"))
    assert refused.returncode == 2
    assert "docker doesn't answer: no route to host" in refused.stderr


def test_mistake_in_a_file_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    path = _docker(
        tmp_path,
        """case "$1 $2" in
        "info "*) echo active true ;;
        "stack config") echo "open mine.yaml: no such file or directory" >&2; exit 1 ;;
        "stack deploy") echo begun >&2; exit 1 ;;
        esac""",
    )
    refused = _run("deploy", "1", PATH=path, PUBLIC_URL="https://accounts.example.org", OVERRIDE="mine.yaml")
    assert (refused.returncode, refused.stderr) == (
        2,
        "Not begun: open mine.yaml: no such file or directory\n",
    )


def test_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "fullchain.pem")
    refused = _run("new_secrets", missing, missing, PATH=_docker(tmp_path, "exit 0"))
    assert refused.returncode == 1
    assert refused.stderr == f"{missing} can't be used: No such file or directory.\n"


@pytest.mark.parametrize(("module", "arguments"), [("deploy", ["1"]), ("new_secrets", [])])
def test_interrupted_it_says_so(tmp_path: Path, module: str, arguments: list[str]) -> None:
    asked = tmp_path / "asked"
    path = _docker(tmp_path, f"touch {asked}; exec sleep 30")
    command = [sys.executable, "-m", f"deploy.swarm.{module}", *arguments]
    environment = {**os.environ, "PATH": path}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as running:
        while not asked.exists():
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert said.startswith("\nInterrupted")
    assert "Traceback" not in said


@pytest.mark.parametrize("seconds", ["soon", "nan", "inf", "-1"])
def test_timeout_that_is_no_number_is_refused(tmp_path: Path, seconds: str) -> None:
    refused = _run("deploy", "1", PATH=_docker(tmp_path, "echo active true"), DEPLOY_TIMEOUT=seconds)
    assert refused.returncode == 2
    assert refused.stderr == "DEPLOY_TIMEOUT is a number of seconds.\n"
