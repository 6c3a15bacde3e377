"""Bringing a database's schema here: once, whole or not at all, and harmless to those who are served meanwhile."""

import asyncio
import re
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

import frontdesk
from frontdesk.store import schema
from tests.serving import command, start

MIGRATIONS = Path(frontdesk.__file__).parent / "store" / "migrations"


def scripts() -> list[Script]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return list(reversed(list(ScriptDirectory.from_config(config).walk_revisions())))


def ask(url: str, query: str) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    return asyncio.run(run())


def tables(url: str) -> set[str]:
    return {row[0] for row in ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


@contextmanager
def holding(url: str, statement: str) -> Iterator[Callable[[], None]]:
    """A transaction that ran `statement` and stays open; calling what is yielded ends it without a trace."""
    loop = asyncio.new_event_loop()

    def do(work: Awaitable[object]) -> object:
        return loop.run_until_complete(work)  # type: ignore[arg-type]

    connection = do(asyncpg.connect(url))
    do(connection.execute("BEGIN"))  # type: ignore[attr-defined]
    do(connection.execute(statement))  # type: ignore[attr-defined]
    try:
        yield lambda: do(connection.execute("ROLLBACK"))  # type: ignore[attr-defined,return-value]
    finally:
        do(connection.close())  # type: ignore[attr-defined]
        loop.close()


def until_waiting(url: str, processes: int) -> None:
    deadline = time.monotonic() + 30
    query = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while len(ask(url, query)) < processes:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_migrates_an_empty_database_and_then_finds_nothing_to_do(unmigrated_url: str) -> None:
    done = command("migrate", FRONTDESK_DATABASE_URL=unmigrated_url)
    assert (done.returncode, done.stdout) == (0, f"The schema went from nothing to {schema.REVISION}.\n")
    done = command("migrate", FRONTDESK_DATABASE_URL=unmigrated_url)
    assert (done.returncode, done.stdout) == (0, f"The schema is at {schema.REVISION}: nothing to do.\n")


def test_started_twice_at_once_it_runs_once(unmigrated_url: str) -> None:
    with holding(unmigrated_url, f"SELECT pg_advisory_xact_lock({schema._LOCK})") as release:
        both = [
            start("migrate", FRONTDESK_DATABASE_URL=unmigrated_url),
            start("migrate", FRONTDESK_DATABASE_URL=unmigrated_url),
        ]
        until_waiting(unmigrated_url, 2)
        assert tables(unmigrated_url) == set()
        release()
        said = sorted(process.communicate(timeout=60)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said == [
        f"The schema is at {schema.REVISION}: nothing to do.\n",
        f"The schema went from nothing to {schema.REVISION}.\n",
    ]


def test_newer_schema_than_the_code_is_left_alone(served_url: str) -> None:
    ask(served_url, "UPDATE alembic_version SET version_num = '9999'")
    done = command("migrate", FRONTDESK_DATABASE_URL=served_url)
    assert (done.returncode, done.stdout) == (0, "The schema is at 9999: nothing to do.\n")
    assert ask(served_url, "SELECT version_num FROM alembic_version")[0][0] == "9999"


def test_newer_schema_than_the_code_is_refused_if_asked(served_url: str) -> None:
    done = command("migrate", "--refuse-newer", FRONTDESK_DATABASE_URL=served_url)
    assert (done.returncode, done.stdout) == (0, f"The schema is at {schema.REVISION}: nothing to do.\n")
    ask(served_url, "UPDATE alembic_version SET version_num = '9999'")
    done = command("migrate", "--refuse-newer", FRONTDESK_DATABASE_URL=served_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"frontdesk: the schema is at 9999, and this version knows it up to {schema.REVISION}: going back past a "
        "migration is refused. Take a version that knows it, or restore a backup from before the migration.\n"
    )


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_ended_in_the_middle_it_leaves_nothing_behind(end: signal.Signals, unmigrated_url: str) -> None:
    # The second migration wants this name and waits, the first having been run.
    with holding(unmigrated_url, "CREATE TABLE people_keys ()") as release:
        process = start("migrate", FRONTDESK_DATABASE_URL=unmigrated_url)
        until_waiting(unmigrated_url, 1)
        process.send_signal(end)
        _, said = process.communicate(timeout=30)
        assert process.returncode != 0
        assert "Traceback" not in said
        release()
    assert tables(unmigrated_url) <= {"alembic_version"}
    done = command("migrate", FRONTDESK_DATABASE_URL=unmigrated_url)
    assert (done.returncode, done.stdout) == (0, f"The schema went from nothing to {schema.REVISION}.\n")


def test_waits_for_a_lock_less_long_than_requests_do_and_tries_again(unmigrated_url: str) -> None:
    with holding(unmigrated_url, "CREATE TABLE people_keys ()") as release:
        process = start("migrate", FRONTDESK_DATABASE_URL=unmigrated_url)
        until_waiting(unmigrated_url, 1)
        began = time.monotonic()
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while ask(unmigrated_url, waiting):
            assert time.monotonic() - began < 4
            time.sleep(0.05)
        assert process.poll() is None
        release()
        said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, f"The schema went from nothing to {schema.REVISION}.\n")


def test_revision_that_serving_asks_for_is_the_newest_migration() -> None:
    assert scripts()[-1].revision == schema.REVISION


def test_migrations_are_one_row_of_growing_numbers() -> None:
    # Numbers are compared as text: a process tells by them that a newer version has migrated.
    assert [script.revision for script in scripts()] == [f"{n:04}" for n in range(1, len(scripts()) + 1)]
    assert [script.down_revision for script in scripts()[1:]] == [
        script.revision for script in scripts()[:-1]
    ]


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.revision)
def test_migration_goes_forward_only_and_takes_nothing_from_the_version_before(script: Script) -> None:
    source = Path(script.path).read_text(encoding="utf-8")
    assert "def downgrade" not in source
    for forbidden in (
        *(r"\bDROP\b", r"\bTRUNCATE\b", r"\bRENAME\b", r"\bALTER\s+COLUMN\b", r"\bCONCURRENTLY\b"),
        # Adding these reads the whole table under a lock, or refuses what the version before writes.
        *(r"\bSET\s+NOT\s+NULL\b", r"\bLOCK\s+TABLE\b"),
    ):
        assert not re.search(forbidden, source, re.IGNORECASE), forbidden


def test_schema_is_what_the_code_relies_on(served_url: str) -> None:
    assert tables(served_url) >= {
        *("accounts", "sessions", "attempts", "known_places", "alembic_version"),
        *("people_keys", "people_words"),
    }
    constraints = {
        (row[0], row[1]): row[2]
        for row in ask(
            served_url,
            "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace AND contype IN ('u', 'p', 'f')",
        )
    }
    # The unique indexes decide who gets a name; store/accounts.py knows them by name.
    assert constraints["accounts", "accounts_email_key"] == "UNIQUE (email_key)"
    assert constraints["accounts", "accounts_username_key"] == "UNIQUE (username_key)"
    assert constraints["sessions", "sessions_token_hash"] == "UNIQUE (token_hash)"
    assert constraints["attempts", "attempts_pkey"] == "PRIMARY KEY (subject)"
    for table in ("sessions", "known_places"):
        key = constraints[table, f"{table}_account_id_fkey"]
        assert key == "FOREIGN KEY (account_id) REFERENCES accounts(id) ON DELETE CASCADE"
    collations = {
        (row[0], row[1]): row[2]
        for row in ask(
            served_url,
            "SELECT c.relname::text, a.attname::text, l.collname::text FROM pg_attribute a"
            " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'",
        )
    }
    # Compared byte by byte, whatever collation a database has: else an upgrade of libc breaks the unique index.
    for column in (("accounts", "email_key"), ("accounts", "username_key"), ("attempts", "subject")):
        assert collations[column] == "C"


def test_fault_in_a_migration_is_one_line_and_nothing_is_changed(unmigrated_url: str) -> None:
    ask(unmigrated_url, "CREATE TABLE people_keys ()")
    done = command("migrate", FRONTDESK_DATABASE_URL=unmigrated_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert 'changed nothing: relation "people_keys" already exists' in done.stderr
    assert tables(unmigrated_url) == {"people_keys"}


def test_revision_of_an_empty_version_table_is_none(served_url: str) -> None:
    ask(served_url, "DELETE FROM alembic_version")
    assert asyncio.run(schema.revision(served_url)) is None
