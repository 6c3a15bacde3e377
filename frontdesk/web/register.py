"""GET and POST /register"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import register as accounts
from frontdesk.accounts import sessions
from frontdesk.requests import client_with_browser, service_of, set_session_cookie, while_connected
from frontdesk.web.errors import CORRECTABLE, show_form_again
from frontdesk.web.forms import read_form
from frontdesk.web.pages import language_for, local_path, redirect, render
from frontdesk.web.visitors import leave, visitor


async def show_form(request: Request) -> Response:
    """An empty form; whoever is logged in already goes on to `next`."""
    target = local_path(request.query_params.get("next", "/"))
    if await visitor(request) is not None:
        return redirect(request, target)
    return render(
        request,
        "register.html",
        errors={},
        problem=None,
        typed=dict.fromkeys(("name", "username", "email"), ""),
        next=target,
        min_length=service_of(request).settings.password_min_length,
    )


async def register(request: Request) -> Response:
    """A new account, logged in at once, as its owner has just typed the password; unless the address must be confirmed
    first."""
    form = await read_form(request, "email", "username", "name", "password", "next")
    service, client = service_of(request), client_with_browser(request)
    target = local_path(form["next"])
    try:
        work = accounts.register(
            service,
            email=form["email"],
            username=form["username"],
            name=form["name"],
            password=form["password"],
            language=language_for(request),
            client=client,
        )
        account = await while_connected(request, work)
    except CORRECTABLE as error:
        return show_form_again(
            request,
            "register.html",
            error,
            typed=form,
            next=target,
            min_length=service.settings.password_min_length,
        )
    await leave(request)
    if service.settings.email_verification == "required":
        return redirect(request, "/login?next=" + quote(target, safe=""), notice="confirm_first")
    response = redirect(request, target, notice="welcome")
    set_session_cookie(request, response, await sessions.start(service, account, client))
    return response
