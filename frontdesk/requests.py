"""What pages and API both ask of a request: who sends it, from where, and its body."""

import asyncio
import re
import secrets
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from frontdesk.accounts.service import Service
from frontdesk.errors import BodyTooLarge, BodyTooSlow, ClientGone, CrossOrigin
from frontdesk.model import Client, Login

T = TypeVar("T")

# The __Host- prefix binds the cookie to this host and to https (RFC 6265bis, section 4.1.3.2); browsers refuse
# it over plain http, where `frontdesk up` runs.
_SECURE_COOKIE = "__Host-session"
_PLAIN_COOKIE = "session"
_SECURE_BROWSER = "__Host-browser"
_PLAIN_BROWSER = "browser"
_BROWSER = re.compile(r"[A-Za-z0-9_-]{22}")
_BROWSER_SECONDS = 400 * 86_400


def service_of(request: Request) -> Service:
    """The parts that app.py put together."""
    service: Service = request.app.state.service
    return service


def client_of(request: Request) -> Client:
    """The address that trusted proxies vouch for (border.py works it out once), and the User-Agent."""
    client: Client = request.scope["state"]["client"]
    return client


def client_with_browser(request: Request) -> Client:
    """The same, with what tells this browser apart; set_session_cookie keeps that there for the next login.

    A browser that its owner has used before has a budget of attempts of its own (OWASP, device cookies).
    """
    state = state_of(request)
    if "browser" not in state:
        found = request.cookies.get(_SECURE_BROWSER if is_secure(request) else _PLAIN_BROWSER, "")
        state["browser"] = found if _BROWSER.fullmatch(found) else secrets.token_urlsafe(16)
    return msgspec.structs.replace(client_of(request), browser=state["browser"])


def is_secure(request: Request) -> bool:
    """Whether people reach this service by https: by FRONTDESK_PUBLIC_URL, else by the request itself."""
    public_url = service_of(request).settings.public_url
    scheme = urlsplit(public_url).scheme if public_url else request.scope["scheme"]
    return bool(scheme == "https")


def cookie_token(request: Request) -> str | None:
    """The session token in the browser's cookie."""
    return request.cookies.get(_SECURE_COOKIE if is_secure(request) else _PLAIN_COOKIE)


def set_session_cookie(request: Request, response: Response, login: Login) -> None:
    """Keep a login in the browser until it ends."""
    secure = is_secure(request)
    response.set_cookie(
        _SECURE_COOKIE if secure else _PLAIN_COOKIE,
        login.token,
        expires=login.expires_at,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    browser = state_of(request).get("browser")
    if browser is not None:
        response.set_cookie(
            _SECURE_BROWSER if secure else _PLAIN_BROWSER,
            browser,
            max_age=_BROWSER_SECONDS,
            path="/",
            secure=secure,
            httponly=True,
            samesite="lax",
        )


def clear_session_cookie(request: Request, response: Response) -> None:
    secure = is_secure(request)
    response.delete_cookie(
        _SECURE_COOKIE if secure else _PLAIN_COOKIE, path="/", secure=secure, httponly=True, samesite="lax"
    )


def bearer_token(request: Request) -> str | None:
    """The session token in `Authorization: Bearer` (RFC 6750, section 2.1)."""
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else None
    return None


def refuse_cross_origin(request: Request) -> None:
    """Raise CrossOrigin if a browser says that another site's page sent this write.

    Every browser of today sends Sec-Fetch-Site; older ones at least Origin with a write. A request with neither
    doesn't come from a browser, so no cookie is abused (OWASP CSRF Prevention Cheat Sheet, Fetch Metadata).
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site in ("same-origin", "none"):
            return
        raise CrossOrigin
    origin = request.headers.get("origin")
    if origin is None:
        return
    public_url = service_of(request).settings.public_url
    ours = urlsplit(public_url).netloc if public_url else request.headers.get("host", "")
    # Compared, not parsed: an origin is nothing but scheme, host and port (RFC 6454), and urlsplit raises on some.
    theirs = origin.partition("://")[2]
    if not theirs or theirs.lower() != ours.lower():
        raise CrossOrigin


async def read_body(request: Request) -> bytes:
    """The whole body. Raises BodyTooLarge, before reading it where its length is told; BodyTooSlow; ClientGone."""
    settings = service_of(request).settings
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:12]) > settings.max_body:
        raise BodyTooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(settings.body_timeout):
            async for chunk in request.stream():
                body += chunk
                if len(body) > settings.max_body:
                    raise BodyTooLarge
    except TimeoutError as error:
        raise BodyTooSlow from error
    except ClientDisconnect as error:
        raise ClientGone from error
    return bytes(body)


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; ended in the middle if the sender hangs up, so that nobody's password is hashed for
    nobody. For after the body was read. Raises ClientGone, and what `work` raises."""
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait((task,))
        raise ClientGone
    finally:
        watch.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def media_type(request: Request) -> str:
    """The Content-Type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def state_of(request: Request) -> dict[str, Any]:
    """What border.py noted about this request: `request_id`, `client`."""
    state: dict[str, Any] = request.scope["state"]
    return state
