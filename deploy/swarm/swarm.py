"""What a swarm says of itself, through the docker command and whatever engine or context that was told to use."""

import json
import os
import subprocess
import time
from typing import Any

# Docker's names for a task that will do nothing any more.
OVER = frozenset(("complete", "shutdown", "failed", "rejected", "remove", "orphaned"))

Json = dict[str, Any]

# Managers that elect another leader do so within seconds; nothing was done meanwhile.
_ELECTION = 20.0


class DockerError(Exception):
    """The docker command refused; the text is what it said."""


def docker(
    *words: str, given: str | None = None, variables: dict[str, str] | None = None, seconds: float = 120
) -> str:
    """The output of `docker WORDS`, with `given` on its standard input and `variables` beside the environment's.

    Raises DockerError.
    """
    until = time.monotonic() + _ELECTION
    environment = {**os.environ, **(variables or {})}
    try:
        while True:
            done = subprocess.run(
                ["docker", *words],
                input=given,
                env=environment,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
            if "does not have a leader" not in done.stderr or time.monotonic() > until:
                break
            time.sleep(1)
    except FileNotFoundError:
        raise DockerError("there is no docker command here; install Docker's command line") from None
    except subprocess.TimeoutExpired:
        raise DockerError(f"`docker {' '.join(words[:2])}` has not answered for {seconds:.0f} s") from None
    if done.returncode:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise DockerError(
            said[-1] if said else f"`docker {' '.join(words[:2])}` ended with {done.returncode}"
        )
    return done.stdout


def found(kind: str, names: list[str]) -> list[Json]:
    """`docker inspect` of those of `names` that are there. Raises DockerError if the engine can't say."""
    result: list[Json] = json.loads(docker("inspect", "--type", kind, *names)) if names else []
    return result


def nodes() -> list[Json]:
    """Every node."""
    return found("node", docker("node", "ls", "--quiet").split())


def services(stack: str) -> dict[str, Json]:
    """The stack's services by their names in its file."""
    label = f"label=com.docker.stack.namespace={stack}"
    ids = docker("service", "ls", "--quiet", "--filter", label).split()
    return {one["Spec"]["Name"].removeprefix(f"{stack}_"): one for one in found("service", ids)}


def tasks(service: Json) -> list[Json]:
    """The service's tasks, also the last ones that are over, the newest first."""
    for tries_left in reversed(range(5)):
        ids = docker("service", "ps", "--quiet", "--no-trunc", service["ID"]).split()
        try:
            return sorted(found("task", ids), key=lambda task: task["CreatedAt"], reverse=True)
        except DockerError as error:
            # Swarm has forgotten one of them between the two questions, as it does with old ones.
            if "not found" not in str(error) or not tries_left:
                raise
    raise AssertionError


def is_job(service: Json) -> bool:
    """Whether it runs to its end."""
    return "ReplicatedJob" in service["Spec"]["Mode"] or "GlobalJob" in service["Spec"]["Mode"]


def wanted(service: Json, cluster: list[Json]) -> int:
    """How many tasks it shall have: its replicas, or the nodes that its constraints and their state let it run on."""
    mode = service["Spec"]["Mode"]
    if "Replicated" in mode:
        return int(mode["Replicated"]["Replicas"])
    if "ReplicatedJob" in mode:
        return int(mode["ReplicatedJob"].get("TotalCompletions", 1))
    return sum(usable(node) and _fits(node, service) for node in cluster)


def usable(node: Json) -> bool:
    """Whether tasks may be on it."""
    return bool(node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active")


def labelled(node: Json, label: str) -> bool:
    """Whether its label is "true"."""
    return bool((node["Spec"].get("Labels") or {}).get(label) == "true")


def _fits(node: Json, service: Json) -> bool:
    constraints = service["Spec"]["TaskTemplate"].get("Placement", {}).get("Constraints") or []
    labels = [c.partition("==")[0].strip().removeprefix("node.labels.") for c in constraints]
    return all(labelled(node, label) for label in labels)


def image(service: Json) -> str:
    """The image's name, without the digest that Swarm has pinned it to."""
    return str(service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]).partition("@")[0]


def is_current(task: Json, service: Json) -> bool:
    """Whether the task is as the service is now told to be."""
    template = service["Spec"]["TaskTemplate"]
    parts = ("ContainerSpec", "Resources", "ForceUpdate")
    same = all(filled(task["Spec"].get(part)) == filled(template.get(part)) for part in parts)
    iteration = (service.get("JobStatus") or {}).get("JobIteration")
    return same and (iteration is None or task.get("JobIteration") == iteration)


def filled(value: Any) -> Any:
    """Without what is empty: Swarm leaves out of some copies of a spec what others have as {}, [] or 0."""
    if isinstance(value, dict):
        return {key: kept for key, one in value.items() if (kept := filled(one))}
    if isinstance(value, list):
        return [filled(one) for one in value] or None
    return value or None
