"""Exporting people, and the two commands as somebody at a terminal meets them."""

import asyncio
import contextlib
import gzip
import io
import json
import os
import pty
import stat
import subprocess
from pathlib import Path

import asyncpg
import pytest

from frontdesk.accounts.checking import NO_PASSWORD
from frontdesk.accounts.exporting import Format, export_rows
from frontdesk.accounts.service import Service
from tests import cast
from tests.accounts.arrivals import bring_in, counts, crowd, everybody, index_of, ndjson, somebody
from tests.serving import FRONTDESK, clean_environ, command

pytestmark = pytest.mark.anyio


async def exported(service: Service, form: Format) -> bytes:
    written = io.BytesIO()
    await export_rows(service.db, form=form, write=written.write, count=lambda _: None)
    return written.getvalue()


async def fill(service: Service) -> None:
    """One account of every kind."""
    rows = [
        *crowd(30),
        somebody(31, name='Ann "Quote", Archer', language="zh-Hans"),
        somebody(32, discoverable=False, created_at="2001-02-03T04:05:06.789012Z"),
        somebody(33, disabled="2024-02-03T04:05:06.789012Z", administrator=True),
        somebody(34, password_hash="$2b$04$" + "a" * 53, email_verified="2024-02-03T04:05:06.789012Z"),
        somebody(35, email="björn@bücher.example", username="björn", name="=cmd|' /C calc'!A0"),
    ]
    tally, _ = await bring_in(service.db, ndjson(*rows))
    assert counts(tally) == (35, 0, 0)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_what_was_exported_comes_in_as_the_same_accounts(
    service: Service, db: asyncpg.Connection, alice: cast.Actor, form: Format
) -> None:
    await fill(service)
    before = await everybody(db), (await index_of(db))
    backup = await exported(service, form)
    await db.execute("TRUNCATE accounts, people_keys, people_words, people_near CASCADE")
    tally, rejected = await bring_in(service.db, backup)
    assert rejected == []
    assert counts(tally) == (36, 0, 0)
    assert (await everybody(db), await index_of(db)) == before


async def test_rows_are_in_the_order_of_ids_whatever_order_they_came_in(service: Service) -> None:
    await bring_in(
        service.db,
        ndjson(*({**row, "id": f"0198c0de-0000-7000-8000-{99 - n:012}"} for n, row in enumerate(crowd(50)))),
    )
    ids = [json.loads(line)["id"] for line in (await exported(service, "ndjson")).splitlines()]
    assert len(ids) == 50
    assert ids == sorted(ids)


async def test_an_account_without_a_password_is_exported_without_a_hash(service: Service) -> None:
    await bring_in(service.db, ndjson(somebody(1)))
    assert NO_PASSWORD.encode() not in await exported(service, "csv")
    assert "password_hash" not in json.loads(await exported(service, "ndjson"))


async def test_who_cannot_write_is_told_so_and_not_that_the_database_is_away(service: Service) -> None:
    def full(_: bytes) -> int:
        raise OSError(28, "No space left on device")

    await bring_in(service.db, ndjson(somebody(1)))
    with pytest.raises(OSError, match="No space left"):
        await export_rows(service.db, form="ndjson", write=full, count=lambda _: None)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def run(*arguments: str, stdin: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(command, *arguments, stdin=stdin, **variables)


async def test_commands_move_everybody_from_a_file_to_a_file(database_url: str, tmp_path: Path) -> None:
    file, copy = tmp_path / "people.csv", tmp_path / "copy.csv.gz"
    file.write_text("email,username,name\na@example.org,ann,Ann Archer\nb@example.org,ben,Ben Baker\n")
    copy.touch(mode=0o644)
    done = await run("import", str(file), FRONTDESK_DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (0, "2 people added, 0 already there, 0 rejected.\n")
    assert not (tmp_path / "people.csv.rejected.ndjson").exists()
    done = await run("export", str(copy), FRONTDESK_DATABASE_URL=database_url)
    assert done.returncode == 0
    assert "2 people exported." in done.stderr
    assert "it has the password hashes" in done.stderr
    assert mode(copy) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["copy.csv.gz", "people.csv"]
    rows = gzip.decompress(copy.read_bytes()).decode().splitlines()
    assert sorted(row.split(",")[2] for row in rows) == ["ann", "ben", "username"]
    done = await run("import", str(copy), FRONTDESK_DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (0, "0 people added, 2 already there, 0 rejected.\n")


async def test_rejected_rows_are_in_a_file_that_nobody_else_may_read(
    database_url: str, tmp_path: Path
) -> None:
    file, rejects = tmp_path / "people.csv", tmp_path / "people.csv.rejected.ndjson"
    file.write_text(
        "email,username,name,password_hash\n"
        "ann@example.org,ann,Ann Archer,\n"
        "ben,ben,Ben Baker,$2b$04$secret\n"
        '"carl@example.org,carl,Carl Cook,\n'
        "dora@example.org,ann,Dora Doe,\n"
    )
    done = await run("import", str(file), FRONTDESK_DATABASE_URL=database_url)
    assert done.returncode == 3
    assert done.stdout == f"1 person added, 0 already there, 3 rejected. See {rejects}.\n"
    assert mode(rejects) == 0o600
    text = rejects.read_text()
    assert "secret" not in text
    found = sorted((row["line"], row["reason"]) for row in map(json.loads, text.splitlines()))
    assert found == [
        (3, "email is no valid e-mail address; password_hash: the hash is of no format that is known here"),
        (4, "a quote is opened and not closed"),
        (5, "Another account has this username, or one that looks the same"),
    ]
    file.write_text("email,username,name\nben@example.org,ben,Ben Baker\n")
    done = await run("import", str(file), FRONTDESK_DATABASE_URL=database_url)
    assert done.returncode == 0
    assert not rejects.exists()


async def test_the_commands_are_filters_too(database_url: str, tmp_path: Path) -> None:
    rejects = tmp_path / "no.ndjson"
    rows = ndjson(somebody(1), {"email": "x"}).decode()
    done = await run(
        "import", "-", "--rejects", str(rejects), stdin=rows, FRONTDESK_DATABASE_URL=database_url
    )
    assert (done.returncode, done.stdout) == (
        3,
        f"1 person added, 0 already there, 1 rejected. See {rejects}.\n",
    )
    done = await run("export", FRONTDESK_DATABASE_URL=database_url)
    assert done.returncode == 0
    assert [json.loads(line)["username"] for line in done.stdout.splitlines()] == ["user1"]
    done = await run("export", "--format", "csv", FRONTDESK_DATABASE_URL=database_url)
    assert done.stdout.startswith("id,email,username,name,password_hash,")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("email,username,name,shoe_size\n", "has unknown columns: shoe_size. Known are id, email,"),
        ("", "is empty."),
        ("[]", "is one JSON array. Make a line of each object"),
    ],
)
async def test_a_file_that_is_something_else_is_refused_in_one_line(
    database_url: str, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(text)
    done = await run("import", str(file), FRONTDESK_DATABASE_URL=database_url)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


async def test_without_the_schema_the_command_says_what_to_do(
    empty_database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,username,name\n")
    done = await run("import", str(file), FRONTDESK_DATABASE_URL=empty_database_url)
    assert done.returncode == 1
    assert "Run `frontdesk migrate` first." in done.stderr


async def test_the_rejects_are_never_written_over_the_file_itself(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,username,name\nx,y,z\n")
    done = await run("import", str(file), "--rejects", str(file), FRONTDESK_DATABASE_URL=database_url)
    assert done.returncode == 1
    assert file.read_text() == "email,username,name\nx,y,z\n"


def everything_on(terminal: int) -> bytes:
    seen = b""
    # An error is how a terminal tells that nobody writes to it any more.
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 4096):
            seen += data
    os.close(terminal)
    return seen


async def test_somebody_at_a_terminal_sees_how_far_it_is(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "people.ndjson"
    file.write_bytes(ndjson(*crowd(3000)))
    ours, theirs = pty.openpty()
    process = await asyncio.to_thread(
        subprocess.Popen,
        [FRONTDESK, "import", file, "--pace", "gentle"],
        env=clean_environ(FRONTDESK_DATABASE_URL=database_url, TERM="xterm", COLUMNS="100"),
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    seen = await asyncio.to_thread(everything_on, ours)
    await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    assert "━".encode() in seen
    assert b"people, " in seen
    assert b"/s, " in seen
    assert b" left" in seen


async def test_who_waits_to_be_confirmed_is_not_in_it(service: Service, db: asyncpg.Connection) -> None:
    """Their address isn't theirs: brought in elsewhere, they would have it."""
    from tests.conftest import with_settings

    await cast.enter(service, cast.BOB)
    from frontdesk.accounts.register import register

    strict = with_settings(service, email_verification="required")
    await register(strict, **cast.ALICE.fields(), client=cast.HERE)
    rows = [json.loads(line) for line in (await exported(service, "ndjson")).splitlines()]
    assert [row["username"] for row in rows] == ["bob"]
