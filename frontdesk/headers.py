"""What pages and the API's documentation both tell a browser, and what they keep in it."""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.requests import is_secure


def page_headers(*, forms: bool) -> dict[str, str]:
    """What a page may do: nothing but with what is our own. `forms`: whether it has any to send."""
    action = "'self'" if forms else "'none'"
    return {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'; form-action {action}; frame-ancestors 'none'; "
        "base-uri 'none'",
        # Searches and usernames stand in our addresses: no other site is to learn them.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    }


def is_kept(request: Request, tag: str) -> bool:
    """Whether the browser has what `tag`, an ETag of ours, belongs to."""
    # A proxy that compresses makes the tag a weak one, which is as good here (RFC 9110, section 13.1.2).
    known = (
        found.strip().removeprefix("W/") for found in request.headers.get("if-none-match", "").split(",")
    )
    return tag in known


def cookie(request: Request, name: str) -> str | None:
    return request.cookies.get(_full(request, name))


def set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        _full(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def delete_cookie(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(
        _full(request, name), path="/", secure=is_secure(request), httponly=True, samesite="lax"
    )


def _full(request: Request, name: str) -> str:
    # As with the session (requests.py): over https no other host, and no plain http, can put one in its place.
    return f"__Host-{name}" if is_secure(request) else name
