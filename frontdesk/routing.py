"""One route a path, so that 405 names every method that the path has (RFC 9110, section 15.5.6)."""

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

Handler = Callable[[Request], Awaitable[Response]]


def resource(path: str, **methods: Handler) -> Route:
    """A route at `path` with a handler a method: `resource("/login", GET=show, POST=submit)`."""
    if "GET" in methods:
        methods.setdefault("HEAD", methods["GET"])
    route = Route(path, _Dispatch(path, methods), methods=list(methods))
    # `$` matches before a last newline too, so that an edge which shuts /metrics would leave /metrics%0A open.
    route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
    return route


class _Dispatch:
    """Straight from the method to its handler; what a handler raises is border.py's to show."""

    def __init__(self, path: str, methods: dict[str, Handler]) -> None:
        self._path = path
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The template, not the path: logs and metrics must not hold what people put into a path.
        scope["state"]["route"] = self._path
        response = await self._methods[scope["method"]](Request(scope, receive, send))
        await response(scope, receive, send)
