"""POST /language"""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts.identity import LANGUAGES
from frontdesk.errors import MalformedBody
from frontdesk.languages import keep
from frontdesk.web.forms import read_form
from frontdesk.web.pages import local_path, redirect


async def choose(request: Request) -> Response:
    """This browser's language from now on, also before anybody logs in; back to where the switch was."""
    form = await read_form(request, "language", "next")
    if form["language"] not in LANGUAGES:
        raise MalformedBody
    response = redirect(request, local_path(form["next"]))
    keep(request, response, form["language"])
    return response
