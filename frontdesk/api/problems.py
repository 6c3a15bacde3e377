"""The one table that maps errors to statuses and codes, and their form: RFC 9457 problem details."""

from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from frontdesk import errors
from frontdesk.requests import state_of

# class -> status, code, title. `code` is for programs and never changes; the title is for people.
PROBLEMS: dict[type[Exception], tuple[int, str, str]] = {
    errors.MalformedBody: (400, "malformed_body", "The body isn't valid JSON"),
    errors.BadRequest: (400, "bad_request", "The request can't be read"),
    errors.Unauthenticated: (401, "unauthenticated", "Log in first"),
    errors.WrongCredentials: (401, "wrong_credentials", "Login and password don't belong together"),
    errors.CrossOrigin: (403, "cross_origin", "Another site's page may not write here"),
    errors.RecentLoginRequired: (403, "recent_login_required", "Log in again to do this"),
    errors.EmailUnverified: (
        403,
        "email_unverified",
        "Confirm your e-mail address first; we sent you a link",
    ),
    errors.NotFound: (404, "not_found", "There's nothing here"),
    errors.BodyTooSlow: (408, "body_too_slow", "The body didn't arrive in time"),
    errors.EmailTaken: (409, "email_taken", "Another account has this e-mail address"),
    errors.UsernameTaken: (
        409,
        "username_taken",
        "Another account has this username, or one that looks the same",
    ),
    errors.LinkExpired: (410, "link_expired", "This link was used already, or is too old"),
    errors.BodyTooLarge: (413, "body_too_large", "The body is too large"),
    errors.UnsupportedMediaType: (415, "unsupported_media_type", "Send application/json"),
    errors.InvalidFields: (422, "invalid_fields", "Some fields can't be accepted"),
    errors.FieldRefused: (422, "invalid_fields", "Some fields can't be accepted"),
    errors.InvalidCursor: (422, "invalid_fields", "Some fields can't be accepted"),
    errors.Throttled: (429, "throttled", "Too many attempts; wait a little"),
    errors.RetryLater: (503, "unavailable", "Not now; try again in a moment"),
    errors.Busy: (503, "busy", "Too many logins at once; try again in a moment"),
    errors.Unavailable: (503, "unavailable", "The database doesn't answer; try again in a moment"),
}

# code of one field -> what it says; `{limit}` is the number that goes with it.
FIELD_DETAILS = {
    "missing": "is required",
    "unknown": "is no field of this request",
    "given_twice": "is given twice",
    "wrong_type": "is of the wrong type",
    "out_of_range": "is out of range",
    "too_long": "is too long",
    "cursor_invalid": "must be the `next` of an earlier page of the same list",
    "email_invalid": "is no valid e-mail address",
    "email_too_long": "may have {limit} characters at the most",
    "username_invalid": "has characters that a username can't have",
    "username_reserved": "is kept for the service itself",
    "username_too_short": "must have {limit} characters at least",
    "username_too_long": "may have {limit} characters at the most",
    "name_missing": "is required",
    "name_invalid": "has characters that a name can't have",
    "name_too_long": "may have {limit} characters at the most",
    "language_unknown": "must be en or zh-Hans",
    "password_too_short": "must have {limit} characters at least",
    "password_too_long": "may have {limit} characters at the most",
    "password_common": "is one of the first that anyone would guess",
    "password_personal": "contains your name, username or e-mail address",
    "password_invalid": "has characters that no keyboard types",
    "current_password_wrong": "isn't your password",
}


def problem(request: Request, error: Exception) -> Response:
    """The answer to any exception: a problem of the table, of HTTP itself, or 500 without a detail."""
    # Some statuses may be kept for as long as a cache likes (RFC 9110, section 15.1), and what was missing comes.
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    extra: dict[str, object] = {}
    if isinstance(error, HTTPException):
        status = error.status_code
        title = HTTPStatus(status).phrase
        code = title.lower().replace(" ", "_").replace("-", "_")
        headers.update(error.headers or {})
    else:
        status, code, title = next(
            (PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS),
            (500, "internal_error", "Something went wrong on our side"),
        )
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="frontdesk"'
    if isinstance(error, errors.RetryLater):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.FieldRefused):
        error = errors.InvalidFields(error.error)
    if isinstance(error, errors.InvalidCursor):
        error = errors.InvalidFields(errors.FieldError("after", "cursor_invalid"))
    if isinstance(error, errors.InvalidFields):
        extra["errors"] = [
            {"field": e.field, "code": e.code, "detail": FIELD_DETAILS[e.code].format(limit=e.limit)}
            for e in error.errors
        ]
    if isinstance(error, errors.BadRequest) and str(error):
        extra["detail"] = str(error)
    if isinstance(error, errors.BodyTooLarge | errors.BodyTooSlow):
        # The rest of the body is still on its way and would be read as the next request.
        headers["Connection"] = "close"
    body = _details(status, code, title, state_of(request).get("request_id", ""), extra)
    return Response(body, status, headers, media_type="application/problem+json")


def busy(request_id: str) -> bytes:
    """The body of the answer to a login or registration for which there is no time."""
    return _details(*PROBLEMS[errors.Busy], request_id, {})


def _details(status: int, code: str, title: str, request_id: str, extra: dict[str, object]) -> bytes:
    return msgspec.json.encode(
        {
            "type": "about:blank",
            "title": title,
            "status": status,
            "code": code,
            **extra,
            "request_id": request_id,
        }
    )
