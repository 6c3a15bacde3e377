"""The rest of the answer: words typed half, words in different places, and typing mistakes.

Asked only when the true matches of what was typed don't fill the page. All of it hangs on the vocabulary,
the words that names are made of, with about how many people have each.
"""

from frontdesk.accounts import names, plan
from frontdesk.accounts.mistakes import mistakes_between, one_away, typed_remainders
from frontdesk.accounts.plan import Plan, Range
from frontdesk.store import people as store
from frontdesk.store.connection import Queries

# How many words of the vocabulary one typed word may stand for.
_COMPLETIONS = 16
_CORRECTIONS = 12
_CORRECTIONS_EACH = 6


async def ranges_near(db: Queries, asked: Plan) -> tuple[Range, ...]:
    """Ranges for what `asked` may mean besides what it says, in their order. At most RANGES_MAX."""
    typed = asked.latin[:4]
    looked_for = [word for word in typed if 3 <= len(word) <= 24 and word.isascii() and word.isalpha()]
    usernames = (
        ["a" + name for name in one_away(typed[0])]
        if len(typed) == 1 and typed[0].isascii() and 3 <= len(typed[0]) <= 20
        else []
    )
    found = await store.find_words(
        db,
        words=list(typed),
        beginnings=list(typed) if len(typed) == 2 else [],
        remainders=[(n, rest) for n, word in enumerate(looked_for) for rest in typed_remainders(word)],
        usernames=usernames,
        completions=_COMPLETIONS + 1,
    )
    ranges = []
    if len(typed) == 2:
        ranges += _both_begin(typed, found.completions)
    if len(asked.words) > 1:
        ranges += _scattered(asked, found.people)
    corrections = {
        word: _corrections(word, found.near.get(n, {}), found.people.get(word, 0))
        for n, word in enumerate(looked_for)
    }
    ranges += _corrected(typed, corrections)
    ranges += [Range(plan.CLOSE, 150, key, key + "\x01") for key in found.usernames]
    if any(map(names.is_han, asked.words)) and len("".join(asked.words)) > 1:
        ranges += _homophones(asked)
    return tuple(sorted(set(ranges), key=lambda range_: range_.order))[: plan.RANGES_MAX]


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
    """The rarest word, wherever it stands; the reader of the range checks the others."""

    def commonness(word: str) -> tuple[int, int]:
        # A word of no name may be a part of a username, and rare; but not if it's only a letter or two.
        return people.get(word, 0 if len(word) > 3 else 1 << 30), -len(word)

    rarest = min(asked.words, key=commonness)
    if rarest.isascii() and len(rarest) < 2:
        return []
    return [
        Range(plan.SCATTERED, n, kind + rarest, plan.begins(0, 0, kind + rarest).high, scattered=True)
        for n, kind in enumerate("abc")
    ]


def _corrections(typed: str, near: dict[str, int], people: int) -> list[tuple[int, int, str]]:
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


def _homophones(asked: Plan) -> list[Range]:
    """Another character of the same sound: the typing mistake of those who type by pinyin."""
    form = " ".join(names.romanised(" ".join(asked.words))[0])
    return [plan.whole(plan.CLOSE, 100, kind + form) for kind in "bc"]
