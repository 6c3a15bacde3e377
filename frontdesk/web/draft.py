"""What was typed into the profile, kept in the browser while its owner logs in again.

In a cookie, not in an address: any site could fill in our forms by a link, and a history would keep it.
"""

import base64
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.headers import cookie, delete_cookie, set_cookie
from frontdesk.model import Visit

_COOKIE = "draft"
_SECONDS = 600
# The longest name and username take half of it. Proxies have room for a head of 4 KB, and what is typed may be longer
# than what becomes of it.
_MAX = 2000


class _Draft(msgspec.Struct, kw_only=True):
    account_id: UUID
    name: str
    username: str
    language: str
    discoverable: str


def keep(request: Request, response: Response, visit: Visit, form: dict[str, str]) -> None:
    """Have the browser keep `form`, what the profile's fields held, for ten minutes."""
    written = msgspec.json.encode({**form, "account_id": visit.account.id})
    text = base64.urlsafe_b64encode(written).decode().rstrip("=")
    if len(text) <= _MAX:
        set_cookie(request, response, _COOKIE, text, _SECONDS)


def find(request: Request, visit: Visit) -> dict[str, str] | None:
    """What `keep` kept for this account."""
    text = cookie(request, _COOKIE) or ""
    try:
        draft = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Draft)
    except ValueError:
        return None
    form = msgspec.structs.asdict(draft)
    return form if form.pop("account_id") == visit.account.id else None


def forget(request: Request, response: Response) -> None:
    if cookie(request, _COOKIE) is not None:
        delete_cookie(request, response, _COOKIE)
