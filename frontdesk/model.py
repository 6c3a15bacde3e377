"""The records. Each is the row, the domain's value and the template's variable at once."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class Account(Struct, frozen=True, kw_only=True):
    """Somebody who registered, as they see themselves."""

    id: UUID
    email: str
    username: str
    name: str
    language: str | None
    discoverable: bool
    administrator: bool
    created_at: datetime
    email_verified: bool


class Session(Struct, frozen=True, kw_only=True):
    """One login of an account on one browser or program."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str
    current: bool


class Visit(Struct, frozen=True, kw_only=True):
    """Who is asking: the answer to a session check."""

    account: Account
    session_id: UUID
    logged_in_at: datetime


class Login(Struct, frozen=True, kw_only=True):
    """What a login brings. `token` is told this once; only its SHA-256 is kept."""

    token: str
    expires_at: datetime
    account: Account


class Person(Struct, frozen=True, kw_only=True):
    """Somebody as others see them."""

    username: str
    name: str


class People(Struct, frozen=True, kw_only=True):
    """A page of people. `next`: the cursor of the page after it, None on the last one."""

    people: tuple[Person, ...]
    next: str | None


class Range(Struct, frozen=True, order=True, gc=False):
    """Keys of the search index from `start` up to, and without, `high`. Ranges are answered in the order of `rank`; no
    two have the same.

    `rank`: stage, place in it, and what all of these keys begin with. `start`: the same, or more if an earlier range
    holds the rest. `scattered`: the range holds one of the words only, the others have to be looked for in each person.
    """

    rank: tuple[int, int, str]
    start: str
    high: str
    scattered: bool = False


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened to an account; `address` and `user_agent`: where it was done from."""

    id: UUID
    at: datetime
    kind: str
    address: str | None
    user_agent: str


class Events(Struct, frozen=True, kw_only=True):
    """A page of events, the newest first. `next`: the cursor of the page after it, None on the last one."""

    events: tuple[Event, ...]
    next: str | None


class Letter(Struct, frozen=True, kw_only=True):
    """A mail as it is to be rendered. `token`: what its link ends with, if it has one."""

    id: UUID
    kind: str
    to: str
    language: str
    asked_at: datetime
    account_id: UUID | None
    token: str | None


class Client(Struct, frozen=True, kw_only=True):
    """Where a request comes from: the address that trusted proxies vouch for, and the browser's own word.

    `browser`: what a cookie has told this browser apart by since its first login; pages only.
    """

    address: str | None
    user_agent: str
    browser: str | None = None
