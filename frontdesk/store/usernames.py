"""Statements about usernames in the search index, whose keys begin with "a" (accounts/names.py)."""

from collections.abc import Sequence
from typing import NamedTuple

from frontdesk.store.connection import Queries
from frontdesk.store.people import RS


class Typed(NamedTuple):
    """A username as somebody typed it: `word` without its signs; `written` with them, "" if it has none."""

    word: str
    written: str


class Sought(NamedTuple):
    """What one search asks of the usernames. `beside`: the one whose neighbours are sought. `starts`: how keys may
    begin, a line each; `tails`: how usernames may end, each read backwards.

    No ASCII letter comes behind "~"; who goes on with another one is no neighbour in spelling.

    Bounded: 8 on each side in each order; 64 of a start or a tail, 500 of all starts and 500 of all tails.
    """

    beside: Typed | None = None
    starts: str = ""
    tails: str = ""


class Usernames(NamedTuple):
    """Keys. `in_order`: the neighbours in their order; `backwards`: in that of usernames without signs, read backwards;
    `written`: in that of usernames with signs, read backwards. `found`: those that begin or end as asked."""

    in_order: list[str]
    backwards: list[str]
    written: list[str]
    found: list[str]


async def find_usernames(db: Queries, asked: Sequence[Sought]) -> list[Usernames]:
    """What each asks for."""
    rows = await db.fetch(
        """
        SELECT (SELECT string_agg(key, E'\\n')
                  FROM ((SELECT key FROM people_keys
                          WHERE key > q.beside COLLATE "C" AND key < 'b' COLLATE "C"
                          ORDER BY key, account_id LIMIT 8)
                        UNION ALL
                        (SELECT key FROM people_keys
                          WHERE key < q.beside COLLATE "C" AND key > 'a' COLLATE "C"
                          ORDER BY key DESC, account_id DESC LIMIT 8)) k),
               (SELECT string_agg(key, E'\\n')
                  FROM ((SELECT key FROM people_keys
                          WHERE reverse(key) > reverse(q.beside) COLLATE "C"
                            AND key < 'b' COLLATE "C" AND strpos(key, ' ') = 0
                          ORDER BY reverse(key) LIMIT 8)
                        UNION ALL
                        (SELECT key FROM people_keys
                          WHERE reverse(key) < reverse(q.beside) COLLATE "C"
                            AND key < 'b' COLLATE "C" AND strpos(key, ' ') = 0
                          ORDER BY reverse(key) DESC LIMIT 8)) k),
               (SELECT string_agg(key, E'\\n')
                  FROM ((SELECT key FROM people_keys
                          WHERE reverse(split_part(key, ' ', 2)) > q.backwards COLLATE "C"
                            AND key < 'b' COLLATE "C" AND strpos(key, ' ') > 0
                          ORDER BY reverse(split_part(key, ' ', 2)) LIMIT 8)
                        UNION ALL
                        (SELECT key FROM people_keys
                          WHERE reverse(split_part(key, ' ', 2)) < q.backwards COLLATE "C"
                            AND key < 'b' COLLATE "C" AND strpos(key, ' ') > 0
                          ORDER BY reverse(split_part(key, ' ', 2)) DESC LIMIT 8)) k),
               (SELECT string_agg(key, E'\\n')
                  FROM ((SELECT k.key
                           FROM unnest(string_to_array(q.starts, E'\\n')) AS s (start)
                          CROSS JOIN LATERAL (
                                SELECT key FROM people_keys
                                 WHERE key >= s.start COLLATE "C" AND key < (s.start || '~') COLLATE "C"
                                 ORDER BY key, account_id LIMIT 64) k
                          LIMIT 500)
                        UNION ALL
                        (SELECT k.key
                           FROM unnest(string_to_array(q.tails, E'\\n')) AS t (tail)
                          CROSS JOIN LATERAL (
                                (SELECT key FROM people_keys
                                  WHERE reverse(key) >= t.tail COLLATE "C"
                                    AND reverse(key) < (t.tail || '~') COLLATE "C"
                                    AND key < 'b' COLLATE "C" AND strpos(key, ' ') = 0
                                  ORDER BY reverse(key) LIMIT 64)
                                UNION ALL
                                (SELECT key FROM people_keys
                                  WHERE reverse(split_part(key, ' ', 2)) >= t.tail COLLATE "C"
                                    AND reverse(split_part(key, ' ', 2)) < (t.tail || '~') COLLATE "C"
                                    AND key < 'b' COLLATE "C" AND strpos(key, ' ') > 0
                                  ORDER BY reverse(split_part(key, ' ', 2)) LIMIT 64)) k
                          LIMIT 500)) k)
          FROM unnest(string_to_array($1, E'\\x1e', ''), string_to_array($2, E'\\x1e', ''),
                      string_to_array($3, E'\\x1e', ''), string_to_array($4, E'\\x1e', ''),
                      string_to_array($5, E'\\x1e')::integer[]) AS q (beside, backwards, starts, tails, q)
         ORDER BY q.q
        """,
        # Beside NULL, which the server makes of "", there's nobody. Of a single "" it makes no row, hence numbers.
        RS.join(["a" + each.beside.word if each.beside else "" for each in asked]),
        RS.join([(each.beside.written or each.beside.word)[::-1] if each.beside else "" for each in asked]),
        RS.join([each.starts for each in asked]),
        RS.join([each.tails for each in asked]),
        RS.join([str(n) for n in range(len(asked))]),
    )
    return [Usernames(*[keys.split("\n") if keys else [] for keys in row]) for row in rows]
