"""The one place where pages say what went wrong, with the status that belongs to it."""

import math
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import errors
from frontdesk.errors import FieldError
from frontdesk.requests import clear_session_cookie, state_of
from frontdesk.web import messages
from frontdesk.web.pages import language_for, own_path, redirect, render, translate

# class -> status, key of messages.PROBLEMS. The statuses are those of the API; a test compares the two tables.
SHOWN: dict[type[Exception], tuple[int, str]] = {
    errors.MalformedBody: (400, "malformed_body"),
    errors.BadRequest: (400, "bad_request"),
    errors.Unauthenticated: (401, "unauthenticated"),
    errors.WrongCredentials: (401, "wrong_credentials"),
    errors.CrossOrigin: (403, "cross_origin"),
    errors.RecentLoginRequired: (403, "recent_login_required"),
    errors.EmailUnverified: (403, "email_unverified"),
    errors.NotFound: (404, "not_found"),
    errors.BodyTooSlow: (408, "body_too_slow"),
    errors.EmailTaken: (409, "email_taken"),
    errors.UsernameTaken: (409, "username_taken"),
    errors.LinkExpired: (410, "link_expired"),
    errors.BodyTooLarge: (413, "body_too_large"),
    errors.UnsupportedMediaType: (415, "unsupported_media_type"),
    errors.InvalidFields: (422, "invalid_fields"),
    errors.FieldRefused: (422, "invalid_fields"),
    errors.InvalidCursor: (422, "invalid_cursor"),
    errors.Throttled: (429, "throttled"),
    errors.RetryLater: (503, "unavailable"),
    errors.Busy: (503, "busy"),
    errors.Unavailable: (503, "unavailable"),
}

# A 401 has to have one (RFC 9110, section 15.5.2). No browser knows this scheme, or it would ask for a password
# in a window of its own.
_CHALLENGE = 'Cookie realm="frontdesk"'

# What a form can be sent again for, once something in it is changed, some time has passed, or one has logged in again.
CORRECTABLE = (
    errors.InvalidFields,
    errors.FieldRefused,
    errors.EmailTaken,
    errors.UsernameTaken,
    errors.WrongCredentials,
    errors.EmailUnverified,
    errors.RecentLoginRequired,
    errors.RetryLater,
)


def show(request: Request, error: Exception) -> Response:
    """The page for any exception; a visitor who isn't logged in is sent to the login and comes back."""
    if isinstance(error, errors.Unauthenticated):
        return _send_to_login(request)
    status, code = _classify(error)
    language = language_for(request)
    response = render(
        request,
        "error.html",
        status,
        code=code,
        title=translate(language, messages.PROBLEMS[code][0]),
        text=_text(language, code, error),
        request_id=state_of(request).get("request_id", "") if status >= 500 else "",
    )
    _add_headers(response, error)
    return response


def _text(language: str, code: str, error: Exception) -> str:
    """What to do about it, in a sentence."""
    if isinstance(error, errors.Throttled) and error.retry_after > 60:
        return translate(language, messages.THROTTLED, minutes=math.ceil(error.retry_after / 60))
    return translate(language, messages.PROBLEMS[code][1])


def show_form_again(
    request: Request,
    template: str,
    error: Exception,
    /,
    *,
    renamed: dict[str, str] | None = None,
    **variables: Any,
) -> Response:
    """The form with what was typed and what is wrong with it. `error` is one of CORRECTABLE.

    renamed: the form's names for fields that have another one in `error`.

    The template gets `errors`, texts by field, `problem`, a text about the form as a whole, or None, and `code`.
    """
    if isinstance(error, errors.Busy):
        state_of(request)["busy"] = True
    status, code = _classify(error)
    language = language_for(request)
    by_field: dict[str, str] = {}
    for found in _field_errors(error):
        name = (renamed or {}).get(found.field, found.field)
        by_field.setdefault(name, translate(language, messages.FIELDS[found.code], limit=found.limit))
    response = render(
        request,
        template,
        status,
        code=code,
        errors=by_field,
        problem=None if by_field else _text(language, code, error),
        **variables,
    )
    _add_headers(response, error)
    return response


def _field_errors(error: Exception) -> tuple[FieldError, ...]:
    match error:
        case errors.InvalidFields():
            return error.errors
        case errors.FieldRefused():
            return (error.error,)
        case errors.EmailTaken():
            return (FieldError("email", "email_taken"),)
        case errors.UsernameTaken():
            return (FieldError("username", "username_taken"),)
        case _:
            return ()


def _classify(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        codes = {404: "not_found", 405: "method_not_allowed"}
        fallback = "bad_request" if error.status_code < 500 else "internal_error"
        return error.status_code, codes.get(error.status_code, fallback)
    return next((SHOWN[kind] for kind in type(error).__mro__ if kind in SHOWN), (500, "internal_error"))


def _add_headers(response: Response, error: Exception) -> None:
    # Some statuses may be kept for as long as a cache likes (RFC 9110, section 15.1), and what was missing comes.
    response.headers["Cache-Control"] = "no-store"
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = _CHALLENGE
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    if isinstance(error, errors.RetryLater):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.BodyTooLarge | errors.BodyTooSlow):
        # The rest of the body is still on its way and would be read as the next request.
        response.headers["Connection"] = "close"


def _send_to_login(request: Request) -> Response:
    # A form can't be sent again by following a link: its sender returns to the page it is on.
    target = own_path(request) if request.method in ("GET", "HEAD") else "/account"
    login = "/login?next=" + quote(target, safe="")
    if request.headers.get("hx-request") == "true":
        # A redirect would be followed by the script and the login shown among the results.
        status, _ = SHOWN[errors.Unauthenticated]
        headers = {"HX-Redirect": login, "Cache-Control": "no-store", "WWW-Authenticate": _CHALLENGE}
        response = Response(None, status, headers)
    else:
        response = redirect(request, login)
    clear_session_cookie(request, response)
    return response
