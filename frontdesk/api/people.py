"""GET /people, /people/{username}"""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import profile
from frontdesk.api.body import answer
from frontdesk.api.visit import visit_of
from frontdesk.errors import FieldError, InvalidFields
from frontdesk.requests import client_of, service_of

_LIMIT = 20
_LIMIT_MAX = 50
_TEXT_MAX = 1000


async def find(request: Request) -> Response:
    visit = await visit_of(request)
    text, limit, after = _query(request)
    service, client = service_of(request), client_of(request)
    return answer(await profile.find_people(service, visit, client, text, limit=limit, after=after))


async def show(request: Request) -> Response:
    visit = await visit_of(request)
    return answer(await profile.find_person(service_of(request), visit, request.path_params["username"]))


def _query(request: Request) -> tuple[str, int, str | None]:
    query = request.query_params
    errors = [FieldError(name[:64], "unknown") for name in query if name not in ("q", "limit", "after")]
    errors += [
        FieldError(name, "given_twice") for name in ("q", "limit", "after") if len(query.getlist(name)) > 1
    ]
    text, limit, after = query.get("q", ""), query.get("limit", str(_LIMIT)), query.get("after")
    if not text:
        errors.append(FieldError("q", "missing"))
    if len(text) > _TEXT_MAX:
        errors.append(FieldError("q", "too_long"))
    # Only a number of few digits becomes one: Python refuses to convert thousands of them.
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 4 and 1 <= int(limit) <= _LIMIT_MAX):
        errors.append(FieldError("limit", "out_of_range"))
    if after is not None and not 1 <= len(after) <= _TEXT_MAX:
        errors.append(FieldError("after", "too_long" if after else "missing"))
    if errors:
        raise InvalidFields(*errors[:50])
    return text, int(limit), after
