"""Password hashes of other systems, as `frontdesk import` brings them: what is accepted, and how it is verified.

    argon2              $argon2id$v=19$m=65536,t=3,p=4$SALT$HASH, also argon2i and argon2d
    bcrypt              $2b$12$…, also $2a$ and $2y$
    Django, PBKDF2      pbkdf2_sha256$ITERATIONS$salt$HASH, also pbkdf2_sha1
    Django, scrypt      scrypt$N$salt$R$P$HASH
    PBKDF2              $pbkdf2-sha256$i=27500$SALT$HASH, also -sha1 and -sha512
    scrypt              $scrypt$ln=14,r=8,p=1$SALT$HASH
    Keycloak            the JSON of a password credential, {"secretData": …, "credentialData": …}, as its export
                        has it: PBKDF2 or argon2
    Firebase scrypt     $firebase-scrypt$ln=MEM_COST,r=ROUNDS,sep=SALT_SEPARATOR,key=SIGNER_KEY$SALT$HASH

SALT, HASH, SALT_SEPARATOR and SIGNER_KEY are base64, standard or URL-safe, with or without padding; argon2's is the
standard one without, as its library writes it.
"""

import binascii
import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import argon2
import bcrypt

from frontdesk.errors import HashRefused

# Verifying a hash of such a cost would be a denial of service by whoever owns the account.
_ARGON2_MAX_KIB = 1024 * 1024
_ARGON2_MAX_TIME = 10
_ARGON2_MAX_LANES = 16
_BCRYPT_MAX_COST = 15
_PBKDF2_MAX_ITERATIONS = 10_000_000
_SCRYPT_MAX_LOG2_N = 17
_SCRYPT_MAX_R = 32
_SCRYPT_MAX_P = 16
_MAX_LENGTH = 4096

_OUR_KIB = 19456

_B64 = r"([A-Za-z0-9+/_-]+={0,2})"
# As the PHC string format has them: no other way to write the same.
_PHC_B64 = r"([A-Za-z0-9+/]+)"
_PHC_NUMBER = r"(0|[1-9]\d{0,9})"
_ARGON2 = re.compile(
    rf"\$argon2(?:id|i|d)\$(?:v=(?:16|19)\$)?m={_PHC_NUMBER},t={_PHC_NUMBER},p={_PHC_NUMBER}\${_PHC_B64}\${_PHC_B64}"
)
_BCRYPT = re.compile(r"(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21})([./A-Za-z0-9])([./A-Za-z0-9]{31})")
_BCRYPT_LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_DJANGO_PBKDF2 = re.compile(rf"pbkdf2_(sha1|sha256)\$(\d{{1,10}})\$([^$]+)\${_B64}")
_DJANGO_SCRYPT = re.compile(rf"scrypt\$(\d{{1,10}})\$([^$]+)\$(\d{{1,10}})\$(\d{{1,10}})\${_B64}")
_PBKDF2 = re.compile(rf"\$pbkdf2-(sha1|sha256|sha512)\$i=(\d{{1,10}})\${_B64}\${_B64}")
_SCRYPT = re.compile(rf"\$scrypt\$ln=(\d{{1,2}}),r=(\d{{1,10}}),p=(\d{{1,10}})\${_B64}\${_B64}")
_FIREBASE = re.compile(
    rf"\$firebase-scrypt\$ln=(\d{{1,2}}),r=(\d{{1,10}}),sep={_B64},key={_B64}\${_B64}\${_B64}"
)
_KEYCLOAK_PBKDF2 = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}


@dataclass(frozen=True, slots=True)
class _Hash:
    kib: int
    matches: Callable[[bytes], bool]


def check_foreign_hash(encoded: str) -> None:
    """Accept a stored hash for import. Raises HashRefused if its format is unknown or its cost is excessive."""
    _read(encoded)


def verify_foreign(encoded: str, password: bytes) -> bool:
    """Whether the password, as bytes, is the one that was hashed. Takes as long as its owner chose: run it in a
    hash thread. Raises HashRefused for what `check_foreign_hash` refuses.
    """
    return _read(encoded).matches(password)


def needs_much_memory(encoded: str) -> bool:
    """Whether verifying takes more memory than a hash of our own does. Raises HashRefused."""
    return _read(encoded).kib > _OUR_KIB


def _read(encoded: str) -> _Hash:
    # PostgreSQL keeps no NUL.
    if len(encoded) > _MAX_LENGTH or not encoded.isascii() or "\0" in encoded:
        raise HashRefused("the hash is too long or not ASCII")
    if encoded.startswith("{"):
        return _keycloak(encoded)
    for pattern, read in _FORMATS:
        if found := pattern.fullmatch(encoded):
            return read(found)
    raise HashRefused("the hash is of no format that is known here")


def _argon2(found: re.Match[str]) -> _Hash:
    kib, time_cost, lanes = (int(found[group]) for group in (1, 2, 3))
    _limit("argon2 memory in KiB", kib, 8 * lanes, _ARGON2_MAX_KIB)
    _limit("argon2 time cost", time_cost, 1, _ARGON2_MAX_TIME)
    _limit("argon2 parallelism", lanes, 1, _ARGON2_MAX_LANES)
    for part in (found[4], found[5]):
        # The library takes one spelling only, where some bits at the end mean nothing.
        if b64encode(_bytes(part)).decode().rstrip("=") != part:
            raise HashRefused("the hash has a part that is not base64")
    _limit("argon2 salt length", len(_bytes(found[4])), 8, 256)
    _limit("argon2 hash length", len(_bytes(found[5])), 4, 256)

    def matches(password: bytes) -> bool:
        try:
            return argon2.PasswordHasher().verify(found[0], password)
        except argon2.exceptions.VerifyMismatchError:
            return False

    return _Hash(kib, matches)


def _bcrypt(found: re.Match[str]) -> _Hash:
    _limit("bcrypt cost", int(found[2]), 4, _BCRYPT_MAX_COST)
    # Of the salt's last letter four bits mean nothing. Some libraries left any in them; ours wants none.
    last = _BCRYPT_LETTERS[_BCRYPT_LETTERS.index(found[3]) & 0b110000]
    encoded = f"{found[1]}{last}{found[4]}".encode()
    # All bcrypts read 72 bytes, and the C ones up to a NUL; the library refuses both instead.
    return _Hash(4, lambda password: b"\0" not in password and bcrypt.checkpw(password[:72], encoded))


def _django_pbkdf2(found: re.Match[str]) -> _Hash:
    return _pbkdf2(found[1], int(found[2]), found[3].encode(), _bytes(found[4]))


def _plain_pbkdf2(found: re.Match[str]) -> _Hash:
    return _pbkdf2(found[1], int(found[2]), _bytes(found[3]), _bytes(found[4]))


def _pbkdf2(digest: str, iterations: int, salt: bytes, wanted: bytes) -> _Hash:
    _limit("PBKDF2 hash length", len(wanted), 16, 64)
    # Each further block of output costs all iterations again.
    blocks = -(-len(wanted) // hashlib.new(digest).digest_size)
    _limit("PBKDF2 iterations", iterations * blocks, 1, _PBKDF2_MAX_ITERATIONS)
    return _Hash(
        0,
        lambda password: hmac.compare_digest(
            hashlib.pbkdf2_hmac(digest, password, salt, iterations, len(wanted)), wanted
        ),
    )


def _django_scrypt(found: re.Match[str]) -> _Hash:
    n = int(found[1])
    if n < 2 or n & (n - 1):
        raise HashRefused("scrypt N is not a power of 2")
    return _scrypt(n.bit_length() - 1, int(found[3]), int(found[4]), found[2].encode(), _bytes(found[5]))


def _plain_scrypt(found: re.Match[str]) -> _Hash:
    return _scrypt(int(found[1]), int(found[2]), int(found[3]), _bytes(found[4]), _bytes(found[5]))


def _scrypt(log2_n: int, r: int, p: int, salt: bytes, wanted: bytes) -> _Hash:
    _limit("scrypt hash length", len(wanted), 16, 64)
    derive = _scrypt_key(log2_n, r, p, salt, len(wanted))
    return _Hash(r * 2**log2_n // 8, lambda password: hmac.compare_digest(derive(password), wanted))


def _scrypt_key(log2_n: int, r: int, p: int, salt: bytes, length: int) -> Callable[[bytes], bytes]:
    _limit("scrypt log2 N", log2_n, 1, _SCRYPT_MAX_LOG2_N)
    _limit("scrypt r", r, 1, _SCRYPT_MAX_R)
    _limit("scrypt p", p, 1, _SCRYPT_MAX_P)
    n = 2**log2_n
    memory = 128 * r * (n + p + 2) + 1024 * 1024
    return lambda password: hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=length)


def _firebase(found: re.Match[str]) -> _Hash:
    """Firebase Authentication's variant: the scrypt key encrypts the project's signer key, and that is the hash."""
    log2_n, r = int(found[1]), int(found[2])
    separator, signer_key, salt, wanted = (_bytes(found[group]) for group in (3, 4, 5, 6))
    _limit("Firebase signer key length", len(signer_key), 16, 256)
    derive = _scrypt_key(log2_n, r, 1, salt + separator, 32)

    def matches(password: bytes) -> bool:
        # Imported here: it takes memory, and nearly nobody imports from Firebase.
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        encryptor = Cipher(algorithms.AES(derive(password)), modes.CTR(bytes(16))).encryptor()
        return hmac.compare_digest(encryptor.update(signer_key) + encryptor.finalize(), wanted)

    return _Hash(r * 2**log2_n // 8, matches)


def _keycloak(encoded: str) -> _Hash:
    try:
        credential = json.loads(encoded)
        secret, how = _json_object(credential["secretData"]), _json_object(credential["credentialData"])
        algorithm, iterations = how["algorithm"], how["hashIterations"]
        salt, wanted = _bytes(secret["salt"]), _bytes(secret["value"])
        if not isinstance(iterations, int):
            raise TypeError
        if algorithm in _KEYCLOAK_PBKDF2:
            return _pbkdf2(_KEYCLOAK_PBKDF2[algorithm], iterations, salt, wanted)
        if algorithm != "argon2":
            raise HashRefused("the Keycloak credential has an algorithm that is not known here")
        more = {key: values[0] for key, values in how["additionalParameters"].items()}
        phc = "$argon2{}$v={}$m={},t={},p={}${}${}".format(
            more["type"],
            {"1.0": 16, "1.3": 19}[more["version"]],
            int(more["memory"]),
            iterations,
            int(more["parallelism"]),
            b64encode(salt).decode().rstrip("="),
            b64encode(wanted).decode().rstrip("="),
        )
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise HashRefused("the Keycloak credential lacks something or is malformed") from error
    return _read(phc)


def _json_object(value: Any) -> dict[str, Any]:
    """Keycloak's export has JSON in JSON strings; its database dump, and people, have plain JSON."""
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise TypeError
    return found


def _bytes(text: str) -> bytes:
    unpadded = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(unpadded + "=" * (-len(unpadded) % 4), strict_mode=True)
    except binascii.Error as error:
        raise HashRefused("the hash has a part that is not base64") from error


def _limit(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise HashRefused(f"{what} is {value}; accepted are {least} to {most}")


_FORMATS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], _Hash]], ...] = (
    (_ARGON2, _argon2),
    (_BCRYPT, _bcrypt),
    (_DJANGO_PBKDF2, _django_pbkdf2),
    (_DJANGO_SCRYPT, _django_scrypt),
    (_PBKDF2, _plain_pbkdf2),
    (_SCRYPT, _plain_scrypt),
    (_FIREBASE, _firebase),
)
