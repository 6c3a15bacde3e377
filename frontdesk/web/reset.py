"""/forgot and /reset/{token}: a forgotten password."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import reset
from frontdesk.requests import client_of, service_of, while_connected
from frontdesk.web.errors import CORRECTABLE, show_form_again
from frontdesk.web.forms import read_form
from frontdesk.web.pages import language_for, redirect, render
from frontdesk.web.visitors import visitor


async def show_request_form(request: Request) -> Response:
    """A field for the address; or that this service sends no mail."""
    await visitor(request)
    return render(request, "forgot.html", errors={}, problem=None, email="", **_variables(request))


async def ask(request: Request) -> Response:
    """Says that a mail is on its way if there is an account, and never whether there is."""
    form = await read_form(request, "email")
    try:
        await reset.ask_reset(
            service_of(request),
            email=form["email"],
            client=client_of(request),
            language=language_for(request),
        )
    except CORRECTABLE as error:
        return show_form_again(request, "forgot.html", error, email=form["email"], **_variables(request))
    return redirect(request, "/forgot", notice="reset_asked")


async def show_form(request: Request) -> Response:
    """A field for the new password. Looking at it, as scanners of mail do, uses nothing up."""
    await reset.check_link(service_of(request), request.path_params["token"])
    return render(request, "reset.html", errors={}, problem=None, **_form(request))


async def set_password(request: Request) -> Response:
    """The new password; then the login, which shows that it's known."""
    form = await read_form(request, "password", by_token=True)
    service = service_of(request)
    try:
        work = reset.reset_password(
            service, request.path_params["token"], password=form["password"], client=client_of(request)
        )
        await while_connected(request, work)
    except CORRECTABLE as error:
        return show_form_again(request, "reset.html", error, **_form(request))
    return redirect(request, "/login", notice="password_reset")


def _variables(request: Request) -> dict[str, Any]:
    return {"mails": service_of(request).mails != "off"}


def _form(request: Request) -> dict[str, Any]:
    return {
        "token": request.path_params["token"],
        "min_length": service_of(request).settings.password_min_length,
    }
