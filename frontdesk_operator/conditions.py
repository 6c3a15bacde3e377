"""Conditions, after the Kubernetes API conventions: Ready, Progressing and Degraded, each with a reason and words."""

from collections.abc import Iterable, Mapping
from typing import Any

Condition = dict[str, Any]


def of(
    before: Iterable[Mapping[str, Any]],
    generation: int,
    now: str,
    **found: tuple[bool, str, str],
) -> list[Condition]:
    """Each of `found` (whether it's so, the reason in CamelCase, words) as a condition. One that was so before keeps
    the time at which it became so."""
    old = {condition["type"]: condition for condition in before}
    made = []
    for kind, (so, reason, message) in found.items():
        status = "True" if so else "False"
        last = old.get(kind, {})
        made.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message[:32000],
                "observedGeneration": generation,
                "lastTransitionTime": last["lastTransitionTime"] if last.get("status") == status else now,
            }
        )
    return made
