"""`python -m deploy.swarm.deploy VERSION`: bring this version to the swarm, and take it back if it doesn't hold.

The database first (if its own version changes), then the schema, then the replicas, then the edges, each only when what
is before it is done; then Goss's checks of the stack through every edge. Exit codes: 0 it runs and was checked; 1 it
didn't hold, and everything is as before; 2 nothing was begun; 3 it didn't hold and couldn't be taken back.
"""

import argparse
import os
import subprocess
import sys
import time
from typing import Any

import yaml

from deploy.swarm import checks, given
from deploy.swarm.follow import follow, is_back, summary
from deploy.swarm.swarm import DockerError, Json, docker, filled, is_job, labelled, nodes, services, usable

_HERE = os.path.dirname(os.path.abspath(__file__))
_GROUPS = (["db"], ["migrate"], ["web", "api"], ["edge"])
_NAMES = [name for group in _GROUPS for name in group]
_BUSY = ("updating", "rollback_started")


class Deployment:
    """One version on its way to one stack."""

    def __init__(self, stack: str, version: str, files: list[str], seconds: float) -> None:
        self.stack = stack
        self.version = version
        self._files = files
        self._seconds = seconds
        self._began = time.monotonic()
        self.before = services(stack)
        self.variables = given.variables(version, self.before)
        self.variables["STACK"] = stack
        self._kept = given.secret_names()
        self.variables = {**given.newest(stack, self._kept), **self.variables}

    def say(self, text: str) -> None:
        """A line for whoever watches, with the seconds since the beginning."""
        print(f"{time.monotonic() - self._began:5.0f} s  {text}", flush=True)

    def obstacles(self) -> list[str]:
        """What must be done first, each with what to type; empty if it can begin."""
        cluster = nodes()
        found = []
        if not any(labelled(node, "frontdesk.edge") and usable(node) for node in cluster):
            found.append(
                "no node that is up may run the edge: docker node update --label-add frontdesk.edge=true NODE"
            )
        homes = [node["Description"]["Hostname"] for node in cluster if labelled(node, "frontdesk.db")]
        if len(homes) != 1:
            which = "no node has" if not homes else f"{', '.join(homes)} all have"
            found.append(
                f"{which} the label of the database's node, which one must have, as the data is there alone: "
                "docker node update --label-add (or --label-rm) frontdesk.db=true NODE"
            )
        names = [f"{self.stack}_{name}_1" for name in given.DATABASE_SECRETS]
        for variable, group in given.SECRETS.items():
            names += [f"{self.stack}_{name}_{self.variables.get(variable, 1)}" for name in group]
        missing = [name for name in names if name not in self._kept]
        if missing:
            found.append(f"these secrets are missing: {', '.join(missing)}: make swarm-secrets")
        if not self.variables.get("PUBLIC_URL"):
            found.append("PUBLIC_URL must say what people type: PUBLIC_URL=https://accounts.example.org")
        for name, service in self.before.items():
            # Of a job that was taken back, Swarm says for ever that this has begun.
            if not is_job(service) and (service.get("UpdateStatus") or {}).get("State") in _BUSY:
                found.append(
                    f"{name} is just being updated: wait for that to end (docker service ps {self.stack}_{name})"
                )
        return found

    def bring(self) -> str:
        """Deploy group after group; why it failed, or an empty text."""
        whole = self._whole()
        for group in _GROUPS:
            there = [name for name in group if name in whole["services"]]
            if not there:
                continue
            part = {**whole, "services": {name: whole["services"][name] for name in there}}
            # The database stays at the very image that it runs, even if its tag now means another.
            resolve = self.variables.get("RESOLVE_IMAGE") or ("changed" if group == ["db"] else "always")
            words = [
                "--detach=true",
                "--with-registry-auth",
                "--resolve-image",
                resolve,
                "-c",
                "-",
                self.stack,
            ]
            docker("stack", "deploy", *words, given=yaml.safe_dump(part), seconds=300)
            self.say(f"{' and '.join(there)}: told to be version {self._version_of(there[0])}")
            failed = follow(self.stack, there, self.say, seconds=self._seconds)
            if failed:
                return failed
        return ""

    def take_back(self) -> str:
        """Bring every service that this deployment changed back to what it was; why it failed, or an empty text."""
        changed = []
        for name, service in services(self.stack).items():
            was = self.before.get(name)
            if was is None:
                self.say(f"{name}: is new, there is nothing before it to go back to: left as it is")
                continue
            if _template(service) == _template(was):
                continue
            if (service.get("UpdateStatus") or {}).get("State") != "rollback_started":
                docker("service", "rollback", "--detach", service["ID"])
                self.say(f"{name}: told to be as before")
            changed.append(name)
        failed = follow(self.stack, changed, self.say, seconds=self._seconds, judge=is_back)
        if failed:
            return failed
        wrong = [
            name
            for name, service in services(self.stack).items()
            if name in self.before and _template(service) != _template(self.before[name])
        ]
        return f"still not as before: {', '.join(wrong)}" if wrong else ""

    def report(self, verified: str) -> None:
        """What runs where."""
        print()
        for line in summary(self.stack, _NAMES):
            print(line)
        print(verified)

    def strangers(self) -> list[str]:
        """Services of the stack that its file doesn't know (any more)."""
        return [f"{self.stack}_{name}" for name in self.before if name not in self._whole()["services"]]

    def _whole(self) -> dict[str, Any]:
        words = [word for file in self._files for word in ("-c", file)]
        done = subprocess.run(
            ["docker", "stack", "config", *words],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DockerError(done.stderr.strip())
        whole: dict[str, Any] = yaml.safe_load(done.stdout)
        return whole

    def _version_of(self, name: str) -> str:
        return self.variables["DB_VERSION"] if name == "db" else self.version


def _template(service: Json) -> Any:
    # Not the whole of it: Swarm adds by itself which platforms the image is for.
    parts = ("ContainerSpec", "Resources", "Networks", "ForceUpdate")
    return filled(
        [{part: service["Spec"]["TaskTemplate"].get(part) for part in parts}, service["Spec"]["Mode"]]
    )


def _is_manager() -> str:
    """Empty if the engine that docker talks to manages a swarm, else what to do."""
    try:
        control = docker(
            "info", "--format", "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}", seconds=30
        )
    except DockerError as error:
        return f"docker doesn't answer: {error}. DOCKER_CONTEXT or DOCKER_HOST must lead to a manager of the swarm."
    if control.split() == ["active", "true"]:
        return ""
    return (
        "The engine that docker talks to manages no swarm: set DOCKER_CONTEXT or DOCKER_HOST to one that does "
        "(docker context create swarm --docker host=ssh://you@manager), or begin one: docker swarm init"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Bring a version of Frontdesk to a swarm; docs/swarm.md.")
    parser.add_argument("version", help="the images' tag")
    options = parser.parse_args()
    refused = _is_manager()
    if refused:
        print(refused, file=sys.stderr)
        return 2
    files = [os.path.join(_HERE, "stack.yaml"), *os.environ.get("OVERRIDE", "").split()]
    stack = os.environ.get("STACK") or "frontdesk"
    try:
        seconds = float(os.environ.get("DEPLOY_TIMEOUT") or 900)
        deployment = Deployment(stack, options.version, files, seconds)
        obstacles = deployment.obstacles()
    except ValueError:
        print("DEPLOY_TIMEOUT is a number of seconds.", file=sys.stderr)
        return 2
    except DockerError as error:
        print(f"The swarm can't be asked: {error}", file=sys.stderr)
        return 2
    for obstacle in obstacles:
        print(f"Not begun: {obstacle}", file=sys.stderr)
    if obstacles:
        return 2
    return _go(deployment)


def _go(deployment: Deployment) -> int:
    verified = "Not checked by Goss (GOSS=off)."
    try:
        failed = deployment.bring()
        if not failed and os.environ.get("GOSS") != "off":
            failed, verified = checks.run(deployment.stack, deployment.variables, deployment.say)
    except DockerError as error:
        failed = str(error)
    except KeyboardInterrupt:
        print(
            "\nInterrupted. What was begun goes on in the swarm; run this again to end it.", file=sys.stderr
        )
        return 130
    if not failed:
        for name in deployment.strangers():
            print(f"{name} isn't in the stack file: docker service rm {name}")
        deployment.report(f"Version {deployment.version} runs. {verified}")
        return 0
    print(f"\nVersion {deployment.version} didn't hold: {failed}\n", file=sys.stderr, flush=True)
    if not any(not is_job(service) for service in deployment.before.values()):
        print("There is no version before it to go back to.", file=sys.stderr)
        return 3
    try:
        stuck = deployment.take_back()
    except DockerError as error:
        stuck = str(error)
    if stuck:
        print(f"It couldn't be taken back: {stuck}", file=sys.stderr)
        return 3
    deployment.report("Everything is as before this deployment.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
