"""Runs a Jenkinsfile without a Jenkins: compiled by its Groovy, transformed as a pipeline; `sh` steps are run."""

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
_JARS = {
    "groovy-all-2.4.21.jar": "de65260cf2070442e99882f2f3d72e7531725c1e6a257446cc0cea525c607bd0",
    "groovy-cps-1.31.jar": "ecfd4e43d75ca8204e278ff01d27c10d4b0d7b3ee781a18d1c363fc04c5c3e7e",
    "guava-11.0.1.jar": "aa7cef9d2ba0110a2db7be0fb6e679cd71f6a26fc3ba9da7715f41d3300def1d",
    "jsr305-1.3.9.jar": "905721a0eea90a81534abb7ee6ef4ea2e5e645fa1def0a5cd88402df1b46c9ed",
}
_LIMIT = 100.0


def groovy() -> str:
    """The class path of Groovy, from this person's cache or Maven; the checksums are those that were looked at."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "frontdesk" / "groovy"
    jars = {folder / name: digest for name, digest in _JARS.items()}
    if not all(jar.exists() for jar in jars):
        assert shutil.which("mvn"), "Maven is missing: apt-get install maven"
        command = ["mvn", "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml")]
        subprocess.run(
            [*command, "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
            check=True,
            timeout=_LIMIT,
            stdin=subprocess.DEVNULL,
        )
    for jar, digest in jars.items():
        assert hashlib.sha256(jar.read_bytes()).hexdigest() == digest, (
            f"{jar} isn't what was published: remove it"
        )
    return os.pathsep.join(map(str, jars))


def compiled(folder: Path) -> str:
    """The class path of the harness, compiled into `folder`."""
    jars = groovy()
    sources = [str(HERE / f"{name}.groovy") for name in ("Declared", "Build", "Harness")]
    subprocess.run(
        [
            "java",
            "-cp",
            jars,
            "org.codehaus.groovy.tools.FileSystemCompiler",
            "-d",
            str(folder),
            *sources,
        ],
        check=True,
        timeout=_LIMIT,
        stdin=subprocess.DEVNULL,
    )
    return f"{jars}{os.pathsep}{folder}"


@dataclass
class Scenario:
    """What a build is run with.

    `env` is the environment of the controller and the branch, `params` what somebody chose, `approval` what is answered
    to an `input` (yes, no, or nothing: nobody answers), `minute` how many seconds a minute of a timeout takes, `limit`
    after how many seconds the whole build has hung.
    """

    path: str
    env: dict[str, str] = field(default_factory=dict)
    params: dict[str, object] = field(default_factory=dict)
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    approval: str = "yes"
    minute: float = 6.0
    limit: float = _LIMIT


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
        timeout=scenario.limit,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode == 2:
        raise Refused(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return Ended(**json.loads(left.read_text(encoding="utf-8")))
