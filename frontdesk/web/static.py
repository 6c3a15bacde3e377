"""Style sheet, scripts and pictures, each under an address that changes with its content.

So a browser keeps them for ever and still never has an old one; nginx may serve the same addresses from the
same directory.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.errors import NotFound
from frontdesk.headers import is_kept

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _File:
    digest: str
    content: bytes
    media_type: str


async def serve(request: Request) -> Response:
    """A file by its digest and name, looked up in what was read at the start: no path reaches the disk."""
    file = _files().get(request.path_params["name"])
    if file is None:
        raise NotFound
    # While versions change, a page of one is followed by a request to the other. What we have is better than a bare
    # page, but under that address it must not be kept.
    ours = file.digest == request.path_params["digest"]
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if ours else "no-store",
        "ETag": f'"{file.digest}"',
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if is_kept(request, headers["ETag"]):
        return Response(None, 304, headers)
    return Response(file.content, 200, headers | {"Content-Type": file.media_type})


def url_of(name: str) -> str:
    """Where browsers find the static file `name`. KeyError if there is none."""
    return f"/static/{_files()[name].digest}/{name}"


def contents() -> dict[str, bytes]:
    """Every static file by its address, for a server in front that answers them itself."""
    return {url_of(name): file.content for name, file in _files().items()}


@cache
def _files() -> dict[str, _File]:
    found = {}
    for file in (files("frontdesk.web") / "static").iterdir():
        media_type = _TYPES.get("." + file.name.rpartition(".")[2])
        if media_type is not None:
            content = file.read_bytes()
            found[file.name] = _File(hashlib.sha256(content).hexdigest()[:16], content, media_type)
    return found
