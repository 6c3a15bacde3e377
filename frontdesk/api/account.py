"""GET, PATCH, DELETE /account; PUT /account/password"""

from typing import TypeVar

from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import profile
from frontdesk.api.body import Body, answer, no_content, read
from frontdesk.api.visit import visit_of
from frontdesk.requests import client_of, service_of, while_connected


class Changes(Body):
    username: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    discoverable: bool | UnsetType = UNSET


class PasswordChange(Body):
    current_password: str
    password: str


async def show(request: Request) -> Response:
    visit = await visit_of(request)
    return answer(visit.account)


async def update(request: Request) -> Response:
    visit = await visit_of(request)
    body = await read(request, Changes)
    account = await profile.update(
        service_of(request),
        visit,
        username=_sent(body.username),
        name=_sent(body.name),
        language=_sent(body.language),
        discoverable=_sent(body.discoverable),
    )
    return answer(account)


async def change_password(request: Request) -> Response:
    visit = await visit_of(request)
    service = service_of(request)
    service.hasher.admit()
    body = await read(request, PasswordChange)
    work = profile.change_password(
        service,
        visit,
        current_password=body.current_password,
        password=body.password,
        client=client_of(request),
    )
    await while_connected(request, work)
    return no_content()


async def delete(request: Request) -> Response:
    visit = await visit_of(request)
    await profile.delete(service_of(request), visit)
    return no_content()


T = TypeVar("T")


def _sent(value: T | UnsetType) -> T | None:
    return None if value is UNSET else value
