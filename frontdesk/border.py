"""The border between HTTP and us: everything that is the same for each request, in one pass.

Who asks (request id, client address), what became of it (log line, metrics), and what an error looks like.
"""

import ipaddress
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from frontdesk import logs
from frontdesk.errors import Busy, FrontdeskError, Unavailable
from frontdesk.metrics import Metrics
from frontdesk.model import Client
from frontdesk.settings import Network

Show = Callable[[Request, Exception], Awaitable[Response]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

_log = logging.getLogger("frontdesk")


class Early(NamedTuple):
    """What may be refused by its head alone: a POST to one of `paths`, when `admit` raises Busy.

    body: makes the answer's body of the request's id.
    """

    paths: frozenset[str]
    admit: Callable[[], None]
    body: Callable[[str], bytes]


class Refusal(NamedTuple):
    """What was refused early: the request's id, the seconds after which to ask again, the answer's body."""

    request_id: str
    retry_after: int
    body: bytes


class Border:
    """The outermost ASGI application.

    app: the routes and the state that they share. show: makes an answer of any exception.
    proxies: the networks whose forwarding headers are believed. early: what is refused before its body is read.
    """

    def __init__(
        self,
        app: Starlette,
        show: Show,
        metrics: Metrics,
        proxies: tuple[Network, ...],
        early: Early,
    ) -> None:
        self.app = app
        self._show = show
        self._metrics = metrics
        self._proxies = proxies
        self._early = early
        self.early_paths = frozenset(path.encode() for path in early.paths)
        # A path without parameters is looked up, not matched against one route after the other.
        self._exact = {
            route.path: route
            for route in app.routes
            if isinstance(route, Route) and not route.param_convertors
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        state = self._identify(scope)
        request_id = state["request_id"]
        scope["app"] = self.app
        status = 0
        sent = 0

        async def note(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                headers.append((b"x-request-id", request_id.encode()))
                headers.append((b"x-content-type-options", b"nosniff"))
                if self.app.state.draining:
                    # Whoever keeps this connection alive should look for another replica.
                    headers.append((b"connection", b"close"))
            await send(message)
            sent += len(message.get("body", b""))

        try:
            route = self._exact.get(scope["path"])
            if route is None:
                await self.app.router(scope, receive, note)
            else:
                scope["path_params"] = {}
                await route.handle(scope, receive, note)
        except Exception as error:
            if not isinstance(error, FrontdeskError | HTTPException):
                _log.error("a fault of ours", exc_info=error, extra={"fields": {"request_id": request_id}})
            elif isinstance(error, Unavailable):
                _log.warning(
                    "the database doesn't answer",
                    extra={"fields": {"request_id": request_id, "reason": type(error.__cause__).__name__}},
                )
            if isinstance(error, Busy):
                state["busy"] = not state["proxied"]
            if status:
                if not sent:
                    # The head waited for the body; uvicorn says 500 in its place.
                    status = 500
                raise
            response = await self._show(Request(scope, receive), error)
            await response(scope, receive, note)
        finally:
            self._note(scope, status, sent, time.perf_counter() - began)

    def refuse_early(self, scope: Scope) -> Refusal | None:
        """The answer, 503, to a request that is refused whatever its body says; None if it has to be looked at.

        For the server to ask as soon as it has the head of a POST to one of `early_paths`: in a storm of logins, saying
        no must cost next to nothing.
        """
        began = time.perf_counter()
        try:
            self._early.admit()
        except Busy as error:
            retry_after = error.retry_after
        else:
            return None
        state = self._identify(scope)
        state["busy"] = not state["proxied"]
        state["route"] = scope["path"]
        body = self._early.body(state["request_id"])
        self._note(scope, 503, len(body), time.perf_counter() - began)
        return Refusal(state["request_id"], retry_after, body)

    def answer_unread(self, peer: tuple[str, int] | None, status: int, **problem: str) -> tuple[str, bytes]:
        """The id and the body of the answer to what never became a request, which is noted like any other."""
        scope: Scope = {"client": peer, "headers": [], "method": ""}
        request_id: str = self._identify(scope)["request_id"]
        said = {"type": "about:blank", **problem, "status": status, "request_id": request_id}
        body = msgspec.json.encode(said)
        self._note(scope, status, len(body), 0.0)
        return request_id, body

    def _identify(self, scope: Scope) -> dict[str, Any]:
        """Note in the request's state who sends it."""
        state: dict[str, Any] = scope.get("state") or {}
        proxied = bool(self._proxies) and self._is_proxy(scope["client"])
        given = _header(scope, b"x-request-id") if proxied else None
        request_id = given if given and _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
        if proxied and _header(scope, b"x-forwarded-proto") in ("http", "https"):
            scope["scheme"] = _header(scope, b"x-forwarded-proto")
        client = Client(
            address=self._address(scope, proxied),
            user_agent=(_header(scope, b"user-agent") or "").encode("latin-1").decode("utf-8", "replace"),
        )
        state |= {"request_id": request_id, "client": client, "proxied": proxied}
        scope["state"] = state
        return state

    def _note(self, scope: Scope, status: int, sent: int, took: float) -> None:
        state = scope["state"]
        method = scope["method"] if scope["method"] in _METHODS else "other"
        template = state.get("route", "none")
        self._metrics.requests_of(method, template, str(status)).observe(took)
        logs.write_request(
            request_id=state["request_id"],
            method=method,
            route=template,
            status=status,
            seconds=round(took, 6),
            bytes=sent,
            address=state["client"].address,
        )

    def _is_proxy(self, peer: tuple[str, int] | None) -> bool:
        return peer is not None and self._trusts(peer[0])

    def _trusts(self, address: str) -> bool:
        ip = _ip(address)
        return ip is not None and any(ip in network for network in self._proxies)

    def _address(self, scope: Scope, trusted: bool) -> str | None:
        peer = scope["client"][0] if scope["client"] else None
        if trusted:
            # From the right: each trusted proxy appended whom it saw. What stands left of the first stranger
            # is that stranger's own claim.
            for claim in reversed((_header(scope, b"x-forwarded-for") or "").split(",")):
                found = _shown(claim.strip())
                if found is None:
                    break
                peer = found
                if not self._trusts(peer):
                    break
        return None if peer is None else _shown(peer)


def _header(scope: Scope, name: bytes) -> str | None:
    found = [value for key, value in scope["headers"] if key == name]
    return b",".join(found).decode("latin-1") if found else None


@lru_cache(maxsize=4096)
def _shown(address: str) -> str | None:
    found = _ip(address)
    return None if found is None else str(found)


@lru_cache(maxsize=4096)
def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The one form of an address.

    A socket for both families shows 192.0.2.1 as ::ffff:192.0.2.1, which no IPv4 network holds; and the zone of
    a link-local address is this machine's own affair, which PostgreSQL's inet can't keep.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
