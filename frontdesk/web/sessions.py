"""/account/sessions: where I am logged in."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import sessions
from frontdesk.errors import NotFound
from frontdesk.requests import client_of, service_of
from frontdesk.web.browsers import browser_of, system_of
from frontdesk.web.forms import read_form
from frontdesk.web.pages import redirect, render
from frontdesk.web.visitors import require_visitor


async def list_mine(request: Request) -> Response:
    visit = await require_visitor(request)
    found = await sessions.list_sessions(service_of(request), visit)
    devices = [(session, browser_of(session.user_agent), system_of(session.user_agent)) for session in found]
    return render(request, "sessions.html", devices=devices)


async def find_list(request: Request) -> Response:
    return redirect(request, "/account/sessions")


async def end(request: Request) -> Response:
    """One session ends at once, on every replica."""
    form = await read_form(request, "session")
    visit = await require_visitor(request)
    try:
        session_id = UUID(form["session"])
    except ValueError as error:
        raise NotFound from error
    await sessions.end(service_of(request), visit, session_id, client_of(request))
    return redirect(request, "/account/sessions", notice="session_ended")


async def end_others(request: Request) -> Response:
    """Every session but this one ends."""
    await read_form(request)
    await sessions.end_others(service_of(request), await require_visitor(request), client_of(request))
    return redirect(request, "/account/sessions", notice="others_ended")
