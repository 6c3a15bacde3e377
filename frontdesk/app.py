"""The composition root: the one place where the parts meet."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import probes
from frontdesk.accounts.cores import available_cores
from frontdesk.accounts.hashing import Hasher
from frontdesk.accounts.housekeeping import keep_house
from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.memory import Memory
from frontdesk.accounts.meter import Meter
from frontdesk.accounts.service import Service
from frontdesk.api import problems
from frontdesk.api import routes as api
from frontdesk.border import Border, Early
from frontdesk.errors import FrontdeskError
from frontdesk.metrics import Metrics
from frontdesk.postman import Postman, by_keeping, by_smtp
from frontdesk.server import Server
from frontdesk.settings import Settings
from frontdesk.store import connection
from frontdesk.store.notifications import listen_for_ended
from frontdesk.web import errors as web_errors
from frontdesk.web import routes as web
from frontdesk.web.visitors import visitor

ROLES = ("web", "api", "all")

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def open_service(
    settings: Settings,
    metrics: Metrics | None = None,
    shared: Path | None = None,
    *,
    keep_mails: bool = False,
) -> AsyncIterator[Service]:
    """The parts that every verb needs, closed again at the end.

    shared: the folder in which the processes of a replica keep what they share, if there are several. keep_mails: to be
    looked at, where there is no server that would send them.
    """
    db = connection.open_database(
        settings.database_url, size=settings.database_pool, timeout=settings.database_timeout
    )
    hasher = Hasher(
        threads=settings.hash_threads or available_cores(),
        deadline=settings.hash_deadline,
        slots=shared,
        observe=metrics.observe_hash if metrics else None,
    )
    try:
        yield Service(
            db=db,
            hasher=hasher,
            settings=settings,
            memory=Memory(),
            searches=Meter(settings.searches_per_minute),
            lookups=Lookups(db, timeout=settings.database_timeout),
            mails="sent" if settings.smtp_url else "kept" if keep_mails else "off",
        )
    finally:
        await hasher.close()
        await db.close()


def build(service: Service, role: str = "all", metrics: Metrics | None = None) -> Border:
    """The application of one role: `web` for the pages, `api` for the API, `all` for both."""
    metrics = metrics or Metrics()
    routes = probes.routes()
    if role in ("api", "all"):
        routes += api.routes()
    if role in ("web", "all"):
        routes += web.routes(keeps_mails=service.mails == "kept")
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.metrics = metrics
    app.state.draining = False
    metrics.watch(service)

    async def show(request: Request, error: Exception) -> Response:
        path = request.scope["path"]
        if role == "api" or path.startswith("/api/"):
            return problems.problem(request, error)
        # A page that leads nowhere is still a page of somebody who is logged in.
        with contextlib.suppress(FrontdeskError):
            await visitor(request)
        return web_errors.show(request, error)

    early = Early(frozenset(api.HASHING if role != "web" else ()), service.hasher.admit, problems.busy)
    return Border(app, show, metrics, service.settings.proxies, early)


async def serve(
    settings: Settings,
    role: str,
    sock: socket.socket,
    *,
    shared: Path | None = None,
    number: int = 0,
    keep_mails: str = "",
) -> None:
    """Answer requests on `sock` until SIGTERM or SIGINT; as process `number` of those that have `shared`.

    keep_mails: the address of this service, if it's to keep mails that it has no server for.
    """
    metrics = Metrics(shared, number)
    async with open_service(settings, metrics, shared, keep_mails=bool(keep_mails)) as service:
        beside = [
            asyncio.create_task(keep_house(service, metrics.sessions.set)),
            asyncio.create_task(listen_for_ended(settings.database_url, service.memory.forget)),
        ]
        if shared is not None:
            beside.append(asyncio.create_task(_share(metrics)))
        postman = work = None
        if service.mails != "off":
            hand = by_smtp(service) if service.mails == "sent" else by_keeping(service, keep_mails)
            postman = Postman(service, hand, metrics)
            work = asyncio.create_task(postman.work())
        try:
            await Server(build(service, role, metrics), settings).serve(sockets=[sock])
        finally:
            if postman is not None and work is not None:
                await postman.stop(work)
            for task in beside:
                task.cancel()


async def _share(metrics: Metrics) -> None:
    failing = False
    while True:
        try:
            metrics.share()
            failing = False
        except OSError as error:
            # A full disk may have room again.
            if not failing:
                _log.warning("metrics aren't shared: %s", error.strerror)
            failing = True
        await asyncio.sleep(1)
