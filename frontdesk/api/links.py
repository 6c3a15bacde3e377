"""POST /password-resets, PUT /password-resets/{token}; POST /email-confirmations/{token}"""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import address, reset
from frontdesk.api.body import Body, accepted, no_content, read
from frontdesk.requests import client_of, service_of, while_connected


class ResetRequest(Body):
    email: str


class NewPassword(Body):
    password: str


async def ask_reset(request: Request) -> Response:
    body = await read(request, ResetRequest)
    await reset.ask_reset(service_of(request), email=body.email, client=client_of(request))
    return accepted()


async def reset_password(request: Request) -> Response:
    service = service_of(request)
    service.hasher.admit()
    body = await read(request, NewPassword)
    work = reset.reset_password(
        service, request.path_params["token"], password=body.password, client=client_of(request)
    )
    await while_connected(request, work)
    return no_content()


async def confirm(request: Request) -> Response:
    await address.confirm(service_of(request), request.path_params["token"], client_of(request))
    return no_content()
