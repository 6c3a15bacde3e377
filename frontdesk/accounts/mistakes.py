"""Typing mistakes: how far two words are apart, and what to look up so that near ones meet.

A mistake is a letter left out, added, replaced, or swapped with its neighbour (optimal string alignment, the
restricted Damerau–Levenshtein distance). Words are found by what is left of them when letters are taken
away: two words within n mistakes of each other have a remainder in common after taking at most n letters
from each (the symmetric delete method of W. Garbe's SymSpell). Remainders are kept as 32-bit numbers, so a
lookup can meet a stranger; every word found is measured before it counts.
"""

from itertools import combinations
from string import ascii_lowercase
from zlib import crc32

# One mistake in words of this many letters, two in those of that many; none in shorter ones.
ONE = 4
TWO = 8
# Mistakes later in a word than this are still found: what follows is only measured, not looked up.
_LOOKED_AT = 9


def allowed(word: str) -> int:
    """How many mistakes a word forgives: 0, 1 or 2."""
    return 0 if len(word) < ONE else 1 if len(word) < TWO else 2


def remainders(word: str, mistakes: int) -> set[int]:
    """What is left of the beginning of `word` without up to `mistakes` of its letters, as 32-bit numbers."""
    word = word[:_LOOKED_AT]
    found = {word}
    for count in range(1, min(mistakes, len(word) - 1) + 1):
        found.update("".join(rest) for rest in combinations(word, len(word) - count))
    return {crc32(rest.encode()) - 0x80000000 for rest in found}


def typed_remainders(word: str) -> set[int]:
    """What to look up for a word as it was typed: a letter or two may be missing from it."""
    return remainders(word, 2 if len(word) >= TWO - 2 else 1)


def mistakes_between(typed: str, word: str) -> int | None:
    """How many mistakes make `typed` out of `word`; None if it's more than `word` forgives.

    The first letter of a word of four letters or fewer is never a mistake.
    """
    most = allowed(word)
    if abs(len(typed) - len(word)) > most or (min(len(typed), len(word)) <= ONE and typed[:1] != word[:1]):
        return None
    found = _distance(typed, word, most)
    return found if found <= most else None


def one_away(word: str, *, least: int = ONE) -> list[str]:
    """Every word, of `least` letters or more, that is one mistake from `word`; for those in no vocabulary.

    Digits stay: another number is another person's username, not this one mistyped.
    """
    found: list[str] = []
    for n in range(len(word) + 1):
        left, right = word[:n], word[n:]
        if right[:1].isdecimal() and left[-1:].isdecimal():
            continue
        found += [left + c + right for c in ascii_lowercase]
        if right and not right[0].isdecimal():
            found.append(left + right[1:])
            found += [left + c + right[1:] for c in ascii_lowercase]
            if right[1:2] and not right[1].isdecimal():
                found.append(left + right[1] + right[0] + right[2:])
    once = dict.fromkeys(found)
    once.pop(word, None)
    return [w for w in once if len(w) >= least and (w[0] == word[0] or min(len(w), len(word)) > ONE)]


def is_one_away(typed: str, word: str) -> bool:
    """Whether there is exactly one mistake between two words of any length."""
    return abs(len(typed) - len(word)) <= 1 and _distance(typed, word, 1) == 1


def _distance(a: str, b: str, most: int) -> int:
    """Optimal string alignment; any number above `most` if it's more than that."""
    # What both begin and end with doesn't count, and leaves little to compare.
    start, shorter = 0, min(len(a), len(b))
    while start < shorter and a[start] == b[start]:
        start += 1
    a, b = a[start:], b[start:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    if not a or not b:
        return len(a) + len(b)
    if most == 1:
        # What is left of both begins and ends differently: one letter for another, or two swapped.
        return 1 if len(a) == len(b) == 1 or (len(a) == 2 and a == b[::-1]) else 2
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            least = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        if min(row) > most and min(last) > most:
            return most + 1
        before, last = last, row
    return last[-1]
