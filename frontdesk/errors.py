"""Everything that Frontdesk refuses or can't do, as one tree.

FrontdeskError
├── InvalidFields           what was sent can't be accepted; a list by field
├── FieldRefused            one field, on its way into such a list
│   └── PasswordRefused
├── BadRequest              what was sent can't even be read
│   ├── MalformedBody       not JSON, not UTF-8, a key twice, not a form
│   ├── BodyTooLarge
│   ├── BodyTooSlow         the sender stopped in the middle
│   ├── ClientGone          the sender hung up; nobody reads the answer
│   ├── UnsupportedMediaType
│   └── InvalidCursor       an `after` that we never gave out
├── EmailTaken
├── UsernameTaken
├── Unauthenticated         no session, or one that has ended
├── WrongCredentials        the same for a wrong password and an unknown name
├── EmailUnverified         the right password, but the e-mail address has to be confirmed first
├── LinkExpired             a link of a mail that is used up, too old, or was never one
├── RecentLoginRequired     a session too old for what can't be undone
├── CrossOrigin             a write that another site's page sent
├── NotFound
├── RetryLater              not now; with the seconds to wait
│   ├── Throttled           too many attempts
│   ├── Busy                no time left for the hash
│   └── Unavailable         the database doesn't answer
├── HashRefused             a stored hash of another system that isn't accepted
└── OperatorError           a person at the command line can mend it; `advice` says how
    └── InvalidSettings

api/problems.py maps each to a status and a code; web/errors.py shows them; cli.py prints them.
"""

from dataclasses import dataclass


class FrontdeskError(Exception):
    """The root of the tree. Its text is for people and holds no secret."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with one field.

    `field` is the name in the body or query, `code` a stable word for programs (a key of the catalogues
    too), `limit` the number that a message needs, if it needs one.
    """

    field: str
    code: str
    limit: int | None = None


class InvalidFields(FrontdeskError):
    """Some fields can't be accepted; all of them are named at once."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(", ".join(f"{error.field}: {error.code}" for error in errors))
        self.errors = errors


class FieldRefused(FrontdeskError):
    """One field can't be accepted; `error` says which and why."""

    def __init__(self, field: str, code: str, limit: int | None = None) -> None:
        super().__init__(f"{field}: {code}")
        self.error = FieldError(field, code, limit)


class PasswordRefused(FieldRefused):
    """The password can't be used; `code` says why, `limit` is the length that it had to have."""

    def __init__(self, code: str, limit: int | None = None) -> None:
        super().__init__("password", code, limit)
        self.code = code
        self.limit = limit


class BadRequest(FrontdeskError):
    """The request can't be read."""


class MalformedBody(BadRequest):
    """The body isn't what its content type says."""


class BodyTooLarge(BadRequest):
    """The body is over FRONTDESK_MAX_BODY bytes."""


class BodyTooSlow(BadRequest):
    """The body didn't arrive in time."""


class ClientGone(BadRequest):
    """The sender hung up."""


class UnsupportedMediaType(BadRequest):
    """The body is of a type that this route doesn't read."""


class InvalidCursor(BadRequest):
    """`after` isn't a cursor that an earlier page gave."""


class EmailTaken(FrontdeskError):
    """Another account has this e-mail address."""


class UsernameTaken(FrontdeskError):
    """Another account has this username, or one that looks the same."""


class Unauthenticated(FrontdeskError):
    """Nobody is logged in."""


class WrongCredentials(FrontdeskError):
    """Login and password don't belong together; which of them is wrong isn't told (OWASP ASVS 6.3.8)."""


class EmailUnverified(FrontdeskError):
    """Nobody has shown yet to hold the account's e-mail address; a mail with a link is on its way."""


class LinkExpired(FrontdeskError):
    """The link was used, is too old, was sent to another address, or never existed; which of them isn't told."""


class RecentLoginRequired(FrontdeskError):
    """The session's login is too long ago for this."""


class CrossOrigin(FrontdeskError):
    """The browser says that a page of another origin sent this write."""


class NotFound(FrontdeskError):
    """There is no such thing, or it isn't yours to see."""


class RetryLater(FrontdeskError):
    """Not now. `retry_after`: whole seconds until it's worth asking again."""

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(f"try again in {retry_after} s")
        self.retry_after = retry_after


class Throttled(RetryLater):
    """Too many attempts."""


class Busy(RetryLater):
    """The password can't be hashed within the deadline."""


class Unavailable(RetryLater):
    """The database doesn't answer."""


class HashRefused(FrontdeskError):
    """A hash of another system has a format or a cost that isn't accepted."""


class OperatorError(FrontdeskError):
    """Something that the person who runs Frontdesk can mend. `advice`: what to do about it."""

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.advice = advice


class InvalidSettings(OperatorError):
    """FRONTDESK_* variables that are unknown, missing or out of range."""
