"""Write docs/settings.md from the settings themselves: `make docs`."""

from pathlib import Path

from frontdesk import settings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

_HEAD = """\
# Settings

Frontdesk is set by environment variables. This page is written by `make docs` from `frontdesk/settings.py`, and a
test fails if the two differ. `frontdesk settings` prints the same list with the values that hold where it is run.

A variable that begins with `FRONTDESK_` and isn't here, a value out of its range, and two that contradict each other
end the program at its start, with one line that names them all. A secret may be in a file instead: put `_FILE` behind
its name, and the file's path into it.

| variable | type | default | meaning |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The whole text of docs/settings.md."""
    rows = []
    for setting in settings.describe():
        secret = f" A secret: also `{setting.variable}_FILE`." if setting.secret else ""
        default = f"`{setting.default}`" if setting.default else "empty"
        meaning = setting.meaning.replace("|", "\\|")
        rows.append(f"| `{setting.variable}` | {setting.kind} | {default} | {meaning}{secret} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
