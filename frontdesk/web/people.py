"""GET /people and /people/{username}"""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import profile
from frontdesk.errors import FieldError, InvalidCursor, InvalidFields
from frontdesk.model import People
from frontdesk.requests import client_of, service_of
from frontdesk.web.errors import show_form_again
from frontdesk.web.pages import render
from frontdesk.web.visitors import require_visitor

_PAGE = 20
_TEXT_MAX = 1000
_NOBODY = People(people=(), next=None)


async def search(request: Request) -> Response:
    """Who is found by `q`: a whole page; for htmx only its list, or only what follows `after` in it."""
    visit = await require_visitor(request)
    text = request.query_params.get("q", "")
    after = request.query_params.get("after")
    # A page that the browser restores from its history asks like htmx, but needs all of it.
    whole = "hx-request" not in request.headers or "hx-history-restore-request" in request.headers
    template = "people.html" if whole else "people_list.html" if after is None else "people_more.html"
    if after is not None and not 1 <= len(after) <= _TEXT_MAX:
        raise InvalidCursor
    found = _NOBODY
    try:
        if len(text) > _TEXT_MAX:
            raise InvalidFields(FieldError("q", "too_long"))
        if text.strip():
            found = await profile.find_people(
                service_of(request), visit.account.id, client_of(request), text, limit=_PAGE, after=after
            )
    except InvalidFields as error:
        return show_form_again(request, template, error, q=text[:_TEXT_MAX], found=_NOBODY, after=after)
    return render(request, template, errors={}, problem=None, q=text, found=found, after=after)


async def show(request: Request) -> Response:
    """One person, as others see them."""
    visit = await require_visitor(request)
    person = await profile.find_person(service_of(request), visit.account.id, request.path_params["username"])
    return render(request, "person.html", person=person)
