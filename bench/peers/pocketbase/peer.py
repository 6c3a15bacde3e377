"""PocketBase: a Go module, built here, on the SQLite that it brings."""

import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import stack
from bench.load import request
from bench.peers.peer import USERS, Peer, Place
from bench.peers.processes import Client, install, kept, need, output_of, started
from bench.storm import Login

_HERE = Path(__file__).parent
_SOURCES = [(_HERE / name).read_text(encoding="utf-8") for name in ("go.mod", "go.sum", "main.go")]
_SUPERUSER = "admin@example.org"


class PocketBase(Peer):
    name = "PocketBase"
    version = _SOURCES[0].split("github.com/pocketbase/pocketbase v")[1].split()[0]
    login = Login(
        "/api/collections/users/auth-with-password",
        json.dumps({"identity": "u{n}@example.org", "password": stack.PASSWORD}),
    )

    def install(self) -> None:
        def make(folder: Path) -> None:
            need("go", "Go")
            command = ["go", "build", "-o", str(folder / "pocketbase"), "."]
            install(command, _HERE, CGO_ENABLED="0")

        self._program = kept("pocketbase", *_SOURCES, make=make) / "pocketbase"

    def prepare(self, place: Place) -> None:
        self._folder = place.folder
        self._options = [
            f"--dir={place.folder / 'pocketbase'}",
            "--encryptionEnv=PB_ENCRYPTION_KEY",
            # It takes a program in the user's cache for one of `go run`, and would print every statement.
            "--dev=false",
        ]
        self._environ = {"PB_ENCRYPTION_KEY": secrets.token_hex(16), "GOMEMLIMIT": "512MiB"}
        password = secrets.token_urlsafe()
        self._run("superuser", "upsert", _SUPERUSER, password)
        with self.serve() as port, contextlib.closing(Client(port)) as client:
            credentials = json.dumps({"identity": _SUPERUSER, "password": password})
            answer = client.post("/api/collections/_superusers/auth-with-password", credentials)
            for number in range(USERS):
                user = {
                    "email": f"u{number}@example.org",
                    "name": f"User {number}",
                    "password": stack.PASSWORD,
                    "passwordConfirm": stack.PASSWORD,
                    "verified": True,
                }
                client.post("/api/collections/users/records", json.dumps(user), token=answer["token"])

    @contextlib.contextmanager
    def serve(self) -> Iterator[int]:
        port = stack.free_port()
        with started(
            [str(self._program), "serve", f"--http=127.0.0.1:{port}", *self._options],
            log=self._folder / "pocketbase.log",
            ready=(port, "/api/health"),
            cwd=self._folder,
            **self._environ,
        ):
            yield port

    def bare_hashes(self, seconds: float) -> float:
        return float(self._run("hashes", stack.PASSWORD, str(seconds)).split()[-1])

    def session_check(self, session: dict[str, Any]) -> bytes:
        path = f"/api/collections/users/records/{session['record']['id']}"
        return request("GET", path, token=session["token"])

    def _run(self, *arguments: str) -> str:
        return output_of([str(self._program), *arguments, *self._options], self._folder, **self._environ)
