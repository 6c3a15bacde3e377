"""The languages that pages and the API's documentation speak, and which of them a request gets."""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.accounts.identity import LANGUAGES
from frontdesk.headers import cookie, delete_cookie, set_cookie

SOURCE = "en"

_COOKIE = "language"
_YEAR = 31_536_000
# More than any browser sends, and little enough to sort.
_HEADER_MAX = 1000


def language_of(request: Request, preferred: str | None = None) -> str:
    """The language that a person gets: the one chosen in this browser, else `preferred` (the account's), else
    the best that the browser asks for, else English."""
    for language in (cookie(request, _COOKIE), preferred):
        if language in LANGUAGES:
            return language
    return _negotiate(request.headers.get("accept-language", ""))


def keep(request: Request, response: Response, language: str) -> None:
    """This browser's language from now on."""
    set_cookie(request, response, _COOKIE, language, _YEAR)


def forget(request: Request, response: Response) -> None:
    delete_cookie(request, response, _COOKIE)


def _negotiate(header: str) -> str:
    """The first of our languages in Accept-Language (RFC 9110, section 12.5.4)."""
    wanted: list[tuple[float, str]] = []
    for part in header[:_HEADER_MAX].split(","):
        tag, _, parameter = part.partition(";")
        weight = _weight(parameter)
        if weight > 0:
            wanted.append((-weight, tag.strip().lower()))
    for _, tag in sorted(wanted, key=lambda entry: entry[0]):
        # Readers of traditional characters, too, are better served by these than by English.
        if tag == "zh" or tag.startswith("zh-"):
            return "zh-Hans"
        if tag == "en" or tag.startswith("en-"):
            return "en"
    return SOURCE


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
