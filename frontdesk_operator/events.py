"""Events: what `kubectl describe frontdesk` shows of what has happened."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from frontdesk_operator import labels
from frontdesk_operator.client import Client
from frontdesk_operator.errors import OperatorError


async def tell(client: Client, frontdesk: Mapping[str, Any], kind: str, reason: str, message: str) -> None:
    """Tell what has happened. `kind` is Normal or Warning, `reason` one word in CamelCase. Never raises: what has
    happened has happened, told or not."""
    metadata = frontdesk["metadata"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        await client.create(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
                "involvedObject": {
                    "apiVersion": frontdesk["apiVersion"],
                    "kind": frontdesk["kind"],
                    "name": metadata["name"],
                    "namespace": metadata["namespace"],
                    "uid": metadata["uid"],
                },
                "type": kind,
                "reason": reason,
                "message": message[:1000],
                "source": {"component": labels.CONTROLLER},
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
            }
        )
    except OperatorError:
        return
