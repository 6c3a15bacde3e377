"""An API server as far as the controller relies on one: objects by their path, with uids, versions and conflicts.

Nothing follows from an object: no pod is made, no Job runs. Tests say what becomes of them.
"""

import base64
import contextlib
import json
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from frontdesk_operator.client import Client
from frontdesk_operator.kinds import path

Object = dict[str, Any]

_NAMESPACE = "x"
_PATH = re.compile(
    r"(?P<all>/apis?/.+/namespaces/[^/]+/[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<part>status|scale))?"
)
# RFC 1123, as names of most objects must be.
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")


class ApiServer:
    """`things` by path; `told` has the reasons of the Events."""

    def __init__(self) -> None:
        self.things: dict[str, Object] = {}
        self.told: list[str] = []
        # With this, each change is made and the first answer to it lost: as seen by a controller that was killed.
        self.loses_answers = False
        self._lost: set[tuple[str, str]] = set()
        self._version = 0

    def get(self, api: str, kind: str, name: str) -> Object | None:
        return self.things.get(path(api, kind, _NAMESPACE, name))

    def delete(self, api: str, kind: str, name: str) -> None:
        del self.things[path(api, kind, _NAMESPACE, name)]

    def secret(self, name: str) -> dict[str, str]:
        """What a Secret holds."""
        found = self.get("v1", "Secret", name)
        assert found is not None, name
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def jobs(self) -> dict[str, Object]:
        start = path("batch/v1", "Job", _NAMESPACE) + "/"
        return {key.removeprefix(start): job for key, job in self.things.items() if key.startswith(start)}

    def end(self, job: str, condition: str) -> None:
        """Let a Job be Complete or Failed."""
        self.jobs()[job]["status"] = {"conditions": [{"type": condition, "status": "True", "message": "so"}]}

    def put(self, thing: Object) -> Object:
        """Make or change an object, as somebody with kubectl does."""
        metadata = thing["metadata"]
        where = path(thing["apiVersion"], thing["kind"], _NAMESPACE, metadata["name"])
        if "stringData" in thing:
            data = {
                key: base64.b64encode(value.encode()).decode() for key, value in thing["stringData"].items()
            }
            thing = {key: value for key, value in thing.items() if key != "stringData"} | {"data": data}
        self._version += 1
        before = self.things.get(where, {"metadata": {"uid": str(uuid.uuid4()), "generation": 1}})
        made: Object = {**thing, "metadata": {**before["metadata"], **metadata}}
        made["metadata"] |= {"namespace": _NAMESPACE, "resourceVersion": str(self._version)}
        made["metadata"].setdefault("creationTimestamp", "2026-01-02T03:04:05Z")
        self.things[where] = made
        return made

    async def answer(self, request: web.Request) -> web.Response:
        status, body = self._done(request.method, request.path, json.loads(await request.text() or "{}"))
        change = (request.method, request.path)
        if self.loses_answers and request.method != "GET" and change not in self._lost:
            self._lost.add(change)
            status, body = 500, {"message": "lost"}
        return web.json_response(body, status=status)

    def _done(self, method: str, where: str, body: Object) -> tuple[int, Object]:
        found = _PATH.fullmatch(where)
        assert found is not None, where
        thing = self.things.get(where.removesuffix(f"/{found['part']}"))
        if method == "POST":
            return self._created(where, body)
        if method == "GET" and found["name"] is None:
            return 200, {"items": [one for key, one in self.things.items() if key.startswith(f"{where}/")]}
        if method == "PATCH" and found["part"] is None:
            return 200, self.put(body if thing is None else {**thing, **body})
        if thing is None:
            return 404, {"message": "not found"}
        if method == "PUT":
            if body["metadata"]["resourceVersion"] != thing["metadata"]["resourceVersion"]:
                return 409, {"message": "it was changed"}
            return 200, self.put({**thing, "status": body["status"]} if found["part"] else body)
        if method == "DELETE":
            del self.things[where]
        return 200, thing

    def _created(self, where: str, body: Object) -> tuple[int, Object]:
        if body["kind"] == "Event":
            self.told.append(body["reason"])
            return 201, body
        name = body["metadata"]["name"]
        if not _NAME.fullmatch(name):
            return 422, {"message": f"{name} is no name"}
        if f"{where}/{name}" in self.things:
            return 409, {"message": "there already"}
        return 201, self.put(body)


@contextlib.asynccontextmanager
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[ApiServer, Client]]:
    """One that's empty, and the controller's own client of it."""
    server = ApiServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        (tmp_path / "kubeconfig").write_text(
            json.dumps(
                {
                    "current-context": "here",
                    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                    "clusters": [{"name": "here", "cluster": {"server": f"http://{host}:{port}"}}],
                    "users": [{"name": "me", "user": {}}],
                }
            )
        )
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        async with Client() as client:
            yield server, client
    finally:
        await runner.cleanup()
