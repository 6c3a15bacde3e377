"""Typing mistakes: how far two words are apart, and what to look up so that near ones meet.

A mistake is a letter left out, added, replaced, or swapped with its neighbour (optimal string alignment, the
restricted Damerau–Levenshtein distance). Words are found by what is left of them when letters are taken away: two words
within n mistakes of each other have a remainder in common after taking at most n letters from each (the symmetric
delete method of W. Garbe's SymSpell). Those of one word begin alike, so that they're neighbours in the index. Every
word found is measured before it counts.
"""

from collections.abc import Iterable
from itertools import combinations
from string import ascii_lowercase

from rapidfuzz import process
from rapidfuzz.distance import OSA

# One mistake in words of this many letters, two in those of that many; none in shorter ones.
ONE = 4
TWO = 8
# Mistakes later in a word than this are still found: what follows is only measured, not looked up.
_LOOKED_AT = 9


def allowed(word: str) -> int:
    """How many mistakes a word forgives: 0, 1 or 2."""
    return 0 if len(word) < ONE else 1 if len(word) < TWO else 2


def remainders(word: str, mistakes: int) -> set[str]:
    """What is left of the beginning of `word` without up to `mistakes` of its letters."""
    word = word[:_LOOKED_AT]
    found = {word}
    for count in range(1, min(mistakes, len(word) - 1) + 1):
        found.update("".join(rest) for rest in combinations(word, len(word) - count))
    return found


def typed_remainders(word: str) -> set[str]:
    """What to look up for a word as it was typed.

    One letter is taken from a short one, also where two mistakes were made: the word that was meant is longer then.
    """
    return remainders(word, 2 if len(word) >= TWO else 1)


def meant(typed: str, words: Iterable[str]) -> list[tuple[str, int]]:
    """Those of `words` that `typed` may be a mistake for, each with how many mistakes that takes, one or two.

    The first letter of a word of four letters or fewer is never a mistake.
    """
    near = process.extract(typed, list(words), scorer=OSA.distance, score_cutoff=2, limit=None)
    return [
        (word, mistakes)
        for word, mistakes, _ in near
        if 0 < mistakes <= allowed(word) and (typed[0] == word[0] or min(len(typed), len(word)) > ONE)
    ]


def one_away(word: str, *, places: range | None = None, least: int = ONE, before: str = "") -> str:
    """Every word, of `least` letters or more, that is one mistake from `word`; for those in no vocabulary.

    A line each, behind `before`; some twice. Digits stay: another number is another person's username, not this one
    mistyped. `places`: in front of which letters of `word`, or at them, the mistake was made, if not anywhere; up to
    and with len(word).
    """
    found: list[str] = []
    for n in places if places is not None else range(len(word) + 1):
        left, right = before + word[:n], word[n:]
        if right[:1].isdecimal() and word[n - 1 : n].isdecimal():
            continue
        if len(word) + 1 >= least and (n or len(word) > ONE):
            found.append(_with_each(ascii_lowercase, left, right))
        if not right or right[0].isdecimal():
            continue
        first, rest = right[0], right[1:]
        if len(word) > least and (n or len(word) - 1 > ONE):
            found.append(left + rest)
        if len(word) >= least and (n or len(word) > ONE):
            found.append(_with_each(ascii_lowercase.replace(first, ""), left, rest))
            if rest and rest[0] != first and not rest[0].isdecimal():
                found.append(left + rest[0] + first + rest[1:])
    return "\n".join(found)


def _with_each(letters: str, left: str, right: str) -> str:
    # In one go: some hundred words in a list of their own would cost ten times as much.
    return left + f"{right}\n{left}".join(letters) + right


def is_one_away(typed: str, word: str) -> bool:
    """Whether there is exactly one mistake between two words of any length."""
    return OSA.distance(typed, word, score_cutoff=1) == 1
