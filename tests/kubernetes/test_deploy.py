"""`make deploy-kubernetes`: plain manifests in an empty cluster, then versions that hold, and ones that don't."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kubernetes import cluster
from tests.kubernetes.cluster import BASE, DEPLOY, ROOT, get, kubectl
from tests.kubernetes.conftest import Version, relative

pytestmark = pytest.mark.timeout(900)


def deploy(overlay: Path, version: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.kubernetes.deploy", version],
        cwd=ROOT,
        env={**os.environ, "OVERLAY": str(overlay), "REGISTRY": "", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """overlays/local in a namespace of its own, and small."""
    namespace = f"frontdesk-test-{secrets.token_hex(3)}"
    folder = tmp_path_factory.mktemp("overlay")
    told = yaml.safe_load((DEPLOY / "overlays/local/kustomization.yaml").read_text(encoding="utf-8"))
    for kind in ("resources", "components"):
        told[kind] = [relative(DEPLOY / "overlays/local" / one, folder) for one in told[kind]]
    told["namespace"] = namespace
    request = {
        "op": "replace",
        "path": "/spec/template/spec/containers/0/resources/requests/cpu",
        "value": "50m",
    }
    told["patches"] = [
        {"target": {"kind": "Deployment"}, "patch": yaml.safe_dump([request])},
        {
            "target": {"kind": "HorizontalPodAutoscaler"},
            "patch": yaml.safe_dump([{"op": "replace", "path": "/spec/maxReplicas", "value": 2}]),
        },
    ]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    yield folder
    kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")


def _namespace(overlay: Path) -> str:
    return str(yaml.safe_load((overlay / "kustomization.yaml").read_text(encoding="utf-8"))["namespace"])


def _version(overlay: Path) -> str:
    return next(image for image in _images(overlay) if "edge" in image).rpartition(":")[2]


def _images(overlay: Path) -> set[str]:
    deployments = get("deployments", namespace=_namespace(overlay))["items"]
    return {d["spec"]["template"]["spec"]["containers"][0]["image"] for d in deployments}


@pytest.mark.kubernetes_long
def test_it_comes_to_an_empty_cluster_and_the_next_version_after_it(
    overlay: Path, version: Version, tmp_path: Path
) -> None:
    cluster.load_images("postgres:18")
    done = deploy(overlay, BASE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Version {BASE} runs. Goss's checks hold" in done.stdout
    other = version("same")
    # An API server that doesn't answer now and then is no fault of the version.
    counted, kubectl_there = tmp_path / "looks", shutil.which("kubectl")
    (tmp_path / "kubectl").write_text(
        f"""#!/bin/sh
case "$1 $2" in "get job" | "get deployment")
    echo >>{counted}
    [ $(($(wc -l <{counted}) % 4)) != 0 ] || {{ echo "TLS handshake timeout" >&2; exit 1; }} ;;
esac
exec {kubectl_there} "$@"
"""
    )
    (tmp_path / "kubectl").chmod(0o755)
    done = deploy(overlay, other, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TLS handshake timeout" in done.stdout
    assert _images(overlay) == {f"frontdesk:{other}", f"frontdesk-edge:{other}"}
    assert f"api      frontdesk:{other}  2 on " in done.stdout


@pytest.mark.kubernetes_long
@pytest.mark.parametrize(
    ("target", "checks", "words"),
    [
        ("broken", "", "FRONTDESK_NO_SUCH_SETTING is no setting"),
        ("same", "refuse", "no-such-page"),
    ],
)
def test_version_that_does_not_hold_is_taken_back(
    overlay: Path, version: Version, target: str, checks: str, words: str
) -> None:
    before, tried = _images(overlay), version(target, checks=checks)
    for again in (False, True):
        done = deploy(overlay, tried)
        assert done.returncode == 1, done.stdout + done.stderr
        assert words in done.stderr
        assert "Everything is as before this deployment." in done.stdout
        assert _images(overlay) == before
        # The Job of the schema had failed, and is there.
        assert ("failed before, so it's made anew" in done.stdout) == (again and target == "broken")


@pytest.mark.kubernetes_long
def test_all_that_came_with_a_version_is_taken_back_with_it(overlay: Path) -> None:
    """The same images, behind Services and policies that don't hold."""
    namespace = _namespace(overlay)
    kinds = "services,networkpolicies,horizontalpodautoscalers,poddisruptionbudgets"

    def seen() -> dict[tuple[str, str], object]:
        found = get(kinds, namespace=namespace)["items"]
        return {(one["kind"], one["metadata"]["name"]): one["spec"] for one in found}

    before, file = seen(), overlay / "kustomization.yaml"
    good = file.read_text(encoding="utf-8")
    told = yaml.safe_load(good)
    # The way to the API, shut by a Service of no pod; what is new; and the autoscaler's bounds.
    nobody = {"op": "replace", "path": "/spec/selector/app.kubernetes.io~1component", "value": "nobody"}
    more = {"op": "replace", "path": "/spec/maxReplicas", "value": 3}
    told["patches"] += [
        {"target": {"kind": "Service", "name": "frontdesk-api"}, "patch": yaml.safe_dump([nobody])},
        {"target": {"kind": "HorizontalPodAutoscaler"}, "patch": yaml.safe_dump([more])},
    ]
    told["components"].append(relative(DEPLOY / "components/backup", overlay))
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    try:
        done = deploy(overlay, _version(overlay))
    finally:
        file.write_text(good, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Service frontdesk-api: told to be as before" in done.stdout
    assert seen() == before
    assert not get("cronjobs", namespace=namespace)["items"]
    # What may hold data stays.
    assert [one["metadata"]["name"] for one in get("pvc", namespace=namespace)["items"]] == [
        "data-frontdesk-db-0",
        "frontdesk-backups",
    ]
    assert deploy(overlay, _version(overlay)).returncode == 0


@pytest.mark.kubernetes_long
def test_version_whose_images_are_nowhere_is_taken_back_in_time(overlay: Path) -> None:
    before = _images(overlay)
    done = deploy(overlay, "nowhere", DEPLOY_TIMEOUT="20")
    assert done.returncode == 1
    assert "not done within 20 s (DEPLOY_TIMEOUT)" in done.stderr
    assert "ImagePull" in done.stderr
    assert _images(overlay) == before


@pytest.mark.kustomize
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"DEPLOY_TIMEOUT": "soon"}, "DEPLOY_TIMEOUT is a number of seconds"),
        ({"OVERLAY": "/nowhere"}, "OVERLAY=/nowhere has no kustomization.yaml"),
        (
            {"OVERLAY": str(DEPLOY / "operator")},
            "the overlay lacks frontdesk-api, frontdesk-edge, frontdesk-web",
        ),
        ({"KUBECONFIG": "/nowhere"}, "kubectl get --filename"),
    ],
)
def test_what_can_not_begin_is_said_in_a_line(variables: dict[str, str], words: str) -> None:
    done = deploy(DEPLOY / "overlays/local", BASE, **variables)
    assert done.returncode == 2
    assert done.stderr.startswith("Not begun: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cluster that isn't one: pretend_kubectl.py."""
    real, folder = shutil.which("kubectl"), tmp_path / "cluster"
    folder.mkdir()
    script = Path(__file__).parent / "pretend_kubectl.py"
    (tmp_path / "kubectl").write_text(f'#!/bin/sh\nexec {sys.executable} {script} {real} {folder} "$@"\n')
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return folder


@pytest.mark.kustomize
@pytest.mark.parametrize(
    "silent",
    ["get job", "get deployment", "get pods", "delete job", "apply --filename"],
    ids=["a Job", "a rollout", "the end", "the old checks", "the checks"],
)
def test_cluster_that_does_not_answer_for_a_moment_takes_nothing_back(pretended: Path, silent: str) -> None:
    (pretended / "before").write_text("")
    (pretended / "silent").write_text(f"{silent} 2\n")
    done = deploy(DEPLOY / "overlays/local", BASE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Version {BASE} runs. Goss's checks hold" in done.stdout
    assert (done.stdout + done.stderr).count("TLS handshake timeout") == 1


@pytest.mark.kustomize
def test_cluster_that_never_answers_again_is_waited_for_until_the_deadline(pretended: Path) -> None:
    (pretended / "silent").write_text("get deployment 99\nget pods 99\n")
    done = deploy(DEPLOY / "overlays/local", BASE, DEPLOY_TIMEOUT="2")
    assert done.returncode == 3
    assert "frontdesk-web: asking again: Unable to connect to the server" in done.stdout
    assert "not done within 2 s (DEPLOY_TIMEOUT)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.kustomize
@pytest.mark.parametrize("job", ["frontdesk-migrate", "frontdesk-passwords"])
def test_job_that_failed_is_made_anew_when_the_same_version_is_deployed_again(
    pretended: Path, job: str
) -> None:
    (pretended / "fails").write_text(f"{job}-{BASE}")
    assert deploy(DEPLOY / "overlays/local", BASE).returncode == 3
    # What it failed by was mended.
    (pretended / "fails").unlink()
    done = deploy(DEPLOY / "overlays/local", BASE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{job}-{BASE}: failed before, so it's made anew" in done.stdout
    done = deploy(DEPLOY / "overlays/local", BASE)
    assert "made anew" not in done.stdout
