"""Whose token a request carries."""

from starlette.requests import Request

from frontdesk.accounts import sessions
from frontdesk.errors import Unauthenticated
from frontdesk.model import Visit
from frontdesk.requests import bearer_token, client_of, service_of


async def visit_of(request: Request) -> Visit:
    """Who asks. Only by bearer token: a cookie would let other sites' pages write. Raises Unauthenticated."""
    token = bearer_token(request)
    if token is None:
        raise Unauthenticated
    return await sessions.check(service_of(request), token, client_of(request))
