"""GET /openapi.json: the contract, as openapi.yaml says it."""

from functools import cache
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import Response


async def openapi(request: Request) -> Response:
    return Response(
        _contract(), headers={"Cache-Control": "public, max-age=300"}, media_type="application/json"
    )


@cache
def _contract() -> bytes:
    import yaml

    text = (files("frontdesk.api") / "openapi.yaml").read_text(encoding="utf-8")
    return msgspec.json.encode(yaml.safe_load(text))
