"""`python -m deploy.swarm.deploy VERSION`: bring this version to the swarm, and take it back if it doesn't hold.

The database first (if its own version changes), then the schema, then the replicas, then the edges, each only when what
is before it is done; then Goss's checks of the stack through every edge. Exit codes: 0 it runs and was checked; 1 it
didn't hold, and everything is as before; 2 nothing was begun; 3 it didn't hold and couldn't be taken back.
"""

import argparse
import math
import os
import sys
import time
from typing import Any

import yaml

from deploy.swarm import checks, given
from deploy.swarm.follow import Standing, follow, is_back, summary, under_way
from deploy.swarm.swarm import (
    DockerError,
    Json,
    docker,
    filled,
    image,
    is_job,
    labelled,
    nodes,
    services,
    usable,
)

_HERE = os.path.dirname(os.path.abspath(__file__))
_GROUPS = (["db"], ["migrate"], ["web", "api"], ["edge"])
_NAMES = [name for group in _GROUPS for name in group]


class Deployment:
    """One version on its way to one stack."""

    def __init__(self, stack: str, version: str, files: list[str], seconds: float) -> None:
        self.stack = stack
        self.version = version
        self._files = files
        self._seconds = seconds
        self._began = time.monotonic()
        self.before = services(stack)
        self._secrets = given.secret_names()
        told = given.variables(version, self.before)
        self.variables = {**given.newest(stack, self._secrets), **told, "STACK": stack}

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
        missing = [name for name in names if name not in self._secrets]
        if missing:
            found.append(f"these secrets are missing: {', '.join(missing)}: make swarm-secrets")
        if not self.variables.get("PUBLIC_URL"):
            found.append("PUBLIC_URL must say what people type: PUBLIC_URL=https://accounts.example.org")
        else:
            # Mistakes in the files, and in the variables that fill them.
            _config(self._files, self.variables)
        for name, service in self.before.items():
            # An older one is stuck, and the next deployment is what mends it.
            if 0 < (since := under_way(service)) < self._seconds and not os.environ.get("SUPERSEDE"):
                found.append(
                    f"{name} has been changing its version for {since:.0f} s: wait for that to end, or at the most "
                    f"until it's {self._seconds:.0f} s (docker service ps {self.stack}_{name})"
                )
        return found

    def bring(self) -> str:
        """Deploy group after group; why it failed, or an empty text."""
        known = _config(self._files, self.variables)["services"]
        for name in self.before:
            if name not in known:
                self.say(f"{name}: isn't in the stack file (any more): docker service rm {self.stack}_{name}")
        for group in _GROUPS:
            self._tell(group, self.variables)
            failed = follow(self.stack, group, self.say, seconds=self._seconds)
            if failed:
                return failed
        return ""

    def take_back(self) -> str:
        """Bring every service that this deployment changed back to what it was; why it failed, or an empty text."""
        now = services(self.stack)
        for name in now.keys() - self.before.keys():
            self.say(f"{name}: is new, there is nothing before it to go back to: left as it is")
        touched = [
            name
            for name, was in self.before.items()
            if name in now and now[name]["Version"] != was["Version"]
        ]
        self._roll_back(touched)
        failed = follow(self.stack, touched, self.say, seconds=self._seconds, judge=self._is_back)
        others = self._not_as_before(touched)
        if others:
            for name in others:
                version = image(self.before[name]).rpartition(":")[2]
                self._tell([name], {**self.variables, "VERSION": version, "DB_VERSION": version})
            failed = follow(self.stack, touched, self.say, seconds=self._seconds, judge=self._is_back)
        return failed

    def _roll_back(self, touched: list[str]) -> None:
        for name in self._not_as_before(touched):
            try:
                docker("service", "rollback", "--detach", f"{self.stack}_{name}")
                self.say(f"{name}: told to be as before")
            except DockerError as error:
                # Swarm forgets it when it takes an update back by itself, perhaps just now.
                if "previous spec" not in str(error):
                    raise

    def _not_as_before(self, names: list[str]) -> list[str]:
        now = services(self.stack)
        return [name for name in names if _template(now[name]) != _template(self.before[name])]

    def _is_back(self, service: Json, its_tasks: list[Json], cluster: list[Json]) -> Standing:
        # What Swarm goes back to is what was told last but one, by whomever.
        name = service["Spec"]["Name"].removeprefix(f"{self.stack}_")
        if _template(service) != _template(self.before[name]):
            return Standing(False, "it isn't told to be as before", "not told to be as before")
        return is_back(service, its_tasks, cluster)

    def _tell(self, names: list[str], variables: dict[str, str]) -> None:
        whole = _config(self._files, variables)
        part = {**whole, "services": {name: whole["services"][name] for name in names}}
        # The database stays at the very image that it runs, even if its tag now means another.
        resolve = variables.get("RESOLVE_IMAGE") or ("changed" if names == ["db"] else "always")
        words = ("--detach=true", "--with-registry-auth", "--resolve-image", resolve, "-c", "-", self.stack)
        docker("stack", "deploy", *words, given=yaml.safe_dump(part), seconds=300)
        version = variables["DB_VERSION" if names == ["db"] else "VERSION"]
        self.say(f"{' and '.join(names)}: told to be version {version}")

    def report(self, verified: str) -> None:
        """What runs where."""
        try:
            lines = summary(self.stack, _NAMES)
        except DockerError as error:
            lines = [f"(The swarm can't be asked what runs where: {error})"]
        print("", *lines, verified, sep="\n")


def _config(files: list[str], variables: dict[str, str]) -> dict[str, Any]:
    words = [word for file in files for word in ("-c", file)]
    whole: dict[str, Any] = yaml.safe_load(docker("stack", "config", *words, variables=variables))
    return whole


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
    try:
        return _deploy(options.version)
    except KeyboardInterrupt:
        print(
            "\nInterrupted. What was begun goes on in the swarm; run this again to end it.", file=sys.stderr
        )
        return 130


def _deploy(version: str) -> int:
    refused = _is_manager()
    if refused:
        print(refused, file=sys.stderr)
        return 2
    files = [os.path.join(_HERE, "stack.yaml"), *os.environ.get("OVERRIDE", "").split()]
    stack = os.environ.get("STACK") or "frontdesk"
    try:
        seconds = float(os.environ.get("DEPLOY_TIMEOUT") or 900)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        print("DEPLOY_TIMEOUT is a number of seconds.", file=sys.stderr)
        return 2
    try:
        deployment = Deployment(stack, version, files, seconds)
        obstacles = deployment.obstacles()
    except DockerError as error:
        print(f"Not begun: {error}", file=sys.stderr)
        return 2
    for obstacle in obstacles:
        print(f"Not begun: {obstacle}", file=sys.stderr)
    return 2 if obstacles else _go(deployment)


def _go(deployment: Deployment) -> int:
    verified = "Not checked by Goss (GOSS=off)."
    try:
        failed = deployment.bring()
        if not failed and os.environ.get("GOSS") != "off":
            failed, verified = checks.run(deployment.stack, deployment.variables, deployment.say)
    except DockerError as error:
        failed = str(error)
    if not failed:
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
