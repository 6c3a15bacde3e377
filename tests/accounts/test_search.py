"""Searching people: what is found, and in which order."""

import asyncio
import base64
from string import ascii_lowercase
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontdesk.accounts import cursor as cursors
from frontdesk.accounts import identity
from frontdesk.accounts.cursor import Cursor
from frontdesk.accounts.indexing import add_entries, entry_of, gather, index_person, unindex_person
from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.names import keys_of
from frontdesk.accounts.plan import plan_of
from frontdesk.accounts.search import _Ranges, search
from frontdesk.errors import InvalidCursor
from frontdesk.store import connection
from frontdesk.store.people import RS
from frontdesk.store.vocabulary import SAMPLE

PEOPLE = {
    "wangwei84": "王伟",
    "wei.wang": "Wei Wang",
    "bjorn.svensson7": "Björn Svensson",
    "jsmith": "Jennifer Smith",
    "jen": "Jen Smithson",
    "storyteller": "单田芳",
    "statesman": "曾国藩",
    "youngster": "解小东",
    "nana": "欧阳娜娜",
    "minsu": "김민수",
    "taro": "佐藤 太郎",
    "cherry": "田中さくら",
    "nata": "Наталья Петрова",
    "mo": "محمد علي",
    "ibo": "İbrahim Işık",
    "elef": "Ελευθερία Χρήστου",
    "am_obrien": "Anne-Marie O'Brien",
    "mjgl": "María José García López",
    "jain": "राहुल जैन",
    "lukasz": "Łukasz Straße",
    "soren": "Søren Ærøskøbing",
    "ixtu": "Ꞌixtu Maꞌaka",
    "jurgen": "Jürgen Müller",
    "founder": "Alexander Hamilton",
    "tiger99": "Wendy Walker",
}


async def add(db: asyncpg.Connection, username: str, name: str) -> object:
    async with db.transaction():
        account_id = await db.fetchval(
            """
            INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
            VALUES ($1, $1, $1, $2, $3, '') RETURNING id
            """,
            username,
            identity.username_key(username),
            name,
        )
        await index_person(db, account_id, username, name)
    return account_id


@pytest.fixture
async def everybody(db: asyncpg.Connection) -> asyncpg.Connection:
    for username, name in PEOPLE.items():
        await add(db, username, name)
    return db


async def found(db: asyncpg.Connection, text: str, limit: int = 10) -> list[str]:
    return [person.name for person in (await search(Lookups(db), text, limit=limit)).people]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("王伟", ["王", "伟", "王伟", "wangwei", "ww", "wangw", "WANGWEI84", "ｗａｎｇｗｅｉ", "王wei"]),
        ("王伟", ["wang wei", "wei wang", "wang w", "w wang", "we wa", "Wang, Wei", "伟 王", "wáng wěi"]),
        (
            "单田芳",
            [
                "单田芳",
                "shan tianfang",
                "shantianfang",
                "shan tian fang",
                "tianfang shan",
                "dan tianfang",
                "stf",
            ],
        ),
        ("曾国藩", ["zeng guofan", "国藩", "藩"]),
        ("解小东", ["xie xiaodong", "xiaodong"]),
        ("欧阳娜娜", ["ouyang nana", "ouyangnana", "娜娜", "欧阳"]),
        ("김민수", ["김민수", "김", "민수", "kim minsu", "kimminsu", "minsu kim", "gim minsu"]),
        ("佐藤 太郎", ["佐藤", "太郎", "佐藤太郎", "sato taro", "satou tarou", "taro sato"]),
        ("田中さくら", ["さくら", "sakura", "tanaka sakura", "田中"]),
        ("Наталья Петрова", ["наталья", "ПЕТРОВА НАТАЛЬЯ", "natalya petrova", "petrova", "natalia"]),
        ("محمد علي", ["محمد", "علي محمد", "mohammed ali", "muhammad", "mohamed", "mhmd"]),
        ("Ελευθερία Χρήστου", ["ελευθερια", "ΧΡΉΣΤΟΥ", "eleftheria", "christou e"]),
        ("İbrahim Işık", ["ibrahim", "İBRAHİM", "ışık", "isik", "IŞIK"]),
        (
            "Björn Svensson",
            ["bjorn", "björn", "BJÖRN", "svensson b", "bjorn.svensson7", "bjornsvensson7", "svensson7"],
        ),
        ("Łukasz Straße", ["lukasz", "strasse", "STRASSE", "straße", "łukasz s"]),
        ("Søren Ærøskøbing", ["soren", "aeroskobing", "søren"]),
        ("Jürgen Müller", ["muller", "mueller", "müller", "juergen", "jurgen mueller"]),
        # Letters that sound like nothing, and are typed as an apostrophe, as another such letter, or not at all.
        ("Ꞌixtu Maꞌaka", ["ꞌixtu", "ixtu maaka", "ma'aka", "maꞌaka", "maʔaka"]),
        (
            "Anne-Marie O'Brien",
            ["obrien", "o'brien", "o’brien", "o brien", "annemarie", "anne marie", "marie-anne"],
        ),
        ("María José García López", ["garcia maria", "lopez maria jose", "jose lopez", "MARIA JOSE"]),
        ("राहुल जैन", ["राहुल", "जैन राहुल", "rahul", "jain r"]),
        ("Wendy Walker", ["tiger99", "tiger", "walker w", "wendy tiger99", "walker tiger", "wend walk"]),
    ],
)
async def test_people_are_found_the_way_they_are_looked_for(
    everybody: asyncpg.Connection, name: str, texts: list[str]
) -> None:
    for text in texts:
        assert name in await found(everybody, text), text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("jenifer", "Jennifer Smith"),
        ("jennfier", "Jennifer Smith"),
        ("jenifr", "Jennifer Smith"),
        ("jenifer smith", "Jennifer Smith"),
        ("smith jenifer", "Jennifer Smith"),
        ("jenifer smiht", "Jennifer Smith"),
        ("jenifer smi", "Jennifer Smith"),
        ("alxandr", "Alexander Hamilton"),
        ("hamitlon", "Alexander Hamilton"),
        ("svenson", "Björn Svensson"),
        ("xiaodogn", "解小东"),
        ("founderr", "Alexander Hamilton"),
        ("汪伟", "王伟"),
        ("wangwie", "王伟"),
        ("wagnwei", "王伟"),
        ("shantianfagn", "单田芳"),
        ("shantianfng", "单田芳"),
        ("shanntianfang", "单田芳"),
        ("jiexiaodogn", "解小东"),
        ("wangweei", "王伟"),
        ("wangwi", "王伟"),
    ],
)
async def test_a_typing_mistake_is_forgiven(everybody: asyncpg.Connection, text: str, name: str) -> None:
    assert name in await found(everybody, text)


async def test_the_first_letter_of_a_short_word_is_never_taken_for_a_mistake(
    everybody: asyncpg.Connection,
) -> None:
    await add(everybody, "x1", "Mark")
    assert await found(everybody, "dark") == []
    assert await found(everybody, "mrak") == ["Mark"]


async def test_better_matches_come_first(db: asyncpg.Connection) -> None:
    for username, name in [
        ("u1", "Marta Marx"),
        ("u2", "Anna Marta"),
        ("u3", "Marta"),
        ("marta", "Zoe"),
        ("u4", "Marte"),
        ("u5", "Martabella"),
        ("marta77", "Yan"),
    ]:
        await add(db, username, name)
    assert await found(db, "marta") == [
        "Zoe",
        "Marta",
        "Marta Marx",
        "Martabella",
        "Yan",
        "Anna Marta",
        "Marte",
    ]


async def test_the_username_as_it_is_written_comes_before_one_that_differs_in_a_dot(
    db: asyncpg.Connection,
) -> None:
    for username in ("a_b", "ab", "a.b"):
        await add(db, username, username.upper())
    assert (await found(db, "a.b"))[0] == "A.B"
    assert (await found(db, "a_b"))[0] == "A_B"
    assert (await found(db, "ab"))[0] == "AB"


@pytest.mark.parametrize("text", ["", " ", "\t\n", "%_\\", "🌸", "'", "-", "\u200b", "\u0301"])
async def test_what_holds_no_letter_finds_nobody(everybody: asyncpg.Connection, text: str) -> None:
    page = await search(Lookups(everybody), text, limit=10)
    assert page.people == ()
    assert page.next is None


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_pages_follow_each_other_without_gap_or_repetition(db: asyncpg.Connection, limit: int) -> None:
    for n in range(25):
        await add(db, f"wan{n:02}", f"Wan{'abc'[n % 3]} Wang")
    everyone = await walk(db, "wan", 100)
    assert sorted(everyone) == sorted(f"wan{n:02}" for n in range(25))
    assert await walk(db, "wan", limit) == everyone
    assert await walk(db, "wanng", limit) == await walk(db, "wanng", 100)
    assert sorted(await walk(db, "wanng", limit)) == sorted(everyone)


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 100])
async def test_pages_of_characters_go_on_to_those_of_the_same_sound(
    db: asyncpg.Connection, limit: int
) -> None:
    for n in range(5):
        await add(db, f"typed{n}", "王伟")
        await add(db, f"sound{n}", "王薇")
    everyone = await walk(db, "王伟", limit)
    assert [sorted(everyone[:5]), sorted(everyone[5:])] == [
        [f"{kind}{n}" for n in range(5)] for kind in ("typed", "sound")
    ]


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 100])
async def test_pages_go_on_from_names_near_a_mistyped_one_to_usernames(
    db: asyncpg.Connection, limit: int
) -> None:
    for n in range(5):
        await add(db, f"u{n}", "Olga")
    for username in ("olgb", "olgc", "oga"):
        await add(db, username, "Zoe")
    everyone = await walk(db, "olgq", limit)
    assert sorted(everyone[:5]) == [f"u{n}" for n in range(5)]
    assert everyone[5:] == ["olgb", "olgc"]


async def test_a_mistake_is_forgiven_only_to_who_has_the_other_words_too(db: asyncpg.Connection) -> None:
    await add(db, "ana", "Ana Maria Lopez Silva")
    await add(db, "eva", "Eva Maria Lopez Silva Cruz")
    assert await found(db, "ana maria lopes silva") == ["Ana Maria Lopez Silva"]
    assert await found(db, "ana maria lopes silva xyzzy") == []
    assert await found(db, "eva maria lopes silva cruz") == ["Eva Maria Lopez Silva Cruz"]


async def test_a_username_near_a_short_word_is_found_behind_a_longer_name_near_it(
    db: asyncpg.Connection,
) -> None:
    await add(db, "petrovk", "Zoe")
    assert await found(db, "petrovq") == ["Zoe"]
    # Of a name this long two mistakes are forgiven.
    await add(db, "ann", "Petroviqa Ann")
    for limit in (1, 2, 10):
        assert await walk(db, "petrovq", limit) == ["ann", "petrovk"]


@pytest.mark.parametrize("username", ["marsupial", "numbat", "quoll1", "Wombat", "袋鼠"])
async def test_a_username_is_found_wherever_a_mistake_was_made(db: asyncpg.Connection, username: str) -> None:
    await add(db, username, "Zoe")
    username = {"Wombat": "wombat", "袋鼠": "daishu"}.get(username, username)
    letters = username.rstrip("1")
    for n in range(len(letters)):
        left, letter, right = username[:n], username[n], username[n + 1 :]
        swapped = left + right[:1] + letter + right[1:] if n + 1 < len(letters) else left + right
        for typed in (left + right, f"{left}x{right}", f"{left}x{letter}{right}", swapped):
            assert await found(db, typed) == ["Zoe"], typed


@pytest.mark.parametrize("username", ["jo.smith", "o-live", "Ana_Maria.Lopez-Silva77"])
async def test_a_username_with_signs_is_found_wherever_a_letter_was_mistyped(
    db: asyncpg.Connection, username: str
) -> None:
    await add(db, username, "Zoe")
    await add(db, "xx.yy", "Bob")
    username = username.lower()
    for n, letter in enumerate(username):
        left, right = username[:n], username[n + 1 :]
        assert await found(db, f"{left}x{letter}{right}") == ["Zoe"]
        if letter.isalpha():
            assert await found(db, left + right) == ["Zoe"]
            assert await found(db, f"@{left}x{right}") == ["Zoe"]
        else:
            # Without the sign it's the same; so it is with another.
            assert await found(db, left + right) == ["Zoe"]
            assert await found(db, f"{left}.{right}") == ["Zoe"]
    # A long one forgives two.
    for typed in (username.replace(username[0], "xx", 1), f"{username}xx"):
        assert await found(db, typed) == (["Zoe"] if len(username) > 8 else [])


async def test_a_username_with_signs_is_found_however_many_are_near_without(db: asyncpg.Connection) -> None:
    for letter in ascii_lowercase:
        await add(db, f"lin{letter}", "Bob")
    await add(db, "li.nz", "Zoe")
    assert "Zoe" in await found(db, "li.nq", limit=100)


async def test_signs_make_no_word_long_enough_for_a_mistake(db: asyncpg.Connection) -> None:
    await add(db, "dr__no", "Zoe")
    await add(db, "a.b_c", "Bob")
    assert await found(db, "dr__mo") == ["Zoe"]
    assert await found(db, "xr__no") == []
    assert await found(db, "a.b_x") == []


async def test_a_username_without_signs_is_found_by_a_mistyped_one_with_some(db: asyncpg.Connection) -> None:
    await add(db, "josmith", "Zoe")
    for typed in ("jo.smyth", "jo.smth", "ko.smith", "jo-smithh", "@josmyth", "josmyth."):
        assert await found(db, typed) == ["Zoe"], typed
    # Two words are a name, in which there's no such mistake.
    assert await found(db, "jo smyth") == []


async def test_usernames_near_a_short_word_are_asked_for_when_nothing_else_fills_the_page(
    db: asyncpg.Connection,
) -> None:
    for n in range(5):
        await add(db, f"u{n}", "Olga")
    asked = _Asked(db)
    assert len((await search(Lookups(asked), "olgq", limit=4)).people) == 4
    assert asked.probes == [0]
    assert len((await search(Lookups(asked), "olgq", limit=5)).people) == 5
    assert asked.probes[:2] == [0, 0]
    assert asked.probes[2] > 100
    # Of a long word at once: what one mistake leads to comes before what two do.
    await search(Lookups(asked), "wilhelma", limit=5)
    assert asked.probes[3] > 100
    assert len(asked.probes) == 4


async def test_no_username_is_near_a_character(db: asyncpg.Connection) -> None:
    """Who types characters has chosen each of them: they aren't a mistake for what sounds nearly like them."""
    await add(db, "weii", "Zoe")
    assert await found(db, "伟") == []


async def test_who_is_called_exactly_so_is_not_read_again_as_one_whose_name_begins_so(
    db: asyncpg.Connection,
) -> None:
    for n in range(8):
        await add(db, f"u{n}", "Olga Orlova")
        await add(db, f"v{n}", "Olga Orlovask")
    asked = _Asked(db)
    page = await search(Lookups(asked), "olga orlova", limit=12)
    assert [person.name for person in page.people] == ["Olga Orlova"] * 8 + ["Olga Orlovask"] * 4
    # Read twice, they'd leave no room for the others.
    assert asked.scans == 1


class _Asked:
    """Counts the scans, and the probes of each question to the vocabulary."""

    def __init__(self, db: asyncpg.Connection) -> None:
        self._db = db
        self.scans = 0
        self.probes: list[int] = []

    async def fetch(self, query: str, *arguments: str) -> list[asyncpg.Record]:
        self.scans += "LIMIT q.most" in query
        if "people_near" in query:
            self.probes += [len(probes.split("\n")) if probes else 0 for probes in arguments[3].split(RS)]
        found: list[asyncpg.Record] = await self._db.fetch(query, *arguments)
        return found


async def test_a_page_that_holds_everybody_has_no_next(db: asyncpg.Connection) -> None:
    for n in range(3):
        await add(db, f"u{n}", "Olga")
    assert (await search(Lookups(db), "olga", limit=3)).next is None
    assert (await search(Lookups(db), "olga", limit=2)).next is not None


async def walk(db: asyncpg.Connection, text: str, limit: int) -> list[str]:
    seen: list[str] = []
    after = None
    for _ in range(100):
        page = await search(Lookups(db), text, limit=limit, after=after)
        assert len(page.people) <= limit
        seen += [person.username for person in page.people]
        after = page.next
        if after is None:
            return seen
    raise AssertionError("the pages never end")


async def test_pages_of_any_size_show_the_same_people_where_too_many_have_scattered_words(
    db: asyncpg.Connection,
) -> None:
    # "olga" and "xu" stand apart in these names; "olda xu", which they begin with, is one mistake from both together.
    for n in range(60):
        await add(db, f"u{n}", f"Olda Xu {ascii_lowercase[n // 26] * 3}{ascii_lowercase[n % 26] * 3} Olga Bo")
    whole = await walk(db, "olga xu", limit=100)
    assert len(whole) == len(set(whole)) >= 40
    for limit in (1, 7, 45):
        assert await walk(db, "olga xu", limit=limit) == whole


async def test_a_cursor_belongs_to_its_question(db: asyncpg.Connection) -> None:
    for n in range(3):
        await add(db, f"u{n}", "Olga Petrova")
    page = await search(Lookups(db), "olga", limit=1)
    assert page.next is not None
    with pytest.raises(InvalidCursor):
        await search(Lookups(db), "petrova", limit=1, after=page.next)


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "%%%",
        "A" * 100_000,
        "é",
        "\ud800",
        base64.urlsafe_b64encode(b"\xff" * 40).decode(),
        base64.urlsafe_b64encode(msgspec.msgpack.encode([1, 2, 3])).decode(),
        base64.urlsafe_b64encode(msgspec.msgpack.encode([2**63, 0, 0, 0, "", "", "0" * 32])).decode(),
    ],
)
async def test_a_cursor_that_was_never_given_out_is_refused(db: asyncpg.Connection, after: str) -> None:
    with pytest.raises(InvalidCursor):
        await search(Lookups(db), "olga", limit=1, after=after)
    with pytest.raises(InvalidCursor):
        await search(Lookups(db), "%", limit=1, after=after)


@pytest.mark.parametrize("sign", ["\0", "\n", "\x1e"])
async def test_a_cursor_of_ones_own_making_cannot_tell_the_database_where_a_key_ends(
    db: asyncpg.Connection, sign: str
) -> None:
    """Keys go there as lines of one text."""
    plan = plan_of("olga")
    assert plan is not None
    for low, key in (("bolga", f"bolga{sign}"), (f"bolga{sign}", "bolga")):
        made = [
            cursors.write(Cursor((1, 1, low.strip(end)), key.strip(end), UUID(int=1)), digest=plan.digest)
            for end in ("", sign)
        ]
        with pytest.raises(InvalidCursor):
            await search(Lookups(db), "olga", limit=1, after=made[0])
        # Without it, it might be one of ours.
        assert await search(Lookups(db), "olga", limit=1, after=made[1])


async def test_somebody_hidden_is_found_by_nothing_and_leaves_nothing_behind(db: asyncpg.Connection) -> None:
    account_id = await add(db, "greta", "Greta Unwiederbringlich")
    async with db.transaction():
        await unindex_person(db, account_id)
    for text in ("greta", "g", "unwiederbringlich", "unwiederbringlihc", "gr un"):
        assert await found(db, text) == []
    for table in ("people_keys", "people_words", "people_near"):
        assert await db.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_how_common_a_word_is_stands_beside_its_remainders(database_url: str) -> None:
    """Also when many count the same word at once: each of them sees where it comes to another power of two."""
    service = connection.open_database(database_url, size=8, timeout=20)

    async def register(number: int) -> None:
        async with service.transaction() as db:
            # One account in so many is counted.
            await index_person(
                db, UUID(int=number * SAMPLE), f"u{number}", "Jennifer" if number % 3 else "Jenifer"
            )

    await asyncio.gather(*map(register, range(1, 51)))
    magnitudes = "SELECT DISTINCT word, magnitude, people FROM people_near JOIN people_words USING (word)"
    assert sorted(await service.fetch(magnitudes)) == [("jenifer", 5, 16), ("jennifer", 6, 34)]
    await service.close()


async def test_a_word_stays_known_while_somebody_has_it(db: asyncpg.Connection) -> None:
    one = await add(db, "a1", "Jennifer Smith")
    await add(db, "a2", "Jennifer Jones")
    async with db.transaction():
        await unindex_person(db, one)
    assert await found(db, "jenifer") == ["Jennifer Jones"]


async def test_a_deleted_account_takes_its_keys_along(db: asyncpg.Connection) -> None:
    account_id = await add(db, "greta", "Greta")
    await db.execute("DELETE FROM accounts WHERE id = $1", account_id)
    assert await db.fetchval("SELECT count(*) FROM people_keys") == 0


async def test_a_renamed_person_is_found_by_the_new_name_only(db: asyncpg.Connection) -> None:
    account_id = await add(db, "greta", "Greta Unwiederbringlich")
    async with db.transaction():
        await db.execute("UPDATE accounts SET name = '王伟' WHERE id = $1", account_id)
        await index_person(db, account_id, "greta", "王伟")
    assert await found(db, "wangwei") == ["王伟"]
    assert await found(db, "greta") == ["王伟"]
    assert await found(db, "unwieder") == []
    assert await db.fetchval("SELECT count(*) FROM people_words WHERE word = 'unwiederbringlich'") == 0


async def test_a_name_that_is_found_by_the_same_is_shown_as_it_is_now(db: asyncpg.Connection) -> None:
    account_id = await add(db, "greta", "greta lund")
    async with db.transaction():
        await db.execute("UPDATE accounts SET name = 'Greta Lund' WHERE id = $1", account_id)
        await index_person(db, account_id, "greta", "Greta Lund")
    assert await found(db, "greta l") == ["Greta Lund"]
    assert await db.fetchval("SELECT count(*) FROM people_keys WHERE name IS DISTINCT FROM 'Greta Lund'") == 0


async def test_a_name_that_changed_without_telling_the_index_is_shown_as_it_is_now(
    db: asyncpg.Connection,
) -> None:
    await add(db, "greta", "Greta")
    await add(db, "bob", "Bob")
    await db.execute("UPDATE accounts SET name = 'Margareta' WHERE username = 'greta'")
    assert await found(db, "greta") == ["Margareta"]
    await db.execute("UPDATE accounts SET language = 'en', name = name")
    assert await db.fetchval("SELECT count(DISTINCT name) FROM people_keys WHERE name IS NOT NULL") == 1


async def test_who_was_indexed_by_a_version_that_kept_no_names_is_found_and_hidden_as_others(
    db: asyncpg.Connection,
) -> None:
    account_id = await add(db, "greta", "Greta Lund")
    await db.execute("UPDATE people_keys SET username = NULL, name = NULL")
    assert await found(db, "lund") == ["Greta Lund"]
    await db.execute("UPDATE accounts SET discoverable = false")
    assert await found(db, "lund") == []
    async with db.transaction():
        await db.execute("UPDATE accounts SET discoverable = true")
        await index_person(db, account_id, "greta", "Greta Lund")
    assert await db.fetchval("SELECT count(*) FROM people_keys WHERE name IS NULL") == 0


async def test_an_account_that_hides_without_telling_the_index_is_not_shown_either(
    db: asyncpg.Connection,
) -> None:
    await add(db, "greta", "Greta")
    await db.execute("UPDATE accounts SET discoverable = false")
    assert await found(db, "greta") == []
    await db.execute("UPDATE accounts SET discoverable = true, disabled_at = now()")
    assert await found(db, "greta") == []


async def index_all(db: asyncpg.Connection, rows: list[asyncpg.Record]) -> None:
    ids, usernames, display_names = zip(*rows, strict=True)
    entries = gather([entry_of(*row) for row in rows])
    await add_entries(db, entries, ids=ids, usernames=usernames, display_names=display_names)


async def test_many_people_can_be_indexed_at_once(db: asyncpg.Connection) -> None:
    async with db.transaction():
        rows = await db.fetch(
            """
            INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
            SELECT 'u' || n, 'u' || n, 'u' || n, 'u' || n, 'Jennifer Smith ' || n, '' FROM generate_series(1, 500) n
            RETURNING id, username, name
            """
        )
        await index_all(db, rows)
    assert len(await walk(db, "jenifer", 40)) == 500
    assert await found(db, "smith 77") == ["Jennifer Smith 77"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(st.text(max_size=60), st.text(alphabet="aeinw 王伟éß'-김", max_size=24)),
    limit=st.integers(1, 5),
)
async def test_whatever_is_typed_is_answered_in_bounded_work(
    crowd: asyncpg.Connection, text: str, limit: int
) -> None:
    before = await rows_read(crowd)
    page = await search(Lookups(crowd), text, limit=limit)
    assert len(page.people) <= limit
    assert await rows_read(crowd) - before <= 2500


@pytest.fixture
async def crowd(db: asyncpg.Connection) -> asyncpg.Connection:
    """Thousands who are hard to tell apart."""
    async with db.transaction():
        rows = await db.fetch(
            """
            INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
            SELECT 'w' || n, 'w' || n, 'w' || n, 'w' || n,
                   (ARRAY['Wei Wang', '王伟', 'Ann Nea', 'Winnie Aw', '김민수', 'Éa We'])[1 + n % 6], ''
              FROM generate_series(1, 3000) n
            RETURNING id, username, name
            """
        )
        await index_all(db, rows)
    await db.execute("ANALYZE")
    await ask_like_the_service(db)
    return db


async def ask_like_the_service(db: asyncpg.Connection) -> None:
    """Have statements planned as they are on the service's connections."""
    for setting, value in connection._LOOKUPS.items():
        await db.execute(f"SET {setting} = {value}")


async def rows_read(db: asyncpg.Connection) -> int:
    """What the statements of this connection have read of the search index: entries of indexes, rows of tables."""
    await db.execute("SELECT pg_stat_force_next_flush()")
    return int(
        await db.fetchval(
            """
            SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname LIKE 'people%')
                 + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname LIKE 'people%')
            """
        )
    )


async def test_a_cursor_of_ones_own_making_reads_nobody_who_was_not_asked_for(db: asyncpg.Connection) -> None:
    await add(db, "alice", "Alice Archer")
    plan = plan_of("zzzz")
    assert plan is not None
    for range_ in plan.ranges:
        forged = Cursor(range_.rank, "", UUID(int=0))
        page = await search(Lookups(db), "zzzz", limit=50, after=cursors.write(forged, digest=plan.digest))
        assert page.people == ()


@settings(max_examples=200)
@given(
    st.text(alphabet="aeiwgn 王伟'-", min_size=1, max_size=12), st.text(alphabet="aeiwgn 王伟", max_size=12)
)
def test_the_ranges_that_hold_a_key_are_found_by_what_it_begins_with(text: str, name: str) -> None:
    plan = plan_of(text)
    if plan is None:
        return
    looked_up = _Ranges(plan.ranges)
    for key in keys_of("wei_wang", name):
        assert sorted(looked_up.holding(key)) == sorted(r for r in plan.ranges if r.rank[2] <= key < r.high)
