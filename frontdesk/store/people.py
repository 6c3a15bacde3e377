"""Statements about the search index. accounts/names.py says what a key is."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from frontdesk.store.connection import Queries

# Before every account.
FIRST = UUID(int=0)
_FIRST = str(FIRST)


# What is many goes to the server as one text, not as an array: asyncpg looks at each element of an array in Python,
# which costs half a microsecond. 600 keys in an array take 350 µs of the event loop, in a text 10; the parts of sixteen
# scans take 20 µs less. So lines, as keys are, make a part of what one asks, and RS stands between those of all who ask
# together. Where nothing stands is NULL on the other side.
RS = "\x1e"


class Scan(NamedTuple):
    """What one search asks of the keys: the first of each range, from its place in `lows` up to, and without, that in
    `highs`. None of these holds a line feed or RS.

    Of the first low, only accounts behind `after`. usual: how many of a range, if they haven't `limits` of their own,
    one for each. limit: how many in all; later ranges cost nothing then.
    """

    lows: Sequence[str]
    highs: Sequence[str]
    usual: int
    limit: int
    after: UUID = FIRST
    limits: Sequence[int] = ()


# Somebody whom a scan has found: the place of the range among those asked for, the key, the account, and its username
# and name, "" if it's hidden, disabled or gone, which the index shouldn't contain. A tuple without names, as there are
# some dozens for each letter typed: a record would cost three times as much.
Match = tuple[int, str, UUID, str, str]


class Question(NamedTuple):
    """What one search asks of the vocabulary: `words`, words that begin with `beginnings`, words near mistyped ones.

    `remainders`: those of each mistyped word. `probes`: keys that may exist, a line each. `backwards`: keys of
    usernames without signs, each read backwards. `written`: keys of usernames with signs; `written_backwards`: such
    usernames, as they're written, read backwards. Bounded: 24 keys of each, among those of the first 1,000 people; 300
    rows a mistyped word; for a beginning, `completions` of the first 400 words in order, and for one that is shorter
    than three letters, also of those of the 1,000 commonest that do.
    """

    words: Sequence[str] = ()
    beginnings: Sequence[str] = ()
    remainders: Sequence[Collection[str]] = ()
    probes: str = ""
    backwards: str = ""
    written: str = ""
    written_backwards: str = ""
    completions: int = 0


class Words(NamedTuple):
    """What the vocabulary knows.

    `people`: words that were asked for, with the number of samples of each; `completions`: for each
    beginning, by its place, the words that begin so, the commonest first; `near`: for each mistyped word, by
    its place, the words that share a remainder with it, each with the magnitude of that number, which is its length
    in bits; `probed`: those of the keys asked for that exist.
    """

    people: dict[str, int]
    completions: dict[int, list[str]]
    near: dict[int, dict[str, int]]
    probed: list[str]


async def scan(db: Queries, asked: Sequence[Scan]) -> list[list[Match]]:
    """The first keys of each range, range by range, for each of those who ask."""
    rows = await db.fetch(
        """
        SELECT found.ns, found.account_ids, found.keys, found.usernames, found.names
          FROM unnest(string_to_array($1, E'\\x1e', ''), string_to_array($2, E'\\x1e', ''),
                      string_to_array($3, E'\\x1e', ''), string_to_array($4, E'\\x1e')::integer[],
                      string_to_array($5, E'\\x1e')::uuid[], string_to_array($6, E'\\x1e')::integer[])
               WITH ORDINALITY AS q (lows, highs, limits, usual, after, most, q)
         CROSS JOIN LATERAL (
                SELECT array_agg(f.n::integer - 1) AS ns,
                       array_agg(f.account_id) AS account_ids,
                       string_agg(f.key, E'\\n') AS keys,
                       string_agg(coalesce(f.username, ''), E'\\n') AS usernames,
                       string_agg(coalesce(f.name, ''), E'\\n') AS names
                  FROM (SELECT r.n, k.key, k.account_id, k.username, k.name
                          FROM unnest(string_to_array(q.lows, E'\\n'), string_to_array(q.highs, E'\\n'),
                                      string_to_array(q.limits, E'\\n')::integer[])
                               WITH ORDINALITY AS r (low, high, most, n)
                         CROSS JOIN LATERAL (SELECT key, account_id, username, name
                                               FROM people_keys
                                              WHERE (key, account_id)
                                                    > (r.low COLLATE "C", CASE r.n WHEN 1 THEN q.after ELSE $7 END)
                                                AND key < r.high COLLATE "C"
                                              ORDER BY key, account_id
                                              LIMIT coalesce(r.most, q.usual)) k
                         LIMIT q.most) f) found
         ORDER BY q.q
        """,
        RS.join(["\n".join(each.lows) for each in asked]),
        RS.join(["\n".join(each.highs) for each in asked]),
        RS.join(["\n".join(map(str, each.limits)) for each in asked]),
        RS.join([str(each.usual) for each in asked]),
        RS.join([_FIRST if each.after is FIRST else str(each.after) for each in asked]),
        RS.join([str(each.limit) for each in asked]),
        FIRST,
    )
    # A row of columns for each who asks costs both sides less than a row a person, and columns that are texts less than
    # arrays. The ranges are read one after the other, so all is in order.
    found: list[list[Match]] = []
    unknown: list[UUID] = []
    for ns, account_ids, keys, usernames, names in rows:
        if ns is None:
            found.append([])
            continue
        shown = usernames.split("\n")
        if "" in shown:
            unknown += [
                account_id for account_id, username in zip(account_ids, shown, strict=True) if not username
            ]
        found.append(list(zip(ns, keys.split("\n"), account_ids, shown, names.split("\n"), strict=True)))
    return await _look_up(db, found, unknown) if unknown else found


async def _look_up(db: Queries, found: list[list[Match]], unknown: list[UUID]) -> list[list[Match]]:
    """The same, with the accounts asked where the keys say nothing: an account was changed and the index not yet told,
    or by a version that writes nothing beside the keys."""
    rows = await db.fetch(
        "SELECT id, username, name FROM accounts WHERE id = ANY ($1::uuid[]) AND discoverable AND disabled_at IS NULL",
        unknown,
    )
    known = {account_id: (username, name) for account_id, username, name in rows}
    return [
        [match if match[3] else (*match[:3], *known.get(match[2], ("", ""))) for match in matches]
        for matches in found
    ]


async def find_words(db: Queries, asked: Sequence[Question]) -> list[Words]:
    """What the vocabulary knows of what each asks for."""
    rows = await db.fetch(
        """
        SELECT q.q, found.kind, found.n, found.word, found.people
          FROM unnest(string_to_array($1, E'\\x1e', ''), string_to_array($2, E'\\x1e', ''),
                      string_to_array($3, E'\\x1e', ''), string_to_array($4, E'\\x1e', ''),
                      string_to_array($5, E'\\x1e', ''), string_to_array($6, E'\\x1e', ''),
                      string_to_array($7, E'\\x1e', ''), string_to_array($8, E'\\x1e')::integer[])
               WITH ORDINALITY AS q (words, beginnings, remainders, probes, backwards, written, written_backwards,
                                     completions, q)
         CROSS JOIN LATERAL (
        SELECT 0 AS kind, 0 AS n, w.word, w.people
          FROM unnest(string_to_array(q.words, E'\\n')) AS asked (word)
          JOIN people_words w ON w.word = asked.word COLLATE "C"
        UNION ALL
        SELECT 1, b.n::integer, w.word, w.people
          FROM unnest(string_to_array(q.beginnings, E'\\n')) WITH ORDINALITY AS b (word, n)
         CROSS JOIN LATERAL (
                SELECT word, people
                  FROM ((SELECT word, people FROM people_words
                          WHERE word >= b.word COLLATE "C" AND word < (b.word || '~') COLLATE "C"
                          ORDER BY word LIMIT 400)
                        UNION
                        SELECT word, people
                          FROM (SELECT word, people FROM people_words
                                 ORDER BY people DESC, word LIMIT 1000) common
                         WHERE length(b.word) < 3 AND starts_with(word, b.word)) beginning
                 ORDER BY people DESC, word LIMIT q.completions) w
        UNION ALL
        SELECT 2, t.n::integer, near.word, near.magnitude
          FROM unnest(string_to_array(q.remainders, E'\\n')) WITH ORDINALITY AS t (remainders, n)
         CROSS JOIN LATERAL (SELECT word, magnitude FROM people_near
                              WHERE remainder = ANY (string_to_array(t.remainders, ' '))
                              ORDER BY remainder LIMIT 300) near
        UNION ALL
        SELECT 3, 0, u.key, 0
          FROM unnest(ARRAY[q.probes, q.written]) AS asked (keys)
         CROSS JOIN LATERAL (
                SELECT DISTINCT key
                  FROM (SELECT key FROM people_keys
                         WHERE key = ANY (string_to_array(asked.keys, E'\\n')) ORDER BY key LIMIT 1000) k
                 LIMIT 24) u
        UNION ALL
        SELECT 3, 0, key, 0
          FROM (SELECT DISTINCT key
                  FROM (SELECT key FROM people_keys
                         WHERE reverse(key) = ANY (string_to_array(q.backwards, E'\\n'))
                           AND key < 'b' COLLATE "C" AND strpos(key, ' ') = 0
                         ORDER BY reverse(key) LIMIT 1000) k
                 LIMIT 24) b
        UNION ALL
        SELECT 3, 0, key, 0
          FROM (SELECT DISTINCT key
                  FROM (SELECT key FROM people_keys
                         WHERE reverse(split_part(key, ' ', 2)) = ANY (string_to_array(q.written_backwards, E'\\n'))
                           AND key < 'b' COLLATE "C" AND strpos(key, ' ') > 0
                         ORDER BY reverse(split_part(key, ' ', 2)) LIMIT 1000) k
                 LIMIT 24) wb) found
        """,
        RS.join(["\n".join(each.words) for each in asked]),
        RS.join(["\n".join(each.beginnings) for each in asked]),
        RS.join(["\n".join([" ".join(sorted(rests)) for rests in each.remainders]) for each in asked]),
        RS.join([each.probes for each in asked]),
        RS.join([each.backwards for each in asked]),
        RS.join([each.written for each in asked]),
        RS.join([each.written_backwards for each in asked]),
        RS.join([str(each.completions) for each in asked]),
    )
    found = [Words({}, {}, {}, []) for _ in asked]
    for q, kind, n, word, people in rows:
        words = found[q - 1]
        if kind == 0:
            words.people[word] = people
        elif kind == 1:
            words.completions.setdefault(n - 1, []).append(word)
        elif kind == 2:
            words.near.setdefault(n - 1, {})[word] = people
        else:
            words.probed.append(word)
    return found


async def replace_keys(
    db: Queries, account_id: UUID, keys: Sequence[str], *, username: str = "", name: str = ""
) -> list[str]:
    """Let a person be found by `keys`, shown as `username` and `name`, and by nothing else; the keys that went."""
    rows = await db.fetch(
        """
        WITH added AS (
            INSERT INTO people_keys AS k (account_id, key, username, name)
            SELECT $1, key, $3, $4 FROM unnest($2::text[]) AS new (key)
                ON CONFLICT (key, account_id) DO UPDATE SET username = $3, name = $4
             WHERE (k.username, k.name) IS DISTINCT FROM ($3, $4))
        DELETE FROM people_keys WHERE account_id = $1 AND key <> ALL ($2::text[]) RETURNING key
        """,
        account_id,
        keys,
        _in_one_line(username),
        _in_one_line(name),
    )
    return [row["key"] for row in rows]


async def insert_keys(
    db: Queries,
    keys: Sequence[str],
    owners: Sequence[int],
    *,
    ids: Sequence[UUID],
    usernames: Sequence[str],
    names: Sequence[str],
) -> None:
    """Keys of many people at once. `owners`: whose each key is, as a place in `ids`, `usernames` and `names`.

    Those that are there already are left alone.
    """
    await db.execute(
        """
        INSERT INTO people_keys (account_id, key, username, name)
        SELECT p.id, k.key, p.username, p.name
          FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS k (key, owner, n)
          JOIN unnest($3::uuid[], $4::text[], $5::text[]) WITH ORDINALITY AS p (id, username, name, n)
            ON p.n = k.owner + 1
         ORDER BY k.n
            ON CONFLICT DO NOTHING
        """,
        keys,
        owners,
        ids,
        list(map(_in_one_line, usernames)),
        list(map(_in_one_line, names)),
    )


def _in_one_line(text: str) -> str:
    """No name has a line feed, unless somebody wrote it by hand; and `scan` tells names apart by them."""
    return text.replace("\n", " ")
