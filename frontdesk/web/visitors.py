"""Who looks at a page: asked of the database once a request, and only if the browser brings a token."""

from starlette.requests import Request

from frontdesk.accounts import sessions
from frontdesk.errors import NotFound, Unauthenticated, Unavailable
from frontdesk.model import Visit
from frontdesk.requests import client_of, cookie_token, service_of, state_of


async def visitor(request: Request) -> Visit | None:
    """Who is logged in, if anybody is. Raises Unavailable."""
    try:
        return await require_visitor(request)
    except Unauthenticated:
        return None


async def require_visitor(request: Request) -> Visit:
    """Who is logged in. Raises Unauthenticated, Unavailable."""
    state = state_of(request)
    if "visit" not in state:
        if "visit_asked" in state:
            # Asked without an answer: nobody knows, and this request doesn't wait for that twice.
            raise Unavailable
        state["visit_asked"] = True
        token = cookie_token(request)
        try:
            state["visit"] = (
                await sessions.check(service_of(request), token, client_of(request)) if token else None
            )
        except Unauthenticated:
            state["visit"] = None
    visit: Visit | None = state["visit"]
    if visit is None:
        raise Unauthenticated
    return visit


async def leave(request: Request) -> None:
    """End the session of this browser, if it has one: an account that is left must not stay open in it."""
    visit = await visitor(request)
    if visit is None:
        return
    try:
        await sessions.end(service_of(request), visit, visit.session_id, client_of(request))
    except NotFound:
        # Ended from elsewhere in this very moment: what was wanted.
        return


def known_visitor(request: Request) -> Visit | None:
    """Who is logged in, as far as this request has asked: for pages that must not need the database"""
    visit: Visit | None = state_of(request).get("visit")
    return visit


def is_asked(request: Request) -> bool:
    """Whether it is known if anybody is logged in: a browser without a token needn't be asked."""
    return "visit" in state_of(request) or not cookie_token(request)
