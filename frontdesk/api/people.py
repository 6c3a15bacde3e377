"""GET /people, /people/{username}"""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import profile
from frontdesk.api.body import answer
from frontdesk.api.query import TEXT_MAX, paging, read
from frontdesk.api.visit import viewer_of
from frontdesk.errors import FieldError, InvalidFields
from frontdesk.requests import client_of, service_of


async def find(request: Request) -> Response:
    viewer = await viewer_of(request)
    text, limit, after = _query(request)
    service, client = service_of(request), client_of(request)
    return answer(await profile.find_people(service, viewer, client, text, limit=limit, after=after))


async def show(request: Request) -> Response:
    viewer = await viewer_of(request)
    return answer(await profile.find_person(service_of(request), viewer, request.path_params["username"]))


def _query(request: Request) -> tuple[str, int, str | None]:
    query, errors = read(request, "q", "limit", "after")
    text = query.get("q", "")
    if not text:
        errors.append(FieldError("q", "missing"))
    if len(text) > TEXT_MAX:
        errors.append(FieldError("q", "too_long"))
    limit, after = paging(query, errors)
    if errors:
        raise InvalidFields(*errors[:50])
    return text, limit, after
