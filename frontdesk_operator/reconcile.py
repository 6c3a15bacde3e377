"""One look at one Frontdesk: what there is, what is asked for, one step towards it, and the status of both.

Called again and again, from wherever the one before ended: it remembers nothing.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from frontdesk_operator import conditions, drift, kinds, labels, observe, passwords, render, rotation, upgrade
from frontdesk_operator.client import Client, Object
from frontdesk_operator.errors import Conflict, NotFound, Refused
from frontdesk_operator.events import tell
from frontdesk_operator.upgrade import Next, Progress, Seen, State

# Seconds until the next look: after a step, while something is waited for, and when all is well.
SOON, WAITING, RESYNC = 0.0, 2.0, 30.0
# Seconds after which a first installation's Job that failed is tried again.
_TRIED_AGAIN = 60

_NOTHING = Progress(State.WAITING)


async def reconcile(client: Client, namespace: str, name: str) -> float:
    """Look once, and take a step. Seconds until the next look. Raises Unreachable and Conflict: look again later."""
    frontdesk = await client.get(kinds.API, "Frontdesk", namespace, name)
    if frontdesk is None or "deletionTimestamp" in frontdesk["metadata"]:
        return RESYNC
    if frontdesk["spec"].get("suspend"):
        await _suspended(client, frontdesk)
        return RESYNC
    look = _Look(client, frontdesk)
    try:
        return await look.take()
    except (Refused, NotFound) as error:
        # A spec that the API server took and that makes something that it doesn't: said, and not tried every second.
        await look.write(failed=str(error))
        return RESYNC


class _Look:
    def __init__(self, client: Client, frontdesk: Object) -> None:
        self.client, self.frontdesk = client, frontdesk
        self.metadata, self.spec = frontdesk["metadata"], frontdesk["spec"]
        self.namespace, self.name = self.metadata["namespace"], self.metadata["name"]
        self.before: Mapping[str, Any] = frontdesk.get("status", {})
        # What the new status has besides what is counted.
        self.state: dict[str, Any] = {
            key: self.before[key]
            for key in ("image", "upgrade", "refused", "secrets", "lastBackup")
            if key in self.before
        }
        self.live: dict[tuple[str, str], Object] = {}
        self.backup_failed = ""
        self.stuck = ""

    async def take(self) -> float:
        decided = upgrade.begin(self.spec, self.metadata["generation"], self.before, now())
        self._adopt(decided)
        if decided.event or decided.upgrade != self.before.get("upgrade"):
            # Written before anything is changed: whoever comes after us goes on from here.
            await self.write()
            await self._tell(decided)
            return SOON
        if self.spec["database"].get("own") is not None and await passwords.ensure(
            self.client, self.namespace, self.name
        ):
            await tell(self.client, self.frontdesk, "Normal", "PasswordsMade", f"Secret {self.name}-database")
        await self._apply()
        going = decided.upgrade
        if going is None:
            await self._prune()
            delay = await rotation.step(self.client, self.frontdesk, self.state, self._settled())
            await self._backup()
            await self.write()
            return delay if delay is not None else (RESYNC if self._settled() else WAITING)
        seen = await self._see(going)
        after = upgrade.advance(going, self.before.get("image"), seen, now())
        if after.upgrade and after.upgrade["step"] in ("migrate", "verify"):
            self.stuck = (seen.migration if after.upgrade["step"] == "migrate" else seen.verification).message
        if after.upgrade is not None:
            # What was refused before is so until this has succeeded.
            after = dataclasses.replace(after, refused=self.state.get("refused"))
        self._adopt(after)
        await self._backup()
        await self.write()
        await self._tell(after)
        return SOON if after.upgrade != going else WAITING

    def _adopt(self, decided: Next) -> None:
        for key, value in (
            ("image", decided.image),
            ("upgrade", decided.upgrade),
            ("refused", decided.refused),
        ):
            self.state.pop(key, None)
            if value is not None:
                self.state[key] = dict(value) if isinstance(value, Mapping) else value

    async def _apply(self) -> None:
        images = upgrade.images(self.state.get("image"), self.state.get("upgrade"))
        made = render.render(self.frontdesk, images, stamps=await self._stamps())
        for manifest in made:
            kind, name = manifest["kind"], manifest["metadata"]["name"]
            if kind == "PersistentVolumeClaim":
                # Most of it can't be changed, and what it holds isn't ours to delete.
                live = await self.client.get("v1", kind, self.namespace, name)
                self.live[(kind, name)] = live or await self.client.apply(manifest)
                continue
            live, changed = await drift.put_right(self.client, manifest)
            self.live[(kind, name)] = live
            if changed:
                await tell(
                    self.client, self.frontdesk, "Warning", "PutRight", f"somebody had changed {kind} {name}"
                )
        for role in render.ROLES:
            await self._scale(role)

    async def _scale(self, role: str) -> None:
        """The autoscaler decides, but it leaves alone what somebody scaled to nothing, and starts slowly from one."""
        deployment = self.live[("Deployment", f"{self.name}-{role}")]
        replicas, least = deployment["spec"].get("replicas", 1), self.spec[role]["min"]
        if replicas == 0 or (replicas < least and deployment["metadata"]["generation"] == 1):
            await self.client.merge(
                "apps/v1",
                "Deployment",
                self.namespace,
                f"{self.name}-{role}",
                {"spec": {"replicas": least}},
                "scale",
            )

    async def _stamps(self) -> dict[str, str]:
        """What tells that a Secret has changed: of the database for web and api, of the certificate for the edge."""
        database = render.database_secret(self.name, self.spec)
        stamps = {role: await self._stamp(database, ("database_url",)) for role in render.ROLES}
        if "mail" in self.spec:
            mail = await self._stamp(self.spec["mail"]["secretName"], ("smtp_url",))
            stamps = {role: f"{stamp} {mail}" for role, stamp in stamps.items()}
        if "tls" in self.spec["edge"]:
            stamps["edge"] = await self._stamp(self.spec["edge"]["tls"]["secretName"], ("tls.crt", "tls.key"))
        return stamps

    async def _stamp(self, name: str, keys: tuple[str, ...]) -> str:
        """Empty as long as there's no such Secret, or not all of these in it."""
        secret = await self.client.get("v1", "Secret", self.namespace, name)
        if secret is None:
            self.stuck = f"there's no Secret {name}"
            return ""
        lacking = [key for key in keys if key not in secret.get("data", {})]
        if lacking:
            self.stuck = f"the Secret {name} has no {', '.join(lacking)}"
            return ""
        data = json.dumps({key: secret.get("data", {}).get(key) for key in keys})
        return hashlib.sha256(data.encode()).hexdigest()[:16]

    async def _see(self, going: Mapping[str, Any]) -> Seen:
        rollouts = {
            role: await observe.rollout(self.client, self.live[("Deployment", f"{self.name}-{role}")])
            for role in upgrade.ROLES
        }
        migration = verification = _NOTHING
        if going["step"] == "migrate":
            database = render.database_secret(self.name, self.spec)
            stamp = await self._stamp(database, ("migrate_database_url",))
            migration = Progress(State.WAITING, self.stuck)
            if stamp:
                job = render.migration(self.frontdesk, going["to"], self._attempt(going, stamp))
                migration = await self._job(job, first="from" not in going)
        if going["step"] == "verify":
            job = render.verification(self.frontdesk, going["to"], self._attempt(going))
            verification = await self._job(job, first="from" not in going)
        return Seen(migration, verification, rollouts)

    def _attempt(self, going: Mapping[str, Any], stamp: str = "") -> str:
        """What its Jobs are named by: not as those that a deleted Frontdesk of this name may have left, nor as one for
        another address of the database, by which it may have failed."""
        mine = hashlib.sha256(f"{self.metadata['uid']} {stamp}".encode()).hexdigest()[:8]
        return f"{going['id']}-{mine}"

    async def _job(self, manifest: Object, *, first: bool) -> Progress:
        """Started if it isn't there, and how far it is."""
        if first:
            # There's nothing to go back to, so it's tried until it succeeds: Kubernetes deletes it, and it's made anew.
            manifest["spec"]["ttlSecondsAfterFinished"] = _TRIED_AGAIN
        name = manifest["metadata"]["name"]
        found = await observe.job(self.client, self.namespace, name)
        if found is not None:
            return found
        # There already: ours of a moment ago.
        with contextlib.suppress(Conflict):
            await self.client.create(manifest)
        return _NOTHING

    async def _prune(self) -> None:
        """Delete what was made for an earlier spec. Not while an upgrade may go back to it."""
        if not self._settled():
            return
        for api, kind in (*kinds.KEPT, *kinds.OPTIONAL):
            for thing in await self.client.select(api, kind, self.namespace, labels.of(self.name)):
                metadata = thing["metadata"]
                mine = any(
                    owner["uid"] == self.metadata["uid"] for owner in metadata.get("ownerReferences", [])
                )
                if mine and (kind, metadata["name"]) not in self.live:
                    await self.client.delete(api, kind, self.namespace, metadata["name"], uid=metadata["uid"])

    def _settled(self) -> bool:
        """Whether all pods are those that are asked for, and ready."""
        for kind, name in self.live:
            if kind in ("Deployment", "StatefulSet"):
                thing = self.live[(kind, name)]
                status, replicas = thing.get("status", {}), thing["spec"].get("replicas", 1)
                if (
                    status.get("observedGeneration", 0) < thing["metadata"]["generation"]
                    or status.get("updatedReplicas", 0) < replicas
                    or status.get("readyReplicas", 0) < replicas
                    or status.get("replicas", 0) > replicas
                ):
                    return False
        return True

    async def _backup(self) -> None:
        if "backup" not in self.spec:
            return
        succeeded, self.backup_failed = await observe.last_backup(self.client, self.namespace, self.name)
        if succeeded:
            self.state["lastBackup"] = {
                "time": succeeded["status"]["completionTime"],
                "job": succeeded["metadata"]["name"],
            }

    async def _tell(self, decided: Next) -> None:
        if decided.event:
            await tell(self.client, self.frontdesk, *decided.event)

    async def write(self, failed: str = "") -> None:
        """Write the status, unless it is what it was."""
        status = dict(self.state)
        status["observedGeneration"] = self.metadata["generation"]
        if "image" in status:
            status["version"] = render.tag(status["image"])
        counts = {}
        for part in upgrade.ROLES:
            counts[part] = observe.ready(self.live.get(("Deployment", f"{self.name}-{part}")))
            if self.live:
                status[part] = "{}/{}".format(*counts[part])
            elif part in self.before:
                status[part] = self.before[part]
        if self.live or failed or not self.before.get("conditions"):
            status["conditions"] = self._conditions(counts, failed)
        else:
            status["conditions"] = self.before["conditions"]
        if status != self.before:
            await self.client.replace({**self.frontdesk, "status": status}, "status")

    def _conditions(self, counts: Mapping[str, tuple[int, int]], failed: str) -> list[conditions.Condition]:
        going, refused = self.state.get("upgrade"), self.state.get("refused")
        away = [part for part, (ready, _) in counts.items() if not ready]
        if self.spec["database"].get("own") is not None:
            database = observe.ready(self.live.get(("StatefulSet", f"{self.name}-db")))
            away += [] if database[0] else ["db"]
        few = [f"{part} {ready}/{wanted}" for part, (ready, wanted) in counts.items() if ready < wanted]

        degraded = (False, "AsAsked", "")
        if failed:
            degraded = (True, "Refused", failed)
        elif refused:
            degraded = (
                True,
                "RolledBack",
                f"{refused['image']} failed ({refused['reason']}): {refused['message']}",
            )
        elif going and going.get("reason"):
            degraded = (True, going["reason"], going["message"])
        elif self.backup_failed:
            degraded = (True, "BackupFailed", self.backup_failed)
        elif few and not going:
            degraded = (True, "TooFewReplicas", ", ".join(few) + (f"; {self.stuck}" if self.stuck else ""))
        progressing = (False, "AsAsked", "")
        if going:
            words = f"{going.get('from', 'nothing')} → {going['to']}, step {going['step']}"
            reason = (
                "RollingBack"
                if going["step"] == "rollback"
                else "Upgrading"
                if "from" in going
                else "Installing"
            )
            progressing = (True, reason, words + (f": {self.stuck}" if self.stuck else ""))
        elif self.live and not self._settled():
            progressing = (True, "RollingOut", ", ".join(few) or "pods are being replaced")
        ready = (True, "Serving", "web, api and edge have replicas that are ready")
        if away:
            ready = (
                False,
                "NoReplicas",
                f"nothing is ready of: {', '.join(away)}" + (f"; {self.stuck}" if self.stuck else ""),
            )
        return conditions.of(
            self.before.get("conditions", []),
            self.metadata["generation"],
            now(),
            Ready=ready,
            Progressing=progressing,
            Degraded=degraded,
        )


async def _suspended(client: Client, frontdesk: Object) -> None:
    before = frontdesk.get("status", {})
    kept = [c for c in before.get("conditions", []) if c["type"] != "Progressing"]
    made = conditions.of(
        before.get("conditions", []),
        frontdesk["metadata"]["generation"],
        now(),
        Progressing=(False, "Suspended", "spec.suspend is true: nothing is changed or put right"),
    )
    status = {
        **before,
        "conditions": [*kept, *made],
        "observedGeneration": frontdesk["metadata"]["generation"],
    }
    if status != before:
        await client.replace({**frontdesk, "status": status}, "status")


def now() -> str:
    """The time as Kubernetes writes it (RFC 3339)."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
