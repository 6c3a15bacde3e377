"""What lets people be found: of one person, or of many at once.

Of many it's worked out in one process and stored by another: the first step takes most of the time and no database.
"""

from collections import Counter
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

from frontdesk.accounts import names
from frontdesk.accounts.mistakes import ONE, allowed, remainders
from frontdesk.accounts.pace import parts
from frontdesk.store import people as store
from frontdesk.store import vocabulary
from frontdesk.store.connection import Database, Queries

Part = TypeVar("Part")

# Rows of the index that a person has, about.
_ROWS_A_PERSON = 5


class Entry(Struct, frozen=True, gc=False):
    """What one person is found by. `sampled`: the word of the name that counts in the frequencies, if any."""

    keys: tuple[str, ...]
    words: tuple[str, ...]
    sampled: str | None


class Entries(Struct, frozen=True, array_like=True):
    """The entries of many people, each part with the place of whose it is, in the order of the index."""

    keys: list[str]
    key_owners: list[int]
    words: list[str]
    word_owners: list[int]
    sampled: list[str]
    sampled_owners: list[int]


def entry_of(account_id: UUID, username: str, name: str) -> Entry:
    """The entry of a person, from what others see of them."""
    words = _vocabulary(name)
    return Entry(names.keys_of(username, name), words, _sampled(account_id, words))


def _sampled(account_id: UUID, words: Sequence[str]) -> str | None:
    # One word of a sampled person, so that a registration never holds two of these rows.
    if words and account_id.int % vocabulary.SAMPLE == 0:
        return words[account_id.int // vocabulary.SAMPLE % len(words)]
    return None


@lru_cache(maxsize=16_384)
def _vocabulary(name: str) -> tuple[str, ...]:
    return tuple(sorted(names.vocabulary_of(name)))


def gather(entries: Sequence[Entry | None]) -> Entries:
    """`entries`, and none for those who aren't to be found, as one."""
    # Neighbours share pages of the index. Code points sort as their UTF-8 does.
    keys = sorted((key, n) for n, entry in enumerate(entries) if entry for key in entry.keys)
    words = sorted((word, n) for n, entry in enumerate(entries) if entry for word in entry.words)
    sampled = [(entry.sampled, n) for n, entry in enumerate(entries) if entry and entry.sampled]
    return Entries(
        [key for key, _ in keys],
        [n for _, n in keys],
        [word for word, _ in words],
        [n for _, n in words],
        [word for word, _ in sampled],
        [n for _, n in sampled],
    )


async def index_person(db: Queries, account_id: UUID, username: str, name: str) -> None:
    """Let a person be found by `username` and `name`, and no longer by earlier ones.

    Call it in the transaction that writes the account, after that write: the account's row is the lock.
    """
    words = sorted(names.vocabulary_of(name))
    keys = names.keys_of(username, name)
    gone = await store.replace_keys(db, account_id, keys, username=username, name=name)
    sampled = _sampled(account_id, words)
    await _add_words(db, words, [sampled] if sampled else [])
    if gone:
        await _release_words(db, gone, kept=frozenset(words))


async def unindex_person(db: Queries, account_id: UUID) -> None:
    """Let nobody find a person any more. For the transaction that hides, disables or deletes the account."""
    gone = await store.replace_keys(db, account_id, ())
    if gone:
        await _release_words(db, gone, kept=frozenset())


async def add_entries(
    db: Queries,
    entries: Entries,
    *,
    ids: Sequence[UUID],
    usernames: Sequence[str],
    display_names: Sequence[str],
    only: Container[int] | None = None,
    stretch: int = 5000,
) -> None:
    """Let new people be found at once. One call a transaction, the one that writes their accounts.

    ids, usernames, display_names: whose entries these are, by place. only: the places that count, if it's not all.
    stretch: how many people a statement is about.
    """
    keys = _of(entries.keys, entries.key_owners, only)
    owners = _of(entries.key_owners, entries.key_owners, only)
    most = stretch * _ROWS_A_PERSON
    for part in parts(len(keys), most):
        whose = sorted(set(owners[part]))
        places = {owner: place for place, owner in enumerate(whose)}
        await store.insert_keys(
            db,
            keys[part],
            [places[owner] for owner in owners[part]],
            ids=[ids[owner] for owner in whose],
            usernames=[usernames[owner] for owner in whose],
            names=[display_names[owner] for owner in whose],
        )
    words = list(dict.fromkeys(_of(entries.words, entries.word_owners, only)))
    await _add_words(db, words, _of(entries.sampled, entries.sampled_owners, only), most=most)


async def _add_words(db: Queries, words: Sequence[str], sampled: Sequence[str], *, most: int = 1000) -> None:
    """`words`, sorted, and those that count in the frequencies, at most `most` rows a statement."""
    counts = Counter(sampled)
    # What changes of how common a word is, as its remainders tell it: seldom, as it's told in powers of two.
    magnitudes: dict[str, int] = {}
    for part in parts(len(words), most):
        magnitudes |= dict.fromkeys(await vocabulary.add_words(db, words[part]), 0)
    if counts:
        # In one order everywhere: two who count at once would lock each other out.
        people = await vocabulary.count_words(db, sorted(counts), [counts[word] for word in sorted(counts)])
        for word, now in people.items():
            if now.bit_length() > (now - counts[word]).bit_length():
                magnitudes[word] = now.bit_length()
    await _put_remainders(db, magnitudes, most=most)


async def _put_remainders(db: Queries, magnitudes: dict[str, int], *, most: int) -> None:
    rests = [
        (rest, word, magnitude)
        for word, magnitude in magnitudes.items()
        if len(word) >= ONE
        for rest in sorted(remainders(word, allowed(word)))
    ]
    for part in parts(len(rests), most):
        await vocabulary.put_remainders(db, rests[part])


async def take_over(db: Database, *, limit: int) -> int:
    """Have words found when they're mistyped that the version before has brought in, at most `limit` of them, the
    commonest; how many those were. Raises Unavailable."""
    async with db.transaction() as transaction:
        taken = await vocabulary.take_not_near(transaction, limit=limit)
        magnitudes = {word: people.bit_length() for word, people in taken.items()}
        await _put_remainders(transaction, magnitudes, most=1000)
        return len(taken)


async def look_again(db: Database, *, limit: int) -> bool:
    """Forget words that somebody was adding when the last who had them left, `limit` at a time; whether there may be
    more that nobody is adding any more. Raises Unavailable."""
    async with db.transaction() as transaction:
        taken = await vocabulary.take_released(transaction, limit=limit)
        words = sorted(set(taken))
        busy = await _forget_unused(transaction, words)
        return len(taken) == limit and len(busy) < len(words)


async def _release_words(db: Queries, gone: Sequence[str], *, kept: frozenset[str]) -> None:
    """Forget words that nobody has any more: such a word was the name of one person."""
    words = {word for key in gone if key[0] in "bc" for word in key[1:].split(" ")}
    await _forget_unused(
        db, sorted(word for word in words - kept if len(word) > 1 and word.isascii() and word.isalpha())
    )


async def _forget_unused(db: Queries, words: Sequence[str]) -> list[str]:
    """Forget those of `words`, sorted, that nobody has; those that somebody may be adding now are remembered for later,
    and the answer."""
    if not words:
        return []
    free = set(await vocabulary.claim_words(db, words))
    unused = await vocabulary.drop_unused_words(db, sorted(free)) if free else []
    if rests := [(rest, word) for word in unused for rest in remainders(word, allowed(word))]:
        await vocabulary.drop_remainders(db, rests)
    busy = [word for word in words if word not in free]
    if busy:
        # To wait for whoever adds them, such as an import, would keep who leaves.
        await vocabulary.put_released(db, busy)
    return busy


def _of(parts: list[Part], owners: list[int], only: Container[int] | None) -> list[Part]:
    return parts if only is None else [part for part, n in zip(parts, owners, strict=True) if n in only]
