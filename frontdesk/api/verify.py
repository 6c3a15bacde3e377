"""GET /verify, for nginx's auth_request: asked for every request of every service behind the edge."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts.verify import verify as verify_token
from frontdesk.errors import Unauthenticated
from frontdesk.requests import bearer_token, client_of, cookie_token, service_of


async def verify(request: Request) -> Response:
    # The cookie counts too: a GET that changes nothing is safe from any origin.
    token = bearer_token(request) or cookie_token(request)
    if token is None:
        raise Unauthenticated
    verified = await verify_token(service_of(request), token, client_of(request))
    return Response(
        None,
        204,
        {
            "X-Frontdesk-Account": str(verified.account_id),
            # A header holds ASCII only (RFC 9110, section 5.5), a username any script.
            "X-Frontdesk-Username": quote(verified.username, safe=""),
            "Cache-Control": "no-store",
        },
    )
