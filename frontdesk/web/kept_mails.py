"""GET /mails, in `frontdesk up` only: the mails that it would have sent, for whoever sits at this machine."""

import contextlib
import ipaddress
import re

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts import mails
from frontdesk.errors import NotFound
from frontdesk.requests import client_of, service_of
from frontdesk.web.pages import render
from frontdesk.web.visitors import visitor

_LINK = re.compile(r"^https?://\S+$", re.MULTILINE)


async def show(request: Request) -> Response:
    """The newest ones. Their links open accounts: nobody gets them from another machine, nor another site's page by
    giving its own name this machine's address (DNS rebinding). Raises NotFound."""
    if not (_is_here(client_of(request).address or "") and _is_here(request.url.hostname or "")):
        raise NotFound
    await visitor(request)
    found = await mails.list_kept(service_of(request))
    return render(request, "kept_mails.html", mails=[(mail, _parts(mail.body)) for mail in found])


def _parts(body: str) -> list[tuple[bool, str]]:
    """The text, in pieces that are a link or none."""
    links = _LINK.findall(body)
    texts = _LINK.split(body)
    parts = [(False, texts[0])]
    for link, text in zip(links, texts[1:], strict=True):
        parts += [(True, link), (False, text)]
    return parts


def _is_here(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
