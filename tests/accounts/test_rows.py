"""The format of an import: which files are read, and what becomes of lines that can't be."""

import csv
import gzip
import io
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontdesk.accounts.checking import Candidate, check_row, clean_email, clean_name, clean_username
from frontdesk.accounts.identity import clean_email as full_clean_email
from frontdesk.accounts.identity import clean_name as full_clean_name
from frontdesk.accounts.identity import clean_username as full_clean_username
from frontdesk.accounts.identity import email_key, username_key
from frontdesk.accounts.rows import LINE_MAX, REQUIRED, Raw, Rows
from frontdesk.errors import FieldRefused, OperatorError

HEADER = b"email,username,name\n"
ANN = b"ann@example.org,ann,Ann Archer\n"
BEN = b"ben@example.org,ben,Ben Baker\n"


def read(data: bytes) -> list[Raw]:
    return [row for chunk in Rows(io.BytesIO(data), "the file").chunks(2) for row in chunk.rows]


def faults(data: bytes) -> list[tuple[int, str | None]]:
    """Which lines are bad, and why."""
    return [(row.line, row.fault) for row in read(data) if row.fault is not None]


def names(data: bytes) -> list[str]:
    """Who is in the good rows."""
    found = (check_row(row, REQUIRED) for row in read(data))
    return [row.name for row in found if isinstance(row, Candidate)]


@pytest.mark.parametrize(
    "data",
    [
        HEADER + ANN + BEN,
        (HEADER + ANN + BEN).replace(b"\n", b"\r\n"),
        HEADER + b"\n" + ANN + b"\n\n" + BEN.rstrip(),
        b"\xef\xbb\xbf" + HEADER + ANN + BEN,
        gzip.compress(HEADER + ANN) + gzip.compress(BEN),
        gzip.compress(b"\xef\xbb\xbf" + HEADER + ANN + BEN),
        b'"email","username","name"\n"ann@example.org","ann","Ann Archer"\n' + BEN,
        b'{"email":"ann@example.org","username":"ann","name":"Ann Archer"}\n\n'
        b' {"name":"Ben Baker","username":"ben","email":"ben@example.org"}',
    ],
    ids=["plain", "CRLF", "empty lines", "BOM", "gzip, two members", "BOM in gzip", "quoted", "NDJSON"],
)
def test_the_same_people_can_be_written_in_many_ways(data: bytes) -> None:
    assert names(data) == ["Ann Archer", "Ben Baker"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b'[{"email":"a"}]', "is one JSON array"),
        (b"email,username\n", "lacks the column name"),
        (b"email,name,username,name\n", "has a column twice: name"),
        (b"email,username,name,passwort,x\n", "has unknown columns: passwort, x"),
        (b'{"email":"a@example.org","username":"a","pass":"x"}', "has unknown columns: pass"),
        (b"email;username;name\n", "has unknown columns: email;username;name"),
        ("email,username,name\n".encode("utf-16"), "is in UTF-16 or UTF-32"),
        ("email,username,name\n".encode("utf-16-le"), "is in UTF-16 or UTF-32"),
        ("email,username,name\n".encode("utf-32"), "is in UTF-16 or UTF-32"),
        (HEADER + ANN + "b@example.org,b,王伟\n".encode("gb18030"), r"isn't in UTF-8 \(line 3\)"),
        (HEADER + "b@example.org,b,Björn\n".encode("latin1"), r"isn't in UTF-8 \(line 2\)"),
        (gzip.compress(HEADER, mtime=0)[:12], "can't be read: it ends in the middle"),
        (b'"' + b"x" * LINE_MAX, "has no header that can be read"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_before_anybody_is_in(data: bytes, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        read(data)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"carl@example.org,carl\n", None),
        (b'carl@example.org,"carl" x,Carl\n', "',' expected after '\"'"),
        (b"carl@example.org,carl," + b"x" * LINE_MAX + b"\n", "the line is over 65,536 bytes long"),
        (b'carl@example.org,"carl,Carl\n', "a quote is opened and not closed"),
        (b"carl@example.org,carl,\xff\n", "the line isn't UTF-8"),
        (b"carl@example.org,carl,\xed\xa0\x80\n", "the line isn't UTF-8"),
        (b"carl@example.org,carl,Carl\0\n", None),
        (b"\n", None),
    ],
    ids=["too short", "odd quote", "too long", "open quote", "not UTF-8", "surrogate", "NUL", "empty"],
)
def test_a_bad_line_is_one_bad_row_and_takes_no_other_with_it(bad: bytes, why: str | None) -> None:
    data = HEADER + ANN + "björn@example.org,björn,Björn\nwang@example.org,wang,王伟\n".encode() + bad + BEN
    assert names(data) == ["Ann Archer", "Björn", "王伟", "Ben Baker"]
    assert faults(data) == ([] if why is None else [(5, why)])


def test_a_quote_that_stays_open_for_long_takes_only_its_own_line() -> None:
    data = HEADER + b'carl@example.org,"carl,Carl\n' + ANN * 5000
    assert names(data) == ["Ann Archer"] * 5000
    assert faults(data) == [(2, "a quote is opened and not closed")]


@pytest.mark.parametrize(
    "line", [b"{", b"7", b'{"name":"\\ud800"}', b'{"name":"\xff"}', b"{" * 50_000, b"[" * 9]
)
def test_a_line_that_is_no_json_object_is_a_bad_row(line: bytes) -> None:
    good = '{"email":"a@example.org","username":"ann","name":"王伟"}'.encode()
    assert names(good + b"\n" + line + b"\n") == ["王伟"]


def test_a_damaged_archive_is_told_after_its_last_good_line() -> None:
    data = gzip.compress(HEADER + ANN * 20_000)
    rows = Rows(io.BytesIO(data[: len(data) // 2]), "the file").chunks(100)
    with pytest.raises(OperatorError, match=r"can't be read after line [0-9,]+: it ends in the middle"):
        sum(len(chunk.rows) for chunk in rows)


class Endless(io.RawIOBase):
    """A header and then one line of 200 MB."""

    def __init__(self) -> None:
        self.left = 200_000_000
        self.head = HEADER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data, self.head = self.head or b"x" * min(self.left, len(buffer)), b""
        self.left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def test_memory_is_bounded_however_long_a_line_is() -> None:
    tracemalloc.start()
    try:
        [chunk] = Rows(io.BufferedReader(Endless()), "the file").chunks(2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [row.fault for row in chunk.rows] == ["the line is over 65,536 bytes long"]
    assert peak < 2_000_000


_CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.tuples(_CELL, _CELL, _CELL.filter(bool)), max_size=20), st.booleans())
@settings(deadline=None)
def test_whatever_csv_a_program_writes_is_read_as_it_was(
    cells: list[tuple[str, str, str]], all_quoted: bool
) -> None:
    text = io.StringIO(newline="")
    how = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=how).writerows([REQUIRED, *cells])
    assert [row.cells for row in read(text.getvalue().encode())] == cells


@given(st.binary(max_size=400), st.booleans())
@settings(deadline=None, max_examples=300)
def test_no_bytes_are_an_error_that_a_person_could_not_read(data: bytes, json: bool) -> None:
    good = b'{"email":"a@example.org","username":"ann","name":"Ann"}\n' if json else HEADER + ANN
    try:
        rows = read(good + data)
    except OperatorError:
        return
    assert rows[0].fault is None
    for row in rows:
        # Whatever has become of it can be sent on.
        msgspec.msgpack.encode(check_row(row, REQUIRED))


def outcome(check: object, text: str) -> object:
    try:
        return check(text)  # type: ignore[operator]
    except FieldRefused as refused:
        return refused.error


_PLAIN = "abmrootsupport019_-.+@ AZ"
_DOMAINS = st.sampled_from(
    ["example.org", "Example.ORG", "mail.test", "localhost", "x..y", "-a.de", "xn--a.de", "[::1]"]
)


@given(st.text(_PLAIN, max_size=70) | st.builds("{}@{}".format, st.text(_PLAIN[:-4], max_size=66), _DOMAINS))
@settings(max_examples=1000, deadline=None)
def test_the_short_way_for_addresses_agrees_with_the_full_one(text: str) -> None:
    def full(text: str) -> tuple[str, str]:
        email = full_clean_email(text)
        return email, email_key(email)

    assert outcome(clean_email, text) == outcome(full, text)


@given(
    st.text(_PLAIN, max_size=45)
    | st.sampled_from(["admin", "r00t", "root", "me", "supp0rt", "rn", "x", "-", "a."])
)
@settings(max_examples=1000, deadline=None)
def test_the_short_way_for_usernames_agrees_with_the_full_one(text: str) -> None:
    def full(text: str) -> tuple[str, str]:
        username = full_clean_username(text)
        return username, username_key(username)

    assert outcome(clean_username, text) == outcome(full, text)


@given(st.text(_PLAIN, max_size=110))
@settings(max_examples=1000, deadline=None)
def test_the_short_way_for_names_agrees_with_the_full_one(text: str) -> None:
    assert outcome(clean_name, text) == outcome(full_clean_name, text)
