"""What there is in the cluster: how far rollouts and Jobs are, and, if they don't get on, why."""

from collections.abc import Mapping
from typing import Any

from frontdesk_operator import labels
from frontdesk_operator.client import Client, Object
from frontdesk_operator.upgrade import Progress, State

_LONGEST = 500


async def rollout(client: Client, deployment: Object) -> Progress:
    """How far a Deployment's pods are the ones that are asked for."""
    spec, status = deployment["spec"], deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return Progress(State.WAITING, "not seen yet")
    updated, wanted = status.get("updatedReplicas", 0), spec.get("replicas", 1)
    available = status.get("availableReplicas", 0)
    conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
    if conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded":
        return Progress(State.FAILED, await _trouble(client, deployment))
    if updated < wanted or status.get("replicas", 0) > updated or available < updated:
        what = f"{updated} of {wanted} pods are new, {available} available"
        return Progress(State.WAITING, what)
    return Progress(State.DONE)


async def job(client: Client, namespace: str, name: str) -> Progress | None:
    """How far a Job is; None if there is none."""
    found = await client.get("batch/v1", "Job", namespace, name)
    if found is None:
        return None
    conditions = {
        condition["type"]: condition
        for condition in found.get("status", {}).get("conditions", [])
        if condition["status"] == "True"
    }
    if "Complete" in conditions:
        return Progress(State.DONE)
    if "Failed" in conditions:
        said = await _last_words(client, namespace, {"batch.kubernetes.io/job-name": name})
        return Progress(State.FAILED, said or conditions["Failed"].get("message", "the Job failed"))
    return Progress(
        State.WAITING, await _last_words(client, namespace, {"batch.kubernetes.io/job-name": name})
    )


def ready(thing: Object | None) -> tuple[int, int]:
    """Ready replicas, and how many are asked for, of a Deployment or StatefulSet."""
    if thing is None:
        return 0, 0
    return thing.get("status", {}).get("readyReplicas", 0), thing["spec"].get("replicas", 1)


async def last_backup(client: Client, namespace: str, instance: str) -> tuple[Object | None, str]:
    """The last backup's Job that succeeded, and what the one after it failed with, if one did."""
    jobs = await client.select(
        "batch/v1", "Job", namespace, {**labels.of(instance), labels.COMPONENT: "backup"}
    )
    jobs.sort(key=lambda job: str(job["metadata"]["creationTimestamp"]))
    succeeded, failed = None, ""
    for found in jobs:
        kinds = {c["type"] for c in found.get("status", {}).get("conditions", []) if c["status"] == "True"}
        if "Complete" in kinds:
            succeeded, failed = found, ""
        elif "Failed" in kinds:
            failed = found["metadata"]["name"]
    if failed:
        said = await _last_words(client, namespace, {"batch.kubernetes.io/job-name": failed})
        failed = f"{failed}: {said or 'failed'}"
    return succeeded, failed


async def _trouble(client: Client, deployment: Object) -> str:
    metadata = deployment["metadata"]
    template = deployment["spec"]["template"]["metadata"]["labels"]
    wanted = {
        name: template[name]
        for name in (labels.INSTANCE, labels.COMPONENT, labels.VERSION)
        if name in template
    }
    said = await _last_words(client, metadata["namespace"], wanted)
    return f"the pods of {metadata['name']} don't get ready" + (f": {said}" if said else "")


async def _last_words(client: Client, namespace: str, wanted: Mapping[str, str]) -> str:
    """Why pods don't get on: what the newest that is in trouble says itself, or what the cluster says of it."""
    pods = await client.select("v1", "Pod", namespace, wanted)
    pods.sort(key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)
    for pod in pods:
        status: Mapping[str, Any] = pod.get("status", {})
        for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
            for state in (container.get("lastState", {}), container.get("state", {})):
                ended = state.get("terminated")
                if ended and ended.get("exitCode"):
                    why = ended.get("message") or await client.logs(namespace, pod["metadata"]["name"], 3)
                    return _short(why or f"{ended.get('reason', 'ended')} with exit code {ended['exitCode']}")
            waiting = container.get("state", {}).get("waiting")
            if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
                return _short(f"{waiting['reason']}: {waiting.get('message', '')}")
        for condition in status.get("conditions", []):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return _short(f"no node has room: {condition.get('message', '')}")
    return ""


def _short(text: str) -> str:
    return " ".join(text.split())[-_LONGEST:]
