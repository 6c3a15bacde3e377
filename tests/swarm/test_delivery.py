"""`make push`, `deploy`, `verify` and `rollback` on a swarm, by people and by the Jenkinsfile.

SWARM_REGISTRY says where images are pushed to, and where the nodes pull them from.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jenkins import harness
from tests.jenkins.conftest import Pipeline
from tests.swarm.conftest import GOOD, NEVER_READY, NEXT, ROOT, STACK, Swarm, build, nothing_failed

pytestmark = [pytest.mark.swarm_delivery, pytest.mark.timeout(900)]

_IMAGES = ("frontdesk", "frontdesk-edge", "frontdesk-db", "frontdesk-goss")
_ALL_HOLD = r"verified +(\d+) of \1 checks of Goss through the edge hold"
# Where make is a stand-in, these are the real one: the half of the Jenkinsfile that deploys.
_REAL = """
case $target in push|deploy|verify|bench-smoke|rollback)
    rm -f test-results/verify.xml test-results/bench-smoke.md
    export PATH="$REAL_PATH" REPORTS="$PWD/test-results"
    # Two swarms would need neither; two stacks in one do.
    if [ "$TARGET" = staging ]; then export STACK=staging HTTPS_PORT=9443 HTTP_PORT=9080; fi
    exec make --no-print-directory -C "$ROOT" "$@" ;;
esac
"""


class Place(Swarm):
    """A stack that is reached as by the pipeline: by a file, and nothing of this machine's own."""

    def __init__(self, folder: Path, registry: str, stack: str, https: int, http: int) -> None:
        super().__init__(stack, https=https, http=http)
        self.name = {STACK: "production"}.get(stack, stack)
        self.registry = registry
        self.url = f"https://{self.nodes()[0]['Status']['Addr']}:{https}"
        self.environment["PUBLIC_URL"] = self.url
        # Their registry is asked for digests, as anybody's.
        del self.environment["RESOLVE_IMAGE"]
        self.access = folder / f"{self.name}.dockercontext"
        kept = {**os.environ, "DOCKER_CONFIG": str(folder / "contexts")}
        name = os.environ.get("SWARM_CONTEXT", "")
        if name:
            kept = dict(os.environ)
        else:
            name = self.name
            host = f"host={self.environment['DOCKER_HOST']}"
            _run("docker", "context", "create", name, "--docker", host, environment=kept)
        _run("docker", "context", "export", name, str(self.access), environment=kept)

    def told(self, version: str) -> dict[str, str]:
        """The environment of a `make` about `version`."""
        return {
            **{
                name: value
                for name, value in self.environment.items()
                if name not in ("DOCKER_HOST", "DOCKER_CONTEXT")
            },
            **{name: os.environ[name] for name in ("DOCKER_HOST", "DOCKER_CONTEXT") if name in os.environ},
            "VERSION": version,
            "ENGINE": "swarm",
            "TARGET": self.name,
            "TARGET_ACCESS": str(self.access),
            "REGISTRY": self.registry,
            "BUILD_TAG": "by-hand",
            "REPORTS": str(self.access.parent / "reports"),
        }

    def make(self, verb: str, version: str) -> tuple[int, str]:
        """The exit code of `make`, and what it said."""
        done = subprocess.run(
            ["make", "--no-print-directory", verb], cwd=ROOT, env=self.told(version),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        print(f"make {verb} VERSION={version}: exit code {done.returncode}\n{done.stdout}")
        return done.returncode, done.stdout

    def made(self, verb: str, version: str) -> str:
        """What a `make` said that succeeded."""
        code, said = self.make(verb, version)
        assert code == 0, said
        return said

    def begin(self, version: str, until: str) -> None:
        """Deploy `version`, and end that like Jenkins when it has said `until`."""
        command = ["make", "--no-print-directory", "deploy"]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.told(version),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as running:
            assert running.stdout is not None
            said = ""
            for line in running.stdout:
                said += line
                if until in line:
                    break
            os.killpg(running.pid, signal.SIGTERM)
        assert until in said, said
        assert running.returncode != 0

    def version(self) -> str:
        """What `api` runs."""
        return self.images()["api"].rpartition(":")[2]

    def runs(self, version: str) -> bool:
        """Whether every part that has this version's images runs it."""
        found = self.images()
        wanted = {
            "web": f"{self.registry}/frontdesk:{version}",
            "api": f"{self.registry}/frontdesk:{version}",
            "edge": f"{self.registry}/frontdesk-edge:{version}",
        }
        return {name: found.get(name) for name in wanted} == wanted


@pytest.fixture(scope="session")
def registry() -> str:
    given = os.environ.get("SWARM_REGISTRY", "")
    if not given:
        pytest.skip("SWARM_REGISTRY and SWARM_HOST say which swarm may be used")
    build()
    # It has neither: what never gets ready isn't asked for them.
    _run("docker", "tag", f"frontdesk-db:{NEXT}", f"frontdesk-db:{NEVER_READY}")
    return given


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Iterator[Place]:
    """A place that runs the first version, which came there as any other."""
    place = Place(tmp_path_factory.mktemp("production"), registry, STACK, 8443, 8080)
    place.make_ready()
    with place.removed_afterwards():
        for version in (GOOD, NEXT, NEVER_READY):
            place.made("push", version)
        place.made("deploy", GOOD)
        yield place


@pytest.fixture(scope="session")
def staging(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Iterator[Place]:
    """A place where nothing runs yet."""
    place = Place(tmp_path_factory.mktemp("staging"), registry, "staging", 9443, 9080)
    place.make_ready()
    with place.removed_afterwards():
        yield place


def test_version_is_deployed_checked_and_taken_back_and_no_request_fails(
    production: Place, load: float
) -> None:
    with production.visited(rate=load) as traffic:
        said = production.made("deploy", NEXT)
        assert f"production: {GOOD} runs, {NEXT} is to run, by swarm" in said
        assert f"Version {NEXT} runs. Goss's checks hold through the edges on" in said
        assert production.runs(NEXT)
        said = production.made("verify", NEXT)
        assert re.search(_ALL_HOLD, said), said
        said = production.made("rollback", NEXT)
        assert f"production: {NEXT} runs, {GOOD} is to run again" in said
        assert production.runs(GOOD)
        said = production.made("rollback", NEXT)
        assert f"production: {GOOD} runs, as before: nothing to take back" in said
    nothing_failed(traffic.report)


def test_version_that_never_gets_ready_takes_itself_back_and_no_request_fails(
    production: Place, load: float
) -> None:
    with production.visited(rate=load) as traffic:
        code, said = production.make("deploy", NEVER_READY)
        assert code != 0, said
        assert f"Version {NEVER_READY} didn't hold: " in said
        assert "Everything is as before this deployment." in said
        assert production.runs(GOOD)
        said = production.made("rollback", NEVER_READY)
        assert f"production: {GOOD} runs, as before: nothing to take back" in said
    nothing_failed(traffic.report)


def test_deployment_that_is_ended_halfway_is_taken_back_and_no_request_fails(
    production: Place, load: float
) -> None:
    with production.visited(rate=load) as traffic:
        production.begin(NEXT, until="web and api: told")
        said = production.made("rollback", NEXT)
        assert f"Version {GOOD} runs. Goss's checks hold" in said
        assert production.runs(GOOD)
    nothing_failed(traffic.report)


class Jenkins:
    """The Jenkinsfile with these two places; what comes before `make push` is a stand-in, as tests/jenkins has it."""

    def __init__(self, folder: Path, staging: Place, production: Place) -> None:
        assert shutil.which("java"), "Java is missing: apt-get install default-jre-headless"
        self._pipeline = Pipeline(harness.compiled(folder), folder)
        self._staging, self._production = staging, production

    def build(self, commit: str, image: str, extra: str = "") -> harness.Ended:
        """The build of `commit`, whose images are those of `image`."""
        for name in _IMAGES:
            _run("docker", "tag", f"{name}:{image}", f"{name}:{commit}")
        files = {
            f"{place.name}-swarm": {"kind": "file", "text": place.access.read_text(encoding="ascii")}
            for place in (self._staging, self._production)
        }
        login = {"kind": "usernamePassword", "username": "robot", "password": "heron-7431-registry"}
        ended = self._pipeline.run(
            "main", extra=extra + _REAL, minute=60.0, limit=800.0, credentials={"registry": login, **files},
            env={
                "GIT_COMMIT": commit,
                "BUILD_TAG": f"jenkins-frontdesk-{commit[:4]}",
                "REGISTRY": self._production.registry,
                "STAGING_URL": self._staging.url,
                "PRODUCTION_URL": self._production.url,
                "HTTPS_PORT": self._production.environment["HTTPS_PORT"],
                "HTTP_PORT": self._production.environment["HTTP_PORT"],
                "STAGING_OVERRIDE": self._staging.environment["OVERRIDE"],
                "PRODUCTION_OVERRIDE": self._production.environment["OVERRIDE"],
                "DEPLOY_TIMEOUT": self._production.environment["DEPLOY_TIMEOUT"],
                "REAL_PATH": os.environ["PATH"],
                "ROOT": str(ROOT),
                **{name: os.environ[name] for name in ("DOCKER_HOST",) if name in os.environ},
            },
        )  # fmt: skip
        print(ended.log)
        assert not ended.leaked
        return ended


@pytest.fixture(scope="session")
def jenkins(tmp_path_factory: pytest.TempPathFactory, staging: Place, production: Place) -> Jenkins:
    return Jenkins(tmp_path_factory.mktemp("jenkins"), staging, production)


def test_build_brings_its_commit_to_staging_and_production(
    jenkins: Jenkins, staging: Place, production: Place
) -> None:
    commit = "1" * 40
    ended = jenkins.build(commit, NEXT)
    assert ended.result == "SUCCESS"
    steps = [command.split()[1] for command in ended.commands()]
    assert steps[-6:] == ["push", "deploy", "verify", "bench-smoke", "deploy", "verify"]
    assert staging.runs(commit)
    assert production.runs(commit)
    assert ended.log.count(f"Version {commit} runs. Goss's checks hold through the edges on") == 2
    assert len(re.findall(_ALL_HOLD, ended.log)) == 2
    for stage in ("Check staging", "Check production"):
        assert ended.of("junit", stage)[0]["files"] == ["verify.xml"]
    assert ended.of("artifacts", "Bench")[0]["files"] == ["bench-smoke.md"]


def test_build_that_fails_its_check_in_production_is_taken_back_and_no_request_fails(
    jenkins: Jenkins, production: Place, load: float, tmp_path: Path
) -> None:
    before = production.version()
    commit = "2" * 40
    # The swarm's own checks don't mind a certificate that is soon over; those from outside do.
    production.make_secrets(*_certificate(tmp_path, days=7))
    with production.visited(rate=load) as traffic:
        ended = jenkins.build(commit, GOOD, extra='[ "$TARGET" != staging ] || exit 0\n')
    assert ended.result == "FAILURE"
    steps = (
        ended.of("sh", "Deploy to production")
        + ended.of("sh", "Check production")
        + ended.of("sh", "Production")
    )
    assert [(step["script"].split()[1], step["status"] == 0) for step in steps] == [
        ("deploy", True),
        ("verify", False),
        ("rollback", True),
    ]
    assert re.search(r"^failed: .*certificate-days-left", ended.log, re.MULTILINE)
    assert not re.search(_ALL_HOLD, ended.log)
    assert production.runs(before)
    nothing_failed(traffic.report)


def _certificate(folder: Path, days: int) -> tuple[str, str]:
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    _run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/CN=frontdesk.test", "-addext", "subjectAltName=DNS:frontdesk.test"),
        *("-days", str(days), "-out", certificate, "-keyout", key),
    )
    return certificate, key


def _run(*words: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stderr}"
