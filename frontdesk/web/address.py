"""/confirm/{token} and /account/email: an account's e-mail address."""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import address
from frontdesk.errors import EmailTaken
from frontdesk.requests import client_of, service_of, while_connected
from frontdesk.web.account import account_page
from frontdesk.web.errors import CORRECTABLE, show, show_form_again
from frontdesk.web.forms import read_form
from frontdesk.web.pages import redirect, render
from frontdesk.web.visitors import require_visitor, visitor

_DONE = {"undo": "email_kept", "change": "email_changed", "confirm": "email_confirmed"}


async def show_link(request: Request) -> Response:
    """What the link would do, and a button. Looking at it, as scanners of mail do, does nothing."""
    token = request.path_params["token"]
    link = await address.find_link(service_of(request), token)
    return render(request, "confirm.html", kind=link.kind, token=token)


async def confirm(request: Request) -> Response:
    await read_form(request, by_token=True)
    service, token = service_of(request), request.path_params["token"]
    link = await address.find_link(service, token)
    try:
        await address.confirm(service, token, client_of(request))
    except EmailTaken as error:
        # Nothing in the form could be changed so that it goes.
        return show(request, error)
    # Whose session ended with it is a visitor no more.
    signed_in = await visitor(request) is not None
    return redirect(request, "/account" if signed_in else "/login", notice=_DONE[link.kind])


async def find_form(request: Request) -> Response:
    return redirect(request, "/account#change-email")


async def change(request: Request) -> Response:
    """Ask for another address; nothing changes until it confirms."""
    form = await read_form(request, "email", "email_password")
    visit = await require_visitor(request)
    try:
        work = address.change_email(
            service_of(request),
            visit,
            email=form["email"],
            password=form["email_password"],
            client=client_of(request),
        )
        await while_connected(request, work)
    except CORRECTABLE as error:
        return show_form_again(
            request,
            "account.html",
            error,
            renamed={"password": "email_password"},
            **account_page(request, visit, email=form["email"]),
        )
    return redirect(request, "/account", notice="email_asked")
