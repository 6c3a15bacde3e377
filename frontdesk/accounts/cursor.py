"""Where the next page begins, as opaque text: after which key of which range."""

import base64
import binascii
from typing import NamedTuple
from uuid import UUID

import msgspec

from frontdesk.accounts.names import KEY_MAX
from frontdesk.errors import InvalidCursor
from frontdesk.store.people import RS

_VERSION = 1
# Two keys of up to KEY_MAX + 1 characters of up to 4 bytes, in base64; the rest is small.
_TEXT_MAX = 1000
# What PostgreSQL doesn't take, and what stands between keys on the way there.
_NOT_IN_KEYS = frozenset(("\0", "\n", RS))


class Cursor(NamedTuple):
    """After `key` of `account_id` in the range of this `rank`."""

    rank: tuple[int, int, str]
    key: str
    account_id: UUID


def write(cursor: Cursor, *, digest: int) -> str:
    """`digest`: that of the plan, so that nobody goes on with another question."""
    fields = (_VERSION, digest, *cursor.rank, cursor.key, cursor.account_id)
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(fields)).decode().rstrip("=")


def read(text: str, *, digest: int) -> Cursor:
    """Raises InvalidCursor if it isn't one that `write` made for the same digest."""
    try:
        if len(text) > _TEXT_MAX:
            raise InvalidCursor
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        fields = msgspec.msgpack.decode(packed, type=tuple[int, int, int, int, str, str, UUID])
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise InvalidCursor from error
    version, asked, stage, place, low, key, account_id = fields
    sizes = max(len(low), len(key)) <= KEY_MAX + 1 and not _NOT_IN_KEYS & {*low, *key}
    if version != _VERSION or asked != digest or not sizes or not (0 <= stage < 100 and 0 <= place < 100_000):
        raise InvalidCursor
    return Cursor((stage, place, low), key, account_id)
