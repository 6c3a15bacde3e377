"""Bring the catalogues up to date with the texts that pages and templates mark.

New texts come in empty, texts that are gone go out. Then translate what is empty;
tests/web/test_catalogues.py fails until that is done.

    python scripts/catalogues.py
"""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from frontdesk.accounts.identity import LANGUAGES
from frontdesk.web import catalogues

# Without dates and line numbers, so that a change shows what changed and nothing else.
HEADER = """\
# The keys are the English texts. scripts/catalogues.py adds what is new and drops what is gone.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""


def main() -> None:
    for language in LANGUAGES:
        if language == "en":
            continue
        path = Path(str(catalogues.path_of(language)))
        path.parent.mkdir(parents=True, exist_ok=True)
        old = catalogues.read(language) if path.exists() else Catalog()
        new = Catalog(locale=catalogues.locale_of(language))
        for name, _, key, comments in sorted(catalogues.extract(), key=lambda text: (text[0], text[1])):
            known = old.get(key[0] if isinstance(key, tuple) else key)
            new.add(key, known.string if known else None, locations=[(name, 1)], auto_comments=comments)
        with path.open("wb") as file:
            header = HEADER.format(language=catalogues.locale_of(language), plural_forms=new.plural_forms)
            file.write(header.encode())
            write_po(file, new, width=112, omit_header=True, include_lineno=False)
        missing = sum(1 for message in new if message.id and not any(message.string or ""))
        print(f"{path.name} of {language}: {len(new)} texts, {missing} to translate")


if __name__ == "__main__":
    main()
