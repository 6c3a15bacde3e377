"""The labels that tell whose an object is."""

from collections.abc import Mapping
from typing import Any

NAME = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"
VERSION = "app.kubernetes.io/version"
MANAGED_BY = "app.kubernetes.io/managed-by"
CONTROLLER = "frontdesk-operator"


def of(instance: str) -> dict[str, str]:
    """Labels that select what the controller made for one Frontdesk."""
    return {INSTANCE: instance, MANAGED_BY: CONTROLLER}


def instance(thing: Mapping[str, Any]) -> str:
    """The name of the Frontdesk that `thing` was made for."""
    return str(thing["metadata"].get("labels", {}).get(INSTANCE, ""))
