"""The rest of the answer: words typed half, words in different places, and typing mistakes.

Asked only when the true matches of what was typed don't fill the page. Nearly all of it hangs on the vocabulary,
the words that names are made of, with about how many people have each.
"""

from frontdesk.accounts import names, plan
from frontdesk.accounts.lookups import Lookup
from frontdesk.accounts.mistakes import (
    ONE,
    allowed,
    is_one_away,
    mistakes_between,
    one_away,
    typed_remainders,
)
from frontdesk.accounts.plan import Plan, Range
from frontdesk.accounts.readings import family_names
from frontdesk.store import people as store

# How many words of the vocabulary one typed word may stand for.
_COMPLETIONS = 16
_CORRECTIONS = 12
_CORRECTIONS_EACH = 6
# Names in one word that are looked up for one that may be mistyped.
_PROBES = 700
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
    probes, backwards = _probes(asked) if allowed(typed[0]) > 1 else ("", "")
    found = await lookup.find_words(
        store.Question(
            words=typed,
            beginnings=typed if len(typed) == 2 else (),
            remainders=[typed_remainders(word) for word in looked_for],
            probes=probes,
            backwards=backwards,
            completions=_COMPLETIONS + 1,
        )
    )
    ranges: list[Range] = []
    if len(typed) == 2:
        ranges += _both_begin(typed, found.completions)
    if len(asked.words) > 1:
        ranges += _scattered(asked, found.people)
    corrections = {word: _corrections(word, found.near.get(n, {})) for n, word in enumerate(looked_for)}
    ranges += _corrected(typed, corrections)
    ranges += _probed(found)
    return tuple(sorted(set(ranges)))[: plan.RANGES_MAX]


async def names_near(lookup: Lookup, asked: Plan) -> tuple[Range, ...]:
    """Ranges of names that no vocabulary has, behind those of `words_near`, where these haven't asked for them yet.

    Of a short word, that is: its page is nearly always full by now, and they cost more than all the rest.
    """
    if _is_han(asked) or allowed(asked.latin[0]) > 1:
        return ()
    probes, backwards = _probes(asked)
    if not probes:
        return ()
    found = await lookup.find_words(store.Question((), (), (), probes, backwards, completions=0))
    return tuple(sorted(_probed(found)))


def _is_han(asked: Plan) -> bool:
    """Who types characters has chosen each of them, and mistypes no letters."""
    return any(map(names.is_han, asked.words))


def _probed(found: store.Words) -> list[Range]:
    return [Range(plan.CLOSE, 150, key, key + "\x01") for key in found.probed]


def _probes(asked: Plan) -> tuple[str, str]:
    """What a single word may be a mistake for, of names that no vocabulary has, a line each: keys; and keys backwards.

    Usernames; and names that are written in one word, of which the vocabulary has the two halves. Of a username that is
    mistyped at the end the beginning is right, and of one that is mistyped at the beginning the end: looked for in the
    order of what is right, most of them are neighbours.
    """
    word = asked.latin[0]
    if len(asked.latin) > 1 or not word.isascii() or not 3 <= len(word) <= 20:
        return "", ""
    keys: list[str] = []
    if word.isalpha() and len(word) > ONE:
        # The longest first: of shan and sha, shantianfagn rather begins with shan.
        for family in sorted(family_names(word[0]), key=len, reverse=True):
            given = word.removeprefix(family)
            if given != word and 2 <= len(given) <= 12:
                keys += one_away(given, least=2, before=f"b{family} ").split("\n")
            for length in range(len(family) - 1, len(family) + 2):
                if len(word) - length >= 2 and is_one_away(word[:length], family):
                    keys.append(f"b{family} {word[length:]}")
    half = len(word) // 2
    at_the_end = one_away(word, places=range(half, len(word) + 1), before="a")
    at_the_beginning = one_away(word, places=range(half), before="a")
    return "\n".join((at_the_end, *keys[:_PROBES])), at_the_beginning[::-1]


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
    return [plan.begins(plan.SCATTERED, n, start)._replace(scattered=True) for n, start in enumerate(starts)]


def _corrections(typed: str, near: dict[str, int]) -> list[tuple[int, int, str]]:
    """The words that `typed` may be a mistake for: mistakes, rank by commonness (0 the commonest), word."""
    found = []
    for word, count in near.items():
        mistakes = mistakes_between(typed, word)
        if mistakes:
            found.append((mistakes, 32 - count.bit_length(), word))
    return sorted(found)[:_CORRECTIONS]


def _corrected(typed: tuple[str, ...], corrections: dict[str, list[tuple[int, int, str]]]) -> list[Range]:
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
            text = " ".join(words)
            # The last word may be half typed, unless it's one that was corrected.
            make = plan.whole if words[-1] != typed[-1] else plan.begins
            found += [make(plan.CLOSE, mistakes * 100 + rank, kind + text) for kind in "bc"]
    return found[: plan.RANGES_MAX // 2]
