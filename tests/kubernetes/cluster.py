"""A Kubernetes cluster as its tests see it: kubectl with this KUBECONFIG, and the images of versions to upgrade to."""

import base64
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy" / "kubernetes"
VERSIONS = Path(__file__).parent / "versions"
# `make image VERSION=…`; the versions to upgrade to are made of these.
BASE = os.environ.get("VERSION", "dev")

Object = dict[str, Any]
_T = TypeVar("_T")


def kubectl(*arguments: str, stdin: str = "", check: bool = True) -> str:
    """What kubectl says. AssertionError, with what it complains of, if it fails."""
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"kubectl {shlex.join(arguments)}: {done.stderr}"
    return done.stdout if done.returncode == 0 else done.stderr


def get(
    kind: str, name: str = "", *, namespace: str = "", labels: str = "", everywhere: bool = False
) -> Object:
    """One object, or a list's."""
    where = ["--namespace", namespace] if namespace else ["--all-namespaces"] if everywhere else []
    what = [name] if name else (["--selector", labels] if labels else [])
    found: Object = json.loads(kubectl("get", kind, *what, *where, "--output", "json"))
    return found


def until(what: str, probe: Callable[[], _T], *, seconds: float = 120.0) -> _T:
    """What `probe` found once it found anything. AssertionError that says `what` never came."""
    end = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < end, f"{what} didn't come within {seconds:.0f} s"
        time.sleep(0.5)
    return found


def load_images(*names: str) -> None:
    """Bring the engine's images to the nodes, by the command in LOAD_IMAGES, such as `kind load docker-image`."""
    command = os.environ.get("LOAD_IMAGES", "")
    if command:
        subprocess.run([*shlex.split(command), *names], check=True, capture_output=True)


def make_version(target: str, tag: str, *, checks: str = "") -> list[str]:
    """Images of another version, `tag`: the service by a target of versions/Dockerfile; with `checks`, its Goss checks
    by versions/Dockerfile.goss. Their names."""
    build = ["docker", "build", "--quiet", "--build-arg"]
    made = [f"frontdesk:{tag}", f"frontdesk-edge:{tag}", f"frontdesk-goss:{tag}"]
    arguments = [f"FROM=frontdesk:{BASE}", "--target", target, "--tag", made[0], str(VERSIONS)]
    subprocess.run([*build, *arguments], check=True, capture_output=True)
    if target in ("broken", "unmigrated"):
        # Nothing of it but its migration is ever run.
        return made[:1]
    subprocess.run(["docker", "tag", f"frontdesk-edge:{BASE}", made[1]], check=True)
    if checks:
        file = str(VERSIONS / "Dockerfile.goss")
        arguments = [f"FROM=frontdesk-goss:{BASE}", "--file", file, "--tag", made[2], str(VERSIONS)]
        subprocess.run([*build, *arguments], check=True, capture_output=True)
    else:
        subprocess.run(["docker", "tag", f"frontdesk-goss:{BASE}", made[2]], check=True)
    return made


def is_there() -> bool:
    """Whether KUBECONFIG leads to a cluster."""
    return shutil.which("kubectl") is not None and "ok" in kubectl("get", "--raw", "/readyz", check=False)


def address() -> str:
    """An address of the first node that can be reached from here."""
    nodes = get("nodes")["items"]
    return next(a["address"] for a in nodes[0]["status"]["addresses"] if a["type"] == "InternalIP")


def secret(namespace: str, name: str) -> dict[str, str]:
    """What a Secret holds."""
    data = get("secret", name, namespace=namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


class Frontdesk:
    """One resource of the controller's."""

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace, self.name = namespace, name

    def apply(self, spec: Object) -> None:
        """Ask for it."""
        manifest = {
            "apiVersion": "frontdesk.dev/v1alpha1",
            "kind": "Frontdesk",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": spec,
        }
        kubectl("apply", "--filename", "-", stdin=json.dumps(manifest))

    def change(self, **spec: Any) -> None:
        """Ask for something else."""
        patch = json.dumps({"spec": spec})
        kubectl("patch", "frontdesk", self.name, "-n", self.namespace, "--type", "merge", "--patch", patch)

    def read(self) -> Object:
        return get("frontdesk", self.name, namespace=self.namespace)

    @property
    def status(self) -> Object:
        found: Object = self.read().get("status", {})
        return found

    def condition(self, kind: str) -> Object:
        """A condition for the spec that is asked for now; empty if there's none yet."""
        found = self.read()
        for condition in found.get("status", {}).get("conditions", []):
            if (
                condition["type"] == kind
                and condition["observedGeneration"] == found["metadata"]["generation"]
            ):
                return dict(condition)
        return {}

    def serves(self, version: str, *, seconds: float = 240.0) -> None:
        """Wait until that version serves, and nothing is under way."""

        def done() -> bool:
            status = self.status
            settled = self.condition("Progressing").get("status") == "False"
            return status.get("version") == version and "upgrade" not in status and settled

        until(f"{self.name} at {version}", done, seconds=seconds)

    def refuses(self, version: str, *, seconds: float = 400.0) -> Object:
        """Wait until that version was tried and given up; what the status says of it."""
        image = f"frontdesk:{version}"

        def given_up() -> Object | None:
            status = self.status
            refused: Object | None = status.get("refused")
            return refused if refused and refused["image"] == image and "upgrade" not in status else None

        found = until(f"the end of {version}", given_up, seconds=seconds)
        assert found is not None
        return found

    def events(self) -> list[str]:
        """The reasons of what has happened, in their order."""
        found = get("events", namespace=self.namespace)["items"]
        mine = [
            e
            for e in found
            if e["involvedObject"].get("name") == self.name and e["involvedObject"]["kind"] == "Frontdesk"
        ]
        # Times are whole seconds, in which several happen.
        return [e["reason"] for e in sorted(mine, key=lambda e: int(e["metadata"]["resourceVersion"]))]

    def told(self, *reasons: str) -> None:
        """Wait until the last that was told is this: an Event comes after the status that it's about."""
        until(f"the Events {reasons}", lambda: tuple(self.events()[-len(reasons) :]) == reasons, seconds=10)

    def pods(self, component: str = "") -> list[Object]:
        """Its pods that aren't on their way out."""
        labels = f"app.kubernetes.io/instance={self.name}"
        labels += f",app.kubernetes.io/component={component}" if component else ""
        found = get("pods", namespace=self.namespace, labels=labels)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
