"""The Kubernetes API, as far as the controller needs it: apply, get, list, delete, patch."""

import contextlib
import json
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
import kopf
import yaml

from frontdesk_operator.errors import Conflict, NotFound, OperatorError, Refused, Unreachable
from frontdesk_operator.kinds import path

Object = dict[str, Any]

# Who owns the fields that are applied (server-side apply).
MANAGER = "frontdesk-operator"
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)


def login() -> kopf.ConnectionInfo:
    """Where the API server is and who we are: of the pod's service account, else of KUBECONFIG.

    Raises OperatorError if there is neither.
    """
    settings = kopf.OperatorSettings()
    try:
        found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(
            settings=settings
        )
    except (OSError, ValueError, yaml.YAMLError, kopf.LoginError) as error:
        raise OperatorError(f"KUBECONFIG can't be read: {error}") from error
    if found is None:
        raise OperatorError("there's no cluster: set KUBECONFIG, or run this in a pod with a service account")
    return found


class Client:
    """One connection pool to the API server. Every method raises the errors of errors.py and no others."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._login = login()
        self._ssl: ssl.SSLContext | None = None

    async def __aenter__(self) -> "Client":
        self._ssl = self._login.as_ssl_context()
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def apply(self, manifest: Mapping[str, Any]) -> Object:
        """Make it as `manifest` says, taking over fields that others have changed; what it is then."""
        return await self._ask(
            "PATCH",
            path(
                manifest["apiVersion"], manifest["kind"], _namespace(manifest), manifest["metadata"]["name"]
            ),
            manifest,
            content="application/apply-patch+yaml",
            query={"fieldManager": MANAGER, "force": "true"},
        )

    async def create(self, manifest: Mapping[str, Any]) -> Object:
        """Make it. Raises Conflict if it is there already."""
        return await self._ask(
            "POST", path(manifest["apiVersion"], manifest["kind"], _namespace(manifest)), manifest
        )

    async def replace(self, thing: Mapping[str, Any], part: str = "") -> Object:
        """Replace all of it, or its subresource `part`. Raises Conflict if it is no longer what its resourceVersion
        says."""
        where = path(thing["apiVersion"], thing["kind"], _namespace(thing), thing["metadata"]["name"])
        return await self._ask(
            "PUT", where + (f"/{part}" if part else ""), thing, query={"fieldManager": MANAGER}
        )

    async def merge(
        self, api: str, kind: str, namespace: str, name: str, change: Mapping[str, Any], part: str = ""
    ) -> Object:
        """Change just these fields (RFC 7396), of the object or of its subresource `part`."""
        return await self._ask(
            "PATCH",
            path(api, kind, namespace, name) + (f"/{part}" if part else ""),
            change,
            content="application/merge-patch+json",
            query={"fieldManager": MANAGER + (f"-{part}" if part else "")},
        )

    async def get(self, api: str, kind: str, namespace: str, name: str) -> Object | None:
        """What it is, None if it isn't there."""
        try:
            return await self._ask("GET", path(api, kind, namespace, name))
        except NotFound:
            return None

    async def select(self, api: str, kind: str, namespace: str, labels: Mapping[str, str]) -> list[Object]:
        """All of a kind that carry these labels. A kind that the cluster lacks has none."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        try:
            found = await self._ask("GET", path(api, kind, namespace), query={"labelSelector": selector})
        except NotFound:
            return []
        items: list[Object] = found["items"]
        # Items of a list don't say what they are.
        for item in items:
            item.setdefault("apiVersion", api)
            item.setdefault("kind", kind)
        return items

    async def delete(self, api: str, kind: str, namespace: str, name: str, *, uid: str = "") -> None:
        """Delete it and what it owns; gone already is as good. With `uid`, no other of the same name."""
        options: Object = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        with contextlib.suppress(NotFound):
            await self._ask("DELETE", path(api, kind, namespace, name), options)

    async def logs(self, namespace: str, pod: str, lines: int) -> str:
        """The end of what a pod wrote; empty if there's nothing to read."""
        try:
            return await self._text(
                "GET", path("v1", "Pod", namespace, pod) + "/log", query={"tailLines": str(lines)}
            )
        except OperatorError:
            return ""

    async def _ask(
        self,
        method: str,
        where: str,
        body: Mapping[str, Any] | None = None,
        *,
        content: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Object:
        found: Object = json.loads(await self._text(method, where, body, content=content, query=query))
        return found

    async def _text(
        self,
        method: str,
        where: str,
        body: Mapping[str, Any] | None = None,
        *,
        content: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> str:
        assert self._session is not None, "use it as a context manager"
        for attempt in (1, 2):
            headers = {**self._login.as_http_headers(), "Accept": "application/json"}
            data = None
            if body is not None:
                headers["Content-Type"] = content
                data = json.dumps(body).encode()
            try:
                async with self._session.request(
                    method,
                    self._login.server.rstrip("/") + where,
                    params=query,
                    data=data,
                    headers=headers,
                    ssl=self._ssl or True,
                ) as answer:
                    text = await answer.text()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise Unreachable(
                    f"the API server doesn't answer: {error or type(error).__name__}"
                ) from error
            if answer.status == 401 and attempt == 1:
                # A pod's token is good for an hour, and its file has a new one by then.
                self._login = login()
                continue
            if answer.status < 400:
                return text
            raise _fault(answer.status, text, where)
        raise AssertionError("the second attempt returns or raises")


def _namespace(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def _fault(status: int, text: str, where: str) -> OperatorError:
    try:
        said = json.loads(text).get("message") or text
    except (ValueError, AttributeError):
        said = text
    said = f"{str(said)[:1000] or status} ({where})"
    if status == 404:
        return NotFound(said)
    if status == 409:
        return Conflict(said)
    if status == 429 or status >= 500:
        return Unreachable(said)
    return Refused(said)
