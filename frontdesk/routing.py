"""One route a path, so that 405 names every method that the path has (RFC 9110, section 15.5.6)."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]


def resource(path: str, **methods: Handler) -> Route:
    """A route at `path` with a handler a method: `resource("/login", GET=show, POST=submit)`."""
    if "GET" in methods:
        methods.setdefault("HEAD", methods["GET"])

    async def handle(request: Request) -> Response:
        # The template, not the path: logs and metrics must not hold what people put into a path.
        request.scope["state"]["route"] = path
        return await methods[request.method](request)

    return Route(path, handle, methods=list(methods))
