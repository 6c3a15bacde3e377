"""/account: what others see of me, my password, and leaving."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from frontdesk import languages
from frontdesk.accounts import leaving, profile, sessions
from frontdesk.errors import RecentLoginRequired
from frontdesk.model import Visit
from frontdesk.requests import clear_session_cookie, client_of, service_of, while_connected
from frontdesk.web import draft, messages
from frontdesk.web.errors import CORRECTABLE, show_form_again
from frontdesk.web.forms import read_form
from frontdesk.web.pages import language_for, redirect, render, translate
from frontdesk.web.visitors import require_visitor


async def show(request: Request) -> Response:
    """The account. If its owner had to log in again, with what they had typed before, once."""
    visit = await require_visitor(request)
    # Not before they have: it would be refused once more.
    recent = sessions.is_recent_login(service_of(request), visit)
    typed = draft.find(request, visit) if recent else None
    problem = None if typed is None else translate(language_for(request), messages.NOT_SAVED)
    page = account_page(request, visit, typed)
    response = render(request, "account.html", code=None, errors={}, problem=problem, **page)
    if recent:
        draft.forget(request, response)
    return response


async def save_profile(request: Request) -> Response:
    """Name, username, language, and whether others find me."""
    form = await read_form(request, "name", "username", "language", "discoverable")
    visit = await require_visitor(request)
    try:
        await profile.update(
            service_of(request),
            visit,
            client_of(request),
            name=form["name"],
            username=form["username"],
            language=form["language"],
            discoverable=bool(form["discoverable"]),
        )
    except CORRECTABLE as error:
        response = show_form_again(request, "account.html", error, **account_page(request, visit, typed=form))
        if isinstance(error, RecentLoginRequired):
            draft.keep(request, response, visit, form)
        return response
    response = redirect(request, "/account", notice="profile_saved")
    # The account's language, just chosen, must not lose against an older choice of this browser.
    languages.forget(request, response)
    return response


async def find_password_form(request: Request) -> Response:
    return redirect(request, "/account#change-password")


async def change_password(request: Request) -> Response:
    """A new password; every other session ends."""
    form = await read_form(request, "current_password", "password")
    visit = await require_visitor(request)
    try:
        work = profile.change_password(
            service_of(request),
            visit,
            current_password=form["current_password"],
            password=form["password"],
            client=client_of(request),
        )
        await while_connected(request, work)
    except CORRECTABLE as error:
        return show_form_again(request, "account.html", error, **account_page(request, visit))
    return redirect(request, "/account", notice="password_changed")


async def confirm_deletion(request: Request) -> Response:
    await require_visitor(request)
    return render(request, "delete.html")


async def delete(request: Request) -> Response:
    """The account is gone, and everything that belongs to it."""
    await read_form(request)
    await leaving.delete(service_of(request), await require_visitor(request), client_of(request))
    response = redirect(request, "/", notice="account_deleted")
    clear_session_cookie(request, response)
    return response


def account_page(
    request: Request, visit: Visit, typed: dict[str, str] | None = None, email: str = ""
) -> dict[str, Any]:
    """What account.html shows: what is stored, or what was `typed`; `email`: the address that was asked for."""
    account = visit.account
    stored = {
        "name": account.name,
        "username": account.username,
        "language": account.language or language_for(request),
        "discoverable": "yes" if account.discoverable else "",
    }
    return {
        "typed": stored if typed is None else typed,
        "new_email": email,
        "mails": service_of(request).mails != "off",
        "min_length": service_of(request).settings.password_min_length,
    }
