"""What the search index needs of many people, worked out in one process and stored by another.

The same as search.index_people stores, in two steps: the first takes most of the time and no database.
"""

from collections.abc import Container, Sequence
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

from frontdesk.accounts import names
from frontdesk.accounts.mistakes import ONE, allowed, remainders
from frontdesk.store import people as store
from frontdesk.store.connection import Queries

Part = TypeVar("Part")


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
    sampled = None
    if words and account_id.int % store.SAMPLE == 0:
        sampled = words[account_id.int // store.SAMPLE % len(words)]
    return Entry(names.keys_of(username, name), words, sampled)


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


async def add_entries(
    db: Queries, entries: Entries, ids: Sequence[UUID], only: Container[int] | None = None
) -> None:
    """Let new people be found at once. One call a transaction, the one that writes their accounts.

    ids: whose entries these are, by place. only: the places that count, if it's not all.
    """
    keys = _of(entries.keys, entries.key_owners, only)
    owners = [ids[n] for n in _of(entries.key_owners, entries.key_owners, only)]
    await store.insert_keys(db, owners, keys)
    words = list(dict.fromkeys(_of(entries.words, entries.word_owners, only)))
    new = await store.add_words(db, words)
    rests = [
        (rest, word) for word in new if len(word) >= ONE for rest in sorted(remainders(word, allowed(word)))
    ]
    if rests:
        await store.add_remainders(db, [rest for rest, _ in rests], [word for _, word in rests])
    samples: dict[str, int] = {}
    for word in _of(entries.sampled, entries.sampled_owners, only):
        samples[word] = samples.get(word, 0) + 1
    if samples:
        await store.count_words(db, sorted(samples), [samples[word] for word in sorted(samples)])


def _of(parts: list[Part], owners: list[int], only: Container[int] | None) -> list[Part]:
    return parts if only is None else [part for part, n in zip(parts, owners, strict=True) if n in only]
