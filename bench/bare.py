"""The limit of a session check: the same statement behind a bare Starlette endpoint, on the same server.

python -m bench.bare URL PORT
"""

import base64
import hashlib
import sys

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

_QUERY = """
    SELECT s.id, s.created_at, s.last_used_at < now() - interval '1 minute',
           a.id, a.email, a.username, a.name, a.language, a.discoverable, a.administrator, a.created_at
      FROM sessions s JOIN accounts a ON a.id = s.account_id
     WHERE s.token_hash = $1 AND s.expires_at > now()
       AND s.last_used_at > now() - make_interval(secs => $2) AND a.disabled_at IS NULL
"""


async def account(request: Request) -> JSONResponse:
    token = request.headers["authorization"][7:]
    async with request.app.state.pool.acquire() as connection:
        raw = base64.urlsafe_b64decode(token + "=")
        row = await connection.fetchrow(_QUERY, hashlib.sha256(raw).digest(), 1_209_600)
    return JSONResponse({"id": str(row[3]), "email": row[4], "username": row[5], "name": row[6]})


async def start(app: Starlette, url: str) -> None:
    app.state.pool = await asyncpg.create_pool(url, min_size=1, max_size=10)


def main() -> None:
    url, port = sys.argv[1:]
    app = Starlette(routes=[Route("/account", account)], lifespan=lambda app: _Lifespan(app, url))
    uvicorn.run(app, port=int(port), loop="uvloop", http="httptools", log_level="warning", access_log=False)


class _Lifespan:
    def __init__(self, app: Starlette, url: str) -> None:
        self._app, self._url = app, url

    async def __aenter__(self) -> None:
        await start(self._app, self._url)

    async def __aexit__(self, *_: object) -> None:
        await self._app.state.pool.close()


if __name__ == "__main__":
    main()
