"""GET /verify, for nginx's auth_request: asked for every request of every service behind the edge."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import sessions
from frontdesk.errors import Unauthenticated
from frontdesk.requests import bearer_token, client_of, cookie_token, service_of


async def verify(request: Request) -> Response:
    # The cookie counts too: a GET that changes nothing is safe from any origin.
    token = bearer_token(request) or cookie_token(request)
    if token is None:
        raise Unauthenticated
    account = (await sessions.check(service_of(request), token, client_of(request))).account
    return Response(
        None,
        204,
        {
            "X-Frontdesk-Account": str(account.id),
            # A header holds ASCII only (RFC 9110, section 5.5), a username any script.
            "X-Frontdesk-Username": quote(account.username, safe=""),
            "Cache-Control": "no-store",
        },
    )
