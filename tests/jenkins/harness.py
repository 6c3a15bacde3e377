"""Runs a Jenkinsfile without a Jenkins: Groovy 2.4, which Jenkins has in it, reads it, and its `sh` steps are run."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
_JAR = "groovy-all-2.4.21.jar"
_SHA256 = "de65260cf2070442e99882f2f3d72e7531725c1e6a257446cc0cea525c607bd0"
_LIMIT = 100.0


def groovy() -> Path:
    """The jar, from this person's cache or Maven; its checksum is the one that was looked at."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "frontdesk" / "groovy"
    jar = folder / _JAR
    if not jar.exists():
        assert shutil.which("mvn"), "Maven is missing: apt-get install maven"
        command = ["mvn", "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml")]
        subprocess.run(
            [*command, "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
            check=True,
            timeout=_LIMIT,
            stdin=subprocess.DEVNULL,
        )
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == _SHA256, (
        f"{jar} isn't what was published: remove it"
    )
    return jar


def compiled(folder: Path) -> str:
    """The class path of the harness, compiled into `folder`."""
    jar = groovy()
    sources = [str(HERE / f"{name}.groovy") for name in ("Declared", "Build", "Harness")]
    subprocess.run(
        [
            "java",
            "-cp",
            str(jar),
            "org.codehaus.groovy.tools.FileSystemCompiler",
            "-d",
            str(folder),
            *sources,
        ],
        check=True,
        timeout=_LIMIT,
        stdin=subprocess.DEVNULL,
    )
    return f"{jar}{os.pathsep}{folder}"


@dataclass
class Scenario:
    """What a build is run with.

    `env` is the environment of the controller and the branch, `params` what somebody chose, `approval` what is answered
    to an `input` (yes, no, or nothing: nobody answers), `minute` how many seconds a minute of a timeout takes.
    """

    path: str
    env: dict[str, str] = field(default_factory=dict)
    params: dict[str, object] = field(default_factory=dict)
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    approval: str = "yes"
    minute: float = 6.0


@dataclass
class Ended:
    """What is left of a build."""

    result: str
    events: list[dict[str, Any]]
    log: str
    leaked: bool
    parameters: list[str]

    def commands(self) -> list[str]:
        """The scripts that ran, in the order in which they ended."""
        return [event["script"] for event in self.events if event["kind"] == "sh"]

    def stages(self, status: str) -> list[str]:
        """The stages that ended with this status, or were SKIPPED."""
        return [
            event["stage"] for event in self.events if event["kind"] == "stage" and event["status"] == status
        ]

    def of(self, kind: str, stage: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind and event.get("stage") == stage]


class Refused(Exception):
    """The Jenkinsfile can't be run; the text says why."""


def run(class_path: str, jenkinsfile: Path, folder: Path, scenario: Scenario) -> Ended:
    """Run `jenkinsfile` in `folder`/workspace, which is made; Refused with the harness's words if it's no pipeline."""
    workspace = folder / "workspace"
    workspace.mkdir(exist_ok=True)
    told, left = folder / "scenario.json", folder / "result.json"
    told.write_text(
        json.dumps(
            {
                "workspace": str(workspace),
                "env": {"PATH": scenario.path, "HOME": str(folder), **scenario.env},
                "params": scenario.params,
                "credentials": scenario.credentials,
                "approval": scenario.approval,
                "minute": scenario.minute,
            }
        ),
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            "java",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            class_path,
            "Harness",
            str(jenkinsfile),
            str(told),
            str(left),
        ],
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode == 2:
        raise Refused(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return Ended(**json.loads(left.read_text(encoding="utf-8")))
