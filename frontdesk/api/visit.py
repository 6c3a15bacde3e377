"""Whose token a request carries."""

from uuid import UUID

from starlette.requests import Request

from frontdesk.accounts import sessions
from frontdesk.accounts.verify import verify
from frontdesk.errors import Unauthenticated
from frontdesk.model import Visit
from frontdesk.requests import bearer_token, client_of, service_of


async def viewer_of(request: Request) -> UUID:
    """The account that asks, as `verify` remembers it: a search for each letter typed needn't check the session each
    time. For what shows nothing of the account itself. Raises Unauthenticated, Unavailable."""
    return (await verify(service_of(request), _token_of(request), client_of(request))).account_id


async def visit_of(request: Request) -> Visit:
    """Who asks. Only by bearer token: a cookie would let other sites' pages write. Raises Unauthenticated."""
    return await sessions.check(service_of(request), _token_of(request), client_of(request))


def _token_of(request: Request) -> str:
    token = bearer_token(request)
    if token is None:
        raise Unauthenticated
    return token
