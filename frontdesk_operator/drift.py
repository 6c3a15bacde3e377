"""Applying so that nothing else is left in: what others have added to a spec goes, what they have changed is set back.

Server-side apply takes over what it sets, but leaves what others have added beside it: a container, a port, a rule. So
what others own in a spec is made ours first (as client-go's csaupgrade does); applying then removes it.
"""

from collections.abc import Mapping
from typing import Any

from frontdesk_operator.client import MANAGER, Client, Object

# Fields that are decided elsewhere: by the autoscaler, and by `kubectl rollout restart`.
_OTHERS = {"f:replicas", "f:kubectl.kubernetes.io/restartedAt"}
# Clouds write into Services' specs; nobody else's controller writes into the others'.
_KINDS = {
    "Deployment",
    "StatefulSet",
    "CronJob",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "PodDisruptionBudget",
}


async def put_right(client: Client, manifest: Mapping[str, Any]) -> tuple[Object, bool]:
    """Apply a manifest; what there is then, and whether somebody had changed it. Raises the errors of errors.py."""
    live = await client.apply(manifest)
    if manifest["kind"] not in _KINDS:
        return live, False
    owners = ours(live["metadata"].get("managedFields", []))
    if owners is None:
        return live, False
    metadata = live["metadata"]
    await client.merge(
        manifest["apiVersion"],
        manifest["kind"],
        metadata["namespace"],
        metadata["name"],
        {"metadata": {"resourceVersion": metadata["resourceVersion"], "managedFields": owners}},
    )
    return await client.apply(manifest), True


def ours(entries: list[Mapping[str, Any]]) -> list[Object] | None:
    """The same owners, with what others own of the spec being ours; None if there's nothing of that kind."""
    mine: Object | None = None
    kept: list[Object] = []
    taken: Object = {}
    for entry in entries:
        if entry["manager"] == MANAGER and entry["operation"] == "Apply" and not entry.get("subresource"):
            mine = dict(entry)
            continue
        spec = entry.get("fieldsV1", {}).get("f:spec")
        system = entry["manager"].startswith(("kube-", "cloud-")) or entry.get("subresource")
        theirs = _without(spec, _OTHERS) if spec and not system else {}
        if not theirs:
            kept.append(dict(entry))
            continue
        taken = _union(taken, {"f:spec": theirs})
        rest = {k: v for k, v in entry["fieldsV1"].items() if k != "f:spec"}
        left = _only(spec, _OTHERS)
        if left:
            rest["f:spec"] = left
        if rest:
            kept.append({**entry, "fieldsV1": rest})
    if not taken or mine is None:
        return None
    mine["fieldsV1"] = _union(mine["fieldsV1"], taken)
    return [mine, *kept]


def _union(a: Mapping[str, Any], b: Mapping[str, Any]) -> Object:
    return {key: _union(a.get(key, {}), b.get(key, {})) for key in {**a, **b}}


def _without(fields: Mapping[str, Any], names: set[str]) -> Object:
    """`fields` less `names`, and less what then has nothing left in it. A leaf is an empty mapping."""
    found = {}
    for key, inner in fields.items():
        if key in names:
            continue
        if not inner:
            found[key] = inner
        elif less := _without(inner, names):
            found[key] = less
    # "." says that the thing itself is owned, which means nothing without a field in it.
    return {} if found.keys() == {"."} else found


def _only(fields: Mapping[str, Any], names: set[str]) -> Object:
    found = {}
    for key, inner in fields.items():
        if key in names:
            found[key] = inner
        elif less := _only(inner, names):
            found[key] = less
    return found
