"""POST, GET /sessions; DELETE /sessions/current, /sessions/{id}"""

import contextlib
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import sessions
from frontdesk.accounts.login import log_in
from frontdesk.api.body import Body, answer, no_content, read
from frontdesk.api.visit import visit_of
from frontdesk.errors import NotFound
from frontdesk.requests import client_of, service_of, while_connected


class Credentials(Body):
    login: str
    password: str


async def create(request: Request) -> Response:
    service = service_of(request)
    # Before a byte of the body is read: in a storm, refusing must cost nothing.
    service.hasher.admit()
    body = await read(request, Credentials)
    work = log_in(service, login=body.login, password=body.password, client=client_of(request))
    return answer(await while_connected(request, work), 201)


async def list_mine(request: Request) -> Response:
    visit = await visit_of(request)
    return answer({"sessions": await sessions.list_sessions(service_of(request), visit)})


async def end_current(request: Request) -> Response:
    visit = await visit_of(request)
    # Ended from elsewhere in this very moment: what was wanted.
    with contextlib.suppress(NotFound):
        await sessions.end(service_of(request), visit, visit.session_id, client_of(request))
    return no_content()


async def end(request: Request) -> Response:
    visit = await visit_of(request)
    try:
        session_id = UUID(request.path_params["id"])
    except ValueError as error:
        raise NotFound from error
    await sessions.end(service_of(request), visit, session_id, client_of(request))
    return no_content()
