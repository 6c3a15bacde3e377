"""People for the measurements: seeded, streaming, any number.

Names come from Faker's locale data. Within a locale they are distributed by Zipf's law; a quarter of the people
are Chinese, whose given names are put together from the characters of the library's, as parents do. One
person in twenty has a rare family name, blended from two of the list, so that the vocabulary has the long tail
that real ones have and a library's lists don't.
"""

import argparse
import importlib
import itertools
import random
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from anyascii import anyascii

_BATCH = 4096
_ADJECTIVES = [
    "blue",
    "dark",
    "fast",
    "happy",
    "icy",
    "lazy",
    "lucky",
    "mad",
    "neon",
    "odd",
    "pink",
    "quiet",
    "red",
    "sly",
    "tiny",
    "wild",
]
_NOUNS = [
    "badger",
    "comet",
    "dragon",
    "falcon",
    "fox",
    "ghost",
    "koala",
    "lynx",
    "otter",
    "panda",
    "raven",
    "robot",
    "shark",
    "tiger",
    "wizard",
    "wolf",
]


class Made(NamedTuple):
    """Somebody who could exist. `number` is unique, and so are `username` and `email`."""

    number: int
    username: str
    name: str
    email: str
    locale: str


class Locale(NamedTuple):
    """How people of one place are called. `share`: how many in a hundred they are."""

    code: str
    share: int
    joint: str = " "
    family_first: bool = False
    second_given: float = 0.0
    double_family: float = 0.0


LOCALES = (
    Locale("en_US", 24, second_given=0.06),
    Locale("zh_CN", 25, joint="", family_first=True),
    Locale("de_DE", 14, double_family=0.05),
    Locale("es_ES", 10, second_given=0.05, double_family=0.25),
    Locale("ru_RU", 8),
    Locale("sv_SE", 5),
    Locale("tr_TR", 4),
    Locale("ja_JP", 4, family_first=True),
    Locale("ko_KR", 3, joint="", family_first=True),
    Locale("ar_SA", 2),
    Locale("el_GR", 1),
)


def people(count: int, *, seed: int = 1) -> Iterator[Made]:
    """`count` people, the same ones for the same seed; a smaller count gives the first of a larger one."""
    rng = random.Random(seed)
    sources = [_source(locale, random.Random(f"{seed} {locale.code}")) for locale in LOCALES]
    shares = list(itertools.accumulate(locale.share for locale in LOCALES))
    number = 0
    while number < count:
        for n in rng.choices(range(len(LOCALES)), cum_weights=shares, k=_BATCH):
            given, family, name = next(sources[n])
            username = _username(rng, given, family, number)
            yield Made(number, username, name, f"{username}@example.org", LOCALES[n].code)
            number += 1
            if number == count:
                return


def zipf(items: Sequence[str], rng: random.Random) -> Iterator[str]:
    """`items` for ever, the k-th in proportion to 1 / (k + 2): the first surname of a country has about 7 %."""
    weights = list(itertools.accumulate(1 / (k + 2) for k in range(1, len(items) + 1)))
    while True:
        yield from rng.choices(items, cum_weights=weights, k=_BATCH)


def _source(locale: Locale, rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """Given name, family name, whole name."""
    provider = importlib.import_module(f"faker.providers.person.{locale.code}").Provider
    given = zipf(_shuffled(provider.first_names, rng), rng)
    surnames = _shuffled(provider.last_names, rng)
    family = zipf(surnames, rng)
    if locale.code == "zh_CN":
        first = zipf(_shuffled("".join(provider.first_names), rng), rng)
        second = zipf(_shuffled("".join(provider.first_names), rng), rng)
        given = (a + (b if rng.random() < 0.8 and a != b else "") for a, b in zip(first, second, strict=True))
    for one, other in zip(given, family, strict=True):
        whole_given, whole_family = one, other
        if rng.random() < 0.05:
            whole_family = _blend(other, rng.choice(surnames), locale)
        if rng.random() < locale.second_given:
            whole_given = f"{one} {next(given)}"
        if rng.random() < locale.double_family:
            whole_family = f"{whole_family}{'-' if locale.code == 'de_DE' else ' '}{next(family)}"
        parts = (whole_family, whole_given) if locale.family_first else (whole_given, whole_family)
        yield one, other, locale.joint.join(parts)


def _shuffled(items: object, rng: random.Random) -> list[str]:
    # The lists of the library are in alphabetical order, or none.
    names = sorted({str(item) for item in items})  # type: ignore[attr-defined]
    rng.shuffle(names)
    return names


def _blend(one: str, other: str, locale: Locale) -> str:
    if locale.code in ("zh_CN", "ko_KR", "ja_JP") or min(len(one), len(other)) < 4:
        return one
    return one[: (len(one) + 1) // 2] + other[len(other) // 2 :].lower()


def _username(rng: random.Random, given: str, family: str, number: int) -> str:
    first, last = _plain(given), _plain(family)
    match rng.randrange(10):
        case 0 | 1 | 2:
            return f"{first}.{last}{number}"
        case 3 | 4:
            return f"{first}{last}{number}"
        case 5 | 6:
            return f"{first[:1]}{last}{number}"
        case 7:
            return f"{first}_{number}"
        case 8:
            return f"{last}{first[:1]}{number}"
        case _:
            return f"{rng.choice(_ADJECTIVES)}{rng.choice(_NOUNS)}{number}"


_plain_names: dict[str, str] = {}


def _plain(name: str) -> str:
    plain = _plain_names.get(name)
    if plain is None:
        plain = "".join(c for c in anyascii(name).lower() if c.isalnum()) or "x"
        if len(_plain_names) < 100_000:
            _plain_names[name] = plain
    return plain


def main() -> None:
    """Write people as CSV: number, username, name, e-mail, locale."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for made in people(options.count, seed=options.seed):
        sys.stdout.write(f'{made.number},{made.username},"{made.name}",{made.email},{made.locale}\n')


if __name__ == "__main__":
    main()
