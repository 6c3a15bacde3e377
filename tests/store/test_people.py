"""The statements of the search index: what they read, and how."""

import re

import asyncpg
import pytest

from frontdesk.store import people, vocabulary


@pytest.fixture
async def crowd(db: asyncpg.Connection) -> asyncpg.Connection:
    await db.execute(
        """
        INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
        SELECT 'u' || n, 'u' || n, 'u' || n, 'u' || n, 'Wei Wang', '' FROM generate_series(1, 5000) n
        """
    )
    await db.execute("INSERT INTO people_keys (account_id, key) SELECT id, 'bwei wang' FROM accounts")
    await db.execute("INSERT INTO people_keys (account_id, key) SELECT id, 'cwang wei' FROM accounts")
    await db.execute("VACUUM ANALYZE")
    return db


async def test_a_scan_ends_when_there_are_enough_rows(crowd: asyncpg.Connection) -> None:
    lows, highs = ["bwei", "cwang"], ["bwej", "cwanh"]
    asked = [people.Scan(lows, highs, 30, limit) for limit in (20, 50)]
    few, many = await people.scan(crowd, asked)
    assert [n for n, *_ in few] == [0] * 20
    assert [n for n, *_ in many] == [0] * 30 + [1] * 20


async def test_ranges_have_limits_of_their_own_if_they_are_told(crowd: asyncpg.Connection) -> None:
    lows, highs = ["bwei", "cwang"], ["bwej", "cwanh"]
    asked = [people.Scan(lows, highs, 30, 99, limits=limits) for limits in ((2, 3), (), (40, 1))]
    counts = [
        [sum(n == place for n, *_ in found) for place in (0, 1)] for found in await people.scan(crowd, asked)
    ]
    assert counts == [[2, 3], [30, 30], [40, 1]]


async def test_a_scan_goes_on_after_an_account_of_the_same_key(crowd: asyncpg.Connection) -> None:
    (first,) = await people.scan(crowd, [people.Scan(["bwei"], ["bwej"], 10, 10)])
    further = people.Scan(["bwei wang"], ["bwej"], 10, 10, after=first[-1][2])
    (second,) = await people.scan(crowd, [further])
    account_ids = [account_id for _, _, account_id, _, _ in first + second]
    assert account_ids == sorted(set(account_ids))


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_a_scan_reads_the_index_from_where_it_begins(crowd: asyncpg.Connection, mode: str) -> None:
    """The plan that every later call gets, too: a prepared statement is planned without its arguments."""
    await crowd.execute(f"SET plan_cache_mode = {mode}")
    query = _Query()
    await people.scan(query, [people.Scan(["bwei"], ["bwej"], 10, 20)])
    plan = await query.plan(crowd)
    assert "Index Scan using people_keys_key" in plan
    assert "Index Cond: ((ROW(key, account_id) > ROW(" in plan
    assert "Seq Scan on people_keys" not in plan
    assert "Rows Removed" not in plan


class _Counted:
    """A connection that notes what it's asked."""

    def __init__(self, db: asyncpg.Connection) -> None:
        self._db = db
        self.asked: list[str] = []

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        self.asked.append(query)
        return list(await self._db.fetch(query, *values))


async def test_a_scan_looks_up_those_accounts_only_whose_names_the_index_does_not_have(
    crowd: asyncpg.Connection,
) -> None:
    await crowd.execute("UPDATE people_keys SET username = 'wei', name = 'Wei' WHERE key < 'c'")
    (hidden,) = await crowd.fetchrow(
        "UPDATE accounts SET discoverable = false WHERE username = 'u7' RETURNING id"
    )
    await crowd.execute(
        "UPDATE people_keys SET username = 'wei', name = 'Wei' WHERE key < 'c' AND username IS NULL"
    )
    for low, statements in (("bwei", 1), ("cwang", 2)):
        counted = _Counted(crowd)
        (found,) = await people.scan(counted, [people.Scan([low], [low + "~"], 50, 50)])
        assert len(counted.asked) == statements
        shown = {account_id: (username, name) for _, _, account_id, username, name in found}
        for account_id, person in shown.items():
            row = await crowd.fetchrow("SELECT username, name FROM accounts WHERE id = $1", account_id)
            if low == "bwei":
                assert person == ("wei", "Wei")
            else:
                assert person == (("", "") if account_id == hidden else tuple(row))
    assert hidden in shown
    # However many ask together.
    counted = _Counted(crowd)
    both = await people.scan(counted, [people.Scan(["cwang"], ["cwang~"], most, most) for most in (5, 50)])
    assert both == [found[:5], found]
    assert len(counted.asked) == 2


async def test_a_line_feed_in_a_name_moves_no_other_name(crowd: asyncpg.Connection) -> None:
    """Registration takes none, but whoever changes a table by hand may."""
    ids = [row["id"] for row in await crowd.fetch("SELECT id FROM accounts ORDER BY id LIMIT 3")]
    await crowd.execute("TRUNCATE people_keys")
    await people.replace_keys(crowd, ids[0], ["bwei"], username="u1", name="Wei\nWang")
    keys, owners = ["bwei", "bwei"], [0, 1]
    await people.insert_keys(
        crowd, keys, owners, ids=ids[1:], usernames=["u2", "u3"], names=["Wei\nLi", "Wei Zhao"]
    )
    (found,) = await people.scan(crowd, [people.Scan(["bwei"], ["bwej"], 10, 10)])
    assert [(username, name) for _, _, _, username, name in found] == [
        *(("u1", "Wei Wang"), ("u2", "Wei Li"), ("u3", "Wei Zhao")),
    ]


async def test_words_that_were_never_added_are_not_found(db: asyncpg.Connection) -> None:
    asked = people.Question(
        words=["x"],
        beginnings=["x"],
        remainders=[["x"]],
        probes="ax",
        backwards="x",
        written="ax x.",
        written_backwards=".x",
        completions=5,
    )
    assert await people.find_words(db, [asked]) == [people.Words({}, {}, {}, [])]


async def test_completions_come_in_the_order_of_their_frequency(db: asyncpg.Connection) -> None:
    await vocabulary.add_words(db, ["wei", "wen", "wendy", "wang"])
    await vocabulary.count_words(db, ["wendy", "wen"], [5, 2])
    two = people.Question(words=["wen"], beginnings=["we"], completions=2)
    one = two._replace(words=["wendy"], completions=1)
    nothing = people.Question(completions=5)
    found = await people.find_words(db, [two, nothing, one])
    assert [words.completions for words in found] == [{0: ["wendy", "wen"]}, {}, {0: ["wendy"]}]
    assert [words.people for words in found] == [{"wen": 2}, {}, {"wendy": 5}]


async def test_words_near_a_mistyped_one_leave_room_for_those_near_another(db: asyncpg.Connection) -> None:
    # Some more than are read for a word.
    many = [f"christ{number:03}" for number in range(320)]
    await vocabulary.put_remainders(db, [*((word[:7], word, 0) for word in many), ("smih", "smith", 0)])
    near = [f"christ{digit}" for digit in "0123"]
    asked = people.Question(remainders=[near, ["smih"]])
    found, turned = await people.find_words(db, [asked, asked._replace(remainders=[["smih"], near])])
    assert found.near == {0: dict.fromkeys(many[:300], 0), 1: {"smith": 0}}
    assert turned.near == {0: {"smith": 0}, 1: dict.fromkeys(many[:300], 0)}


async def test_a_name_of_many_people_is_no_more_to_read(crowd: asyncpg.Connection) -> None:
    query = _Query()
    asked = people.Question(probes="bwei wang\nbwei wann")
    await people.find_words(query, [asked])
    await crowd.execute("SET plan_cache_mode = force_generic_plan")
    plan = await query.plan(crowd)
    # A row's figure is of one loop, on average.
    read = re.findall(r"actual rows=([\d.]+) loops=(\d+)", plan)
    assert max(float(rows) * int(loops) for rows, loops in read) == 1000
    assert [words.probed for words in await people.find_words(crowd, [asked])] == [["bwei wang"]]


async def test_usernames_are_found_by_how_they_read_backwards(crowd: asyncpg.Connection) -> None:
    await crowd.execute("INSERT INTO people_keys (account_id, key) SELECT id, 'a' || username FROM accounts")
    await crowd.execute(
        "INSERT INTO people_keys (account_id, key) SELECT id, 'a' || username || ' u.' FROM accounts"
    )
    many = "\n".join(f"au{number}"[::-1] for number in range(100, 200))
    asked = people.Question(backwards="321ua\nydobona\niew gnawc\n54ua")
    some, most = await people.find_words(crowd, [asked, asked._replace(backwards=many)])
    assert sorted(some.probed) == ["au123", "au45"]
    assert len(most.probed) == 24


async def test_usernames_with_signs_are_found_by_how_they_are_written_backwards(
    crowd: asyncpg.Connection,
) -> None:
    await crowd.execute(
        """
        INSERT INTO people_keys (account_id, key)
        SELECT id, format('a%s %s.', username, username) FROM accounts
         UNION ALL SELECT id, 'a' || username FROM accounts
        """
    )
    many = "\n".join(f"u{number}."[::-1] for number in range(100, 200))
    asked = people.Question(written_backwards=".321u\n321u\nydobon\n.54u")
    some, most = await people.find_words(crowd, [asked, asked._replace(written_backwards=many)])
    assert sorted(some.probed) == ["au123 u123.", "au45 u45."]
    assert len(most.probed) == 24


class _Query:
    """Keeps what a statement would send."""

    text = ""
    arguments: tuple[object, ...] = ()

    async def fetch(self, text: str, *arguments: object) -> list[object]:
        self.text, self.arguments = text, arguments
        return []

    async def plan(self, db: asyncpg.Connection) -> str:
        rows = await db.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {self.text}", *self.arguments)
        return "\n".join(row[0] for row in rows)
