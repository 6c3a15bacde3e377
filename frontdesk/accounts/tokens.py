"""Tokens: 256 random bits that whoever holds them is known by.

The database keeps their SHA-256: who reads the table can't use them, and a plain hash is enough, as there's nothing
to guess (OWASP ASVS 7.2).
"""

import base64
import binascii
import hashlib
import secrets

_BYTES = 32


def new_token() -> tuple[str, bytes]:
    """A token, as it's given out, and what is kept of it."""
    raw = secrets.token_bytes(_BYTES)
    return _text(raw), hashlib.sha256(raw).digest()


def token_hash(token: str) -> bytes | None:
    """What would be kept of `token`; None if it's nothing that was ever given out."""
    try:
        raw = base64.urlsafe_b64decode(token + "=")
    except (binascii.Error, ValueError):
        return None
    # The exact text that was given out, and nothing that merely decodes to the same bytes.
    if len(raw) != _BYTES or _text(raw) != token:
        return None
    return hashlib.sha256(raw).digest()


def _text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()
