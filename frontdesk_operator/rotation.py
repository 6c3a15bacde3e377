"""New passwords for a database of one's own, without a request that fails.

PostgreSQL knows one password a role, so a role whose password changes shuts out every pod that hasn't the new one yet.
So the service gets a new role beside the old one, with the same rights; when every pod logs in as the new one, the old
one may no longer log in. Each step may be taken again:

    Secret NAME-database-next   the new passwords
    Job NAME-change-…           makes the role, changes the other passwords, in one transaction
    Secret NAME-database        becomes the new one, which rolls web and api
    Job NAME-revoke-…           the earlier roles may not log in any more

Jobs stay for a day after their end, and what is asked for may be asked for again: so they're named after the Secret
with the new passwords, of which there's another one each time.
"""

import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any

from frontdesk_operator import labels, observe, passwords, render
from frontdesk_operator.client import Client, Object
from frontdesk_operator.errors import Conflict
from frontdesk_operator.events import tell
from frontdesk_operator.upgrade import Progress, State

_WAITING, _FAILED = 2.0, 30.0


async def step(
    client: Client, frontdesk: Mapping[str, Any], state: dict[str, Any], settled: bool
) -> float | None:
    """Take the next step of a rotation that is asked for, and note it in `state`. Seconds until the next look, None
    if there's nothing to do. `settled`: whether all pods have what the Secret has."""
    own = frontdesk["spec"]["database"].get("own")
    if own is None:
        return None
    wanted, known = own.get("rotate", ""), dict(state.get("secrets", {}))
    if "rotated" not in known:
        # The first passwords are new as it is.
        state["secrets"] = {"rotated": wanted}
        return None
    if known["rotated"] == wanted and "rotating" not in known:
        return None
    # What was begun is brought to its end, whatever is asked for meanwhile.
    target = known.setdefault("rotating", wanted)
    state["secrets"] = known
    namespace, name = frontdesk["metadata"]["namespace"], frontdesk["metadata"]["name"]
    mark = hashlib.sha256(f"{frontdesk['metadata']['uid']} {target}".encode()).hexdigest()[:8]
    ours = role = f"frontdesk_{mark}"
    current = await client.get("v1", "Secret", namespace, f"{name}-database")
    assert current is not None, "made before anything else"
    following = await client.get("v1", "Secret", namespace, f"{name}-database-next")
    if following is not None:
        # Perhaps of a Frontdesk of this name that was deleted meanwhile: its passwords may be the database's by now,
        # so what it had begun is ended first.
        role = passwords.decoded(following)["service_role"]
    if passwords.decoded(current).get("service_role") != role:
        return await _bring_in(client, frontdesk, current, role)
    if not settled or await _old_pods_are_left(client, namespace, name):
        return _WAITING
    # None if an earlier look came as far as taking it away.
    if following is not None:
        progress = await _run(client, frontdesk, "revoke", following, role)
        if progress.state is not State.DONE:
            return await _not_done(client, frontdesk, progress)
        await client.delete("v1", "Secret", namespace, f"{name}-database-next")
    if role != ours:
        return 0.0
    state["secrets"] = {"rotated": target}
    await tell(
        client, frontdesk, "Normal", "PasswordsChanged", "the earlier ones are good for nothing any more"
    )
    return 0.0


async def _bring_in(client: Client, frontdesk: Mapping[str, Any], current: Object, role: str) -> float:
    namespace, name = frontdesk["metadata"]["namespace"], frontdesk["metadata"]["name"]
    # There already: ours, of an earlier look: its passwords may be in use by now.
    with contextlib.suppress(Conflict):
        await client.create(passwords.manifest(namespace, name, role=role, suffix="database-next"))
    following = await client.get("v1", "Secret", namespace, f"{name}-database-next")
    assert following is not None, "made above"
    progress = await _run(client, frontdesk, "change", following, role)
    if progress.state is not State.DONE:
        return await _not_done(client, frontdesk, progress)
    await client.replace({**current, "data": following["data"]})
    return 0.0


async def _not_done(client: Client, frontdesk: Mapping[str, Any], progress: Progress) -> float:
    if progress.state is State.WAITING:
        return _WAITING
    await tell(client, frontdesk, "Warning", "RotationFailed", progress.message)
    return _FAILED


async def _old_pods_are_left(client: Client, namespace: str, name: str) -> bool:
    for component in render.ROLES:
        pods = await client.select(
            "v1", "Pod", namespace, {labels.INSTANCE: name, labels.COMPONENT: component}
        )
        if any("deletionTimestamp" in pod["metadata"] for pod in pods):
            return True
    return False


async def _run(
    client: Client, frontdesk: Mapping[str, Any], what: str, following: Object, role: str
) -> Progress:
    job = render.rotation(frontdesk, what, following["metadata"]["uid"][:8], role)
    namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
    found = await observe.job(client, namespace, name)
    if found is None:
        # There already: of a moment ago.
        with contextlib.suppress(Conflict):
            await client.create(job)
    elif found.state is State.FAILED:
        # A database that was away may be back: the next look makes it anew.
        await client.delete("batch/v1", "Job", namespace, name)
    return found or Progress(State.WAITING)
