"""The steps of an upgrade, and when to take the next: pure, from the status and from what is seen in the cluster.

    migrate → api → web → edge → verify → serves
        └──────┴─────┴──────┴──────┴───→ rollback, with the reason → what served before serves

The status is written before a step is taken, and each step is safe to take again, so whoever starts the controller
anew goes on where it was. The database isn't rolled back: each migration is safe while the version before serves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from frontdesk_operator.render import Images, attempt, image

# The API first: pages of the new version may not be asked for before what they call is there.
ROLES = ("api", "web", "edge")
STEPS = ("migrate", *ROLES, "verify")

_FAILURES = {
    "migrate": "MigrationFailed",
    "api": "RolloutFailed",
    "web": "RolloutFailed",
    "edge": "RolloutFailed",
    "verify": "VerificationFailed",
}


class State(Enum):
    """How far a Job or a rollout is."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """How far a Job or a rollout is; if it failed or is held up, why, in words."""

    state: State
    message: str = ""


@dataclass(frozen=True)
class Seen:
    """What an upgrade waits for, as it is in the cluster now."""

    migration: Progress
    verification: Progress
    rollouts: Mapping[str, Progress]


@dataclass(frozen=True)
class Next:
    """What follows: an upgrade under way or none, the image that serves, the one that is refused, what to tell."""

    upgrade: Mapping[str, Any] | None
    image: str | None
    refused: Mapping[str, Any] | None = None
    event: tuple[str, str, str] | None = None


def begin(spec: Mapping[str, Any], generation: int, status: Mapping[str, Any], now: str) -> Next:
    """Whether an upgrade begins, goes on, or is called off, given what is asked for now. `now` is RFC 3339."""
    wanted, serves = image(spec), status.get("image")
    upgrade, refused = status.get("upgrade"), status.get("refused")
    if refused and refused["image"] != wanted:
        # Asking for anything else is what lets it be tried again.
        refused = None
    if upgrade and upgrade["step"] == "rollback":
        return Next(upgrade, serves, refused)
    if upgrade and serves == wanted:
        called_off = f"{serves} is asked for again"
        return Next(
            {**upgrade, "step": "rollback", "reason": "CalledOff", "message": called_off}, serves, refused
        )
    if upgrade and upgrade["to"] == wanted:
        # Nothing served before the first, so there was nothing to go back to; a change of the spec tries again.
        if "reason" not in upgrade or upgrade["id"] == attempt(wanted, generation):
            return Next(upgrade, serves, refused)
    elif wanted == serves or refused:
        return Next(None, serves, refused)
    started = {"id": attempt(wanted, generation), "to": wanted, "step": "migrate", "started": now}
    if serves:
        started["from"] = serves
    what = f"from {serves} to {wanted}" if serves else f"{wanted}, the first"
    return Next(started, serves, refused, ("Normal", "UpgradeStarted", what))


def images(serves: str | None, upgrade: Mapping[str, Any] | None) -> Images:
    """Which image each part has at this step."""
    if upgrade is None:
        assert serves is not None, "without an upgrade, something serves"
        return Images.all(serves)
    to, before = upgrade["to"], upgrade.get("from")
    if before is None:
        return Images.all(to)
    if upgrade["step"] == "rollback":
        return Images.all(before)
    reached = STEPS.index(upgrade["step"])
    parts = {role: to if STEPS.index(role) <= reached else before for role in ROLES}
    return Images(**parts, migrate=to if reached else before)


def advance(upgrade: Mapping[str, Any], serves: str | None, seen: Seen, now: str) -> Next:
    """Where the upgrade is after this look; `serves` is the image that served before it."""
    step = upgrade["step"]
    if step == "rollback":
        return _roll_back(upgrade, serves, seen, now)
    progress = _of(step, seen)
    if progress.state is State.WAITING:
        # What a first installation failed by stays said while it's tried again: whether that's over isn't known yet.
        return Next(upgrade, serves)
    if progress.state is State.DONE:
        going = {k: v for k, v in upgrade.items() if k not in ("reason", "message")}
        if step == STEPS[-1]:
            return Next(None, upgrade["to"], event=("Normal", "Upgraded", f"{upgrade['to']} serves"))
        return Next({**going, "step": STEPS[STEPS.index(step) + 1]}, serves)
    failed = {**upgrade, "reason": _FAILURES[step], "message": progress.message}
    told = ("Warning", _FAILURES[step], f"{upgrade['to']}, step {step}: {progress.message}")
    if "from" not in upgrade:
        # Told once, not at each look.
        return Next(failed, serves, event=None if upgrade.get("reason") else told)
    return Next({**failed, "step": "rollback"}, serves, event=told)


def _roll_back(upgrade: Mapping[str, Any], serves: str | None, seen: Seen, now: str) -> Next:
    if any(progress.state is not State.DONE for progress in seen.rollouts.values()):
        return Next(upgrade, serves)
    if upgrade["reason"] == "CalledOff":
        return Next(None, serves, event=("Normal", "CalledOff", f"{serves} serves"))
    refused = {
        "image": upgrade["to"],
        "reason": upgrade["reason"],
        "message": upgrade["message"],
        "time": now,
    }
    return Next(
        None,
        serves,
        refused,
        ("Warning", "RolledBack", f"{serves} serves, as {upgrade['to']} failed: {upgrade['message']}"),
    )


def _of(step: str, seen: Seen) -> Progress:
    if step == "migrate":
        return seen.migration
    if step == "verify":
        return seen.verification
    return seen.rollouts[step]
