"""/account/events and /account/export: what is known about me."""

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from frontdesk.accounts import events, own_data
from frontdesk.errors import InvalidCursor
from frontdesk.requests import client_of, service_of
from frontdesk.web.browsers import browser_of, system_of
from frontdesk.web.forms import read_form
from frontdesk.web.messages import EVENTS
from frontdesk.web.pages import language_for, redirect, render, translate
from frontdesk.web.visitors import require_visitor

_PAGE = 20
_AFTER_MAX = 1000


async def list_mine(request: Request) -> Response:
    """What happened to my account, the newest first."""
    visit = await require_visitor(request)
    after = request.query_params.get("after")
    if after is not None and not 1 <= len(after) <= _AFTER_MAX:
        raise InvalidCursor
    found = await events.list_events(service_of(request), visit, limit=_PAGE, after=after)
    language = language_for(request)
    rows = [
        (
            event,
            translate(language, EVENTS[event.kind]),
            browser_of(event.user_agent),
            system_of(event.user_agent),
        )
        for event in found.events
    ]
    return render(request, "events.html", rows=rows, next=found.next, after=after)


async def find_export(request: Request) -> Response:
    return redirect(request, "/account#export")


async def export(request: Request) -> Response:
    """All of it as a file. A form, since it's written down that it was asked for."""
    await read_form(request)
    visit = await require_visitor(request)
    pieces = await own_data.export(service_of(request), visit, client_of(request))
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="account.json"',
        "Referrer-Policy": "same-origin",
    }
    return StreamingResponse(pieces, headers=headers, media_type="application/json")
