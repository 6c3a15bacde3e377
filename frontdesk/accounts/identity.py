"""What makes two e-mail addresses, or two usernames, the same; and what either may look like.

Sources: RFC 8265 (PRECIS usernames), UTS #39 (confusable characters), RFC 5321/6531 by email-validator.
"""

import contextlib
import unicodedata
from functools import cache
from importlib.resources import files

import email_validator
import precis_i18n

from frontdesk.errors import FieldRefused

EMAIL_MAX = 254
NAME_MAX = 100
USERNAME_MIN = 2
USERNAME_MAX = 40

# BCP 47 tags, and what a person reads in the switch, each in its own language.
LANGUAGES = {"en": "English", "zh-Hans": "简体中文"}

# PRECIS allows all of these in a username. They would make it unfit for a path, for X-Frontdesk-Username,
# or for telling it from an e-mail address in the one login box.
_NOT_IN_USERNAMES = frozenset("@/\\?#%&=+:;,<>\"'`|^~*()[]{}!$")
# Invisible or direction-changing: two names could read the same and be different, or read backwards.
_NOT_IN_NAMES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_JOINERS = "\u200c\u200d"


def clean_email(text: str, *, reachable: bool = False) -> str:
    """An address as it is kept and shown: normalised, its domain in lower case. Raises FieldRefused.

    reachable: not one that nobody can have either.
    """
    if not is_text(text):
        raise FieldRefused("email", "email_invalid")
    if len(text) > EMAIL_MAX:
        raise FieldRefused("email", "email_too_long", EMAIL_MAX)
    try:
        found = email_validator.validate_email(text.strip(), check_deliverability=False, strict=True)
    except email_validator.EmailNotValidError as error:
        raise FieldRefused("email", "email_invalid") from error
    if reachable and not can_be_reached(found.normalized):
        raise FieldRefused("email", "email_invalid")
    return found.normalized


def can_be_reached(email: str) -> bool:
    """Whether somebody may have this clean address. Nobody has one below .example (RFC 2606): checks register by it."""
    return not email.endswith(".example")


def email_key(email: str) -> str:
    """What an address is compared by: case and Unicode look-alikes don't count, ASCII ones do.

    bill1@ and billl@ are two people, and nobody can choose another address the way they can choose another
    username; an `а` from another script, on the other hand, is only ever there to deceive.
    """
    if email.isascii() and "xn--" not in email.lower():
        # What all the rules come to; working them out is a twentieth of what a login costs beside its hash.
        return email.strip().lower()
    return _email_key_by_rules(email)


def _email_key_by_rules(email: str) -> str:
    with contextlib.suppress(FieldRefused):
        # Of an address as it's typed: a domain has several spellings, which only its own rules (IDNA) bring together.
        email = clean_email(email)
    folded = _fold(email.strip())
    if folded.isascii():
        return folded
    return _fold("".join(c if c.isascii() else _lookalikes().get(c, c) for c in folded))


def clean_username(text: str, *, reserved: bool = False) -> str:
    """A username as it is kept and shown, after RFC 8265 (case preserved). Raises FieldRefused.

    reserved: whether it may be one of the names that only those who run the service should have.
    """
    if not is_text(text):
        raise FieldRefused("username", "username_invalid")
    text = text.strip()
    if len(text) > 4 * USERNAME_MAX:
        raise FieldRefused("username", "username_too_long", USERNAME_MAX)
    try:
        username = str(precis_i18n.get_profile("UsernameCasePreserved").enforce(text))
    except UnicodeEncodeError as error:
        code = "username_too_short" if not text else "username_invalid"
        raise FieldRefused("username", code, USERNAME_MIN if not text else None) from error
    if len(username) > USERNAME_MAX:
        raise FieldRefused("username", "username_too_long", USERNAME_MAX)
    # One 汉字 is a whole name; one letter isn't.
    if len(username) < USERNAME_MIN and unicodedata.category(username) != "Lo":
        raise FieldRefused("username", "username_too_short", USERNAME_MIN)
    if (
        not _NOT_IN_USERNAMES.isdisjoint(username)
        or username.startswith((".", "-"))
        or username.endswith(".")
    ):
        raise FieldRefused("username", "username_invalid")
    if not reserved and username_key(username) in reserved_keys():
        raise FieldRefused("username", "username_reserved")
    return username


def username_key(username: str) -> str:
    """What a username is compared by: its skeleton (UTS #39, section 4) under NFKC and case folding."""
    folded = _fold(username.strip())
    return _fold("".join(_lookalikes().get(c, c) for c in folded))


def clean_name(text: str) -> str:
    """A display name: any script, NFC, single spaces, nothing invisible. Raises FieldRefused."""
    if not is_text(text):
        raise FieldRefused("name", "name_invalid")
    if len(text) > 4 * NAME_MAX:
        raise FieldRefused("name", "name_too_long", NAME_MAX)
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise FieldRefused("name", "name_missing")
    if len(name) > NAME_MAX:
        raise FieldRefused("name", "name_too_long", NAME_MAX)
    if any(unicodedata.category(c) in _NOT_IN_NAMES and c not in _JOINERS for c in name):
        raise FieldRefused("name", "name_invalid")
    if not any(c.isalnum() for c in name):
        raise FieldRefused("name", "name_invalid")
    return name


def check_language(text: str) -> str:
    """One of the languages that the pages speak (BCP 47). Raises FieldRefused."""
    if text not in LANGUAGES:
        raise FieldRefused("language", "language_unknown")
    return text


def is_text(text: str) -> bool:
    """Whether PostgreSQL can keep it: no NUL, no lone surrogate."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _fold(text: str) -> str:
    # Taken apart before its case is folded, or the order of a Greek letter's accents would depend on its case
    # (Unicode, section 3.13, D145 to D147).
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).casefold())


@cache
def _lookalikes() -> dict[str, str]:
    table = (files("frontdesk.accounts") / "confusables.txt").read_text(encoding="utf-8")
    return dict(line.split("\t") for line in table.split("\n") if line)


@cache
def reserved_keys() -> frozenset[str]:
    """Keys of usernames that only those who run the service may have."""
    # Names that a page or a mail could be mistaken to come from (RFC 2142 and the service's own).
    return frozenset(
        username_key(name)
        for name in [
            "abuse",
            "account",
            "accounts",
            "admin",
            "administrator",
            "api",
            "everyone",
            "frontdesk",
            "help",
            "hostmaster",
            "info",
            "login",
            "logout",
            "mail",
            "me",
            "moderator",
            "null",
            "official",
            "people",
            "postmaster",
            "register",
            "root",
            "security",
            "session",
            "sessions",
            "staff",
            "support",
            "system",
            "undefined",
            "webmaster",
        ]
    )
