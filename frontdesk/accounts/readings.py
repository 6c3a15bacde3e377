"""How names are read aloud where their characters alone don't say it; the tables are in readings.txt."""

from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import Literal

Table = Literal[
    "compound", "surnames", "given", "korean", "japanese-surnames", "japanese-given", "arabic", "family"
]


def readings(table: Table, name: str) -> tuple[str, ...]:
    """The readings of `name` in Latin letters, the best first; none if it isn't listed."""
    return _tables()[table].get(name, ())


def is_compound_surname(name: str) -> bool:
    """Whether it's a Chinese surname of two characters."""
    return name in _tables()["compound"]


@cache
def family_names(letter: str) -> tuple[str, ...]:
    """Chinese and Korean family names in Latin letters that begin with `letter`, nearly everybody's."""
    return tuple(name for name in _tables()["family"] if name[0] == letter)


@cache
def _tables() -> dict[str, dict[str, tuple[str, ...]]]:
    # Read when the first person is searched for or indexed: a process that does neither never pays for it.
    tables: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    section = ""
    for line in (files("frontdesk.accounts") / "readings.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, *readings = line.split(" ")
            tables[section][name] = tuple(readings)
    return tables
