"""POST /language"""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.errors import MalformedBody
from frontdesk.requests import is_secure
from frontdesk.web.catalogues import COOKIE, LANGUAGES
from frontdesk.web.forms import read_form
from frontdesk.web.pages import local_path, redirect

_YEAR = 31_536_000


async def choose(request: Request) -> Response:
    """This browser's language from now on, also before anybody logs in; back to where the switch was."""
    form = await read_form(request, "language", "next")
    if form["language"] not in LANGUAGES:
        raise MalformedBody
    response = redirect(request, local_path(form["next"]))
    response.set_cookie(
        COOKIE,
        form["language"],
        max_age=_YEAR,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )
    return response
