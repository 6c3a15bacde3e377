"""GET /openapi.json, /api/docs, /api/docs/{name}: the contract, as openapi.yaml says it, for programs and people."""

import hashlib
from functools import cache
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import languages
from frontdesk.accounts.identity import LANGUAGES
from frontdesk.api.docs.page import render
from frontdesk.errors import NotFound
from frontdesk.headers import is_kept, page_headers

_FILES = {
    "docs.css": "text/css; charset=utf-8",
    "unscripted.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "logo.svg": "image/svg+xml",
}

_HEADERS = page_headers(forms=False) | {
    "Vary": "Cookie, Accept-Language",
    "Cache-Control": "private, no-cache",
}


async def openapi(request: Request) -> Response:
    return Response(
        _contract(), headers={"Cache-Control": "public, max-age=300"}, media_type="application/json"
    )


async def docs(request: Request) -> Response:
    """A page to read the contract and, with JavaScript, to try it; `?language=` is kept in a cookie."""
    chosen = request.query_params.get("language")
    language = chosen if chosen in LANGUAGES else languages.language_of(request)
    response = Response(
        render(language), headers=_HEADERS | {"Content-Language": language}, media_type="text/html"
    )
    if chosen == language:
        languages.keep(request, response, language)
    return response


async def docs_file(request: Request) -> Response:
    """A file of that page; only names of the table, so that no path reaches the disk."""
    name = request.path_params["name"]
    if name not in _FILES:
        raise NotFound
    content, tag = _file(name)
    headers = {"Cache-Control": "no-cache", "ETag": tag, "Cross-Origin-Resource-Policy": "same-origin"}
    if is_kept(request, tag):
        return Response(None, 304, headers)
    return Response(content, headers=headers | {"Content-Type": _FILES[name]})


@cache
def _contract() -> bytes:
    from frontdesk.api.docs.page import contract

    return msgspec.json.encode(contract())


@cache
def _file(name: str) -> tuple[bytes, str]:
    content = (files("frontdesk.api.docs") / name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'
