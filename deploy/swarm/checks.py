"""Goss's checks of the stack, run inside the swarm, through every edge: the way a client comes, to each of its nodes.

As a job, because whoever deploys over a context may not reach the nodes by any other way.
"""

import contextlib
import ipaddress
import json
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from deploy.swarm.swarm import (
    OVER,
    DockerError,
    docker,
    found,
    labelled,
    nodes,
    services,
    tasks,
    usable,
    wanted,
)

_SECONDS = 180.0
_TRIES = 3


def run(stack: str, variables: dict[str, str], say: Callable[[str], None]) -> tuple[str, str]:
    """Why a check failed, or an empty text, and one sentence on what was checked."""
    edges = {
        node["Description"]["Hostname"]: node["Status"]["Addr"]
        for node in nodes()
        if labelled(node, "frontdesk.edge") and usable(node)
    }
    running = services(stack)
    network = running["edge"]["Spec"]["TaskTemplate"]["Networks"][0]["Target"]
    replicas = {f"{name}:8000": wanted(running[name], []) for name in ("web", "api")}
    names = {f"{stack}-goss-{number}": one for number, one in enumerate(edges, 1)}
    try:
        for name, node in names.items():
            _remove(name)
            _begin(name, edges[node], network, replicas, variables)
        for name, node in names.items():
            failed = _end(name)
            if failed:
                return f"Goss's checks through the edge on {node} failed:\n{failed}", ""
            say(f"goss: all checks hold through the edge on {node}")
    finally:
        for name in names:
            _remove(name)
    return "", f"Goss's checks hold through the edges on {', '.join(edges)}."


def _begin(
    name: str, address: str, network: str, replicas: dict[str, int], variables: dict[str, str]
) -> None:
    url, mapped = way(variables["PUBLIC_URL"], address, variables.get("HTTPS_PORT", "443"))
    image = f"{variables['REGISTRY']}frontdesk-goss:{variables['VERSION']}"
    # The certificate may be on its last day: that's no reason to refuse its successor.
    unresolved = ["--no-resolve-image"] if variables.get("RESOLVE_IMAGE") == "never" else []
    facts = {"url": url, "unreachable": ["db:5432"], "replicas": replicas, "certificate_days": 1}
    docker(
        *("service", "create", "--detach", "--quiet", "--name", name, "--mode", "replicated-job"),
        # A storm of logins is answered by 503 now and then; what is broken, is so three times.
        *(
            "--restart-condition",
            "on-failure",
            "--restart-max-attempts",
            str(_TRIES - 1),
            "--restart-delay",
            "2s",
        ),
        *("--with-registry-auth", "--read-only", "--cap-drop", "ALL", "--mount", "type=tmpfs,target=/tmp"),
        # Where the edge is: what it can't reach, nobody can who breaks into it.
        *("--network", network, "--endpoint-mode", "dnsrr", *mapped, *unresolved, image),
        # YAML is a superset of JSON.
        *("/goss/stack.yaml", "--vars-inline", json.dumps(facts), "validate", "--format", "tap"),
    )


def way(public_url: str, address: str, port: str) -> tuple[str, list[str]]:
    """The URL by which the edge at `address` is asked, and what makes its name lead there.

    The name that people type, with the port of the edge itself: in front of it there may be something else.
    """
    host = urlsplit(public_url).hostname or address
    with contextlib.suppress(ValueError):
        # No name leads anywhere else than where it says.
        ipaddress.ip_address(host)
        host = address
    url = f"https://{host}" + ("" if port == "443" else f":{port}")
    return url, [] if host == address else ["--host", f"{host}:{address}"]


def _end(name: str) -> str:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        its_tasks = tasks(found("service", [name])[0])
        if any(task["Status"]["State"] == "complete" for task in its_tasks):
            return ""
        failures = [task for task in its_tasks if task["Status"]["State"] in OVER]
        if len(failures) >= _TRIES:
            return f"  {failures[0]['Status'].get('Err', '')}\n{_said(failures[0]['ID'])}"
        time.sleep(0.5)
    return f"  no result within {_SECONDS:.0f} s\n{_said(name)}"


def _said(name: str) -> str:
    try:
        lines = docker("service", "logs", "--raw", name, seconds=10).splitlines()
    except DockerError as error:
        return f"(its output can't be read: {error})"
    bad = [line for line in lines if line.startswith("not ok")]
    return "\n".join(f"  {line}" for line in (bad or lines)[-20:])


def _remove(name: str) -> None:
    if name in docker("service", "ls", "--format", "{{.Name}}").split():
        docker("service", "rm", name)
