"""The passwords of a database of one's own: made once, where nobody sees them."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from frontdesk_operator import labels
from frontdesk_operator.client import Client, Object
from frontdesk_operator.errors import Conflict

_ROLE = "frontdesk"


def manifest(namespace: str, instance: str, *, role: str = _ROLE, suffix: str = "database") -> Object:
    """A Secret with new passwords of 256 random bits: of the superuser, of the schema's owner, and of `role`, which
    the service logs in as; and the URLs that they're used in. It has no owner: it lives as long as the data."""
    superuser, migrate, service = (secrets.token_hex(32) for _ in range(3))
    host = f"{instance}-db:5432"
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{instance}-{suffix}",
            "namespace": namespace,
            "labels": {
                labels.NAME: "frontdesk",
                labels.INSTANCE: instance,
                labels.COMPONENT: "db",
                "app.kubernetes.io/part-of": "frontdesk",
                labels.MANAGED_BY: labels.CONTROLLER,
            },
        },
        "type": "Opaque",
        "stringData": {
            "postgres_password": superuser,
            "migrate_password": migrate,
            "service_password": service,
            "service_role": role,
            "database_url": f"postgresql://{role}:{service}@{host}/frontdesk",
            "migrate_database_url": f"postgresql://frontdesk_migrate:{migrate}@{host}/frontdesk",
        },
    }


async def ensure(client: Client, namespace: str, instance: str) -> bool:
    """Make the Secret if it isn't there; whether it was made. One that is there isn't read."""
    try:
        await client.create(manifest(namespace, instance))
    except Conflict:
        return False
    return True


def decoded(secret: Mapping[str, Any]) -> dict[str, str]:
    """What a Secret holds."""
    return {name: base64.b64decode(value).decode() for name, value in secret.get("data", {}).items()}
