"""A stack of commands that a test can make fail, and the pipeline that is run with them."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.jenkins import harness
from tests.jenkins.harness import ROOT, Ended, Scenario

REGISTRY_PASSWORD = "heron-7431-registry"
STAGING_KEY = "heron-7431-staging-key"
PRODUCTION_KEY = "heron-7431-production-key"
COMMIT = "4f2a9c0d5b6e7f8091a2b3c4d5e6f708192a3b4c"
# What each target leaves behind that a stage publishes.
_LEAVES = {
    "test": "test.xml coverage.xml",
    "test-compiled": "test-compiled.xml",
    "test-browser": "test-browser.xml",
    "test-pipeline": "test-pipeline.xml",
    "check-kubernetes": "check-kubernetes.xml",
    "test-docker": "test-docker.xml",
    "e2e-compose": "e2e-compose.xml",
    "verify": "verify.xml",
    "bench-smoke": "bench-smoke.md",
}
# Instead of make: leaves the reports, fails where `fail` says so, and hangs where `hang` says so.
_MAKE = """#!/bin/sh
target=$1
echo "make $*"
case $target in
{leaves}
esac
case " {hang} " in *" $target${{TARGET:+@$TARGET}} "*) sleep 600 ;; esac
case " {fail} " in *" $target${{TARGET:+@$TARGET}} "*) echo "$target failed"; exit 2 ;; esac
{extra}
"""


class Pipeline:
    """The repository's Jenkinsfile, or another text of it, and what `make` does."""

    def __init__(self, class_path: str, folder: Path) -> None:
        self._class_path = class_path
        self._folder = folder
        self.text = (ROOT / "Jenkinsfile").read_text(encoding="utf-8")

    def changed(self, old: str, new: str, count: int = -1) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new, count)

    def run(
        self,
        branch: str = "main",
        *,
        fail: str = "",
        hang: str = "",
        extra: str = "",
        real: str = "",
        env: dict[str, str] | None = None,
        **scenario: Any,
    ) -> Ended:
        """Build `branch`. `fail` and `hang` name targets, `real` a folder in which make is the real one; `extra` is
        what the stand-in for make does in the end, `env` what the controller and the agent tell besides."""
        jenkinsfile = self._folder / "Jenkinsfile"
        jenkinsfile.write_text(self.text, encoding="utf-8")
        path = os.environ["PATH"]
        if not real:
            path = f"{self._commands(fail, hang, extra)}{os.pathsep}{path}"
        given: dict[str, Any] = {
            "credentials": {
                "registry": {"kind": "usernamePassword", "username": "robot", "password": REGISTRY_PASSWORD},
                **{
                    f"staging-{engine}": {"kind": "file", "text": STAGING_KEY}
                    for engine in ("swarm", "kubernetes")
                },
                **{
                    f"production-{engine}": {"kind": "file", "text": PRODUCTION_KEY}
                    for engine in ("swarm", "kubernetes")
                },
            },
            **scenario,
        }
        told = {
            "BRANCH_NAME": branch,
            "GIT_COMMIT": COMMIT,
            "BUILD_TAG": "jenkins-frontdesk-1",
            "REGISTRY": "registry.example.org",
            "STAGING_URL": "https://staging.example.org",
            "PRODUCTION_URL": "https://accounts.example.org",
            **({"CHANGE_ID": "7"} if branch.startswith("PR-") else {}),
            **(env or {}),
        }
        # To Jenkins, a variable with an empty value is none.
        told = {name: value for name, value in told.items() if value}
        return harness.run(
            self._class_path, jenkinsfile, self._folder, Scenario(path=path, env=told, **given)
        )

    def _commands(self, fail: str, hang: str, extra: str) -> Path:
        folder = self._folder / "bin"
        folder.mkdir(exist_ok=True)
        leaves = "\n".join(
            f"{target}) mkdir -p test-results; for f in {files}; do echo '<testsuites/>' >test-results/$f; done ;;"
            for target, files in _LEAVES.items()
        )
        make = folder / "make"
        make.write_text(_MAKE.format(leaves=leaves, fail=fail, hang=hang, extra=extra), encoding="utf-8")
        make.chmod(0o755)
        return folder


@pytest.fixture(scope="session")
def class_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    assert shutil.which("java"), "Java is missing: apt-get install default-jre-headless"
    return harness.compiled(tmp_path_factory.mktemp("harness"))


@pytest.fixture
def pipeline(class_path: str, tmp_path: Path) -> Pipeline:
    return Pipeline(class_path, tmp_path)
