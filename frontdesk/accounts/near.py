"""The rest of the answer: words typed half, words in different places, and typing mistakes.

Asked only when the true matches of what was typed don't fill the page. Nearly all of it hangs on the vocabulary,
the words that names are made of, with about how many people have each.
"""

from typing import NamedTuple

from frontdesk.accounts import names, plan, usernames
from frontdesk.accounts.lookups import Lookup
from frontdesk.accounts.mistakes import (
    ONE,
    allowed,
    is_one_away,
    meant,
    one_away,
    remainders,
    typed_remainders,
)
from frontdesk.accounts.plan import Plan
from frontdesk.accounts.readings import family_names
from frontdesk.model import Range
from frontdesk.store import people as store
from frontdesk.store.usernames import Typed

# How many words of the vocabulary one typed word may stand for.
_COMPLETIONS = 16
_CORRECTIONS = 12
_CORRECTIONS_EACH = 6
# Places among what is close: a word with one mistake has 100 to 132, with two 200 to 232. Names that no vocabulary has
# come between them where they're asked for with the words, else behind all, as those were read before.
_BETWEEN, _LAST = 150, 300
# Where ranges begin of what two mistakes lead to.
TWO_MISTAKES = plan.CLOSE, 200
# Samples of a word up to which it's worth looking through those who have it: about a thousand people.
_RARE = 64


async def words_near(lookup: Lookup, asked: Plan) -> tuple[Range, ...]:
    """Ranges for what `asked` may mean besides what it says, in their order. At most RANGES_MAX."""
    if _is_han(asked):
        # Only other characters of the same sound may be meant. The plan of a single word has those already.
        alone = len(asked.words) == 1
        return () if alone else (*_scattered(asked, {}), *plan.homophones(asked.words, asked.latin))
    typed = asked.latin[:4]
    looked_for = [word for word in typed if 3 <= len(word) <= 24 and word.isascii() and word.isalpha()]
    # Of a long word two mistakes may be made, and whom one leads to comes before those.
    single = _single(asked) if allowed(asked.single) > 1 else _NOTHING
    found = await lookup.find_words(
        single.question._replace(
            words=typed,
            beginnings=typed if len(typed) == 2 else (),
            remainders=[*map(typed_remainders, looked_for), *single.question.remainders],
            completions=_COMPLETIONS + 1,
        )
    )
    ranges: list[Range] = []
    if len(typed) == 2:
        ranges += _both_begin(typed, found.completions)
    if len(asked.words) > 1:
        ranges += _scattered(asked, found.people)
    corrections = {word: _corrections(word, found.near.get(n, {})) for n, word in enumerate(looked_for)}
    ranges += _corrected(typed, corrections, rest=asked.latin[4:])
    ranges += single.ranges(found, first=len(looked_for), place=_BETWEEN)
    return tuple(sorted(set(ranges)))[: plan.RANGES_MAX]


async def names_near(lookup: Lookup, asked: Plan) -> tuple[Range, ...]:
    """Ranges of names that no vocabulary has, behind those of `words_near`, where these haven't asked for them yet.

    Of a short word, that is: its page is nearly always full by now, and they cost more than all the rest.
    """
    if _is_han(asked) or allowed(asked.single) > 1:
        return ()
    single = _single(asked)
    if single == _NOTHING:
        return ()
    found = await lookup.find_words(single.question)
    return tuple(sorted(single.ranges(found, first=0, place=_LAST)))[: plan.RANGES_MAX]


def is_long_username(asked: Plan) -> bool:
    """Whether `asked` may be a username with two mistakes."""
    return not _is_han(asked) and _is_username(asked.single) and allowed(asked.single) > 1


async def usernames_near(lookup: Lookup, asked: Plan) -> tuple[Range, ...]:
    """Ranges of usernames for which a long one may be two mistakes, or one and other signs; behind all others.

    As looking for them costs as much again as all before, that's for where nobody was found with fewer.
    """
    keys = await usernames.find_near(lookup, Typed(asked.single, asked.written))
    ranges = [plan.exactly(plan.CLOSE, _LAST + mistakes, key) for key, mistakes in keys.items()]
    return tuple(sorted(ranges))[: plan.RANGES_MAX]


def _is_han(asked: Plan) -> bool:
    """Who types characters has chosen each of them, and mistypes no letters."""
    return any(map(names.is_han, asked.words))


def _is_username(word: str) -> bool:
    return word.isascii() and 3 <= len(word) <= names.WORD_MAX


class _Single(NamedTuple):
    """What a single word may be a mistake for, of names that no vocabulary has.

    question: usernames, and names in two short words, that may exist. Of a username that is mistyped at the end the
    beginning is right, and of one that is mistyped at the beginning the end: looked for in the order of what is right,
    most of them are neighbours. split: family name and given name, which the vocabulary has, of names that are written
    in one word; `question` has the remainders of each given name, from which one letter may be missing.
    """

    question: store.Question
    split: list[tuple[str, str]]

    def ranges(self, found: store.Words, *, first: int, place: int) -> list[Range]:
        """One for each of all these, but for probes that don't exist, at `place`. first: the place in `found.near` of
        the first given name."""
        keys = set(found.probed)
        for n, (family, given) in enumerate(self.split, first):
            near = [word for mistakes, _, word in _corrections(given, found.near.get(n, {})) if mistakes == 1]
            keys.update(f"b{family} {word}" for word in near)
        return [plan.exactly(plan.CLOSE, place, key) for key in keys]


_NOTHING = _Single(store.Question(), [])


def _single(asked: Plan) -> _Single:
    word = asked.single
    if not _is_username(word):
        return _NOTHING
    half = len(word) // 2
    probes = [one_away(word, places=range(half, len(word) + 1), before="a")]
    split: list[tuple[str, str]] = []
    if len(asked.latin) == 1 and word.isalpha() and len(word) > ONE:
        for family in family_names(word[0]):
            given = word.removeprefix(family)
            if given != word and ONE <= len(given) <= 12:
                split.append((family, given))
            if given != word and len(given) == ONE:
                # The vocabulary tells no words apart that are as short as what may be meant.
                probes += [f"b{family} {given[:n]}{given[n + 1 :]}" for n in range(1, ONE)]
            elif given != word and 2 <= len(given) < ONE:
                probes.append(one_away(given, least=2, before=f"b{family} "))
            for length in range(len(family) - 1, len(family) + 2):
                if len(word) - length >= 2 and is_one_away(word[:length], family):
                    probes.append(f"b{family} {word[length:]}")
    at_the_beginning = one_away(word, places=range(half), before="a")
    written = written_backwards = ""
    # Of longer ones, keys have only the beginning.
    if asked.written and len(asked.written) < names.KEY_MAX // 2 - 1:
        half = len(asked.written) // 2
        written = _in_order(_written(asked.written, range(half, len(asked.written) + 1)))
        written_backwards = _in_order(_written(asked.written, range(half), keys=False)[::-1])
    question = store.Question(
        remainders=[remainders(given, 1) for _, given in split],
        probes=_in_order("\n".join(filter(None, probes))),
        backwards=_in_order(at_the_beginning[::-1]),
        written=written,
        written_backwards=written_backwards,
    )
    return _Single(question, split)


def _written(username: str, places: range, *, keys: bool = True) -> str:
    """Usernames with dots or other signs for which `username`, which has them too, may be a mistake at one of `places`.

    A line each, as they're written; or their keys.
    """
    typed = username.translate(names.SIGNS)
    signs = len(username) - len(typed)
    others = one_away(username, places=places)
    # With another number of signs it's no mistake at all, as these don't matter; nor do they make a word longer.
    return "\n".join(
        [
            f"a{bare} {other}" if keys else other
            for other, bare in zip(others.split("\n"), others.translate(names.SIGNS).split("\n"), strict=True)
            if len(other) - len(bare) == signs
            and len(bare) >= ONE
            and (bare[0] == typed[0] or min(len(bare), len(typed)) > ONE)
        ]
    )


def _in_order(lines: str) -> str:
    """PostgreSQL would sort them, which it does only if they aren't in order, and at four times what it costs here."""
    return "\n".join(sorted(lines.split("\n")))


def _both_begin(typed: tuple[str, ...], completions: dict[int, list[str]]) -> list[Range]:
    """we wa → wei wa…, wen wa…: each way that one of the two words goes on, with the other left as it is."""
    first, second = completions.get(0, []), completions.get(1, [])
    # One side is enough if the list of its completions is complete.
    if len(first) <= _COMPLETIONS:
        second = []
    elif len(second) <= _COMPLETIONS:
        first = []
    pairs = [(word, typed[1]) for word in first[:_COMPLETIONS] if word != typed[0]]
    pairs += [(word, typed[0]) for word in second[:_COMPLETIONS] if word != typed[1]]
    return [
        plan.begins(plan.BOTH_BEGIN, n, f"{kind}{a} {b}") for n, kind in enumerate("bc") for a, b in pairs
    ]


def _scattered(asked: Plan, people: dict[str, int]) -> list[Range]:
    """One or two of the rarest words wherever they stand; who reads the range checks the others."""
    rarest = sorted(dict.fromkeys(asked.words), key=lambda word: (people.get(word, 0), -len(word)))
    starts = []
    if len(rarest) > 2:
        # Every ordered pair of a name's words begins one of its keys.
        starts += [f"{kind}{rarest[0]} {rarest[1]}" for kind in "bc"]
    # A word of no name may be part of a username, and rare; but not if it's only a letter or two.
    if people.get(rarest[0], 0) <= _RARE and (rarest[0] in people or len(rarest[0]) > 2):
        starts += [kind + rarest[0] for kind in "abc"]
    return [plan.begins(plan.SCATTERED, n, start, scattered=True) for n, start in enumerate(starts)]


def _corrections(typed: str, near: dict[str, int]) -> list[tuple[int, int, str]]:
    """The words that `typed` may be a mistake for: mistakes, rank by commonness (0 the commonest), word."""
    found = [(mistakes, 32 - near[word], word) for word, mistakes in meant(typed, near)]
    return sorted(found)[:_CORRECTIONS]


def _corrected(
    typed: tuple[str, ...], corrections: dict[str, list[tuple[int, int, str]]], *, rest: tuple[str, ...]
) -> list[Range]:
    """What `typed` may be a mistake for, with `rest`, what was typed behind it, left as it is."""
    if len(typed) == 1:
        return [
            plan.whole(plan.CLOSE, mistakes * 100 + rank, kind + word)
            for mistakes, rank, word in corrections.get(typed[0], [])
            for kind in "bc"
        ]
    choices: dict[tuple[str, ...], tuple[int, int]] = {typed: (0, 0)}
    for n, word in enumerate(typed):
        for words, (mistakes, rank) in list(choices.items()):
            # Two words corrected at once only if there are no more than two; else the sum would explode.
            if mistakes and len(typed) > 2:
                continue
            for more, commonness, other in corrections.get(word, [])[:_CORRECTIONS_EACH]:
                choices.setdefault((*words[:n], other, *words[n + 1 :]), (mistakes + more, rank + commonness))
    found = []
    for words, (mistakes, rank) in sorted(choices.items(), key=lambda choice: (choice[1], choice[0])):
        if mistakes:
            text = " ".join((*words, *rest))
            # The last word may be half typed, unless it's one that was corrected.
            make = plan.begins if rest or words[-1] == typed[-1] else plan.whole
            found += [make(plan.CLOSE, mistakes * 100 + rank, kind + text) for kind in "bc"]
    return found[: plan.RANGES_MAX // 2]
