"""Which passwords may be chosen, after NIST SP 800-63B-4, section 3.1.1.2.

Length and a blocklist decide; there are no rules of composition. docs/decisions/0003-passwords.md gives the
reasons, and tells where the list of common passwords comes from.
"""

import hashlib
import re
import unicodedata
from bisect import bisect_left
from functools import cache
from importlib.resources import files
from itertools import pairwise

from frontdesk.errors import PasswordRefused

MAX_LENGTH = 256
# NFKC can shorten a text, at most to a quarter or so. Longer input cannot become a password, and normalising
# takes quadratic time for a long row of combining marks, so it is not even tried.
_MAX_RAW_LENGTH = 4 * MAX_LENGTH

HASH_BYTES = 5
_SERVICE = "frontdesk"

# What fingers do by themselves. Digits go round: 789012 is as much a row as 123456.
_ROWS = (
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
)
_NEIGHBOURS = frozenset(pair for row in _ROWS for a, b in pairwise(row) for pair in ((a, b), (b, a)))

# Scripts written without spaces, whose names have two or three characters.
_DENSE_SCRIPTS = re.compile("[\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+")


def normalise_password(password: str) -> str:
    """The form of a password that is hashed: NFKC (NIST SP 800-63B-4, section 3.1.1.2; UAX #15).

    What is too long to be anybody's password comes back as it is; it matches nothing.
    """
    if len(password) > _MAX_RAW_LENGTH:
        return password
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, *, email: str, username: str, name: str, min_length: int) -> str:
    """Decide whether a person may have this password; return the form to be hashed.

    password: as typed. email, username, name: the person's own, which must not be in it. min_length: in code
    points after NFKC. Raises PasswordRefused with the code password_invalid (not text that could be typed
    again), password_too_short, password_too_long, password_common or password_personal.
    """
    if len(password) > _MAX_RAW_LENGTH:
        raise PasswordRefused("password_too_long", MAX_LENGTH)
    # No browser lets a control character into a password field: set over the API, it would lock its owner
    # out of the pages (RFC 8265, section 4.2, refuses them too). A lone surrogate has no UTF-8 form.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        raise PasswordRefused("password_invalid")
    normalised = normalise_password(password)
    if len(normalised) < min_length:
        raise PasswordRefused("password_too_short", min_length)
    if len(normalised) > MAX_LENGTH:
        raise PasswordRefused("password_too_long", MAX_LENGTH)
    if _is_guessed_first(fold(normalised)):
        raise PasswordRefused("password_common")
    if _holds_any(normalised, _personal_words(email, username, name)):
        raise PasswordRefused("password_personal")
    return normalised


def fold(password: str) -> str:
    """The form in which a password is looked up among the common ones: NFKC, without regard to case."""
    return unicodedata.normalize("NFKC", password).casefold()


def hash_prefix(folded: str) -> bytes:
    """How a common password is kept: the first 40 bits of the SHA-256 of its folded form."""
    return hashlib.sha256(folded.encode()).digest()[:HASH_BYTES]


def common_password_count() -> int:
    """How many common passwords the shipped list knows."""
    return len(_list()) // HASH_BYTES


def is_common(folded: str) -> bool:
    """Whether a folded password is in the shipped list; wrong for about one other password in six million."""
    prefixes = _list()
    wanted = hash_prefix(folded)
    position = bisect_left(
        range(len(prefixes) // HASH_BYTES),
        wanted,
        key=lambda i: prefixes[i * HASH_BYTES : (i + 1) * HASH_BYTES],
    )
    return prefixes[position * HASH_BYTES : (position + 1) * HASH_BYTES] == wanted


@cache
def _list() -> bytes:
    return files("frontdesk.accounts").joinpath("common_passwords.bin").read_bytes()


def _is_guessed_first(folded: str) -> bool:
    if is_common(folded) or len(set(folded)) <= 3 or _is_made_of_rows(folded):
        return True
    unit = _repeated_unit(folded)
    if unit != folded and (len(unit) <= 4 or is_common(unit)):
        return True
    if _SERVICE in folded and _adds_nothing(folded.replace(_SERVICE, "")):
        return True
    # The first rule of every cracking program: a common word with digits or punctuation around it. Where that
    # padding is more than half, it may well be random.
    core = folded.strip(_padding(folded))
    return len(core) * 2 >= len(folded) and is_common(_repeated_unit(core))


def _adds_nothing(rest: str) -> bool:
    letters = re.sub(r"[\W\d_]", "", rest)
    return len(letters) < 6 or is_common(letters)


def _padding(folded: str) -> str:
    return "".join(character for character in set(folded) if not character.isalpha())


def _is_made_of_rows(folded: str) -> bool:
    """Whether it is rows of neighbours on the keyboard or in the alphabet, four or more long on average."""
    rows = 1 + sum(a != b and (a, b) not in _NEIGHBOURS for a, b in pairwise(folded))
    return rows * 4 <= len(folded)


def _repeated_unit(text: str) -> str:
    """The shortest text that, repeated, gives this one; the text itself if there is none shorter."""
    period = (text + text).find(text, 1)
    return text[:period] if period > 0 else text


def _personal_words(email: str, username: str, name: str) -> list[str]:
    name = unicodedata.normalize("NFKC", name)
    parts = re.split(r"[\W_]+", name)
    local_part = email.rpartition("@")[0]
    return [username, email, local_part, local_part.partition("+")[0], name, "".join(parts), *parts]


def _holds_any(password: str, words: list[str]) -> bool:
    plain = _without_marks(password)
    # Between the words of a name, people put anything: Ann.Marie_Smith is Ann Marie Smith.
    bare = re.sub(r"[\W_]+", "", plain)
    for word in words:
        wanted = _without_marks(word)
        if _is_telling(wanted) and (wanted in plain or wanted in bare):
            return True
    return False


def _is_telling(word: str) -> bool:
    """Whether refusing each password that contains this word makes sense: not for a name like Al or Bo."""
    return len(word) >= 4 or (len(word) >= 2 and _DENSE_SCRIPTS.fullmatch(word) is not None)


def _without_marks(text: str) -> str:
    """Björn, BJÖRN and bjorn alike."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if not unicodedata.combining(c)))
