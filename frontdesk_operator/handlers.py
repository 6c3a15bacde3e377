"""kopf: what happens in the cluster, and which Frontdesk it is about."""

from typing import Any

import kopf

from frontdesk_operator import kinds, labels
from frontdesk_operator.client import Client, login
from frontdesk_operator.queue import Queue

_OURS = {labels.MANAGED_BY: labels.CONTROLLER}


def settings() -> kopf.OperatorSettings:
    """What kopf is told to do otherwise than by default."""
    found = kopf.OperatorSettings()
    found.persistence.finalizer = f"{kinds.GROUP}/data"
    found.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=kinds.GROUP)
    found.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=kinds.GROUP)
    # The controller tells its own Events.
    found.posting.enabled = False
    # A watch that the API server has lost without a word is noticed.
    found.watching.server_timeout = 300
    found.watching.client_timeout = 330
    found.networking.request_timeout = 30
    return found


def registry(client: Client, queue: Queue) -> kopf.OperatorRegistry:
    """The handlers, which do nothing but say what has changed; and the one that deletes data when it's told to."""
    found = kopf.OperatorRegistry()
    frontdesk = (kinds.GROUP, kinds.VERSION, kinds.PLURAL)

    @kopf.on.login(registry=found)
    def _login(**_: Any) -> kopf.ConnectionInfo:
        return login()

    @kopf.on.event(*frontdesk, registry=found)
    async def _frontdesk(type: str | None, namespace: str | None, name: str | None, **_: Any) -> None:
        if type == "DELETED":
            queue.gone(namespace or "", name or "")
        else:
            queue.changed(namespace or "", name or "", new=True)

    async def _part(body: kopf.Body, namespace: str | None, **_: Any) -> None:
        queue.changed(namespace or "", labels.instance(body))

    for api, kind in (*kinds.KEPT, ("batch/v1", "Job"), ("v1", "Secret")):
        kopf.on.event(*_resource(api, kind), labels=_OURS, registry=found)(_part)

    @kopf.on.delete(*frontdesk, registry=found, when=lambda spec, **_: spec.get("deletionPolicy") == "Delete")
    async def _delete(namespace: str | None, name: str | None, **_: Any) -> None:
        """What holds data has no owner, so that it isn't deleted by mistake."""
        for api, kind in kinds.DATA:
            for thing in await client.select(
                api, kind, namespace or "", {labels.INSTANCE: name or "", labels.NAME: "frontdesk"}
            ):
                metadata = thing["metadata"]
                await client.delete(api, kind, metadata["namespace"], metadata["name"], uid=metadata["uid"])

    return found


def _resource(api: str, kind: str) -> tuple[str, ...]:
    group, _, version = api.rpartition("/")
    return (group, version, kinds.plural(kind))
