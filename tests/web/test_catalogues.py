"""Every text is marked, every marked text is translated, and nothing else is in the catalogues."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

import frontdesk.web
from frontdesk.accounts.identity import LANGUAGES
from frontdesk.web import catalogues
from frontdesk.web.pages import environment

TEMPLATES = sorted((Path(frontdesk.web.__path__[0]) / "templates").glob("*.html"))
TRANSLATED = [language for language in LANGUAGES if language != "en"]

# A name is the same in every language.
_NAMES = {"Frontdesk"}
_READ_OUT = {"title", "alt", "placeholder", "aria-label", "aria-description", "aria-roledescription"}


def _marked() -> set[str | tuple[str, ...]]:
    return {key for _, _, key, _ in catalogues.extract()}


def _messages(catalogue: Catalog) -> dict[str | tuple[str, ...], object]:
    return {message.id: message for message in catalogue if message.id}


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_catalogue_has_exactly_the_texts_that_are_marked(language: str) -> None:
    assert set(_messages(catalogues.read(language))) == _marked()


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_none_is_doubtful(language: str) -> None:
    catalogue = catalogues.read(language)
    assert not catalogue.obsolete
    for message in catalogue:
        if message.id:
            assert not message.fuzzy, message.id
            translations = message.string if isinstance(message.string, tuple | list) else (message.string,)
            assert all(translations), message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    for message in catalogues.read(language):
        if message.id:
            assert not list(message.check()), message.id
            text = message.id if isinstance(message.id, str) else message.id[-1]
            translation = message.string if isinstance(message.string, str) else message.string[0]
            assert set(re.findall(r"%\(\w+\)s", text)) == set(re.findall(r"%\(\w+\)s", translation))


class _Texts(HTMLParser):
    """The texts that a person reads or hears, of a template whose expressions are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if value and name in _READ_OUT]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_text_that_is_not_marked(template: Path) -> None:
    # A block that names a class, and a macro that makes attributes, hold no text.
    source = re.sub(r"{% block layout %}[\w ]+{%", "{%", template.read_text(encoding="utf-8"))
    tokens = environment("en").lex(re.sub(r'aria-(?:describedby|invalid)="[^"]*"', "", source))
    parser = _Texts()
    parser.feed("".join(value for _, kind, value in tokens if kind == "data"))
    words = {word for text in parser.found for word in re.findall(r"[^\W\d_]+", text)}
    assert words <= _NAMES


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_script_or_style_of_its_own(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    assert not re.search(
        r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|\|safe|hx-on|hx-vals", source
    )
