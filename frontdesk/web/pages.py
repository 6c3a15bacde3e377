"""Rendering: from a template and its variables to an answer in the visitor's language, with its headers."""

import zlib
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from babel.dates import format_date, format_timedelta
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk.accounts.identity import LANGUAGES
from frontdesk.headers import cookie, delete_cookie, page_headers, set_cookie
from frontdesk.languages import language_of
from frontdesk.web import static
from frontdesk.web.catalogues import locale_of, mark, translations
from frontdesk.web.visitors import is_asked, known_visitor

_NOTICE = "notice"

# What a page says once, after the redirect that follows a form.
_NOTICES = {
    "welcome": mark("Your account is ready."),
    "profile_saved": mark("Your profile is saved."),
    "password_changed": mark("Your password is changed. Everywhere else, you have been logged out."),
    "session_ended": mark("That session has ended."),
    "others_ended": mark("You are logged out everywhere else."),
    "logged_out": mark("You are logged out."),
    "account_deleted": mark("Your account is deleted."),
    "confirm_first": mark(
        "Your account is nearly ready: open the link in the mail that we sent you, then log in."
    ),
    "reset_asked": mark(
        "If there is an account with this address, a mail with a link is on its way. It's good for 30 minutes."
    ),
    "password_reset": mark("Your new password is set. Log in with it."),
    "email_asked": mark(
        "A mail with a link is on its way to the new address. Until you open it, nothing changes."
    ),
    "email_confirmed": mark("Your e-mail address is confirmed."),
    "email_changed": mark("Your account has its new e-mail address."),
    "email_kept": mark(
        "Your account keeps this address. You are logged out everywhere, and a mail with a link for a new password is "
        "on its way."
    ),
}

_HEADERS = page_headers(forms=True) | {"Vary": "Cookie, Accept-Language, HX-Request"}

_HUES = 12
_NEXT_MAX = 2000

# Whoever knows these addresses may do what they are for: not even our own edge's log is to learn them.
_BY_TOKEN = ("/reset/", "/confirm/")


def render(request: Request, template: str, status: int = 200, /, **variables: Any) -> Response:
    """A page, or a part of one, as `template` shows `variables`.

    Templates know besides: `visit` (who looks, or None), `visit_known`, `language`, `languages`, `here` (this
    page's own path, for forms that return to it) and `notice`.
    """
    visit = known_visitor(request)
    language = language_for(request)
    notice = cookie(request, _NOTICE)
    text = (
        environment(language)
        .get_template(template)
        .render(
            visit=visit,
            visit_known=is_asked(request),
            language=language,
            languages=LANGUAGES,
            here=own_path(request),
            notice=translate(language, _NOTICES[notice]) if notice in _NOTICES else None,
            **variables,
        )
    )
    headers = _HEADERS | {
        "Content-Language": language,
        # After logging out, or on the next person's screen, going back must not show it again.
        "Cache-Control": "private, no-cache" if visit is None else "no-store",
    }
    if _is_by_token(request):
        headers |= {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    response = Response(text, status, headers, media_type="text/html")
    if notice:
        delete_cookie(request, response, _NOTICE)
    return response


def redirect(request: Request, path: str, *, notice: str | None = None) -> Response:
    """Go and GET `path`, one of our own, which will say `notice`."""
    policy = "no-referrer" if _is_by_token(request) else "same-origin"
    response = RedirectResponse(path, 303, {"Cache-Control": "no-store", "Referrer-Policy": policy})
    if notice is not None:
        set_cookie(request, response, _NOTICE, notice, 60)
    return response


def _is_by_token(request: Request) -> bool:
    return bool(request.scope["path"].startswith(_BY_TOKEN))


def language_for(request: Request) -> str:
    """The language of this answer, one of LANGUAGES."""
    visit = known_visitor(request)
    return language_of(request, visit.account.language if visit else None)


def translate(language: str, text: str, **values: Any) -> str:
    """A marked text in `language`, its %(name)s filled in."""
    translated = translations(language).gettext(text)
    return translated % values if values else translated


def local_path(text: str) -> str:
    """`text` if it is a path on this site, else "/": a link to our login must not lead to another site.

    Browsers take \\ for / and leave out tabs and newlines (WHATWG URL, section 4.4), so `/\\evil.example` and
    `/<tab>/evil.example` would be addresses of other sites (OWASP, Unvalidated Redirects and Forwards).
    """
    usable = (
        text.startswith("/") and not text.startswith("//") and "\\" not in text and len(text) <= _NEXT_MAX
    )
    return text if usable and text.isprintable() else "/"


def own_path(request: Request) -> str:
    """The path and query of this request, as a browser would type it."""
    path = quote(request.scope["path"], safe="/!$&'()*+,;=:@~-._")
    query = request.scope["query_string"].decode("ascii", "replace")
    return local_path(f"{path}?{query}" if query else path)


@cache
def environment(language: str) -> Environment:
    """The templates, with the texts of `language`."""
    found = Environment(
        loader=PackageLoader("frontdesk.web"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    found.policies["ext.i18n.trimmed"] = True
    found.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    found.globals["static"] = static.url_of
    found.filters["initial"] = _initial
    found.filters["hue"] = _hue
    found.filters["ago"] = lambda moment: _ago(moment, locale_of(language))
    found.filters["day"] = lambda moment: format_date(moment, "long", locale=locale_of(language))
    found.filters["iso"] = lambda moment: moment.astimezone(UTC).isoformat(timespec="seconds")
    return found


def _initial(name: str) -> str:
    return next((c.upper() for c in name if c.isalnum()), "·")[0]


def _hue(username: str) -> str:
    """A class of app.css, the same for a person wherever they are shown: the policy forbids inline styles."""
    return f"hue-{zlib.crc32(username.encode()) % _HUES}"


def _ago(moment: datetime, locale: str) -> str:
    """How long ago: the same in every time zone, and the browser's isn't told to us."""
    return format_timedelta(moment - datetime.now(UTC), add_direction=True, locale=locale)
