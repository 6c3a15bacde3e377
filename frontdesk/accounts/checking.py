"""Checking the rows of an import by the rules of registration.

It's most of an import's work, and needs neither the database nor the other rows: checkers.py spreads it.
"""

import json
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from frontdesk.accounts import identity
from frontdesk.accounts.foreign_hashes import check_foreign_hash
from frontdesk.accounts.indexing import Entries, Entry, entry_of, gather
from frontdesk.accounts.pace import Pace, rested
from frontdesk.accounts.rows import COLUMNS, REQUIRED, Chunk, Raw
from frontdesk.errors import FieldError, FieldRefused, HashRefused

# An argon2 hash of our own parameters that no password has: its bytes are all zero. A login that meets it takes
# as long as any other, and fails.
NO_PASSWORD = "$argon2id$v=19$m=19456,t=2,p=1$bm8gcGFzc3dvcmQgc2V0Lg$" + "A" * 43

# Columns that a candidate has another field for.
_FIELDS = {"disabled": "disabled_at", "email_verified": "email_verified_at"}
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_SHOWN_MAX = 500
_TRUE = (True, "true", "t", "yes", "y", "1")
_FALSE = (False, "false", "f", "no", "n", "0")


class Candidate(Struct, frozen=True, gc=False):
    """A row that is good by itself. `entry`: None if search isn't to find this person."""

    line: int
    id: UUID
    email: str
    email_key: str
    username: str
    username_key: str
    name: str
    password_hash: str
    language: str | None
    discoverable: bool
    administrator: bool
    disabled_at: datetime | None
    email_verified_at: datetime | None
    created_at: datetime | None
    entry: Entry | None


class Candidates(Struct, frozen=True, array_like=True):
    """Rows that are good by themselves, column by column, as PostgreSQL takes them, and what search needs."""

    line: list[int]
    id: list[UUID]
    email: list[str]
    email_key: list[str]
    username: list[str]
    username_key: list[str]
    name: list[str]
    password_hash: list[str]
    language: list[str | None]
    discoverable: list[bool]
    administrator: list[bool]
    disabled_at: list[datetime | None]
    email_verified_at: list[datetime | None]
    created_at: list[datetime | None]
    entries: Entries


COLUMN_FIELDS = Candidates.__struct_fields__[:-1]


class Fault(Struct, frozen=True, array_like=True):
    """One thing that is wrong with a row. `said`: in words, where `code` (as of FieldError) doesn't say enough."""

    field: str
    code: str
    limit: int | None = None
    said: str | None = None


class Rejected(Struct, frozen=True, array_like=True):
    """A row that can't come in, and what it says, without its hash; nothing if that can't be told apart."""

    line: int
    faults: tuple[Fault, ...]
    row: dict[str, Any]


class Checked(Struct, frozen=True, array_like=True):
    """What has become of a chunk."""

    candidates: Candidates
    rejected: list[Rejected]
    position: int


def check_chunk(chunk: Chunk, pace: Pace) -> Checked:
    """Every row of a chunk, either as a candidate or as rejected."""
    found = [check_row(raw, chunk.header) for raw in rested(chunk.rows, pace)]
    candidates = [row for row in found if isinstance(row, Candidate)]
    # Two imports at once that meet on the same people meet in the same order.
    candidates.sort(key=attrgetter("email_key"))
    columns: dict[str, Any] = {field: [getattr(row, field) for row in candidates] for field in COLUMN_FIELDS}
    entries = gather([row.entry for row in candidates])
    rejected = [row for row in found if isinstance(row, Rejected)]
    return Checked(Candidates(**columns, entries=entries), rejected, chunk.position)


def check_row(raw: Raw, header: tuple[str, ...]) -> Candidate | Rejected:
    """One row by the rules of registration, but for the password, which nobody knows any more."""
    values = _values(raw, header)
    if isinstance(values, Fault):
        return Rejected(raw.line, (values,), {})
    faults: list[Fault] = []

    def take(field: str, check: Callable[[Any], Any], *, otherwise: Any = None) -> Any:
        value = values.get(field)
        if value is None or value == "":
            if field in REQUIRED:
                faults.append(Fault(field, "missing"))
            return otherwise
        try:
            return check(value)
        except FieldRefused as refused:
            faults.append(_fault(refused.error))
        except HashRefused as refused:
            faults.append(Fault(field, "hash_refused", said=str(refused)))
        except (ValueError, OverflowError) as error:
            faults.append(Fault(field, "invalid", said=str(error)))
        return otherwise

    administrator = take("administrator", _boolean, otherwise=False)
    email, email_key = take("email", clean_email, otherwise=("", ""))
    username, username_key = take(
        "username", lambda value: clean_username(value, reserved=administrator), otherwise=("", "")
    )
    name = take("name", clean_name)
    password_hash = take("password_hash", _hash, otherwise=NO_PASSWORD)
    language = take("language", _language)
    discoverable = take("discoverable", _boolean, otherwise=True)
    disabled_at = take("disabled", _since)
    email_verified_at = take("email_verified", _since)
    created_at = take("created_at", _timestamp)
    account_id = take("id", _id)
    if faults:
        return Rejected(raw.line, tuple(faults), _shown(values))
    if account_id is None:
        account_id = _new_id()
    return Candidate(
        line=raw.line,
        id=account_id,
        email=email,
        email_key=email_key,
        username=username,
        username_key=username_key,
        name=name,
        password_hash=password_hash,
        language=language,
        discoverable=discoverable,
        administrator=administrator,
        disabled_at=disabled_at,
        email_verified_at=email_verified_at,
        created_at=created_at,
        entry=entry_of(account_id, username, name) if discoverable and disabled_at is None else None,
    )


def rejected(candidates: Candidates, n: int, *faults: Fault) -> Rejected:
    """The candidate at `n`, which can't come in after all: with all that it's to come in with once that's mended."""
    shown = {}
    for column in COLUMNS:
        value = getattr(candidates, _FIELDS.get(column, column))[n]
        if column != "password_hash" and value is not None:
            shown[column] = str(value) if isinstance(value, UUID | datetime) else value
    return Rejected(candidates.line[n], faults, shown)


def _values(raw: Raw, header: tuple[str, ...]) -> dict[str, Any] | Fault:
    if raw.fault is not None:
        return Fault("", "unreadable", said=raw.fault)
    if raw.cells is not None:
        if len(raw.cells) != len(header):
            return Fault(
                "", "unreadable", said=f"the row has {len(raw.cells)} columns instead of {len(header)}"
            )
        return dict(zip(header, raw.cells, strict=True))
    try:
        values = msgspec.json.decode(raw.json or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Fault("", "unreadable", said="the line isn't JSON in UTF-8")
    if not isinstance(values, dict):
        return Fault("", "unreadable", said="the line isn't a JSON object")
    unknown = [str(key)[:60] for key in values if key not in COLUMNS]
    if unknown:
        return Fault("", "unreadable", said=f"the row has unknown columns: {', '.join(unknown[:20])}")
    return values


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for column in COLUMNS:
        value = values.get(column)
        if column == "password_hash" or value is None or value == "":
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        shown[column] = value if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
    return shown


def _fault(error: FieldError) -> Fault:
    return Fault(error.field, error.code, error.limit)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _language(value: Any) -> str:
    return identity.check_language(_text(value))


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        value = value.strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ValueError("must be true or false")


def _since(value: Any) -> datetime | None:
    try:
        return datetime.now(UTC) if _boolean(value) else None
    except ValueError:
        return _timestamp(value)


def _timestamp(value: Any) -> datetime:
    """ISO 8601, in UTC where it names no zone; or milliseconds since 1970, as Keycloak and Firebase count."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a time, such as 2024-05-06T07:08:09Z")
    try:
        if isinstance(value, int) or value.isdecimal():
            found = datetime.fromtimestamp(int(value) / 1000, UTC)
        else:
            found = datetime.fromisoformat(value.strip())
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError("must be a time, such as 2024-05-06T07:08:09Z") from error
    if not _EARLIEST <= found <= datetime.now(UTC) + timedelta(days=1):
        raise ValueError("must be between 1990 and now (as a number, in milliseconds)")
    return found


def _id(value: Any) -> UUID:
    try:
        return UUID(_text(value))
    except ValueError as error:
        raise ValueError("must be a UUID; leave the column out to get new ones") from error


def _hash(value: Any) -> str:
    # Keycloak's credentials are JSON, which NDJSON can hold as it is.
    text = json.dumps(value) if isinstance(value, dict) else _text(value)
    check_foreign_hash(text)
    return text


# What nearly everybody has. For text of these characters the functions of identity.py change nothing and take
# ten times as long; a test holds that against them.
_PLAIN_LOCAL = re.compile(r"[a-z0-9_+-]{1,20}(?:\.[a-z0-9_+-]{1,20}){0,2}")
_PLAIN_USERNAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,38}[a-z0-9_-]")
_PLAIN_NAME = re.compile(r"[A-Za-z]{1,30}(?: [A-Za-z]{1,30}){0,2}")


def clean_email(value: Any) -> tuple[str, str]:
    """As identity.clean_email, with its key."""
    text = _text(value)
    local, _, domain = text.rpartition("@")
    if _PLAIN_LOCAL.fullmatch(local) and len(domain) <= 100 and domain.isascii():
        email = f"{local}@{_clean_domain(domain)}"
        if email.isascii():
            return email, email
    email = identity.clean_email(text)
    return email, identity.email_key(email)


@lru_cache(maxsize=16_384)
def _clean_domain(domain: str) -> str:
    return identity.clean_email(f"x@{domain}").rpartition("@")[2]


def clean_username(value: Any, *, reserved: bool = False) -> tuple[str, str]:
    """As identity.clean_username, with its key."""
    text = _text(value)
    if _PLAIN_USERNAME.fullmatch(text):
        key = identity.username_key(text)
        if reserved or key not in identity.reserved_keys():
            return text, key
    username = identity.clean_username(text, reserved=reserved)
    return username, identity.username_key(username)


def clean_name(value: Any) -> str:
    """As identity.clean_name."""
    text = _text(value)
    return text if _PLAIN_NAME.fullmatch(text) else identity.clean_name(text)


def _new_id() -> UUID:
    """A UUID of version 7 (RFC 9562), as PostgreSQL makes them, but known before the row is sent: so that, when
    a connection breaks in a commit, it can be told whose row is there."""
    number = int.from_bytes(secrets.token_bytes(10))
    high = (time.time_ns() // 1_000_000) << 16 | 0x7000 | number >> 68
    return UUID(int=high << 64 | 0x8000000000000000 | number & 0x3FFFFFFFFFFFFFFF)
