"""/livez, /readyz and /metrics: for the engine that runs the container, never through the edge."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from frontdesk.errors import Unavailable
from frontdesk.requests import service_of
from frontdesk.routing import resource
from frontdesk.store import schema

_NEVER_KEPT = {"Cache-Control": "no-store"}


def routes() -> list[BaseRoute]:
    """Every probe."""
    return [
        resource("/livez", GET=live),
        resource("/readyz", GET=ready),
        resource("/metrics", GET=metrics),
    ]


async def live(request: Request) -> Response:
    """The process runs. Without the database: restarting us doesn't mend that."""
    return PlainTextResponse("live\n", headers=_NEVER_KEPT)


async def ready(request: Request) -> Response:
    """Send requests here: the database answers, its schema is there, and we aren't on our way out."""
    if request.app.state.draining:
        return PlainTextResponse("draining\n", 503, _NEVER_KEPT)
    try:
        migrated = await schema.is_ready(service_of(request).db)
    except Unavailable:
        return PlainTextResponse("no database, or no schema in it: run frontdesk migrate\n", 503, _NEVER_KEPT)
    if not migrated:
        return PlainTextResponse("an older schema: run frontdesk migrate\n", 503, _NEVER_KEPT)
    return PlainTextResponse("ready\n", headers=_NEVER_KEPT)


async def metrics(request: Request) -> Response:
    """Prometheus's text format, of this replica."""
    return Response(
        request.app.state.metrics.expose(),
        headers=_NEVER_KEPT,
        media_type=CONTENT_TYPE_LATEST,
    )
