"""`python -m deploy.kubernetes.deploy VERSION`: bring this version to the cluster, and take it back if it doesn't hold.

Told by the environment: OVERLAY (a folder with a kustomization.yaml), REGISTRY, DEPLOY_TIMEOUT (seconds), and what
kubectl reads, such as KUBECONFIG. First the schema's Job, then the replicas and the edge, then Goss's checks as a Job.
Exit codes: 0 it runs and was checked; 1 it didn't hold, and everything is as before; 2 nothing was begun; 3 it didn't
hold and couldn't be taken back.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

Object = dict[str, Any]
_T = TypeVar("_T")
_HERE = Path(__file__).parent
_DEPLOYMENTS = ("frontdesk-web", "frontdesk-api", "frontdesk-edge")
_IMAGES = ("frontdesk", "frontdesk-edge", "frontdesk-goss")
# What holds data is never deleted, and a claim can't be made smaller again.
_DATA = ("Namespace", "PersistentVolumeClaim", "Secret")
# Seconds before what the cluster gave no answer to is told again; what it refuses is soon given up, too.
_PAUSES = (1, 3, 9)


class ClusterError(Exception):
    """kubectl's complaint."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Bring a version of Frontdesk to a cluster; docs/kubernetes.md."
    )
    parser.add_argument("version", help="the images' tag")
    version = parser.parse_args().version
    overlay = Path(os.environ.get("OVERLAY") or _HERE / "overlays" / "local").resolve()
    try:
        seconds = float(os.environ.get("DEPLOY_TIMEOUT") or 900)
        if not (overlay / "kustomization.yaml").is_file():
            raise ClusterError(f"OVERLAY={overlay} has no kustomization.yaml")
        objects = render(overlay, version, os.environ.get("REGISTRY", "").rstrip("/"))
        deployment = Deployment(objects, version, seconds)
    except ValueError:
        print("Not begun: DEPLOY_TIMEOUT is a number of seconds.", file=sys.stderr)
        return 2
    except ClusterError as error:
        print(f"Not begun: {error}", file=sys.stderr)
        return 2
    return deployment.go()


def render(overlay: Path, version: str, registry: str) -> list[Object]:
    """What `overlay` says, of images of `version`, with the Job that checks it."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-overlay-") as folder:
        # A copy beside which the folders have other paths: kustomize takes the images' tags from its file alone.
        copy = Path(folder).resolve() / "overlay"
        shutil.copytree(overlay, copy)
        file = copy / "kustomization.yaml"
        told: Object = yaml.safe_load(file.read_text(encoding="utf-8"))
        for kind in ("resources", "components"):
            told[kind] = [_moved(one, overlay, copy) for one in told.get(kind, [])]
        verify = os.path.relpath(_HERE / "components" / "verify", copy)
        if verify not in told["components"]:
            told["components"].append(verify)
        images = {one["name"]: one for one in told.get("images", [])}
        for name in _IMAGES:
            image = images.setdefault(name, {"name": name})
            image.pop("digest", None)
            image["newTag"] = version
            if registry:
                image["newName"] = f"{registry}/{name}"
            elif name == "frontdesk-goss" and "newName" in images["frontdesk"]:
                image.setdefault("newName", f"{images['frontdesk']['newName']}-goss")
        told["images"] = list(images.values())
        file.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
        return [one for one in yaml.safe_load_all(kubectl("kustomize", str(copy))) if one]


class Deployment:
    """One version on its way to one namespace."""

    def __init__(self, objects: list[Object], version: str, seconds: float) -> None:
        self.version = version
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._began = time.monotonic()
        self._objects = [one for one in objects if not self._checks(one)]
        self._verify = [one for one in objects if self._checks(one)]
        names = {
            one["metadata"]["name"]: one["metadata"]["namespace"]
            for one in objects
            if one["kind"] == "Deployment"
        }
        missing = set(_DEPLOYMENTS) - set(names)
        if missing or len(self._verify) != 1:
            raise ClusterError(f"the overlay lacks {', '.join(sorted(missing)) or 'the Job that checks'}")
        self.namespace = names["frontdesk-api"]
        self._scaled = {
            one["spec"]["scaleTargetRef"]["name"]
            for one in objects
            if one["kind"] == "HorizontalPodAutoscaler"
        }
        self.before = self._there()

    def go(self) -> int:
        """Bring it, check it, take it back if need be; the exit code."""
        try:
            failed = self._bring()
        except ClusterError as error:
            failed = str(error)
        except KeyboardInterrupt:
            print(
                "\nInterrupted. What was begun goes on in the cluster; run this again to end it.",
                file=sys.stderr,
            )
            return 130
        if not failed:
            self._report(
                f"Version {self.version} runs. Goss's checks hold, from inside the cluster through the edge."
            )
            return 0
        print(f"\nVersion {self.version} didn't hold: {failed}\n", file=sys.stderr, flush=True)
        if ("Deployment", "frontdesk-api") not in self.before:
            print("There is no version before it to go back to.", file=sys.stderr)
            return 3
        try:
            stuck = self._take_back()
        except ClusterError as error:
            stuck = str(error)
        if stuck:
            print(f"It couldn't be taken back: {stuck}", file=sys.stderr)
            return 3
        self._report("Everything is as before this deployment.")
        return 1

    def _bring(self) -> str:
        jobs = [one for one in self._objects if one["kind"] == "Job"]
        for job in jobs:
            name = job["metadata"]["name"]
            # Of an earlier try: applied again, it would stay as it is, and why it failed may be mended by now.
            if "Failed" in self._again(partial(self._held, name)):
                self._say(f"{name}: failed before, so it's made anew")
                self._tell("delete", "job", name, "--ignore-not-found", "--wait")
        self._again(partial(kubectl, "apply", "--filename", "-", stdin=yaml.safe_dump_all(self._objects)))
        self._say(f"{self.namespace}: told to be version {self.version}")
        # The schema last: it needs the passwords that another Job may have to make first.
        for job in sorted(jobs, key=lambda one: "migrate" in one["metadata"]["name"]):
            failed = self._follow_job(job["metadata"]["name"])
            if failed:
                return failed
        for name in _DEPLOYMENTS:
            failed = self._wait(name, partial(self._rolled_out, name))
            if failed:
                return failed
        [job] = self._verify
        name = job["metadata"]["name"]
        self._tell("delete", "job", name, "--ignore-not-found", "--wait")
        self._again(partial(kubectl, "apply", "--filename", "-", stdin=yaml.safe_dump(job)))
        return self._follow_job(name)

    def _take_back(self) -> str:
        self._until = time.monotonic() + self._seconds
        now = self._again(self._there)
        for name in self._scaled:
            if (key := ("Deployment", name)) in now.keys() & self.before.keys():
                # The autoscaler's.
                self.before[key]["spec"]["replicas"] = now[key]["spec"]["replicas"]
        changed = [
            was
            for key, was in self.before.items()
            if key[0] != "PersistentVolumeClaim" and now.get(key) != was
        ]
        if changed:
            self._again(partial(kubectl, "replace", "--filename", "-", stdin=yaml.safe_dump_all(changed)))
        for one in changed:
            self._say(f"{one['kind']} {one['metadata']['name']}: told to be as before")
        for one in changed:
            name = one["metadata"]["name"]
            failed = one["kind"] == "Deployment" and self._wait(name, partial(self._rolled_out, name))
            if failed:
                return failed
        # Last: the pods of this version need it as long as they're there.
        for kind, name in sorted(now.keys() - self.before.keys()):
            if kind not in _DATA:
                self._tell("delete", kind, name, "--ignore-not-found", "--wait=false")
        return ""

    def _there(self) -> dict[tuple[str, str], Object]:
        """What of this there is in the cluster, but Jobs, without what the cluster notes on it."""
        told = yaml.safe_dump_all(one for one in self._objects if one["kind"] != "Job")
        said = kubectl("get", "--filename", "-", "--ignore-not-found", "--output", "json", stdin=told)
        found = json.loads(said) if said.strip() else {"items": []}
        there = {}
        for one in found.get("items", [found]):
            told_of = ("name", "namespace", "labels", "annotations")
            kept = {key: value for key, value in one.items() if key != "status"}
            kept["metadata"] = {key: one["metadata"][key] for key in told_of if key in one["metadata"]}
            there[one["kind"], one["metadata"]["name"]] = kept
        return there

    def _follow_job(self, name: str) -> str:
        def ended() -> tuple[bool, str, str]:
            held = self._held(name)
            if "Failed" in held:
                logs = self._kubectl("logs", f"job/{name}", "--tail", "20", check=False)
                return False, f"{held['Failed']}\n{logs}", "failed"
            return "Complete" in held, "", "finished" if "Complete" in held else "runs"

        return self._wait(name, ended)

    def _held(self, job: str) -> dict[str, str]:
        """The conditions of a Job that hold, with what they say."""
        conditions = self._get("job", job).get("status", {}).get("conditions", [])
        return {one["type"]: one.get("message", "") for one in conditions if one["status"] == "True"}

    def _rolled_out(self, name: str) -> tuple[bool, str, str]:
        now = self._get("deployment", name)
        if not now:
            return False, "it's gone", "gone"
        status, wanted = now.get("status", {}), now["spec"]["replicas"]
        new, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
        text = f"{new} of {wanted} are new, {available} answer"
        for one in status.get("conditions", []):
            if one["type"] == "Progressing" and one["status"] == "False":
                return False, one["message"], text
        seen = status.get("observedGeneration", 0) >= now["metadata"]["generation"]
        return seen and new == available == status.get("replicas", 0) == wanted, "", text

    def _wait(self, name: str, ask: Callable[[], tuple[bool, str, str]]) -> str:
        """Ask again until it is done, failed, or out of time; why it failed, or an empty text."""
        said = ""
        while True:
            try:
                done, failed, text = ask()
            except ClusterError as error:
                # That the cluster didn't answer for a moment says nothing of the version.
                done, failed, text = False, "", _complaint(error)
            if text != said:
                said = text
                self._say(f"{name}: {text}")
            if done:
                return ""
            if failed:
                return f"{name}: {failed}"
            if time.monotonic() > self._until:
                return (
                    f"{name}: {text}; not done within {self._seconds:.0f} s (DEPLOY_TIMEOUT){self._waiting()}"
                )
            time.sleep(1)

    def _waiting(self) -> str:
        """Why containers don't run, a line each."""
        lines = []
        try:
            pods = self._pods()
        except ClusterError as error:
            return f"\n  what its pods wait for can't be told: {error}"
        for pod in pods:
            for one in pod["status"].get("containerStatuses", []):
                waits = one.get("state", {}).get("waiting")
                if waits:
                    lines.append(
                        f"\n  {pod['metadata']['name']}: {waits['reason']} {waits.get('message', '')[:200]}"
                    )
        return "".join(lines)

    def _report(self, verified: str) -> None:
        where: dict[tuple[str, str], list[str]] = {}
        try:
            pods = self._pods()
        except ClusterError as error:
            print(f"What runs where can't be told: {error}", file=sys.stderr)
            pods = []
        for pod in pods:
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
                part = pod["metadata"]["labels"].get("app.kubernetes.io/component", "?")
                where.setdefault((part, pod["spec"]["containers"][0]["image"]), []).append(
                    pod["spec"]["nodeName"]
                )
        print()
        for (part, image), nodes in sorted(where.items()):
            print(f"{part:8} {image}  {len(nodes)} on {', '.join(sorted(nodes))}")
        print(verified)

    def _get(self, kind: str, name: str) -> Object:
        found = self._kubectl("get", kind, name, "--ignore-not-found", "--output", "json")
        return json.loads(found) if found.strip() else {}

    def _pods(self) -> list[Object]:
        found = self._kubectl(
            "get", "pods", "--selector", "app.kubernetes.io/name=frontdesk", "--output", "json"
        )
        pods: list[Object] = json.loads(found)["items"]
        return pods

    def _again(self, ask: Callable[[], _T]) -> _T:
        """What `ask` answers, or the fourth ClusterError in a row; for what may be asked or told twice."""
        said = ""
        for pause in _PAUSES:
            try:
                return ask()
            except ClusterError as error:
                if said != _complaint(error):
                    said = _complaint(error)
                    self._say(said)
                time.sleep(pause)
        return ask()

    def _tell(self, *words: str) -> None:
        self._again(partial(self._kubectl, *words))

    def _kubectl(self, *words: str, check: bool = True) -> str:
        return kubectl(*words, "--namespace", self.namespace, check=check)

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:5.0f} s  {text}", flush=True)

    @staticmethod
    def _checks(one: Object) -> bool:
        component = one["metadata"].get("labels", {}).get("app.kubernetes.io/component")
        return bool(one["kind"] == "Job" and component == "verify")


def kubectl(*words: str, stdin: str = "", check: bool = True) -> str:
    """What kubectl answers; ClusterError with what it complains of."""
    try:
        done = subprocess.run(
            ["kubectl", *words], input=stdin, capture_output=True, text=True, check=False, timeout=120
        )
    except FileNotFoundError:
        raise ClusterError("kubectl isn't installed here") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"kubectl {' '.join(words[:2])} doesn't end") from None
    if done.returncode and check:
        raise ClusterError(f"kubectl {' '.join(words[:2])}: {done.stderr.strip()[-800:]}")
    return done.stdout


def _complaint(error: ClusterError) -> str:
    # Its last line: those before have the time, so that each would be another text, and be said.
    return f"asking again: {str(error).splitlines()[-1]}"


def _moved(path: str, old: Path, new: Path) -> str:
    """The same folder or file, as seen from `new`; what is within `old` was copied, and an address stays."""
    return os.path.relpath((old / path).resolve(), new) if path.startswith("..") else path


if __name__ == "__main__":
    sys.exit(main())
