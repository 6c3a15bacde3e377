"""GET /openapi.json, /api/docs, /api/docs/{name}: the contract, as openapi.yaml says it, for programs and people."""

import hashlib
from functools import cache
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.api.docs.page import LANGUAGES, language_of, render
from frontdesk.errors import NotFound
from frontdesk.requests import is_secure

_COOKIE = "language"
_YEAR = 31_536_000

_FILES = {
    "docs.css": "text/css; charset=utf-8",
    "unscripted.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "logo.svg": "image/svg+xml",
}

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
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
    kept = chosen or request.cookies.get(_COOKIE)
    language = language_of(kept, request.headers.get("accept-language", ""))
    response = Response(
        render(language), headers=_HEADERS | {"Content-Language": language}, media_type="text/html"
    )
    if chosen in LANGUAGES:
        response.set_cookie(
            _COOKIE, chosen, _YEAR, path="/", secure=is_secure(request), httponly=True, samesite="lax"
        )
    return response


async def docs_file(request: Request) -> Response:
    """A file of that page; only names of the table, so that no path reaches the disk."""
    name = request.path_params["name"]
    if name not in _FILES:
        raise NotFound
    content, tag = _file(name)
    headers = {"Cache-Control": "no-cache", "ETag": tag, "Cross-Origin-Resource-Policy": "same-origin"}
    if tag in request.headers.get("if-none-match", ""):
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
