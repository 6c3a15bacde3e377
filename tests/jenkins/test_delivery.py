"""`make deploy`, `make rollback` and `make push`, with an engine that remembers what it was told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jenkins.harness import ROOT

# What a docker and a make would be asked: `state` has the version that runs.
_DOCKER = """#!/bin/sh
echo "docker $*" >>"$STATE/asked"
env | grep -E '^(REGISTRY_PASSWORD|DOCKER_CONTEXT|KUBECONFIG)=' | sort >>"$STATE/asked"
case "$1 $2" in
"service ls")
    test -s "$STATE/version" || exit 0
    echo "frontdesk_api registry.example.org/frontdesk:$(cat "$STATE/version")@sha256:0" ;;
"run --rm") cat "$STATE/report"; exit "$(cat "$STATE/status")" ;;
"login --username") cat >"$STATE/password" ;;
esac
"""
_MAKE = """#!/bin/sh
echo "make $*" >>"$STATE/asked"
case $* in *VERSION=bad) exit 2 ;; esac
echo "$*" | sed 's/.*VERSION=//' >"$STATE/version"
"""


class Target:
    """A place to deploy to, and what was asked there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (("docker", _DOCKER), ("make", _MAKE)):
            command = folder / "bin" / name
            command.parent.mkdir(exist_ok=True)
            command.write_text(text, encoding="utf-8")
            command.chmod(0o755)

    def run(self, verb: str, version: str = "2", **told: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "STATE": str(self.folder),
            "ENGINE": "swarm",
            "TARGET": self.folder.name,
            "VERSION": version,
            "BUILD_TAG": "jenkins-frontdesk-1",
            **told,
        }
        return subprocess.run(
            [sys.executable, "-m", "deploy.delivery", verb],
            cwd=ROOT, env={k: v for k, v in environment.items() if v}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def runs(self, version: str) -> None:
        (self.folder / "version").write_text(version, encoding="ascii")

    @property
    def version(self) -> str:
        return (self.folder / "version").read_text(encoding="ascii").strip()

    @property
    def asked(self) -> str:
        return (self.folder / "asked").read_text(encoding="ascii")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def test_rollback_brings_back_what_ran_before(target: Target) -> None:
    target.runs("1")
    assert target.run("deploy").returncode == 0
    assert target.version == "2"
    done = target.run("rollback")
    assert (done.returncode, target.version) == (0, "1")
    assert "2 runs, 1 is to run again" in done.stdout
    # Twice is once.
    assert "nothing to take back" in target.run("rollback").stdout
    assert target.version == "1"


def test_rollback_of_a_deployment_that_took_itself_back_does_nothing(target: Target) -> None:
    target.runs("1")
    assert target.run("deploy", "bad").returncode == 1
    done = target.run("rollback", "bad")
    assert (done.returncode, target.version) == (0, "1")
    assert "1 runs, as before" in done.stdout


def test_rollback_of_a_build_that_deployed_nothing_leaves_the_earlier_builds_alone(target: Target) -> None:
    target.runs("1")
    assert target.run("deploy").returncode == 0
    for other in ({"version": "3"}, {"BUILD_TAG": "jenkins-frontdesk-2"}, {"ENGINE": "kubernetes"}):
        done = target.run("rollback", **other)
        assert done.returncode == 0, done.stderr
        assert "nothing to take back" in done.stdout
    assert target.version == "2"


def test_first_deployment_has_nothing_to_go_back_to(target: Target) -> None:
    assert target.run("deploy").returncode == 0
    done = target.run("rollback")
    assert (done.returncode, target.version) == (1, "2")
    assert "nothing ran before 2" in done.stderr


def test_access_is_this_deployments_alone(target: Target) -> None:
    access = target.folder / "staging.dockercontext"
    access.write_text("context", encoding="ascii")
    told = {"TARGET_ACCESS": str(access), "REGISTRY": "registry.example.org/accounts"}
    done = target.run("deploy", REGISTRY_USER="robot", REGISTRY_PASSWORD="heron-7431", **told)
    assert done.returncode == 0, done.stderr
    assert f"docker context import target {access}\n" in target.asked
    assert "DOCKER_CONTEXT=target\n" in target.asked
    assert "docker login --username robot --password-stdin registry.example.org\n" in target.asked
    assert (target.folder / "password").read_text(encoding="ascii") == "heron-7431"
    # Neither in arguments nor in the environment of what is started.
    assert "heron-7431" not in target.asked + done.stdout + done.stderr


_REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="goss" errors="0" tests="2" failures="{count}" skipped="0">
<testcase name="Command journey exit-status"></testcase>
<testcase name="Command journey stdout">{failure}</testcase>
</testsuite>
"""
_WHOLE = _REPORT.format(count=0, failure="")
_BROKEN = _REPORT.format(count=1, failure="<failure>logged in: missing</failure>")
_OVER = "Error: timeout of 1m0s reached before tests entered a passing state\n"


@pytest.mark.parametrize(
    ("printed", "status", "code", "said"),
    [
        (_WHOLE, 0, 0, "2 of 2 checks"),
        (_BROKEN + _WHOLE, 0, 0, "2 of 2 checks"),
        (_BROKEN + _BROKEN + _OVER, 3, 1, "1 of 2 checks"),
        (_WHOLE, 3, 1, "2 of 2 checks"),
    ],
)
def test_last_report_of_goss_decides(target: Target, printed: str, status: int, code: int, said: str) -> None:
    (target.folder / "report").write_text(printed, encoding="utf-8")
    (target.folder / "status").write_text(str(status), encoding="ascii")
    reports = target.folder / "reports"
    done = target.run("verify", PUBLIC_URL="https://accounts.example.org", REPORTS=str(reports))
    assert (done.returncode, done.stderr) == (code, "")
    assert said in done.stdout
    assert ("failed: Command journey stdout: logged in: missing" in done.stdout) == ("1 of" in said)
    assert (reports / "verify.xml").read_text(encoding="utf-8") in printed


def test_checks_come_from_a_registry_that_asks_who_one_is(target: Target) -> None:
    (target.folder / "report").write_text(_WHOLE, encoding="utf-8")
    (target.folder / "status").write_text("0", encoding="ascii")
    told = {"PUBLIC_URL": "https://accounts.example.org", "REGISTRY": "registry.example.org/accounts"}
    done = target.run(
        "verify", REGISTRY_USER="robot", REGISTRY_PASSWORD="heron-7431", REPORTS=str(target.folder), **told
    )
    assert done.returncode == 0, done.stderr
    login, _, run = target.asked.partition("docker run --rm")
    assert "docker login --username robot --password-stdin registry.example.org\n" in login
    assert "registry.example.org/accounts/frontdesk-goss:2" in run


def test_report_of_another_place_is_not_left_where_goss_could_not_run(target: Target) -> None:
    reports = target.folder / "reports"
    reports.mkdir()
    (reports / "verify.xml").write_text(_WHOLE, encoding="utf-8")
    done = target.run("verify", PUBLIC_URL="https://accounts.example.org", REPORTS=str(reports))
    assert done.returncode == 2
    assert not (reports / "verify.xml").exists()


def test_push_brings_every_image(target: Target) -> None:
    done = target.run("push", "1.2.3", REGISTRY="registry.example.org/accounts/")
    assert done.returncode == 0, done.stderr
    for name in ("frontdesk", "frontdesk-edge", "frontdesk-db", "frontdesk-goss"):
        there = f"registry.example.org/accounts/{name}:1.2.3"
        assert f"docker tag {name}:1.2.3 {there}\n" in target.asked
        assert f"docker push --quiet {there}\n" in target.asked


@pytest.mark.parametrize(
    ("verb", "told", "said"),
    [
        ("deploy", {"ENGINE": ""}, "ENGINE says swarm or kubernetes"),
        ("deploy", {"ENGINE": "nomad"}, "ENGINE=nomad: swarm or kubernetes"),
        ("deploy", {"VERSION": "1 2"}, "can't be the tag of an image"),
        ("deploy", {"TARGET_ACCESS": "/nowhere"}, "TARGET_ACCESS=/nowhere can't be read"),
        ("push", {}, "REGISTRY says where to"),
        ("verify", {}, "PUBLIC_URL says what people type"),
        ("verify", {"PUBLIC_URL": "https://accounts.example.org"}, "Goss could not run"),
    ],
)
def test_what_is_missing_is_said(target: Target, verb: str, told: dict[str, str], said: str) -> None:
    done = target.run(verb, **told)
    assert done.returncode == 2
    assert done.stderr.startswith("Not begun: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_note_of_what_ran_before_is_a_files(target: Target) -> None:
    target.runs("1")
    target.run("deploy")
    noted = json.loads(
        (ROOT / "build" / "delivery" / f"{target.folder.name}.json").read_text(encoding="utf-8")
    )
    assert noted == {"engine": "swarm", "version": "2", "before": "1", "build": "jenkins-frontdesk-1"}
