"""What somebody typed, as ranges of the search index, the best first.

A range is read in key order and never further than a page needs, so a query costs as much as it has ranges,
at most RANGES_MAX, however common its words are. Ranges that are written down here need nothing but what was typed;
near.py adds those that need the vocabulary.
"""

from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

from frontdesk.accounts import names
from frontdesk.accounts.names import Words
from frontdesk.model import Range

RANGES_MAX = 96

# The order of the answer, as issue and interface promise it.
USERNAME, NAME, NAME_BEGINS, WORD_BEGINS, BOTH_BEGIN, SCATTERED, CLOSE = range(7)

_END = "\U0010ffff"  # above every key, in byte order
_AFTER_WORD = "!"  # above the space that ends a word, below every letter
_AFTER_KEY = "\x01"  # above the key itself, below everything that begins with it


class Plan(NamedTuple):
    """A query: its `words`, the same in Latin letters, and the `ranges` of what it says.

    `digest`: two queries with the same words have the same. `single`: the only word in Latin letters, or a username
    without its signs, else ""; `written`: the same with its signs, "" if it has none.
    """

    words: Words
    latin: Words
    ranges: tuple[Range, ...]
    digest: int
    single: str
    written: str


def plan_of(text: str) -> Plan | None:
    """How to look for `text`, any text; None if there is nothing in it to look for."""
    text = text[:400]
    words = names.words_of(text)
    if not words:
        return None
    romanised = names.romanised(text)
    ways = _ways_to_write(words)
    splits = _splits(words[0]) if len(words) == 1 else []
    found = _Ranges()

    joined = "".join(words)
    literal = names.literal_of(text)
    if literal != joined:
        found.add(USERNAME, f"a{joined} {literal}", _AFTER_KEY)
    found.add(USERNAME, "a" + joined, _AFTER_WORD)
    for way in ways + splits:
        found.add(NAME, "b" + " ".join(way), _AFTER_KEY)
    for way in ways:
        found.add(NAME_BEGINS, "b" + " ".join(way))
    if len(words) == 1 and 2 <= len(joined) <= 4 and joined.isascii():
        found.add(NAME_BEGINS, "d" + joined, _AFTER_KEY)
    for way in splits:
        found.add(NAME_BEGINS, "b" + " ".join(way))
    found.add(WORD_BEGINS, "a" + joined)
    for way in ways + splits:
        found.add(WORD_BEGINS, "c" + " ".join(way))
    if len(words) == 2:
        for kind in "bc":
            found.add(WORD_BEGINS, kind + " ".join(reversed(words)))
    if joined.isascii():
        bare = [names.consonants(word) for word in words]
        if sum(map(len, bare)) >= 3:
            found.add(WORD_BEGINS, "e" + " ".join(bare))
    if not any(map(names.is_han, words)):
        for way in romanised:
            for kind in "bc":
                found.add(WORD_BEGINS, kind + " ".join(way))

    latin = romanised[0] if romanised else words
    ranges = found.ranges
    if len(words) == 1 and names.is_han(words[0]):
        # The only mistakes that near.py could add, and cheaper here, where they need no statement of their own.
        ranges = ranges + homophones(words, latin)
    # No username begins or ends with a dot; who has one in mind often writes an @ before it.
    written = literal.strip("@.")
    is_username = written.isascii() and written.translate(names.SIGNS) == joined
    return Plan(
        words,
        latin,
        tuple(ranges[:RANGES_MAX]),
        digest=crc32(" ".join((literal, *words)).encode()),
        single="".join(latin) if is_username or len(latin) == 1 else "",
        written=written if is_username and written != joined else "",
    )


def begins(stage: int, place: int, key: str, *, scattered: bool = False) -> Range:
    """Every key that begins with `key`."""
    key = key[: names.KEY_MAX + 1]
    return Range((stage, place, key), key, key + _END, scattered)


def whole(stage: int, place: int, key: str) -> Range:
    """Every key that begins with the whole words of `key`."""
    key = key[: names.KEY_MAX + 1]
    return Range((stage, place, key), key, key + _AFTER_WORD)


def exactly(stage: int, place: int, key: str) -> Range:
    """Everybody who has `key`."""
    return Range((stage, place, key), key, key + _AFTER_KEY)


def homophones(words: Words, latin: Words) -> list[Range]:
    """Other characters of the same sound as `words`, which are `latin` in Latin letters.

    The typing mistake of those who type by pinyin.
    """
    if len("".join(words)) < 2 or latin == words:
        return []
    return [whole(CLOSE, 100, kind + " ".join(latin)) for kind in "bc"]


class _Ranges:
    def __init__(self) -> None:
        self.ranges: list[Range] = []
        # How far the ranges that begin with a key go.
        self._ends: dict[str, str] = {}

    def add(self, stage: int, key: str, end: str = _END) -> None:
        """Keys from `key` to `key` and `end`, if they aren't there yet."""
        key = key[: names.KEY_MAX + 1].rstrip()
        held = self._ends.get(key, "")
        if held < end:
            self._ends[key] = end
            self.ranges.append(Range((stage, len(self.ranges), key), key + held, key + end))


def _ways_to_write(words: Words) -> list[Words]:
    """`words` as typed, then with neighbours written as one word, then spelled without umlauts."""
    ways = [words]
    if len(words) <= 4:
        for joints in range(1, 1 << (len(words) - 1)):
            way = words[:1]
            for n, (_, word) in enumerate(pairwise(words)):
                way = (*way[:-1], way[-1] + word) if joints >> n & 1 else (*way, word)
            ways.append(way)
    else:
        ways.append(("".join(words),))
    if len(words) == 2 and all(map(names.is_han, words)):
        ways.append((words[1] + words[0],))
    for spelling in (_without_umlauts, names.shorten):
        way = tuple(map(spelling, words))
        if way not in ways:
            ways.append(way)
    return ways


def _without_umlauts(word: str) -> str:
    """mueller → muller, which is how müller is kept."""
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u")


def _splits(word: str) -> list[Words]:
    """One word as two: wangwei, annemarie and 佐藤太郎 are as often written apart."""
    if word.isascii():
        return [(word[:n], word[n:]) for n in range(2, len(word))] if 4 <= len(word) <= 24 else []
    return [(word[:n], word[n:]) for n in range(1, len(word))] if 2 <= len(word) <= 8 else []
