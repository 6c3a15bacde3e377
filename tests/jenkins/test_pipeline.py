"""The Jenkinsfile, run stage by stage: what runs when, what is published, what is taken back."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.jenkins.conftest import COMMIT, PRODUCTION_KEY, REGISTRY_PASSWORD, STAGING_KEY, Pipeline
from tests.jenkins.harness import ROOT, Refused

pytestmark = pytest.mark.pipeline

_VERSION = 'VERSION="$GIT_COMMIT"'
_TESTS = {
    "make test",
    "make test-compiled",
    "make test-browser",
    "make lint-jenkins",
    "make test-pipeline",
    "make lint-deploy",
    "make check-kubernetes",
    "make scan-secrets",
    "make audit",
}
_IMAGES = [f"make {target} {_VERSION}" for target in ("image", "sbom", "test-docker", "e2e-compose")]
_STAGING = [f"make deploy {_VERSION}", f"make verify {_VERSION}", "make bench-smoke"]
_PRODUCTION = [f"make deploy {_VERSION}", f"make verify {_VERSION}"]
_ROLLBACK = f"make rollback {_VERSION}"


def test_main_goes_from_checks_to_production_in_order(pipeline: Pipeline) -> None:
    ended = pipeline.run("main")
    assert ended.result == "SUCCESS", ended.log
    commands = ended.commands()
    assert commands[:2] == ["make setup", "make check"]
    assert set(commands[2:11]) == _TESTS
    assert commands[11:] == [*_IMAGES, f"make push {_VERSION}", *_STAGING, *_PRODUCTION]
    assert ended.stages("SKIPPED") == ["Release"]


def test_branch_stops_after_compose(pipeline: Pipeline) -> None:
    ended = pipeline.run("idea/quicker")
    assert ended.result == "SUCCESS", ended.log
    assert ended.commands()[-1] == _IMAGES[-1]
    assert ended.stages("SKIPPED") == ["Push", "Staging", "Approval", "Production", "Release"]


def test_change_request_sees_no_credential_whatever_its_parameters_say(pipeline: Pipeline) -> None:
    ended = pipeline.run("PR-7", params={"DEPLOY": True, "RELEASE": True})
    assert ended.result == "SUCCESS", ended.log
    assert ended.commands()[-1] == _IMAGES[-1]
    assert not [event for event in ended.events if event["kind"] == "credential"]


def test_main_is_deployed_only_if_that_is_wanted(pipeline: Pipeline) -> None:
    ended = pipeline.run("main", params={"DEPLOY": False})
    assert ended.commands()[-1] == f"make push {_VERSION}"
    assert ended.stages("SKIPPED") == ["Staging", "Approval", "Production", "Release"]


@pytest.mark.parametrize("engine", ["swarm", "kubernetes"])
def test_engine_chooses_whose_access_is_used(pipeline: Pipeline, engine: str) -> None:
    ended = pipeline.run("main", params={"ENGINE": engine}, extra='echo "$ENGINE at $PUBLIC_URL"')
    used = {(event["stage"], event["id"]) for event in ended.events if event["kind"] == "credential"}
    assert used == {
        ("Push", "registry"),
        ("Deploy to staging", "registry"),
        ("Deploy to staging", f"staging-{engine}"),
        ("Check staging", "registry"),
        ("Deploy to production", "registry"),
        ("Deploy to production", f"production-{engine}"),
        ("Check production", "registry"),
    }
    assert f"{engine} at https://staging.example.org" in ended.log
    assert f"{engine} at https://accounts.example.org" in ended.log


def test_place_is_told_what_is_its_own_and_nothing_that_nobody_said(pipeline: Pipeline) -> None:
    ended = pipeline.run(
        "main",
        env={
            "STAGING_OVERRIDE": "deploy/ours/staging.yaml",
            "PRODUCTION_OVERLAY": "deploy/ours",
            "STAGING_URL": "",
        },
        extra='[ $target != deploy ] || echo "$TARGET: url=$PUBLIC_URL override=$OVERRIDE overlay=$OVERLAY."',
    )
    assert "\nstaging: url= override=deploy/ours/staging.yaml overlay=.\n" in ended.log
    assert "\nproduction: url=https://accounts.example.org override= overlay=deploy/ours.\n" in ended.log


def test_release_is_built_if_that_is_wanted(pipeline: Pipeline) -> None:
    ended = pipeline.run(
        "main", params={"RELEASE": True}, extra="mkdir -p dist && echo sums >dist/SHA256SUMS"
    )
    assert ended.commands()[-1] == "make release"
    assert ended.of("artifacts", "Release")[0]["files"] == ["SHA256SUMS"]


def test_tests_run_side_by_side(pipeline: Pipeline) -> None:
    # Each waits until another one has begun, so one after the other would never end.
    both = "touch $target; until [ -e test ] && [ -e test-browser ]; do sleep 0.1; done"
    wait = f"case $target in test|test-browser) {both} ;; esac"
    assert pipeline.run("idea", extra=wait, minute=1.0).result == "SUCCESS"


@pytest.mark.parametrize(
    "target", ["check", "test", "lint-deploy", "scan-secrets", "image", "test-docker", "e2e-compose", "push"]
)
def test_nothing_is_deployed_when_something_before_fails(pipeline: Pipeline, target: str) -> None:
    ended = pipeline.run("main", fail=target)
    assert ended.result == "FAILURE"
    assert not {"deploy", "rollback", "push"} & {command.split()[1] for command in ended.commands()} - {
        target
    }
    assert {"Staging", "Approval", "Production"} <= set(ended.stages("SKIPPED"))


@pytest.mark.parametrize(("status", "result"), [(1, "FAILURE"), (0, "UNSTABLE")])
def test_failed_test_is_published_and_deploys_nothing(pipeline: Pipeline, status: int, result: str) -> None:
    report = "<testsuites><testsuite><testcase><failure/></testcase></testsuite></testsuites>"
    fails = f'[ "$target" = test ] && {{ echo "{report}" >test-results/test.xml; exit {status}; }}; true'
    ended = pipeline.run("main", extra=fails)
    assert ended.result == result
    assert _ROLLBACK not in ended.commands()
    assert ended.of("junit", "Suite")[0]["files"] == ["test.xml"]
    assert "Staging" in ended.stages("SKIPPED")


def test_reports_are_published(pipeline: Pipeline) -> None:
    ended = pipeline.run("main")
    published = {event["stage"]: event["files"] for event in ended.events if event["kind"] == "junit"}
    assert published == {
        "Suite": ["test.xml"],
        "Compiled": ["test-compiled.xml"],
        "Browser": ["test-browser.xml"],
        "Pipeline": ["test-pipeline.xml"],
        "Deployment files": ["check-kubernetes.xml"],
        "Image checks": ["test-docker.xml"],
        "Compose": ["e2e-compose.xml"],
        "Check staging": ["verify.xml"],
        "Check production": ["verify.xml"],
    }
    assert ended.of("coverage", "Suite")[0]["files"] == ["coverage.xml"]
    assert ended.of("artifacts", "Bench")[0]["files"] == ["bench-smoke.md"]


@pytest.mark.parametrize("target", ["deploy", "verify", "bench-smoke"])
def test_staging_is_taken_back_when_it_fails(pipeline: Pipeline, target: str) -> None:
    ended = pipeline.run("main", fail=f"{target}@staging")
    assert ended.result == "FAILURE"
    assert ended.commands()[-1] == _ROLLBACK
    assert ended.of("sh", "Staging")[-1]["script"] == _ROLLBACK
    assert {"Approval", "Production"} <= set(ended.stages("SKIPPED"))
    assert [event["id"] for event in ended.of("credential", "Staging")] == ["registry", "staging-swarm"]


@pytest.mark.parametrize("target", ["deploy", "verify"])
def test_production_is_taken_back_when_it_fails(pipeline: Pipeline, target: str) -> None:
    ended = pipeline.run("main", fail=f"{target}@production")
    assert ended.result == "FAILURE"
    assert ended.of("sh", "Production")[-1]["script"] == _ROLLBACK
    assert ended.of("sh", "Staging") == []
    assert [event["id"] for event in ended.of("credential", "Production")] == ["registry", "production-swarm"]


# A rollback that takes two minutes, if a minute takes 0.3 s.
_SLOWLY = "[ $target != rollback ] || sleep 0.6"


@pytest.mark.parametrize("target", ["staging", "production"])
@pytest.mark.parametrize("what", ["deploy", "verify"])
def test_what_hangs_is_ended_and_taken_back(pipeline: Pipeline, what: str, target: str) -> None:
    # A timeout makes a build ABORTED, for which Jenkins doesn't run `post { failure }`.
    ended = pipeline.run("main", hang=f"{what}@{target}", extra=_SLOWLY, minute=0.3)
    assert ended.result == "ABORTED"
    stage = target.capitalize()
    assert ended.of("sh", stage)[-1]["script"] == _ROLLBACK
    assert ended.of("sh", stage)[-1]["status"] == 0


@pytest.mark.parametrize("answer", ["no", ""])
def test_production_needs_somebodys_approval(pipeline: Pipeline, answer: str) -> None:
    ended = pipeline.run("main", approval=answer)
    assert ended.result == "ABORTED"
    assert ended.stages("SKIPPED") == ["Production", "Release"]
    # That staging works is no reason to take it back.
    assert _ROLLBACK not in ended.commands()
    assert ended.of("input", "Approval")[0]["submitter"] == "deployers"


def test_every_step_has_a_time_limit(pipeline: Pipeline) -> None:
    ended = pipeline.run("main", params={"RELEASE": True}, extra="mkdir -p dist && touch dist/SHA256SUMS")
    taken_back = pipeline.run("main", fail="verify@production")
    minutes = {
        event["script"]: event["limit"] for event in ended.events + taken_back.events if event["kind"] == "sh"
    }
    assert _ROLLBACK in minutes
    assert max(minutes.values()) <= 60, minutes
    ended = pipeline.run("main", hang="check", minute=0.3)
    assert ended.result == "ABORTED"
    assert ended.stages("ABORTED") == ["Check", "Verify"]


def test_no_credential_reaches_the_log(pipeline: Pipeline) -> None:
    quiet = pipeline.run("main", extra='test -z "$TARGET_ACCESS" || test -r "$TARGET_ACCESS"')
    assert quiet.result == "SUCCESS"
    assert not quiet.leaked
    loud = pipeline.run("main", extra='echo "$REGISTRY_PASSWORD"; cat "$TARGET_ACCESS"; true')
    # The harness notices, and masks as Jenkins does.
    assert loud.leaked
    for secret in (REGISTRY_PASSWORD, STAGING_KEY, PRODUCTION_KEY):
        assert secret not in quiet.log
        assert secret not in loud.log


def test_files_with_access_are_gone_afterwards(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.run("main")
    assert not list(tmp_path.glob("credential*"))


def test_every_target_exists(pipeline: Pipeline) -> None:
    assert _missing(pipeline) == set()
    pipeline.changed("'make check'", "'make chekc'")
    assert _missing(pipeline) == {"chekc"}


def test_steps_are_make_targets_and_nothing_else() -> None:
    scripts = re.findall(r"""\bsh\b\s*\(?\s*(['"].*)""", (ROOT / "Jenkinsfile").read_text(encoding="utf-8"))
    assert scripts
    for script in scripts:
        assert re.match(r"""'make [a-z0-9-]+( VERSION="\$GIT_COMMIT")?'""", script), script


def test_cheap_targets_really_run(pipeline: Pipeline, tmp_path: Path) -> None:
    """One build with the real make, in a clone, of targets that take seconds."""
    clone = tmp_path / "workspace"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    shutil.copy(ROOT / "Makefile", clone)
    steps = "sh 'make help'\n sh 'make wheel --dry-run VERSION=\"$GIT_COMMIT\"'"
    pipeline.text = f"pipeline {{\n agent any\n stages {{ stage('Real') {{ steps {{ {steps} }} }} }}\n}}\n"
    ended = pipeline.run("main", real=os.environ["PATH"])
    assert ended.result == "SUCCESS", ended.log
    assert "make test-pipeline" in ended.log
    assert f"VERSION={COMMIT}" in ended.log
    pipeline.changed("make help", "make hlep")
    ended = pipeline.run("main", real=os.environ["PATH"])
    assert ended.result == "FAILURE"
    assert "No rule to make target 'hlep'" in ended.log


# --- The harness itself: what it must not let through ---


def test_harness_sees_that_a_rollback_is_missing(pipeline: Pipeline) -> None:
    pipeline.changed(f"sh '{_ROLLBACK}'", "echo 'nothing'")
    ended = pipeline.run("main", fail="verify@production")
    assert _ROLLBACK not in ended.commands()


def test_harness_knows_that_a_stages_time_limit_holds_for_its_post(pipeline: Pipeline) -> None:
    stage = "stage('Production') {"
    pipeline.changed(stage, f"{stage} options {{ timeout(time: 1, unit: 'HOURS') }}")
    ended = pipeline.run("main", hang="deploy@production", extra=_SLOWLY, minute=0.3)
    assert ended.result == "ABORTED"
    assert [event["status"] for event in ended.of("sh", "Production")] == ["TIMEOUT"]


def test_harness_knows_that_a_timeout_is_no_failure(pipeline: Pipeline) -> None:
    pipeline.changed("unsuccessful {", "failure {")
    ended = pipeline.run("main", hang="verify@production", minute=0.6)
    assert ended.result == "ABORTED"
    assert _ROLLBACK not in ended.commands()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("stage('Check') {", "stage('Check') { stpes { }", "there is no stpes here"),
        ("unsuccessful {", "unsucessful {", "there is no unsucessful here"),
        ("timestamps()", "timestamp()", "there is no timestamp here"),
        ("steps { sh 'make check' }", "", "exactly one of steps, stages and parallel"),
        ("stage('Image checks')", "stage('Image')", "two stages are called Image"),
        ("    agent none\n", "", "pipeline: no agent"),
        ("PUBLIC_URL = ", "URL = ", "assign a value to the class 'java.net.URL'"),
        ("sh 'make setup'", "shell 'make setup'", "no step is called shell"),
        ("        timestamps()\n", "        timestamps(\n", "startup failed"),
        # Groovy's, but not that of a pipeline, which is transformed to go on after a restart.
        ("{ sh 'make setup' }", "{ synchronized (this) { sh 'make setup' } }", "synchronized is unsupported"),
    ],
)
def test_harness_refuses_what_jenkins_would(pipeline: Pipeline, old: str, new: str, said: str) -> None:
    pipeline.changed(old, new)
    with pytest.raises(Refused, match=re.escape(said)):
        pipeline.run("main")


def test_harness_refuses_a_credential_in_the_text_of_a_script(pipeline: Pipeline) -> None:
    pipeline.changed(f"sh 'make push {_VERSION}'", 'sh "make push PASSWORD=${env.REGISTRY_PASSWORD}"')
    with pytest.raises(Refused, match="let the shell read it"):
        pipeline.run("main")


def _missing(pipeline: Pipeline) -> set[str]:
    """Targets that the pipeline's steps name and the Makefile lacks."""
    there = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"make ([a-z0-9-]+)", "\n".join(re.findall(r"\bsh .*", pipeline.text))))
    return named - there
