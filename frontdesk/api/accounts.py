"""POST /accounts"""

from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts.register import register
from frontdesk.api.body import Body, answer, read
from frontdesk.requests import client_of, service_of, while_connected


class Registration(Body):
    email: str
    username: str
    name: str
    password: str
    language: str | UnsetType = UNSET


async def create(request: Request) -> Response:
    service = service_of(request)
    service.hasher.admit()
    body = await read(request, Registration)
    work = register(
        service,
        email=body.email,
        username=body.username,
        name=body.name,
        password=body.password,
        language=None if body.language is UNSET else body.language,
        client=client_of(request),
    )
    return answer(await while_connected(request, work), 201)
