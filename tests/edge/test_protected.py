"""deploy/nginx/examples/protected.conf: another service behind the same login."""

import json
import shutil
from pathlib import Path

import httpx
import pytest

from tests.edge.conftest import behind_edge, client, register
from tests.stack import ROOT, Stack, until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


def test_only_who_is_logged_in_comes_through_and_the_service_learns_who(stack: Stack, tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "deploy/nginx/templates", templates)
    example = (ROOT / "deploy/nginx/examples/protected.conf").read_text()
    (templates / "protected.conf.template").write_text(example.replace("PROTECTED_SERVICE", "protected:9000"))
    site = templates / "site.conf.template"
    site.write_text(site.read_text() + "include /tmp/protected.conf;\n")
    with (
        behind_edge("protected"),
        stack.another_edge(f"--volume={templates}:/etc/nginx/templates:ro") as edge,
        client(edge) as http,
    ):
        username, token = register(http)
        account = http.get("/api/v1/account", headers={"Authorization": f"Bearer {token}"}).json()

        stranger = http.get("/protected/page?a=1")
        assert (stranger.status_code, stranger.headers["location"]) == (
            303,
            "/login?next=/protected/page",
        )
        assert http.get("/protected/", headers={"Authorization": "Bearer wrong"}).status_code == 401

        lies = {"X-Frontdesk-Username": "root", "X-Frontdesk-Account": "1", "X-Forwarded-For": "203.0.113.9"}
        for proof in ({"Cookie": f"__Host-session={token}"}, {"Authorization": f"Bearer {token}"}):
            answer = http.post("/protected/page?a=1", headers={**lies, **proof}, content=b"hello")
            assert answer.status_code == 200
            asked = answer.json()
            told = httpx.Headers(asked["headers"])
            assert (asked["path"], asked["body"]) == ("/protected/page?a=1", "hello")
            assert (told["x-frontdesk-username"], told["x-frontdesk-account"]) == (
                username,
                str(account["id"]),
            )
            assert token not in json.dumps(asked), "the service gets the name, not the key"
            assert told["x-forwarded-for"] != "203.0.113.9"

        assert http.get("/frontdesk-verify").status_code == 404
        ended = http.delete("/api/v1/sessions/current", headers={"Authorization": f"Bearer {token}"})
        assert ended.status_code == 204
        # Another replica remembers the session until it's told, a second at most (docs/decisions/0007-verify.md).
        until(
            lambda: http.get("/protected/", headers={"Cookie": f"__Host-session={token}"}).status_code == 303,
            within=2,
        )
