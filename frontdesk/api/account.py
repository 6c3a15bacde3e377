"""GET, PATCH, DELETE /account; PUT /account/password; POST /account/email; GET /account/events, /account/export"""

from typing import TypeVar

from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from frontdesk.accounts import address, events, leaving, own_data, profile
from frontdesk.api.body import Body, accepted, answer, no_content, read
from frontdesk.api.query import page_of
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


class EmailChange(Body):
    email: str
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
        client_of(request),
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
    await leaving.delete(service_of(request), visit, client_of(request))
    return no_content()


async def change_email(request: Request) -> Response:
    visit = await visit_of(request)
    service = service_of(request)
    service.hasher.admit()
    body = await read(request, EmailChange)
    work = address.change_email(
        service, visit, email=body.email, password=body.password, client=client_of(request)
    )
    await while_connected(request, work)
    return accepted()


async def list_events(request: Request) -> Response:
    visit = await visit_of(request)
    limit, after = page_of(request)
    return answer(await events.list_events(service_of(request), visit, limit=limit, after=after))


async def export(request: Request) -> Response:
    visit = await visit_of(request)
    pieces = await own_data.export(service_of(request), visit, client_of(request))
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="account.json"'}
    return StreamingResponse(pieces, headers=headers, media_type="application/json")


T = TypeVar("T")


def _sent(value: T | UnsetType) -> T | None:
    return None if value is UNSET else value
