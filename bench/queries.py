"""What people type into the search box, by class, drawn from a directory that bench/directory.py filled."""

import random
import re
from collections.abc import Callable, Iterator

import asyncpg

from bench.directory import account_id_of
from frontdesk.accounts import names

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Sample:
    """People drawn at random, and what each might be looked for by."""

    def __init__(self, people: list[tuple[str, str]], seed: int) -> None:
        self.people = people
        self._rng = random.Random(seed)

    def draw(self, kind: str) -> Iterator[tuple[str, tuple[str, str]]]:
        """Queries of a class for ever, each with the person (username, name) that it's meant to find."""
        make = CLASSES[kind]
        while True:
            person = self._rng.choice(self.people)
            text = make(self._rng, person)
            if text:
                yield text, person


async def sample(db: asyncpg.Connection, count: int, size: int, *, seed: int = 7) -> Sample:
    """`size` of the `count` people in a directory."""
    rng = random.Random(seed)
    ids = [account_id_of(rng.randrange(count)) for _ in range(size)]
    rows = await db.fetch("SELECT username, name FROM accounts WHERE id = ANY ($1::uuid[])", ids)
    return Sample([(row["username"], row["name"]) for row in rows], seed)


def mistype(rng: random.Random, word: str, mistakes: int) -> str:
    """A word with so many mistakes, the first letter as it should be."""
    typed = list(word)
    for _ in range(mistakes):
        at = rng.randrange(1, len(typed) - 1)
        match rng.randrange(4):
            case 0:
                del typed[at]
            case 1:
                typed.insert(at, rng.choice(_LETTERS))
            case 2:
                typed[at] = rng.choice(_LETTERS.replace(typed[at], ""))
            case _:
                typed[at], typed[at + 1] = typed[at + 1], typed[at]
    text = "".join(typed)
    return text if text != word else ""


def _latin(name: str) -> tuple[str, ...]:
    found = names.romanised(name)
    return found[0] if found else names.words_of(name)


def _is_chinese(name: str) -> bool:
    return " " not in name and names.is_han(name) and 2 <= len(name) <= 4


def _one_of(rng: random.Random, name: str, least: int, most: int = 99) -> str:
    words = [word for word in _latin(name) if least <= len(word) <= most and word.isalpha()]
    return rng.choice(words) if words else ""


def _chinese(make: Callable[[str], str]) -> Callable[[random.Random, tuple[str, str]], str]:
    return lambda rng, person: make(person[1]) if _is_chinese(person[1]) else ""


def _half_typed(rng: random.Random, person: tuple[str, str]) -> str:
    words = _latin(person[1])
    return " ".join(word[: rng.randint(2, 3)] for word in words[:2]) if len(words) > 1 else ""


def _mistyped_username(rng: random.Random, username: str, mistakes: int) -> str:
    username = username.lower()
    word = max(re.findall("[a-z]{4,}", username), key=len, default="")
    typed = mistype(rng, word, mistakes) if word else ""
    return username.replace(word, typed, 1) if typed else ""


# The classes that are meant to find one person.
MEANT = (
    "full given name",
    "full name",
    "two words swapped",
    "two words half typed",
    "username",
    "username, one mistake",
    "username, two mistakes",
    "one mistake",
    "two mistakes",
    "full name, one mistake",
    "two 汉字",
    "pinyin",
    "initials",
)

CLASSES: dict[str, Callable[[random.Random, tuple[str, str]], str]] = {
    "one letter": lambda rng, person: rng.choice(_LETTERS),
    "three letters": lambda rng, person: _one_of(rng, person[1], 4)[:3],
    "full given name": lambda rng, person: (_latin(person[1]) or ("",))[0],
    "full name": lambda rng, person: person[1],
    "two words swapped": lambda rng, person: " ".join(reversed(_latin(person[1])[:2])),
    "two words half typed": _half_typed,
    "username": lambda rng, person: person[0],
    "username, one mistake": lambda rng, person: _mistyped_username(rng, person[0], 1),
    "username, two mistakes": lambda rng, person: _mistyped_username(rng, person[0], 2),
    "one mistake": lambda rng, person: (
        mistype(rng, word, 1) if (word := _one_of(rng, person[1], 4, 7)) else ""
    ),
    "two mistakes": lambda rng, person: mistype(rng, word, 2) if (word := _one_of(rng, person[1], 8)) else "",
    "full name, one mistake": lambda rng, person: (
        " ".join(_latin(person[1])).replace(word, mistype(rng, word, 1), 1)
        if (word := _one_of(rng, person[1], 5))
        else ""
    ),
    "one 汉字": _chinese(lambda name: name[0]),
    "two 汉字": _chinese(lambda name: name[:2]),
    "pinyin": _chinese(lambda name: "".join(_latin(name))),
    "initials": _chinese(lambda name: next(k[1:] for k in names.keys_of("x", name) if k[0] == "d")),
    "no match": lambda rng, person: "".join(rng.choice("bcdfghjkqvwxz") for _ in range(9)),
    "a b c d e": lambda rng, person: " ".join(rng.sample(_LETTERS, 5)),
    "200 characters": lambda rng, person: (" ".join(_latin(person[1])) + " ") * 20,
    "emoji, signs": lambda rng, person: rng.choice(["🌸", "%_\\", "   ", "👩‍👩‍👧", "%%%", "''--"]),
}
