"""GET and POST /login, POST /logout"""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import login as accounts
from frontdesk.errors import FieldError, InvalidFields
from frontdesk.requests import (
    clear_session_cookie,
    client_with_browser,
    service_of,
    set_session_cookie,
    while_connected,
)
from frontdesk.web.errors import CORRECTABLE, show_form_again
from frontdesk.web.forms import read_form
from frontdesk.web.pages import local_path, redirect, render
from frontdesk.web.visitors import leave, visitor


async def show_form(request: Request) -> Response:
    """An empty form; whoever is logged in already goes on to `next`."""
    target = local_path(request.query_params.get("next", "/"))
    if await visitor(request) is not None:
        return redirect(request, target)
    return render(
        request, "login.html", errors={}, problem=None, login="", next=target, mails=_mails(request)
    )


async def log_in(request: Request) -> Response:
    """A session for whoever knows the password; on to `next`."""
    form = await read_form(request, "login", "password", "next")
    target = local_path(form["next"])
    try:
        empty = [FieldError(field, "missing") for field in ("login", "password") if not form[field]]
        if empty:
            raise InvalidFields(*empty)
        work = accounts.log_in(
            service_of(request),
            login=form["login"],
            password=form["password"],
            client=client_with_browser(request),
        )
        login = await while_connected(request, work)
    except CORRECTABLE as error:
        return show_form_again(
            request, "login.html", error, login=form["login"], next=target, mails=_mails(request)
        )
    await leave(request)
    response = redirect(request, target)
    set_session_cookie(request, response, login)
    return response


async def log_out(request: Request) -> Response:
    """The session is ended for good, not only forgotten by the browser (OWASP ASVS 7.4.1)."""
    form = await read_form(request, "next")
    await leave(request)
    response = redirect(request, local_path(form["next"]), notice="logged_out")
    clear_session_cookie(request, response)
    return response


def _mails(request: Request) -> bool:
    """Whether there is a way back for those who forgot their password."""
    return service_of(request).mails != "off"
