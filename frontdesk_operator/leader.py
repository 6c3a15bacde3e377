"""One controller works, others wait: whoever holds the Lease (coordination.k8s.io), as client-go's leader election.

Who loses it ends at once, and its engine starts it anew, as a follower: two that both work would undo each other's
steps.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from frontdesk_operator.client import Client, Object
from frontdesk_operator.errors import Conflict, OperatorError

_API = "coordination.k8s.io/v1"
# Seconds: how long a lease is good for, when its holder gives up renewing it, and between two tries.
DURATION, DEADLINE, RETRY = 15, 10, 2


class Lost(OperatorError):
    """Another holds the Lease, or it couldn't be renewed in time."""


class Leader:
    """Holds the Lease `name` as `identity`. Others' clocks don't matter: what counts is how long it stood still."""

    def __init__(
        self, client: Client, namespace: str, name: str, identity: str, clock: Callable[[], float]
    ) -> None:
        self._client, self._namespace, self._name, self.identity = client, namespace, name, identity
        self._clock = clock
        self._seen: tuple[str, float] | None = None

    async def acquire(self) -> None:
        """Wait until it's ours."""
        while not await self._try():
            await asyncio.sleep(RETRY)

    async def hold(self) -> None:
        """Renew it for ever. Raises Lost."""
        renewed = self._clock()
        while True:
            await asyncio.sleep(RETRY)
            try:
                if not await self._try():
                    raise Lost("another controller holds the Lease")
                renewed = self._clock()
            except Lost:
                raise
            except OperatorError as error:
                if self._clock() - renewed > DEADLINE:
                    raise Lost(f"the Lease couldn't be renewed for {DEADLINE} s: {error}") from error

    async def release(self) -> None:
        """Let the next begin at once."""
        lease = await self._client.get(_API, "Lease", self._namespace, self._name)
        if lease and lease["spec"].get("holderIdentity") == self.identity:
            lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
            await self._client.replace(lease)

    async def _try(self) -> bool:
        lease = await self._client.get(_API, "Lease", self._namespace, self._name)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec: dict[str, Any] = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": DURATION,
            "renewTime": now,
        }
        try:
            if lease is None:
                metadata = {"name": self._name, "namespace": self._namespace}
                await self._client.create(
                    {
                        "apiVersion": _API,
                        "kind": "Lease",
                        "metadata": metadata,
                        "spec": {**spec, "acquireTime": now},
                    }
                )
                return True
            if not self._free(lease):
                return False
            if lease["spec"].get("holderIdentity") != self.identity:
                spec["acquireTime"] = now
                spec["leaseTransitions"] = lease["spec"].get("leaseTransitions", 0) + 1
            lease["spec"] |= spec
            await self._client.replace(lease)
        except Conflict:
            return False
        return True

    def _free(self, lease: Object) -> bool:
        spec = lease["spec"]
        if spec.get("holderIdentity") in (self.identity, "", None):
            return True
        version = lease["metadata"]["resourceVersion"]
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, self._clock())
            return False
        return self._clock() - self._seen[1] > float(spec.get("leaseDurationSeconds", DURATION))
