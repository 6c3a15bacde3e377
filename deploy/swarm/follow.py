"""Whether a service has become what it was told to be, for people who watch, and for whoever decides to go back."""

import datetime
import time
from collections.abc import Callable
from typing import NamedTuple

from deploy.swarm.swarm import (
    OVER,
    DockerError,
    Json,
    docker,
    image,
    is_current,
    is_job,
    nodes,
    services,
    tasks,
    wanted,
)

_PAUSE = 1.0
# Longer than the stack's restart_policy delays: whoever failed and isn't tried again after this won't be.
_TRIED_AGAIN_WITHIN = 8.0
# Of a service that was never there before, so that Swarm watches no update of it.
_FIRST_STARTS = 5


class Standing(NamedTuple):
    """How a service is: `failed` is why it won't get there, `text` is for people."""

    done: bool
    failed: str
    text: str


def standing(service: Json, its_tasks: list[Json], cluster: list[Json]) -> Standing:
    """How `service` is now. `its_tasks` are newest first."""
    current = [task for task in its_tasks if is_current(task, service)]
    if is_job(service):
        return _standing_of_job(current)
    state, message = _update(service)
    shall = wanted(service, cluster)
    living = [task for task in its_tasks if _lives(task)]
    new = [task for task in living if is_current(task, service)]
    text = f"{len(new)} of {shall} as they shall be"
    if len(living) > len(new):
        text += f", {len(living) - len(new)} as before"
    if state.startswith("rollback") or state == "paused":
        if state == "rollback_started":
            return Standing(False, "", f"Swarm takes it back, {text}")
        return Standing(False, f"Swarm has stopped the update: {message}", text)
    failures = [task for task in current if task["Status"]["State"] in ("failed", "rejected")]
    if not state and len(failures) >= _FIRST_STARTS and len(new) < shall:
        return Standing(False, f"it doesn't start: {_error(failures[0])}", text)
    if failures and len(new) < shall:
        text += f"; {len(failures)} failed, the last because of: {_error(failures[0])}"
    done = len(new) >= shall and len(new) == len(living) and state in ("", "completed")
    return Standing(done, "", text)


def is_back(service: Json, its_tasks: list[Json], cluster: list[Json]) -> Standing:
    """As `standing`, of a service that was told to be as before: that Swarm had taken it back is no failure."""
    if is_job(service):
        # Every migration is safe for the version before.
        return Standing(True, "", "what it did stays done")
    state, message = _update(service)
    settled = {**service, "UpdateStatus": {"State": ""}}
    now = standing(settled, its_tasks, cluster)
    if state in ("rollback_paused", "paused"):
        return Standing(False, f"Swarm has stopped halfway: {message}", now.text)
    return now._replace(done=now.done and state in ("", "completed", "rollback_completed"))


def follow(
    stack: str,
    names: list[str],
    say: Callable[[str], None],
    *,
    seconds: float,
    judge: Callable[[Json, list[Json], list[Json]], Standing] = standing,
) -> str:
    """Wait until all of `names` are done; why not, if one failed or `seconds` are over, else an empty text.

    A manager that doesn't answer for a while is no failure: what runs goes on running, and another takes its place.
    """
    until = time.monotonic() + seconds
    said: dict[str, str] = {}
    while True:
        waits = []
        try:
            cluster = nodes()
            now = services(stack)
            for name in names:
                if name not in now:
                    waits.append(name)
                    continue
                found = judge(now[name], tasks(now[name]), cluster)
                if said.get(name) != found.text:
                    said[name] = found.text
                    say(f"{name}: {found.text}")
                if found.failed:
                    return f"{name}: {found.failed}{_last_words(now[name])}"
                if not found.done:
                    waits.append(name)
            if not waits:
                return ""
        except DockerError as error:
            if said.get("") != str(error):
                said[""] = str(error)
                say(f"no answer from the swarm, asking again: {error}")
            waits = waits or names
        if time.monotonic() > until:
            return f"{', '.join(waits)}: not done within {seconds:.0f} s (DEPLOY_TIMEOUT)"
        time.sleep(_PAUSE)


def _standing_of_job(current: list[Json]) -> Standing:
    if any(task["Status"]["State"] == "complete" for task in current):
        return Standing(True, "", "finished")
    failures = [task for task in current if task["Status"]["State"] in ("failed", "rejected")]
    if any(task["Status"]["State"] not in OVER for task in current):
        return Standing(False, "", f"runs, try {len(failures) + 1}" if failures else "runs")
    if failures and _since(failures[0]["Status"]["Timestamp"]) > _TRIED_AGAIN_WITHIN:
        return Standing(False, f"it failed {len(failures)} times: {_error(failures[0])}", "failed")
    return Standing(False, "", "failed, is tried again" if failures else "waits for a node")


def under_way(service: Json) -> float:
    """Seconds for which Swarm has been changing its tasks, 0 if it doesn't."""
    # Of a job that was taken back, Swarm says for ever that this has begun.
    if is_job(service) or _update(service)[0] not in ("updating", "rollback_started"):
        return 0.0
    return max(_since(service["UpdateStatus"]["StartedAt"]), 0.1)


def _update(service: Json) -> tuple[str, str]:
    status = service.get("UpdateStatus") or {}
    return status.get("State", ""), status.get("Message", "")


def _lives(task: Json) -> bool:
    return bool(task["DesiredState"] == "running" and task["Status"]["State"] == "running")


def _error(task: Json) -> str:
    return str(task["Status"].get("Err") or task["Status"].get("Message") or "no reason given")


def _since(timestamp: str) -> float:
    """Seconds, by this machine's clock."""
    # 2026-11-23T18:00:00.123456789Z: nine digits are more than Python reads.
    at = datetime.datetime.fromisoformat(timestamp[:19] + "+00:00")
    return (datetime.datetime.now(datetime.UTC) - at).total_seconds()


def _last_words(service: Json) -> str:
    """Why Swarm says that the last task of this update failed, and what that wrote."""
    # Others have failed before it, of which nobody asks. RFC 3339 with one number of digits sorts as text.
    # Swarm stops what never gets healthy, and calls that "complete" if it stops in good order.
    since = (service.get("UpdateStatus") or {}).get("StartedAt", "")
    words = ""
    try:
        failures = [
            t
            for t in tasks(service)
            if t["Status"]["State"] in ("failed", "rejected", "complete") and t["CreatedAt"] > since
        ]
        if failures:
            why = failures[0]["Status"].get("Err") or "it never got healthy"
            words = f"\n  the last task that failed: {why}"
            lines = docker("service", "logs", "--raw", "--tail", "3", failures[0]["ID"], seconds=10)
            words += "".join(f"\n  its log: {line}" for line in lines.splitlines())
    except DockerError:
        pass
    return words


def summary(stack: str, names: list[str]) -> list[str]:
    """A line for each service: what runs, and on which nodes."""
    where = {node["ID"]: node["Description"]["Hostname"] for node in nodes()}
    lines = []
    for name, service in services(stack).items():
        if name not in names:
            continue
        homes = sorted(where.get(task.get("NodeID", ""), "?") for task in tasks(service) if _lives(task))
        what = "ran to its end" if is_job(service) else f"{len(homes)} on {', '.join(homes) or 'no node'}"
        lines.append(f"{name:8} {image(service)}  {what}")
    return lines
