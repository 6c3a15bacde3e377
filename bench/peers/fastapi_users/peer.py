"""fastapi-users in an environment of its own, under uvicorn, on PostgreSQL."""

import contextlib
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from bench import stack
from bench.load import request
from bench.peers.peer import USERS, Peer, Place
from bench.peers.processes import install, kept, output_of, started
from bench.storm import Login

_HERE = Path(__file__).parent
_REQUIREMENTS = (_HERE / "requirements.txt").read_text(encoding="utf-8")


class FastapiUsers(Peer):
    name = "fastapi-users"
    version = _REQUIREMENTS.split("fastapi-users==")[1].split()[0]
    login = Login(
        "/auth/db/login",
        f"username=u{{n}}%40example.org&password={quote_plus(stack.PASSWORD)}",
        "application/x-www-form-urlencoded",
    )

    def install(self) -> None:
        def make(folder: Path) -> None:
            install([sys.executable, "-m", "venv", str(folder)], folder)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
            install([*pip, "install", "-r", str(_HERE / "requirements.txt")], folder)

        self._bin = kept("fastapi-users", _REQUIREMENTS, sys.version, make=make) / "bin"

    def prepare(self, place: Place) -> None:
        place.create_database("fastapi_users")
        self._log = place.folder / "fastapi-users.log"
        self._environ = {
            "DATABASE_URL": f"postgresql+asyncpg://postgres@127.0.0.1:{place.postgres_port}/fastapi_users",
            "SECRET": secrets.token_urlsafe(),
        }
        command = [str(self._bin / "python"), "users.py", stack.PASSWORD, str(USERS)]
        output_of(command, _HERE, **self._environ)

    @contextlib.contextmanager
    def serve(self) -> Iterator[int]:
        port = stack.free_port()
        command = [str(self._bin / "uvicorn"), "app:app", "--port", str(port), "--no-access-log"]
        fast = ["--loop", "uvloop", "--http", "httptools"]
        with started(
            [*command, *fast], log=self._log, ready=(port, "/openapi.json"), cwd=_HERE, **self._environ
        ):
            yield port

    def bare_hashes(self, seconds: float) -> float:
        command = [str(self._bin / "python"), "hashes.py", stack.PASSWORD, str(seconds)]
        return float(output_of(command, _HERE).split()[-1])

    def session_check(self, session: dict[str, Any]) -> bytes:
        return request("GET", "/users/me", token=session["access_token"])
