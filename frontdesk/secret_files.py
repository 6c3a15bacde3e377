"""What a deployment keeps secret, made at its first start: each secret in a file of its own.

A folder for each kind of container holds what that kind may know and nothing else. Passwords are 256 random bits; the
certificate is one that nobody vouches for: put your own in its place.
"""

import datetime
import ipaddress
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from frontdesk.errors import OperatorError

# What browsers still accept of a certificate (CA/Browser Forum, Baseline Requirements, 6.3.2, before March 2026).
_DAYS = 199
_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?"


def make(folder: Path, database: str, names: tuple[str, ...]) -> Iterator[str]:
    """Write every secret that isn't in `folder` yet, and say which; one that is there stays as it is.

    `database` is where PostgreSQL will be, host:port; `names` are the hosts and addresses of the certificate.
    ValueError, before anything is written, if one of them is neither; OSError if it can't be done.
    """
    if not re.fullmatch(rf"(?:{_HOST}|\[[0-9A-Fa-f:.]+\]):[0-9]{{1,5}}", database, re.ASCII):
        raise ValueError(f"--database is host:port, such as db:5432, not {database!r}")
    subjects = [_general_name(name) for name in names]
    key_file, certificate_file = folder / "edge" / "tls_key", folder / "edge" / "tls_certificate"
    for there, missing in ((key_file, certificate_file), (certificate_file, key_file)):
        if there.exists() and not missing.exists():
            raise ValueError(f"{there} is there, but {missing} isn't: put it there, or remove both")
    for name in ("postgres_password", "migrate_password", "service_password"):
        yield from _keep(folder / "db" / name, secrets.token_hex(32))
    for role, kind, password in (
        ("frontdesk", "service", "service_password"),
        ("frontdesk_migrate", "migrate", "migrate_password"),
    ):
        # An editor ends a file with a new line, which PostgreSQL's own scripts leave out as well.
        chosen = quote((folder / "db" / password).read_text().rstrip("\n"), safe="")
        yield from _keep(folder / kind / "database_url", f"postgresql://{role}:{chosen}@{database}/frontdesk")
    if not key_file.exists():
        key, certificate = _self_signed(subjects)
        yield from _keep(certificate_file, certificate)
        yield from _keep(key_file, key)


def replace_certificate(folder: Path, pem: bytes) -> datetime.datetime:
    """Put another certificate in place of the edge's; when it expires.

    `pem` holds the certificate, the chain behind it and the private key, without a passphrase. OperatorError if they
    don't belong together, or are of no use any more; then nothing was changed. OSError if they can't be written.
    """
    advice = "Send the certificate, its chain and its key, as PEM: cat fullchain.pem privkey.pem"
    try:
        chain = x509.load_pem_x509_certificates(pem)
        key = serialization.load_pem_private_key(
            pem[max(pem.find(b"-----BEGIN", pem.rfind(b"-----END CERT")), 0) :], None
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise OperatorError(f"this can't be read as a certificate and its key: {error}", advice) from error
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    leaf, encoding = chain[0], serialization.Encoding.PEM
    if leaf.public_key().public_bytes(encoding, public) != key.public_key().public_bytes(encoding, public):
        raise OperatorError("the key isn't that of the first certificate", advice)
    if leaf.not_valid_after_utc <= datetime.datetime.now(datetime.UTC):
        raise OperatorError(f"the certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}", advice)
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificate = b"".join(c.public_bytes(encoding) for c in chain)
    _write({folder / "edge" / "tls_certificate": certificate, folder / "edge" / "tls_key": private})
    return leaf.not_valid_after_utc


def _keep(path: Path, content: str) -> Iterator[str]:
    if not path.exists():
        _write({path: content.encode()})
        yield f"{path.parent.name}/{path.name}"


def _write(contents: dict[Path, bytes]) -> None:
    # Whole or not at all: a container must not start with half a password, nor with the key of another certificate.
    # What can fail, such as on a full disk, is done before any file is replaced.
    temporary = {path: path.with_name(f".{path.name}") for path in contents}
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary[path].write_bytes(content)
        # As Docker's own secrets are: which container gets the folder decides who reads it; each runs as another user.
        temporary[path].chmod(0o444)
    for path in contents:
        temporary[path].rename(path)


def _self_signed(names: list[x509.GeneralName]) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Frontdesk, self-signed")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode(), certificate.public_bytes(pem).decode()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        # In a certificate a name is in ASCII (RFC 5280, 7.2): münchen.example is xn--mnchen-3ya.example.
        if not re.fullmatch(rf"(?:\*\.)?{_HOST}", name, re.ASCII):
            raise ValueError(f"--name is a host or an address, such as localhost, not {name!r}") from None
        return x509.DNSName(name)
