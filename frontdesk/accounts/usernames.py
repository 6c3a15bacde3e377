"""Usernames that are one mistake from a word, or two. No vocabulary has them, it would be as large as their table.

The strings that are two mistakes away are some ten thousand. But whoever is meant begins like the word, up to the first
mistake, and ends like it from the second. So first its neighbours are looked at, in the order of usernames and in that
of usernames read backwards: whoever has more of the word in common with it than the farthest of them is one of them.
Then those that begin, or end, like the longer part of the word with one mistake in it, as there's only one before or
behind the other. Few do, and these are measured.
"""

import math
from collections.abc import Iterable
from itertools import chain

from rapidfuzz.distance import Prefix

from frontdesk.accounts.lookups import Lookup
from frontdesk.accounts.mistakes import meant, one_away
from frontdesk.store.usernames import Sought, Typed

# How much of a word such a part is, at least: more people than are read begin like less.
_PART = 0.6
# Before and behind how many of its letters a mistake is looked for, the nearest to what is right: of 54 strings each.
_PLACES = 12
# How many of all pairs of places in the word must be left for the two mistakes, as a part of them.
_LIKELY = 0.075
_WITHOUT_LETTERS = str.maketrans("", "", "abcdefghijklmnopqrstuvwxyz")


async def find_near(lookup: Lookup, typed: Typed) -> dict[str, int]:
    """Keys of usernames for which `typed`, a long word, may be a mistake, with how many: two, or one and other signs.

    Some may be missing where hundreds begin, or end, like most of the word, or where both mistakes are at its ends.
    Raises Unavailable.
    """
    written = typed.written or typed.word
    beside = await lookup.find_usernames(Sought(beside=typed))
    # Without the letter that says it's a username.
    first = _in_common("a" + typed.word, beside.in_order) - 1
    last = max(
        _in_common(typed.word[::-1] + "a", [key[::-1] for key in beside.backwards]),
        _in_common(written[::-1], [key.partition(" ")[2][::-1] for key in beside.written]),
    )
    keys = {*chain(*beside)}
    # What nobody begins or ends like is hardly a username with two mistakes in it.
    if 2 * (first + 1) * (last + 1) >= _LIKELY * len(typed.word) ** 2:
        keys.update((await lookup.find_usernames(_parts(typed.word, written, first, last))).found)
    return _measured(typed.word, keys)


def _in_common(word: str, neighbours: list[str]) -> int:
    """How many letters of `word` anybody begins with, at most, who isn't among its `neighbours` in their order."""
    farthest = (min(neighbours), max(neighbours)) if neighbours else ()
    return max([Prefix.similarity(word, each) for each in farthest], default=0)


def _parts(word: str, written: str, first: int, last: int) -> Sought:
    """Asks for beginnings and ends of a word with one mistake. `first`, `last`: how many of its letters anybody begins,
    and ends, with who isn't known yet."""
    length = math.ceil(_PART * len(word))
    # The second mistake leaves no more than `last` letters behind it, so there are len(word) - 2 - last before it, or
    # more; one less if the first one was a letter too many. If that's as much as is asked for, nobody is left whose end
    # could tell, but for those with other signs.
    complete = len(word) - 3 - last >= length
    return Sought(
        starts=_beginnings(word, first, length, before="a"),
        tails="" if complete else _beginnings(written[::-1], last, length),
    )


def _beginnings(word: str, right: int, length: int, *, before: str = "") -> str:
    """How somebody begins who has one mistake in the first `length` letters of `word`, behind `right` of them or fewer,
    or none; in order, a line each, behind `before`."""
    end = min(right + 1, length)
    others = one_away(word, places=range(max(0, end - _PLACES), end), before=before)
    return "\n".join(
        sorted({other[: len(before) + length] for other in (*others.split("\n"), before + word)})
    )


def _measured(word: str, keys: Iterable[str]) -> dict[str, int]:
    """Those of `keys` that `word` may be a mistake for, with how many. Another number is another person's username, not
    this one mistyped."""
    digits = word.translate(_WITHOUT_LETTERS)
    usernames = {
        key: username for key in keys if (username := _word(key)).translate(_WITHOUT_LETTERS) == digits
    }
    mistakes = dict(meant(word, usernames.values()))
    return {key: mistakes[username] for key, username in usernames.items() if username in mistakes}


def _word(key: str) -> str:
    return key[1:].partition(" ")[0]
