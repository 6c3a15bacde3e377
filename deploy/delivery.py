"""`python -m deploy.delivery push | deploy | verify | rollback`: a version's way to where it runs, by make.

Told by the environment, so that the pipeline and people say the same: VERSION, ENGINE (swarm, kubernetes), PUBLIC_URL,
TARGET (a name for what is deployed to), TARGET_ACCESS (a file: an exported Docker context, or a kubeconfig; without it,
docker and kubectl as they are set up), REGISTRY, REGISTRY_USER and REGISTRY_PASSWORD.
Exit codes: 0 done; 1 it didn't hold; 2 it couldn't be begun.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

IMAGES = ("frontdesk", "frontdesk-edge", "frontdesk-db", "frontdesk-goss")
_ROOT = Path(__file__).parent.parent
_VERSION = re.compile(r"[\w][\w.-]{0,127}")


class NotBegun(Exception):
    """What must be done first."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make")
    parser.add_argument("verb", choices=["push", "deploy", "verify", "rollback"])
    verb = parser.parse_args().verb
    try:
        version = _told("VERSION", "which version")
        if not _VERSION.fullmatch(version):
            raise NotBegun(f"VERSION={version} can't be the tag of an image")
        if verb == "push":
            return push(version)
        if verb == "verify":
            return verify(version)
        engine = _told("ENGINE", "swarm or kubernetes")
        if engine not in ("swarm", "kubernetes"):
            raise NotBegun(f"ENGINE={engine}: swarm or kubernetes")
        return deploy(engine, version) if verb == "deploy" else rollback(engine, version)
    except NotBegun as error:
        print(f"Not begun: {error}", file=sys.stderr)
        return 2


def push(version: str) -> int:
    """Bring the images of `version` to REGISTRY."""
    registry = _told("REGISTRY", "where to, such as registry.example.org/accounts").rstrip("/")
    with access("") as environment:
        for name in IMAGES:
            there = f"{registry}/{name}:{version}"
            _run("docker", "tag", f"{name}:{version}", there, environment=environment)
            _run("docker", "push", "--quiet", there, environment=environment)
            print(f"pushed {there}", flush=True)
    return 0


def deploy(engine: str, version: str) -> int:
    """Deploy by `make deploy-ENGINE`, which watches, checks and takes back; note what ran before, for `rollback`."""
    kept = _record()
    # What an earlier deployment noted must not be taken for this one's.
    kept.unlink(missing_ok=True)
    with access(engine) as environment:
        before = running(engine, environment)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(
            json.dumps({"engine": engine, "version": version, "before": before, "build": _build()})
        )
        print(f"{_target()}: {before or 'nothing'} runs, {version} is to run, by {engine}", flush=True)
        return _make(engine, version, environment)


def rollback(engine: str, version: str) -> int:
    """Deploy what ran before `version` was deployed from here, the same way; nothing to do if that runs already."""
    kept = _record()
    noted = json.loads(kept.read_text()) if kept.exists() else {}
    if (noted.get("engine"), noted.get("version"), noted.get("build")) != (engine, version, _build()):
        print(f"{_target()}: {version} wasn't deployed by this build: nothing to take back")
        return 0
    before = noted["before"]
    with access(engine) as environment:
        now = running(engine, environment)
        if now == before:
            print(f"{_target()}: {now or 'nothing'} runs, as before: nothing to take back")
            return 0
        if not before:
            print(f"{_target()}: nothing ran before {version}, so it is left as it is", file=sys.stderr)
            return 1
        print(f"{_target()}: {now or 'nothing'} runs, {before} is to run again", flush=True)
        # Whoever was ended halfway, by a time limit or a person, has left a change under way.
        return _make(engine, before, {**environment, "SUPERSEDE": "yes"})


def verify(version: str) -> int:
    """Goss's checks of the stack through PUBLIC_URL, as people reach it; a line on each that failed, and a summary."""
    url = _told("PUBLIC_URL", "what people type").rstrip("/")
    registry = os.environ.get("REGISTRY", "").rstrip("/")
    image = f"{registry}/frontdesk-goss:{version}" if registry else f"frontdesk-goss:{version}"
    days = os.environ.get("CERTIFICATE_DAYS") or "14"
    given = {
        "url": url,
        "unreachable": [],
        "replicas": {},
        "certificate_days": int(days) if url.startswith("https://") else 0,
    }
    file = Path(os.environ.get("REPORTS") or "test-results") / "verify.xml"
    # What was found at another place must not be taken for this one's.
    file.unlink(missing_ok=True)
    with access("") as environment:
        done = subprocess.run(
            ["docker", "run", "--rm", "--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",  # noqa: S108 - its own
             image, "/goss/stack.yaml", "--vars-inline", json.dumps(given), "validate", "--format", "junit",
             "--retry-timeout", "60s", "--sleep", "2s"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    # Goss writes a report for each try, of which the last counts, and behind it that its time is over.
    report = "<?xml" + done.stdout.rpartition("<?xml")[2].partition("</testsuite>")[0] + "</testsuite>"
    try:
        checks = list(ElementTree.fromstring(report).iter("testcase"))  # noqa: S314 - of an image that is ours
    except ElementTree.ParseError:
        raise NotBegun(f"Goss could not run: {(done.stderr or done.stdout).strip()[-500:]}") from None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(report, encoding="utf-8")
    failed = [check for check in checks if check.find("failure") is not None]
    for check in failed:
        print(f"failed: {check.get('name')}: {' '.join(''.join(check.itertext()).split())[:300]}")
    print()
    print(f"{_target():12} {url}")
    print(f"{'version':12} {version}")
    print(
        f"{'verified':12} {len(checks) - len(failed)} of {len(checks)} checks of Goss through the edge hold"
    )
    print(f"{'at':12} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    return 1 if failed or done.returncode or not checks else 0


def running(engine: str, environment: dict[str, str]) -> str:
    """The version that runs there; empty if none does."""
    if engine == "swarm":
        name = f"{environment.get('STACK') or 'frontdesk'}_api"
        # By the list, which is empty where nothing runs: that a service isn't found and that nobody answers look alike.
        listed = _run("docker", "service", "ls", "--filter", f"name={name}", "--format", "{{.Name}} {{.Image}}",
                      environment=environment)  # fmt: skip
        found = [line.split()[1] for line in listed.splitlines() if line.split()[:1] == [name]]
    else:
        found = _run("kubectl", "--namespace", environment.get("NAMESPACE") or "frontdesk", "get", "deployments",
                     "--field-selector", "metadata.name=frontdesk-api",
                     "--output", "jsonpath={.items[*].spec.template.spec.containers[0].image}",
                     environment=environment).split()  # fmt: skip
    return found[0].partition("@")[0].rpartition(":")[2] if found else ""


@contextlib.contextmanager
def access(engine: str) -> Iterator[dict[str, str]]:
    """The environment in which docker and kubectl reach the target and the registry, and nobody else's do."""
    environment = dict(os.environ)
    password = environment.pop("REGISTRY_PASSWORD", "")
    user, file = environment.get("REGISTRY_USER", ""), environment.get("TARGET_ACCESS", "")
    if file and not os.access(file, os.R_OK):
        raise NotBegun(f"TARGET_ACCESS={file} can't be read")
    with tempfile.TemporaryDirectory(prefix="frontdesk-delivery-") as folder:
        if engine == "kubernetes" and file:
            environment["KUBECONFIG"] = file
        if user or (engine == "swarm" and file):
            environment["DOCKER_CONFIG"] = folder
        if user:
            host = _told("REGISTRY", "which registry REGISTRY_USER is for").partition("/")[0]
            # By standard input: an argument is in the list of processes.
            _run(
                "docker",
                "login",
                "--username",
                user,
                "--password-stdin",
                host,
                environment=environment,
                given=password,
            )
        if engine == "swarm" and file:
            environment.pop("DOCKER_HOST", None)
            _run("docker", "context", "import", "target", file, environment=environment)
            environment["DOCKER_CONTEXT"] = "target"
        yield environment


def _make(engine: str, version: str, environment: dict[str, str]) -> int:
    words = ["make", "--no-print-directory", f"deploy-{engine}", f"VERSION={version}"]
    # VERSION of the outer make is in MAKEFLAGS, which would win.
    environment = {
        name: value for name, value in environment.items() if name not in ("MAKEFLAGS", "MAKEOVERRIDES")
    }
    return 1 if subprocess.run(words, cwd=_ROOT, env=environment, check=False).returncode else 0


def _run(*words: str, environment: dict[str, str], given: str = "") -> str:
    try:
        done = subprocess.run(
            words, env=environment, input=given, capture_output=True, text=True, check=False, timeout=600
        )
    except FileNotFoundError:
        raise NotBegun(f"{words[0]} isn't installed here") from None
    except subprocess.TimeoutExpired:
        raise NotBegun(f"{' '.join(words[:3])} doesn't end") from None
    if done.returncode:
        raise NotBegun(f"{' '.join(words[:3])}: {done.stderr.strip()[-500:]}")
    return done.stdout


def _told(name: str, what: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise NotBegun(f"{name} says {what}")
    return value


def _target() -> str:
    return os.environ.get("TARGET") or "here"


def _build() -> str:
    return os.environ.get("BUILD_TAG", "")


def _record() -> Path:
    name = re.sub(r"[^\w.-]", "_", _target())
    return _ROOT / "build" / "delivery" / f"{name}.json"


if __name__ == "__main__":
    sys.exit(main())
