"""Everybody, as rows that `frontdesk import` reads."""

import csv
import io
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from frontdesk.accounts.checking import NO_PASSWORD
from frontdesk.accounts.rows import COLUMNS
from frontdesk.store import importing as store
from frontdesk.store.connection import Database

Format = Literal["csv", "ndjson"]

_AT_ONCE = 2000


async def export_rows(
    db: Database, *, form: Format, write: Callable[[bytes], object], count: Callable[[int], object]
) -> None:
    """Write every account as it is at this moment, in the order of ids, with its password hash; but for those that wait
    to be confirmed.

    Takes constant memory. `write` gets whole rows, `count` how many they were. Raises Unavailable, and
    what `write` raises: what was written then isn't all.
    """
    if form == "csv":
        write(_csv([COLUMNS]))
    failure: OSError | None = None
    async with db.transaction() as transaction:
        async for accounts in store.read_accounts(transaction, _AT_ONCE):
            rows = [_values(account) for account in accounts]
            try:
                write(_csv(rows) if form == "csv" else _ndjson(rows))
            except OSError as error:
                # Raised in here, it would be taken for a fault of the connection.
                failure = error
                break
            count(len(rows))
    if failure is not None:
        raise failure


def _values(account: Any) -> tuple[Any, ...]:
    """In the order of COLUMNS."""
    return tuple(
        None if column == "password_hash" and account[column] == NO_PASSWORD else account[column]
        for column in COLUMNS
    )


def _ndjson(rows: list[tuple[Any, ...]]) -> bytes:
    encoder = msgspec.json.Encoder()
    return encoder.encode_lines(
        {column: value for column, value in zip(COLUMNS, row, strict=True) if value is not None}
        for row in rows
    )


def _csv(rows: list[tuple[Any, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
    return str(value)
