"""Frontdesk, by the same harness."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from bench import __main__ as figures
from bench import stack
from bench.load import request
from bench.peers.peer import USERS, Peer, Place
from bench.storm import FRONTDESK
from frontdesk import __version__
from frontdesk.store import schema


class Frontdesk(Peer):
    name = "Frontdesk"
    version = __version__
    login = FRONTDESK
    logged_in = 201

    def install(self) -> None:
        """It is what runs this."""

    def prepare(self, place: Place) -> None:
        self._url = place.postgres_url
        schema.migrate(self._url)
        asyncio.run(stack.fill(self._url, people=USERS))

    @contextlib.contextmanager
    def serve(self) -> Iterator[int]:
        with stack.frontdesk(self._url, FRONTDESK_HASH_THREADS="1") as server:
            yield server.port

    def bare_hashes(self, seconds: float) -> float:
        return figures.libsodium(seconds)

    def session_check(self, session: dict[str, Any]) -> bytes:
        return request("GET", "/api/v1/account", token=session["token"])
