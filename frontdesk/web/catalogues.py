"""The texts in each language.

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

from frontdesk.languages import SOURCE


def mark(text: str) -> str:
    """Mark a text for the catalogues where it stands; it's translated later, where it's shown."""
    return text


def locale_of(language: str) -> str:
    """A language's name for Babel: zh_Hans for zh-Hans."""
    return language.replace("-", "_")


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The texts of `language`, one of LANGUAGES."""
    if language == SOURCE:
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
