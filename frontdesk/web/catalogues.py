"""The texts in each language, and which language a request gets.

English is the source: its texts are the keys. The others are locale/*/LC_MESSAGES/messages.po, compiled in
memory, so that no file has to be built before the service can start.
"""

import gettext
import io
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from starlette.requests import Request

# What a person reads in the switch, each in its own language. The keys are BCP 47 tags.
LANGUAGES = {"en": "English", "zh-Hans": "简体中文"}
COOKIE = "language"

_SOURCE = "en"
# More than any browser sends, and little enough to sort.
_HEADER_MAX = 1000


def mark(text: str) -> str:
    """Mark a text for the catalogues where it stands; it's translated later, where it's shown."""
    return text


def locale_of(language: str) -> str:
    """A language's name for Babel: zh_Hans for zh-Hans."""
    return language.replace("-", "_")


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The texts of `language`, one of LANGUAGES."""
    if language == _SOURCE:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    mofile.write_mo(compiled, read(language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def read(language: str) -> Catalog:
    """The catalogue of a language as it is written, with fuzzy and obsolete texts."""
    with path_of(language).open("rb") as file:
        return pofile.read_po(file, locale=locale_of(language), charset="utf-8")


def path_of(language: str) -> Traversable:
    return files("frontdesk.web") / "locale" / locale_of(language) / "LC_MESSAGES" / "messages.po"


def extract() -> Iterator[tuple[str, int, str | tuple[str, ...], list[str]]]:
    """Every text that pages and templates mark: its file, line, key and the comments for translators."""
    here = Path(str(files("frontdesk.web")))
    found = extract_from_dir(
        here,
        method_map=[("templates/**.html", "jinja2"), ("**.py", "python")],
        options_map={"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}},
        keywords=DEFAULT_KEYWORDS | {"mark": None},
        comment_tags=("Translators:",),
    )
    for name, line, message, comments, _ in found:
        yield name, line, message, comments


def language_of(request: Request, preferred: str | None) -> str:
    """The language that a person gets: the one chosen in this browser, else `preferred` (the account's), else
    the best that the browser asks for, else English."""
    chosen = request.cookies.get(COOKIE)
    for language in (chosen, preferred):
        if language in LANGUAGES:
            return language
    return _negotiate(request.headers.get("accept-language", ""))


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
    return _SOURCE


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
